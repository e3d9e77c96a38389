//! Drop folders: what is finished is taken, what is not is left, what is wrong goes aside with a reason.

use std::fs;

use camino::Utf8PathBuf;
use testkit::{Environment, Output, Source, Tree};

use crate::published::Published;
use crate::store;

/// A store and a drop folder.
fn with_folder() -> (Environment, Utf8PathBuf) {
    let environment = store();
    let folder = environment.path("drop");
    fs::create_dir(&folder).unwrap();
    (environment, folder)
}

/// Writes a package into the folder.
fn drop_in(environment: &Environment, name: &str, version: &str) -> Utf8PathBuf {
    let file = environment.package(name, version, "all");
    let target = environment.path("drop").join(file.file_name().unwrap());
    fs::rename(file, &target).unwrap();
    target
}

fn take(environment: &Environment, options: &[&str]) -> Output {
    environment.run(&[&["incoming", "preprod", "drop", "--once"], options].concat())
}

fn listed(environment: &Environment) -> String {
    environment.run(&["list", "preprod"]).succeeds().stdout
}

fn names(folder: &Utf8PathBuf) -> Vec<String> {
    Tree::of(folder).paths().map(ToString::to_string).filter(|path| !path.is_empty()).collect()
}

#[test]
fn finished_packages_are_taken_and_removed() {
    let (environment, folder) = with_folder();
    drop_in(&environment, "hello", "1.0");
    drop_in(&environment, "agent", "1.0+deb12u1");
    insta::assert_snapshot!(take(&environment, &[]), @"
    status: 0
    ---- stdout
    added agent 1.0+deb12u1 all -> bookworm (built for deb12u1)
    added hello 1.0 all -> bookworm (every suite)
    added 2 packages to preprod (commit 1), published <PUBLICATION>
    ");
    assert_eq!(names(&folder), [""; 0]);
    assert!(environment.public("preprod").join("pool/main/h/hello/hello_1.0_all.deb").is_file());
    insta::assert_snapshot!(take(&environment, &[]), @"status: 0");
}

#[test]
fn a_package_that_is_there_already_is_removed_all_the_same() {
    let (environment, folder) = with_folder();
    environment.add("preprod", &["hello=1.0"]);
    drop_in(&environment, "hello", "1.0");
    let _ = take(&environment, &[]).succeeds();
    assert_eq!(names(&folder), [""; 0]);
}

#[test]
fn a_file_that_is_still_growing_is_left_until_it_is_whole() {
    let (environment, folder) = with_folder();
    let file = drop_in(&environment, "hello", "1.0");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    insta::assert_snapshot!(take(&environment, &[]), @"
    status: 0
    ---- stdout
    left drop/hello_1.0_all.deb: it is not complete yet
    ");
    assert_eq!(names(&folder), ["hello_1.0_all.deb"]);
    fs::write(&file, &whole).unwrap();
    let _ = take(&environment, &[]).succeeds();
    assert_eq!(names(&folder), [""; 0]);
    assert!(listed(&environment).contains("hello"));
}

#[test]
fn a_file_that_stays_broken_goes_aside_with_the_reason() {
    let (environment, folder) = with_folder();
    fs::write(folder.join("bad.deb"), "no package").unwrap();
    drop_in(&environment, "hello", "1.0");
    insta::assert_snapshot!(take(&environment, &["--patience", "0"]), @"
    status: 1
    ---- stdout
    added hello 1.0 all -> bookworm (every suite)
    added 1 package to preprod (commit 1), published <PUBLICATION>
    ---- stderr
    error: drop/bad.deb: not a .deb file: no ar header (deb(5))
    1 of 2 files refused: the others were added
    ");
    assert_eq!(
        names(&folder),
        ["rejected", "rejected/bad.deb", "rejected/bad.deb.reason", "rejected/bad.deb.reason.json"]
    );
    insta::assert_snapshot!(
        fs::read_to_string(folder.join("rejected/bad.deb.reason")).unwrap().replace(folder.as_str(), "<DROP>"), @"drop/bad.deb: not a .deb file: no ar header (deb(5))");
    let json: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.join("rejected/bad.deb.reason.json")).unwrap())
            .unwrap();
    assert_eq!(json["files"], serde_json::json!(["bad.deb"]));
    assert_eq!((&json["format"], &json["error"]["code"]), (&1.into(), &"E-INVALID-PACKAGE".into()));
    assert!(
        json["error"]["message"].as_str().unwrap().ends_with("not a .deb file: no ar header (deb(5))"),
        "{json}"
    );
    assert!(listed(&environment).contains("hello"), "the good one is taken");
    // Another one of that name takes nothing away.
    fs::write(folder.join("bad.deb"), "no package either").unwrap();
    let _ = take(&environment, &["--patience", "0"]).ends_with(1);
    let aside = names(&folder);
    assert_eq!(aside.iter().filter(|name| name.ends_with(".reason")).count(), 2, "{aside:?}");
    assert_eq!(fs::read_to_string(folder.join("rejected/bad.deb")).unwrap(), "no package");
    assert_eq!(fs::read_to_string(folder.join("rejected/bad.deb.1")).unwrap(), "no package either");
}

#[test]
fn another_content_of_a_known_version_goes_aside_at_once() {
    let (environment, folder) = with_folder();
    environment.add("preprod", &["hello=1.0"]);
    let changed = environment.build("hello", "1.0", "all", |builder| builder.description("changed"));
    fs::rename(changed, folder.join("hello.deb")).unwrap();
    let _ = take(&environment, &[]).ends_with(1);
    assert_eq!(
        names(&folder),
        ["rejected", "rejected/hello.deb", "rejected/hello.deb.reason", "rejected/hello.deb.reason.json"]
    );
}

#[test]
fn hidden_and_partial_names_are_left() {
    let (environment, folder) = with_folder();
    let file = drop_in(&environment, "hello", "1.0");
    for name in [".hello.deb", "hello.deb.part", "hello.deb.filepart", "hello.deb.tmp", "notes.txt"] {
        fs::copy(&file, folder.join(name)).unwrap();
    }
    fs::remove_file(file).unwrap();
    let before = Tree::of(&folder);
    insta::assert_snapshot!(take(&environment, &["--patience", "0"]), @"
    status: 0
    ---- stdout
    left drop/.hello.deb: it is still being written
    left drop/hello.deb.filepart: it is still being written
    left drop/hello.deb.part: it is still being written
    left drop/hello.deb.tmp: it is still being written
    left drop/notes.txt: it is not a package or an upload
    ");
    before.is_still(&Tree::of(&folder), "incoming");
    assert_eq!(listed(&environment), "");
}

#[test]
fn a_partial_name_that_nobody_writes_to_any_more_is_called_ignored_once() {
    let (environment, folder) = with_folder();
    for name in [".hidden", ".hello_1.0_all.deb.Xa93bQ", "hello.deb.partial", "hello.deb.crdownload"] {
        fs::write(folder.join(name), "x").unwrap();
    }
    assert_eq!(take(&environment, &[]).succeeds().stdout.matches("is still being written").count(), 4);
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(25 * 3600);
    fs::File::options().write(true).open(folder.join(".hidden")).unwrap().set_modified(old).unwrap();
    insta::assert_snapshot!(take(&environment, &[]), @"
    status: 0
    ---- stdout
    left drop/.hidden: it has the name of an unfinished copy and has not changed for a day: it is ignored
    ");
    insta::assert_snapshot!(take(&environment, &[]), @"status: 0");
}

#[test]
fn links_and_pipes_are_never_followed() {
    let (environment, folder) = with_folder();
    let secret = environment.package("hello", "1.0", "all");
    std::os::unix::fs::symlink(&secret, folder.join("link.deb")).unwrap();
    fs::create_dir(folder.join("directory.deb")).unwrap();
    if testkit::is_installed("mkfifo") {
        let _ = environment.finish(&mut environment.other(&["mkfifo", "drop/pipe.deb"])).succeeds();
    }
    std::os::unix::fs::symlink(&secret, folder.join("link.changes")).unwrap();
    let before = Tree::of(&folder);
    // Only regular files are packages or lists: what else there is stays where it is.
    let output = take(&environment, &["--patience", "0"]).succeeds();
    for (name, why) in [
        ("link.deb", "is a symbolic link"),
        ("link.changes", "is a symbolic link"),
        ("directory.deb", "is a directory"),
    ] {
        assert!(output.stdout.contains(&format!("left drop/{name}: it {why}")), "{output}");
    }
    assert_eq!(listed(&environment), "");
    assert!(secret.is_file(), "what the link points to is untouched");
    before.is_still(&Tree::of(&folder), "incoming");
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let environment = store();
    insta::assert_snapshot!(take(&environment, &[]), @"
    status: 1
    ---- stderr
    error: cannot list drop: No such file or directory (os error 2)
    ");
}

#[test]
fn several_folders_make_one_publication_and_one_document() {
    let (environment, _) = with_folder();
    drop_in(&environment, "hello", "1.0");
    fs::create_dir(environment.path("second")).unwrap();
    let file = environment.package("other", "1.0", "all");
    fs::rename(&file, environment.path("second/other.deb")).unwrap();
    let output = environment.run(&["--json", "incoming", "preprod", "drop", "second", "--once"]).succeeds();
    let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(document["added"].as_array().unwrap().len(), 2, "{output}");
}

#[test]
fn a_missing_folder_does_not_hold_back_what_came_from_another() {
    let (environment, _) = with_folder();
    drop_in(&environment, "hello", "1.0");
    let output = environment.run(&["incoming", "preprod", "drop", "missing", "--once"]).ends_with(1);
    assert!(output.stderr.contains("missing"), "{output}");
    let published = Published::of(&environment, "preprod").read().unwrap();
    assert_eq!(published["bookworm"].iter().collect::<Vec<_>>(), ["hello 1.0 all"]);
}

#[test]
fn out_of_file_handles_nothing_is_rejected() {
    if !testkit::traces_files(&["taskset"]) {
        return;
    }
    let (environment, folder) = with_folder();
    let file = drop_in(&environment, "hello", "1.0");
    let before = Tree::of(&folder);
    // It is opened by its name in the folder.
    let arguments =
        ["taskset", "-c", "0", "strace", "-f", "-qq", "-o", "/dev/null", "-P", "hello_1.0_all.deb"];
    let inject = ["-e", "trace=openat,openat2", "-e", "inject=openat,openat2:error=EMFILE", "--"];
    let mut command = environment.wrapped(&[&arguments[..], &inject].concat());
    let output = environment.finish(command.args(["incoming", "preprod", "drop", "--once"]));
    if output.stderr.contains("ptrace") {
        testkit::skipped("strace cannot trace here");
        return;
    }
    assert_eq!(output.status, Some(1), "{output}");
    before.is_still(&Tree::of(&folder), &output.to_string());
    let _ = take(&environment, &[]).succeeds();
    assert!(!file.exists(), "taken when there are handles again");
}

#[test]
fn what_may_not_be_read_is_left_and_told_once() {
    if !testkit::traces_files(&["taskset"]) {
        return;
    }
    let (environment, folder) = with_folder();
    drop_in(&environment, "hello", "1.0");
    drop_in(&environment, "other", "1.0");
    let run = |json: &[&str]| {
        let trace =
            ["taskset", "-c", "0", "strace", "-f", "-qq", "-o", "/dev/null", "-P", "hello_1.0_all.deb"];
        let inject = ["-e", "trace=openat,openat2", "-e", "inject=openat,openat2:error=EACCES", "--"];
        let mut command = environment.wrapped(&[&trace[..], &inject].concat());
        environment.finish(command.args(json).args([
            "incoming",
            "preprod",
            "drop",
            "--once",
            "--patience",
            "0",
        ]))
    };
    let output = run(&[]);
    if output.stderr.contains("ptrace") {
        testkit::skipped("strace cannot trace here");
        return;
    }
    let output = output.succeeds();
    assert!(output.stdout.contains("left drop/hello_1.0_all.deb: it may not be read"), "{output}");
    assert_eq!(names(&folder), ["hello_1.0_all.deb"]);
    let output = run(&[]).succeeds();
    assert!(!output.stdout.contains("left"), "{output}");
    let document: serde_json::Value = serde_json::from_str(&run(&["--json"]).succeeds().stdout).unwrap();
    assert_eq!(document["left"][0]["file"], "drop/hello_1.0_all.deb", "{document}");
    assert_eq!(document["left"][0]["reason"], "may not be read by the user who runs this");
    let _ = take(&environment, &[]).succeeds();
    assert_eq!(names(&folder), [""; 0]);
}

#[test]
fn what_is_no_package_is_named_once_for_as_long_as_it_stays_the_same() {
    use std::os::unix::ffi::OsStrExt as _;
    let (environment, folder) = with_folder();
    fs::write(folder.join("notes.txt"), "x").unwrap();
    fs::create_dir(folder.join("old")).unwrap();
    let no_text = folder.as_std_path().join(std::ffi::OsStr::from_bytes(b"bad\xff.deb"));
    fs::write(&no_text, "x").unwrap();
    let said = take(&environment, &[]).succeeds().stdout;
    for line in [
        "left drop/notes.txt: it is not a package or an upload",
        "left drop/old: it is a directory",
        "left drop/bad\\xff.deb: it has a name that is not UTF-8",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert_eq!(take(&environment, &[]).succeeds().stdout, "");
    fs::write(folder.join("notes.txt"), "xy").unwrap();
    let said = take(&environment, &[]).succeeds().stdout;
    assert_eq!(said, "left drop/notes.txt: it is not a package or an upload\n");
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn a_refused_list_in_a_shared_folder_moves_no_files_of_others() {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    let (environment, folder) = with_folder();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o1777)).unwrap();
    let package = drop_in(&environment, "hello", "1.0");
    if chown(&package, Some(12345), None).is_err() {
        testkit::skipped("only root can give files to another user");
        return;
    }
    let list = "Format: 1.8\nSource: hello\nBinary: hello\nArchitecture: all\nVersion: 1.0\nDistribution: x\n\
                Maintainer: T <t@example.org>\nChecksums-Sha256:\n 0000000000000000000000000000000000000000000000000000000000000000 1 hello_1.0_all.deb\n\
                Files:\n 00000000000000000000000000000000 1 misc optional hello_1.0_all.deb\n";
    fs::write(folder.join("hello_1.0_all.changes"), list).unwrap();
    let output = take(&environment, &["--patience", "0"]).ends_with(1);
    assert!(!folder.join("rejected/hello_1.0_all.deb").exists(), "{output}");
    assert!(folder.join("rejected/hello_1.0_all.changes").exists(), "{output}");
    assert!(listed(&environment).contains("hello"), "the package is taken for itself");
}

#[test]
fn a_file_with_the_longest_name_goes_aside_too() {
    let (environment, folder) = with_folder();
    let name = format!("{}.deb", "l".repeat(251));
    for _ in 0..2 {
        fs::write(folder.join(&name), "no package").unwrap();
        let output = take(&environment, &["--patience", "0"]).ends_with(1);
        assert!(!folder.join(&name).exists(), "{output}");
    }
    let aside = names(&folder.join("rejected"));
    assert_eq!(aside.iter().filter(|name| name.ends_with(".reason")).count(), 2, "{aside:?}");
    assert_eq!(aside.iter().filter(|name| name.ends_with(".reason.json")).count(), 2, "{aside:?}");
    assert_eq!(aside.len(), 6, "{aside:?}");
}

#[test]
fn what_was_taken_and_may_not_be_removed_is_left_and_keeps_nothing_else_from_being_taken() {
    if !testkit::traces_files(&["taskset"]) {
        return;
    }
    let (environment, folder) = with_folder();
    drop_in(&environment, "hello", "1.0");
    drop_in(&environment, "other", "1.0");
    let trace = ["taskset", "-c", "0", "strace", "-f", "-qq", "-o", "/dev/null", "-P", "hello_1.0_all.deb"];
    let inject = ["-e", "trace=unlinkat", "-e", "inject=unlinkat:error=EPERM", "--"];
    let mut command = environment.wrapped(&[&trace[..], &inject].concat());
    let output = environment.finish(command.args(["incoming", "preprod", "drop", "--once"]));
    if output.stderr.contains("ptrace") {
        testkit::skipped("strace cannot trace here");
        return;
    }
    let output = output.succeeds();
    assert!(output.stdout.contains("left drop/hello_1.0_all.deb: it was taken and may not be"), "{output}");
    assert_eq!(names(&folder), ["hello_1.0_all.deb"]);
    let listed = listed(&environment);
    assert!(listed.contains("hello") && listed.contains("other"), "{listed}");
}

#[test]
fn a_file_where_rejected_files_go_is_to_be_moved_away() {
    let (environment, folder) = with_folder();
    fs::write(folder.join("rejected"), "x").unwrap();
    fs::write(folder.join("bad.deb"), "no package").unwrap();
    drop_in(&environment, "hello", "1.0");
    let output = take(&environment, &["--patience", "0"]).ends_with(1);
    assert!(output.stderr.contains("hint: a directory belongs there: move drop/rejected away"), "{output}");
    assert!(listed(&environment).contains("hello"), "{output}");
    fs::rename(folder.join("rejected"), folder.join("rejected.old")).unwrap();
    let _ = take(&environment, &["--patience", "0"]).ends_with(1);
    assert!(folder.join("rejected/bad.deb").is_file());
}

/// A package that a `.changes` lists which cannot be read in full is no package alone: it would go to every suite.
#[test]
fn what_an_unreadable_list_may_list_is_left() {
    let environment = Environment::with_store(crate::PROGRAM, &["bookworm", "trixie"]);
    let folder = environment.path("drop");
    fs::create_dir(&folder).unwrap();
    let package = drop_in(&environment, "hello", "1.0");
    let source = Source::new(&folder, "hello", "1.0");
    let list = source.changes("bookworm", "all", &[package.file_name().unwrap()]);
    let whole = fs::read(&list).unwrap();
    let reason = "it may belong to a .changes file that cannot be read in full yet";
    let is_left = |output: &Output| {
        let left = format!("left drop/hello_1.0_all.deb: {reason}");
        assert!(output.stdout.contains(&left), "{output}");
        assert_eq!(listed(&environment), "");
    };
    let signed = [b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n", &whole[..]].concat();
    for part in [&b""[..], &whole[..40], &whole[..whole.len() / 2], &signed] {
        fs::write(&list, part).unwrap();
        is_left(&take(&environment, &["--dry-run"]).succeeds());
    }
    // Still under the name that it is copied to.
    let copied = folder.join("hello_1.0_upload.changes.part");
    fs::rename(&list, &copied).unwrap();
    is_left(&take(&environment, &["--dry-run"]).succeeds());
    fs::write(&copied, &whole).unwrap();
    fs::rename(&copied, &list).unwrap();
    if testkit::traces_files(&["taskset"]) {
        let trace =
            ["taskset", "-c", "0", "strace", "-f", "-qq", "-o", "/dev/null", "-P", list.file_name().unwrap()];
        let inject = ["-e", "trace=openat,openat2", "-e", "inject=openat,openat2:error=EACCES", "--"];
        let mut command = environment.wrapped(&[&trace[..], &inject].concat());
        let output =
            environment.finish(command.args(["incoming", "preprod", "drop", "--once", "--patience", "0"]));
        if !output.stderr.contains("ptrace") {
            is_left(&output.succeeds());
        }
    }
    let _ = take(&environment, &[]).succeeds();
    insta::assert_snapshot!(listed(&environment), @"
    PACKAGE  VERSION  ARCHITECTURE  SUITES
    hello    1.0      all           bookworm
    ");
}

#[test]
fn what_is_there_already_is_counted_in_one_line() {
    let (environment, folder) = with_folder();
    environment.add("preprod", &["hello=1.0", "agent=1.0"]);
    for name in ["hello", "agent", "new"] {
        drop_in(&environment, name, "1.0");
    }
    insta::assert_snapshot!(take(&environment, &[]), @"
    status: 0
    ---- stdout
    added new 1.0 all -> bookworm (every suite)
    already there: 2 packages
    added 1 of 3 packages to preprod (commit 2), published <PUBLICATION>
    ");
    assert_eq!(names(&folder), [""; 0]);
}

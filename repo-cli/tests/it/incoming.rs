//! Drop folders: what is finished is taken, what is not is left, what is wrong goes aside with a reason.

use std::fs;

use camino::Utf8PathBuf;
use testkit::{Environment, Output, Tree};

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
    published preprod <PUBLICATION>: bookworm
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
    published preprod <PUBLICATION>: bookworm
    ---- stderr
    error: drop/bad.deb: this is no .deb: an `ar` archive must start with `!<arch>` (deb(5))
    1 of 2 files refused: the others were added
    ");
    assert_eq!(names(&folder), ["rejected", "rejected/bad.deb", "rejected/bad.deb.reason"]);
    insta::assert_snapshot!(
        fs::read_to_string(folder.join("rejected/bad.deb.reason")).unwrap().replace(folder.as_str(), "<DROP>"), @"drop/bad.deb: this is no .deb: an `ar` archive must start with `!<arch>` (deb(5))");
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
    assert_eq!(names(&folder), ["rejected", "rejected/hello.deb", "rejected/hello.deb.reason"]);
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
    left drop/notes.txt: it is no .deb file
    ");
    before.is_still(&Tree::of(&folder), "incoming");
    assert_eq!(listed(&environment), "");
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
        ("directory.deb", "is not a regular file"),
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
    if !testkit::all_installed(&["strace", "taskset"]) {
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

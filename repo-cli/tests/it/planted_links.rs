//! Symbolic links that somebody puts in the place of directories, in drop folders and below `public/`: nothing outside is ever
//! touched, and what refuses to work names the link.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use testkit::{Environment, Output, Source, Tree};

use crate::{configure, store};

/// A store with all that a published tree can have, and garbage in it.
fn full_store() -> Environment {
    let environment = store();
    configure(&environment, "contents = true\n[repositories.preprod]\nflat = 'bookworm'\n");
    let dsc = Source::new(&environment.path("files"), "hello", "1.0").native();
    let _ = environment.run(&["add", "preprod", "--no-publish", dsc.as_str()]).succeeds();
    environment.add("preprod", &["hello=1.0", "agent=1.0"]);
    let _ = environment.run(&["tag", "preprod", "first"]).succeeds();
    environment.add("preprod", &["hello=2.0", "gone=1.0"]);
    let _ = environment.run(&["remove", "preprod", "gone"]).succeeds();
    // A publication is garbage when the second of the next one has passed.
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let dry_run = environment.run(&["gc", "--grace", "0", "--dry-run"]).succeeds().stdout;
        if dry_run.contains("pool/main/g/gone/") {
            return environment;
        }
        assert!(Instant::now() < deadline, "{dry_run}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn copy(from: &Utf8Path, to: &Utf8Path) {
    let status = std::process::Command::new("cp").args(["-a", from.as_str(), to.as_str()]).status();
    assert!(status.unwrap().success(), "cp {from} {to}");
}

/// Removes a directory if it is there.
fn remove(directory: &Utf8Path) {
    if directory.exists() {
        fs::remove_dir_all(directory).unwrap();
    }
}

/// Every directory below `public`, from the top down.
fn directories(public: &Utf8Path) -> Vec<Utf8PathBuf> {
    let tree = Tree::of(public);
    let is_directory = |path: &&Utf8Path| {
        !path.as_str().is_empty() && public.join(path).symlink_metadata().unwrap().is_dir()
    };
    tree.paths().filter(is_directory).map(Utf8Path::to_owned).collect()
}

/// Moves a directory out and puts a link to it in its place, so that through the link all is as it was.
fn plant(directory: &Utf8Path, outside: &Utf8Path) {
    fs::create_dir_all(outside).unwrap();
    fs::rename(directory, outside.join("moved")).unwrap();
    symlink(outside.join("moved"), directory).unwrap();
}

/// What ended well did so without the link; what did not names it.
#[track_caller]
fn refused_by_name_or_unaffected(output: &Output, planted: &Utf8Path) {
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(output.status == Some(0) || said.contains(planted.as_str()), "{planted}: {output}");
}

#[test]
fn no_verb_goes_through_a_link_at_any_level_of_a_published_tree() {
    let environment = full_store();
    let (root, original) = (environment.root(), environment.path("original"));
    let backup = environment.path("backup-of-all");
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    copy(&root, &original);
    let package = environment.package("new", "1.0", "all");
    let (new_backup, restored) = (environment.path("new-backup"), environment.path("restored"));
    let verbs: [&[&str]; 8] = [
        &["add", "preprod", package.as_str()],
        &["publish", "preprod"],
        &["rollback", "preprod", "--to", "first"],
        &["tag", "preprod", "second"],
        &["gc", "--grace", "0", "--yes"],
        &["fsck", "--repair"],
        &["backup", new_backup.as_str()],
        &["restore", backup.as_str(), restored.as_str()],
    ];
    // Without a link all of it works, and there is something to do for each.
    for verb in verbs {
        let _ = environment.run(verb).succeeds();
    }
    let planted = directories(&original.join("public/preprod"));
    assert!(planted.len() > 25, "{planted:?}");
    let planted = planted.into_iter().map(|path| Utf8Path::new("public/preprod").join(path));
    let planted: Vec<Utf8PathBuf> =
        [Utf8PathBuf::from("public/preprod")].into_iter().chain(planted).collect();
    for path in &planted {
        for directory in [&root, &new_backup, &restored] {
            remove(directory);
        }
        copy(&original, &root);
        let outside = environment.path("outside");
        plant(&root.join(path), &outside);
        let before = Tree::of(&outside);
        let found = environment.run(&["fsck"]);
        assert!(found.status == Some(1) && found.stdout.contains(path.as_str()), "{path}: {found}");
        for verb in verbs {
            let output = environment.run(verb);
            before.is_still(&Tree::of(&outside), &format!("{verb:?} with a link at {path}\n{output}"));
            refused_by_name_or_unaffected(&output, path);
            // A repair moves the link itself away, and makes again what was behind it.
            if verb[0] == "fsck" {
                assert!(!root.join(path).is_symlink(), "{path}");
                // It publishes nothing that clients do not see yet.
                if output.status != Some(0) {
                    assert!(output.stderr.contains("run `repo-cli publish`"), "{path}: {output}");
                    let _ = environment.run(&["publish", "preprod"]).succeeds();
                    let _ = environment.run(verb).succeeds();
                }
                let _ = environment.run(&["fsck"]).succeeds();
            }
        }
        remove(&outside);
    }
}

#[test]
fn a_backup_with_a_link_at_any_level_is_not_restored_through_it() {
    let environment = full_store();
    let (backup, original) = (environment.path("backup"), environment.path("original"));
    let _ = environment.run(&["backup", original.as_str()]).succeeds();
    let planted = directories(&original.join("public"));
    assert!(planted.len() > 5, "{planted:?}");
    for path in planted.iter().map(|path| Utf8Path::new("public").join(path)) {
        copy(&original, &backup);
        let (outside, restored) = (environment.path("outside"), environment.path("restored"));
        plant(&backup.join(&path), &outside);
        let before = Tree::of(&outside);
        let output = environment.run(&["restore", backup.as_str(), restored.as_str()]).ends_with(1);
        assert!(output.stderr.contains(path.as_str()), "{path}: {output}");
        let output = environment.run(&["backup", backup.as_str()]);
        refused_by_name_or_unaffected(&output, &path);
        before.is_still(&Tree::of(&outside), &format!("a link at {path}"));
        for directory in [&outside, &restored, &backup] {
            remove(directory);
        }
    }
}

#[test]
fn the_public_directory_itself_may_be_a_link_of_the_administrator() {
    let environment = store();
    environment.add("preprod", &["hello=1.0", "agent=1.0"]);
    let public = environment.root().join("public");
    fs::rename(&public, environment.path("elsewhere")).unwrap();
    symlink(environment.path("elsewhere"), &public).unwrap();
    environment.add("preprod", &["hello=2.0"]);
    assert!(environment.path("elsewhere/preprod/pool/main/h/hello/hello_2.0_all.deb").is_file());
    let _ = environment.run(&["remove", "preprod", "agent"]).succeeds();
    let _ = environment.run(&["gc", "--grace", "0", "--yes"]).succeeds();
    let _ = environment.run(&["fsck"]).succeeds();
    let _ = environment.run(&["backup", environment.path("backup").as_str()]).succeeds();
    // What lies behind it is checked too.
    fs::remove_file(environment.path("elsewhere/preprod/pool/main/h/hello/hello_2.0_all.deb")).unwrap();
    let found = environment.run(&["fsck"]).ends_with(1);
    assert!(found.stdout.contains("public/preprod/pool/main/h/hello/hello_2.0_all.deb"), "{found}");
    let _ = environment.run(&["fsck", "--repair"]).succeeds();
    assert!(environment.path("elsewhere/preprod/pool/main/h/hello/hello_2.0_all.deb").is_file());
}

#[test]
fn without_openat2_the_way_down_is_as_safe() {
    if !testkit::all_installed(&["strace"]) {
        return;
    }
    let environment = store();
    let without = |arguments: &[&str]| {
        let inject = ["-e", "trace=openat2", "-e", "inject=openat2:error=ENOSYS", "--"];
        let mut command =
            environment.wrapped(&[&["strace", "-f", "-qq", "-o", "/dev/null"], &inject[..]].concat());
        environment.finish(command.args(arguments))
    };
    let package = environment.package("hello", "1.0", "all");
    let output = without(&["add", "preprod", package.as_str()]);
    if output.stderr.contains("ptrace") {
        testkit::skipped("strace cannot trace here");
        return;
    }
    let _ = output.succeeds();
    let _ = without(&["fsck"]).succeeds();
    let outside = environment.path("outside");
    plant(&environment.public("preprod").join("pool/main"), &outside);
    let before = Tree::of(&outside);
    let package = environment.package("hello", "2.0", "all");
    let output = without(&["add", "preprod", package.as_str()]).ends_with(1);
    assert!(output.stderr.contains("public/preprod/pool/main is a symbolic link"), "{output}");
    before.is_still(&Tree::of(&outside), &output.to_string());
}

/// A store and a drop folder with a good package in it.
fn with_folder() -> (Environment, Utf8PathBuf) {
    let environment = store();
    let folder = environment.path("drop");
    fs::create_dir(&folder).unwrap();
    let good = environment.package("good", "1.0", "all");
    fs::rename(&good, folder.join("good.deb")).unwrap();
    (environment, folder)
}

fn take(environment: &Environment) -> Output {
    environment.run(&["incoming", "preprod", "drop", "--once", "--patience", "0"])
}

/// The good package was taken and published, whatever else there was.
#[track_caller]
fn good_is_published(environment: &Environment) {
    assert!(!environment.path("drop/good.deb").exists());
    let pool = environment.public("preprod").join("pool/main/g/good/good_1.0_all.deb");
    assert!(pool.is_file());
}

#[test]
fn what_a_refused_upload_lists_never_becomes_configuration() {
    let (environment, folder) = with_folder();
    let source = Source::new(&folder, "hello", "1.0");
    fs::create_dir_all(environment.root().join("repo.d")).unwrap();
    symlink(environment.root().join("repo.d"), folder.join("rejected")).unwrap();
    fs::write(folder.join("evil.toml"), "[repositories.evil]\n").unwrap();
    fs::write(folder.join("hello_1.0.tar.gz"), "tarball").unwrap();
    let _ = source.changes("bookworm", "source", &["evil.toml", "hello_1.0.tar.gz"]);
    let before = Tree::of(&environment.root().join("repo.d"));
    // Its checksum is not what is listed.
    fs::write(folder.join("evil.toml"), "[repositories.wicked]\n").unwrap();
    let output = take(&environment).ends_with(1);
    assert!(output.stderr.contains("drop/rejected is a symbolic link"), "{output}");
    before.is_still(&Tree::of(&environment.root().join("repo.d")), &output.to_string());
    good_is_published(&environment);
    assert!(folder.join("evil.toml").is_file() && folder.join("hello_1.0_upload.changes").is_file());

    // With a right folder the upload goes there, and what is no file of an upload stays.
    fs::remove_file(folder.join("rejected")).unwrap();
    let output = take(&environment).ends_with(1);
    assert!(folder.join("rejected/hello_1.0_upload.changes").is_file(), "{output}");
    assert!(folder.join("rejected/hello_1.0.tar.gz").is_file(), "{output}");
    assert!(folder.join("evil.toml").is_file() && !folder.join("rejected/evil.toml").exists(), "{output}");
}

#[test]
fn a_folder_for_rejected_files_that_is_none_hinders_nothing_good() {
    for what in ["a link", "a file", "a link that leads nowhere", "of a stranger"] {
        let (environment, folder) = with_folder();
        let (outside, aside) = (environment.path("outside"), folder.join("rejected"));
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file"), "outside").unwrap();
        fs::write(folder.join("bad.deb"), "no package").unwrap();
        match what {
            "a link" => symlink(&outside, &aside).unwrap(),
            "a file" => fs::write(&aside, "").unwrap(),
            "a link that leads nowhere" => symlink(outside.join("missing"), &aside).unwrap(),
            _ => {
                fs::create_dir(&aside).unwrap();
                if chown(&aside, Some(54_321), None).is_err() {
                    testkit::skipped("only root can give a directory away");
                    continue;
                }
            }
        }
        let before = Tree::of(&outside);
        let output = take(&environment).ends_with(1);
        assert!(output.stderr.contains("error: drop/rejected "), "{what}: {output}");
        before.is_still(&Tree::of(&outside), what);
        good_is_published(&environment);
        assert_eq!(fs::read(folder.join("bad.deb")).unwrap(), b"no package", "{what}");
    }
}

#[test]
fn reasons_that_were_planted_are_neither_followed_nor_replaced() {
    let (environment, folder) = with_folder();
    let outside = environment.write("files/outside", "outside");
    fs::create_dir(folder.join("rejected")).unwrap();
    symlink(&outside, folder.join("rejected/bad.deb.reason")).unwrap();
    fs::write(folder.join("rejected/bad.deb.1.reason"), "mine").unwrap();
    symlink(environment.path("files/missing"), folder.join("rejected/bad.deb.2")).unwrap();
    fs::write(folder.join("bad.deb"), "no package").unwrap();
    let before = Tree::of(&folder.join("rejected"));
    let output = take(&environment).ends_with(1);
    assert_eq!(fs::read(&outside).unwrap(), b"outside");
    assert!(!environment.path("files/missing").exists());
    assert_eq!(fs::read(folder.join("rejected/bad.deb.3")).unwrap(), b"no package", "{output}");
    assert!(folder.join("rejected/bad.deb.3.reason").is_file(), "{output}");
    for name in ["bad.deb.3", "bad.deb.3.reason", "bad.deb.3.reason.json"] {
        fs::remove_file(folder.join("rejected").join(name)).unwrap();
    }
    before.is_still(&Tree::of(&folder.join("rejected")), "the rest");
}

#[test]
fn another_name_for_somebody_elses_file_is_not_taken() {
    let (environment, folder) = with_folder();
    let secret = environment.package("secret", "1.0", "all");
    fs::hard_link(&secret, folder.join("secret.deb")).unwrap();
    // Everybody may put files here.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o1777)).unwrap();
    let output = take(&environment).ends_with(1);
    assert!(output.stderr.contains("secret.deb has another hard link"), "{output}");
    assert!(!environment.run(&["list", "preprod"]).succeeds().stdout.contains("secret"), "{output}");
    good_is_published(&environment);
    assert!(secret.is_file());
    // The only user of a folder may build it from files of their own.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(folder.join("rejected/secret.deb"), folder.join("secret.deb")).unwrap();
    let _ = take(&environment).succeeds();
    assert!(environment.run(&["list", "preprod"]).succeeds().stdout.contains("secret"));
}

#[test]
fn drop_ins_that_do_not_belong_to_the_owner_of_the_configuration_stop_every_verb() {
    let environment = store();
    configure(&environment, "[repositories.evil]\n");
    let drop_in = environment.root().join("repo.d/test.toml");
    if chown(&drop_in, Some(54_321), None).is_err() {
        testkit::skipped("only root can give a file away");
        return;
    }
    for verb in [&["publish"][..], &["list", "preprod"], &["serve", "--listen", "127.0.0.1:0"]] {
        let output = environment.run(verb).ends_with(1);
        assert!(output.stderr.contains("repo.d/test.toml: it belongs to uid 54321"), "{output}");
    }
}

//! What a drop folder takes from whom, and where what was taken goes.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use camino::Utf8PathBuf;
use testkit::{Environment, Tree};

use crate::{configure, killed_at, store};

/// A store whose only drop folder has these settings.
fn with_rules(rules: &str) -> Environment {
    let environment = store();
    fs::create_dir(environment.path("drop")).unwrap();
    fs::create_dir(environment.path("archive")).unwrap();
    set_rules(&environment, rules);
    environment
}

fn set_rules(environment: &Environment, rules: &str) {
    let folder = environment.path("drop");
    let rules = rules.replace("ARCHIVE", environment.path("archive").as_str());
    configure(environment, &format!("[[incoming]]\nfolder = '{folder}'\nrepository = 'preprod'\n{rules}"));
}

fn drop_in(environment: &Environment, name: &str) -> Utf8PathBuf {
    let file = environment.package(name, "1.0", "all");
    let target = environment.path("drop").join(file.file_name().unwrap());
    fs::rename(file, &target).unwrap();
    target
}

fn names(environment: &Environment, folder: &str) -> Vec<String> {
    let tree = Tree::of(&environment.path(folder));
    tree.paths().map(ToString::to_string).filter(|path| !path.is_empty()).collect()
}

/// The name of the user who runs this.
fn user() -> String {
    let own = std::process::Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(own.stdout).unwrap().trim().to_owned()
}

#[test]
fn packages_of_other_names_are_rejected_with_the_reason() {
    let environment = with_rules("names = ['shop-*', 'hello']\n");
    for name in ["shop-web", "hello", "hello-evil"] {
        drop_in(&environment, name);
    }
    insta::assert_snapshot!(environment.run(&["incoming", "--once"]), @"
    status: 1
    ---- stdout
    added hello 1.0 all -> bookworm (every suite)
    added shop-web 1.0 all -> bookworm (every suite)
    added 2 packages to preprod (commit 1), published <PUBLICATION>
    ---- stderr
    error: <DIR>/drop/hello-evil_1.0_all.deb: packages named hello-evil are not taken here
    hint: use the folder or the token that is for it, or add its name to `names` of the [[incoming]] in repo.toml
    1 of 3 files refused: the others were added
    ");
    let rejected = names(&environment, "drop/rejected");
    assert_eq!(
        rejected,
        ["hello-evil_1.0_all.deb", "hello-evil_1.0_all.deb.reason", "hello-evil_1.0_all.deb.reason.json"]
    );
    let reason = fs::read_to_string(environment.path("drop/rejected").join(&rejected[1])).unwrap();
    assert!(reason.contains("packages named hello-evil are not taken here"), "{reason}");
}

#[test]
fn files_of_other_users_are_left_and_not_read() {
    let environment = with_rules("owners = ['nobody']\n");
    let file = drop_in(&environment, "hello");
    // Not even what is no package at all is read.
    fs::write(environment.path("drop/broken_1.0_all.deb"), "no package").unwrap();
    insta::assert_snapshot!(environment.run(&["incoming", "--once", "--dry-run"]), @"
    status: 0
    ---- stdout
    left <DIR>/drop/broken_1.0_all.deb: it belongs to a user who may not drop files here
    left <DIR>/drop/hello_1.0_all.deb: it belongs to a user who may not drop files here
    ");
    let _ = environment.run(&["incoming", "--once", "--patience", "0"]).succeeds();
    assert!(file.is_file() && environment.path("drop/broken_1.0_all.deb").is_file());
    fs::remove_file(environment.path("drop/broken_1.0_all.deb")).unwrap();
    set_rules(&environment, &format!("owners = ['{}', 'nobody']\n", user()));
    let _ = environment.run(&["incoming", "--once"]).succeeds();
    assert!(!file.exists());
    set_rules(&environment, "owners = ['nobody-at-all']\n");
    insta::assert_snapshot!(environment.run(&["incoming", "--once"]), @"
    status: 1
    ---- stderr
    error: <DIR>/drop: no user named `nobody-at-all`
    hint: add the user to the system, or change `owners` of the [[incoming]] in repo.toml
    ");
    let check = environment.run(&["config", "check"]).ends_with(1);
    assert!(check.stderr.contains("no user named `nobody-at-all`"), "{check}");
}

#[test]
fn a_folder_may_have_uploaders_of_its_own() {
    let environment = with_rules("uploaders = 'ci.gpg'\n");
    let missing = environment.run(&["incoming", "--once"]).ends_with(1);
    assert!(missing.stderr.contains("ci.gpg"), "{missing}");
    let key = apt_sign::SecretKey::generate("CI", std::time::SystemTime::now(), None).unwrap();
    let keyring = apt_sign::Keyring::new(vec![key.certificate()]);
    environment.write("store/ci.gpg", keyring.armored().unwrap());
    // Nobody vouches for a package alone, although the repository takes the uploads of anybody.
    let file = drop_in(&environment, "hello");
    let output = environment.run(&["incoming", "--once", "--dry-run"]).succeeds();
    assert!(output.stdout.contains("belongs to no .changes file"), "{output}");
    assert!(file.is_file());
    let backup = environment.run(&["backup", "saved"]).succeeds();
    assert!(environment.path("saved").join("ci.gpg").is_file(), "{backup}");
}

#[test]
fn what_was_taken_is_kept_where_it_is_asked_for() {
    let environment = with_rules("after = 'archive:ARCHIVE'\n");
    let archive = environment.path("archive");
    let bytes = fs::read(drop_in(&environment, "hello")).unwrap();
    let _ = environment.run(&["incoming", "--once"]).succeeds();
    assert_eq!(
        (names(&environment, "drop"), names(&environment, "archive")),
        (vec![], vec!["hello_1.0_all.deb".to_owned()])
    );
    assert_eq!(fs::read(archive.join("hello_1.0_all.deb")).unwrap(), bytes);
    // As after a crash between the copy and the removal.
    drop_in(&environment, "hello");
    let _ = environment.run(&["incoming", "--once"]).succeeds();
    assert_eq!((names(&environment, "drop").len(), names(&environment, "archive").len()), (0, 1));
    // Another file of that name.
    fs::write(archive.join("other_1.0_all.deb"), "another").unwrap();
    drop_in(&environment, "other");
    let _ = environment.run(&["incoming", "--once"]).succeeds();
    assert_eq!(
        names(&environment, "archive"),
        ["hello_1.0_all.deb", "other_1.0_all.deb", "other_1.0_all.deb.1"]
    );
    // Without the directory nothing is lost.
    fs::rename(&archive, environment.path("away")).unwrap();
    let file = drop_in(&environment, "third");
    let output = environment.run(&["incoming", "--once"]).ends_with(1);
    assert!(output.stderr.contains("archive"), "{output}");
    assert!(file.is_file() && environment.run(&["list", "preprod"]).stdout.contains("third"));
    fs::rename(environment.path("away"), &archive).unwrap();
    let _ = environment.run(&["incoming", "--once"]).succeeds();
    assert!(!file.exists() && archive.join("third_1.0_all.deb").metadata().unwrap().size() > 0);
}

#[test]
fn killed_while_it_archives_it_loses_nothing() {
    if !testkit::all_installed(&["strace"]) {
        return;
    }
    for number in 1..6 {
        let environment = with_rules("after = 'archive:ARCHIVE'\n");
        let bytes = fs::read(drop_in(&environment, "hello")).unwrap();
        let mut command = killed_at(&environment, "renameat2,unlinkat,copy_file_range", number);
        let _ = environment.finish(command.args(["incoming", "--once"]));
        let _ = environment.run(&["incoming", "--once"]).succeeds();
        assert_eq!(fs::read(environment.path("archive/hello_1.0_all.deb")).unwrap(), bytes, "{number}");
        assert_eq!(names(&environment, "archive").len(), 1, "{number}");
        assert_eq!(names(&environment, "drop"), [""; 0], "{number}");
        let _ = environment.run(&["fsck"]).succeeds();
    }
}

//! The file that leads to the current state of a repository is lost: nobody takes the repository for a new one.

use std::fs;

use camino::Utf8PathBuf;
use testkit::Environment;

use crate::store;

/// Two packages in a published repository.
fn published() -> (Environment, Utf8PathBuf) {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    environment.add("prod", &["other=1.0"]);
    let reference = environment.root().join("store/refs/prod");
    (environment, reference)
}

#[test]
fn a_repository_whose_reference_is_lost_is_not_taken_for_a_new_one() {
    let (environment, reference) = published();
    let package = environment.package("more", "1.0", "all");
    let dists = environment.public("prod").join("dists");
    let seen = dists.read_link_utf8().unwrap();
    for way in ["gone", "a dangling link"] {
        fs::remove_file(&reference).unwrap();
        if way != "gone" {
            std::os::unix::fs::symlink("nowhere", &reference).unwrap();
        }
        let verbs: [&[&str]; 9] = [
            &["publish", "prod"],
            &["add", "prod", package.as_str()],
            &["list", "prod"],
            &["history", "prod"],
            &["remove", "prod", "hello"],
            &["promote", "--from", "prod", "--to", "preprod", "hello"],
            &["promote", "--from", "preprod", "--to", "prod", "hello"],
            &["tag", "prod", "now"],
            &["gc", "--yes"],
        ];
        for verb in verbs {
            let output = environment.run(verb).ends_with(1);
            assert!(output.stderr.contains("store/refs/prod is lost"), "{way} {verb:?}: {output}");
            assert!(output.stderr.contains("repo-cli fsck --repair"), "{way} {verb:?}: {output}");
        }
        let output = environment.run(&["publish", "prod", "--json"]).ends_with(1);
        assert!(output.stdout.contains("E-LOST-REFERENCE"), "{output}");
        let status = environment.run(&["status"]);
        assert_ne!(status.status, Some(0), "{way}: {status}");
        assert_eq!(dists.read_link_utf8().unwrap(), seen);
        let _ = environment.run(&["fsck"]).ends_with(1);
        let _ = environment.run(&["fsck", "--repair"]).succeeds();
        let listed = environment.run(&["list", "prod"]).succeeds();
        assert!(listed.stdout.contains("hello") && listed.stdout.contains("other"), "{listed}");
        let _ = environment.run(&["publish", "prod"]).succeeds();
    }
}

#[test]
fn a_backup_keeps_the_reference_that_the_store_lost() {
    let (environment, reference) = published();
    let _ = environment.run(&["tag", "prod", "first"]).succeeds();
    let _ = environment.run(&["backup", "saved"]).succeeds();
    let saved = environment.path("saved/store/refs/prod");
    let before = fs::read(&saved).unwrap();
    let aside = environment.path("aside");
    fs::rename(&reference, &aside).unwrap();
    for way in ["gone", "a dangling link", "a link", "a directory", "a pipe"] {
        match way {
            "a dangling link" => std::os::unix::fs::symlink("nowhere", &reference).unwrap(),
            "a link" => std::os::unix::fs::symlink(&aside, &reference).unwrap(),
            "a directory" => fs::create_dir(&reference).unwrap(),
            "a pipe" if !testkit::all_installed(&["mkfifo"]) => continue,
            "a pipe" => {
                assert!(environment.other(&["mkfifo", reference.as_str()]).status().unwrap().success());
            }
            _ => {}
        }
        let output = environment.run(&["backup", "saved"]).ends_with(1);
        assert!(output.stderr.contains("store/refs/prod is damaged or missing"), "{way}: {output}");
        assert_eq!(fs::read(&saved).ok().as_ref(), Some(&before), "{way}");
        assert!(environment.path("saved/store/tags/prod/first").is_file(), "{way}");
        if way == "a directory" {
            fs::remove_dir(&reference).unwrap();
        } else if reference.is_symlink() || reference.exists() {
            fs::remove_file(&reference).unwrap();
        }
    }
    let _ = environment.run(&["restore", "saved", "again"]).succeeds();
    let root = environment.path("again");
    let listed = environment.run(&["--root", root.as_str(), "list", "prod"]).succeeds();
    assert!(listed.stdout.contains("hello") && listed.stdout.contains("other"), "{listed}");
}

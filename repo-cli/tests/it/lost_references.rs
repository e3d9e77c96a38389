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
            if way == "gone" {
                assert!(output.stderr.contains("store/refs/prod is lost"), "{way} {verb:?}: {output}");
            } else {
                assert!(
                    output.stderr.contains("a symbolic link that leads nowhere"),
                    "{way} {verb:?}: {output}"
                );
            }
            assert!(output.stderr.contains("repo-cli fsck --repair"), "{way} {verb:?}: {output}");
        }
        let output = environment.run(&["publish", "prod", "--json"]).ends_with(1);
        assert_eq!(output.stdout.contains("E-LOST-REFERENCE"), way == "gone", "{output}");
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
        for verb in [&["backup", "saved"][..], &["backup", "saved", "--dry-run"], &["backup", "--list"]] {
            let output = environment.run(verb).ends_with(1);
            assert!(
                output.stderr.contains("store/refs/prod is damaged or missing"),
                "{way} {verb:?}: {output}"
            );
        }
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

/// The file of the commit that a reference leads to.
fn head_object(environment: &Environment, reference: &Utf8PathBuf) -> Utf8PathBuf {
    let id = fs::read_to_string(reference).unwrap();
    let (start, _) = id.trim().split_at(2);
    let directory = environment.root().join("store/objects").join(start);
    let end = &id.trim()[2..];
    let found = directory.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
    found.filter(|path| path.file_name().is_some_and(|name| end.starts_with(name))).last().unwrap()
}

#[test]
fn a_repair_says_which_operation_a_lost_commit_undoes_and_a_backup_brings_it_back() {
    for publishes in [true, false] {
        let (environment, reference) = published();
        let remove: &[&str] = &["remove", "prod", "hello", "--yes", "--no-publish"];
        let _ = environment.run(&remove[..if publishes { 4 } else { 5 }]).succeeds();
        let current = fs::read(&reference).unwrap();
        let _ = environment.run(&["backup", "saved"]).succeeds();
        fs::remove_file(head_object(&environment, &reference)).unwrap();

        let repaired = environment.run(&["fsck", "--repair", "--json"]).ends_with(1);
        let json: serde_json::Value = serde_json::from_str(&repaired.stdout).unwrap();
        assert_eq!(json["clean"], false, "{repaired}");
        let lost: Vec<&serde_json::Value> = json["problems"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|of| of["path"] == "store/refs/prod")
            .collect();
        assert_eq!(lost.len(), 1, "{repaired}");
        let what = lost[0]["what"].as_str().unwrap();
        assert!(what.contains("(`remove hello") && what.contains("is undone"), "{what}");
        assert!(what.contains("held cannot be known"), "{what}");
        assert_eq!(lost[0]["kind"], "missing");
        assert!(repaired.stderr.contains("hint: `repo-cli fsck --repair --from BACKUP`"), "{repaired}");
        assert_ne!(fs::read(&reference).unwrap(), current);
        if publishes {
            let again = environment.run(&["fsck"]).ends_with(1);
            assert!(again.stdout.contains("(`remove hello"), "{again}");
            let _ = environment.run(&["fsck", "--repair", "--from", "saved"]).succeeds();
            assert_eq!(fs::read(&reference).unwrap(), current);
            assert!(environment.run(&["holds", "prod"]).succeeds().stdout.contains("hello"));
        }
    }
}

#[test]
fn a_history_that_took_the_place_of_another_is_found_and_a_repair_says_what_it_leaves_out() {
    let (environment, reference) = published();
    let root = environment.root().to_owned();
    // An older version began a second history when the reference was lost.
    fs::remove_file(&reference).unwrap();
    for area in ["public/prod", "store/publications/prod"] {
        fs::rename(root.join(area), environment.path(area.replace('/', "."))).unwrap();
    }
    let file = environment.package("more", "1.0", "all");
    let _ = environment.run(&["add", "prod", file.as_str(), "--no-publish"]).succeeds();
    for area in ["public/prod", "store/publications/prod"] {
        let _ = fs::remove_dir_all(root.join(area));
        fs::rename(environment.path(area.replace('/', ".")), root.join(area)).unwrap();
    }
    let _ = environment.run(&["publish", "prod", "--allow-removal", "--allow-earlier-state"]).succeeds();
    let found = environment.run(&["fsck"]).ends_with(1);
    assert!(found.stdout.contains("(`add other") && found.stdout.contains("was current once"), "{found}");

    // The records of the earlier publications are collected; the log and what replaced them still tell.
    let shown = environment.public("prod").join("dists").read_link_utf8().unwrap();
    let shown = shown.parent().unwrap().file_name().unwrap().to_owned();
    for record in root.join("store/publications/prod").read_dir_utf8().unwrap() {
        let record = record.unwrap();
        if record.file_name() != shown {
            fs::remove_file(record.path()).unwrap();
        }
    }
    let found = environment.run(&["fsck"]).ends_with(1);
    assert!(found.stdout.contains("(`add other"), "{found}");

    let repaired = environment.run(&["fsck", "--repair"]).ends_with(1);
    assert!(repaired.stdout.contains("(`add more"), "{repaired}");
    let listed = environment.run(&["list", "prod"]).succeeds();
    assert!(listed.stdout.contains("other") && !listed.stdout.contains("more"), "{listed}");
}

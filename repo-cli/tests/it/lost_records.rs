//! Records of publications are lost: what clients may have of these publications stays until somebody decides.

use std::fs;

use testkit::Environment;

use crate::store;

/// `prod` with three publications.
fn published() -> Environment {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    environment.add("prod", &["other=1.0"]);
    let _ = environment.run(&["backup", "saved"]).succeeds();
    environment
}

fn names(environment: &Environment, directory: &str) -> Vec<String> {
    let entries = environment.root().join(directory).read_dir_utf8().unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().to_owned()).collect();
    names.sort();
    names
}

/// Removes the records, or the first or last of them.
fn lose(environment: &Environment, what: &str) {
    let records = environment.root().join("store/publications/prod");
    let all = names(environment, "store/publications/prod");
    match what {
        "all" => fs::remove_dir_all(&records).unwrap(),
        "the first" => fs::remove_file(records.join(&all[0])).unwrap(),
        "the last" => fs::remove_file(records.join(&all[all.len() - 1])).unwrap(),
        _ => {
            fs::remove_dir_all(&records).unwrap();
            fs::remove_file(environment.public("prod").join("dists")).unwrap();
        }
    }
}

#[test]
fn gc_refuses_while_a_record_is_lost_and_the_command_of_its_hint_mends_that() {
    for what in ["all", "the first", "the last", "all and dists"] {
        for from in [&["fsck", "--repair"][..], &["fsck", "--repair", "--from", "saved"]] {
            let environment = published();
            let before = names(&environment, "public/prod/.by-hash/SHA256");
            lose(&environment, what);
            for verb in [&["gc", "--yes"][..], &["gc", "--dry-run"]] {
                let refused = environment.run(verb).ends_with(1);
                assert!(refused.stderr.contains("store/publications/prod"), "{what}: {refused}");
                assert!(refused.stderr.contains("repo-cli fsck --repair"), "{what}: {refused}");
            }
            assert_eq!(names(&environment, "public/prod/.by-hash/SHA256"), before, "{what}");
            let _ = environment.run(from).succeeds();
            let _ = environment.run(&["gc", "--yes"]).succeeds();
            let _ = environment.run(&["fsck"]).succeeds();
        }
    }
}

#[test]
fn what_gc_refuses_without_a_log_is_named_and_mended_by_fsck() {
    let environment = published();
    lose(&environment, "all");
    fs::remove_file(environment.root().join("store/ops/log")).unwrap();
    let _ = environment.run(&["publish"]).succeeds();
    let _ = environment.run(&["gc", "--yes"]).ends_with(1);
    let found = environment.run(&["fsck"]).ends_with(1);
    assert!(found.stdout.contains("missing store/publications/prod/"), "{found}");
    let _ = environment.run(&["fsck", "--repair"]).succeeds();
    let _ = environment.run(&["gc", "--yes"]).succeeds();
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn a_publication_leaves_the_trees_of_those_that_lost_their_records() {
    for what in ["all", "the first", "the last", "all and dists"] {
        let environment = published();
        let before = names(&environment, "public/prod/.publications");
        lose(&environment, what);
        environment.add("prod", &["more=1.0"]);
        let after = names(&environment, "public/prod/.publications");
        assert!(before.iter().all(|name| after.contains(name)), "{what}: {before:?} {after:?}");
        let _ = environment.run(&["fsck", "--repair", "--from", "saved"]).succeeds();
        let _ = environment.run(&["gc", "--yes"]).succeeds();
    }
}

//! A state that clients have left behind is shown to them only when somebody asks for that by name.

use std::fs;

use testkit::{Environment, Output};

use crate::store;

/// `prod` with two states after the one that the backup `saved` has; `whole` is a backup of the last.
fn with_an_old_backup() -> Environment {
    let environment = store();
    environment.add("preprod", &["hello=1.0", "world=1.0"]);
    let promote =
        |package| environment.run(&["promote", package, "--from", "preprod", "--to", "prod"]).succeeds();
    let _ = promote("hello");
    let _ = environment.run(&["backup", "saved"]).succeeds();
    let _ = promote("world");
    let _ = environment.run(&["remove", "prod", "hello", "--yes"]).succeeds();
    let _ = environment.run(&["backup", "whole"]).succeeds();
    environment
}

fn lose(environment: &Environment, paths: &[&str]) {
    for path in paths {
        let path = environment.root().join(path);
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }
}

fn listed(environment: &Environment) -> String {
    environment.run(&["list", "prod"]).succeeds().stdout
}

fn is_refused(output: Output) {
    let output = output.ends_with(1);
    assert!(output.stderr.contains("they would be led back"), "{output}");
    assert!(output.stderr.contains("repo-cli publish prod --allow-earlier-state"), "{output}");
}

/// What tells of the last state besides the reference, from the most to the least of it.
const LOST: [&[&str]; 5] = [
    &["store/publications/prod"],
    &["store/publications/prod", "store/cache"],
    &["store/publications/prod", "public/prod/dists"],
    &["store/publications/prod", "public/prod/dists", "store/cache"],
    &["store/publications/prod", "public/prod"],
];

#[test]
fn a_repair_takes_the_state_that_clients_see_and_not_the_older_one_of_a_backup() {
    let environment = with_an_old_backup();
    let before = listed(&environment);
    lose(&environment, &["store/ops/log", "store/refs/prod"]);
    let _ = environment.run(&["fsck", "--repair", "--from", "saved"]).succeeds();
    assert_eq!(listed(&environment), before);
    let _ = environment.run(&["fsck"]).succeeds();
    let _ = environment.run(&["publish"]).succeeds();
}

#[test]
fn what_a_repair_brought_back_from_an_old_backup_is_not_published_unasked() {
    for lost in LOST {
        let environment = with_an_old_backup();
        let before = listed(&environment);
        lose(&environment, &["store/ops/log", "store/refs/prod"]);
        lose(&environment, lost);
        let repaired = environment.run(&["fsck", "--repair", "--from", "saved"]).ends_with(1);
        assert!(
            repaired.stdout.contains("store/refs/prod: it does not lead to what clients saw"),
            "{repaired}"
        );
        let dists = environment.public("prod").join("dists");
        let shown = dists.read_link_utf8().ok();
        let file = environment.package("late", "1.0", "all");
        is_refused(environment.run(&["publish", "prod"]));
        is_refused(environment.run(&["publish", "prod", "--dry-run"]));
        is_refused(environment.run(&["sign", "again", "prod"]));
        is_refused(environment.run(&["add", "prod", file.as_str()]));
        is_refused(environment.run(&["remove", "prod", "hello", "--yes"]));
        assert_eq!(dists.read_link_utf8().ok(), shown, "{lost:?}");
        let json = environment.run(&["--json", "publish", "prod"]).ends_with(1);
        assert!(json.stdout.contains("E-EARLIER-STATE"), "{json}");
        let _ = environment.run(&["fsck"]).ends_with(1);
        // The command of the hint, with a backup that has the state.
        let _ = environment.run(&["fsck", "--repair", "--from", "whole"]).succeeds();
        assert_eq!(listed(&environment), before, "{lost:?}");
        let _ = environment.run(&["publish"]).succeeds();
        let _ = environment.run(&["fsck"]).succeeds();
    }
}

#[test]
fn an_earlier_state_is_published_when_that_is_asked_for() {
    for lost in LOST {
        let environment = with_an_old_backup();
        lose(&environment, &["store/ops/log", "store/refs/prod"]);
        lose(&environment, lost);
        let _ = environment.run(&["fsck", "--repair", "--from", "saved"]).ends_with(1);
        let _ = environment.run(&["publish", "prod", "--allow-earlier-state"]).succeeds();
        // From now on this is what clients saw.
        environment.add("prod", &["late=1.0"]);
        let _ = environment.run(&["publish"]).succeeds();
        let checked = environment.run(&["fsck"]);
        assert!(!checked.stdout.contains("store/refs/prod"), "{lost:?}: {checked}");
    }
}

#[test]
fn a_backup_keeps_the_later_state_that_the_store_was_led_back_from() {
    let environment = with_an_old_backup();
    let saved = environment.path("whole/store/refs/prod");
    let good = fs::read(&saved).unwrap();
    let older = fs::read(environment.path("saved/store/refs/prod")).unwrap();
    lose(&environment, &["store/ops/log", "store/refs/prod", "store/publications/prod"]);
    let _ = environment.run(&["fsck", "--repair", "--from", "saved"]).ends_with(1);
    assert_eq!(fs::read(environment.root().join("store/refs/prod")).unwrap(), older);
    for verb in [&["backup", "whole", "--dry-run"][..], &["backup", "whole"]] {
        let output = environment.run(verb).ends_with(1);
        assert!(output.stderr.contains("store/refs/prod is damaged or missing"), "{output}");
        assert_eq!(fs::read(&saved).unwrap(), good);
    }
    let _ = environment.run(&["fsck", "--repair", "--from", "whole"]).succeeds();
    assert_eq!(fs::read(environment.root().join("store/refs/prod")).unwrap(), good);
    // The same when somebody put an older reference there, though the log is whole.
    let other = with_an_old_backup();
    let good = fs::read(other.path("whole/store/refs/prod")).unwrap();
    fs::copy(other.path("saved/store/refs/prod"), other.root().join("store/refs/prod")).unwrap();
    let _ = other.run(&["backup", "whole"]).ends_with(1);
    assert_eq!(fs::read(other.path("whole/store/refs/prod")).unwrap(), good);
    is_refused(other.run(&["publish", "prod"]));
}

#[test]
fn a_repository_that_was_deleted_begins_again() {
    let environment = with_an_old_backup();
    lose(&environment, &["public/prod", "store/publications/prod", "store/refs/prod"]);
    environment.add("prod", &["late=1.0"]);
    let _ = environment.run(&["publish"]).succeeds();
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn a_lost_record_of_what_clients_see_stops_no_publication_of_a_later_state() {
    for lost in
        [&["store/publications/prod"][..], &["store/publications/prod", "store/ops/log"], &["public/prod"]]
    {
        let environment = with_an_old_backup();
        lose(&environment, lost);
        environment.add("prod", &["late=1.0"]);
        let _ = environment.run(&["publish"]).succeeds();
    }
}

#[test]
fn an_old_reference_is_not_taken_for_a_repository_that_begins_again() {
    let environment = with_an_old_backup();
    lose(&environment, &["public/prod", "store/publications/prod"]);
    let old = environment.path("saved/store/refs/prod");
    fs::copy(old, environment.root().join("store/refs/prod")).unwrap();
    is_refused(environment.run(&["publish", "prod"]));
    let late = environment.package("late", "1.0", "all");
    let _ = environment.run(&["add", "prod", late.as_str()]).ends_with(1);
    let _ = environment.run(&["fsck", "--repair", "--from", "whole"]);
    let listed = listed(&environment);
    assert!(listed.contains("world"), "{listed}");
}

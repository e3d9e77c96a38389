//! `restore --drill`: whether a backup could be restored, and what would be lost.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use testkit::{Environment, Output};

use crate::{configure, store};

/// A store with a backup, and a drill in a directory of its own.
fn drill(environment: &Environment, more: &[&str]) -> Output {
    let room = environment.path("room");
    fs::create_dir_all(&room).unwrap();
    let output = environment.run(&[&["restore", "saved", "room", "--drill"], more].concat());
    assert_eq!(room.read_dir_utf8().unwrap().count(), 0, "nothing is left: {output}");
    output
}

#[test]
fn a_drill_says_that_all_would_come_back_or_what_would_be_lost() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    environment.add("preprod", &["hello=1.0", "world=1.0"]);
    let _ = environment.run(&["tag", "prod", "first"]).succeeds();
    let _ = environment.run(&["client-config", "prod", "--script", "--url", "http://h"]).succeeds();
    let _ = environment.run(&["backup", "saved"]).succeeds();
    let good = drill(&environment, &[]).succeeds();
    assert!(good.stdout.contains("prod: would come back as now, with "), "{good}");
    assert!(good.stdout.ends_with("saved can be restored\n"), "{good}");
    // Later changes, and a publication without a change.
    environment.add("prod", &["hello=2.0"]);
    environment.add("prod", &["hello=3.0"]);
    let _ = environment.run(&["sign", "again", "preprod"]).succeeds();
    let behind = drill(&environment, &[]).succeeds();
    assert!(behind.stdout.contains("\nprod: 2 changes would be lost\n"), "{behind}");
    assert!(behind.stdout.contains("\npreprod: what was published last would be lost\n"), "{behind}");
    let document: serde_json::Value =
        serde_json::from_str(&drill(&environment, &["--json"]).succeeds().stdout).unwrap();
    assert_eq!(document["compared"], true);
    assert_eq!(document["repositories"][1]["missing_changes"], 2, "{document}");
    // On another machine.
    let mut alone = environment.command();
    let elsewhere = environment.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let saved = environment.path("saved");
    alone.env_remove("REPO_ROOT").current_dir(&elsewhere).args(["restore", saved.as_str(), "--drill"]);
    let alone = environment.finish(&mut alone).succeeds();
    assert!(alone.stdout.contains("it was compared with no store"), "{alone}");
}

#[test]
fn a_drill_finds_what_a_backup_lost_and_what_the_store_lost_since() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["backup", "saved"]).succeeds();
    // What clients see is damaged in the store: the backup has it as it was.
    let release = environment.public("prod").join("dists/bookworm/Release");
    let bytes = fs::read(&release).unwrap();
    fs::set_permissions(&release, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&release, [&bytes[..bytes.len() - 1], b"?"].concat()).unwrap();
    let other = drill(&environment, &[]).ends_with(1);
    assert!(
        other.stdout.contains("prod: would not come back as now: 1 published file, such as public/prod/"),
        "{other}"
    );
    fs::write(&release, bytes).unwrap();
    let blobs = environment.path("saved/store/blobs");
    fs::remove_dir_all(blobs).unwrap();
    let lost = drill(&environment, &[]).ends_with(1);
    assert!(lost.stdout.contains("saved cannot be relied on"), "{lost}");
    configure(&environment, "");
    let refused = environment.run(&["restore", "nowhere", "--drill"]).ends_with(1);
    assert!(refused.stderr.contains("nowhere"), "{refused}");
    let refused = environment.run(&["restore", "saved"]).ends_with(2);
    assert!(refused.stderr.contains("DIR"), "{refused}");
}

#[test]
fn no_drill_takes_place_in_the_store() {
    let environment = store();
    let _ = environment.run(&["backup", "saved"]).succeeds();
    let root = environment.root();
    std::os::unix::fs::symlink(root.join("store"), environment.path("link")).unwrap();
    for place in [root.clone(), root.join("store/tmp"), root.join("public"), environment.path("link")] {
        let refused = environment.run(&["restore", "saved", place.as_str(), "--drill"]).ends_with(2);
        assert!(refused.stderr.contains("outside of the store"), "{refused}");
    }
}

#[test]
fn a_backup_whose_configuration_cannot_be_read_or_of_another_store_is_not_relied_on() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["backup", "saved"]).succeeds();
    let settings = environment.path("saved/repo.toml");
    let good = fs::read(&settings).unwrap();
    for bad in ["[nonsense", ""] {
        fs::write(&settings, bad).unwrap();
        let refused = drill(&environment, &[]).ends_with(1);
        assert!(refused.stdout.contains("saved cannot be relied on"), "{bad}: {refused}");
        assert!(refused.stderr.contains("repo.toml"), "{bad}: {refused}");
    }
    fs::write(&settings, good).unwrap();
    let _ = drill(&environment, &[]).succeeds();
    let other = store();
    other.add("prod", &["other=1.0"]);
    let _ = other.run(&["backup", environment.path("other").as_str()]).succeeds();
    let of_another = environment.run(&["restore", "other", "--drill"]).ends_with(1);
    assert!(of_another.stdout.contains("other cannot be relied on"), "{of_another}");
}

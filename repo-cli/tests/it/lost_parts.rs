//! A part of what clients see, or of a backup, is lost: one command mends it, or the hint names the commands that do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use testkit::{Environment, Output};

use crate::store;

fn flip(path: &Utf8Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o444)).unwrap();
}

fn remove(path: &Utf8Path) {
    if path.is_dir() && !path.is_symlink() {
        fs::remove_dir_all(path).unwrap();
    } else {
        fs::remove_file(path).unwrap();
    }
}

/// The commands in the hints of a message.
fn commands_of_hints(output: &Output) -> Vec<Vec<String>> {
    let hints = output.stderr.lines().filter_map(|line| line.strip_prefix("hint: "));
    let quoted =
        hints.flat_map(|hint| hint.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>());
    let commands = quoted.filter_map(|command| command.strip_prefix("repo-cli ").map(str::to_owned));
    commands.map(|command| command.split(' ').map(str::to_owned).collect()).collect()
}

#[test]
fn one_repair_mends_what_is_lost_of_what_clients_see() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    environment.add("prod", &["hello=1.1"]);
    let lost = [
        "dists/bookworm/InRelease",
        "dists/bookworm/Release",
        "dists/bookworm/Release.gpg",
        "dists/bookworm/main/binary-amd64/Packages.xz",
        "key.asc",
        "key.gpg",
    ];
    let record = || {
        let dists = environment.public("prod").join("dists").read_link_utf8().unwrap();
        let id = dists.parent().unwrap().file_name().unwrap().to_owned();
        environment.root().join("store/publications/prod").join(id)
    };
    for way in ["flipped", "gone"] {
        let published = lost.map(|name| environment.public("prod").join(name));
        for path in published.iter().map(|path| path.canonicalize_utf8().ok()).chain([None]) {
            // What was lost before is in another publication now.
            let path = path.unwrap_or_else(record);
            match way {
                "flipped" => flip(&path),
                _ => remove(&path),
            }
            let _ = environment.run(&["fsck"]).ends_with(1);
            let repaired = environment.run(&["fsck", "--repair"]).succeeds();
            assert!(!repaired.stderr.contains("hint:"), "{path} {way}: {repaired}");
            let _ = environment.run(&["fsck"]).succeeds();
        }
    }
    assert!(environment.run(&["list", "prod"]).succeeds().stdout.contains("1.1"));
}

#[test]
fn a_repair_shows_no_change_that_was_not_published_and_its_hint_names_what_does() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let file = environment.package("hello", "2.0", "all");
    let _ = environment.run(&["add", "prod", file.as_str(), "--no-publish"]).succeeds();
    let dists = environment.public("prod").join("dists");
    remove(&dists.canonicalize_utf8().unwrap().join("bookworm/InRelease"));
    let before = dists.read_link_utf8().unwrap();
    let repaired = environment.run(&["fsck", "--repair"]).ends_with(1);
    assert_eq!(dists.read_link_utf8().unwrap(), before, "{repaired}");
    let commands = commands_of_hints(&repaired);
    assert_eq!(commands, [vec!["publish"], vec!["fsck", "--repair"]], "{repaired}");
    for command in commands {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let _ = environment.run(&words).succeeds();
    }
    let _ = environment.run(&["fsck"]).succeeds();
}

/// The first file or link below a directory whose path has such an end.
fn find(directory: &Utf8Path, is_it: &dyn Fn(&Utf8Path) -> bool) -> Option<Utf8PathBuf> {
    let mut entries: Vec<_> =
        directory.read_dir_utf8().ok()?.map(|entry| entry.unwrap().into_path()).collect();
    entries.sort();
    entries.into_iter().find_map(|path| {
        if path.is_dir() && !path.is_symlink() {
            return find(&path, is_it);
        }
        is_it(&path).then_some(path)
    })
}

#[test]
fn a_restoration_names_whatever_the_backup_lost_and_its_cure_mends_it() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["backup", "saved"]).succeeds();
    let saved = environment.path("saved");
    let text = |path: &Utf8Path| fs::read(path).unwrap_or_default();
    let in_prod = |is_it: &dyn Fn(&Utf8Path) -> bool| find(&saved.join("public/prod"), is_it).unwrap();
    let lost = [
        in_prod(&|path| path.file_name() == Some("InRelease")),
        in_prod(&|path| path.file_name() == Some("Release.gpg")),
        in_prod(&|path| text(path).starts_with(b"-----BEGIN PGP PUBLIC KEY")),
        in_prod(&|path| text(path).starts_with(b"\xfd7zXZ")),
        saved.join("public/prod/dists"),
        saved.join("public/prod"),
        saved.join("public"),
        saved.join("store/publications"),
        saved.join("store/ops/log"),
        saved.join("store/refs/prod"),
        find(&saved.join("store/blobs"), &|_| true).unwrap(),
        find(&saved.join("store/objects"), &|_| true).unwrap(),
    ];
    for path in lost {
        let relative = path.strip_prefix(&saved).unwrap();
        let copy = environment.path("copy");
        let copied = environment.other(&["cp", "-a", saved.as_str(), copy.as_str()]).status().unwrap();
        assert!(copied.success());
        remove(&copy.join(relative));
        let restored = environment.run(&["restore", "copy", "again", "--json"]).ends_with(1);
        let json: serde_json::Value = serde_json::from_str(&restored.stdout).unwrap();
        let named: Vec<&str> = json["problems"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|problem| problem["path"].as_str())
            .chain(json["damaged"].as_array().unwrap().iter().filter_map(|path| path.as_str()))
            .collect();
        // A publication that lost a part is known by its record.
        let is_named =
            |named: &&str| Utf8Path::new(named).starts_with(relative) || relative.starts_with(named);
        let is_told = named.iter().any(is_named)
            || (relative.starts_with("store/publications")
                && named.iter().any(|named| named.starts_with("public/prod")));
        assert!(is_told, "{relative}: {restored}");
        assert!(restored.stderr.contains("hint: "), "{relative}: {restored}");
        let _ = environment.run(&["--root", "again", "fsck", "--repair", "--from", "saved"]).succeeds();
        let _ = environment.run(&["--root", "again", "fsck"]).succeeds();
        let again = environment.path("again");
        assert!(again.join("public/prod/dists/bookworm/InRelease").exists(), "{relative}");
        fs::remove_dir_all(again).unwrap();
        fs::remove_dir_all(copy).unwrap();
    }
}

#[test]
fn a_backup_of_a_store_that_lost_a_part_of_a_publication_says_so() {
    let environment: Environment = store();
    environment.add("prod", &["hello=1.0"]);
    let dists = environment.public("prod").join("dists").canonicalize_utf8().unwrap();
    remove(&dists.join("bookworm/Release"));
    let told = environment.run(&["backup", "saved"]).ends_with(1);
    assert!(told.stderr.contains("bookworm/Release is damaged or missing, and was not saved"), "{told}");
    let _ = environment.run(&["fsck", "--repair"]).succeeds();
    let _ = environment.run(&["backup", "saved"]).succeeds();
    let _ = environment.run(&["restore", "saved", "again"]).succeeds();
}

#[test]
fn dists_that_were_removed_are_published_again_and_that_is_that() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    environment.add("preprod", &["hello=2.0"]);
    std::fs::remove_file(environment.root().join("public/preprod/dists")).unwrap();
    let _ = environment.run(&["publish", "preprod"]).succeeds();
    let _ = environment.run(&["fsck"]).succeeds();
}

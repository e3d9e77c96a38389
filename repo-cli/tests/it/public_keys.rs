//! The public keys beside what they signed.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;

use apt_sign::Keyring;
use testkit::Environment;

use crate::{configure, http, store};

/// The fingerprints in both files of a published repository, which must be the same.
fn published(environment: &Environment) -> Vec<String> {
    let read = |name: &str| fs::read(environment.public("prod").join(name)).unwrap();
    let (armored, binary) = (read("key.asc"), read("key.gpg"));
    assert!(armored.starts_with(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n"));
    let fingerprints = |bytes: &[u8]| {
        let keyring = Keyring::parse(bytes).unwrap();
        keyring.fingerprints().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(fingerprints(&armored), fingerprints(&binary));
    assert!(!binary.starts_with(b"-----"));
    fingerprints(&binary)
}

fn keys(environment: &Environment) -> Vec<String> {
    let listed = environment.run(&["key", "list"]).succeeds().stdout;
    listed.lines().skip(1).map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn they_are_served_and_follow_a_rotation() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    assert_eq!(published(&environment), keys(&environment));
    for name in ["key.asc", "key.gpg"] {
        let mode = environment.public("prod").join(name).metadata().unwrap().mode();
        assert_eq!(mode & 0o444, 0o444, "{mode:o}");
    }
    let server = environment.serve();
    let served = |name: &str| {
        let (status, body) = http::get(&server, &format!("/prod/{name}"));
        assert_eq!(status, 200, "{name}");
        body
    };
    assert_eq!(served("key.gpg"), fs::read(environment.public("prod").join("key.gpg")).unwrap());
    assert_eq!(served("key.asc"), fs::read(environment.public("prod").join("key.asc")).unwrap());

    let old = environment.root().join(format!("keys/{}.asc", keys(&environment)[0]));
    let _ = environment.run(&["key", "generate"]).succeeds();
    let _ = environment.run(&["publish"]).succeeds();
    assert_eq!(published(&environment).len(), 2);
    assert_eq!(published(&environment), keys(&environment));
    fs::remove_file(old).unwrap();
    let _ = environment.run(&["publish"]).succeeds();
    assert_eq!(published(&environment), keys(&environment));
    assert_eq!(served("key.gpg"), fs::read(environment.public("prod").join("key.gpg")).unwrap());
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn they_are_part_of_the_tree() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let prod = environment.public("prod");
    let before = (fs::read(prod.join("key.asc")).unwrap(), fs::read(prod.join("key.gpg")).unwrap());
    let now = || (fs::read(prod.join("key.asc")).unwrap(), fs::read(prod.join("key.gpg")).unwrap());
    let _ = environment.run(&["gc", "--grace", "0", "--yes"]);
    let _ = environment.run(&["fsck"]).succeeds();
    assert_eq!(now(), before, "garbage collection keeps them");

    // Another link, none, and another file are found and mended.
    for name in ["key.asc", "key.gpg"] {
        fs::remove_file(prod.join(name)).unwrap();
        let found = environment.run(&["fsck"]).ends_with(1);
        assert!(found.stdout.contains(&format!("public/prod/{name}")), "{found}");
        let _ = environment.run(&["fsck", "--repair"]).succeeds();
        assert_eq!(now(), before);
        fs::remove_file(prod.join(name)).unwrap();
        std::os::unix::fs::symlink("dists/bookworm/Release", prod.join(name)).unwrap();
        let _ = environment.run(&["publish", "prod"]).succeeds();
        assert_eq!(now(), before, "the next publication brings it back");
    }
    let file = fs::canonicalize(prod.join("key.asc")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&file, &before.1).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let _ = environment.run(&["fsck"]).ends_with(1);

    let _ = environment.run(&["fsck", "--repair"]);
    let _ = environment.run(&["publish", "prod"]).succeeds();
    assert_eq!(now(), before);
    let (backup, restored) = (environment.path("backup"), environment.path("restored"));
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    let _ = environment.run(&["restore", backup.as_str(), restored.as_str()]).succeeds();
    assert_eq!(fs::read(restored.join("public/prod/key.asc")).unwrap(), before.0);
    assert_eq!(fs::read(restored.join("public/prod/key.gpg")).unwrap(), before.1);
    let _ = environment.run(&["--root", restored.as_str(), "fsck"]).succeeds();
}

#[test]
fn who_may_not_read_the_repository_does_not_get_its_keys() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    configure(&environment, "[repositories.prod]\nallow = [\"192.0.2.1\"]\n");
    let server = environment.serve();
    assert_eq!(http::get(&server, "/prod/key.asc").0, 403);
    assert_eq!(http::get(&server, "/preprod/key.asc").0, 200);
}

#[test]
fn a_user_who_does_not_own_the_store_can_set_up_clients() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    if environment.root().metadata().unwrap().uid() != 0 {
        eprintln!("SKIPPED: only root can run a program as another user");
        return;
    }
    let program = environment.path("repo-cli");
    // By another program: one that somebody has open for writing cannot be run.
    assert!(environment.other(&["cp", crate::PROGRAM, program.as_str()]).status().unwrap().success());
    for path in [&environment.path(""), &program, &environment.root()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let own = environment.run(&["client-config", "prod"]).succeeds().stdout;
    let mut command = environment.other(&[program.as_str(), "client-config", "prod"]);
    let other = environment.finish(command.uid(65_533).gid(65_533)).succeeds();
    assert_eq!(other.stdout, own);
}

//! `--actor-key` and `history --verify`: who made each change, proven by a signature.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::SystemTime;

use apt_sign::{Keyring, SecretKey};
use camino::Utf8PathBuf;
use testkit::Environment;

use crate::store;

/// Writes the secret key of a person into a file that nobody else can read.
fn key(environment: &Environment, name: &str) -> (Utf8PathBuf, SecretKey) {
    let created = SystemTime::now() - std::time::Duration::from_secs(60);
    let key = SecretKey::generate(name, created, None).unwrap();
    let path = environment.write(&format!("{name}.key"), key.to_armored().unwrap().as_bytes());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    (path, key)
}

fn keyring(environment: &Environment, name: &str, keys: &[&SecretKey]) -> Utf8PathBuf {
    let keyring = Keyring::new(keys.iter().map(|key| key.certificate()).collect());
    environment.write(name, keyring.binary().unwrap())
}

/// What `history --verify` says of each commit, the newest first.
fn signatures(environment: &Environment, repository: &str, keyring: &Utf8PathBuf) -> (Vec<String>, i32) {
    let arguments = ["history", repository, "--verify", "--json", "--keyring", keyring.as_str()];
    let output = environment.run(&arguments);
    let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let commits = document["history"].as_array().unwrap().iter();
    let words = commits.map(|commit| commit["signature"].as_str().unwrap().to_owned()).collect();
    (words, output.status.unwrap())
}

#[test]
fn who_signed_each_change_is_told_and_a_change_by_nobody_is_found() {
    let environment = store();
    let (alice, alice_key) = key(&environment, "alice");
    let (bob, bob_key) = key(&environment, "bob");
    let add = |package: &str, version: &str, key: Option<&Utf8PathBuf>| {
        let file = environment.package(package, version, "all");
        let mut arguments = vec!["add", "preprod", file.as_str(), "--no-publish"];
        arguments.extend(key.iter().flat_map(|key| ["--actor-key", key.as_str()]));
        let _ = environment.run(&arguments).succeeds();
    };
    add("hello", "1.0", None);
    add("hello", "2.0", Some(&alice));
    add("hello", "3.0", Some(&bob));
    let both = keyring(&environment, "both.gpg", &[&alice_key, &bob_key]);
    let only_alice = keyring(&environment, "alice.gpg", &[&alice_key]);
    assert_eq!(
        signatures(&environment, "preprod", &both),
        (["good", "good", "unsigned", "unsigned"].map(str::to_owned).into(), 0)
    );
    let told = environment.run(&["history", "preprod", "--verify", "--keyring", both.as_str()]).succeeds();
    let signed_by = |line: &str| told.stdout.lines().any(|row| row.contains(line));
    assert!(signed_by(&format!("bob ({})", bob_key.fingerprint().short())), "{told}");
    assert!(signed_by(&format!("alice ({})", alice_key.fingerprint().short())), "{told}");
    assert!(signed_by("preprod: 2 of 4 commits verified, 2 unsigned, back to the first"), "{told}");
    // Who is not known is told apart from who did not sign.
    assert_eq!(
        signatures(&environment, "preprod", &only_alice),
        (["unknown", "good", "unsigned", "unsigned"].map(str::to_owned).into(), 3)
    );
    let arguments = ["history", "preprod", "--verify", "--keyring", only_alice.as_str()];
    let end = "preprod: 1 of 4 commits verified, 2 unsigned, 1 with an unknown signer, back to the first";
    assert!(environment.run(&arguments).stdout.lines().any(|line| line == end));
    add("hello", "4.0", None);
    assert_eq!(
        signatures(&environment, "preprod", &both).1,
        3,
        "somebody without a key came after those with one"
    );
    let _ = environment.run(&["fsck"]).succeeds();
    // What is signed for one repository means nothing in another.
    let reference = |name: &str| environment.root().join("store/refs").join(name);
    fs::copy(reference("preprod"), reference("prod")).unwrap();
    let (words, status) = signatures(&environment, "prod", &both);
    assert_eq!((words[1].as_str(), words[2].as_str(), status), ("bad", "bad", 3));
    let told = environment.run(&["history", "prod", "--verify", "--keyring", both.as_str()]);
    let end = "prod: 0 of 5 commits verified, 3 unsigned, 2 with a bad signature, back to the first";
    assert!(told.stdout.lines().any(|line| line == end), "{told}");
}

#[test]
fn a_key_that_others_can_read_signs_nothing() {
    let environment = store();
    let (alice, _) = key(&environment, "alice");
    fs::set_permissions(&alice, fs::Permissions::from_mode(0o644)).unwrap();
    let file = environment.package("hello", "1.0", "all");
    let refused = environment.run(&["add", "preprod", file.as_str(), "--actor-key", alice.as_str()]);
    assert_eq!(refused.status, Some(1));
    assert!(refused.stderr.contains("mode 0644 lets others read it"), "{refused}");
    insta::assert_snapshot!(environment.run(&["history", "preprod"]), @"
    status: 0
    ---- stderr
    no changes in preprod
    ");
}

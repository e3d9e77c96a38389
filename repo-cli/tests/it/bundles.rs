//! A store, a stick, and a site without network whose machines have nothing but apt.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::SystemTime;

use apt_sign::SecretKey;
use testkit::{Apt, Environment};

use crate::{killed_at, store};

/// A store with two releases in prod, the public key of prod, and the keys of a site.
fn two_releases() -> Environment {
    let environment = store();
    environment.add("prod", &["hello=1.0", "shared=1.0"]);
    let _ = environment.run(&["tag", "prod", "release-41"]).succeeds();
    environment.add("prod", &["hello=2.0"]);
    let _ = environment.run(&["tag", "prod", "release-42"]).succeeds();
    fs::copy(environment.public("prod").join("key.asc"), environment.path("archive.asc")).unwrap();
    let key =
        SecretKey::generate_for_encryption("plant-7 <plant-7@example.org>", SystemTime::now(), None).unwrap();
    let secret = environment.write("plant-7.key", key.to_armored().unwrap().as_bytes());
    fs::set_permissions(secret, fs::Permissions::from_mode(0o600)).unwrap();
    environment.write("plant-7.asc", key.certificate().armored().unwrap());
    environment
}

/// What `bundle apply` is given after the file.
const AT_THE_SITE: [&str; 8] =
    ["--tree", "tree", "--site", "plant-7", "--keyring", "archive.asc", "--secret-key", "plant-7.key"];

fn apply(file: &str) -> Vec<&str> {
    [&["bundle", "apply", file][..], &AT_THE_SITE].concat()
}

#[test]
fn releases_reach_a_site_that_has_only_apt() {
    let environment = two_releases();
    let create = ["bundle", "create", "prod@release-41", "--site", "plant-7", "--to", "plant-7.asc"];
    let _ = environment.run(&[&create[..], &["-o", "41.bundle", "--split", "1K"]].concat()).succeeds();
    assert!(environment.path("41.bundle.003").exists() && !environment.path("41.bundle").exists());
    insta::assert_snapshot!(environment.run(&apply("41.bundle")), @"
    status: 0
    ---- stdout
    applied prod 1 (<PUBLICATION>): 10 files (5.5 KiB)
    apt on this machine: deb [signed-by=<DIR>/tree/prod/key.gpg] file:<DIR>/tree/prod SUITE COMPONENT
    ");

    let receipt = environment.run(&["bundle", "receipt", "--tree", "tree"]).succeeds().stdout;
    environment.write("receipt", &receipt);
    let create = ["bundle", "create", "prod@release-42", "--receipt", "receipt", "--to", "plant-7.asc"];
    let _ = environment.run(&[&create[..], &["-o", "42.bundle"]].concat()).succeeds();
    let verify = ["bundle", "verify", "42.bundle", "--keyring", "archive.asc", "--secret-key", "plant-7.key"];
    let printed: serde_json::Value = serde_json::from_str(&environment.json(&verify)).unwrap();
    assert_eq!((&printed["site"], &printed["verified"]), (&"plant-7".into(), &true.into()));
    let encrypted = fs::read(environment.path("42.bundle")).unwrap();
    assert!(!encrypted.windows(5).any(|bytes| bytes == b"hello"), "nobody else reads it");

    let Some(apt) = Apt::new(&environment, "machine") else { return };
    let root = environment.path("tree/prod");
    let keyring = environment.path("archive.asc");
    let source =
        format!("Types: deb\nURIs: file:{root}\nSuites: bookworm\nComponents: main\nSigned-By: {keyring}\n");
    apt.source("prod", &source);
    let _ = apt.update().succeeds();
    assert_eq!(apt.versions("hello"), ["1.0"]);
    let _ = environment.run(&apply("42.bundle")).succeeds();
    let _ = apt.update().succeeds();
    assert_eq!(apt.candidate("hello").as_deref(), Some("2.0"));
    for (package, file) in [("hello=2.0", "hello_2.0_all.deb"), ("shared", "shared_1.0_all.deb")] {
        let original = fs::read(environment.path(format!("files/{file}"))).unwrap();
        assert_eq!(apt.download(package), original, "{file}");
    }
    let _ = environment.run(&["bundle", "undo", "--tree", "tree"]).succeeds();
    let Some(new) = Apt::new(&environment, "new-machine") else { return };
    new.source("prod", &source);
    let _ = new.update().succeeds();
    assert_eq!(new.versions("hello"), ["1.0"]);
}

#[test]
fn what_does_not_belong_there_is_refused_by_name() {
    let environment = two_releases();
    let create = |state: &str, file: &str, more: &[&str]| {
        let words = ["bundle", "create", state, "--site", "plant-7", "--plain", "-o", file];
        let _ = environment.run(&[&words[..], more].concat()).succeeds();
    };
    create("prod@release-41", "41.bundle", &[]);
    create("prod@release-42", "42.bundle", &["--since", "release-41"]);
    let bytes = fs::read(environment.path("42.bundle")).unwrap();
    environment.write("cut.bundle", &bytes[..bytes.len() - 1]);
    environment.write("rubbish", "no bundle");
    let mut said = Vec::new();
    let mut refused = |arguments: &[&str]| said.push(environment.run(arguments).ends_with(1).stderr);
    refused(&apply("42.bundle"));
    refused(&["bundle", "apply", "41.bundle", "--tree", "tree", "--keyring", "archive.asc"]);
    refused(&[
        "bundle",
        "apply",
        "41.bundle",
        "--tree",
        "tree",
        "--keyring",
        "archive.asc",
        "--site",
        "plant-8",
    ]);
    refused(&[
        "bundle",
        "apply",
        "41.bundle",
        "--tree",
        "tree",
        "--keyring",
        "plant-7.asc",
        "--site",
        "plant-7",
    ]);
    refused(&["bundle", "apply", "rubbish", "--tree", "tree", "--keyring", "archive.asc"]);
    refused(&["bundle", "create", "prod@release-42", "--since", "release-42", "--plain", "-o", "none"]);
    refused(&["bundle", "create", "prod@release-42", "--to", "archive.asc", "-o", "none"]);
    let _ = environment.run(&apply("41.bundle")).succeeds();
    refused(&apply("41.bundle"));
    refused(&apply("cut.bundle"));
    let _ = environment.run(&apply("42.bundle")).succeeds();
    refused(&apply("41.bundle"));
    insta::assert_snapshot!(testkit::normalised(&said.concat()), @"
    error: 42.bundle: the bundle is out of order: it begins with publication <PUBLICATION> of prod, and nothing is there
    hint: send `repo-cli bundle receipt --tree DIR` to where bundles are made, for `bundle create --receipt`
    error: 41.bundle: the bundle is for site plant-7, and this is a site without a name
    hint: if this is that site, give its name with --site
    error: 41.bundle: the bundle is for site plant-7, and this is site plant-8
    error: 41.bundle: the manifest of the bundle is not trusted: signed by none of the trusted keys (signatures by: <FINGERPRINT>)
    hint: if you trust the sender, give the sender's public key with --keyring
    error: rubbish: encrypted, or not a bundle
    hint: give the key that it is encrypted to with --secret-key
    error: nothing to carry: the site has what is published already
    error: cannot encrypt to key <FINGERPRINT>: it has no valid encryption key
    error: 41.bundle: the bundle was applied before: prod is at publication <PUBLICATION>
    error: cut.bundle: the bundle is truncated in the end of the archive
    hint: copy the bundle to this machine again
    error: 41.bundle: the bundle is older than what is there: it leads prod to commit 1, and commit 2 is there
    ");
    assert!(!environment.path("none").exists() && !environment.path("none.new").exists());
}

#[test]
fn a_site_says_in_its_configuration_what_it_is_called_and_whose_bundles_it_takes() {
    let environment = two_releases();
    let create = |site: &str| {
        let file = format!("{site}.bundle");
        let words = ["bundle", "create", "prod@release-41", "--site", site, "--plain", "-o", &file];
        let _ = environment.run(&words).succeeds();
    };
    create("plant-7");
    create("plant-8");
    fs::create_dir(environment.path("site")).unwrap();
    fs::copy(environment.path("archive.asc"), environment.path("site/senders.asc")).unwrap();
    let apply = |file| environment.run(&["--root", "site", "bundle", "apply", file, "--tree", "tree"]);
    environment.write("site/repo.toml", "[bundle]\nsite = \"plant-7\"\n");
    let none = apply("plant-7.bundle").ends_with(1).stderr;
    environment.write("site/repo.toml", "[bundle]\nsite = \"plant-7\"\nkeyring = \"senders.asc\"\n");
    let other = apply("plant-8.bundle").ends_with(1).stderr;
    insta::assert_snapshot!(format!("{none}{other}"), @"
    error: no keyring says whose bundles are taken
    hint: give the public key of the sender with --keyring, or name it as `keyring` of [bundle] in repo.toml
    error: plant-8.bundle: the bundle is for site plant-8, and this is site plant-7
    ");
    let _ = apply("plant-7.bundle").succeeds();
}

#[test]
fn a_machine_that_stops_while_it_applies_a_bundle_goes_on_with_the_same_command() {
    if !testkit::all_installed(&["strace"]) {
        return;
    }
    let environment = two_releases();
    let create = ["bundle", "create", "prod@release-41", "--site", "plant-7", "--plain", "-o", "41.bundle"];
    let _ = environment.run(&create).succeeds();
    let _ = environment.run(&apply("41.bundle")).succeeds();
    let create = ["bundle", "create", "prod", "--receipt", "receipt", "--plain", "-o", "42.bundle"];
    environment.write("receipt", environment.run(&["bundle", "receipt", "--tree", "tree"]).succeeds().stdout);
    let _ = environment.run(&create).succeeds();
    // The steps one by one are tried in the library; here the process really dies.
    for number in [1, 2, 4] {
        let _ = environment.finish(killed_at(&environment, "syncfs", number).args(apply("42.bundle")));
        let release = fs::read_to_string(environment.path("tree/prod/dists/bookworm/Release")).unwrap();
        let is_new =
            release == fs::read_to_string(environment.public("prod").join("dists/bookworm/Release")).unwrap();
        assert_eq!(is_new, number == 4, "killed at synchronisation {number}");
    }
    let again = environment.run(&apply("42.bundle")).ends_with(1);
    assert!(again.stderr.contains("was applied before"), "{again}");
}

//! Signatures apart from publishing: by a person on another machine, and again before the old ones end.

use std::fs;
use std::time::{Duration, SystemTime};

use apt_sign::{OpenPgpSigner, SecretKey, Signer as _};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;
use testkit::{Apt, Environment, Output, Tree};

use crate::{configure, store};

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
}

fn in_release(environment: &Environment, repository: &str) -> String {
    fs::read_to_string(environment.public(repository).join("dists/bookworm/InRelease")).unwrap()
}

/// A store that has the public part of its key alone, and the secret one.
pub(crate) fn offline_store() -> (Environment, SecretKey) {
    let environment = store();
    let mut files = environment.root().join("keys").read_dir_utf8().unwrap();
    let path = files.next().unwrap().unwrap().into_path();
    let key = SecretKey::load(path.as_std_path(), None).unwrap();
    environment.write("store/offline.asc", key.certificate().armored().unwrap());
    fs::remove_file(path).unwrap();
    configure(&environment, "[[signing.signer]]\noffline = true\npublic_key = 'offline.asc'\n");
    (environment, key)
}

/// What the person does on the other machine.
pub(crate) fn sign(directory: &Utf8Path, key: SecretKey) {
    let signer = OpenPgpSigner::new(vec![key]).unwrap();
    for release in releases(directory) {
        let signed = signer.sign(&fs::read(&release).unwrap(), SystemTime::now()).unwrap();
        fs::write(release.with_file_name("InRelease"), signed.inline()).unwrap();
        fs::write(release.with_file_name("Release.gpg"), signed.detached()).unwrap();
    }
}

fn releases(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut found = Vec::new();
    for repository in directory.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()) {
        if repository.is_dir() {
            let suites = repository.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
            found.extend(suites.map(|suite| suite.join("Release")).filter(|path| path.is_file()));
        }
    }
    found
}

/// A copy of a secret key, which is wiped where it is used.
fn copy(key: &SecretKey) -> SecretKey {
    SecretKey::from_bytes(key.to_armored().unwrap().as_bytes(), None).unwrap()
}

#[test]
fn a_repository_that_is_signed_offline_is_published_by_export_and_attach_alone() {
    let (environment, key) = offline_store();
    let package = environment.package("hello", "1.0", "all");
    let before = in_release(&environment, "prod");
    let added = environment.run(&["add", "prod", package.as_str()]).succeeds();
    assert!(added.stdout.contains("prod is signed offline: run repo-cli sign export DIR prod"), "{added}");
    let refused = environment.run(&["publish", "prod"]).ends_with(1);
    assert!(refused.stderr.contains("signs offline"), "{refused}");
    assert!(refused.stderr.contains("run repo-cli sign export DIR"), "{refused}");

    let directory = environment.path("to-sign");
    let exported = environment.run(&["sign", "export", directory.as_str()]).succeeds();
    assert!(exported.stdout.contains("prod (commit 1): 1 file to sign: bookworm"), "{exported}");
    assert_eq!(in_release(&environment, "prod"), before, "nothing is published yet");
    // Nothing signed yet; signed by a stranger; with another text; half of it.
    let refused = |what: &str| {
        let output = environment.run(&["sign", "attach", directory.as_str()]).ends_with(1);
        let foretold = environment.run(&["sign", "attach", directory.as_str(), "--dry-run"]).ends_with(1);
        assert_eq!(foretold.stderr, output.stderr, "{foretold}");
        assert!(output.stderr.contains(what), "{what}: {output}");
        assert_eq!(in_release(&environment, "prod"), before, "{what}");
    };
    refused("cannot read");
    let made = SystemTime::now() - Duration::from_secs(60);
    sign(&directory, SecretKey::generate("stranger", made, None).unwrap());
    refused("signed by none of the trusted keys");
    let release = directory.join("prod/bookworm/Release");
    let text = fs::read_to_string(&release).unwrap();
    fs::write(&release, text.replace("Label: prod", "Label: other")).unwrap();
    sign(&directory, copy(&key));
    refused("cannot sign the Release file of bookworm: no signature of it is there");
    fs::write(&release, &text).unwrap();
    sign(&directory, copy(&key));
    fs::write(directory.join("prod/bookworm/Release.gpg"), "rubbish").unwrap();
    refused("cannot sign the Release file of bookworm");

    // What arrives meanwhile waits, and does not disturb.
    let next = environment.package("world", "1.0", "all");
    let _ = environment.run(&["add", "prod", next.as_str()]).succeeds();
    sign(&directory, copy(&key));
    let untouched = Tree::of(&environment.root());
    let foretold = environment.run(&["sign", "attach", directory.as_str(), "--dry-run"]).succeeds();
    assert!(foretold.stdout.contains("would publish prod: bookworm"), "{foretold}");
    untouched.is_still(&Tree::of(&environment.root()), "a dry run");
    let attached = environment.run(&["sign", "attach", directory.as_str()]).succeeds();
    assert!(attached.stdout.contains("published prod "), "{attached}");
    let shown = in_release(&environment, "prod");
    assert_ne!(shown, before);
    let server = environment.serve();
    if let Some(apt) = Apt::new(&environment, "client") {
        let keyring = environment.public("prod").join("key.asc");
        let entry = format!(
            "Types: deb\nURIs: {}/prod\nSuites: bookworm\nComponents: main\nSigned-By: {keyring}\n",
            server.url()
        );
        apt.source("prod", &entry);
        let _ = apt.update().succeeds();
        assert_eq!(apt.versions("hello"), ["1.0"]);
        assert_eq!(apt.versions("world"), [""; 0], "it waits");
    }
    let _ = environment.run(&["fsck"]).succeeds();

    // The same once more is stale, by name; the next export has what waited.
    let stale = environment.run(&["sign", "attach", directory.as_str()]).ends_with(1);
    assert!(stale.stderr.contains("the signatures of prod are stale"), "{stale}");
    let second = environment.path("second");
    let exported = environment.run(&["sign", "export", second.as_str(), "prod"]).succeeds();
    assert!(exported.stdout.contains("prod (commit 2): 1 file to sign"), "{exported}");
    let old = environment.run(&["sign", "export", second.as_str()]).ends_with(1);
    assert!(old.stderr.contains("second"), "{old}");
    sign(&second, copy(&key));
    let _ = environment.run(&["sign", "attach", second.as_str()]).succeeds();
    assert_ne!(in_release(&environment, "prod"), shown);
    let nothing = environment.run(&["sign", "export", environment.path("third").as_str()]).succeeds();
    assert!(nothing.stdout.contains("prod: nothing to sign"), "{nothing}");
    let keyring = environment.run(&["key", "publish", "prod"]).succeeds();
    assert!(keyring.stdout.contains("prod is signed offline"), "{keyring}");
}

#[test]
fn the_script_of_an_export_signs_with_gpg() {
    if !testkit::all_installed(&["gpg", "gpgconf"]) {
        return;
    }
    let (environment, key) = offline_store();
    let home = tempfile::TempDir::with_prefix_in("gpg-", "/tmp").unwrap();
    let secret = environment.write("secret.asc", key.to_armored().unwrap().as_bytes());
    let in_home = |words: &[&str]| {
        let mut command = environment.other(words);
        environment.finish(command.env("GNUPGHOME", home.path()))
    };
    let _ = in_home(&["gpg", "--batch", "--quiet", "--import", secret.as_str()]).succeeds();
    let package = environment.package("hello", "1.0", "all");
    configure(
        &environment,
        "[[signing.signer]]\noffline = true\npublic_key = 'offline.asc'\n[repositories.prod]\nflat = 'bookworm'\n",
    );
    let _ = environment.run(&["add", "prod", package.as_str()]).succeeds();
    let directory = environment.path("to-sign");
    let exported = environment.run(&["sign", "export", directory.as_str(), "prod"]).succeeds();
    assert!(exported.stdout.contains("2 files to sign"), "{exported}");
    let script = directory.join("sign.sh");
    let signed = in_home(&["sh", script.as_str(), key.fingerprint().as_str()]);
    let _ = in_home(&["gpgconf", "--kill", "gpg-agent"]);
    let _ = signed.succeeds();
    let _ = environment.run(&["sign", "attach", directory.as_str()]).succeeds();
    assert!(environment.public("prod").join("InRelease").exists(), "the flat form too");
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn signatures_are_refreshed_at_half_of_their_validity_with_one_request_for_each_client() {
    let environment = store();
    // For all that is done before and after the half of it, on a slow machine.
    configure(&environment, "valid_for = '30s'\n");
    environment.add("prod", &["hello=1.0"]);
    let server = environment.serve();
    let entry = format!(
        "Types: deb\nURIs: {}/prod\nSuites: bookworm\nComponents: main\nSigned-By: {}\n",
        server.url(),
        environment.public("prod").join("key.asc")
    );
    let apt = Apt::new(&environment, "client").inspect(|apt| {
        apt.source("prod", &entry);
        let _ = apt.update().succeeds();
    });
    // Committed, and to stay unpublished.
    let package = environment.package("world", "1.0", "all");
    let _ = environment.run(&["add", "prod", package.as_str(), "--no-publish"]).succeeds();
    let before = in_release(&environment, "prod");
    std::thread::sleep(Duration::from_secs(16));
    let planned = environment.run(&["sign", "refresh", "prod", "--dry-run"]).succeeds();
    assert!(planned.stdout.contains("would sign prod again: bookworm"), "{planned}");
    assert_eq!(in_release(&environment, "prod"), before);
    let refreshed = environment.run(&["sign", "refresh", "prod"]).succeeds();
    assert!(refreshed.stdout.contains("signed prod again, published "), "{refreshed}");
    let after = in_release(&environment, "prod");
    let without_dates = |text: &str| -> Vec<String> {
        let text = text.split("-----BEGIN PGP SIGNATURE").next().unwrap();
        let dated = |line: &&str| line.starts_with("Date: ") || line.starts_with("Valid-Until: ");
        text.lines().filter(|line| !dated(line)).map(str::to_owned).collect()
    };
    assert_ne!(after, before);
    assert_eq!(without_dates(&after), without_dates(&before));
    if let Some(apt) = &apt {
        let said = apt.update().succeeds();
        let requests =
            said.stdout.lines().filter(|line| line.starts_with("Get:") || line.starts_with("Hit:"));
        let requests: Vec<&str> = requests.collect();
        assert!(requests.len() == 1 && requests[0].contains("InRelease"), "{said}");
        assert_eq!(apt.versions("world"), [""; 0]);
    }
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn with_nothing_to_refresh_no_key_is_read() {
    let environment = store();
    configure(&environment, "valid_for = '14d'\n");
    environment.add("prod", &["hello=1.0"]);
    fs::rename(environment.root().join("keys"), environment.path("keys")).unwrap();
    let said = environment.run(&["sign", "refresh"]).succeeds();
    assert!(said.stdout.contains("nothing to sign"), "{said}");
    let said = environment.run(&["sign", "refresh", "--json"]).succeeds();
    assert_eq!(json(&said)["refreshed"], serde_json::json!([]));
}

//! Keys that are taken in, extended, revoked and protected, and what is said as their end comes near.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use apt_sign::{Keyring, SecretKey};
use camino::Utf8PathBuf;
use serde_json::Value;
use testkit::{Environment, Output, Tree};

use crate::{PROGRAM, configure, store};

pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap()
}

fn keys(environment: &Environment) -> Vec<Value> {
    let listed = environment.run(&["key", "list", "--json"]).succeeds();
    json(&listed)["keys"].as_array().unwrap().clone()
}

fn fingerprint(key: &Value) -> String {
    key["fingerprint"].as_str().unwrap().to_owned()
}

/// Puts a key there as if it had signed all along.
pub(crate) fn only_key(environment: &Environment, key: &SecretKey) {
    let directory = environment.root().join("keys");
    fs::remove_dir_all(&directory).unwrap();
    key.save_new(directory.join(format!("{}.asc", key.fingerprint())).as_std_path()).unwrap();
}

/// The keyring of the newest version of the package, as clients find it.
pub(crate) fn served(environment: &Environment) -> Keyring {
    Keyring::parse(&fs::read(environment.public("prod").join("key.gpg")).unwrap()).unwrap()
}

pub(crate) fn secret_file(environment: &Environment, name: &str, bytes: &[u8]) -> Utf8PathBuf {
    let path = environment.write(name, bytes);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[test]
fn a_key_near_its_end_is_named_and_one_that_ends_before_the_signatures_signs_nothing() {
    for (days, said) in
        [(89, "it expires in 89 days"), (29, "key extend"), (5, "Run now: repo-cli key extend")]
    {
        let environment = store();
        let key =
            SecretKey::generate("near", SystemTime::now() - DAY, Some((days + 1) * DAY + DAY / 2)).unwrap();
        only_key(&environment, &key);
        let published = environment.run(&["publish", "--allow-key-change", "--json"]).succeeds();
        assert!(published.stderr.contains(said), "{days}: {published}");
        assert_eq!(json(&published)["warnings"][0]["code"], "W-KEY-EXPIRES", "{published}");
        let check = environment.run(&["key", "check", "--json"]);
        assert_eq!(check.status, Some(if days < 30 { 3 } else { 0 }), "{check}");
        // The signatures of today would outlive the key.
        configure(&environment, &format!("[repositories.prod]\nvalid_for = \"{}d\"\n", days + 2));
        let refused = environment.run(&["publish", "prod", "--json"]).ends_with(1);
        assert_eq!(json(&refused)["error"]["code"], "E-KEY-ENDS", "{refused}");
        let package = environment.package("hello", "1.0", "all");
        let refused = environment.run(&["add", "prod", package.as_str()]).ends_with(1);
        assert!(refused.stderr.contains("key extend"), "{refused}");
        let _ = environment.run(&["list", "prod"]).succeeds();

        // A second key that lasts is enough.
        let _ = environment.run(&["key", "rotate", "--all"]).succeeds();
        let _ = environment.run(&["add", "prod", package.as_str()]).succeeds();
    }
    let environment = store();
    only_key(
        &environment,
        &SecretKey::generate("today", SystemTime::now() - DAY, Some(DAY + DAY / 2)).unwrap(),
    );
    let refused = environment.run(&["publish", "--allow-key-change", "--json"]).ends_with(1);
    assert_eq!(json(&refused)["error"]["code"], "E-KEY-ENDS", "{refused}");
}

#[test]
fn every_verb_that_publishes_warns_of_a_key_that_ends() {
    let environment = store();
    let key = SecretKey::generate("near", SystemTime::now() - DAY, Some(20 * DAY + DAY / 2)).unwrap();
    only_key(&environment, &key);
    let _ = environment.run(&["publish", "--allow-key-change"]).succeeds();
    let first = environment.package("hello", "1.0", "all");
    let second = environment.package("hello", "2.0", "all");
    let dropped = environment.package("dropped", "1.0", "all");
    fs::create_dir(environment.path("drop")).unwrap();
    fs::rename(&dropped, environment.path("drop/dropped_1.0_all.deb")).unwrap();
    configure(&environment, "[[retention]]\nkeep_versions = 1\n");
    let drop = environment.path("drop");
    for arguments in [
        &["add", "preprod", first.as_str()][..],
        &["add", "preprod", second.as_str(), "--no-publish"],
        &["publish"],
        &["promote", "hello", "--from", "preprod", "--to", "prod"],
        &["remove", "preprod", "hello=1.0", "--yes"],
        &["undo", "preprod", "--yes"],
        &["rollback", "preprod", "--to", "1", "--yes"],
        &["rollback", "preprod", "--to", "2", "--yes"],
        &["incoming", "preprod", drop.as_str(), "--once", "--patience", "0"],
        &["retention", "--yes"],
        &["sign", "again"],
        &["key", "publish"],
        &["key", "rotate", "--all"],
        // One of two that ends is told as well.
        &["sign", "again"],
    ] {
        let said = environment.run(arguments).succeeds();
        let is_told =
            said.stderr.contains("it expires in 19 days") && said.stderr.contains("repo-cli key extend");
        assert_eq!(is_told, !arguments.contains(&"--no-publish"), "{arguments:?}: {said}");
    }
}

#[test]
fn an_extended_key_reaches_clients_at_once_and_stands_once_in_the_keyring() {
    testkit::on_one_day();
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let key = SecretKey::generate("short", SystemTime::now() - DAY, Some(20 * DAY)).unwrap();
    only_key(&environment, &key);
    let _ = environment.run(&["publish", "--allow-key-change"]).succeeds();
    let fingerprint = key.fingerprint().to_string();
    let extended = environment.run(&["key", "extend", &fingerprint, "--expires", "3y", "--json"]).succeeds();
    assert_eq!(json(&extended)["changed"], true);
    assert_eq!(json(&extended)["keyrings"].as_array().unwrap().len(), 2);
    let shown = served(&environment);
    let [certificate] = shown.certificates() else { panic!("{shown:?}") };
    let left = certificate.expires().unwrap().duration_since(SystemTime::now()).unwrap();
    assert!(left > 1090 * DAY && left <= 1096 * DAY, "{left:?}");
    if testkit::all_installed(&["gpgv"]) {
        // One more day than the old end: gpgv goes by the newest self-signature.
        let keyring = environment.public("prod").join("key.gpg");
        let signed = environment.public("prod").join("dists/bookworm/InRelease");
        let arguments = ["gpgv", "--keyring", keyring.as_str(), signed.as_str()];
        let _ = environment.finish(&mut environment.other(&arguments)).succeeds();
        if testkit::all_installed(&["faketime"]) {
            let later = [&["faketime", "-f", "+40d"][..], &arguments].concat();
            let _ = environment.finish(&mut environment.other(&later)).succeeds();
        }
    }
    let again = environment.run(&["key", "extend", &fingerprint, "--expires", "3y", "--json"]).succeeds();
    assert_eq!(json(&again)["changed"], false, "the same day is the same end");
    // The last change counts, however soon it comes.
    let _ = environment.run(&["key", "extend", &fingerprint, "--expires", "never"]).succeeds();
    assert_eq!(served(&environment).certificates()[0].expires(), None);
    let _ = environment.run(&["fsck"]).succeeds();
    // A clock that was set back is named, and nothing is changed.
    if let Some(mut command) = environment.with_clock("-30d") {
        let arguments = ["key", "extend", &fingerprint, "--expires", "3y", "--json"];
        let refused = environment.finish(command.args(arguments)).ends_with(1);
        assert_eq!(json(&refused)["error"]["code"], "E-CLOCK", "{refused}");
        assert_eq!(served(&environment).certificates()[0].expires(), None);
    }
    let unknown =
        environment.run(&["key", "extend", &"A".repeat(40), "--expires", "3y", "--json"]).ends_with(1);
    assert_eq!(json(&unknown)["error"]["code"], "E-UNKNOWN-KEY");
}

#[test]
fn of_changes_within_a_second_the_last_one_counts() {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let made = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds) - DAY;
    let key = SecretKey::generate("quick", made, Some(20 * DAY)).unwrap();
    let ends = [Some(made + 30 * DAY), None, Some(made + 400 * DAY), None, Some(made + 40 * DAY)];
    let mut changed = key;
    for end in ends {
        changed = changed.with_expiry(end, made + DAY / 2).unwrap();
        assert_eq!(changed.certificate().expires(), end);
    }
    let environment = store();
    only_key(&environment, &changed);
    let _ = environment.run(&["publish", "--allow-key-change"]).succeeds();
    if testkit::all_installed(&["gpgv", "faketime"]) {
        let keyring = environment.public("prod").join("key.gpg");
        let signed = environment.public("prod").join("dists/bookworm/InRelease");
        let arguments = ["gpgv", "--status-fd", "1", "--keyring", keyring.as_str(), signed.as_str()];
        let now = environment.finish(&mut environment.other(&arguments)).succeeds();
        assert!(now.stdout.contains("[GNUPG:] GOODSIG "), "{now}");
        let after = |days: &str| {
            let later = [&["faketime", "-f", days][..], &arguments].concat();
            environment.finish(&mut environment.other(&later)).stdout
        };
        assert!(after("+38d").contains("[GNUPG:] GOODSIG "));
        assert!(after("+40d").contains("[GNUPG:] EXPKEYSIG "));
    }
}

/// The text of a name with so many bytes.
fn name(bytes: usize) -> String {
    "x".repeat(bytes)
}

#[test]
fn a_name_that_gpgv_does_not_read_is_refused_before_anything_is_made() {
    let environment = store();
    let before = keys(&environment).len();
    let place = environment.path("new");
    for name in [name(2049).as_str(), "a\nb", "a\u{7}b", ""] {
        for verb in
            [&["key", "generate"][..], &["key", "rotate", "--all"], &["key", "revoke", &"A".repeat(40)]]
        {
            let refused = environment.run(&[verb, &["--name", name]].concat()).ends_with(2);
            assert!(refused.stderr.contains("not a user ID of"), "{refused}");
        }
        for verb in [&["init"][..], &["quickstart", "--no-serve"]] {
            let refused = environment.run(&[verb, &["--origin", name, place.as_str()]].concat()).ends_with(2);
            assert!(!refused.stderr.is_empty(), "{refused}");
            assert!(!place.exists(), "{refused}");
        }
    }
    assert_eq!(keys(&environment).len(), before);
    // The name of the key is longer than the origin.
    let refused = environment.run(&["init", "--origin", &name(2027), place.as_str()]).ends_with(2);
    assert!(refused.stderr.contains("at most 2048 bytes"), "{refused}");
    let _ = environment.run(&["init", "--origin", &name(2026), place.as_str()]).succeeds();
    let _ = environment.run(&["key", "generate", "--name", &name(2048)]).succeeds();
}

#[test]
fn a_key_with_a_name_that_gpgv_does_not_read_is_told_and_gives_no_name_to_the_next() {
    let environment = store();
    let directory = environment.root().join("keys");
    fs::remove_dir_all(&directory).unwrap();
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
    let long = include_bytes!("../keys/user-id-of-2049-bytes.asc");
    let _ = secret_file(&environment, "store/keys/long.asc", long);
    let _ = environment.run(&["publish", "--allow-key-change"]).succeeds();
    let told = "it has a user ID of 2049 bytes, which apt before version 3 cannot read";
    let check = environment.run(&["key", "check"]).ends_with(3);
    assert!(check.stdout.contains(told) && check.stdout.contains("repo-cli key rotate --all"), "{check}");
    let fsck = environment.run(&["fsck"]);
    assert!(fsck.stderr.contains(told), "{fsck}");
    if testkit::all_installed(&["gpgv"]) {
        let keyring = environment.public("prod").join("key.gpg");
        let signed = environment.public("prod").join("dists/bookworm/InRelease");
        let gpgv = ["gpgv", "--keyring", keyring.as_str(), signed.as_str()];
        let refused = environment.finish(&mut environment.other(&gpgv));
        assert!(refused.stderr.contains("No public key"), "{refused}");
    }
    let _ = environment.run(&["key", "rotate", "--all"]).succeeds();
    let names = keys(&environment).iter().map(|key| key["user_ids"][0].clone()).collect::<Vec<_>>();
    assert!(names.iter().any(|name| name == "Archive signing key"), "{names:?}");
}

#[test]
fn a_revoked_key_is_known_as_such_at_once_and_signs_on_beside_a_new_one_until_it_is_retired() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let old = environment.path("old.gpg");
    fs::copy(environment.public("prod").join("key.gpg"), &old).unwrap();
    let first = fingerprint(&keys(&environment)[0]);
    let _ = environment.run(&["key", "revoke", &first]).succeeds();
    let listed = keys(&environment);
    assert_eq!(listed.len(), 2);
    for key in &listed {
        assert_eq!(key["state"], if fingerprint(key) == first { "revoked" } else { "signs" });
    }
    let check = environment.run(&["key", "check"]).ends_with(3);
    assert!(check.stdout.contains("revoked, and still signing"), "{check}");
    let now = SystemTime::now();
    let shown = served(&environment);
    let mut certificates = shown.certificates().iter();
    let revoked = certificates.find(|certificate| certificate.fingerprint().to_string() == first).unwrap();
    assert_eq!(revoked.problems(now), [apt_sign::KeyProblem::Revoked]);
    let signed = environment.public("prod").join("dists/bookworm/InRelease");
    if testkit::all_installed(&["gpgv"]) {
        let current = environment.public("prod").join("key.gpg");
        // Who has not heard of it, and who has.
        for keyring in [&old, &current] {
            let arguments = ["gpgv", "--status-fd", "1", "--keyring", keyring.as_str(), signed.as_str()];
            let said = environment.finish(&mut environment.other(&arguments));
            assert!(said.stdout.contains("[GNUPG:] GOODSIG "), "{said}");
            assert!(!said.stdout.contains("BADSIG"), "{said}");
        }
    }
    let again = environment.run(&["key", "revoke", &first]).succeeds();
    assert!(again.stdout.contains("is already revoked"), "{again}");
    assert_eq!(keys(&environment).len(), 2, "no third key");
    let _ = environment.run(&["fsck"]).succeeds();
    let _ = environment.run(&["key", "retire", &first]).ends_with(1);
    let _ = environment.run(&["key", "revoke", &first, "--force"]).succeeds();
    assert_eq!(keys(&environment).len(), 1);
    assert_eq!(served(&environment).fingerprints().len(), 1);
    let _ = environment.run(&["key", "check"]).succeeds();
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn a_key_is_imported_from_a_file_of_ours_and_from_gnupg_with_its_passphrase() {
    let environment = store();
    let made = SecretKey::generate("ours", SystemTime::now() - DAY, None).unwrap();
    let plain = secret_file(&environment, "ours.asc", made.to_armored().unwrap().as_bytes());
    let imported = environment.run(&["key", "import", plain.as_str(), "--json"]).succeeds();
    assert_eq!(json(&imported)["new"], true);
    let again = environment.run(&["key", "import", plain.as_str(), "--json"]).succeeds();
    assert_eq!(json(&again)["new"], false);
    let expired = SecretKey::generate("gone", SystemTime::now() - 3 * DAY, Some(DAY)).unwrap();
    let expired = secret_file(&environment, "gone.asc", expired.to_armored().unwrap().as_bytes());
    let refused = environment.run(&["key", "import", expired.as_str(), "--json"]).ends_with(1);
    assert_eq!(json(&refused)["error"]["code"], "E-KEY-UNUSABLE");
    let public = environment.write("public.asc", made.certificate().armored().unwrap());
    let refused = environment.run(&["key", "import", public.as_str(), "--json"]).ends_with(1);
    assert_eq!(json(&refused)["error"]["code"], "E-BAD-KEY", "{refused}");
    assert_eq!(keys(&environment).len(), 2);

    if !testkit::all_installed(&["gpg", "gpgconf"]) {
        return;
    }
    let home = tempfile::TempDir::with_prefix("gpg-").unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let home = home.path().to_str().unwrap();
    let passphrase = secret_file(&environment, "passphrase", b"correct horse\n");
    let wrong = secret_file(&environment, "wrong", b"battery staple\n");
    let loopback = ["--pinentry-mode", "loopback", "--passphrase-file", passphrase.as_str()];
    let gpg = |arguments: &[&str]| {
        let all =
            [&["gpg", "--homedir", home, "--batch", "--no-tty", "--yes"][..], &loopback, arguments].concat();
        environment.finish(&mut environment.other(&all)).succeeds()
    };
    let _ = gpg(&["--quick-generate-key", "from gnupg", "ed25519", "sign", "never"]);
    for (name, armor) in [("gnupg.asc", &["--armor"][..]), ("gnupg.gpg", &[])] {
        let path = environment.path(name);
        let _ = gpg(&[armor, &["--output", path.as_str(), "--export-secret-keys"]].concat());
        let locked = environment.run(&["key", "import", path.as_str(), "--json"]).ends_with(1);
        assert_eq!(json(&locked)["error"]["code"], "E-KEY-LOCKED", "{locked}");
        let arguments = ["key", "import", path.as_str(), "--json", "--passphrase-file"];
        let refused = environment.run(&[&arguments[..], &[wrong.as_str()]].concat()).ends_with(1);
        assert_eq!(json(&refused)["error"]["code"], "E-KEY-LOCKED", "{refused}");
        assert!(!refused.stderr.contains("battery"), "{refused}");
        let imported = environment.run(&[&arguments[..], &[passphrase.as_str()]].concat()).succeeds();
        // It is kept without a passphrase, as the store has none for its keys.
        assert_eq!(imported.stdout.contains("W-KEY-OPEN"), name == "gnupg.asc", "{imported}");
        assert_eq!(json(&imported)["new"], name == "gnupg.asc", "{imported}");
    }
    // What apt refuses does not come in, and what it will refuse one day is named.
    for (algorithm, status) in [("dsa2048", 1), ("rsa2048", 0)] {
        let _ = gpg(&["--quick-generate-key", algorithm, algorithm, "sign", "never"]);
        let path = environment.path(format!("{algorithm}.gpg"));
        let _ = gpg(&["--output", path.as_str(), "--export-secret-keys", algorithm]);
        let arguments = ["key", "import", path.as_str(), "--json", "--passphrase-file", passphrase.as_str()];
        let imported = environment.run(&arguments).ends_with(status);
        if status == 1 {
            assert_eq!(json(&imported)["error"]["code"], "E-KEY-UNUSABLE", "{imported}");
        }
    }
    let check = environment.run(&["key", "check", "--json"]);
    let findings = json(&check)["findings"].as_array().unwrap().clone();
    let short =
        findings.iter().find(|finding| finding["message"].as_str().unwrap().contains("February 2030"));
    assert_eq!(short.unwrap()["severity"], "note", "{check}");
    let mut end = environment.other(&["gpgconf", "--homedir", home, "--kill", "gpg-agent"]);
    let _ = environment.finish(&mut end);
    assert_eq!(keys(&environment).len(), 4);
    let _ = environment.run(&["publish"]).succeeds();
    let _ = environment.run(&["fsck"]).succeeds();
}

/// What a terminal shows of a command that asks for the passphrase and gets this answer.
fn answered(environment: &Environment, line: &str, answer: &[u8]) -> Option<String> {
    if !testkit::all_installed(&["script"]) {
        return None;
    }
    let mut command = environment.other(&["script", "-qec", line, "/dev/null"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut typed, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut shown, mut byte) = (Vec::new(), [0]);
    while !shown.ends_with(b"keys: ") && output.read(&mut byte).unwrap() == 1 {
        shown.extend(byte);
    }
    typed.write_all(answer).unwrap();
    output.read_to_end(&mut shown).unwrap();
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(child.wait().unwrap().success(), "{shown}");
    Some(shown)
}

#[test]
fn protected_keys_sign_with_a_passphrase_from_a_file_or_the_service_manager_which_nothing_shows() {
    let environment = store();
    let passphrase = secret_file(&environment, "secret-file", b"correct horse\n");
    configure(&environment, &format!("[signing]\npassphrase_file = \"{passphrase}\"\n"));
    let first = fingerprint(&keys(&environment)[0]);
    // The keys of a configured passphrase are protected from their making on.
    let _ = environment.run(&["key", "rotate", "--all"]).succeeds();
    let second = keys(&environment).iter().map(fingerprint).find(|key| *key != first).unwrap();
    let path = environment.root().join(format!("keys/{second}.asc"));
    assert!(matches!(SecretKey::load(path.as_std_path(), None), Err(apt_sign::Error::Locked { .. })));
    let _ = environment.run(&["key", "retire", &first, "--force"]).succeeds();
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["key", "extend", &second, "--expires", "3y"]).succeeds();
    assert!(matches!(SecretKey::load(path.as_std_path(), None), Err(apt_sign::Error::Locked { .. })));
    let _ = environment.run(&["fsck"]).succeeds();

    // Nothing needs it to be read or listed; without it nothing is signed, and nothing is lost.
    let refused = |code: &str| {
        for arguments in
            [&["sign", "again", "--json"][..], &["add", "prod", "files/hello_1.0_all.deb", "--json"]]
        {
            let refused = environment.run(arguments).ends_with(1);
            assert_eq!(json(&refused)["error"]["code"], code, "{refused}");
            assert!(!refused.stderr.contains("horse"), "{refused}");
        }
        let _ = environment.run(&["key", "list"]).succeeds();
        let _ = environment.run(&["client-config", "prod"]).succeeds();
        let _ = environment.run(&["publish"]).succeeds();
    };
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o644)).unwrap();
    refused("E-PASSPHRASE");
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&passphrase, "battery staple\n").unwrap();
    refused("E-KEY-LOCKED");
    configure(&environment, "");
    refused("E-KEY-LOCKED");
    configure(&environment, "[signing]\npassphrase = \"credential:repo-passphrase\"\n");
    refused("E-PASSPHRASE");
    let credentials = environment.path("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::write(credentials.join("repo-passphrase"), "correct horse").unwrap();
    let mut command = environment.command();
    command.args(["sign", "again"]).env("CREDENTIALS_DIRECTORY", &credentials);
    let _ = environment.finish(&mut command).succeeds();

    // On a terminal a person is asked, and nothing of the answer is shown.
    configure(&environment, "");
    let line = format!("{PROGRAM} sign again");
    if let Some(shown) = answered(&environment, &line, b"correct horse\n") {
        assert_eq!(shown.matches("passphrase of the signing keys: ").count(), 1, "{shown}");
        assert!(shown.contains("published prod") && !shown.contains("horse"), "{shown}");
    }
    // Ctrl-C instead of an answer ends the verb, and leaves a terminal that shows what is typed.
    let line = format!("{line}; echo status $?; stty -a");
    if let Some(shown) = answered(&environment, &line, b"half a pass\x03") {
        assert!(shown.contains("status 130"), "{shown}");
        let is_on = |mode: &str| shown.split_whitespace().any(|word| word == mode);
        assert!(is_on("echo") && is_on("isig") && is_on("icanon") && !shown.contains("half"), "{shown}");
    }

    // A passphrase itself in the configuration is refused, and not shown again.
    configure(&environment, "[signing]\npassphrase = \"correct horse\"\n");
    let wrong = environment.run(&["publish"]).ends_with(1);
    assert!(wrong.stderr.contains("expected credential:NAME"), "{wrong}");
    assert!(!wrong.stderr.contains("horse"), "{wrong}");
}

#[test]
fn what_would_be_done_to_keys_is_shown_and_nothing_is_written() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["key", "publish"]).succeeds();
    let made = SystemTime::now() - DAY;
    let key = SecretKey::generate("other", made, None).unwrap();
    let file = secret_file(&environment, "other.asc", key.to_armored().unwrap().as_bytes());
    let own = fingerprint(&keys(&environment)[0]);
    let before = Tree::of(&environment.root());
    let mut said = Vec::new();
    for arguments in [
        &["key", "generate", "--name", "New key", "--dry-run"][..],
        &["key", "import", file.as_str(), "--dry-run"],
        &["key", "publish", "prod", "--dry-run"],
        &["key", "extend", &own, "--expires", "2099-01-01", "--dry-run"],
        &["key", "revoke", &own, "--dry-run"],
    ] {
        let output = environment.run(arguments).succeeds();
        said.push(output.stdout.replace(&own, "<OWN>").replace(&key.fingerprint().to_string(), "<OTHER>"));
        let document: Value = serde_json::from_str(&environment.json(arguments)).unwrap();
        assert_eq!(document["dry_run"], true, "{document}");
        before.is_still(&Tree::of(&environment.root()), &arguments.join(" "));
    }
    // The versions of keyring packages begin with the year.
    let is_version = |word: &str| word.starts_with("20") && word.contains('.');
    let line = |line: &str| -> String {
        let words = line.split(' ').map(|word| if is_version(word) { "<VERSION>" } else { word });
        words.collect::<Vec<_>>().join(" ")
    };
    let said: Vec<String> = said.join("--\n").lines().map(line).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    would make an Ed25519 key named `New key` that never expires
    --
    <OTHER>
    would import the key, which would sign from the next publication on
    --
    REPOSITORY  PACKAGE               VERSION  SUITES     ACTION
    prod        prod-archive-keyring  <VERSION>   as before  keep
    --
    key <OWN> would expire on 2099-01-01
    REPOSITORY  PACKAGE                  VERSION  SUITES    ACTION
    preprod     preprod-archive-keyring  <VERSION>   bookworm  add
    prod        prod-archive-keyring     <VERSION>   bookworm  add
    --
    would revoke key <OWN>; a new key would sign with it
    REPOSITORY  PACKAGE                  VERSION  SUITES    ACTION
    preprod     preprod-archive-keyring  <VERSION>   bookworm  add
    prod        prod-archive-keyring     <VERSION>   bookworm  add
    ");
    // What cannot be done is refused as it would be.
    for arguments in [
        &["key", "extend", &"A".repeat(40), "--expires", "3y"][..],
        &["key", "revoke", &"A".repeat(40)],
        &["key", "import", environment.write("bad.asc", "x").as_str()],
    ] {
        let refused = environment.run(arguments).ends_with(1);
        let foretold = environment.run(&[arguments, &["--dry-run"]].concat()).ends_with(1);
        assert_eq!(foretold.stderr, refused.stderr, "{arguments:?}");
    }
}

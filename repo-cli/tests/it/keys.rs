//! Whose keys are read, and what is said of those that are none.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::time::{Duration, SystemTime};

use apt_sign::SecretKey;
use camino::{Utf8Path, Utf8PathBuf};
use testkit::{Environment, Output};

use crate::{configure, store};

fn give_to(user: u32, path: &Utf8Path) {
    chown(path, Some(user), None).unwrap();
    if path.is_dir() {
        path.read_dir_utf8().unwrap().for_each(|entry| give_to(user, entry.unwrap().path()));
    }
}

/// Whether the tests run as root, who alone can give files away.
fn is_root(environment: &Environment) -> bool {
    let root = chown(environment.path("files"), Some(0), None).is_ok();
    if !root {
        testkit::skipped("only root can give files to others");
    }
    root
}

#[test]
fn root_checks_the_store_of_another_and_signs_nothing_in_it() {
    let environment = store();
    if !is_root(&environment) {
        return;
    }
    let (owner, third) = (65_533, 65_532);
    give_to(owner, &environment.root());
    for arguments in [&["fsck"][..], &["client-config", "prod"], &["key", "list"], &["key", "export"]] {
        let _ = environment.run(arguments).succeeds();
    }
    insta::assert_snapshot!(environment.run(&["fsck", "--repair"]), @"
    status: 1
    ---- stderr
    error: <DIR>/store/store belongs to another user (uid 65533): run `fsck --repair` as that user
    ");
    insta::assert_snapshot!(environment.run(&["publish"]), @"
    status: 1
    ---- stderr
    error: refusing key file <DIR>/store/keys: it belongs to another user
    hint: keys are files of mode 0600 in a directory of mode 0700, owned by the one who signs
    ");
    give_to(third, &environment.root().join("keys"));
    insta::assert_snapshot!(environment.run(&["fsck"]), @"
    status: 1
    ---- stdout
    owner keys: it belongs to uid 65532 and not to the owner of `store`
    owner keys/<FINGERPRINT>.asc: it belongs to uid 65532 and not to the owner of `store`
    ---- stderr
    2 problems: 0 package files, 0 objects and 36 published files read
    hint: give keys/ and what is in it to the owner of store/ (`chown -R`); make new keys if others may have read them
    ");
}

#[test]
fn a_file_that_is_no_key_is_named_and_left_out() {
    let environment = store();
    let path = environment.write("store/keys/note.asc", "no key\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    for arguments in [&["publish"][..], &["key", "list"], &["key", "export"]] {
        let said = environment.run(arguments).succeeds().stderr;
        assert!(said.contains("/keys/note.asc: not one OpenPGP secret key: it is left out"), "{said}");
    }
    let found = environment.run(&["fsck"]).ends_with(1).stdout;
    assert_eq!(found, "damaged keys/note.asc: not one OpenPGP secret key\n");
    for key in environment.root().join("keys").read_dir_utf8().unwrap().map(Result::unwrap) {
        if key.path() != path {
            std::fs::remove_file(key.path()).unwrap();
        }
    }
    insta::assert_snapshot!(environment.run(&["publish"]), @"
    status: 1
    ---- stderr
    error: <DIR>/store/keys/note.asc: not one OpenPGP secret key
    hint: put a copy of the key there from the backup, or remove the file if it is not a key
    ");
}

#[test]
fn an_expired_key_beside_a_good_one_does_not_sign() {
    let environment = store();
    let now = SystemTime::now();
    let day = Duration::from_secs(24 * 3600);
    let expired = SecretKey::generate("old", now - 3 * day, Some(day)).unwrap();
    let path = environment.root().join(format!("keys/{}.asc", expired.fingerprint()));
    expired.save_new(path.as_std_path()).unwrap();
    let package = environment.package("hello", "1.0", "all");
    let added = environment.run(&["add", "preprod", package.as_str()]).succeeds();
    let short = expired.fingerprint().short().to_string();
    assert!(added.stderr.contains(&format!("warning: key {short} does not sign: it expired at")), "{added}");
    let _ = environment.run(&["fsck"]).succeeds();
}

/// A store without its keys, and the directory where they are.
fn without_keys() -> (Environment, camino::Utf8PathBuf) {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let aside = environment.path("keys");
    std::fs::rename(environment.root().join("keys"), &aside).unwrap();
    (environment, aside)
}

#[test]
fn keys_that_are_gone_are_noticed_and_new_ones_do_not_sign_unasked() {
    let (environment, aside) = without_keys();
    let found = environment.run(&["fsck"]).ends_with(1);
    assert!(found.stdout.contains("none of the keys that signed preprod is there"), "{found}");
    assert_eq!(first_hint(&found).split(';').next(), Some("restore keys/ from the backup"), "{found}");
    insta::assert_snapshot!(environment.run(&["publish"]), @"
    status: 1
    ---- stderr
    error: no signing key in <DIR>/store/keys
    hint: restore keys/ from the backup. If the keys are lost: `repo-cli key generate`, give clients the new key, then `repo-cli publish --allow-key-change`
    ");
    let made = environment.run(&["key", "generate"]).succeeds().stdout;
    let made = made.lines().next().unwrap().to_owned();
    let refused = environment.run(&["publish", "preprod"]).ends_with(1);
    assert!(refused.stderr.contains("no key that signed preprod so far would sign it"), "{refused}");
    assert!(refused.stderr.contains("--allow-key-change"), "{refused}");
    let _ = environment.run(&["sign", "again", "preprod"]).ends_with(1);
    let found = environment.run(&["fsck"]).ends_with(1);
    assert!(found.stdout.contains("none of the keys that signed preprod is there"), "{found}");
    let hint = first_hint(&found);
    assert!(hint.starts_with("put the keys that signed before back into keys/"), "{found}");
    assert!(hint.contains("`repo-cli publish --allow-key-change`"), "{found}");

    // The old one beside it, and all is well.
    for key in aside.read_dir_utf8().unwrap().map(Result::unwrap) {
        std::fs::rename(key.path(), environment.root().join("keys").join(key.file_name())).unwrap();
    }
    let _ = environment.run(&["publish"]).succeeds();
    let _ = environment.run(&["fsck"]).succeeds();
    for key in environment.root().join("keys").read_dir_utf8().unwrap().map(Result::unwrap) {
        if !key.file_name().contains(&made) {
            std::fs::remove_file(key.path()).unwrap();
        }
    }
    let _ = environment.run(&["publish"]).succeeds();
}

#[test]
fn nothing_is_committed_that_keys_unknown_to_clients_would_sign() {
    let (environment, _) = without_keys();
    let _ = environment.run(&["key", "generate"]).succeeds();
    let package = environment.package("hello", "2.0", "all");
    for change in [&["add", "preprod", package.as_str()][..], &["remove", "preprod", "hello", "--yes"]] {
        let refused = environment.run(change).ends_with(1);
        assert!(refused.stderr.contains("no key that signed preprod so far would sign it"), "{refused}");
    }
    let history = environment.run(&["--json", "history", "preprod"]).succeeds().stdout;
    // That which began it, and that which added the package.
    assert_eq!(history.matches("\"sequence\"").count(), 2, "{history}");
    let _ = environment.run(&["add", "preprod", package.as_str(), "--no-publish"]).succeeds();
}

#[test]
fn a_lost_key_is_replaced_when_that_is_allowed() {
    let (environment, _) = without_keys();
    let _ = environment.run(&["key", "generate"]).succeeds();
    let _ = environment.run(&["publish", "--allow-key-change"]).succeeds();
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn a_restored_store_without_its_keys_is_not_clean() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let (backup, restored) = (environment.path("backup"), environment.path("restored"));
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    std::fs::remove_dir_all(backup.join("keys")).unwrap();
    let found = environment.run(&["restore", backup.as_str(), restored.as_str()]).ends_with(1);
    assert!(found.stdout.contains("none of the keys that signed preprod is there"), "{found}");
}

fn first_hint(output: &Output) -> &str {
    output.stderr.lines().find_map(|line| line.strip_prefix("hint: ")).unwrap_or_default()
}

/// The one key file of a store.
fn key_file(environment: &Environment) -> Utf8PathBuf {
    let mut entries = environment.root().join("keys").read_dir_utf8().unwrap();
    entries.next().unwrap().unwrap().into_path()
}

fn chmod(path: &Utf8Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// What a check says of the keys beside one other fault, which must be found as well.
fn check(environment: &Environment, arguments: &[&str]) -> String {
    let object = environment.root().join("store/history");
    std::fs::create_dir_all(&object).unwrap();
    std::fs::write(object.join("preprod"), "").unwrap();
    let found = environment.run(arguments).ends_with(1);
    std::fs::remove_dir_all(&object).unwrap();
    assert!(found.stdout.contains("store/history/preprod"), "all else is checked: {found}");
    found.stdout.lines().filter(|line| line.contains(" keys")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_wrong_mode_of_a_key_is_named_with_its_cure_and_mended() {
    for (of, mode) in [("keys", 0o755), ("keys/KEY", 0o644)] {
        let environment = store();
        environment.add("preprod", &["hello=1.0"]);
        let key = key_file(&environment);
        let name = key.file_name().unwrap();
        let path = environment.root().join(of.replace("KEY", name));
        chmod(&path, mode);
        let right = if mode == 0o755 { "700" } else { "600" };
        let refused = environment.run(&["publish"]).ends_with(1);
        assert!(refused.stderr.contains(path.as_str()), "{refused}");
        assert!(
            first_hint(&refused)
                .starts_with(&format!("run `chmod {right} {path}`, or `repo-cli fsck --repair`")),
            "{refused}"
        );
        let said = check(&environment, &["fsck"]);
        assert!(
            said.starts_with(&format!("mode {}: its mode is 0{mode:o}", of.replace("KEY", name))),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
        let _ = environment.run(&["fsck", "--repair"]).succeeds();
        assert_eq!(
            path.metadata().unwrap().permissions().mode() & 0o777,
            if mode == 0o755 { 0o700 } else { 0o600 }
        );
        let _ = environment.run(&["publish"]).succeeds();
    }
}

#[test]
fn files_that_are_no_good_keys_are_reported_and_do_not_stop_a_good_one() {
    let good = store();
    good.add("preprod", &["hello=1.0"]);
    let key = key_file(&good);
    let bytes = std::fs::read(&key).unwrap();
    let bad = key.with_file_name("bad.asc");
    let faults: [(&str, &dyn Fn()); 4] = [
        ("damaged keys/bad.asc: not one OpenPGP secret key", &|| std::fs::write(&bad, "").unwrap()),
        ("damaged keys/bad.asc: not one OpenPGP secret key", &|| {
            std::fs::write(&bad, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("damaged keys/bad.asc: it is a symbolic link", &|| std::os::unix::fs::symlink(&key, &bad).unwrap()),
        ("damaged keys/bad.asc: it is not a regular file", &|| {
            std::fs::create_dir(&bad).unwrap();
            chmod(&bad, 0o700);
        }),
    ];
    for (what, make) in faults {
        make();
        if bad.is_file() && !bad.is_symlink() {
            chmod(&bad, 0o600);
        }
        let said = check(&good, &["fsck"]);
        assert!(said.starts_with(what) && said.lines().count() == 1, "{said}");
        let published = good.run(&["publish", "--json"]).succeeds();
        assert!(published.stderr.contains("/keys/bad.asc"), "{published}");
        assert!(published.stdout.contains(r#""warnings":[{"code":"W-KEY-FILE""#), "{published}");
        let _ = if bad.is_dir() && !bad.is_symlink() {
            std::fs::remove_dir(&bad)
        } else {
            std::fs::remove_file(&bad)
        };
    }
    // Alone, it is named.
    std::fs::write(&key, &bytes[..bytes.len() / 2]).unwrap();
    let refused = good.run(&["publish"]).ends_with(1);
    assert!(refused.stderr.contains(key.file_name().unwrap()), "{refused}");
    assert!(!refused.stderr.contains("restore keys/"), "{refused}");
    let _ = check(&good, &["fsck", "--repair"]);
}

#[test]
fn two_files_with_one_key_are_one_key() {
    let environment = store();
    let key = key_file(&environment);
    std::fs::copy(&key, key.with_file_name("copy.asc")).unwrap();
    let package = environment.package("hello", "1.0", "all");
    for arguments in [&["add", "preprod", package.as_str()][..], &["publish"], &["fsck"], &["key", "list"]] {
        let done = environment.run(arguments).succeeds();
        assert!(
            done.stderr.contains("copy.asc hold the same key")
                || done.stderr.contains(&format!("{key} hold the same key")),
            "{done}"
        );
        assert!(done.stderr.contains(key.file_name().unwrap()), "{done}");
    }
}

#[test]
fn a_sole_key_that_has_expired_is_told_with_the_cure() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let now = SystemTime::now();
    let day = Duration::from_secs(24 * 3600);
    std::fs::remove_file(key_file(&environment)).unwrap();
    let key = SecretKey::generate("short", now - 4 * day, Some(3 * day + day / 2)).unwrap();
    key.save_new(environment.root().join(format!("keys/{}.asc", key.fingerprint())).as_std_path()).unwrap();
    // As if it had been published with that key in time.
    let Some(mut command) = environment.with_clock("-2d") else { return };
    let _ = environment.finish(command.args(["publish", "--allow-key-change"])).succeeds();
    let backup = environment.path("backup");
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();

    let package = environment.package("hello", "2.0", "all");
    for arguments in [&["publish"][..], &["add", "preprod", package.as_str()], &["sign", "again"]] {
        let refused = environment.run(arguments).ends_with(1);
        assert!(refused.stderr.contains("cannot sign: it expired at"), "{refused}");
        assert!(
            first_hint(&refused).starts_with(&format!("run repo-cli key extend {} ", key.fingerprint())),
            "{refused}"
        );
    }
    let restored = environment.path("restored");
    for arguments in [&["fsck"][..], &["restore", backup.as_str(), restored.as_str()]] {
        let found = environment.run(arguments).ends_with(1);
        assert!(found.stdout.contains(&format!("key keys/{}.asc: ", key.fingerprint())), "{found}");
        assert!(found.stdout.contains("it expired at"), "{found}");
        assert!(first_hint(&found).starts_with("extend the expired key"), "{found}");
        assert!(!found.stderr.contains("restore keys/"), "{found}");
    }
}

#[test]
fn a_backup_of_a_store_without_keys_says_so() {
    let (environment, _) = without_keys();
    let backup = environment.path("backup");
    let saved = environment.run(&["backup", backup.as_str(), "--json"]).ends_with(1);
    assert!(saved.stderr.contains("warning: the keys that signed what clients see are gone"), "{saved}");
    assert!(saved.stdout.contains(r#""code":"W-NO-KEYS""#), "{saved}");
}

#[test]
fn key_list_tells_when_signing_ends_and_what_signs() {
    let environment = store();
    if !testkit::all_installed(&["gpg"]) {
        return;
    }
    let home = environment.path("gpg");
    std::fs::create_dir(&home).unwrap();
    chmod(&home, 0o700);
    let gpg = |arguments: &[&str]| {
        let common = ["gpg", "--homedir", home.as_str(), "--batch", "--passphrase", ""];
        let output = environment.other(&[&common[..], arguments].concat()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let _ = gpg(&["--quick-generate-key", "subkey only", "rsa3072", "cert", "never"]);
    let listed = gpg(&["--with-colons", "--list-keys"]);
    let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).unwrap();
    let fingerprint = fingerprint.trim_end_matches(':').to_owned();
    let _ = gpg(&["--quick-add-key", &fingerprint, "ed25519", "sign", "3d"]);
    let secret = gpg(&["--armor", "--export-secret-keys"]);
    let path = environment.write("store/keys/subkey.asc", secret);
    chmod(&path, 0o600);
    let listed = environment.run(&["key", "list"]).succeeds().stdout;
    let line = listed.lines().find(|line| line.contains(&fingerprint)).unwrap();
    assert!(line.contains("ed25519") && !line.contains("never"), "{listed}");
    let json = environment.run(&["key", "list", "--json"]).succeeds().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let key = json["keys"].as_array().unwrap().iter().find(|key| key["fingerprint"] == fingerprint).unwrap();
    assert!(key["expires"].is_string() && key["algorithm"] == "ed25519", "{key}");
    let _ = environment.other(&["gpgconf", "--homedir", home.as_str(), "--kill", "all"]).output();
}

#[test]
fn what_clients_knew_counts_when_others_took_the_published_tree_away() {
    let public_was_damaged: [fn(&Environment); 3] = [
        |environment| std::fs::remove_file(environment.public("preprod").join("dists")).unwrap(),
        |environment| std::fs::remove_dir_all(environment.public("preprod")).unwrap(),
        |environment| {
            let dists = environment.public("preprod").join("dists");
            std::fs::remove_file(&dists).unwrap();
            std::os::unix::fs::symlink(".publications/20361127T000000Z/dists", dists).unwrap();
        },
    ];
    for damage in public_was_damaged {
        let (environment, _) = without_keys();
        let _ = environment.run(&["key", "generate"]).succeeds();
        damage(&environment);
        for verb in [&["publish", "preprod"][..], &["sign", "again", "preprod"]] {
            let refused = environment.run(verb).ends_with(1);
            assert!(refused.stderr.contains("no key that signed preprod so far would sign it"), "{refused}");
        }
    }
}

#[test]
fn keys_behind_a_link_are_refused_by_a_backup_and_that_is_said() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let keys = environment.root().join("keys");
    let elsewhere = environment.path("elsewhere");
    std::fs::rename(&keys, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &keys).unwrap();
    let backup = environment.path("backup");
    let output = environment.run(&["backup", backup.as_str()]).ends_with(1);
    assert!(output.stderr.contains("keys is a symbolic link"), "{output}");
}

#[test]
fn a_key_that_apt_refuses_is_named_by_a_check_and_clients_are_not_given_it() {
    let environment = store();
    let _ = environment.run(&["key", "publish"]).succeeds();
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../apt-sign/tests/it/data");
    for (name, problem) in [
        ("rsa1024", "apt refuses rsa1024 keys"),
        ("dsa", "apt refuses dsa2048 keys"),
        ("brainpool", "apt refuses brainpoolp256 keys"),
        ("sha1", "its self-signature rests on SHA1, which apt refuses"),
        ("revoked", "it is revoked"),
    ] {
        std::fs::copy(format!("{data}/{name}.asc"), environment.root().join("weak.asc")).unwrap();
        configure(
            &environment,
            "[[signing.signer]]\ncommand = ['/usr/local/bin/kms']\npublic_key = 'weak.asc'\n",
        );
        let checked = environment.run(&["key", "check"]).ends_with(3);
        assert!(checked.stdout.contains(problem), "{checked}");
        assert!(checked.stdout.contains("take its [[signing.signer]] out of repo.toml"), "{checked}");
        assert!(!checked.stdout.contains("retire"), "it cannot be retired here: {checked}");
        let _ = environment.run(&["sign", "again", "prod"]).succeeds();
    }
}

#[test]
fn a_damaged_revocation_is_named_with_its_cure() {
    let environment = store();
    let key = key_file(&environment);
    let fingerprint = key.file_stem().unwrap().to_owned();
    let _ = environment.run(&["key", "revoke", &fingerprint]).succeeds();
    std::fs::write(key.with_extension("revocation"), "damaged").unwrap();
    let found = environment.run(&["fsck"]).ends_with(1);
    assert!(found.stdout.contains(&format!("damaged keys/{fingerprint}.revocation")), "{found}");
    let checked = environment.run(&["key", "check"]).ends_with(3);
    assert!(checked.stdout.contains(&format!("keys/{fingerprint}.revocation")), "{checked}");
    let refused = environment.run(&["sign", "again"]).ends_with(1);
    assert!(
        refused.stderr.contains(&format!("then run repo-cli key revoke {fingerprint} again")),
        "{refused}"
    );
    std::fs::remove_file(key.with_extension("revocation")).unwrap();
    let _ = environment.run(&["key", "revoke", &fingerprint]).succeeds();
    let _ = environment.run(&["sign", "again"]).succeeds();
    let _ = environment.run(&["fsck"]).succeeds();
}

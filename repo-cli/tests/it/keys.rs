//! Whose keys are read, and what is said of those that are none.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::time::{Duration, SystemTime};

use apt_sign::SecretKey;
use camino::Utf8Path;
use testkit::Environment;

use crate::store;

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
    ---- stderr
    error: refusing key file <DIR>/store/keys: it belongs to another user
    hint: keys are files of mode 0600 in a directory of mode 0700, owned by the one who signs
    ");
}

#[test]
fn a_file_that_is_no_key_is_named_and_left_out() {
    let environment = store();
    let path = environment.write("store/keys/note.asc", "no key\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    for arguments in [&["publish"][..], &["fsck"], &["key", "list"], &["key", "export"]] {
        let said = environment.run(arguments).succeeds().stderr;
        assert!(said.contains("/keys/note.asc: not one OpenPGP secret key: it is left out"), "{said}");
    }
    for key in environment.root().join("keys").read_dir_utf8().unwrap().map(Result::unwrap) {
        if key.path() != path {
            std::fs::remove_file(key.path()).unwrap();
        }
    }
    insta::assert_snapshot!(environment.run(&["publish"]), @"
    status: 1
    ---- stderr
    error: <DIR>/store/keys/note.asc: not one OpenPGP secret key
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

/// A store of which the keys are gone, and where they are.
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
    assert!(found.stderr.contains("hint: restore keys/ from the backup"), "{found}");
    insta::assert_snapshot!(environment.run(&["publish"]), @"
    status: 1
    ---- stderr
    error: there is no signing key in <DIR>/store/keys
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

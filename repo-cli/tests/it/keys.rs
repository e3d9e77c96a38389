//! Whose keys are read, and what is said of those that are none.

use std::os::unix::fs::{PermissionsExt as _, chown};

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
fn a_file_that_is_no_key_is_named() {
    let environment = store();
    let path = environment.write("store/keys/note.asc", "no key\n");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    for arguments in [&["publish"][..], &["fsck"], &["key", "list"]] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(environment.run(arguments), @"
            status: 1
            ---- stderr
            error: <DIR>/store/keys/note.asc: not one OpenPGP secret key
            ");
        }
    }
}

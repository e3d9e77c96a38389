//! Key files: made safely, and refused when others could read or exchange them.

use crate::key;
use apt_sign::{Certificate, Error, KeyFileFault, SecretKey};
use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn fault(path: &Path) -> KeyFileFault {
    match SecretKey::load(path, None) {
        Err(Error::KeyFile { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_saved_key_is_private_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys/prod.asc");
    let made = key("prod");
    made.save_new(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::metadata(dir.path().join("keys")).unwrap().permissions().mode() & 0o7777, 0o700);
    assert_eq!(fs::read_dir(dir.path().join("keys")).unwrap().count(), 1, "the draft is gone");
    let loaded = SecretKey::load(&path, None).unwrap();
    assert_eq!(loaded.certificate(), made.certificate());
}

#[test]
fn a_key_file_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys/prod.asc");
    let first = key("first");
    first.save_new(&path).unwrap();
    let error = key("second").save_new(&path).unwrap_err();
    assert!(matches!(&error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists));
    assert_eq!(SecretKey::load(&path, None).unwrap().fingerprint(), first.fingerprint());
    assert_eq!(fs::read_dir(dir.path().join("keys")).unwrap().count(), 1);
}

#[test]
fn files_open_to_others_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys/prod.asc");
    key("prod").save_new(&path).unwrap();
    for mode in [0o644, 0o640, 0o604, 0o620, 0o700, 0o666] {
        chmod(&path, mode);
        assert_eq!(fault(&path), KeyFileFault::FileMode, "{mode:o}");
    }
    chmod(&path, 0o400);
    SecretKey::load(&path, None).unwrap();
    for mode in [0o777, 0o755, 0o710, 0o1777] {
        chmod(path.parent().unwrap(), mode);
        assert_eq!(fault(&path), KeyFileFault::DirectoryMode, "{mode:o}");
        let refused = key("other").save_new(&path.with_file_name("other.asc"));
        assert!(matches!(refused, Err(Error::KeyFile { .. })));
    }
}

#[test]
fn links_and_other_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys/prod.asc");
    key("prod").save_new(&path).unwrap();
    symlink(&path, path.with_file_name("link")).unwrap();
    assert_eq!(fault(&path.with_file_name("link")), KeyFileFault::SymbolicLink);
    fs::create_dir(path.with_file_name("directory")).unwrap();
    assert_eq!(fault(&path.with_file_name("directory")), KeyFileFault::NotRegular);
    let large = path.with_file_name("large");
    fs::File::create(&large).unwrap().set_len(1024 * 1024 + 1).unwrap();
    chmod(&large, 0o600);
    assert_eq!(fault(&large), KeyFileFault::TooLarge);
    let missing = SecretKey::load(&path.with_file_name("missing"), None).unwrap_err();
    assert!(matches!(missing, Error::Io { .. }));
}

#[test]
fn the_public_part_is_read_whatever_the_modes_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys/prod.asc");
    let made = key("prod");
    made.save_new(&path).unwrap();
    chmod(&path, 0o644);
    chmod(&dir.path().join("keys"), 0o755);
    assert_eq!(Certificate::of_key_file(&path).unwrap().fingerprint(), made.fingerprint());
    let link = path.with_file_name("link");
    symlink(&path, &link).unwrap();
    let refused = Certificate::of_key_file(&link);
    assert!(matches!(refused, Err(Error::KeyFile { fault: KeyFileFault::SymbolicLink, .. })), "{refused:?}");
    fs::write(&path, "").unwrap();
    assert!(matches!(Certificate::of_key_file(&path), Err(Error::Malformed { .. })));
}

#[test]
fn a_damaged_key_is_read_or_refused_and_never_ends_the_program() {
    let now = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_780_000_000);
    let key = SecretKey::generate("Example", now, None).unwrap();
    let secret = key.to_armored_with(Some("correct horse")).unwrap();
    let public = key.certificate().binary().unwrap();
    let look = |bytes: &[u8]| {
        // What it finds does not matter.
        let _ = SecretKey::from_bytes(bytes, None).map(|key| key.to_armored().is_ok());
        if let Ok(keyring) = apt_sign::Keyring::parse(bytes) {
            for certificate in keyring.certificates() {
                let _ = (certificate.problems(now), certificate.signing_ends(), certificate.user_ids());
                let _ = (certificate.signing_algorithm(now), certificate.binary().is_ok());
            }
        }
    };
    for bytes in [secret.as_bytes(), &public] {
        for place in 0..bytes.len() {
            let mut damaged = bytes.to_vec();
            damaged[place] ^= 1 << (place % 8);
            look(&damaged);
            look(&bytes[..place]);
        }
    }
}

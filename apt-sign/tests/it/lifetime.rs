//! Keys that are prolonged or revoked, as we and gpgv see them.

use crate::{DAY, TEXT, now, sign, verifiers::Files};
use apt_sign::{Certificate, Error, KeyFileFault, KeyProblem, Keyring, RevocationReason, SecretKey};
use std::path::Path;

fn short_lived() -> SecretKey {
    SecretKey::generate("short", now() - DAY, Some(2 * DAY)).unwrap()
}

/// Whether apt, which goes by the status lines of gpgv, would take `TEXT` signed by `key` when it knows
/// `certificate`.
fn gpgv(key: SecretKey, certificate: Certificate) -> Option<bool> {
    let files = Files::new(&sign(vec![key], TEXT), &Keyring::new(vec![certificate]));
    let output = files.run("gpgv", &["--status-fd", "1", "--keyring", "./keyring.gpg", "InRelease"])?;
    Some(String::from_utf8_lossy(&output.stdout).contains("[GNUPG:] GOODSIG"))
}

#[test]
fn a_prolonged_key_signs_again() {
    let key = short_lived();
    let expired = now() + 5 * DAY;
    assert!(key.certificate().problems(expired)[0].is_fatal());
    let longer = key.with_expiry(Some(now() + 400 * DAY), expired).unwrap();
    assert_eq!(longer.fingerprint(), key.fingerprint());
    assert_eq!(longer.certificate().expires(), Some(now() + 400 * DAY));
    assert_eq!(longer.certificate().problems(expired), []);
    let ever = longer.with_expiry(None, expired + DAY).unwrap();
    assert_eq!(ever.certificate().expires(), None);
    assert!(key.with_expiry(Some(now() - 2 * DAY), now()).is_err(), "before it was made");

    // The key expired in 2025, so gpgv refuses it today unless it has the new certificate.
    let (old, new) = (key.certificate(), ever.certificate());
    if let Some(accepted) = gpgv(short_lived(), short_lived().certificate()) {
        assert!(!accepted, "signed by a key that it does not know");
        assert_eq!(gpgv(key, old), Some(false));
        assert_eq!(gpgv(ever, new), Some(true));
    }
}

#[test]
fn keyrings_merge_what_two_states_of_a_certificate_know() {
    let key = short_lived();
    let longer = key.with_expiry(None, now()).unwrap();
    let ring = Keyring::new(vec![longer.certificate(), key.certificate()]);
    assert_eq!(ring.certificates().len(), 1);
    assert_eq!(ring.certificates()[0].expires(), None);
}

#[test]
fn a_revoked_key_is_refused_by_all() {
    let key = SecretKey::generate("revoked", now() - DAY, None).unwrap();
    let signed = sign(vec![SecretKey::from_bytes(key.to_armored().unwrap().as_bytes(), None).unwrap()], TEXT);
    let later = now() + DAY;
    for (reason, old_signatures_count) in
        [(RevocationReason::Compromised, false), (RevocationReason::Superseded, true)]
    {
        let revoked = key.revoke(reason, later).unwrap();
        assert_eq!(revoked.problems(later), [KeyProblem::Revoked]);
        let ring = Keyring::new(vec![revoked]);
        let verified = ring.verify_inline(signed.inline(), later + DAY);
        assert_eq!(verified.is_ok(), old_signatures_count, "{reason:?}: {verified:?}");
        if let Some(output) =
            Files::new(&signed, &ring).run("gpgv", &["--keyring", "./keyring.gpg", "InRelease"])
        {
            assert!(String::from_utf8_lossy(&output.stderr).contains("revoked"), "{output:?}");
        }
    }
}

#[test]
fn a_key_file_is_replaced_only_by_the_same_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys/prod.asc");
    let key = short_lived();
    assert!(matches!(key.save_over(&path, None), Err(Error::Io { .. })), "nothing to replace");
    key.save_new(&path).unwrap();
    key.with_expiry(None, now()).unwrap().save_over(&path, None).unwrap();
    assert_eq!(SecretKey::load(&path, None).unwrap().certificate().expires(), None);
    let refused = short_lived().save_over(&path, None);
    assert!(matches!(refused, Err(Error::KeyFile { fault: KeyFileFault::OtherKey, .. })), "{refused:?}");
    assert_eq!(files(path.parent().unwrap()), 1);
}

fn files(directory: &Path) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

//! Laws of the crate `apt-sign`: plain functions that panic where one is broken.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use apt_sign::{Certificate, Fingerprint, KeySignatures, Keyring, SecretKey};

use super::checks::{Law, check_line};

/// All laws by the names of their fuzz targets.
pub const LAWS: &[(&str, Law)] = &[
    ("keyring_read", keyring_read),
    ("public_key_read", public_key_read),
    ("secret_key_read", secret_key_read),
    ("verify_inline", verify_inline),
    ("verify_detached", verify_detached),
];

/// The key that signed the seeds, and what it signed.
const TRUSTED: &[u8] = include_bytes!("../seeds/keyring_read/ed25519.asc");
const SIGNED: &[u8] = b"Origin: Example\nSuite: bookworm\n- dash\nFrom here\n";

static KEYRING: LazyLock<Keyring> = LazyLock::new(|| Keyring::parse(TRUSTED).unwrap());

/// A year after the seeds were signed.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_781_500_000)
}

fn check_certificate(certificate: &Certificate) {
    let _ =
        (certificate.created(), certificate.expires(), certificate.signing_ends(), certificate.user_ids());
    check_line(&certificate.algorithm());
    check_line(&certificate.signing_algorithm(now()));
    certificate.problems(now()).iter().for_each(check_line);
    // The library reads packets of kinds that it cannot write.
    let field = match certificate.armored_for_sources() {
        Ok(field) => field,
        Err(error) => return check_line(&error),
    };
    assert!(field.starts_with('\n') && !field.ends_with('\n'));
    assert!(field.split('\n').skip(1).all(|line| line.starts_with(' ')));
}

/// What is read is written in two forms, and both read back the same; no secret is kept.
pub fn keyring_read(bytes: &[u8]) {
    let ring = match Keyring::parse(bytes) {
        Ok(ring) => ring,
        Err(error) => {
            check_line(&error);
            assert!(Certificate::parse(bytes).is_err());
            return;
        }
    };
    assert!(!ring.certificates().is_empty());
    ring.certificates().iter().for_each(check_certificate);
    match Certificate::parse(bytes) {
        Ok(one) => assert_eq!(ring.fingerprints(), [one.fingerprint()]),
        Err(error) => check_line(&error),
    }
    let (Ok(binary), Ok(armored)) = (ring.binary(), ring.armored()) else { return };
    assert!(!binary.is_empty() && armored.is_ascii() && !armored.contains('\r'));
    for form in [&binary[..], armored.as_bytes()] {
        assert!(SecretKey::from_bytes(form, None).is_err());
        let again = Keyring::parse(form).unwrap();
        assert_eq!(again.fingerprints(), ring.fingerprints());
    }
    for fingerprint in ring.fingerprints() {
        assert_eq!(fingerprint.to_string().parse::<Fingerprint>().unwrap(), fingerprint);
    }
}

/// A bare public key has one fingerprint, which depends on the time at which it was made.
pub fn public_key_read(bytes: &[u8]) {
    let read = |created| apt_sign::fuzzing::public_key(bytes, created);
    match (read(now()), read(now()), read(now() - Duration::from_secs(1))) {
        (Ok(one), Ok(same), Ok(other)) => assert!(one == same && one != other),
        (Err(error), Err(_), Err(_)) => check_line(&error),
        (one, same, other) => panic!("{one:?} {same:?} {other:?}"),
    }
}

/// A secret key is written in a form that reads back the same, and shows nothing of itself.
pub fn secret_key_read(bytes: &[u8]) {
    let key = match SecretKey::from_bytes(bytes, None) {
        Ok(key) => key,
        Err(error) => return check_line(&error),
    };
    check_certificate(&key.certificate());
    assert_eq!(key.certificate().fingerprint(), key.fingerprint());
    assert_eq!(format!("{key:?}"), format!("SecretKey({})", key.fingerprint()));
    let Ok(armored) = key.to_armored() else { return };
    let again = SecretKey::from_bytes(armored.as_bytes(), None).unwrap();
    assert_eq!(again.fingerprint(), key.fingerprint());
}

/// A message that verifies holds what was signed and nothing else, before, behind or inside.
pub fn verify_inline(message: &[u8]) {
    match KEYRING.verify_inline(message, now()) {
        Ok(verified) => {
            assert_eq!(verified.text(), SIGNED);
            assert!(verified.signers().iter().all(|by| KEYRING.fingerprints().contains(&by.certificate)));
            assert!(!verified.signers().is_empty());
            for other in [[b"Suite: evil\n", message].concat(), [message, b"\nSuite: evil\n"].concat()] {
                assert!(KEYRING.verify_inline(&other, now()).is_err());
            }
        }
        Err(error) => check_line(&error),
    }
}

/// A detached signature holds for what was signed and for no other text.
pub fn verify_detached(signature: &[u8]) {
    // What a program that signs returns.
    if let Err(error) = KeySignatures::parse(signature) {
        check_line(&error);
    }
    match KEYRING.verify_detached(SIGNED, signature, now()) {
        Ok(verified) => {
            assert_eq!(verified.text(), SIGNED);
            assert!(!verified.signers().is_empty());
        }
        Err(error) => check_line(&error),
    }
    assert!(KEYRING.verify_detached(b"Suite: evil\n", signature, now()).is_err());
}

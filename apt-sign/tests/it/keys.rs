//! Keys and keyrings: written, read again, judged. The keys in `data/` were made with GnuPG 2.2 for these
//! tests.

use crate::{DAY, TEXT, key, now};
use apt_sign::{
    Certificate, Error, Fingerprint, KeyProblem, Keyring, OpenPgpSigner, SecretKey, Signer, UserId,
};
use std::time::{Duration, SystemTime};

const RSA1024: &[u8] = include_bytes!("data/rsa1024.asc");
const RSA2048: &[u8] = include_bytes!("data/rsa2048.asc");
const DSA: &[u8] = include_bytes!("data/dsa.asc");
const BRAINPOOL: &[u8] = include_bytes!("data/brainpool.asc");
/// A key on a curve that no backend has, and a message that it signed.
const SECP256K1: &[u8] = include_bytes!("data/secp256k1.asc");
const SIGNED_BY_SECP256K1: &[u8] = include_bytes!("data/secp256k1-signed.txt");
const SHA1: &[u8] = include_bytes!("data/sha1.asc");
const REVOKED: &[u8] = include_bytes!("data/revoked.asc");
/// Locked with the password "open sesame".
const LOCKED: &[u8] = include_bytes!("data/locked.asc");
/// The primary key is a stub; of the two subkeys the older one expires on 2026-04-02.
const SUBKEYS: &[u8] = include_bytes!("data/subkeys.asc");

/// When the keys in `data/` are judged: the newest of them are of January 2026.
fn later() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000)
}

#[test]
fn keys_of_each_kind_are_described_and_judged() {
    let of = |bytes: &[u8]| {
        let certificate = Certificate::parse(bytes).unwrap();
        let problems = certificate.problems(later()).into_iter().map(|p| {
            let weight = if p.is_fatal() { "refused" } else { "warning" };
            format!("\n  {weight}: {p}")
        });
        let problems: String = problems.collect();
        format!("{} {}{problems}", certificate.user_ids().join(", "), certificate.algorithm())
    };
    let fresh =
        SecretKey::generate("fresh", later(), Some(30 * DAY)).unwrap().certificate().armored().unwrap();
    insta::assert_snapshot!(
        [RSA1024, RSA2048, DSA, BRAINPOOL, SHA1, REVOKED, LOCKED, SUBKEYS, fresh.as_bytes()].map(of).join("\n"),
        @r"
    rsa1024 (test only) rsa1024
      refused: apt refuses rsa1024 keys
    rsa2048 (test only) rsa2048
      warning: apt refuses RSA keys of 2048 bits from February 2030
    dsa (test only) dsa2048
      refused: apt refuses dsa2048 keys
    brainpool (test only) brainpoolp256
      refused: apt refuses brainpoolp256 keys
    sha1 (test only) ed25519
      refused: its self-signature rests on SHA1, which apt refuses
    revoked (test only) ed25519
      refused: it is revoked
    locked (test only) ed25519
    subkeys (test only) ed25519
    fresh ed25519
      warning: it expires in 30 days, at 2026-06-27T20:26:40Z
    "
    );
}

#[test]
fn a_locked_key_needs_its_password() {
    for (password, given) in [(None, false), (Some("sesame"), true)] {
        match SecretKey::from_bytes(LOCKED, password) {
            Err(Error::Locked { fingerprint, given: found }) => {
                assert_eq!(fingerprint.to_string(), "DB01F0D4714E0CA37F836AEBEB4231D2BF168946");
                assert_eq!(found, given);
            }
            other => panic!("{other:?}"),
        }
    }
    let key = SecretKey::from_bytes(LOCKED, Some("open sesame")).unwrap();
    OpenPgpSigner::new(vec![key]).unwrap().sign(TEXT, later()).unwrap();
}

#[test]
fn the_newest_subkey_signs_for_a_primary_key_kept_elsewhere() {
    let signer = OpenPgpSigner::new(vec![SecretKey::from_bytes(SUBKEYS, None).unwrap()]).unwrap();
    let signed = signer.sign(TEXT, later()).unwrap();
    let verified = signer.keyring().verify_inline(signed.inline(), later()).unwrap();
    let by = &verified.signers()[0];
    assert_eq!(by.certificate.to_string(), "397EFACE105CAB628E99F16D98EFA0E766B92FCA");
    let subkeys = &verified.signers().iter().map(|s| s.key.short().to_owned()).collect::<Vec<_>>();
    assert_eq!(subkeys.len(), 1);
    assert_ne!(by.key, by.certificate);
    // A day after it was made, the older subkey is the only one.
    let early = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_312_000 + 3600);
    let signed = signer.sign(TEXT, early).unwrap();
    let verified = signer.keyring().verify_inline(signed.inline(), early).unwrap();
    assert_eq!(verified.signers()[0].key.short(), "E8DC721224F61513");
}

#[test]
fn keys_that_apt_refuses_do_not_sign() {
    // Only public parts are at hand: a key without a secret part is no secret key.
    assert!(matches!(SecretKey::from_bytes(RSA2048, None), Err(Error::Malformed { .. })));
    let expired = SecretKey::generate("old", now() - 2 * DAY, Some(DAY)).unwrap();
    let name = expired.fingerprint();
    let signer = OpenPgpSigner::new(vec![key("good"), expired]).unwrap();
    match signer.sign(TEXT, now()) {
        Err(Error::Key { fingerprint, problem }) => {
            assert_eq!(fingerprint, name);
            assert!(problem.is_fatal());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(signer.problems(now()).len(), 1);
    assert_eq!(signer.problems(now())[0].0, name);
}

#[test]
fn certificates_survive_armor_and_binary() {
    let certificate = key("archive").certificate();
    let armored = certificate.armored().unwrap();
    assert!(armored.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n"), "no armor headers");
    assert!(armored.ends_with("-----END PGP PUBLIC KEY BLOCK-----\n"));
    assert!(!armored.contains('\r'));
    for bytes in [
        armored.clone().into_bytes(),
        armored.replace('\n', "\r\n").into_bytes(),
        certificate.binary().unwrap(),
    ] {
        assert_eq!(Certificate::parse(&bytes).unwrap(), certificate);
    }
    assert_eq!(certificate.created(), now() - DAY);
    assert_eq!(certificate.expires(), None);
    assert_eq!(certificate.fingerprint().as_str().len(), 40, "version 4");
}

#[test]
fn a_secret_key_never_shows_or_leaks_its_secret() {
    let key = key("archive");
    let armor = key.to_armored().unwrap();
    let text = String::from_utf8(armor.as_bytes().to_vec()).unwrap();
    assert!(text.starts_with("-----BEGIN PGP PRIVATE KEY BLOCK-----\n"));
    assert_eq!(format!("{key:?}"), format!("SecretKey({})", key.fingerprint()));
    assert_eq!(format!("{armor:?}"), "SecretArmor(..)");
    let signer = OpenPgpSigner::new(vec![SecretKey::from_bytes(armor.as_bytes(), None).unwrap()]).unwrap();
    let shown = format!("{signer:?}");
    assert!(shown.starts_with("OpenPgpSigner") && shown.len() < 300, "{shown}");

    // Reading the secret file as a certificate or keyring keeps the public part only.
    let public = key.certificate().binary().unwrap();
    assert_eq!(Certificate::parse(armor.as_bytes()).unwrap().binary().unwrap(), public);
    assert_eq!(Keyring::parse(armor.as_bytes()).unwrap().binary().unwrap(), public);
}

#[test]
fn keyrings_hold_several_certificates_in_every_form() {
    let (one, two) = (key("one").certificate(), key("two").certificate());
    let ring = Keyring::new(vec![one.clone(), two.clone(), one.clone()]);
    assert_eq!(ring.certificates(), [one.clone(), two.clone()]);
    let armored = ring.armored().unwrap();
    assert_eq!(armored.matches("BEGIN PGP").count(), 1);
    let blocks = format!("The keys:\n{}\nand\n{}", one.armored().unwrap(), two.armored().unwrap());
    for bytes in [armored.into_bytes(), blocks.into_bytes(), ring.binary().unwrap()] {
        assert_eq!(Keyring::parse(&bytes).unwrap(), ring);
        assert!(matches!(Certificate::parse(&bytes), Err(Error::Malformed { .. })), "two are not one");
    }
    for bytes in [&b""[..], b"no key here", &ring.binary().unwrap()[..40]] {
        assert!(matches!(Keyring::parse(bytes), Err(Error::Malformed { .. })));
    }
}

#[test]
fn sources_field_is_folded() {
    let armored = key("archive").certificate().armored_for_sources().unwrap();
    let lines: Vec<_> = armored.lines().collect();
    assert_eq!(&lines[..3], ["", " -----BEGIN PGP PUBLIC KEY BLOCK-----", " ."]);
    assert_eq!(lines.last(), Some(&" -----END PGP PUBLIC KEY BLOCK-----"));
    assert!(lines[1..].iter().all(|line| line.starts_with(' ') && line.len() > 1));
}

#[test]
fn times_that_openpgp_cannot_write_are_errors() {
    let before = SystemTime::UNIX_EPOCH - DAY;
    let after = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
    let signer = OpenPgpSigner::new(vec![key("archive")]).unwrap();
    let signed = signer.sign(TEXT, now()).unwrap();
    for time in [before, after] {
        assert!(SecretKey::generate("odd", time, None).is_err());
        assert!(signer.sign(TEXT, time).is_err());
        let _ = signer.problems(time);
        let _ = signer.keyring().verify_inline(signed.inline(), time);
    }
    assert!(SecretKey::generate("odd", now(), Some(Duration::MAX)).is_err());
}

#[test]
fn user_ids_are_one_line_of_text() {
    let long = "x".repeat(UserId::MOST_BYTES + 1);
    for user_id in ["", " ", "a\nb", "\u{1b}[2J", "a\u{85}b", &long] {
        assert!(matches!(SecretKey::generate(user_id, now(), None), Err(Error::Malformed { .. })));
    }
    let key = SecretKey::generate("Ärchiv <ä@example.org>", now(), None).unwrap();
    assert_eq!(key.certificate().user_ids(), ["Ärchiv <ä@example.org>"]);
}

#[test]
fn fingerprints_are_those_of_gpg() {
    let certificate = Certificate::parse(RSA2048).unwrap();
    let expected: Fingerprint = "CC2D 3919 675C 722A 8498  9E46 D6FB 67A2 75BE 0DE7".parse().unwrap();
    assert_eq!(certificate.fingerprint(), expected);
}

#[test]
fn an_algorithm_that_this_build_lacks_is_named() {
    let certificate = Certificate::parse(SECP256K1).unwrap();
    let algorithm = "secp256k1".to_owned();
    assert_eq!(certificate.algorithm(), algorithm);
    assert_eq!(certificate.problems(later()), [KeyProblem::UnsupportedAlgorithm { algorithm }]);
    let fingerprint = certificate.fingerprint();
    let ring = Keyring::new(vec![certificate]);
    let refused = ring.verify_inline(SIGNED_BY_SECP256K1, later()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!("signed by key {fingerprint}: this build cannot verify secp256k1 signatures")
    );
    // Nor does it spoil a good signature beside it, nor keep a good key from signing.
    let key = SecretKey::from_bytes(SECP256K1, None).unwrap();
    let good = SecretKey::generate("good", later(), None).unwrap();
    let (signer, skipped) = OpenPgpSigner::of_usable(vec![key, good], later()).unwrap();
    assert_eq!((signer.fingerprints().len(), skipped.len()), (1, 1));
}

#[test]
fn two_copies_of_a_key_are_one_with_what_both_know() {
    let mut old = SecretKey::generate("key", later(), Some(DAY)).unwrap();
    let longer = old.with_expiry(Some(later() + 9 * DAY), later() + DAY / 2).unwrap();
    old.merge(longer);
    assert_eq!(old.certificate().expires(), Some(later() + 9 * DAY));
    let other = SecretKey::generate("other", later(), None).unwrap();
    let fingerprint = old.fingerprint();
    old.merge(other);
    assert_eq!(old.fingerprint(), fingerprint);
}

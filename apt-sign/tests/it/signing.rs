//! What we sign, we read; what was changed, we refuse.

use crate::{DAY, TEXT, key, now, sign};
use apt_sign::{Error, KeyProblem, Keyring, OpenPgpSigner, SecretKey, Signed, Signer, check_text};
use proptest::prelude::*;
use std::{
    sync::LazyLock,
    time::{Duration, SystemTime},
};

fn ring(keys: &[&SecretKey]) -> Keyring {
    Keyring::new(keys.iter().map(|key| key.certificate()).collect())
}

/// One key, its keyring and a signed text, for the tests that only read.
static SIGNED: LazyLock<(OpenPgpSigner, Signed)> = LazyLock::new(|| {
    let signer = OpenPgpSigner::new(vec![key("archive")]).unwrap();
    let signed = signer.sign(TEXT, now()).unwrap();
    (signer, signed)
});

#[test]
fn the_text_comes_back_with_its_signers() {
    let (one, two) = (key("one"), key("two"));
    let both = ring(&[&one, &two]);
    let signed = sign(vec![one, two], TEXT);
    assert_eq!(signed.text(), TEXT);
    let inline = both.verify_inline(signed.inline(), now()).unwrap();
    let detached = both.verify_detached(TEXT, signed.detached(), now()).unwrap();
    assert_eq!(inline.text(), TEXT);
    for verified in [&inline, &detached] {
        assert_eq!(verified.signers().len(), 2);
        assert!(verified.signers().iter().all(|s| s.time == now() && s.key == s.certificate));
    }
    assert_eq!(inline.into_text(), TEXT);
}

#[test]
fn one_armor_block_and_sha512() {
    let signed = sign(vec![key("one"), key("two")], TEXT);
    let inline = String::from_utf8(signed.inline().to_vec()).unwrap();
    let head: Vec<_> = inline.lines().take(4).collect();
    insta::assert_snapshot!(head.join("\n"), @r"
    -----BEGIN PGP SIGNED MESSAGE-----
    Hash: SHA512

    Origin: Example
    ");
    assert_eq!(inline.matches("BEGIN PGP SIGNATURE").count(), 1);
    assert!(inline.ends_with("-----END PGP SIGNATURE-----\n"));
    assert!(inline.contains("\n- - dash\n- --- dashes\n- From me\n"));
    assert!(!inline.contains('\r'));
    let detached = String::from_utf8(signed.detached().to_vec()).unwrap();
    assert!(detached.starts_with("-----BEGIN PGP SIGNATURE-----\n\n"));
    assert_eq!(detached.matches("BEGIN PGP SIGNATURE").count(), 1);
}

#[test]
fn one_known_signer_of_two_is_enough() {
    let (old, new) = (key("old"), key("new"));
    let (knows_old, knows_new) = (ring(&[&old]), ring(&[&new]));
    let signed = sign(vec![old, new], TEXT);
    for client in [knows_old, knows_new] {
        assert_eq!(client.verify_inline(signed.inline(), now()).unwrap().signers().len(), 1);
        assert_eq!(client.verify_detached(TEXT, signed.detached(), now()).unwrap().signers().len(), 1);
    }
}

#[test]
fn a_foreign_key_is_named() {
    let (signer, signed) = &*SIGNED;
    let stranger = ring(&[&key("stranger")]);
    let short = signer.fingerprints()[0].to_string();
    for error in [
        stranger.verify_inline(signed.inline(), now()).unwrap_err(),
        stranger.verify_detached(TEXT, signed.detached(), now()).unwrap_err(),
    ] {
        assert!(
            matches!(&error, Error::UnknownSigner { issuers } if *issuers == [short.as_str()]),
            "{error:?}"
        );
    }
    assert!(matches!(
        Keyring::default().verify_inline(signed.inline(), now()),
        Err(Error::UnknownSigner { .. })
    ));
}

#[test]
fn every_changed_byte_of_the_text_is_noticed() {
    let (signer, signed) = &*SIGNED;
    for index in 0..TEXT.len() - 1 {
        let mut text = TEXT.to_vec();
        text[index] ^= 1;
        let refused = signer.keyring().verify_detached(&text, signed.detached(), now());
        assert!(matches!(refused, Err(Error::BadSignature { .. })), "byte {index}");
    }
}

/// Text outside the signed part was once taken for signed: CVE-2013-1051.
#[test]
fn nothing_outside_the_signed_part_is_accepted() {
    let (signer, signed) = &*SIGNED;
    let message = String::from_utf8(signed.inline().to_vec()).unwrap();
    let forged = "Origin: Mallory\n";
    let begin = "-----BEGIN PGP SIGNED MESSAGE-----\n";
    let signature = "-----BEGIN PGP SIGNATURE-----\n";
    for (message, rule) in [
        (format!("{forged}{message}"), "it does not start with the line of a signed message"),
        (format!("\n{message}"), "it does not start with the line of a signed message"),
        (format!("{message}{forged}"), "something follows the signature"),
        (format!("{message}{message}"), "something follows the signature"),
        (
            message.replacen("Hash: SHA512\n", &format!("Hash: SHA512\n{forged}"), 1),
            "only Hash headers and an empty line may stand before the text",
        ),
        (
            message.replacen("Hash: SHA512\n\n", "Hash: SHA512\n \n", 1),
            "only Hash headers and an empty line may stand before the text",
        ),
        (
            message.replacen(begin, &format!("{begin}{begin}"), 1),
            "only Hash headers and an empty line may stand before the text",
        ),
        (message.replacen("- - dash", "- dash\n-oops", 1), "a dash at the start is not escaped"),
        (message.replacen("Suite: ", "Suite:\r", 1), "a carriage return stands within a line"),
        (message.replace(signature, ""), "a dash at the start is not escaped"),
        (message.replacen(signature, &format!("{signature}{signature}"), 1), "the signature has no end"),
        (message.split(signature).next().unwrap().to_owned(), "the signature is missing"),
    ] {
        match signer.keyring().verify_inline(message.as_bytes(), now()) {
            Err(Error::Framing { rule: found, .. }) => assert_eq!(found, rule, "{message}"),
            other => panic!("{other:?} for {message}"),
        }
    }
}

/// White space at line ends is not covered by the signature, so it must not come out of it either.
#[test]
fn white_space_added_at_line_ends_is_dropped() {
    let (signer, signed) = &*SIGNED;
    let message = String::from_utf8(signed.inline().to_vec()).unwrap();
    for end in [" \n", "\t \n", "\r\n"] {
        let (head, armor) = message.split_once("-----BEGIN PGP SIGNATURE").unwrap();
        let (frame, text) = head.split_once("\n\n").unwrap();
        let changed = format!("{frame}\n\n{}-----BEGIN PGP SIGNATURE{armor}", text.replace('\n', end));
        assert_eq!(signer.keyring().verify_inline(changed.as_bytes(), now()).unwrap().text(), TEXT);
    }
}

/// Text and binary signatures hash a lone CR differently from what they show; neither may stand in for the
/// other.
#[test]
fn the_two_forms_of_signature_are_not_exchangeable() {
    let (signer, signed) = &*SIGNED;
    let message = String::from_utf8(signed.inline().to_vec()).unwrap();
    let start = message.find("-----BEGIN PGP SIGNATURE").unwrap();
    let text = TEXT.strip_suffix(b"\n").unwrap();
    let refused = signer.keyring().verify_detached(text, &message.as_bytes()[start..], now());
    assert!(matches!(refused, Err(Error::BadSignature { .. })), "{refused:?}");

    let detached = signer.sign(TEXT, now()).unwrap();
    let exchanged = [&message.as_bytes()[..start], detached.detached()].concat();
    let refused = signer.keyring().verify_inline(&exchanged, now());
    assert!(matches!(refused, Err(Error::BadSignature { .. })), "{refused:?}");
}

#[test]
fn a_signed_text_exists_only_when_all_keys_signed_both_forms() {
    let (one, two) = (key("one"), key("two"));
    let both = ring(&[&one, &two]);
    let only_one = ring(&[&one]);
    let missing = two.fingerprint();
    let signed = sign(vec![one], TEXT);
    let parts = |text: &[u8]| (text.to_vec(), signed.inline().to_vec(), signed.detached().to_vec());

    let (text, inline, detached) = parts(TEXT);
    assert_eq!(Signed::verify(text, inline, detached, &only_one, now()).unwrap(), signed);
    let (text, inline, detached) = parts(TEXT);
    match Signed::verify(text, inline, detached, &both, now()) {
        Err(Error::NotSignedBy { fingerprint }) => assert_eq!(fingerprint, missing),
        other => panic!("{other:?}"),
    }
    let (text, inline, detached) = parts(b"Suite: other\n");
    assert!(matches!(Signed::verify(text, inline, detached, &only_one, now()), Err(Error::OtherText)));
}

#[test]
fn texts_that_cannot_survive_are_refused_before_signing() {
    let (signer, _) = &*SIGNED;
    for text in [&b""[..], b"no newline", b"Label: \n", b"a\r\n", b"\xff\n"] {
        assert!(matches!(signer.sign(text, now()), Err(Error::Text { .. })), "{text:?}");
    }
}

#[test]
fn keys_sign_only_while_they_are_valid() {
    let key = || SecretKey::generate("short", now(), Some(DAY)).unwrap();
    let end = key().certificate();
    assert_eq!(end.expires(), Some(now() + DAY));
    let signer = OpenPgpSigner::new(vec![key()]).unwrap();
    let problem = |time: SystemTime| match signer.sign(TEXT, time) {
        Ok(_) => "signed".to_owned(),
        Err(error) => error.to_string().replace(&signer.fingerprints()[0].to_string(), "KEY"),
    };
    let second = Duration::from_secs(1);
    insta::assert_snapshot!(
        [now() - second, now(), now() + DAY - second, now() + DAY, now() + 400 * DAY].map(problem).join("\n"),
        @r"
    key KEY cannot sign: it was made only at 2025-06-15T15:06:40Z
    signed
    signed
    key KEY cannot sign: it expired at 2025-06-16T15:06:40Z
    key KEY cannot sign: it expired at 2025-06-16T15:06:40Z
    "
    );
}

#[test]
fn a_signature_outlives_its_key_and_is_not_valid_before_it_was_made() {
    let key = SecretKey::generate("short", now() - DAY, Some(2 * DAY)).unwrap();
    let ring = ring(&[&key]);
    let signed = sign(vec![key], TEXT);
    ring.verify_inline(signed.inline(), now() + 300 * DAY).unwrap();
    assert!(matches!(ring.verify_inline(signed.inline(), now() - DAY / 2), Err(Error::BadSignature { .. })));
}

#[test]
fn sets_of_keys_that_make_no_sense_are_refused() {
    assert!(matches!(OpenPgpSigner::new(vec![]), Err(Error::Keys { .. })));
    let once = key("once");
    let twice = SecretKey::from_bytes(once.to_armored().unwrap().as_bytes(), None).unwrap();
    assert!(matches!(
        OpenPgpSigner::new(vec![once, twice]),
        Err(Error::Keys { rule: "a key is there twice" })
    ));
}

fn lines() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        "[ -~]{0,20}",
        "(- |-|--|-----BEGIN PGP SIGNATURE-----|-----BEGIN PGP SIGNED MESSAGE-----|From |Hash: SHA512|\\.)[a-z ]{0,5}",
        "[ \t]{0,3}",
        "\\PC{0,20}",
    ];
    (prop::collection::vec(line, 0..12), any::<bool>()).prop_map(|(lines, newline)| {
        let mut text = lines.join("\n");
        text.extend(newline.then_some('\n'));
        text.into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Either a text is refused for what it is, or it is signed and comes back as it was.
    #[test]
    fn any_text_is_refused_or_comes_back(text in lines()) {
        let (signer, _) = &*SIGNED;
        match signer.sign(&text, now()) {
            Ok(signed) => {
                prop_assert!(check_text(&text).is_ok());
                let verified = signer.keyring().verify_inline(signed.inline(), now()).unwrap();
                prop_assert_eq!(verified.text(), &text);
            }
            Err(Error::Text { .. }) => prop_assert!(check_text(&text).is_err()),
            Err(other) => prop_assert!(false, "{other:?} for {text:?}"),
        }
    }

    /// Nothing that comes from outside makes a reader panic, and no change to a message changes what it says.
    #[test]
    fn damaged_messages_never_panic_or_lie(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..6),
    ) {
        let (signer, signed) = &*SIGNED;
        let damage = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            for (at, byte, how) in &cuts {
                if bytes.is_empty() { break }
                let at = at.index(bytes.len());
                match how {
                    0 => bytes[at] = *byte,
                    1 => bytes.truncate(at),
                    _ => bytes.insert(at, *byte),
                }
            }
            bytes
        };
        if let Ok(verified) = signer.keyring().verify_inline(&damage(signed.inline()), now()) {
            prop_assert_eq!(verified.text(), TEXT);
        }
        let _ = signer.keyring().verify_detached(TEXT, &damage(signed.detached()), now());
        let _ = Keyring::parse(&damage(&signer.keyring().binary().unwrap()));
        let _ = Keyring::parse(&damage(signer.keyring().armored().unwrap().as_bytes()));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (signer, _) = &*SIGNED;
        prop_assert!(signer.keyring().verify_inline(&bytes, now()).is_err());
        prop_assert!(signer.keyring().verify_detached(TEXT, &bytes, now()).is_err());
        if let Ok(keyring) = Keyring::parse(&bytes) {
            keyring.armored().unwrap();
        }
        prop_assert!(SecretKey::from_bytes(&bytes, Some("password")).is_err());
    }
}

#[test]
fn an_expired_key_beside_a_good_one_does_not_sign() {
    let expired = SecretKey::generate("old", now() - 2 * DAY, Some(DAY)).unwrap();
    let (good, name) = (key("good"), expired.fingerprint());
    let (signer, skipped) = OpenPgpSigner::of_usable(vec![expired, good], now()).unwrap();
    assert_eq!(skipped, [(name.clone(), KeyProblem::Expired { at: now() - DAY })]);
    let signed = signer.sign(TEXT, now()).unwrap();
    assert!(signer.has_signed(signed.inline(), now()));
    assert!(!OpenPgpSigner::new(vec![key("other")]).unwrap().has_signed(signed.inline(), now()));

    let expired = SecretKey::generate("old", now() - 2 * DAY, Some(DAY)).unwrap();
    let none = OpenPgpSigner::of_usable(vec![expired], now());
    assert!(matches!(none, Err(Error::Key { problem: KeyProblem::Expired { .. }, .. })), "{none:?}");
    assert!(matches!(OpenPgpSigner::of_usable(Vec::new(), now()), Err(Error::Keys { .. })));
}

//! Keys that clients do not know sign alone only when somebody says so.

use apt_sign::{OpenPgpSigner, SecretKey, Signer as _};
use repo_store::{Error, PublishOptions};

use crate::fixture::{Fixture, context, files_below, publish, publish_with_other_keys, secret_key, signer};

fn of(keys: Vec<SecretKey>) -> OpenPgpSigner {
    OpenPgpSigner::new(keys).unwrap()
}

fn copy(key: &SecretKey) -> SecretKey {
    SecretKey::from_bytes(key.to_armored().unwrap().as_bytes(), None).unwrap()
}

fn refusal(fixture: &Fixture, signer: &OpenPgpSigner) -> Vec<String> {
    let shown = fixture.store.public(&fixture.preprod.name).join("dists");
    let before = shown.read_link_utf8().unwrap();
    let result = fixture.store.publish(&fixture.preprod, signer, &context(1000));
    assert_eq!(shown.read_link_utf8().unwrap(), before);
    match result {
        Err(Error::Publish(repo_store::error::PublishError::KeyChange { keys, .. })) => keys,
        other => panic!("{other:?}"),
    }
}

#[test]
fn other_keys_alone_are_refused_until_that_is_allowed() {
    let (fixture, old) = (Fixture::new(), secret_key());
    let name = old.fingerprint().to_string();
    publish(&fixture, &of(vec![copy(&old)]), 0);
    let other = secret_key();
    assert_eq!(refusal(&fixture, &of(vec![copy(&other)])), [name]);
    let again = fixture.store.sign_again(
        &fixture.preprod,
        &of(vec![copy(&other)]),
        PublishOptions::default(),
        &context(10),
    );
    assert!(
        matches!(again, Err(Error::Publish(repo_store::error::PublishError::KeyChange { .. }))),
        "{again:?}"
    );
    // A rotation: both sign, then the new one alone.
    publish(&fixture, &of(vec![old, copy(&other)]), 20);
    publish(&fixture, &of(vec![copy(&other)]), 30);
    let third = signer();
    assert_eq!(refusal(&fixture, &third), [other.fingerprint().to_string()]);
    assert!(publish_with_other_keys(&fixture, &third, 40).publication.is_some());
    assert_eq!(third.fingerprints().len(), 1);
}

/// Takes the keys out of all records, as an older version wrote them.
fn forget_keys(fixture: &Fixture) {
    for path in files_below(&fixture.store.root().join("store/publications")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let (content, _) = text.rsplit_once("\nBLAKE3: ").unwrap();
        let lines = content.split_inclusive('\n');
        let content: String =
            lines.filter(|line| !line.starts_with("Keys: ") && !line.starts_with("Replaces: ")).collect();
        let check = blake3::hash(content.as_bytes());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, format!("{content}\nBLAKE3: {check}\n")).unwrap();
    }
}

#[test]
fn of_a_record_without_keys_the_published_signature_tells() {
    let (fixture, old) = (Fixture::new(), secret_key());
    publish(&fixture, &of(vec![copy(&old)]), 0);
    forget_keys(&fixture);
    assert_eq!(refusal(&fixture, &signer()), [""; 0]);
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &of(vec![copy(&old)]), 10);

    // Nor does it help to exchange the signed file: it is not the one that was recorded.
    forget_keys(&fixture);
    let other = Fixture::new();
    let stranger = signer();
    publish(&other, &stranger, 0);
    for suite in ["bookworm", "trixie"] {
        let in_release = |fixture: &Fixture| {
            fixture.store.public(&fixture.preprod.name).join("dists").join(suite).join("InRelease")
        };
        std::fs::remove_file(in_release(&fixture)).unwrap();
        std::fs::copy(in_release(&other), in_release(&fixture)).unwrap();
    }
    assert_eq!(refusal(&fixture, &stranger), [""; 0]);
}

#[test]
fn of_a_publication_without_a_record_too() {
    let (fixture, old) = (Fixture::new(), secret_key());
    publish(&fixture, &of(vec![copy(&old)]), 0);
    std::fs::remove_dir_all(fixture.store.root().join("store/publications")).unwrap();
    assert_eq!(refusal(&fixture, &signer()), [""; 0]);
    assert!(publish(&fixture, &of(vec![old]), 10).publication.is_some());
}

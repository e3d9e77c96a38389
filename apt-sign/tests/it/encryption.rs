use apt_sign::SecretKey;
use apt_sign::encryption::{EncryptionError, Recipients};

use crate::now;

fn key(name: &str) -> SecretKey {
    SecretKey::generate_for_encryption(&format!("{name} <{name}@example.org>"), now(), None).unwrap()
}

fn encrypted(keys: &[&SecretKey], content: &[u8]) -> Vec<u8> {
    let recipients = Recipients::new(keys.iter().map(|key| key.certificate()).collect(), now()).unwrap();
    let mut bytes = Vec::new();
    recipients.encrypt(&mut bytes, |output| output.write_all(content)).unwrap().unwrap();
    bytes
}

/// Reads a message to its end.
fn decrypted(key: &SecretKey, bytes: &[u8]) -> Result<std::io::Result<Vec<u8>>, EncryptionError> {
    key.decrypt(bytes, now(), |input| {
        let mut content = Vec::new();
        input.read_to_end(&mut content).map(|_| content)
    })
}

#[test]
fn each_recipient_reads_it_and_nobody_else() {
    let [first, second, other] = ["first", "second", "other"].map(key);
    let bytes = encrypted(&[&first, &second], b"content");
    for key in [&first, &second] {
        assert_eq!(decrypted(key, &bytes).unwrap().unwrap(), b"content");
    }
    match decrypted(&other, &bytes) {
        Err(EncryptionError::NotARecipient { recipients }) => assert_eq!(recipients.len(), 2),
        other => panic!("{other:?}"),
    }
    assert!(matches!(Recipients::new(Vec::new(), now()), Err(EncryptionError::NoRecipient)));
}

#[test]
fn what_was_changed_or_cut_off_never_reads_to_its_end() {
    let key = key("site");
    let content = vec![7; 3_000];
    let bytes = encrypted(&[&key], &content);
    for position in (0..bytes.len()).step_by(41) {
        let mut changed = bytes.clone();
        changed[position] ^= 0x10;
        for wrong in [&changed[..], &bytes[..position]] {
            // The version of a packet may be written in more than one way.
            let read = decrypted(&key, wrong).ok().and_then(Result::ok);
            assert!(read.is_none_or(|read| read == content), "byte {position}");
        }
    }
    assert!(decrypted(&key, &bytes[..bytes.len() - 1]).ok().and_then(Result::ok).is_none());
}

/// An output on a full disk.
struct Full;

impl std::io::Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_no_fault_of_the_encryption() {
    let recipients = Recipients::new(vec![key("first").certificate()], now()).unwrap();
    let content = vec![0; 1 << 20];
    let error = recipients.encrypt(&mut Full, |output| output.write_all(&content).is_err()).unwrap_err();
    match error {
        EncryptionError::Write { source } => assert_eq!(source.kind(), std::io::ErrorKind::StorageFull),
        other => panic!("{other:?}"),
    }
}

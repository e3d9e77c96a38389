//! Checksums, by the hash crates themselves.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

/// The kinds of checksums in Release files, the strongest first.
pub(crate) const KINDS: [&str; 4] = ["SHA512", "SHA256", "SHA1", "MD5Sum"];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the checksum of one of [`KINDS`]; an empty text for an unknown kind.
pub(crate) fn of(kind: &str, bytes: &[u8]) -> String {
    match kind {
        "SHA512" => hex(&Sha512::digest(bytes)),
        "SHA256" => hex(&Sha256::digest(bytes)),
        "SHA1" => hex(&Sha1::digest(bytes)),
        "MD5Sum" => hex(&Md5::digest(bytes)),
        _ => String::new(),
    }
}

/// Returns the SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    of("SHA256", bytes)
}

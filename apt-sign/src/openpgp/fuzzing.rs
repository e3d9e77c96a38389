//! Readers that are private otherwise, for the laws in `fuzz`.

use crate::{Error, Fingerprint};
use std::time::SystemTime;

/// Reads a bare public key in PEM as a key made at that time, and gives its fingerprint.
///
/// # Errors
/// [`Error::Malformed`] when it is none.
pub fn public_key(pem: &[u8], created: SystemTime) -> Result<Fingerprint, Error> {
    let key = super::public_key_info::parse(pem, created)?;
    Fingerprint::parse(&key.fingerprint().to_hex())
}

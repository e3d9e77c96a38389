//! The proof that a payload comes from somebody who knows the secret.

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;

/// Returns what the header `X-Signature` says of a body: `sha256=`, and the HMAC-SHA256 of the body in hexadecimal digits.
///
/// ```
/// // RFC 4231, test case 2.
/// let signature = repo_hooks::signature(b"Jefe", b"what do ya want for nothing?");
/// assert_eq!(signature, "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
/// ```
#[must_use]
pub fn signature(secret: &[u8], body: &[u8]) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(body);
    let digest = mac.finalize().into_bytes();
    digest.iter().fold("sha256=".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

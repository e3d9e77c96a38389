//! Whole journeys: keys made, texts signed, signatures read by us and by Debian's verifiers.
#![cfg(feature = "openpgp")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]

mod encryption;
mod external;
mod key_file;
mod keys;
mod lifetime;
mod signing;
mod verifiers;

use apt_sign::{OpenPgpSigner, SecretKey, Signed, Signer};
use std::time::{Duration, SystemTime};

/// The moment in June 2025 at which everything here is signed; in the past, since Debian's verifiers go by
/// the clock.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_750_000_000)
}

fn key(name: &str) -> SecretKey {
    SecretKey::generate(&format!("{name} <{name}@example.org>"), now() - DAY, None).unwrap()
}

fn sign(keys: Vec<SecretKey>, text: &[u8]) -> Signed {
    OpenPgpSigner::new(keys).unwrap().sign(text, now()).unwrap()
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const TEXT: &[u8] = b"Origin: Example
Suite: bookworm
SHA256:
 abc 12 main/binary-amd64/Packages
- dash
--- dashes
From me

 indented
Snapshots: no
";

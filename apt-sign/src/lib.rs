//! Signing and verifying of APT repository metadata: `InRelease`, `Release.gpg`, keys and keyrings.
//!
//! The crate knows nothing of APT beyond "these bytes". A [`Signer`] turns a text into a [`Signed`]: the
//! clear-signed form (`InRelease`) and the detached signature (`Release.gpg`). A `Signed` exists only after
//! both have been read back and verified, so what reaches a client is never the unchecked output of a signer.
//!
//! ```text
//! SecretKey, GpgKey, CommandKey ─▶ OpenPgpSigner ── sign ──▶ Signed: InRelease, Release.gpg
//!                                                  ▲ verified before it is returned
//! Certificate ─▶ Keyring ── verify_inline ──▶ Verified: the signed text, and by whom
//! ```
//!
//! Verification returns the signed text and nothing else: bytes before, between or after the armored parts
//! of a message make it invalid ([CVE-2013-1051](https://security-tracker.debian.org/tracker/CVE-2013-1051)).
//!
//! Every judgement about a key takes the time as an argument. The clock is read only to check what a program has just signed.
//!
#![cfg_attr(
    feature = "openpgp",
    doc = r#"
```
use apt_sign::{Keyring, OpenPgpSigner, SecretKey, Signer};
use std::time::{Duration, SystemTime};

let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
let key = SecretKey::generate("Example archive <archive@example.org>", now, None)?;
let keyring = Keyring::new(vec![key.certificate()]);

let signer = OpenPgpSigner::new(vec![key])?;
let signed = signer.sign(b"Suite: bookworm\nCodename: bookworm\n", now)?;

let verified = keyring.verify_inline(signed.inline(), now)?;
assert_eq!(verified.text(), b"Suite: bookworm\nCodename: bookworm\n");
# Ok::<(), apt_sign::Error>(())
```
"#
)]
//!
//! # Features
//!
//! `crypto-rust` (default), `crypto-nettle` and `crypto-openssl` choose the cryptographic library, and
//! exactly one of them may be on in a program. With none of them only the types that need no cryptography
//! remain: [`Signer`], [`Signed`], [`PublicKeys`], [`Fingerprint`], [`KeyProblem`], [`UserId`],
//! [`Error`] and [`check_text`].
//!
//! `serde` (off): [`Fingerprint`] and [`UserId`] are written and read as the text that they are; certificates and good signatures
//! are written as descriptions of themselves, with times as RFC 3339.

#[cfg(all(test, feature = "openpgp"))]
extern crate self as apt_sign;

mod error;
mod fingerprint;
#[cfg(all(test, feature = "openpgp"))]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a broken law ends the test"
)]
mod fuzz_replay;
mod key_problem;
#[cfg(feature = "serde")]
mod serialized;
mod signer;
mod text;
mod user_id;

#[cfg(feature = "openpgp")]
mod openpgp;

#[cfg(feature = "openpgp")]
pub mod encryption {
    //! Encryption of files to the holders of keys, and back.
    //!
    //! Encryption hides, and proves nothing about who made a file: whoever knows a certificate can encrypt to it. What comes out of
    //! [`SecretKey::decrypt`](crate::SecretKey::decrypt) is as foreign as what went in, and is trusted only when a signature inside it says so.
    //!
    //! ```
    //! use apt_sign::SecretKey;
    //! use apt_sign::encryption::{EncryptionError, Recipients};
    //! # let now = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_790_000_000);
    //!
    //! let signing_only = SecretKey::generate("Example <a@example.org>", now, None)?;
    //! let refused = Recipients::new(vec![signing_only.certificate()], now);
    //! assert!(matches!(refused, Err(EncryptionError::NoEncryptionKey { .. })));
    //!
    //! let key = SecretKey::generate_for_encryption("Plant 7 <plant-7@example.org>", now, None)?;
    //! let recipients = Recipients::new(vec![key.certificate()], now)?;
    //! let mut encrypted = Vec::new();
    //! recipients.encrypt(&mut encrypted, |output| output.write_all(b"hello"))??;
    //!
    //! let mut text = String::new();
    //! key.decrypt(&encrypted[..], now, |input| input.read_to_string(&mut text))??;
    //! assert_eq!(text, "hello");
    //! # Ok::<(), Box<dyn std::error::Error>>(())
    //! ```

    pub use crate::openpgp::encryption::{EncryptionError, Recipients};
}

#[cfg(all(feature = "openpgp", any(test, feature = "fuzzing")))]
#[doc(hidden)]
pub use openpgp::fuzzing;

pub use error::{Error, KeyFileFault};
pub use fingerprint::Fingerprint;
pub use key_problem::KeyProblem;
pub use signer::{PublicKeys, Signed, Signer};
pub use text::{MAX_LINE, check_text};
pub use user_id::UserId;

#[cfg(feature = "openpgp")]
pub use openpgp::{
    AttachedSigner, Certificate, CommandKey, DeferredKey, GpgKey, KeyAlgorithm, KeySignatures, KeySigner,
    Keyring, OpenPgpSigner, PublicPart, RevocationReason, SecretArmor, SecretKey, SignatureForm, SignedBy,
    StoredKey, Verified,
};

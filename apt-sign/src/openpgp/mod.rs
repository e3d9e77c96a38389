//! Keys, signatures and keyrings by OpenPGP; the only part that sees the cryptographic library.

mod armor;
mod attached;
mod certificate;
mod cleartext;
mod command;
pub(crate) mod encryption;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod gpg;
mod key_file;
mod key_signer;
mod keyring;
mod lifetime;
mod policy;
mod program;
mod public_key_info;
mod public_part;
mod secret_key;
mod signer;
mod suitability;
mod verify;

pub use attached::AttachedSigner;
pub use certificate::Certificate;
pub use command::CommandKey;
pub use gpg::GpgKey;
pub use key_signer::{DeferredKey, KeySignatures, KeySigner, SignatureForm};
pub use keyring::Keyring;
pub use lifetime::RevocationReason;
pub use public_part::{PublicPart, StoredKey};
pub use secret_key::{KeyAlgorithm, SecretArmor, SecretKey};
pub use signer::OpenPgpSigner;
pub use verify::{SignedBy, Verified};

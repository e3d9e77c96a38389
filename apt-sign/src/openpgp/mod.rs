//! Keys, signatures and keyrings by OpenPGP; the only part that sees the cryptographic library.

mod armor;
mod certificate;
mod cleartext;
mod external;
mod key_file;
mod keyring;
mod lifetime;
mod policy;
mod secret_key;
mod signer;
mod suitability;
mod verify;

pub use certificate::Certificate;
pub use external::CommandSigner;
pub use keyring::Keyring;
pub use lifetime::RevocationReason;
pub use secret_key::{KeyAlgorithm, SecretArmor, SecretKey};
pub use signer::OpenPgpSigner;
pub use verify::{SignedBy, Verified};

//! The seam between who wants a signature and who can make one.

use crate::{Error, Fingerprint};
use std::time::SystemTime;

/// Something that signs: a key in this process, another program, a token.
///
/// ```
/// use apt_sign::{Error, Signed, Signer};
/// use std::time::SystemTime;
///
/// fn in_release(signer: &dyn Signer, release: &[u8], now: SystemTime) -> Result<Vec<u8>, Error> {
///     Ok(signer.sign(release, now)?.inline().to_vec())
/// }
/// ```
pub trait Signer: Send + Sync {
    /// The certificates of all keys that sign, in the order they were given.
    fn fingerprints(&self) -> Vec<Fingerprint>;

    /// Returns the certificates of all keys that sign, as clients are given them.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`], when the library fails to write.
    fn public_keys(&self) -> Result<PublicKeys, Error>;

    /// Signs `text` with every key, the signatures of each form in one armor block.
    ///
    /// `time`, cut to whole seconds, becomes the time of the signatures, and is the time at which the keys
    /// must be valid. Two calls never return the same bytes, since signatures carry a random salt: sign again
    /// only when the text has changed.
    ///
    /// # Errors
    ///
    /// [`Error::Text`] when [`check_text`](crate::check_text) refuses the text, [`Error::Time`] when no signature can have that time, [`Error::Key`] when a key is
    /// expired, revoked or too weak; whatever else keeps the signer from signing with *all* its keys.
    fn sign(&self, text: &[u8], time: SystemTime) -> Result<Signed, Error>;

    /// Returns whether one of its keys made a good signature of this clear-signed message, by what is known at `time`.
    fn has_signed(&self, inline: &[u8], time: SystemTime) -> bool;
}

/// The certificates that clients need to verify signatures, in the two forms that apt reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKeys {
    /// All certificates in one armor block, for a file named `.asc`.
    pub armored: String,
    /// All certificates as they are, for a file named `.gpg`.
    pub binary: Vec<u8>,
}

/// A text with its signatures, known to verify.
///
/// None can be built that has not been read back and checked: `Signed::verify` is the only
/// constructor (with the feature `openpgp`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    text: Vec<u8>,
    inline: Vec<u8>,
    detached: Vec<u8>,
}

impl Signed {
    /// The clear-signed message: what `InRelease` holds.
    #[must_use]
    pub fn inline(&self) -> &[u8] {
        &self.inline
    }

    /// The armored detached signature: what `Release.gpg` holds.
    #[must_use]
    pub fn detached(&self) -> &[u8] {
        &self.detached
    }

    /// The text that was signed: what `Release` holds.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    #[cfg(feature = "openpgp")]
    pub(crate) fn from_verified(text: Vec<u8>, inline: Vec<u8>, detached: Vec<u8>) -> Self {
        Self { text, inline, detached }
    }
}

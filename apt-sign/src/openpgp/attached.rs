//! Signatures that were made elsewhere, and are taken in when what they cover is published.

use super::Keyring;
use crate::{Error, Fingerprint, PublicKeys, Signed, Signer, check_text};
use std::{fmt, time::SystemTime};

/// Hands out signatures that somebody made elsewhere, after verifying them.
///
/// ```
/// # use apt_sign::{AttachedSigner, OpenPgpSigner, SecretKey, Signer};
/// # let now = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_790_000_000);
/// # let key = SecretKey::generate("Example <a@example.org>", now, None)?;
/// # let keyring = apt_sign::Keyring::new(vec![key.certificate()]);
/// # let signed = OpenPgpSigner::new(vec![key])?.sign(b"Suite: bookworm\n", now)?;
/// # let (in_release, release_gpg) = (signed.inline().to_vec(), signed.detached().to_vec());
/// let signer = AttachedSigner::new(keyring, vec![(in_release, release_gpg)]);
/// assert!(signer.sign(b"Suite: bookworm\n", now).is_ok());
/// assert!(matches!(signer.sign(b"Suite: trixie\n", now), Err(apt_sign::Error::NotAttached)));
/// # Ok::<(), apt_sign::Error>(())
/// ```
pub struct AttachedSigner {
    keyring: Keyring,
    attached: Vec<(Vec<u8>, Vec<u8>)>,
}

impl AttachedSigner {
    /// Takes the certificates by which *all* texts must be signed, and for each text the clear-signed message and the armored detached
    /// signature.
    #[must_use]
    pub fn new(keyring: Keyring, attached: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        Self { keyring, attached }
    }
}

impl Signer for AttachedSigner {
    fn fingerprints(&self) -> Vec<Fingerprint> {
        self.keyring.fingerprints()
    }

    fn public_keys(&self) -> Result<PublicKeys, Error> {
        self.keyring.public_keys()
    }

    /// Returns the signatures of that text. `time` is not the time of the signatures, only that at which the keys must be valid.
    ///
    /// # Errors
    ///
    /// [`Error::NotAttached`] when there is none, and what [`Signed::verify`] finds.
    fn sign(&self, text: &[u8], time: SystemTime) -> Result<Signed, Error> {
        check_text(text)?;
        let mut refused = Error::NotAttached;
        for (inline, detached) in &self.attached {
            match Signed::verify(text.to_vec(), inline.clone(), detached.clone(), &self.keyring, time) {
                Ok(signed) => return Ok(signed),
                // That of another text.
                Err(Error::OtherText) => {}
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    fn has_signed(&self, inline: &[u8], time: SystemTime) -> bool {
        self.keyring.verify_inline(inline, time).is_ok()
    }
}

impl fmt::Debug for AttachedSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachedSigner").field("keyring", &self.keyring).finish_non_exhaustive()
    }
}

//! Keyrings: the certificates that a verifier trusts.

use super::{Certificate, Verified, armor, certificate, cleartext, verify};
use crate::{Error, Fingerprint, PublicKeys};
use sequoia_openpgp::{armor::Kind, types::SignatureType};
use std::time::SystemTime;

/// A set of certificates that are all trusted alike.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Keyring(Vec<Certificate>);

impl Keyring {
    /// Puts certificates together, in the order given; of one given twice the contents are merged.
    #[must_use]
    pub fn new(certificates: Vec<Certificate>) -> Self {
        let mut ring: Vec<Certificate> = Vec::with_capacity(certificates.len());
        for certificate in certificates {
            match ring.iter_mut().find(|known| known.fingerprint() == certificate.fingerprint()) {
                Some(known) => known.merge(&certificate),
                None => ring.push(certificate),
            }
        }
        Self(ring)
    }

    /// Reads a keyring: one or more certificates, binary or in any number of armor blocks.
    ///
    /// Secret parts are dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] when a certificate is damaged or there is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let found = Certificate::parse_all(bytes)?;
        if found.is_empty() {
            return Err(Error::Malformed { expected: "an OpenPGP keyring", source: None });
        }
        Ok(Self::new(found))
    }

    /// The certificates, in order.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.0
    }

    /// The fingerprints of the certificates, in order.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.0.iter().map(Certificate::fingerprint).collect()
    }

    /// All certificates in one armor block (`.asc`): lines end in LF, no armor headers.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`], when the library fails to write.
    pub fn armored(&self) -> Result<String, Error> {
        certificate::text(armor::write(Kind::PublicKey, &self.binary()?)?)
    }

    /// All certificates as they are (`.gpg`).
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`], when the library fails to write.
    pub fn binary(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        for certificate in &self.0 {
            bytes.extend(certificate.binary()?);
        }
        Ok(bytes)
    }

    /// Returns the certificates in both forms that apt reads.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`], when the library fails to write.
    pub fn public_keys(&self) -> Result<PublicKeys, Error> {
        Ok(PublicKeys { armored: self.armored()?, binary: self.binary()? })
    }

    /// The value of a `Signed-By` field with all certificates in it; see
    /// [`Certificate::armored_for_sources`].
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`], when the library fails to write.
    pub fn armored_for_sources(&self) -> Result<String, Error> {
        Ok(certificate::as_field(&self.armored()?))
    }

    /// Verifies a clear-signed message (`InRelease`) and returns the signed text, and nothing but that text.
    ///
    /// One good signature by any certificate of the keyring is enough; signatures by keys outside it are
    /// ignored, and one by a key inside it that does not hold spoils the message. Keys are judged as they
    /// were when they signed (as `sqv` does; gpgv also refuses keys that have expired since), algorithms by
    /// what is known at `time`.
    ///
    /// # Errors
    ///
    /// [`Error::Framing`] for a message that is not framed exactly as section 7 of RFC 9580 has it, or with
    /// anything before or after it; [`Error::UnknownSigner`] or [`Error::BadSignature`] when it is not signed
    /// by the keyring; [`Error::Malformed`] for a broken signature block.
    pub fn verify_inline(&self, message: &[u8], time: SystemTime) -> Result<Verified, Error> {
        let parts = cleartext::split(message)?;
        // The last newline belongs to the frame, and is not signed.
        let signed = parts.text.strip_suffix(b"\n").unwrap_or(&parts.text);
        let signers = verify::detached(&self.0, signed, parts.signature, SignatureType::Text, time)?;
        Ok(Verified::new(parts.text, signers))
    }

    /// Verifies a detached signature (`Release.gpg`), armored or binary, over `text`.
    ///
    /// # Errors
    ///
    /// As for [`Keyring::verify_inline`], but for [`Error::Framing`].
    pub fn verify_detached(
        &self,
        text: &[u8],
        signature: &[u8],
        time: SystemTime,
    ) -> Result<Verified, Error> {
        let signers = verify::detached(&self.0, text, signature, SignatureType::Binary, time)?;
        Ok(Verified::new(text.to_vec(), signers))
    }
}

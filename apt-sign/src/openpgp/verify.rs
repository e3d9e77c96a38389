//! Checking signatures, and what comes out of it.

use super::{Certificate, certificate, policy};
use crate::{Error, Fingerprint, Signed, error::BoxError};
use sequoia_openpgp::{
    Cert, KeyHandle, anyhow,
    parse::{
        Parse,
        stream::{
            DetachedVerifierBuilder, MessageLayer, MessageStructure, VerificationError, VerificationHelper,
        },
    },
    types::SignatureType,
};
use std::time::SystemTime;

/// A text together with who signed it; comes only from a verification that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    text: Vec<u8>,
    signers: Vec<SignedBy>,
}

impl Verified {
    pub(super) fn new(text: Vec<u8>, signers: Vec<SignedBy>) -> Self {
        Self { text, signers }
    }

    /// The signed text. Of a clear-signed message: its lines without white space at their ends (which no
    /// signature covers), each ended by a line feed.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The signed text, taken out.
    #[must_use]
    pub fn into_text(self) -> Vec<u8> {
        self.text
    }

    /// Every good signature by the keyring; at least one.
    #[must_use]
    pub fn signers(&self) -> &[SignedBy] {
        &self.signers
    }
}

/// One good signature.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedBy {
    /// The certificate of the keyring.
    pub certificate: Fingerprint,
    /// The key of that certificate that signed: the primary key or a subkey.
    pub key: Fingerprint,
    /// When, by the signer's clock.
    pub time: SystemTime,
}

impl Signed {
    /// Checks what a signer returned for `text`, and makes a `Signed` of it.
    ///
    /// Both forms are read back through the verification that [`Keyring`](super::Keyring) offers: each must
    /// hold exactly `text` and be signed by *every* certificate of the keyring.
    ///
    /// # Errors
    ///
    /// Those of [`Keyring::verify_inline`](super::Keyring::verify_inline) and
    /// [`Keyring::verify_detached`](super::Keyring::verify_detached); [`Error::OtherText`],
    /// [`Error::NotSignedBy`]; and
    /// [`Error::Malformed`] for a form that is not armored or has CR LF line ends.
    pub fn verify(
        text: Vec<u8>,
        inline: Vec<u8>,
        detached: Vec<u8>,
        keyring: &super::Keyring,
        time: SystemTime,
    ) -> Result<Self, Error> {
        // We would read more than this, but it is the one form that every apt has been seen to take.
        let plain = detached.starts_with(b"-----BEGIN PGP SIGNATURE-----\n") && !detached.contains(&b'\r');
        if !plain || inline.contains(&b'\r') {
            let expected = "an armored signature whose lines end in LF alone";
            return Err(Error::Malformed { expected, source: None });
        }
        let from_inline = keyring.verify_inline(&inline, time)?;
        if from_inline.text() != text {
            return Err(Error::OtherText);
        }
        let from_detached = keyring.verify_detached(&text, &detached, time)?;
        for fingerprint in keyring.fingerprints() {
            let in_both = [&from_inline, &from_detached]
                .iter()
                .all(|verified| verified.signers().iter().any(|s| s.certificate == fingerprint));
            if !in_both {
                return Err(Error::NotSignedBy { fingerprint });
            }
        }
        Ok(Self::from_verified(text, inline, detached))
    }
}

/// Verifies `signature`, whose signatures must be of type `kind`, over `text`.
pub(super) fn detached(
    certificates: &[Certificate],
    text: &[u8],
    signature: &[u8],
    kind: SignatureType,
    time: SystemTime,
) -> Result<Vec<SignedBy>, Error> {
    let malformed =
        |e: anyhow::Error| Error::Malformed { expected: "an OpenPGP signature", source: Some(e.into()) };
    let policy = policy::at(time);
    let helper = Helper { certificates, kind, findings: Findings::default() };
    let mut verifier = DetachedVerifierBuilder::from_bytes(signature)
        .and_then(|builder| builder.with_policy(&policy, time, helper))
        .map_err(malformed)?;
    verifier.verify_bytes(text).map_err(malformed)?;
    verifier.into_helper().findings.judge()
}

struct Helper<'a> {
    certificates: &'a [Certificate],
    kind: SignatureType,
    findings: Findings,
}

#[derive(Default)]
struct Findings {
    good: Vec<SignedBy>,
    bad: Option<BoxError>,
    unusable: Option<BoxError>,
    /// The certificate of a key that this build cannot use, and its algorithm.
    unsupported: Option<(Fingerprint, String)>,
    unknown: Vec<String>,
}

impl Findings {
    fn judge(self) -> Result<Vec<SignedBy>, Error> {
        if let Some(source) = self.bad {
            return Err(Error::BadSignature { source: Some(source) });
        }
        if !self.good.is_empty() {
            return Ok(self.good);
        }
        if let Some((fingerprint, algorithm)) = self.unsupported {
            return Err(Error::UnsupportedAlgorithm { fingerprint, algorithm });
        }
        match self.unusable {
            Some(source) => Err(Error::BadSignature { source: Some(source) }),
            None => Err(Error::UnknownSigner { issuers: self.unknown }),
        }
    }
}

impl Helper<'_> {
    /// The certificate that a signature could not be verified for only because this build lacks the algorithm of the key.
    fn unsupported(&self, error: &VerificationError<'_>) -> Option<(Fingerprint, String)> {
        let (VerificationError::MalformedSignature { sig: signature, .. }
        | VerificationError::UnboundKey { sig: signature, .. }
        | VerificationError::BadKey { sig: signature, .. }
        | VerificationError::BadSignature { sig: signature, .. }) = error
        else {
            return None;
        };
        let issuers = signature.get_issuers();
        self.certificates.iter().find_map(|certificate| {
            let key = certificate.cert().keys().find(|key| {
                !certificate::is_supported(key.key())
                    && issuers.iter().any(|id| id.aliases(key.key().key_handle()))
            })?;
            Some((certificate.fingerprint(), certificate::algorithm(key.key())))
        })
    }
}

impl VerificationHelper for Helper<'_> {
    fn get_certs(&mut self, ids: &[KeyHandle]) -> anyhow::Result<Vec<Cert>> {
        let named =
            |cert: &&Cert| cert.keys().any(|key| ids.iter().any(|id| id.aliases(key.key().key_handle())));
        Ok(self.certificates.iter().map(Certificate::cert).filter(named).cloned().collect())
    }

    fn check(&mut self, structure: MessageStructure<'_>) -> anyhow::Result<()> {
        for layer in structure {
            let MessageLayer::SignatureGroup { results } = layer else { continue };
            for result in results {
                if let Err(error) = &result
                    && let Some(unsupported) = self.unsupported(error)
                {
                    self.findings.unsupported = Some(unsupported);
                    continue;
                }
                match result {
                    // A signature of another type covers other bytes than the ones we are about to vouch for.
                    Ok(good) if good.sig.typ() != self.kind => {
                        self.findings.unusable = Some(format!("it is a {} signature", good.sig.typ()).into());
                    }
                    Ok(good) => self.findings.good.push(SignedBy {
                        certificate: certificate::fingerprint(&good.ka.cert().fingerprint()),
                        key: certificate::fingerprint(&good.ka.key().fingerprint()),
                        time: good.sig.signature_creation_time().unwrap_or(SystemTime::UNIX_EPOCH),
                    }),
                    Err(VerificationError::MissingKey { sig }) => {
                        self.findings.unknown.extend(sig.get_issuers().first().map(KeyHandle::to_hex));
                    }
                    Err(VerificationError::BadSignature { error, .. }) => {
                        self.findings.bad = Some(error.into());
                    }
                    Err(
                        VerificationError::BadKey { error, .. } | VerificationError::UnboundKey { error, .. },
                    ) => {
                        self.findings.unusable = Some(error.into());
                    }
                    Err(VerificationError::MalformedSignature { error, .. }) => {
                        self.findings.unusable = Some(error.into());
                    }
                    Err(other) => self.findings.unusable = Some(other.to_string().into()),
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Error, Keyring, OpenPgpSigner, SecretKey, Signer as _};
    use sequoia_openpgp::armor::{Reader, ReaderMode};
    use std::{
        io::Read as _,
        time::{Duration, SystemTime},
    };

    fn signature(key: SecretKey, text: &[u8], time: SystemTime) -> Vec<u8> {
        let signed = OpenPgpSigner::new(vec![key]).unwrap().sign(text, time).unwrap();
        let mut packets = Vec::new();
        Reader::from_bytes(signed.detached(), ReaderMode::VeryTolerant).read_to_end(&mut packets).unwrap();
        packets
    }

    #[test]
    fn one_bad_signature_of_a_trusted_key_spoils_a_good_one() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_750_000_000);
        let key = || SecretKey::generate("key", time, None).unwrap();
        let (one, two) = (key(), key());
        let both = Keyring::new(vec![one.certificate(), two.certificate()]);
        let only_one = Keyring::new(vec![one.certificate()]);
        let (good, other) = (signature(one, b"text\n", time), signature(two, b"other\n", time));
        for mixed in [[good.clone(), other.clone()].concat(), [other, good].concat()] {
            let refused = both.verify_detached(b"text\n", &mixed, time);
            assert!(matches!(refused, Err(Error::BadSignature { source: Some(_) })), "{refused:?}");
            // What a stranger says of the text is no concern of ours.
            assert_eq!(only_one.verify_detached(b"text\n", &mixed, time).unwrap().signers().len(), 1);
        }
    }
}

//! Certificates: the public part of a key, which clients are given.

use super::{armor, policy, suitability};
use crate::{Error, Fingerprint, KeyProblem};
use sequoia_openpgp::{
    Cert,
    armor::Kind,
    cert::CertParser,
    crypto::mpi::PublicKey,
    packet::{Key, key},
    parse::Parse,
    serialize::SerializeInto,
    types::Curve,
};
use std::{fmt, time::SystemTime};

/// The public part of a key: what clients need to verify, and all they may see.
///
/// ```
/// # use apt_sign::{Certificate, SecretKey};
/// # let key = SecretKey::generate("Example <a@example.org>", std::time::SystemTime::UNIX_EPOCH, None)?;
/// # let bytes = key.certificate().armored()?;
/// let certificate = Certificate::parse(bytes.as_bytes())?;
/// assert_eq!(certificate.algorithm(), "ed25519");
/// assert_eq!(certificate.user_ids(), ["Example <a@example.org>"]);
/// # Ok::<(), apt_sign::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Certificate(Cert);

impl Certificate {
    /// Reads one certificate, armored or binary. A secret part, if there is one, is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for anything else, including two certificates (see
    /// [`Keyring::parse`](super::Keyring::parse)).
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |source| Error::Malformed { expected: "one OpenPGP certificate", source };
        let mut certificates = Self::parse_all(bytes).map_err(|e| malformed(Some(e.into())))?;
        match (certificates.pop(), certificates.is_empty()) {
            (Some(certificate), true) => Ok(certificate),
            _ => Err(malformed(None)),
        }
    }

    /// Reads any number of certificates.
    pub(super) fn parse_all(bytes: &[u8]) -> Result<Vec<Self>, Error> {
        let malformed = |e: sequoia_openpgp::anyhow::Error| Error::Malformed {
            expected: "an OpenPGP keyring",
            source: Some(e.into()),
        };
        let mut found = Vec::new();
        for block in armor::blocks(bytes) {
            for certificate in CertParser::from_bytes(block).map_err(malformed)? {
                found.push(Self::of(certificate.map_err(malformed)?));
            }
        }
        Ok(found)
    }

    pub(super) fn of(cert: Cert) -> Self {
        Self(cert.strip_secret_key_material())
    }

    pub(super) fn cert(&self) -> &Cert {
        &self.0
    }

    pub(super) fn version(&self) -> u8 {
        self.0.primary_key().key().version()
    }

    /// Adds what the other copy of the same certificate knows: new self-signatures, revocations.
    ///
    /// Another certificate changes nothing.
    pub fn merge(&mut self, other: &Self) {
        if let Ok(merged) = self.0.clone().merge_public(other.0.clone()) {
            self.0 = merged;
        }
    }

    /// The fingerprint of the primary key, which names the certificate.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint(&self.0.fingerprint())
    }

    /// The names and addresses that the certificate claims, in its own order; bytes that are not UTF-8 are
    /// replaced.
    #[must_use]
    pub fn user_ids(&self) -> Vec<String> {
        self.0.userids().map(|u| String::from_utf8_lossy(u.userid().value()).into_owned()).collect()
    }

    /// When the primary key was made.
    #[must_use]
    pub fn created(&self) -> SystemTime {
        self.0.primary_key().key().creation_time()
    }

    /// When the primary key expires by its latest self-signature; `None` if never.
    ///
    /// gpgv refuses *every* signature of a key from that second on, also those made before.
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        let policy = policy::lenient();
        let valid = self.0.with_policy(&policy, policy::end_of_time()).ok()?;
        valid.primary_key().key_expiration_time()
    }

    /// The algorithm of the primary key in lower case: `ed25519`, `rsa4096`, `nistp256`, `dsa3072`.
    #[must_use]
    pub fn algorithm(&self) -> String {
        algorithm(self.0.primary_key().key())
    }

    /// When signing with this key ends: with the primary key, or earlier, with the last subkey that may sign. `None` if never.
    #[must_use]
    pub fn signing_ends(&self) -> Option<SystemTime> {
        suitability::signing_ends(&self.0)
    }

    /// The algorithm of the part that signs at `time`, a subkey if there is one, spelt as in [`algorithm`](Self::algorithm).
    #[must_use]
    pub fn signing_algorithm(&self, time: SystemTime) -> String {
        suitability::signing_algorithm(&self.0, time)
    }

    /// Everything that speaks against signing with this key at `time`, the fatal problems first.
    #[must_use]
    pub fn problems(&self, time: SystemTime) -> Vec<KeyProblem> {
        suitability::find(&self.0, time)
    }

    /// One armor block (`.asc`): lines end in LF, no armor headers, as apt 2.6 needs it.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`], when the library fails to write.
    pub fn armored(&self) -> Result<String, Error> {
        text(armor::write(Kind::PublicKey, &self.binary()?)?)
    }

    /// The packets as they are (`.gpg`). Never write these to a file named `.asc`, nor armor to one named
    /// `.gpg`: apt 2.6 goes by the name.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`], when the library fails to write.
    pub fn binary(&self) -> Result<Vec<u8>, Error> {
        self.0.to_vec().map_err(|e| Error::Crypto { verb: "write a certificate", source: e.into() })
    }

    /// The value of a `Signed-By` field with the certificate in it, for a deb822 `.sources` file
    /// (sources.list(5)): to be written right after `Signed-By:`, it starts with a newline and has none at
    /// its end.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`], when the library fails to write.
    pub fn armored_for_sources(&self) -> Result<String, Error> {
        Ok(as_field(&self.armored()?))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.fingerprint())
    }
}

/// Folds text into a deb822 field value: each line indented by a space, an empty one written as a dot.
pub(super) fn as_field(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n .".to_owned() } else { format!("\n {line}") }).collect()
}

pub(super) fn text(armor: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(armor).map_err(|e| Error::Crypto { verb: "write armor", source: e.into() })
}

pub(super) fn fingerprint(fingerprint: &sequoia_openpgp::Fingerprint) -> Fingerprint {
    // Keys of other versions than 4 and 6 do not get past the parser.
    Fingerprint::from_bytes(fingerprint.as_bytes())
}

/// The object identifiers of curves that the library has no name for.
const SECP256K1: [u8; 5] = [0x2b, 0x81, 0x04, 0x00, 0x0a];
const ED448: [u8; 3] = [0x2b, 0x65, 0x71];

/// Returns whether this build can compute the algorithm of a key.
pub(super) fn is_supported<P: key::KeyParts, R: key::KeyRole>(key: &Key<P, R>) -> bool {
    let curve = match key.mpis() {
        PublicKey::EdDSA { curve, .. } | PublicKey::ECDSA { curve, .. } => Some(curve),
        _ => None,
    };
    key.pk_algo().is_supported() && curve.is_none_or(Curve::is_supported)
}

pub(super) fn algorithm<P: key::KeyParts, R: key::KeyRole>(key: &Key<P, R>) -> String {
    let bits = key.mpis().bits().unwrap_or_default();
    match key.mpis() {
        PublicKey::RSA { .. } => format!("rsa{bits}"),
        PublicKey::DSA { .. } => format!("dsa{bits}"),
        PublicKey::EdDSA { curve, .. } | PublicKey::ECDSA { curve, .. } => match curve {
            Curve::Ed25519 => "ed25519".to_owned(),
            Curve::NistP256 => "nistp256".to_owned(),
            Curve::NistP384 => "nistp384".to_owned(),
            Curve::NistP521 => "nistp521".to_owned(),
            Curve::BrainpoolP256 => "brainpoolp256".to_owned(),
            Curve::BrainpoolP384 => "brainpoolp384".to_owned(),
            Curve::BrainpoolP512 => "brainpoolp512".to_owned(),
            Curve::Unknown(oid) if **oid == SECP256K1 => "secp256k1".to_owned(),
            Curve::Unknown(oid) if **oid == ED448 => "ed448".to_owned(),
            other => other.to_string().to_lowercase(),
        },
        _ => key.pk_algo().to_string().to_lowercase(),
    }
}

//! What a key file tells without its secret.

use super::{Certificate, SecretKey, policy};
use crate::{Error, Fingerprint, KeyProblem};
use sequoia_openpgp::{Cert, crypto::mem::Protected};
use std::{fmt, time::SystemTime};

/// The public part of a key with a secret part, and what of that is there. Nothing secret is kept.
#[derive(Clone, Debug)]
pub struct PublicPart {
    certificate: Certificate,
    /// The fingerprints of the primary key and the subkeys whose secrets are there and can be used once the key is open.
    secrets: Vec<Fingerprint>,
    locked: bool,
}

impl PublicPart {
    /// Reads what [`SecretKey::from_bytes`] reads, and drops the secret.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for anything but one key with a secret part.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        SecretKey::parse(bytes).map(|cert| Self::of(&cert))
    }

    fn of(cert: &Cert) -> Self {
        let (mut open, mut encrypted) = (Vec::new(), Vec::new());
        for key in cert.keys().secret() {
            let fingerprint = super::certificate::fingerprint(&key.key().fingerprint());
            if key.key().secret().is_encrypted() {
                encrypted.push(fingerprint);
            } else {
                open.push(fingerprint);
            }
        }
        let locked = open.is_empty();
        let secrets = if locked { encrypted } else { open };
        Self { certificate: Certificate::of(cert.clone()), secrets, locked }
    }

    /// Returns the certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Returns the certificate, taken out.
    #[must_use]
    pub fn into_certificate(self) -> Certificate {
        self.certificate
    }

    /// Returns whether a passphrase is needed.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.locked
    }

    /// Adds what another copy of the same key knows.
    pub fn merge(&mut self, other: &Self) {
        self.certificate.merge(&other.certificate);
        if self.locked == other.locked {
            self.secrets.extend(other.secrets.iter().cloned());
        } else if self.locked {
            (self.locked, self.secrets) = (false, other.secrets.clone());
        }
    }

    /// Returns what keeps the key from signing at `time`.
    #[must_use]
    pub fn problem(&self, time: SystemTime) -> Option<KeyProblem> {
        if let Some(problem) = self.certificate.problems(time).into_iter().find(KeyProblem::is_fatal) {
            return Some(problem);
        }
        let policy = policy::at(time);
        let valid = match self.certificate.cert().with_policy(&policy, time) {
            Ok(valid) => valid,
            Err(error) => return Some(KeyProblem::Unusable { reason: error.root_cause().to_string() }),
        };
        let mut parts = valid.keys().supported().alive().revoked(false).for_signing();
        let has_secret = parts
            .any(|part| self.secrets.contains(&super::certificate::fingerprint(&part.key().fingerprint())));
        (!has_secret).then_some(KeyProblem::NoSigningKey)
    }
}

/// The content of a key file. Its secret part is as the file has it: under a passphrase if there is one. In memory it is kept encrypted besides, and
/// wiped when it is dropped. `Debug` shows the fingerprint only.
pub struct StoredKey {
    cert: Cert,
    public: PublicPart,
}

impl StoredKey {
    pub(super) fn parse(bytes: &Protected) -> Result<Self, Error> {
        let cert = SecretKey::parse(bytes)?;
        Ok(Self { public: PublicPart::of(&cert), cert })
    }

    /// Returns the public part.
    #[must_use]
    pub fn public(&self) -> &PublicPart {
        &self.public
    }

    /// Opens the secret part, with a password if it is protected by one.
    ///
    /// # Errors
    ///
    /// Those of [`SecretKey::from_bytes`].
    pub fn open(&self, password: Option<&str>) -> Result<SecretKey, Error> {
        SecretKey::unlock(self.cert.clone(), password)
    }
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredKey({})", self.public.certificate.fingerprint())
    }
}

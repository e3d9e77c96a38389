//! Secret keys: made, read, written; never shown.

use super::{Certificate, armor, certificate, policy, suitability};
use crate::{Error, Fingerprint, KeyProblem, UserId};
use sequoia_openpgp::{
    Cert, Packet, Profile,
    armor::Kind,
    cert::{CertBuilder, CertParser, CipherSuite, amalgamation::key::PrimaryKey as _},
    crypto::{KeyPair, Password, mem::Protected},
    parse::Parse,
    serialize::SerializeInto,
    types::KeyFlags,
};
use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// What kind of key is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// Ed25519: small and fast, and known to every apt in use.
    #[default]
    Ed25519,
    /// RSA of 4096 bits, where a rule asks for RSA.
    Rsa4096,
}

/// A key that can sign. Its memory is wiped when it is dropped, and `Debug` shows the fingerprint only.
pub struct SecretKey(Cert);

impl SecretKey {
    /// Makes a key: one version 4 Ed25519 key that both certifies and signs, bound by SHA-512.
    ///
    /// Both gpgv 2.2 (apt 2.6) and `sqv` (apt 3) take it. It has no subkey: that would lie in the same file,
    /// and to replace it clients would need a new certificate just the same. `created` is cut to whole
    /// seconds; without `validity` the key never expires, which spares clients of gpgv the day on which every
    /// old signature turns bad.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] when `user_id` is not a [`UserId`]; [`Error::Time`] when `created` is before 1970 or after
    /// 2106; [`Error::Crypto`] when the library fails.
    pub fn generate(user_id: &str, created: SystemTime, validity: Option<Duration>) -> Result<Self, Error> {
        Self::generate_with(KeyAlgorithm::Ed25519, &UserId::parse(user_id)?, created, validity)
    }

    /// Makes a key as [`generate`](Self::generate) does, of another algorithm.
    ///
    /// # Errors
    ///
    /// [`Error::Time`] when `created` is before 1970 or after 2106; [`Error::Crypto`] when the library fails.
    pub fn generate_with(
        algorithm: KeyAlgorithm,
        user_id: &UserId,
        created: SystemTime,
        validity: Option<Duration>,
    ) -> Result<Self, Error> {
        let suite = match algorithm {
            KeyAlgorithm::Ed25519 => CipherSuite::Cv25519,
            KeyAlgorithm::Rsa4096 => CipherSuite::RSA4k,
        };
        sequoia_openpgp::types::Timestamp::try_from(created).map_err(|_| Error::Time)?;
        CertBuilder::new()
            .set_profile(Profile::RFC4880)
            .and_then(|builder| {
                builder
                    .set_cipher_suite(suite)
                    .set_primary_key_flags(KeyFlags::empty().set_certification().set_signing())
                    .set_creation_time(created)
                    .set_validity_period(validity)
                    .add_userid(user_id.as_str())
                    .generate()
            })
            .map(|(cert, _revocation)| Self(cert))
            .map_err(|e| Error::Crypto { verb: "make a key", source: e.into() })
    }

    /// Reads one secret key, armored or binary, as `gpg --export-secret-keys` writes it.
    ///
    /// The parts that `password` opens are kept open in memory. Parts that are not there (`gpg` leaves a stub
    /// for a primary key kept elsewhere) are no hindrance as long as one can sign.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for anything but one key with a secret part; [`Error::Locked`] when no part can
    /// be opened.
    pub fn from_bytes(bytes: &[u8], password: Option<&str>) -> Result<Self, Error> {
        Self::unlock(Self::parse(bytes)?, password)
    }

    /// Opens the parts that `password` opens.
    pub(super) fn unlock(cert: Cert, password: Option<&str>) -> Result<Self, Error> {
        unlock(cert, password).map(Self)
    }

    /// Reads the packets of one key with a secret part, locked or not.
    pub(super) fn parse(bytes: &[u8]) -> Result<Cert, Error> {
        let malformed = |source| Error::Malformed { expected: "one OpenPGP secret key", source };
        let mut certs = Vec::new();
        for block in armor::blocks(bytes) {
            for cert in CertParser::from_bytes(block).map_err(|e| malformed(Some(e.into())))? {
                certs.push(cert.map_err(|e| malformed(Some(e.into())))?);
            }
        }
        match (certs.pop(), certs.is_empty()) {
            (Some(cert), true) if cert.is_tsk() => Ok(cert),
            _ => Err(malformed(None)),
        }
    }

    /// The key as one armor block, *not* protected by a password.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`], when the library fails to write.
    pub fn to_armored(&self) -> Result<SecretArmor, Error> {
        self.to_armored_with(None)
    }

    /// The key as one armor block, protected by a password if there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`], when the library fails to encrypt or to write.
    pub fn to_armored_with(&self, password: Option<&str>) -> Result<SecretArmor, Error> {
        match password {
            Some(password) => Self(lock(self.0.clone(), password)?).armor(),
            None => self.armor(),
        }
    }

    fn armor(&self) -> Result<SecretArmor, Error> {
        let failed = |e: sequoia_openpgp::anyhow::Error| Error::Crypto {
            verb: "write a secret key",
            source: e.into(),
        };
        let packets = Protected::from(self.0.as_tsk().to_vec().map_err(failed)?);
        Ok(SecretArmor(Protected::from(armor::write(Kind::SecretKey, &packets)?)))
    }

    /// Adds what another copy of the same key knows: new self-signatures, other secret parts. Another key changes nothing.
    pub fn merge(&mut self, other: Self) {
        if let Ok(merged) = self.0.clone().merge_public_and_secret(other.0) {
            self.0 = merged;
        }
    }

    /// The public part.
    #[must_use]
    pub fn certificate(&self) -> Certificate {
        Certificate::of(self.0.clone())
    }

    /// The fingerprint of the primary key.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        certificate::fingerprint(&self.0.fingerprint())
    }

    pub(super) fn of(cert: Cert) -> Self {
        Self(cert)
    }

    pub(super) fn cert(&self) -> &Cert {
        &self.0
    }

    /// The part that signs at `time`: of several the newest, as `gpg` chooses.
    pub(super) fn signing_pair(&self, time: SystemTime) -> Result<KeyPair, Error> {
        sequoia_openpgp::types::Timestamp::try_from(time).map_err(|_| Error::Time)?;
        let refuse = |problem| Error::Key { fingerprint: self.fingerprint(), problem };
        if let Some(problem) = suitability::find(&self.0, time).into_iter().find(KeyProblem::is_fatal) {
            return Err(refuse(problem));
        }
        let unusable = |e: sequoia_openpgp::anyhow::Error| {
            refuse(KeyProblem::Unusable { reason: e.root_cause().to_string() })
        };
        let policy = policy::at(time);
        let valid = self.0.with_policy(&policy, time).map_err(unusable)?;
        valid
            .keys()
            .supported()
            .alive()
            .revoked(false)
            .for_signing()
            .unencrypted_secret()
            .max_by_key(|k| k.key().creation_time())
            .ok_or_else(|| refuse(KeyProblem::NoSigningKey))?
            .key()
            .clone()
            .into_keypair()
            .map_err(unusable)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.fingerprint())
    }
}

/// Protects every part that is open.
fn lock(cert: Cert, password: &str) -> Result<Cert, Error> {
    let failed =
        |e: sequoia_openpgp::anyhow::Error| Error::Crypto { verb: "encrypt a secret key", source: e.into() };
    let password = Password::from(password);
    let mut locked: Vec<Packet> = Vec::new();
    for key in cert.keys().unencrypted_secret() {
        let is_primary = key.primary();
        let key = key.key().clone().parts_into_secret().map_err(failed)?;
        let key = key.encrypt_secret(&password).map_err(failed)?;
        locked.push(if is_primary {
            key.role_into_primary().into()
        } else {
            key.role_into_subordinate().into()
        });
    }
    Ok(cert.insert_packets(locked).map_err(failed)?.0)
}

fn unlock(cert: Cert, password: Option<&str>) -> Result<Cert, Error> {
    let password = password.map(Password::from);
    let mut opened: Vec<Packet> = Vec::new();
    let mut open = false;
    for key in cert.keys().secret() {
        if !key.key().secret().is_encrypted() {
            open = true;
        } else if let Some(password) = &password
            && let Ok(plain) = key.key().clone().decrypt_secret(password)
        {
            opened.push(if key.primary() {
                plain.role_into_primary().into()
            } else {
                plain.role_into_subordinate().into()
            });
        }
    }
    if !open && opened.is_empty() {
        return Err(Error::Locked {
            fingerprint: certificate::fingerprint(&cert.fingerprint()),
            given: password.is_some(),
        });
    }
    if opened.is_empty() {
        return Ok(cert);
    }
    let (cert, _) = cert
        .insert_packets(opened)
        .map_err(|e| Error::Crypto { verb: "open a secret key", source: e.into() })?;
    Ok(cert)
}

/// An armored secret key; its memory is wiped when it is dropped, and `Debug` shows nothing of it.
pub struct SecretArmor(Protected);

impl SecretArmor {
    /// The armor, to be written where nobody else can read it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretArmor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretArmor(..)")
    }
}

//! Changing how long a key lives: prolonging and revoking it. Clients learn of either by the new certificate
//! alone.

use super::{Certificate, SecretKey, policy};
use crate::Error;
use sequoia_openpgp::{
    anyhow,
    cert::CertRevocationBuilder,
    cert::amalgamation::ValidAmalgamation as _,
    crypto::KeyPair,
    packet::{Signature, signature::SignatureBuilder},
    types::{HashAlgorithm, ReasonForRevocation},
};
use std::time::{Duration, SystemTime};

/// Why a key is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevocationReason {
    /// Others may have the secret key: no signature of it counts any more, whenever it was made.
    Compromised,
    /// Another key has taken its place: signatures made before go on counting (for `sqv`; not for gpgv).
    Superseded,
}

impl SecretKey {
    /// The same key with another end: it expires at `expires`, or never. Also brings back a key that has
    /// expired.
    ///
    /// The change is dated `time`, or a second after the last change of the key if that is later: of two
    /// self-signatures of one second neither counts as the newer one.
    ///
    /// Its new certificate must reach the clients before the old end: gpgv goes by the end that it knows.
    /// Subkeys keep the ends they have.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] when the secret part of the primary key is locked or kept elsewhere, or `expires` is
    /// not after the key was made.
    pub fn with_expiry(&self, expires: Option<SystemTime>, time: SystemTime) -> Result<Self, Error> {
        let failed = |e: anyhow::Error| Error::Crypto { verb: "change the end of a key", source: e.into() };
        let signatures = self.bind_anew(expires, time).map_err(failed)?;
        let (cert, _) = self.cert().clone().insert_packets(signatures).map_err(failed)?;
        Ok(Self::of(cert))
    }

    /// The certificate with a revocation as of `time`, to be sent to clients in place of the one they have.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] when the secret part of the primary key is locked or kept elsewhere.
    pub fn revoke(&self, reason: RevocationReason, time: SystemTime) -> Result<Certificate, Error> {
        let failed = |e: anyhow::Error| Error::Crypto { verb: "revoke a key", source: e.into() };
        let code = match reason {
            RevocationReason::Compromised => ReasonForRevocation::KeyCompromised,
            RevocationReason::Superseded => ReasonForRevocation::KeySuperseded,
        };
        let revocation = self
            .primary_pair()
            .and_then(|mut pair| {
                CertRevocationBuilder::new()
                    .set_signature_creation_time(time)?
                    .set_reason_for_revocation(code, b"")?
                    .build(&mut pair, self.cert(), None)
            })
            .map_err(failed)?;
        let (cert, _) = self.cert().clone().insert_packets([revocation]).map_err(failed)?;
        Ok(Certificate::of(cert))
    }

    /// Makes every self-signature of the primary key again, with another end.
    ///
    /// The library has a function for that, but it goes by the system's clock.
    fn bind_anew(&self, expires: Option<SystemTime>, time: SystemTime) -> anyhow::Result<Vec<Signature>> {
        let policy = policy::at(time);
        let valid = self.cert().with_policy(&policy, time)?;
        let primary = valid.primary_key();
        let created = primary.key().creation_time();
        let validity = expires.map(|end| end.duration_since(created)).transpose()?;
        let time = self.after_last_change(time);
        let again = |old: &Signature| {
            SignatureBuilder::from(old.clone())
                .set_hash_algo(HashAlgorithm::SHA512)
                .set_signature_creation_time(time)?
                .set_key_validity_period(validity)
        };
        let mut pair = self.primary_pair()?;
        let mut made = Vec::new();
        if let Ok(old) = primary.direct_key_signature() {
            made.push(again(old)?.sign_direct_key(&mut pair, None)?);
        }
        for user_id in valid.userids().revoked(false) {
            let signature = again(user_id.binding_signature())?;
            made.push(signature.sign_userid_binding(&mut pair, None, user_id.userid())?);
        }
        Ok(made)
    }

    /// Returns a time after every self-signature that says how long the key lives: `time` if it is late enough.
    fn after_last_change(&self, time: SystemTime) -> SystemTime {
        let direct = self.cert().primary_key().self_signatures();
        let bindings = self.cert().userids().flat_map(|user_id| user_id.self_signatures());
        let last = direct.chain(bindings).filter_map(|signature| signature.signature_creation_time()).max();
        let after = last.and_then(|last| last.checked_add(Duration::from_secs(1)));
        after.map_or(time, |after| after.max(time))
    }

    fn primary_pair(&self) -> anyhow::Result<KeyPair> {
        self.cert().primary_key().key().clone().parts_into_secret()?.into_keypair()
    }
}

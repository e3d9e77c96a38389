//! Finding what speaks against signing with a key.

use super::{certificate::algorithm, policy};
use crate::KeyProblem;
use sequoia_openpgp::{
    Cert,
    cert::amalgamation::ValidAmalgamation as _,
    cert::prelude::*,
    crypto::mpi::PublicKey,
    packet::key,
    types::{Curve, HashAlgorithm, RevocationStatus},
};
use std::time::{Duration, SystemTime};

/// How long before its end a key is said to expire soon: clients need the prolonged certificate in time.
const SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Everything that speaks against signing with `cert` at `time`, the fatal problems first.
pub(super) fn find(cert: &Cert, time: SystemTime) -> Vec<KeyProblem> {
    let mut problems = Vec::new();
    let created = cert.primary_key().key().creation_time();
    if created > time {
        problems.push(KeyProblem::NotYetValid { created });
    } else {
        find_at(cert, time, &mut problems);
    }
    if cert.primary_key().key().version() > 4 {
        problems.push(KeyProblem::VersionSix);
    }
    problems.sort_by_key(|problem| !problem.is_fatal());
    problems
}

fn find_at(cert: &Cert, time: SystemTime, problems: &mut Vec<KeyProblem>) {
    // First, since a backend that lacks the algorithm could not even check that the key is bound.
    problems.extend(weak_algorithm(cert.primary_key().key()));
    let lenient = policy::lenient();
    let valid = match cert.with_policy(&lenient, time) {
        Ok(valid) => valid,
        Err(_) if problems.iter().any(KeyProblem::is_fatal) => return,
        Err(error) => return problems.push(KeyProblem::Unusable { reason: error.root_cause().to_string() }),
    };
    if matches!(valid.revocation_status(), RevocationStatus::Revoked(_)) {
        problems.push(KeyProblem::Revoked);
    }
    let expiry = |at: SystemTime| {
        if at <= time {
            Some(KeyProblem::Expired { at })
        } else if at.duration_since(time).is_ok_and(|left| left <= SOON) {
            Some(KeyProblem::ExpiresSoon { at })
        } else {
            None
        }
    };
    let primary = valid.primary_key();
    problems.extend(primary.key_expiration_time().and_then(expiry));
    problems.extend(weak_hash(primary.binding_signature()));

    let candidates: Vec<_> = valid.keys().supported().for_signing().collect();
    let Some(key) = candidates
        .iter()
        .filter(|k| k.alive().is_ok() && !matches!(k.revocation_status(), RevocationStatus::Revoked(_)))
        .max_by_key(|k| k.key().creation_time())
        .or_else(|| candidates.iter().max_by_key(|k| k.key().creation_time()))
    else {
        return problems.push(KeyProblem::NoSigningKey);
    };
    if !key.primary() {
        if matches!(key.revocation_status(), RevocationStatus::Revoked(_)) {
            problems.push(KeyProblem::Revoked);
        }
        problems.extend(key.key_expiration_time().and_then(expiry));
        problems.extend(weak_hash(key.binding_signature()));
        problems.extend(weak_algorithm(key.key()));
    }
    problems.dedup();

    if !problems.iter().any(KeyProblem::is_fatal)
        && let Err(error) = cert.with_policy(&policy::at(time), time)
    {
        problems.push(KeyProblem::Unusable { reason: error.root_cause().to_string() });
    }
}

fn weak_hash(signature: &sequoia_openpgp::packet::Signature) -> Option<KeyProblem> {
    let hash = signature.hash_algo();
    let weak = matches!(hash, HashAlgorithm::SHA1 | HashAlgorithm::MD5 | HashAlgorithm::RipeMD);
    weak.then(|| KeyProblem::WeakSelfSignature { hash: hash.to_string() })
}

fn weak_algorithm<R: key::KeyRole>(
    key: &sequoia_openpgp::packet::Key<key::PublicParts, R>,
) -> Option<KeyProblem> {
    let refused = || Some(KeyProblem::WeakAlgorithm { algorithm: algorithm(key) });
    match key.mpis() {
        PublicKey::RSA { .. } => match key.mpis().bits().unwrap_or_default() {
            0..2048 => refused(),
            bits @ 2048..3072 => Some(KeyProblem::ShortRsa { bits }),
            _ => None,
        },
        PublicKey::DSA { .. } => refused(),
        PublicKey::ECDSA {
            curve: Curve::BrainpoolP256 | Curve::BrainpoolP384 | Curve::BrainpoolP512,
            ..
        } => refused(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sequoia_openpgp::{Profile, cert::CipherSuite, types::KeyFlags};

    fn made() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000)
    }

    fn builder() -> CertBuilder<'static> {
        CertBuilder::new().set_cipher_suite(CipherSuite::Cv25519).set_creation_time(made())
    }

    #[test]
    fn version_six_is_a_warning() {
        let (cert, _) =
            builder().set_profile(Profile::RFC9580).unwrap().add_signing_subkey().generate().unwrap();
        assert_eq!(find(&cert, made()), [KeyProblem::VersionSix]);
    }

    #[test]
    fn a_key_that_only_certifies_cannot_sign() {
        let (cert, _) = builder().generate().unwrap();
        assert_eq!(find(&cert, made()), [KeyProblem::NoSigningKey]);
    }

    #[test]
    fn the_end_of_the_signing_subkey_counts() {
        let validity = Duration::from_secs(40 * 24 * 60 * 60);
        let (cert, _) =
            builder().add_subkey(KeyFlags::empty().set_signing(), validity, None).generate().unwrap();
        let at = made() + validity;
        assert_eq!(find(&cert, made()), []);
        assert_eq!(find(&cert, at - SOON), [KeyProblem::ExpiresSoon { at }]);
        assert_eq!(find(&cert, at), [KeyProblem::Expired { at }]);
    }
}

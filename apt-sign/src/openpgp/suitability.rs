//! Finding what speaks against signing with a key.

use super::{
    certificate::{algorithm, is_supported},
    policy,
};
use crate::{KeyProblem, UserId};
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
const SOON: Duration = Duration::from_secs(90 * DAY);
/// The seconds of a day.
const DAY: u64 = 24 * 60 * 60;

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
    let longest = cert.userids().map(|user_id| user_id.userid().value().len()).max().unwrap_or_default();
    if longest > UserId::MOST_BYTES {
        problems.push(KeyProblem::LongUserId { bytes: longest });
    }
    problems.sort_by_key(|problem| !problem.is_fatal());
    problems
}

fn find_at(cert: &Cert, time: SystemTime, problems: &mut Vec<KeyProblem>) {
    // First, since a backend that lacks the algorithm could not even check that the key is bound.
    let primary = cert.primary_key().key();
    problems.extend(weak_algorithm(primary).or_else(|| unsupported_algorithm(primary)));
    let lenient = policy::lenient();
    let valid = match cert.with_policy(&lenient, time) {
        Ok(valid) => valid,
        Err(_) if problems.iter().any(KeyProblem::is_fatal) => return,
        Err(error) => return problems.push(KeyProblem::Unusable { reason: error.root_cause().to_string() }),
    };
    let primary = valid.primary_key();
    if matches!(valid.revocation_status(), RevocationStatus::Revoked(_)) {
        problems.push(KeyProblem::Revoked);
    }
    let expiry = |at: SystemTime| {
        if at <= time {
            Some(KeyProblem::Expired { at })
        } else {
            let left = at.duration_since(time).ok().filter(|left| *left <= SOON);
            left.map(|left| KeyProblem::ExpiresSoon { at, days: left.as_secs() / DAY })
        }
    };
    problems.extend(primary.key_expiration_time().and_then(expiry));
    problems.extend(weak_hash(primary.binding_signature()));

    let candidates: Vec<_> = valid.keys().supported().for_signing().collect();
    let Some(key) = candidates
        .iter()
        .filter(|k| k.alive().is_ok() && !matches!(k.revocation_status(), RevocationStatus::Revoked(_)))
        .max_by_key(|k| k.key().creation_time())
        .or_else(|| candidates.iter().max_by_key(|k| k.key().creation_time()))
    else {
        // A subkey that this build cannot use is not among the candidates.
        let unsupported = valid.keys().for_signing().find_map(|key| unsupported_algorithm(key.key()));
        return problems.push(unsupported.unwrap_or(KeyProblem::NoSigningKey));
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

/// Returns the problem when this build cannot compute the algorithm of a key.
fn unsupported_algorithm<R: key::KeyRole>(
    key: &sequoia_openpgp::packet::Key<key::PublicParts, R>,
) -> Option<KeyProblem> {
    (!is_supported(key)).then(|| KeyProblem::UnsupportedAlgorithm { algorithm: algorithm(key) })
}

/// Returns when signing ends: the latest expiry of a signing part. No part outlives the primary key. `None` when signing never ends.
/// For a certificate that cannot sign, returns when the primary key expires.
pub(super) fn signing_ends(cert: &Cert) -> Option<SystemTime> {
    let lenient = policy::lenient();
    let valid = cert.with_policy(&lenient, policy::end_of_time()).ok()?;
    let primary = valid.primary_key().key_expiration_time();
    let parts = valid.keys().supported().for_signing().revoked(false);
    let ends: Vec<Option<SystemTime>> = parts.map(|key| key.key_expiration_time()).collect();
    let last = if ends.contains(&None) { None } else { ends.into_iter().flatten().max() };
    match (primary, last) {
        (Some(primary), Some(last)) => Some(primary.min(last)),
        (one, other) => one.or(other),
    }
}

/// The algorithm of the part that signs at `time`, or signed until it expired; that of the primary key when nothing ever did.
pub(super) fn signing_algorithm(cert: &Cert, time: SystemTime) -> String {
    let lenient = policy::lenient();
    let signs = cert.with_policy(&lenient, time).ok().and_then(|valid| {
        let parts = || valid.keys().revoked(false).for_signing();
        let newest = parts().alive().max_by_key(|key| key.key().creation_time());
        let newest = newest.or_else(|| parts().max_by_key(|key| key.key().creation_time()));
        newest.map(|key| algorithm(key.key()))
    });
    signs.unwrap_or_else(|| algorithm(cert.primary_key().key()))
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
    fn a_user_id_that_gpgv_does_not_read_is_a_warning() {
        let of = |bytes| {
            let long = builder().add_userid("x".repeat(bytes)).add_userid("short").add_signing_subkey();
            find(&long.generate().unwrap().0, made())
        };
        assert_eq!(of(UserId::MOST_BYTES), []);
        assert_eq!(of(2049), [KeyProblem::LongUserId { bytes: 2049 }]);
    }

    #[test]
    fn a_key_that_only_certifies_cannot_sign() {
        let (cert, _) = builder().generate().unwrap();
        assert_eq!(find(&cert, made()), [KeyProblem::NoSigningKey]);
    }

    #[test]
    fn signing_ends_with_the_last_part_that_may_sign() {
        let sign = || KeyFlags::empty().set_signing();
        let (short, long) = (Duration::from_secs(3 * 86400), Duration::from_secs(9 * 86400));
        let ends = |builder: CertBuilder<'static>| signing_ends(&builder.generate().unwrap().0);
        assert_eq!(ends(builder().add_subkey(sign(), short, None)), Some(made() + short));
        let both = builder().add_subkey(sign(), short, None).add_subkey(sign(), long, None);
        assert_eq!(ends(both), Some(made() + long));
        let never = builder().add_subkey(sign(), short, None).add_subkey(sign(), None, None);
        assert_eq!(ends(never), None);
        // No subkey outlives the primary key.
        let primary = builder().set_validity_period(short).add_subkey(sign(), long, None);
        assert_eq!(ends(primary), Some(made() + short));
        assert_eq!(ends(builder().set_validity_period(long)), Some(made() + long));
    }

    #[test]
    fn the_algorithm_is_that_of_the_part_that_signs() {
        let subkey = builder().add_subkey(KeyFlags::empty().set_signing(), None, CipherSuite::P256);
        let (cert, _) = subkey.generate().unwrap();
        assert_eq!(algorithm(cert.primary_key().key()), "ed25519");
        assert_eq!(signing_algorithm(&cert, made()), "nistp256");
        let day = Duration::from_secs(86400);
        let short = builder().add_subkey(KeyFlags::empty().set_signing(), day, CipherSuite::P256);
        let (cert, _) = short.generate().unwrap();
        assert_eq!(signing_algorithm(&cert, made() + 9 * day), "nistp256", "it signed until it expired");
        let (cert, _) = builder().generate().unwrap();
        assert_eq!(signing_algorithm(&cert, made()), "ed25519");
    }

    #[test]
    fn the_end_of_the_signing_subkey_counts() {
        let validity = Duration::from_secs(100 * 24 * 60 * 60);
        let (cert, _) =
            builder().add_subkey(KeyFlags::empty().set_signing(), validity, None).generate().unwrap();
        let at = made() + validity;
        assert_eq!(find(&cert, made()), []);
        assert_eq!(find(&cert, at - SOON), [KeyProblem::ExpiresSoon { at, days: 90 }]);
        assert_eq!(find(&cert, at), [KeyProblem::Expired { at }]);
    }
}

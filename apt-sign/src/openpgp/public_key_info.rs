//! Bare public keys as key management services give them: `SubjectPublicKeyInfo` in PEM (RFC 5280, RFC 7468).

use crate::Error;
use base64::Engine as _;
use sequoia_openpgp::{
    crypto::mpi::{self, MPI},
    packet::{Key, key},
    types::{Curve, PublicKeyAlgorithm},
};
use std::time::SystemTime;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const CURVES: [(&[u8], Curve); 3] = [
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], Curve::NistP256),
    (&[0x2b, 0x81, 0x04, 0x00, 0x22], Curve::NistP384),
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], Curve::NistP521),
];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// Reads one public key as an OpenPGP key made at that time.
pub(super) fn parse(
    pem: &[u8],
    created: SystemTime,
) -> Result<Key<key::PublicParts, key::UnspecifiedRole>, Error> {
    let malformed = |source| Error::Malformed {
        expected: "a public key in PEM: RSA, ECDSA on a NIST curve, or Ed25519",
        source,
    };
    let key = decode(pem).as_deref().and_then(mpis).ok_or_else(|| malformed(None))?;
    let algorithm = match key {
        mpi::PublicKey::RSA { .. } => PublicKeyAlgorithm::RSAEncryptSign,
        mpi::PublicKey::ECDSA { .. } => PublicKeyAlgorithm::ECDSA,
        _ => PublicKeyAlgorithm::EdDSA,
    };
    let key = key::Key4::new(created, algorithm, key).map_err(|e| malformed(Some(e.into())))?;
    Ok(key.into())
}

fn decode(pem: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(pem).ok()?;
    let (_, rest) = text.split_once("-----BEGIN PUBLIC KEY-----")?;
    let (body, _) = rest.split_once("-----END PUBLIC KEY-----")?;
    let body: String = body.split_whitespace().collect();
    base64::engine::general_purpose::STANDARD.decode(body).ok()
}

fn mpis(der: &[u8]) -> Option<mpi::PublicKey> {
    let (info, _) = element(der, SEQUENCE)?;
    let (algorithm, info) = element(info, SEQUENCE)?;
    let (bits, _) = element(info, BIT_STRING)?;
    // How many bits of the last byte do not count.
    let bits = bits.strip_prefix(&[0])?;
    let (oid, parameters) = element(algorithm, OBJECT_IDENTIFIER)?;
    match oid {
        RSA => {
            let (n, e) = two_integers(bits)?;
            Some(mpi::PublicKey::RSA { e: MPI::new(e), n: MPI::new(n) })
        }
        EC => {
            let (curve, _) = element(parameters, OBJECT_IDENTIFIER)?;
            let (_, curve) = CURVES.into_iter().find(|(oid, _)| *oid == curve)?;
            // Uncompressed, as OpenPGP has it.
            let is_point = bits.first() == Some(&4) && bits.len() == 1 + 2 * curve.bits().ok()?.div_ceil(8);
            is_point.then(|| mpi::PublicKey::ECDSA { curve, q: MPI::new(bits) })
        }
        ED25519 if bits.len() == 32 => {
            let point = [&[0x40], bits].concat();
            Some(mpi::PublicKey::EdDSA { curve: Curve::Ed25519, q: MPI::new(&point) })
        }
        _ => None,
    }
}

/// Reads a sequence of two integers, and nothing else.
pub(super) fn two_integers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (numbers, rest) = element(der, SEQUENCE)?;
    let (first, numbers) = element(numbers, INTEGER)?;
    let (second, end) = element(numbers, INTEGER)?;
    (rest.is_empty() && end.is_empty()).then_some((first, second))
}

/// Takes one element of that kind off: its content, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match *length {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two numbers, and a P-256 key, as openssl writes them.
    const NUMBERS: &[u8] = &[0x30, 0x07, 0x02, 0x01, 0x05, 0x02, 0x02, 0x00, 0x80];
    const P256: &str = "3059301306072a8648ce3d020106082a8648ce3d03010703420004";

    fn p256() -> Vec<u8> {
        let digits: Vec<u8> =
            P256.bytes().map(|digit| char::from(digit).to_digit(16).unwrap() as u8).collect();
        let mut der: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        der.extend((0..64).map(|number| number * 3 + 1));
        der
    }

    #[test]
    fn keys_and_numbers_are_read_and_nothing_else() {
        assert_eq!(two_integers(NUMBERS), Some((&[5][..], &[0, 0x80][..])));
        assert!(matches!(mpis(&p256()), Some(mpi::PublicKey::ECDSA { curve: Curve::NistP256, .. })));
        for whole in [NUMBERS.to_vec(), p256()] {
            for length in 0..whole.len() {
                assert!(
                    two_integers(&whole[..length]).is_none() && mpis(&whole[..length]).is_none(),
                    "{length}"
                );
            }
            // Whatever a byte says, it leads nowhere outside.
            for place in 0..whole.len() {
                for byte in 0..=255 {
                    let mut changed = whole.clone();
                    changed[place] = byte;
                    let _ = (two_integers(&changed), mpis(&changed));
                }
            }
        }
        assert!(two_integers(&[NUMBERS, &[0]].concat()).is_none(), "something follows");
    }
}

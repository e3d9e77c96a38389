//! Password hashes of htpasswd files: parsed once, verified in constant time at the end.
//!
//! Accepted: bcrypt (`$2y$`, `$2a$`, `$2b$`), Apache's MD5 (`$apr1$`), SHA-1 (`{SHA}`), SHA-256 and SHA-512 crypt (`$5$`,
//! `$6$`). Refused: plain text and the DES crypt, whose hashes say nothing that could be told from plain text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use sha1::Sha1;

/// One parsed hash.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum PasswordHash {
    Bcrypt { cost: u32, salt: [u8; 16], digest: [u8; 23] },
    Apr1 { salt: Vec<u8>, digest: Vec<u8> },
    Sha1 { digest: [u8; 20] },
    Sha256Crypt { rounds: u32, salt: Vec<u8>, digest: Vec<u8> },
    Sha512Crypt { rounds: u32, salt: Vec<u8>, digest: Vec<u8> },
}

/// The alphabet of crypt(3) hashes that encode the low bits first.
pub(crate) const CRYPT: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Above this one check takes over ten seconds, so it is a slip or an attack on the server.
const BCRYPT_COST_LIMIT: u32 = 17;
/// The same for SHA crypt.
const SHA_ROUNDS_LIMIT: u32 = 5_000_000;
/// Longer passwords are refused: hashing them would cost time in proportion.
pub(crate) const PASSWORD_LIMIT: usize = 256;

impl PasswordHash {
    /// Reads the second field of an htpasswd line.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(rest) = ["$2y$", "$2a$", "$2b$"].iter().find_map(|magic| text.strip_prefix(magic)) {
            return parse_bcrypt(rest).ok_or("malformed bcrypt hash, or a cost outside 4 to 17");
        }
        if let Some(rest) = text.strip_prefix("$apr1$") {
            let (salt, digest) = rest.split_once('$').ok_or("malformed apr1 hash")?;
            if salt.len() > 8 || digest.len() != 22 || !is_crypt(salt) || !is_crypt(digest) {
                return Err("malformed apr1 hash");
            }
            return Ok(Self::Apr1 { salt: salt.into(), digest: digest.into() });
        }
        if let Some(rest) = text.strip_prefix("{SHA}") {
            let bytes = STANDARD.decode(rest).map_err(|_| "malformed {SHA} hash")?;
            let digest = bytes.try_into().map_err(|_| "malformed {SHA} hash")?;
            return Ok(Self::Sha1 { digest });
        }
        if let Some(rest) = text.strip_prefix("$5$") {
            let (rounds, salt, digest) = parse_sha_crypt(rest, 43)?;
            return Ok(Self::Sha256Crypt { rounds, salt, digest });
        }
        if let Some(rest) = text.strip_prefix("$6$") {
            let (rounds, salt, digest) = parse_sha_crypt(rest, 86)?;
            return Ok(Self::Sha512Crypt { rounds, salt, digest });
        }
        Err(
            "neither bcrypt, apr1, {SHA} nor SHA crypt (plain text and DES crypt are refused; try `htpasswd -B`)",
        )
    }

    /// Tells whether `password` is the one. Takes as long as the scheme wants: microseconds for SHA-1, seconds for a high cost.
    pub(crate) fn verify(&self, password: &[u8]) -> bool {
        if password.len() > PASSWORD_LIMIT {
            return false;
        }
        match self {
            Self::Bcrypt { cost, salt, digest } => {
                // bcrypt reads a NUL-terminated key of at most 72 bytes, which is also what htpasswd wrote.
                let key: Vec<u8> = password.iter().copied().chain([0]).take(72).collect();
                same(&bcrypt::bcrypt(*cost, *salt, &key), digest, 23)
            }
            Self::Apr1 { salt, digest } => same(&apr1(password, salt), digest, digest.len()),
            Self::Sha1 { digest } => same(&Sha1::digest(password), digest, digest.len()),
            Self::Sha256Crypt { rounds, salt, digest } => {
                sha_crypt::Params::new(*rounds).is_ok_and(|params| {
                    same(
                        &crypt64(&sha_crypt::sha256_crypt(password, salt, params), &SHA256_ORDER),
                        digest,
                        digest.len(),
                    )
                })
            }
            Self::Sha512Crypt { rounds, salt, digest } => {
                sha_crypt::Params::new(*rounds).is_ok_and(|params| {
                    same(
                        &crypt64(&sha_crypt::sha512_crypt(password, salt, params), &SHA512_ORDER),
                        digest,
                        digest.len(),
                    )
                })
            }
        }
    }
}

/// Compares the first `length` bytes in constant time: hashing both under BLAKE3 first makes the digests equally long,
/// and comparing those is constant-time in that crate.
fn same(left: &[u8], right: &[u8], length: usize) -> bool {
    left.get(..length).is_some_and(|left| blake3::hash(left) == blake3::hash(right))
}

/// Reads `COST$` and 22 + 31 characters of bcrypt's own base64.
fn parse_bcrypt(rest: &str) -> Option<PasswordHash> {
    let (cost, rest) = rest.split_once('$')?;
    let cost = cost.parse().ok().filter(|cost| cost_is_sane(*cost))?;
    let (salt, digest) = rest.split_at_checked(22)?;
    let engine = base64::engine::GeneralPurpose::new(&base64::alphabet::BCRYPT, BCRYPT_BASE64);
    let salt = engine.decode(salt).ok()?.try_into().ok()?;
    let digest = engine.decode(digest).ok()?.try_into().ok()?;
    Some(PasswordHash::Bcrypt { cost, salt, digest })
}

/// Writers of bcrypt hashes disagree about the unused last bits, so these are not looked at.
pub(crate) const BCRYPT_BASE64: base64::engine::GeneralPurposeConfig =
    base64::engine::GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true);

fn cost_is_sane(cost: u32) -> bool {
    (4..=BCRYPT_COST_LIMIT).contains(&cost)
}

/// Reads `[rounds=N$]SALT$DIGEST`, the digest of `length` characters; salts count up to 16 characters (crypt(5)).
fn parse_sha_crypt(rest: &str, length: usize) -> Result<(u32, Vec<u8>, Vec<u8>), &'static str> {
    let (rounds, rest) = match rest.strip_prefix("rounds=") {
        None => (5000, rest),
        Some(rest) => {
            let (rounds, rest) = rest.split_once('$').ok_or("malformed SHA crypt hash")?;
            (rounds.parse().map_err(|_| "malformed SHA crypt rounds")?, rest)
        }
    };
    if !(1000..=SHA_ROUNDS_LIMIT).contains(&rounds) {
        return Err("SHA crypt rounds outside 1000 to 5000000");
    }
    let (salt, digest) = rest.split_once('$').ok_or("malformed SHA crypt hash")?;
    if salt.len() > 16 || digest.len() != length || !is_crypt(digest) {
        return Err("malformed SHA crypt hash");
    }
    Ok((rounds, salt.into(), digest.into()))
}

fn is_crypt(text: &str) -> bool {
    text.bytes().all(|byte| CRYPT.contains(&byte))
}

/// Apache's variant of the MD5 crypt of FreeBSD: the same steps under another magic word.
fn apr1(password: &[u8], salt: &[u8]) -> Vec<u8> {
    let alternate = Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize();
    let mut first = Md5::new().chain_update(password).chain_update(b"$apr1$").chain_update(salt);
    for piece in password.chunks(16) {
        first.update(alternate.get(..piece.len()).unwrap_or_default());
    }
    let mut bits = password.len();
    while bits > 0 {
        first.update(if bits & 1 == 1 { &[0] } else { password.get(..1).unwrap_or_default() });
        bits >>= 1;
    }
    let mut digest = first.finalize();
    for round in 0..1000 {
        let odd = round % 2 == 1;
        let mut next = Md5::new().chain_update(if odd { password } else { &digest });
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if odd { &digest } else { password });
        digest = next.finalize();
    }
    crypt64(&digest, &MD5_ORDER)
}

/// The order in which crypt(3) hashes write the bytes of their digest, lowest six bits first.
const MD5_ORDER: [u8; 16] = [12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11];
pub(crate) const SHA256_ORDER: [u8; 32] = [
    20, 10, 0, 11, 1, 21, 2, 22, 12, 23, 13, 3, 14, 4, 24, 5, 25, 15, 26, 16, 6, 17, 7, 27, 8, 28, 18, 29,
    19, 9, 30, 31,
];
const SHA512_ORDER: [u8; 64] = [
    42, 21, 0, 1, 43, 22, 23, 2, 44, 45, 24, 3, 4, 46, 25, 26, 5, 47, 48, 27, 6, 7, 49, 28, 29, 8, 50, 51,
    30, 9, 10, 52, 31, 32, 11, 53, 54, 33, 12, 13, 55, 34, 35, 14, 56, 57, 36, 15, 16, 58, 37, 38, 17, 59,
    60, 39, 18, 19, 61, 40, 41, 20, 62, 63,
];

pub(crate) fn crypt64(digest: &[u8], order: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(order.len() * 4 / 3 + 1);
    for group in order.chunks(3) {
        let mut bits = 0u32;
        for (place, index) in group.iter().enumerate() {
            bits |= u32::from(digest.get(usize::from(*index)).copied().unwrap_or(0)) << (8 * place);
        }
        for _ in 0..=group.len() {
            text.push(CRYPT.get((bits & 63) as usize).copied().unwrap_or(b'.'));
            bits >>= 6;
        }
    }
    text
}

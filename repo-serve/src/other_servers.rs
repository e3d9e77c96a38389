//! Hashes of a token in the forms that other servers read, for those who have one in front.
//!
//! A token has 256 random bits, so a fast hash is as safe as a slow one; and a slow one would be computed for every request.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Digest as _;

use super::password::{BCRYPT_BASE64, CRYPT, SHA256_ORDER, crypt64};
use super::random;

/// The rounds of SHA crypt: as few as it has.
const ROUNDS: u32 = 1000;

/// The cost of bcrypt: as low as it has.
const COST: u32 = 4;

/// Returns the hashes of a token: `{SHA}` for nginx and Apache, SHA-256 crypt with few rounds for HAProxy, and bcrypt of the lowest cost for
/// Caddy, which takes nothing else.
///
/// # Errors
/// When the system gives no random numbers for the salts.
pub fn hashes_for_other_servers(token: &str) -> io::Result<[String; 3]> {
    let random: [u8; 32] = random::bytes()?;
    let (for_crypt, for_bcrypt) = random.split_at(16);
    let sha = STANDARD.encode(sha1::Sha1::digest(token));
    Ok([format!("{{SHA}}{sha}"), sha256_crypt(token, for_crypt)?, bcrypt(token, for_bcrypt)?])
}

fn sha256_crypt(token: &str, random: &[u8]) -> io::Result<String> {
    let character = |byte: &u8| CRYPT.get(usize::from(byte & 63)).copied().unwrap_or(b'.');
    let salt: Vec<u8> = random.iter().map(character).collect();
    let parameters = sha_crypt::Params::new(ROUNDS).map_err(io::Error::other)?;
    let digest = crypt64(&sha_crypt::sha256_crypt(token.as_bytes(), &salt, parameters), &SHA256_ORDER);
    let (salt, digest) = (String::from_utf8_lossy(&salt), String::from_utf8_lossy(&digest));
    Ok(format!("$5$rounds={ROUNDS}${salt}${digest}"))
}

fn bcrypt(token: &str, random: &[u8]) -> io::Result<String> {
    let salt: [u8; 16] = random.try_into().map_err(io::Error::other)?;
    // It reads no more than 72 bytes, NUL included.
    let key: Vec<u8> = token.bytes().chain([0]).take(72).collect();
    let digest = bcrypt::bcrypt(COST, salt, &key);
    let engine = base64::engine::GeneralPurpose::new(&base64::alphabet::BCRYPT, BCRYPT_BASE64);
    let digest = engine.encode(digest.get(..23).unwrap_or_default());
    Ok(format!("$2y${COST:02}${}{digest}", engine.encode(salt)))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::password::PasswordHash;
    use super::*;

    #[test]
    fn each_form_is_that_of_the_token_alone() {
        let hashes = hashes_for_other_servers("repo_0123456789abcdef_secret").unwrap();
        for hash in &hashes {
            let parsed = PasswordHash::parse(hash).unwrap();
            assert!(parsed.verify(b"repo_0123456789abcdef_secret"), "{hash}");
            assert!(!parsed.verify(b"repo_0123456789abcdef_secreT"), "{hash}");
        }
        let again = hashes_for_other_servers("repo_0123456789abcdef_secret").unwrap();
        assert!(hashes[0] == again[0] && hashes[1] != again[1] && hashes[2] != again[2]);
    }

    #[test]
    fn crypt_of_the_system_makes_the_same() {
        let token = "repo_0123456789abcdef_secret";
        for hash in hashes_for_other_servers(token).unwrap().iter().skip(1) {
            let program = "print crypt($ARGV[0], $ARGV[1])";
            let output = Command::new("perl").args(["-e", program, token, hash]).output();
            let Ok(output) = output else {
                eprintln!("SKIPPED: perl is not installed");
                return;
            };
            assert_eq!(String::from_utf8_lossy(&output.stdout), hash.as_str());
        }
    }
}

//! A token: what a machine or a job shows in place of a password.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deb_parse::checksum::Sha256;
use rustix::rand::{GetRandomFlags, getrandom};

use crate::error::AccessError;

/// How every token begins: so they can be searched for in what should not hold any.
const PREFIX: &str = "repo_";

/// How many random bytes a token has.
const SECRET: usize = 32;

/// How many random bytes its id is made of.
const ID: usize = 8;

/// A token, `repo_<id>_<secret>`, as apt sends it in place of a password.
///
/// The id tells tokens apart and is no secret: 16 hexadecimal digits. The secret is 32 random bytes in the base64 of URLs, so the whole
/// token is of letters, digits, `_` and `-`, which `apt_auth.conf(5)` and a URL take as they are. `Debug` shows the id alone.
///
/// ```
/// let token = repo_store::access::Token::generate()?;
/// assert_eq!(repo_store::access::Token::parse(token.expose()), Some(token));
/// assert_eq!(repo_store::access::Token::parse("repo_web1_secret"), None);
/// # Ok::<(), repo_store::error::AccessError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Makes a token out of random numbers of the system.
    ///
    /// # Errors
    /// [`AccessError::Random`] when the system gives none.
    pub fn generate() -> Result<Self, AccessError> {
        let mut bytes = [0; ID + SECRET];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let got = getrandom(rest, GetRandomFlags::empty());
            filled += got.map_err(|errno| AccessError::Random { source: errno.into() })?;
        }
        let (id, secret) = bytes.split_at(ID);
        let id = id.iter().fold(String::new(), |id, byte| format!("{id}{byte:02x}"));
        Ok(Self(format!("{PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(secret))))
    }

    /// Reads a token; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_token = is_id(id) && URL_SAFE_NO_PAD.decode(secret).is_ok_and(|secret| secret.len() == SECRET);
        is_token.then(|| Self(text.to_owned()))
    }

    /// Returns the part of it that is no secret.
    #[must_use]
    pub fn id(&self) -> &str {
        let rest = self.0.strip_prefix(PREFIX).unwrap_or_default();
        rest.split_once('_').map_or("", |(id, _)| id)
    }

    /// Returns all of it, for who is to have it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the digest that is kept of it.
    pub(crate) fn digest(&self) -> Sha256 {
        Sha256::of(self.0.as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({PREFIX}{}_…)", self.id())
    }
}

pub(super) fn is_id(text: &str) -> bool {
    text.len() == 2 * ID && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_shows_nothing_of_its_secret() {
        let token = Token::generate().unwrap();
        let (_, secret) = token.expose().strip_prefix(PREFIX).unwrap().split_once('_').unwrap();
        assert!(!format!("{token:?}").contains(secret) && secret.len() == 43);
        assert!(
            token.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        );
        assert_ne!(token, Token::generate().unwrap());
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let token = Token::generate().unwrap();
        let text = token.expose();
        for bad in [
            "",
            "repo_",
            "repo__",
            text.strip_prefix("repo_").unwrap(),
            text.get(..text.len() - 1).unwrap(),
            &format!("{text}A"),
            &format!(" {text}"),
            &text.replacen(token.id(), "WEB1WEB1WEB1WEB1", 1),
        ] {
            assert_eq!(Token::parse(bad), None, "{bad}");
        }
    }
}

//! Names of keys.

use std::fmt;

use crate::Error;

/// The name of a key as clients see it: one line of text that every verifier of apt reads.
///
/// ```
/// use apt_sign::UserId;
///
/// let user_id = UserId::parse("Example archive <archive@example.org>")?;
/// assert_eq!(user_id.as_str(), "Example archive <archive@example.org>");
/// assert!(UserId::parse(&"x".repeat(UserId::MOST_BYTES + 1)).is_err());
/// # Ok::<(), apt_sign::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserId(String);

impl UserId {
    /// The length of the longest user ID that gpgv reads, in bytes. With a longer one gpgv does not know the key at all, and apt before
    /// version 3 refuses what it signed.
    pub const MOST_BYTES: usize = 2048;

    /// Checks that a text can be the name of a key.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] when the text is empty, has control characters or more than [`MOST_BYTES`](Self::MOST_BYTES) bytes.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let expected = if text.trim().is_empty() || text.contains(char::is_control) {
            "a user ID of one line of text"
        } else if text.len() > Self::MOST_BYTES {
            "a user ID of at most 2048 bytes, as gpgv reads no longer one"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(Error::Malformed { expected, source: None })
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

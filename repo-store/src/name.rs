use std::fmt;

use crate::Error;

/// The name of a repository: `preprod`, `prod`.
///
/// It becomes a directory below `public/` and the first element of a URL: lower-case letters, digits, `-`, `_` and `.`,
/// starting with a letter or digit, at most 64 bytes.
///
/// ```
/// use repo_store::RepositoryName;
/// assert_eq!(RepositoryName::parse("preprod")?.as_str(), "preprod");
/// assert!(RepositoryName::parse("../prod").is_err());
/// # Ok::<(), repo_store::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(String);

impl RepositoryName {
    /// Checks `name`.
    ///
    /// # Errors
    /// [`Error::UnknownRepository`] when no repository can be called that.
    pub fn parse(name: &str) -> Result<Self, Error> {
        let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        if starts_well && name.len() <= 64 && name.chars().all(allowed) {
            Ok(Self(name.to_owned()))
        } else {
            Err(Error::UnknownRepository { name: name.escape_debug().take(100).collect() })
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

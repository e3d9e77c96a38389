use std::fmt;

use crate::manifest::ManifestError;

/// The name of a repository or of a site: lower-case letters, digits, `-`, `_` and `.`, starting with a letter or digit, at most 64 bytes.
///
/// The name of a repository becomes a directory at the receiver.
///
/// ```
/// use apt_bundle::Name;
/// assert_eq!(Name::parse("plant-7")?.as_str(), "plant-7");
/// for bad in ["", ".git", "../prod", "Prod", "a b"] {
///     assert!(Name::parse(bad).is_err());
/// }
/// # Ok::<(), apt_bundle::ManifestError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// Checks `name`.
    ///
    /// # Errors
    /// [`ManifestError`] when neither a repository nor a site can have that name.
    pub fn parse(name: &str) -> Result<Self, ManifestError> {
        let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        if starts_well && name.len() <= 64 && name.chars().all(allowed) {
            Ok(Self(name.to_owned()))
        } else {
            Err(ManifestError::of("a name has lower-case letters, digits, `-`, `_` and `.`, at most 64"))
        }
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

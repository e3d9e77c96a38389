//! The names of what a storage keeps.

use std::fmt;

/// The name of something in a storage: slash-separated elements of letters, digits, `.`, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub(super) String);

impl Key {
    /// The key of a content-addressed object: `<area>/<first two digits>/<other digits>`.
    pub(crate) fn object(area: &str, id: &impl fmt::Display) -> Self {
        let digits = id.to_string();
        let (first, rest) = digits.split_at_checked(2).unwrap_or((&digits, ""));
        Self(format!("{area}/{first}/{rest}"))
    }

    /// The key of a reference or another named file.
    pub(crate) fn named(area: &str, name: &str) -> Self {
        Self(format!("{area}/{name}"))
    }

    /// Returns whether it is in the area that a service writes which has no right to write anything else of the store. So files on their
    /// way, and the lock, are in the directory of that area: what is mounted to be written is a file system of its own to rename(2).
    pub(crate) fn is_apart(&self) -> bool {
        self.0.starts_with("machines/")
    }

    /// Reads a key, as [`as_str`](Self::as_str) returns it; `None` for text that no key has.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let is_element = |element: &str| !matches!(element, "" | "." | "..") && element.chars().all(is_plain);
        text.split('/').all(is_element).then(|| Self(text.to_owned()))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

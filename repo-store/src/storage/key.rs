//! The names of what a storage keeps.

use std::fmt::{self, Write as _};

use camino::{Utf8Path, Utf8PathBuf};

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

    /// The key of what lies at a path of the published tree of a repository, where the storage keeps that. Other characters than letters,
    /// digits, `.` and `-` are written as `_` and the two hexadecimal digits of each byte.
    pub(crate) fn published(repository: &str, path: &Utf8Path) -> Self {
        let mut key = format!("{PUBLISHED}/{repository}");
        for element in path {
            key.push('/');
            for byte in element.bytes() {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' => key.push(char::from(byte)),
                    // Writing to a String cannot fail.
                    _ => drop(write!(key, "_{byte:02x}")),
                }
            }
        }
        Self(key)
    }

    /// Returns the path below the directory of a repository that a [published](Self::published) file has this key for.
    pub(crate) fn published_path(key: &str, repository: &str) -> Option<Utf8PathBuf> {
        let text =
            key.strip_prefix(PUBLISHED)?.strip_prefix('/')?.strip_prefix(repository)?.strip_prefix('/')?;
        let mut pieces = text.split('_');
        let mut bytes = pieces.next()?.as_bytes().to_vec();
        for piece in pieces {
            let (digits, rest) = piece.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            bytes.extend_from_slice(rest.as_bytes());
        }
        Some(String::from_utf8(bytes).ok()?.into())
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

/// The area of published trees.
pub(crate) const PUBLISHED: &str = "public";

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_a_published_tree_has_a_key_of_its_own() {
        let paths = ["dists", "pool/main/h/hello/hello_1.0~rc1+b1_all.deb", "dists/a_b/é %7e", "x_2fy"];
        for path in paths {
            let key = Key::published("prod", Utf8Path::new(path));
            assert_eq!(Key::parse(key.as_str()), Some(key.clone()), "{path}");
            assert_eq!(Key::published_path(key.as_str(), "prod").as_deref(), Some(Utf8Path::new(path)));
            assert_eq!(Key::published_path(key.as_str(), "pro"), None);
        }
        assert_eq!(
            Key::published("prod", Utf8Path::new("pool/a_1~b.deb")).as_str(),
            "public/prod/pool/a_5f1_7eb.deb"
        );
        assert_eq!(Key::published_path("public/prod/a_5", "prod"), None);
        assert_eq!(Key::published_path("public/prod/a_ff", "prod"), None, "not UTF-8");
    }
}

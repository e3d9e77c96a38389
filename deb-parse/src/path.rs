//! Paths of files in packages.

use crate::error::Error;
use std::borrow::Cow;
use std::fmt;

/// The path of a file in a package, relative to the root, such as `usr/bin/hello`.
///
/// Such a path can be listed in an index: it fits on one line and stays inside the root. It is not empty, not absolute, has
/// no element that is empty, `.` or `..`, and holds neither a NUL, which ends a path, nor a newline, which dpkg refuses. All
/// other bytes are allowed, whether they are UTF-8 or not, because dpkg installs such files. A program that prints a path has
/// to escape it.
///
/// ```
/// use deb_parse::FilePath;
/// assert_eq!(FilePath::parse("usr/bin/hello")?.as_bytes(), b"usr/bin/hello");
/// assert!(FilePath::parse(&b"usr/share/caf\xe9\t1"[..]).is_ok());
/// for bad in ["", "/etc/passwd", "../x", "a//b", "a/./b", "a/", "a\0b", "a\nb"] {
///     assert!(FilePath::parse(bad).is_err(), "{bad:?}");
/// }
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath<'a>(Cow<'a, [u8]>);

impl<'a> FilePath<'a> {
    /// Checks a path.
    ///
    /// # Errors
    /// [`Error::Value`] for the rule that it breaks.
    pub fn parse<P: AsRef<[u8]> + ?Sized>(path: &'a P) -> Result<Self, Error> {
        let path = path.as_ref();
        match check(path) {
            Ok(()) => Ok(Self(Cow::Borrowed(path))),
            Err(rule) => Err(Error::value("path", path, rule)),
        }
    }

    /// Returns the path as it is.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the same path with bytes of its own.
    pub fn into_owned(self) -> FilePath<'static> {
        FilePath(Cow::Owned(self.0.into_owned()))
    }
}

impl fmt::Debug for FilePath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::Quoted::new(&self.0).fmt(f)
    }
}

fn check(path: &[u8]) -> Result<(), &'static str> {
    check_bytes(path)?;
    for element in path.split(|c| *c == b'/') {
        match element {
            b"" if path.is_empty() => return Err("a path must not be empty"),
            b"" => return Err("a path must be relative, with one `/` between its elements"),
            b"." => return Err("a path must not have `.`"),
            b".." => return Err(PARENT),
            _ => {}
        }
    }
    Ok(())
}

const PARENT: &str = "a path must not have `..`";

/// Checks that a path holds no byte that ends it or the line it stands on.
pub(crate) fn check_bytes(path: &[u8]) -> Result<(), &'static str> {
    match memchr::memchr2(0, b'\n', path).and_then(|at| path.get(at)) {
        None => Ok(()),
        Some(0) => Err("a path must not have a NUL"),
        Some(_) => Err("dpkg allows no newline in a path"),
    }
}

/// Takes off the `./` and `/` before a path and the `/` after it. What is left is a [`FilePath`], or empty for the root.
pub(crate) fn plain(path: &[u8]) -> Result<Vec<u8>, &'static str> {
    check_bytes(path)?;
    let mut plain = Vec::with_capacity(path.len());
    for element in path.split(|c| *c == b'/') {
        match element {
            b"" | b"." => {}
            b".." => return Err(PARENT),
            _ => {
                if !plain.is_empty() {
                    plain.push(b'/');
                }
                plain.extend_from_slice(element);
            }
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_path_can_be_listed_or_is_the_root() {
        for path in
            ["./usr/bin/a", "/a", "a/", "a//./b", "./", ".", "", "\t", "..", "a/../b", "a\0", "a\n", "..a"]
        {
            match plain(path.as_bytes()) {
                Ok(plain) => assert!(plain.is_empty() || FilePath::parse(&plain).is_ok(), "{path:?}"),
                Err(_) => assert!(FilePath::parse(path).is_err(), "{path:?}"),
            }
        }
    }
}

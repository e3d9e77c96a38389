use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Architecture, Component, SuiteName};

use crate::Error;
use crate::pool::PackageKind;

/// The longest path apt and common file systems handle everywhere, in bytes.
const MAX_LENGTH: usize = 1024;

/// A path inside a published tree, relative to the archive root.
///
/// It cannot be empty, absolute, hold an element that is empty, `.` or `..`, or any control character, blank or
/// backslash: whatever is joined to it stays below the root it is joined to.
///
/// ```
/// use apt_index::RelPath;
/// assert!(RelPath::parse("pool/main/h/hello/hello_2.10-3_amd64.deb").is_ok());
/// assert!(RelPath::parse("pool/../../etc/passwd").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelPath(Utf8PathBuf);

impl RelPath {
    /// Checks `path`.
    ///
    /// # Errors
    /// [`Error::Path`] names the rule that `path` breaks.
    pub fn parse(path: &str) -> Result<Self, Error> {
        match broken_rule(path) {
            None => Ok(Self(Utf8PathBuf::from(path))),
            Some(rule) => Err(Error::Path { path: path.escape_debug().take(200).collect(), rule }),
        }
    }

    /// Checks that a file system can hold a file of that path. Of paths that were recorded before this was checked, that is not certain.
    ///
    /// ```
    /// use apt_index::RelPath;
    ///
    /// assert!(RelPath::parse(&"x".repeat(255))?.check_names().is_ok());
    /// assert!(RelPath::parse(&"x".repeat(256))?.check_names().is_err());
    /// # Ok::<(), apt_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Path`] when an element of it is longer than 255 bytes.
    pub fn check_names(&self) -> Result<(), Error> {
        if self.0.as_str().split('/').all(|element| element.len() <= LONGEST_NAME) {
            return Ok(());
        }
        let path = self.0.as_str().escape_debug().take(200).collect();
        Err(Error::Path {
            path,
            rule: "an element of it is longer than 255 bytes, which no file system holds",
        })
    }

    /// The path below this one called `element`, which may itself hold slashes.
    ///
    /// # Errors
    /// [`Error::Path`] when the result would not be a valid path.
    pub fn join(&self, element: &str) -> Result<Self, Error> {
        Self::parse(&format!("{}/{element}", self.0))
    }

    /// The directory of the index of `component` for `architecture`, relative to the directory of the suite.
    ///
    /// ```
    /// use apt_index::RelPath;
    /// use deb_parse::{Architecture, Component};
    ///
    /// let path = RelPath::binary_directory(&Component::parse("main")?, &Architecture::parse("amd64")?);
    /// assert_eq!(path.as_str(), "main/binary-amd64");
    /// # Ok::<(), deb_parse::Error>(())
    /// ```
    #[must_use]
    pub fn binary_directory(component: &Component, architecture: &Architecture) -> Self {
        Self(Utf8PathBuf::from(format!("{component}/binary-{architecture}")))
    }

    /// The same for packages of that kind: those for installers have indices of their own, below `debian-installer`.
    ///
    /// ```
    /// use apt_index::RelPath;
    /// use apt_index::pool::PackageKind;
    /// use deb_parse::{Architecture, Component};
    ///
    /// let (main, amd64) = (Component::parse("main")?, Architecture::parse("amd64")?);
    /// let path = RelPath::packages_directory(&main, &amd64, PackageKind::Udeb);
    /// assert_eq!(path.as_str(), "main/debian-installer/binary-amd64");
    /// # Ok::<(), deb_parse::Error>(())
    /// ```
    #[must_use]
    pub fn packages_directory(component: &Component, architecture: &Architecture, kind: PackageKind) -> Self {
        match kind {
            PackageKind::Deb => Self::binary_directory(component, architecture),
            PackageKind::Udeb => {
                Self(Utf8PathBuf::from(format!("{component}/debian-installer/binary-{architecture}")))
            }
        }
    }

    /// The directory of the index of source packages of `component`, relative to the directory of the suite.
    #[must_use]
    pub fn source_directory(component: &Component) -> Self {
        Self(Utf8PathBuf::from(format!("{component}/source")))
    }

    /// Returns where the plain index of packages of that kind lies: `main/binary-amd64/Packages`, relative to the directory of the suite.
    pub(crate) fn packages_index(
        component: &Component,
        architecture: &Architecture,
        kind: PackageKind,
    ) -> Self {
        Self(Self::packages_directory(component, architecture, kind).0.join("Packages"))
    }

    /// The same for source packages: `main/source/Sources`.
    pub(crate) fn sources_index(component: &Component) -> Self {
        Self(Self::source_directory(component).0.join("Sources"))
    }

    /// The index of the files of the packages of `component` of that kind for `architecture`, relative to the directory of the
    /// suite.
    ///
    /// ```
    /// use apt_index::RelPath;
    /// use apt_index::pool::PackageKind;
    /// use deb_parse::{Architecture, Component};
    ///
    /// let (main, amd64) = (Component::parse("main")?, Architecture::parse("amd64")?);
    /// assert_eq!(RelPath::contents(&main, &amd64, PackageKind::Deb).as_str(), "main/Contents-amd64");
    /// assert_eq!(RelPath::contents(&main, &amd64, PackageKind::Udeb).as_str(), "main/Contents-udeb-amd64");
    /// # Ok::<(), deb_parse::Error>(())
    /// ```
    #[must_use]
    pub fn contents(component: &Component, architecture: &Architecture, kind: PackageKind) -> Self {
        let for_installers = if kind == PackageKind::Udeb { "udeb-" } else { "" };
        Self(Utf8PathBuf::from(format!("{component}/Contents-{for_installers}{architecture}")))
    }

    /// The index of the files of the source packages of `component`, relative to the directory of the suite.
    #[must_use]
    pub fn source_contents(component: &Component) -> Self {
        Self(Utf8PathBuf::from(format!("{component}/Contents-source")))
    }

    /// The directory of a suite: `dists/<suite>`.
    #[must_use]
    pub fn suite_directory(suite: &SuiteName) -> Self {
        Self(Utf8PathBuf::from(format!("dists/{suite}")))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The path as a path.
    #[must_use]
    pub fn as_path(&self) -> &Utf8Path {
        &self.0
    }

    /// The number of elements.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.components().count()
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AsRef<Utf8Path> for RelPath {
    fn as_ref(&self) -> &Utf8Path {
        &self.0
    }
}

/// The longest name of a file on Linux, in bytes.
pub const LONGEST_NAME: usize = 255;

fn broken_rule(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return Some("it is empty");
    }
    if path.len() > MAX_LENGTH {
        return Some("it is longer than 1024 bytes");
    }
    if path.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Some("it holds a blank, a backslash or a control character");
    }
    if path.split('/').any(|element| matches!(element, "" | "." | "..")) {
        return Some("an element of it is empty, `.` or `..`");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_leave_the_tree_are_refused() {
        for bad in ["", "/etc", "a//b", "a/", "./a", "a/../b", "a b", "a\nb", "a\\b", "a\u{7f}", "a\u{85}b"] {
            assert!(RelPath::parse(bad).is_err(), "{bad:?}");
        }
        assert!(RelPath::parse(&"x/".repeat(600)).is_err());
    }

    #[test]
    fn component_with_a_slash_keeps_its_directories() {
        let component = Component::parse("updates/main").unwrap();
        let path = RelPath::binary_directory(&component, &Architecture::parse("arm64").unwrap());
        assert_eq!(path.as_str(), "updates/main/binary-arm64");
        assert_eq!(path.depth(), 3);
    }
}

//! Where package files lie below `pool/`.
//!
//! [`pool_path`] is the path of a binary package, [`source_directory`] that of the files of a source package.

use deb_parse::{Architecture, Component, PackageName, SourceName, Version};

use crate::{Error, RelPath};

/// What a binary package is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum PackageKind {
    /// To be installed with dpkg.
    #[default]
    Deb,
    /// Part of an installer (Policy's `Package-Type: udeb`): listed in indices of its own.
    Udeb,
}

impl PackageKind {
    /// The ending of its file name, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Udeb => "udeb",
        }
    }
}

/// Where a binary package lies in the pool: a function of what its control file says, never of how the file was called
/// when it arrived.
///
/// The layout is Debian's: `pool/<component>/<prefix>/<source>/<package>_<version>_<architecture>.deb`, where the
/// prefix is the first letter of the source package, or its first four when it starts with `lib`. The file name leaves
/// the epoch out, as everywhere in Debian; so that `1:2.0` and `2.0` can stand side by side, a version with an epoch has
/// a directory of its own below the source's.
///
/// ```
/// use apt_index::pool::{PackageKind, pool_path};
/// use deb_parse::{Architecture, Component, PackageName, SourceName, Version};
///
/// let path = pool_path(
///     &Component::parse("main")?,
///     &SourceName::parse("libzstd")?,
///     &PackageName::parse("zstd")?,
///     &Version::parse("1.5.4+dfsg2-5")?,
///     &Architecture::parse("amd64")?,
///     PackageKind::Deb,
/// ).unwrap();
/// assert_eq!(path.as_str(), "pool/main/libz/libzstd/zstd_1.5.4+dfsg2-5_amd64.deb");
/// # Ok::<(), deb_parse::Error>(())
/// ```
///
/// # Errors
/// [`Error::Path`] when the path would be longer than [`RelPath`] allows.
pub fn pool_path(
    component: &Component,
    source: &SourceName,
    package: &PackageName,
    version: &Version,
    architecture: &Architecture,
    kind: PackageKind,
) -> Result<RelPath, Error> {
    let text = version.as_str();
    let version_in_name = text.split_once(':').map_or(text, |(_, rest)| rest);
    let extension = kind.extension();
    source_directory(component, source, version)?
        .join(&format!("{package}_{version_in_name}_{architecture}.{extension}"))
}

/// The directory of the pool for files of that version: those of the source package, and of binary packages with that
/// version that were built from it. See [`pool_path`].
///
/// # Errors
/// [`Error::Path`] when the path would be longer than [`RelPath`] allows.
pub fn source_directory(
    component: &Component,
    source: &SourceName,
    version: &Version,
) -> Result<RelPath, Error> {
    let epoch =
        version.as_str().split_once(':').map_or_else(String::new, |(epoch, _)| format!("/epoch-{epoch}"));
    RelPath::parse(&format!("pool/{component}/{}/{source}{epoch}", pool_prefix(source)))
}

/// Returns the directory above that of a source package: its first letter, or `lib` and a letter. A source called `lib` has the prefix
/// `lib`.
#[must_use]
pub fn pool_prefix(source: &SourceName) -> &str {
    let source = source.as_str();
    let length = if source.starts_with("lib") { 4 } else { 1 };
    source.get(..length).unwrap_or(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(source: &str, package: &str, version: &str) -> String {
        pool_path(
            &Component::parse("main").unwrap(),
            &SourceName::parse(source).unwrap(),
            &PackageName::parse(package).unwrap(),
            &Version::parse(version).unwrap(),
            &Architecture::parse("amd64").unwrap(),
            PackageKind::Deb,
        )
        .unwrap()
        .to_string()
    }

    #[test]
    fn a_package_called_lib_has_a_place() {
        assert_eq!(path("lib", "lib", "1"), "pool/main/lib/lib/lib_1_amd64.deb");
        assert_eq!(path("liba", "liba", "1"), "pool/main/liba/liba/liba_1_amd64.deb");
        assert_eq!(path("li", "li", "1"), "pool/main/l/li/li_1_amd64.deb");
    }

    #[test]
    fn versions_that_differ_in_the_epoch_do_not_meet() {
        assert_eq!(path("hello", "hello", "1:2.0"), "pool/main/h/hello/epoch-1/hello_2.0_amd64.deb");
        assert_ne!(path("hello", "hello", "2:2.0"), path("hello", "hello", "2.0"));
    }
}

//! What is inside package files, kept so that no package has to be unpacked twice.

pub(crate) mod keep;
mod store_methods;
mod text;
mod unpacked_source;

use std::fmt;

use deb_parse::Limits;
use deb_parse::checksum::HashKinds;
use deb_parse::deb::{self, EntryKind};

pub(crate) use self::keep::AREA;
pub(crate) use self::unpacked_source::{Part, unpacked_paths};
use crate::model::id::BlobId;
use crate::storage::sealed;

/// What is inside a package file: its files, configuration files, maintainer scripts and newest changelog entries. Of the
/// tarballs and diffs of a source package: the files.
///
/// It follows from that file alone. The store keeps it because finding it out means to decompress the package; it may be
/// deleted at any time. As text:
///
/// ```text
/// Manifest: 2
/// Blob: <BLAKE3 of the package file>
/// Conffiles:
///  <SHA-256> /etc/hello.conf
/// Scripts:
///  <SHA-256> postinst
/// Changelog: complete
/// Files:
///  d 755 root:root 0 usr/bin
///  - 4755 root:root 16384 usr/bin/hello
///
/// hello (2.10-3) unstable; urgency=medium
/// …
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Manifest {
    text: Vec<u8>,
}

/// An entry of a package's data archive, or of a tarball.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManifestFile<'a> {
    /// Path below the root, such as `usr/bin/hello`. It has no newline, but need not be UTF-8.
    pub path: &'a [u8],
    /// What it is.
    pub kind: EntryKind,
    /// Permissions, with the bits for set-user-id `0o4000`, set-group-id `0o2000` and sticky `0o1000`.
    pub mode: u32,
    /// To whom it belongs, as `user:group`.
    pub owner: &'a str,
    /// Size in bytes; 0 unless it is a file.
    pub size: u64,
}

/// A configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManifestConffile<'a> {
    /// The line of `conffiles`, as it stands in the package: an absolute path, some with a flag before it.
    pub line: &'a str,
    /// SHA-256 of its content, in hexadecimal digits, if it is known: see [`deb::Conffile`].
    pub sha256: Option<&'a str>,
}

/// A maintainer script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManifestScript<'a> {
    /// `config`, `postinst`, `postrm`, `preinst` or `prerm`.
    pub name: &'a str,
    /// SHA-256 of its content, in hexadecimal digits.
    pub sha256: &'a str,
}

/// The newest entries of a package's own changelog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManifestChangelog<'a> {
    /// The text, to be read with [`deb_parse::changelog`].
    pub text: &'a str,
    /// Whether it goes back to the first entry that the package has.
    pub complete: bool,
}

impl Manifest {
    /// Text of a changelog that is kept, in bytes. Debian's own are cut to a few years, which mostly is less.
    const CHANGELOG: usize = 64 << 10;

    /// How a package is read to make its manifest.
    pub(crate) fn options(limits: &Limits) -> deb::Options {
        let (limits, hashes) = (limits.clone(), HashKinds::default());
        deb::Options { limits, hashes, changelog: Some(Self::CHANGELOG), ..deb::Options::default() }
    }

    /// The manifest of a package read with these [`options`](Self::options).
    pub(crate) fn of(package: &deb::Package) -> Self {
        Self { text: text::write(package) }
    }

    /// The manifest of a file of a source package.
    pub(crate) fn of_tarball(blob: BlobId, files: &[deb::FileEntry]) -> Self {
        Self { text: text::write_tarball(blob, files) }
    }

    /// The manifest in the bytes of its file; none when it has another form, which is not a fault: it is made again where it is needed.
    /// In words what is wrong when they hold no manifest, or that of another package file.
    pub(crate) fn read(bytes: &[u8], blob: BlobId) -> Result<Option<Self>, &'static str> {
        if !sealed::is_sealed(bytes) {
            return Err("it is not what was written");
        }
        let manifest = Self { text: sealed::decompress(bytes)? };
        match text::form(&manifest.text, blob) {
            Some(form) => Ok((form == text::FORM).then_some(manifest)),
            None => Err("it is of another package file"),
        }
    }

    /// The bytes of its file.
    pub(crate) fn to_file(&self) -> Result<Vec<u8>, crate::error::Error> {
        Ok(sealed::compress(&self.text)?)
    }

    /// The entries of the archive, in its order. One of them may occur twice.
    pub fn files(&self) -> impl Iterator<Item = ManifestFile<'_>> {
        text::section(&self.text, text::FILES).filter_map(text::file)
    }

    /// The configuration files, in the order of the package.
    pub fn conffiles(&self) -> impl Iterator<Item = ManifestConffile<'_>> {
        text::section(&self.text, text::CONFFILES).filter_map(text::conffile)
    }

    /// The maintainer scripts, sorted by name.
    pub fn scripts(&self) -> impl Iterator<Item = ManifestScript<'_>> {
        text::section(&self.text, text::SCRIPTS).filter_map(text::script)
    }

    /// The changelog, if the package has one of its own.
    #[must_use]
    pub fn changelog(&self) -> Option<ManifestChangelog<'_>> {
        text::changelog(&self.text)
    }
}

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manifest").field("bytes", &self.text.len()).finish()
    }
}

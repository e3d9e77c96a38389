//! The paragraphs of an archive's indices: `Packages` and `Sources`.

use super::binary::{parse_size, parse_source};
use super::files::{self, FileEntry, Paths};
use super::{Fields, optional, require};
use crate::checksum::{Md5, Sha1, Sha256, Sha512};
use crate::deb822::Paragraph;
use crate::error::Error;
use crate::name::{Architecture, PackageName, SourceName};
use crate::version::Version;

/// One paragraph of a `Packages` file.
///
/// It is a view: each accessor reads its field each time, and says what is wrong with it.
///
/// ```
/// use deb_parse::{control::PackagesStanza, deb822};
/// let text = b"Package: a\nVersion: 1\nArchitecture: all\nFilename: pool/a.deb\nSize: 7\n";
/// for paragraph in deb822::paragraphs(text) {
///     let stanza = PackagesStanza::new(paragraph);
///     assert_eq!((stanza.filename()?, stanza.size()?), ("pool/a.deb", 7));
///     assert!(stanza.sha256()?.is_none());
/// }
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PackagesStanza<'a>(Paragraph<'a>);

impl<'a> PackagesStanza<'a> {
    /// Looks at a paragraph as one of a `Packages` file.
    pub fn new(paragraph: Paragraph<'a>) -> Self {
        Self(paragraph)
    }

    /// Name of the package (field `Package`).
    pub fn package(&self) -> Result<PackageName, Error> {
        require(self.0, "Package", PackageName::parse)
    }

    /// Version of the package (field `Version`).
    pub fn version(&self) -> Result<Version, Error> {
        require(self.0, "Version", Version::parse)
    }

    /// Architecture of the package (field `Architecture`).
    pub fn architecture(&self) -> Result<Architecture, Error> {
        require(self.0, "Architecture", Architecture::parse)
    }

    /// Name and version of the source package (field `Source`, or the package itself).
    pub fn source(&self) -> Result<(SourceName, Version), Error> {
        let version = self.version()?;
        match optional(self.0, "Source", |text| parse_source(text, &version))? {
            None => Ok((SourceName::parse(self.package()?.as_str())?, version)),
            Some(source) => Ok(source),
        }
    }

    /// Path of the package file below the root of the archive (field `Filename`). It never leaves that root.
    pub fn filename(&self) -> Result<&'a str, Error> {
        let value = self
            .0
            .get("Filename")
            .ok_or_else(|| Error::Missing { field: "Filename", place: self.0.place() })?;
        std::str::from_utf8(value)
            .ok()
            .filter(|path| files::is_safe(path.strip_prefix("./").unwrap_or(path), Paths::Relative))
            .ok_or_else(|| {
                Error::value("path", value, "must be relative, without `..`")
                    .in_field(self.0, "Filename", value)
            })
    }

    /// Size of the package file in bytes (field `Size`).
    pub fn size(&self) -> Result<u64, Error> {
        require(self.0, "Size", parse_size)
    }

    /// Estimated size when installed, in KiB (field `Installed-Size`).
    pub fn installed_size(&self) -> Result<Option<u64>, Error> {
        optional(self.0, "Installed-Size", parse_size)
    }

    /// MD5 of the package file (field `MD5sum`).
    pub fn md5(&self) -> Result<Option<Md5>, Error> {
        optional(self.0, "MD5sum", Md5::parse)
    }

    /// SHA-1 of the package file (field `SHA1`).
    pub fn sha1(&self) -> Result<Option<Sha1>, Error> {
        optional(self.0, "SHA1", Sha1::parse)
    }

    /// SHA-256 of the package file (field `SHA256`).
    pub fn sha256(&self) -> Result<Option<Sha256>, Error> {
        optional(self.0, "SHA256", Sha256::parse)
    }

    /// SHA-512 of the package file (field `SHA512`).
    pub fn sha512(&self) -> Result<Option<Sha512>, Error> {
        optional(self.0, "SHA512", Sha512::parse)
    }

    /// MD5 of the English description, which names its translations (field `Description-md5`).
    pub fn description_md5(&self) -> Result<Option<Md5>, Error> {
        optional(self.0, "Description-md5", Md5::parse)
    }
}

impl Fields for PackagesStanza<'_> {
    fn paragraph(&self) -> Paragraph<'_> {
        self.0
    }
}

/// One paragraph of a `Sources` file.
///
/// ```
/// use deb_parse::{control::SourcesStanza, deb822};
/// let text = b"Package: a\nVersion: 1\nDirectory: pool/main/a/a\nFiles:\n 0123456789abcdef0123456789abcdef 7 a_1.dsc\n";
/// let stanza = SourcesStanza::new(deb822::paragraphs(text).next().unwrap());
/// assert_eq!(stanza.files()?[0].path, "a_1.dsc");
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SourcesStanza<'a>(Paragraph<'a>);

impl<'a> SourcesStanza<'a> {
    /// Looks at a paragraph as one of a `Sources` file.
    pub fn new(paragraph: Paragraph<'a>) -> Self {
        Self(paragraph)
    }

    /// Name of the source package (field `Package`).
    pub fn package(&self) -> Result<SourceName, Error> {
        require(self.0, "Package", SourceName::parse)
    }

    /// Version of the source package (field `Version`).
    pub fn version(&self) -> Result<Version, Error> {
        require(self.0, "Version", Version::parse)
    }

    /// Architectures that the source builds for, wildcards among them (field `Architecture`).
    pub fn architectures(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.get_str("Architecture").unwrap_or_default().split_ascii_whitespace()
    }

    /// Directory of the files below the root of the archive (field `Directory`). It never leaves that root.
    pub fn directory(&self) -> Result<&'a str, Error> {
        let value = self
            .0
            .get("Directory")
            .ok_or_else(|| Error::Missing { field: "Directory", place: self.0.place() })?;
        std::str::from_utf8(value)
            .ok()
            .filter(|path| *path == "." || files::is_safe(path, Paths::Relative))
            .ok_or_else(|| {
                Error::value("path", value, "must be relative, without `..`").in_field(
                    self.0,
                    "Directory",
                    value,
                )
            })
    }

    /// The files of the source package (fields `Files` and `Checksums-*`).
    pub fn files(&self) -> Result<Vec<FileEntry>, Error> {
        files::read(self.0, files::SOURCE, Paths::Names)
    }
}

impl Fields for SourcesStanza<'_> {
    fn paragraph(&self) -> Paragraph<'_> {
        self.0
    }
}

//! The control files of an upload and of a build: `.changes` and `.buildinfo`.

use super::binary::parse_source;
use super::files::{self, ChangesFile, FileEntry, Paths};
use super::text::Text;
use super::{Fields, require, signed_paragraph};
use crate::deb822::Paragraph;
use crate::error::Error;
use crate::limits::Limits;
use crate::name::SourceName;
use crate::version::Version;

/// An upload control file `.changes` (Policy 5.5), checked and owned.
///
/// ```
/// use deb_parse::{Limits, control::Changes};
/// let text = b"Format: 1.8\nSource: a1\nVersion: 1\nDistribution: bookworm\nArchitecture: source amd64\nFiles:\n \
///     0123456789abcdef0123456789abcdef 7 misc optional a1_1_amd64.deb\n";
/// let changes = Changes::parse(text, &Limits::default())?;
/// assert_eq!(changes.file_details()?[0].section, "misc");
/// assert_eq!(changes.files()[0].size, 7);
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Changes {
    text: Text,
    source: (SourceName, Version),
    version: Version,
    files: Vec<FileEntry>,
}

impl Changes {
    /// Reads a `.changes`. If it is clear-signed, what was signed is read and nothing else; the signature is not
    /// verified.
    pub fn parse(text: &[u8], limits: &Limits) -> Result<Self, Error> {
        let text = signed_paragraph(text, limits)?;
        let paragraph = text.paragraph();
        let version = require(paragraph, "Version", Version::parse)?;
        let source = require(paragraph, "Source", |text| parse_source(text, &version))?;
        let files = files::read(paragraph, files::SOURCE, Paths::Names)?;
        Ok(Self { text, source, version, files })
    }

    /// Name of the source package (field `Source`).
    pub fn source(&self) -> &SourceName {
        &self.source.0
    }

    /// Version of the source package: that of the upload, unless the field `Source` names another behind the name.
    pub fn source_version(&self) -> &Version {
        &self.source.1
    }

    /// Version of the upload (field `Version`).
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// What the upload holds: architectures, or `source` (field `Architecture`).
    pub fn architectures(&self) -> impl Iterator<Item = &str> {
        self.paragraph().get_str("Architecture").unwrap_or_default().split_ascii_whitespace()
    }

    /// The files of the upload, without the `.changes` itself (fields `Files` and `Checksums-*`).
    pub fn files(&self) -> &[FileEntry] {
        &self.files
    }

    /// Section and priority of each file (field `Files`).
    pub fn file_details(&self) -> Result<Vec<ChangesFile>, Error> {
        files::read_changes(self.paragraph())
    }

    /// The paragraph.
    pub fn paragraph(&self) -> Paragraph<'_> {
        self.text.paragraph()
    }
}

impl Fields for Changes {
    fn paragraph(&self) -> Paragraph<'_> {
        self.text.paragraph()
    }
}

/// A build's record of itself, `.buildinfo` (deb-buildinfo(5)), checked and owned.
///
/// ```
/// use deb_parse::{Limits, control::{Buildinfo, Fields}};
/// let text = b"Format: 1.0\nSource: a1\nVersion: 1\nArchitecture: amd64\nInstalled-Build-Depends: gcc (= 4:12.2.0-3)\n";
/// let info = Buildinfo::parse(text, &Limits::default())?;
/// assert_eq!(info.installed_build_depends()?.all().len(), 1);
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Buildinfo {
    text: Text,
    source: SourceName,
    version: Version,
    files: Vec<FileEntry>,
}

impl Buildinfo {
    /// Reads a `.buildinfo`. If it is clear-signed, what was signed is read and nothing else; the signature is not
    /// verified.
    pub fn parse(text: &[u8], limits: &Limits) -> Result<Self, Error> {
        let text = signed_paragraph(text, limits)?;
        let paragraph = text.paragraph();
        let version = require(paragraph, "Version", Version::parse)?;
        let (source, _) = require(paragraph, "Source", |text| parse_source(text, &version))?;
        let files = files::read(paragraph, files::BUILDINFO, Paths::Names)?;
        Ok(Self { text, source, version, files })
    }

    /// Name of the source package (field `Source`).
    pub fn source(&self) -> &SourceName {
        &self.source
    }

    /// Version that was built (field `Version`).
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The files that were built (fields `Checksums-*`).
    pub fn files(&self) -> &[FileEntry] {
        &self.files
    }

    /// The environment variables of the build, as written (field `Environment`).
    pub fn environment(&self) -> Option<&str> {
        self.paragraph().get_str("Environment")
    }

    /// Architecture of the machine that built (field `Build-Architecture`).
    pub fn build_architecture(&self) -> Option<&str> {
        self.paragraph().get_str("Build-Architecture")
    }

    /// When it was built (field `Build-Date`).
    pub fn build_date(&self) -> Option<&str> {
        self.paragraph().get_str("Build-Date")
    }

    /// Who built it: usually the distribution (field `Build-Origin`).
    pub fn build_origin(&self) -> Option<&str> {
        self.paragraph().get_str("Build-Origin")
    }

    /// Kernel of the machine that built (field `Build-Kernel-Version`).
    pub fn build_kernel_version(&self) -> Option<&str> {
        self.paragraph().get_str("Build-Kernel-Version")
    }

    /// Why the build may not be reproducible elsewhere, a word for each reason (field `Build-Tainted-By`).
    pub fn build_tainted_by(&self) -> impl Iterator<Item = &str> {
        self.paragraph().get_str("Build-Tainted-By").unwrap_or_default().split_ascii_whitespace()
    }

    /// The changelog entry of a rebuild without changes to the source (field `Binary-Only-Changes`).
    pub fn binary_only_changes(&self) -> Option<&str> {
        self.paragraph().get_str("Binary-Only-Changes")
    }

    /// The directory it was built in (field `Build-Path`).
    pub fn build_path(&self) -> Option<&str> {
        self.paragraph().get_str("Build-Path")
    }

    /// The paragraph.
    pub fn paragraph(&self) -> Paragraph<'_> {
        self.text.paragraph()
    }
}

impl Fields for Buildinfo {
    fn paragraph(&self) -> Paragraph<'_> {
        self.text.paragraph()
    }
}

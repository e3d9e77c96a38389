//! The control file of a source package: `.dsc`.

use super::files::{self, FileEntry, Paths};
use super::relations::check_relations;
use super::text::Text;
use super::{Fields, require, signed_paragraph};
use crate::deb822::Paragraph;
use crate::error::Error;
use crate::limits::Limits;
use crate::name::SourceName;
use crate::relation::{self, Grammar};
use crate::version::Version;

/// A source control file `.dsc` (Policy 5.4), checked and owned.
///
/// ```
/// use deb_parse::{Limits, control::Dsc};
/// let text = b"Format: 3.0 (native)\nSource: a1\nVersion: 1\nFiles:\n 0123456789abcdef0123456789abcdef 7 a1_1.tar.xz\n";
/// let dsc = Dsc::parse(text, &Limits::default())?;
/// assert_eq!((dsc.source().as_str(), dsc.files().len()), ("a1", 1));
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dsc {
    text: Text,
    source: SourceName,
    version: Version,
    files: Vec<FileEntry>,
}

impl Dsc {
    /// Reads a `.dsc`. If it is clear-signed, what was signed is read and nothing else; the signature is not verified.
    pub fn parse(text: &[u8], limits: &Limits) -> Result<Self, Error> {
        let text = signed_paragraph(text, limits)?;
        let paragraph = text.paragraph();
        let source = require(paragraph, "Source", SourceName::parse)?;
        let version = require(paragraph, "Version", Version::parse)?;
        let files = files::read(paragraph, files::SOURCE, Paths::Names)?;
        Ok(Self { text, source, version, files })
    }

    /// Checks that dpkg understands the relations in `Build-Depends` and the like.
    ///
    /// ```
    /// use deb_parse::{Limits, control::Dsc};
    /// let dsc = Dsc::parse(b"Source: a1\nVersion: 1\nBuild-Depends: b, c (> 1\n", &Limits::default())?;
    /// let error = dsc.check_relations(&Limits::default()).unwrap_err().to_string();
    /// assert!(error.starts_with("line 3, column 24, field Build-Depends: "));
    /// # Ok::<(), deb_parse::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Field`] for the first relation that dpkg refuses, [`Error::Limit`] for more than [`Limits::relations`] allow.
    pub fn check_relations(&self, limits: &Limits) -> Result<(), Error> {
        let mut fields = relation::FIELDS.iter().filter(|field| field.grammar == Grammar::Source);
        fields.try_for_each(|field| check_relations(self.paragraph(), field, limits))
    }

    /// Name of the source package (field `Source`).
    pub fn source(&self) -> &SourceName {
        &self.source
    }

    /// Version of the source package (field `Version`).
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Architectures that the source builds for, wildcards among them (field `Architecture`).
    pub fn architectures(&self) -> impl Iterator<Item = &str> {
        self.paragraph().get_str("Architecture").unwrap_or_default().split_ascii_whitespace()
    }

    /// The files of the source package, without the `.dsc` itself (fields `Files` and `Checksums-*`).
    pub fn files(&self) -> &[FileEntry] {
        &self.files
    }

    /// The paragraph.
    pub fn paragraph(&self) -> Paragraph<'_> {
        self.text.paragraph()
    }
}

impl Fields for Dsc {
    fn paragraph(&self) -> Paragraph<'_> {
        self.text.paragraph()
    }
}

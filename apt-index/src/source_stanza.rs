use std::fmt::Write as _;

use deb_parse::checksum::{Md5, Sha1, Sha256};
use deb_parse::control::Dsc;
use deb_parse::deb822::ParagraphBuf;

use crate::stanza::Stanza;
use crate::{Error, RelPath};

/// Fields of a `Sources` stanza that say where files lie and what they are, and those that belong to a stanza of another
/// kind: only we may write them, whatever a `.dsc` says.
const OURS: [&str; 16] = [
    "Package",
    "Source",
    "Directory",
    "Section",
    "Priority",
    "Files",
    "Checksums-Md5",
    "Checksums-Sha1",
    "Checksums-Sha256",
    "Checksums-Sha512",
    "Filename",
    "Size",
    "MD5sum",
    "SHA1",
    "SHA256",
    "Status",
];

/// What an index says of a source package besides what its `.dsc` says.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct SourceFacts<'a> {
    /// Where its files lie, relative to the archive root.
    pub directory: RelPath,
    /// Section and priority, if the archive has them.
    pub section: Option<(&'a str, &'a str)>,
    /// Its files, the `.dsc` among them.
    pub files: Vec<IndexedFile>,
}

/// A file of a source package as its index lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct IndexedFile {
    /// Its name.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// Its SHA-256, which every apt in use checks.
    pub sha256: Sha256,
    /// Its MD5. The list `Files` is written when all files have one.
    pub md5: Option<Md5>,
    /// Its SHA-1. The list `Checksums-Sha1` is written when all files have one.
    pub sha1: Option<Sha1>,
}

impl Stanza<'static> {
    /// The stanza of a source package in a `Sources` index (Policy 5.4 and the Debian repository format): the fields of its
    /// `.dsc` in their order, with `Package` for `Source` in front, then where its files lie and what they are. As of a binary
    /// package, fields that some apt could not read are [rewritten](Stanza::canonical).
    ///
    /// ```
    /// use apt_index::RelPath;
    /// use apt_index::index::Item as _;
    /// use apt_index::stanza::{IndexedFile, SourceFacts, Stanza};
    /// use deb_parse::{Limits, checksum::Sha256, control::Dsc};
    ///
    /// let dsc = Dsc::parse(b"Format: 1.0\nSource: hello\nVersion: 1\n", &Limits::default())?;
    /// let sha256 = Sha256::from_bytes([0; 32]);
    /// let file = IndexedFile { name: "hello_1.dsc".to_owned(), size: 7, sha256, md5: None, sha1: None };
    /// let directory = RelPath::parse("pool/main/h/hello").unwrap();
    /// let stanza = Stanza::render_source(&dsc, &SourceFacts { directory, section: None, files: vec![file] }).unwrap();
    /// assert!(stanza.as_bytes().starts_with(b"Package: hello\nFormat: 1.0\n"));
    /// # Ok::<(), deb_parse::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Stanza`] when the `.dsc` holds something an index cannot.
    pub fn render_source(dsc: &Dsc, facts: &SourceFacts<'_>) -> Result<Self, Error> {
        let mut stanza = ParagraphBuf::new();
        let unusable = |_| Error::Stanza { rule: "a field of the .dsc cannot stand in an index" };
        stanza.push("Package", dsc.source().as_str()).map_err(unusable)?;
        for field in dsc.paragraph().fields() {
            if !OURS.iter().any(|ours| ours.eq_ignore_ascii_case(field.name())) {
                stanza.push(field.name(), field.value()).map_err(unusable)?;
            }
        }
        let mut push = |name: &str, value: Option<&str>| match value {
            Some(value) => stanza.push(name, value).map_err(unusable),
            None => Ok(()),
        };
        push("Priority", facts.section.map(|(_, priority)| priority))?;
        push("Section", facts.section.map(|(section, _)| section))?;
        push("Directory", Some(facts.directory.as_str()))?;
        push("Files", list(&facts.files, |file| file.md5).as_deref())?;
        push("Checksums-Sha1", list(&facts.files, |file| file.sha1).as_deref())?;
        push("Checksums-Sha256", list(&facts.files, |file| Some(file.sha256)).as_deref())?;
        Self::from_bytes(stanza.to_bytes())
    }
}

/// A line for each file; `None` when one of them lacks the digest.
fn list<D: std::fmt::Display>(
    files: &[IndexedFile],
    digest: impl Fn(&IndexedFile) -> Option<D>,
) -> Option<String> {
    let mut lines = String::new();
    for file in files {
        // Writing to a String cannot fail.
        let _ = write!(lines, "\n {} {} {}", digest(file)?, file.size, file.name);
    }
    Some(lines)
}

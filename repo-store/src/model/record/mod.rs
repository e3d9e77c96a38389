//! What is known of one package in a suite: its files and their digests, its control file, its source, and where it was built.
//!
//! [`Revision::records`](crate::Revision::records) gives the records of a suite. A [`RecordKey`] is the name, version and
//! architecture of a package or the name and version of a source package; a [`Record`] holds everything that an index tells of it.

mod build;
mod files;
mod provenance;
mod source;
mod update_percentage;

use std::cmp::Ordering;
use std::fmt;

use apt_index::pool::{PackageKind, pool_path};
use apt_index::stanza::{FileFacts, Stanza};
pub use build::Build;
use deb_parse::control::{BinaryControl, PackagesStanza};
use deb_parse::{Component, PackageName, SourceName, Version, deb822};
pub use files::RecordFile;
pub(crate) use files::blobs_in;
pub(crate) use provenance::{ATTESTATIONS, BUILDINFO, MOST_PROVENANCE};
pub use provenance::{Provenance, ProvenanceKind};
pub(crate) use source::SourceFile;
pub use update_percentage::UpdatePercentage;
pub(crate) use update_percentage::for_everybody;

use crate::model::id::BlobId;

/// What tells one package of a suite from all others.
///
/// Ordered by name, then version as dpkg orders them, then architecture. Versions that dpkg takes for equal, such as `1.0`
/// and `1.0-0`, make equal keys.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RecordKey {
    /// The package's name.
    pub package: PackageName,
    /// Its version.
    pub version: Version,
    /// Its architecture, which may be `all`, or that it is a source package.
    pub architecture: Build,
}

impl Ord for RecordKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.package
            .cmp(&other.package)
            .then_with(|| self.version.cmp(&other.version))
            .then_with(|| self.architecture.cmp(&other.architecture))
    }
}

impl PartialOrd for RecordKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.package, self.version, self.architecture)
    }
}

impl RecordKey {
    /// The key of a package with this control file.
    pub(crate) fn of(control: &BinaryControl) -> Self {
        Self {
            package: control.package().clone(),
            version: control.version().clone(),
            architecture: Build::For(control.architecture().clone()),
        }
    }

    /// The key of a record; `None` when `paragraph` is none.
    pub(crate) fn of_record(paragraph: &deb822::Paragraph<'_>) -> Option<Self> {
        let fields = paragraph.get_many(["Package", "Version", "Architecture", FILES]);
        let [package, version, architecture, files] =
            fields.map(|value| value.and_then(|value| std::str::from_utf8(value).ok()));
        Some(Self {
            package: PackageName::parse(package?).ok()?,
            version: Version::parse(version?).ok()?,
            // The field of a source package says what it builds for.
            architecture: files.map_or_else(|| Build::parse(architecture?), |_| Some(Build::Source))?,
        })
    }

    /// Reads what [`Display`](fmt::Display) writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let key = Self {
            package: PackageName::parse(words.next()?).ok()?,
            version: Version::parse(words.next()?).ok()?,
            architecture: Build::parse(words.next()?)?,
        };
        words.next().is_none().then_some(key)
    }
}

/// What the store knows of one package in a suite: its stanza, and below it the fields that only the store reads.
///
/// Indices list what [`published`](Self::published) makes of the stanza. It is the same, except in records from versions that
/// kept forms of relations that some apt cannot read.
///
/// ```text
/// Package: hello                       ┐
/// …                                    │ the stanza
/// SHA256: 2e2…                         ┘
/// Store-Blob: <BLAKE3 of the file>     ┐ ours
/// Store-Component: main                ┘
/// ```
///
/// A source package has several files. Its `.dsc` is the one that `Store-Blob` names; the others stand in `Store-Files`, and
/// that field is what tells a source package from a binary one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    key: RecordKey,
    kind: PackageKind,
    blob: BlobId,
    component: Component,
    text: Vec<u8>,
    /// Where the stanza ends in `text`.
    stanza: usize,
}

/// The field with the id of the package file.
const BLOB: &str = "Store-Blob";
/// The field with the other files of a source package.
const FILES: &str = "Store-Files";
const COMPONENT: &str = "Store-Component";
/// Fields of a package's own control file that start like ours would be taken for ours.
const PREFIX: &str = "Store-";

impl Record {
    /// The record of a package file, placed in `component`.
    ///
    /// # Errors
    /// [`apt_index::Error`] when the control file cannot be listed in an index.
    pub fn new(
        control: &BinaryControl,
        component: Component,
        kind: PackageKind,
        blob: BlobId,
        size: u64,
        digests: &Digests,
    ) -> Result<Self, apt_index::Error> {
        let key = RecordKey::of(control);
        let (source, _) = control.source();
        let architecture = control.architecture();
        let facts = FileFacts {
            filename: pool_path(&component, source, &key.package, &key.version, architecture, kind)?,
            size,
            sha256: digests.sha256,
            md5: digests.md5,
            sha1: digests.sha1,
        };
        check_reserved(control.paragraph())?;
        let stanza = Stanza::render(control, &facts)?;
        let record = Self::assemble(key, kind, blob, component, stanza, "")?;
        // How many machines take it is for the repository to say, and not for the package.
        let says = control.paragraph().get(UpdatePercentage::FIELD).is_some();
        Ok(if says { record.with_update_percentage(None) } else { record })
    }

    /// A record of a stanza and our fields below it; `others` are those that not every record has.
    fn assemble(
        key: RecordKey,
        kind: PackageKind,
        blob: BlobId,
        component: Component,
        stanza: Stanza<'_>,
        others: &str,
    ) -> Result<Self, apt_index::Error> {
        let mut text = stanza.into_bytes();
        let stanza = text.len();
        text.extend_from_slice(format!("{BLOB}: {blob}\n{COMPONENT}: {component}\n{others}").as_bytes());
        // Many records may be held at once, and text that grew has room for as much again.
        text.shrink_to_fit();
        let record = Self { key, kind, blob, component, text, stanza };
        // One record that cannot be read back would take its whole chunk with it.
        let read = deb822::paragraphs(&record.text).next().and_then(|paragraph| Self::parse(&paragraph));
        if read.as_ref() == Some(&record) {
            record.check_paths()?;
            Ok(record)
        } else {
            Err(apt_index::Error::Stanza { rule: "it does not read back as it was written" })
        }
    }

    /// Reads a record; `None` when `text` is none.
    pub(crate) fn parse(paragraph: &deb822::Paragraph<'_>) -> Option<Self> {
        let names = ["Package", "Version", "Architecture", "Filename", BLOB, COMPONENT, FILES];
        let [package, version, architecture, filename, blob, component, files] =
            paragraph.get_many(names).map(|value| value.and_then(|value| std::str::from_utf8(value).ok()));
        let shipped = paragraph.fields().filter(|field| !starts_with_ignoring_case(field.name(), PREFIX));
        let stanza = shipped.map(|field| field.as_bytes().len()).sum();
        let mut text = paragraph.as_bytes().to_vec();
        if text.last() != Some(&b'\n') {
            text.push(b'\n');
        }
        Some(Self {
            key: RecordKey {
                package: PackageName::parse(package?).ok()?,
                version: Version::parse(version?).ok()?,
                // The field of a source package says what it builds for.
                architecture: files.map_or_else(|| Build::parse(architecture?), |_| Some(Build::Source))?,
            },
            // The name in the pool is ours: it says what the file was taken for.
            kind: if filename.is_some_and(|name| name.ends_with(".udeb")) {
                PackageKind::Udeb
            } else {
                PackageKind::Deb
            },
            blob: blob?.parse().ok()?,
            component: Component::parse(component?).ok()?,
            text,
            stanza,
        })
    }

    /// Name, version and architecture.
    #[must_use]
    pub fn key(&self) -> &RecordKey {
        &self.key
    }

    /// Whether it is installed with dpkg or is part of an installer.
    #[must_use]
    pub fn kind(&self) -> PackageKind {
        self.kind
    }

    /// Returns whether machines install it by dpkg: it is neither a source package nor part of an installer.
    #[must_use]
    pub fn is_for_machines(&self) -> bool {
        self.kind == PackageKind::Deb && !self.key().architecture.is_source()
    }

    /// The package file; of a source package its `.dsc`, which says what the others must be.
    #[must_use]
    pub fn blob(&self) -> BlobId {
        self.blob
    }

    /// Returns whether another record is of the same package file, wherever it is listed and for whom.
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        self.key == other.key && self.blob == other.blob
    }

    /// The component it is listed in.
    #[must_use]
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// The stanza as it is kept.
    #[must_use]
    pub fn stanza(&self) -> &[u8] {
        self.text.get(..self.stanza).unwrap_or_default()
    }

    /// Returns the stanza as it is published: in a form that every apt can read.
    ///
    /// # Errors
    /// [`apt_index::Error`] when such a form does not exist.
    pub fn published(&self) -> Result<Stanza<'_>, apt_index::Error> {
        self.check_paths()?;
        Stanza::parse(self.stanza())?.canonical()
    }

    /// The value of a field of the stanza, as text.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        deb822::paragraphs(self.stanza()).next()?.get_str(name)
    }

    /// The source package it was built from or is, and that package's version.
    #[must_use]
    pub fn source(&self) -> (SourceName, Version) {
        let paragraph = deb822::paragraphs(self.stanza()).next();
        let parsed = paragraph.and_then(|paragraph| PackagesStanza::new(paragraph).source().ok());
        // A record was made from a checked control file; should it ever say something else, it stands for itself.
        parsed
            .or_else(|| SourceName::parse(self.key.package.as_str()).ok().zip(Some(self.key.version.clone())))
            .unwrap_or_else(|| unreachable!("every package name is a source name"))
    }

    /// The whole text, as it stands in a chunk.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.text
    }
}

/// The digests of a package file that its index entry shows.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Digests {
    /// What apt checks.
    pub sha256: deb_parse::checksum::Sha256,
    /// For tools that want no other.
    pub md5: Option<deb_parse::checksum::Md5>,
    /// For tools that want no other.
    pub sha1: Option<deb_parse::checksum::Sha1>,
}

fn check_reserved(paragraph: deb822::Paragraph<'_>) -> Result<(), apt_index::Error> {
    if paragraph.fields().any(|field| starts_with_ignoring_case(field.name(), PREFIX)) {
        return Err(apt_index::Error::Stanza { rule: "fields named `Store-…` are reserved" });
    }
    Ok(())
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

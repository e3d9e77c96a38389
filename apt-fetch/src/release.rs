//! The Release of a suite, once it has been judged.

mod error;
mod fetch;
mod rules;

use std::collections::BTreeMap;

use apt_sign::SignedBy;
use deb_parse::control::{self, FileEntry};
use jiff::Timestamp;

pub use error::ReleaseError;
pub use rules::{Rules, Seen, Trust};

use crate::index::Index;
use crate::url::Url;

pub(crate) use fetch::fetch;

/// In which files the Release was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseForm {
    /// `InRelease`, clear-signed.
    Inline,
    /// `Release`, with its signature in `Release.gpg`.
    Detached,
}

/// What was signed, as it came; nothing of it has been judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseFiles {
    /// `InRelease`.
    Inline(Vec<u8>),
    /// `Release`, and `Release.gpg` if there is one.
    Detached(Vec<u8>, Option<Vec<u8>>),
}

/// A Release that has passed all [`Rules`]: its signature counts, it has not expired, it is not older than the Release before it, and its origin, label and
/// codename are the same as before. [`Release::accept`] is the only way to make one.
#[derive(Clone, Debug)]
pub struct Release {
    pub(crate) url: Url,
    pub(crate) files: ReleaseFiles,
    pub(crate) parsed: control::Release,
    pub(crate) signers: Vec<SignedBy>,
    pub(crate) date: Timestamp,
    pub(crate) valid_until: Option<Timestamp>,
    pub(crate) last_modified: Option<String>,
}

/// What came of asking for a Release.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FetchedRelease {
    /// This one.
    New(Box<Release>),
    /// The server has the one that was seen last; it has not expired since.
    Unchanged,
}

impl Release {
    /// Judges what was fetched from that address by these rules.
    ///
    /// # Errors
    /// [`ReleaseError`] tells which rule it breaks.
    pub fn accept(url: &Url, files: ReleaseFiles, rules: &Rules<'_>) -> Result<Self, ReleaseError> {
        rules::accept(url, files, rules)
    }

    /// Returns where it was fetched from: the address of `InRelease` or `Release`.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the files as they came: a mirror can publish them with their signature.
    #[must_use]
    pub fn files(&self) -> &ReleaseFiles {
        &self.files
    }

    /// Returns in which files it was.
    #[must_use]
    pub fn form(&self) -> ReleaseForm {
        match self.files {
            ReleaseFiles::Inline(_) => ReleaseForm::Inline,
            ReleaseFiles::Detached(..) => ReleaseForm::Detached,
        }
    }

    /// Returns all its fields.
    #[must_use]
    pub fn fields(&self) -> &control::Release {
        &self.parsed
    }

    /// Returns the good signatures; none if the source is trusted without.
    #[must_use]
    pub fn signers(&self) -> &[SignedBy] {
        &self.signers
    }

    /// Returns when it was made.
    #[must_use]
    pub fn date(&self) -> Timestamp {
        self.date
    }

    /// Returns until when it counts, if it says so or the rules do.
    #[must_use]
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    /// Returns what is to be kept of it, so that the next one cannot be older.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let text = |value: Option<&str>| value.map(str::to_owned);
        Seen {
            date: self.date,
            valid_until: self.valid_until,
            origin: text(self.parsed.origin()),
            label: text(self.parsed.label()),
            suite: text(self.parsed.suite()),
            codename: text(self.parsed.codename()),
            form: Some(self.form()),
            last_modified: self.last_modified.clone(),
        }
    }

    /// Returns what it says of a file, by its path relative to the Release.
    #[must_use]
    pub fn entry(&self, path: &str) -> Option<&FileEntry> {
        self.parsed.files().iter().find(|entry| entry.path == path)
    }

    /// Returns all indices in the order of their paths, each with the forms in which it is listed.
    #[must_use]
    pub fn indices(&self) -> Vec<Index> {
        let mut found: BTreeMap<&str, Index> = BTreeMap::new();
        for entry in self.parsed.files() {
            let plain = Index::plain_path(&entry.path);
            found.entry(plain).or_insert_with(|| Index::new(plain)).add(entry);
        }
        found.into_values().collect()
    }

    /// Returns the index whose plain file would have that path, such as `main/binary-amd64/Packages`.
    #[must_use]
    pub fn index(&self, path: &str) -> Option<Index> {
        let mut index = Index::new(path);
        let of_it =
            |entry: &&FileEntry| entry.path.starts_with(path) && Index::plain_path(&entry.path) == path;
        self.parsed.files().iter().filter(of_it).for_each(|entry| index.add(entry));
        (!index.forms().is_empty()).then_some(index)
    }
}

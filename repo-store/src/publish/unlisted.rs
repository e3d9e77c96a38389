//! Packages that an index leaves out.
//!
//! One package that cannot be listed does not keep the others from being published. Whether it can be follows from its record
//! and its files alone: so it is missing where an index is rendered as a whole and where it is made from the one before, and
//! taking it out later takes nothing out.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Mutex, PoisonError};

use apt_index::Stanza;

use crate::{IndexKind, Record, RecordKey};

/// A published package that is missing from the indices of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unlisted {
    /// The package.
    pub package: RecordKey,
    /// The kind of index that leaves it out. From [`IndexKind::Contents`] its files are missing, while clients find the
    /// package itself.
    pub index: IndexKind,
    /// What is wrong with the package.
    pub reason: String,
}

/// Takes note, from several threads, of the packages that are left out.
#[derive(Default)]
pub(super) struct UnlistedPackages(Mutex<BTreeMap<(RecordKey, IndexKind), String>>);

impl UnlistedPackages {
    /// Takes note of a package.
    pub(super) fn note(&self, key: &RecordKey, index: IndexKind, error: &dyn Error) {
        let mut reason = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            reason.push_str(&format!(": {error}"));
            source = error.source();
        }
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.insert((key.clone(), index), reason);
    }

    /// Returns what an index lists of a package; takes note of it if that failed.
    pub(super) fn listed<T>(
        &self,
        key: &RecordKey,
        index: IndexKind,
        item: Result<T, apt_index::Error>,
    ) -> Option<T> {
        item.inspect_err(|error| self.note(key, index, error)).ok()
    }

    /// Returns the stanza of a record, as [`listed`](Self::listed) does.
    pub(super) fn stanza(&self, record: &Record, index: IndexKind) -> Option<Stanza<'static>> {
        self.listed(record.key(), index, record.published().map(Stanza::into_owned))
    }

    pub(super) fn finish(self) -> Vec<Unlisted> {
        let noted = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let unlisted = |((package, index), reason)| Unlisted { package, index, reason };
        noted.into_iter().map(unlisted).collect()
    }
}

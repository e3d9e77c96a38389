//! What decides the content of an index, as digests: indices that are made from the same records in the same way are made once.

use std::collections::BTreeMap;

use apt_index::Encoding;
use apt_index::index::Item;
use deb_parse::checksum::Blake3;

use super::kind::Kind;
use super::publication::{PublishedIndex, STANZA_FORM};
use crate::model::id::SnapshotId;
use crate::model::record::Record;

/// How an index is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Recipe {
    /// From the index before it: the digest of that one and of the change.
    Change([u8; 32]),
    /// From all records that it lists: their digest and their number.
    Records([u8; 32], u64),
}

impl Recipe {
    /// Returns the recipe of an index that differs from the one before by these items.
    pub(super) fn change<I: Item>(
        (kind, encodings): (&Kind<'_>, &[Encoding]),
        before: &PublishedIndex,
        (removed, added): (&[I], &[I]),
    ) -> Self {
        let mut hasher = settings(kind, encodings);
        hash(&mut hasher, before.plain.sha256.to_string().as_bytes());
        for (encoding, file) in &before.files {
            hash(&mut hasher, format!("{encoding} {}", file.sha256).as_bytes());
        }
        // The patches that lead here depend on those that led to the one before.
        let diff = before.diff.as_ref().map(|diff| diff.index.sha256.to_string());
        hash(&mut hasher, diff.unwrap_or_default().as_bytes());
        for items in [removed, added] {
            hash(&mut hasher, &(items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| hash(&mut hasher, item.as_bytes()));
        }
        Self::Change(*hasher.finalize().as_bytes())
    }

    /// Returns the digest of the records, in the form in which publications remember it.
    pub(super) fn records(&self) -> Option<Blake3> {
        match self {
            Self::Records(digest, _) => Some(Blake3::from_bytes(*digest)),
            Self::Change(_) => None,
        }
    }
}

/// The recipe of an index in the making, for one that is made from all its records.
pub(super) struct ListedRecords {
    hasher: blake3::Hasher,
    number: u64,
}

impl ListedRecords {
    pub(super) fn new(kind: &Kind<'_>, encodings: &[Encoding]) -> Self {
        Self { hasher: settings(kind, encodings), number: 0 }
    }

    /// Adds a record that the index lists.
    pub(super) fn push(&mut self, record: &Record) {
        hash(&mut self.hasher, record.as_bytes());
        self.number += 1;
    }

    pub(super) fn finish(self) -> Recipe {
        Recipe::Records(*self.hasher.finalize().as_bytes(), self.number)
    }
}

/// Returns the digest of what an index is made from when it is made from the records of this snapshot.
pub(super) fn of_snapshot(kind: &Kind<'_>, encodings: &[Encoding], snapshot: Option<SnapshotId>) -> Blake3 {
    let mut hasher = settings(kind, encodings);
    hash(&mut hasher, format!("{kind:?}").as_bytes());
    hash(&mut hasher, snapshot.map(|id| id.to_string()).unwrap_or_default().as_bytes());
    Blake3::from_bytes(*hasher.finalize().as_bytes())
}

/// Starts a digest with all that decides what is made of a record, and in which files.
fn settings(kind: &Kind<'_>, encodings: &[Encoding]) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    let encodings: BTreeMap<Encoding, ()> = encodings.iter().map(|encoding| (*encoding, ())).collect();
    let names: Vec<&str> = encodings.keys().map(|encoding| encoding.name()).collect();
    hash(&mut hasher, format!("{} {STANZA_FORM} {}", kind.form(), names.join(" ")).as_bytes());
    hasher
}

/// Hashes a part with its length, so that no two rows of parts look alike.
fn hash(hasher: &mut blake3::Hasher, part: &[u8]) {
    hasher.update(&(part.len() as u64).to_le_bytes());
    hasher.update(part);
}

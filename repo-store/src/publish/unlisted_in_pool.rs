//! Since when a pool may have files that no publication lists any more.
//!
//! Publications are taken away without their package files, which clients with older lists may still fetch. To find these later, garbage
//! collection has to walk the pool, and does so only if there may be any. The note may be lost at any time: then
//! the files wait for the next collection that takes a publication away.

use crate::error::Error;
use crate::model::name::RepositoryName;
use crate::storage::Durability;
use crate::store::Store;

fn note_of(repository: &RepositoryName) -> String {
    format!("unlisted.{repository}")
}

/// Notes that publications were taken away that clients saw last at that time, in seconds since 1970. What cannot be noted is not known later,
/// and no more than that.
pub(crate) fn note_unlisted(store: &Store, repository: &RepositoryName, seen: i64) {
    if unlisted_since(store, repository).is_none() {
        let text = format!("{seen}\n");
        let _ = store.storage().write_note(&note_of(repository), text.as_bytes(), Durability::Later);
    }
}

/// Returns when clients may have seen the first publications that were taken away since the pool was walked, in seconds since 1970, as far
/// as that was noted.
pub(crate) fn unlisted_since(store: &Store, repository: &RepositoryName) -> Option<i64> {
    let bytes = store.storage().note(&note_of(repository))?;
    std::str::from_utf8(&bytes).ok()?.trim().parse().ok()
}

/// Removes the note: the pool was walked.
pub(crate) fn forget_unlisted(store: &Store, repository: &RepositoryName) -> Result<(), Error> {
    Ok(store.storage().remove_note(&note_of(repository))?)
}

//! Since when a pool may have files that no publication lists any more.
//!
//! Publications are taken away without their package files, which clients with older lists may still fetch. To find these later, garbage
//! collection has to walk the pool, and does so only if there may be any. The note lies in `store/cache/` and may be deleted at any time: then
//! the files wait for the next collection that takes a publication away.

use camino::{Utf8Path, Utf8PathBuf};

use super::going::{Durability, write_cache};
use crate::error::Error;
use crate::model::name::RepositoryName;
use crate::storage::files;
use crate::store::Store;

fn note_path(root: &Utf8Path, repository: &RepositoryName) -> Utf8PathBuf {
    root.join("store/cache").join(format!("unlisted.{repository}"))
}

/// Notes that publications were taken away that clients saw last at that time, in seconds since 1970. What cannot be noted is not known later,
/// and no more than that.
pub(crate) fn note_unlisted(store: &Store, repository: &RepositoryName, seen: i64) {
    if unlisted_since(store, repository).is_none() {
        let text = format!("{seen}\n");
        let _ = write_cache(store, &note_path(store.root(), repository), text.as_bytes(), Durability::Later);
    }
}

/// Returns when clients may have seen the first publications that were taken away since the pool was walked, in seconds since 1970, as far
/// as that was noted.
pub(crate) fn unlisted_since(store: &Store, repository: &RepositoryName) -> Option<i64> {
    let bytes = files::read_if_present(&note_path(store.root(), repository)).ok()??;
    std::str::from_utf8(&bytes).ok()?.trim().parse().ok()
}

/// Removes the note: the pool was walked.
pub(crate) fn forget_unlisted(store: &Store, repository: &RepositoryName) -> Result<(), Error> {
    Ok(files::remove_if_present(&note_path(store.root(), repository))?)
}

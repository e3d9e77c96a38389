//! Which publications are being taken away, by garbage collection or because there are many.
//!
//! Who is killed at that leaves parts of a publication. They must not be taken for damage, and what somebody else removed must not be
//! taken for collected. So it is noted in `store/cache/` which publications go before anything of them is removed, and the note is removed
//! when they are gone.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::layout;
use super::target::PublicationTarget as _;
use super::target::directory::DirectoryTarget;
use crate::error::Error;
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::storage::files::{self, mode};
use crate::store::Store;

/// When a note has to be on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// Before anything else is done.
    Now,
    /// Whenever the system writes it: a note that is lost costs nothing.
    Later,
}

fn going_path(root: &Utf8Path, repository: &RepositoryName) -> Utf8PathBuf {
    root.join("store/cache").join(format!("going.{repository}"))
}

/// Notes, durably, which publications are about to be taken away.
pub(crate) fn note_going(
    store: &Store,
    repository: &RepositoryName,
    ids: impl IntoIterator<Item = PublicationId>,
) -> Result<(), Error> {
    let lines: String = ids.into_iter().map(|id| format!("{id}\n")).collect();
    write_cache(store, &going_path(store.root(), repository), lines.as_bytes(), Durability::Now)
}

/// Removes the note: what it names is gone.
pub(crate) fn forget_going(store: &Store, repository: &RepositoryName) -> Result<(), Error> {
    Ok(files::remove_if_present(&going_path(store.root(), repository))?)
}

/// Returns the publications that somebody began to take away and whose archive root is gone.
pub(crate) fn going(store: &Store, repository: &RepositoryName) -> BTreeSet<PublicationId> {
    let target = DirectoryTarget::new(store, repository);
    noted(store, repository).into_iter().filter(|id| is_begun(&target, *id)).collect()
}

/// Returns those of these publications that are [going].
pub(super) fn going_of(
    store: &Store,
    repository: &RepositoryName,
    of: &BTreeSet<PublicationId>,
) -> BTreeSet<PublicationId> {
    let target = DirectoryTarget::new(store, repository);
    noted(store, repository).intersection(of).copied().filter(|id| is_begun(&target, *id)).collect()
}

fn noted(store: &Store, repository: &RepositoryName) -> BTreeSet<PublicationId> {
    let noted = files::read_if_present(&going_path(store.root(), repository)).ok().flatten();
    let noted = noted.unwrap_or_default();
    std::str::from_utf8(&noted).unwrap_or_default().lines().filter_map(PublicationId::parse).collect()
}

/// What cannot be looked at is not taken for absent.
fn is_begun(target: &DirectoryTarget<'_>, id: PublicationId) -> bool {
    !target.exists(&layout::archive_root(id)).unwrap_or(true)
}

/// Replaces a file below `store/cache/`.
pub(super) fn write_cache(
    store: &Store,
    path: &Utf8Path,
    content: &[u8],
    durability: Durability,
) -> Result<(), Error> {
    let temporary = store.storage().temporary()?;
    let directory = store.root().join("store/cache");
    let mut changed = files::create_directories(&directory)?;
    drop(files::write_new(&temporary, content, mode::MUTABLE)?);
    if durability == Durability::Now {
        files::sync_path(&temporary)?;
        changed.push(directory);
    }
    files::rename(&temporary, path).map_err(Error::io("replace", path))?;
    if durability == Durability::Now { Ok(files::sync_all(changed)?) } else { Ok(()) }
}

//! Which publications are being taken away, by garbage collection or because there are many.
//!
//! Who is killed at that leaves parts of a publication. They must not be taken for damage, and what somebody else removed must not be
//! taken for collected. So it is noted which publications go before anything of them is removed, and the note is removed
//! when they are gone.

use std::collections::BTreeSet;

use super::layout;
use super::target::{PublicationTarget, target_of};
use crate::error::Error;
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::storage::Durability;
use crate::store::Store;

fn note_of(repository: &RepositoryName) -> String {
    format!("going.{repository}")
}

/// Notes, durably, which publications are about to be taken away.
pub(crate) fn note_going(
    store: &Store,
    repository: &RepositoryName,
    ids: impl IntoIterator<Item = PublicationId>,
) -> Result<(), Error> {
    let lines: String = ids.into_iter().map(|id| format!("{id}\n")).collect();
    Ok(store.storage().write_note(&note_of(repository), lines.as_bytes(), Durability::Now)?)
}

/// Removes the note: what it names is gone.
pub(crate) fn forget_going(store: &Store, repository: &RepositoryName) -> Result<(), Error> {
    Ok(store.storage().remove_note(&note_of(repository))?)
}

/// Returns the publications that somebody began to take away and whose archive root is gone.
pub(crate) fn going(store: &Store, repository: &RepositoryName) -> BTreeSet<PublicationId> {
    let target = target_of(store, repository);
    noted(store, repository).into_iter().filter(|id| is_begun(&*target, *id)).collect()
}

/// Returns those of these publications that are [going].
pub(super) fn going_of(
    store: &Store,
    repository: &RepositoryName,
    of: &BTreeSet<PublicationId>,
) -> BTreeSet<PublicationId> {
    let target = target_of(store, repository);
    noted(store, repository).intersection(of).copied().filter(|id| is_begun(&*target, *id)).collect()
}

fn noted(store: &Store, repository: &RepositoryName) -> BTreeSet<PublicationId> {
    let noted = store.storage().note(&note_of(repository)).unwrap_or_default();
    std::str::from_utf8(&noted).unwrap_or_default().lines().filter_map(PublicationId::parse).collect()
}

/// What cannot be looked at is not taken for absent.
fn is_begun(target: &dyn PublicationTarget, id: PublicationId) -> bool {
    !target.exists(&layout::archive_root(id)).unwrap_or(true)
}

//! Which publication clients were shown last, noted after it was.
//!
//! A publication is announced in the operation log before clients see it. So when `dists` leads to the one that it replaced, either the
//! process died in between, or somebody let `dists` lead back. The note tells: it is written when the switch is durable. It lies in
//! `store/cache/` and may be deleted at any time; without it both cases look alike.

use std::collections::BTreeSet;

use super::publication::Publication;
use crate::error::Error;
use crate::history::last_shown::last_shown;
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::store::Store;

/// Returns the publication that clients were shown last, when `dists` was made to lead back from it to `current`.
pub(super) fn shown_after(
    store: &Store,
    repository: &RepositoryName,
    current: &Publication,
) -> Result<Option<PublicationId>, Error> {
    let last = last_shown(store, repository).filter(|last| *last != current.id);
    let Some(last) = last else { return Ok(None) };
    if !store.storage().objects().contains(&Publication::key(repository, last))? {
        return Ok(None);
    }
    // An older version of this program may have published since, or a process died before it took the note.
    let (mut next, mut seen) = (current.replaces, BTreeSet::new());
    while let Some(id) = next.filter(|id| seen.insert(*id)) {
        if id == last {
            return Ok(None);
        }
        let bytes = store.storage().objects().get(&Publication::key(repository, id))?;
        next = bytes.and_then(|bytes| Publication::parse(&bytes)).and_then(|known| known.replaces);
    }
    Ok(Some(last))
}

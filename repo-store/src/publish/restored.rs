//! Making the archive roots again that others took away.
//!
//! What has to be there follows from the records: every publication that has one, and that garbage collection does not take away, has an
//! archive root. A publication looks only whether the directories are there. A check looks into them.

use std::collections::BTreeSet;

use super::Publication;
use super::entry::{Rank, Source, TreeEntry};
use super::layout::{self, SNAPSHOTS};
use super::target::PublicationTarget;
use crate::error::Error;
use crate::history::tags::tag_names;
use crate::history::tags::tagged;
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::publish::going::going;
use crate::publish::tagged::show_tag;
use crate::store::Store;

/// Makes the archive roots of publications again, and the links of tags, if any archive root is missing.
/// Returns how many links were made. The caller holds the publishing lock.
///
/// # Errors
/// When what is there cannot be listed, and what is missing cannot be made.
pub(super) fn restore_archive_roots(
    store: &Store,
    target: &dyn PublicationTarget,
    repository: &RepositoryName,
) -> Result<u64, Error> {
    let names: BTreeSet<String> = target.list(SNAPSHOTS.into())?.into_iter().collect();
    let mut missing = Publication::recorded(store, repository)?;
    missing.retain(|id| !names.contains(&id.to_string()));
    if missing.is_empty() {
        return Ok(0);
    }
    let going = going(store, repository);
    let mut made = 0;
    for id in missing.difference(&going) {
        made += restore_archive_root(store, target, repository, *id)?;
    }
    if made == 0 {
        return Ok(0);
    }
    target.sync()?;
    for tag in tag_names(store.storage(), repository)? {
        // A damaged tag is for a check to tell.
        if let Ok(Some(commit)) = tagged(store.storage(), repository, &tag)
            && !target.exists(&layout::tag_link(&tag))?
        {
            made += u64::from(show_tag(store, target, repository, (&tag, commit))?.is_some());
        }
    }
    Ok(made)
}

fn restore_archive_root(
    store: &Store,
    target: &dyn PublicationTarget,
    repository: &RepositoryName,
    id: PublicationId,
) -> Result<u64, Error> {
    // A record that cannot be read, and a publication that is gone as a whole, are for a check to tell.
    let Ok(Some(publication)) = Publication::read(store, repository, id) else { return Ok(0) };
    if !target.is_directory(&layout::dists_of(id))? {
        return Ok(0);
    }
    let mut made = 0;
    for TreeEntry { path, source, .. } in
        publication.entries().into_iter().filter(|entry| entry.rank == Rank::Archive)
    {
        if let Source::Link { target: leads_to } = source {
            target.put_link(&path, &leads_to)?;
            made += 1;
        }
    }
    Ok(made)
}

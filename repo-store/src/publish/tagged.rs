//! Tags name publications too: `snapshot/<tag>` leads to the newest publication of the state that the tag stands for.
//!
//! A process that changes such a link holds the publishing lock. The link comes before the tag and before the record of the publication
//! it leads to, and goes after the tag: so a tag of a published state always has one, whenever a process dies. What may be left
//! over is a link without a tag, or one to a publication that never came to be; both are mended by the next publication or
//! collection.

use jiff::Timestamp;

use super::entry::TreeEntry;
use super::is_ahead;
use super::layout::{self, SNAPSHOTS};
use super::publication::Publication;
use super::target::PublicationTarget;
use super::target::target_of;
use crate::error::Error;
use crate::history::tags::tag_names;
use crate::history::tags::tagged;
use crate::model::id::CommitId;
use crate::model::name::{RepositoryName, TagName};
use crate::model::publication_id::PublicationId;
use crate::store::Store;

/// Lets the link of a tag lead to the newest publication of `commit`, durably. `None` when there is none; then the link is
/// missing as well. The caller holds the publishing lock.
pub(crate) fn show_tag(
    store: &Store,
    target: &dyn PublicationTarget,
    repository: &RepositoryName,
    (tag, commit): (&TagName, CommitId),
) -> Result<Option<PublicationId>, Error> {
    let Some(id) = newest_publication_of(store, target, repository, commit)? else {
        hide_tag(target, tag)?;
        return Ok(None);
    };
    target.switch_to(&TreeEntry::of_tag(tag, id))?;
    target.sync()?;
    Ok(Some(id))
}

/// Makes the links again that the tags of what clients see have lost. Returns how many those were. The caller holds the publishing
/// lock.
pub(super) fn restore_tags(
    store: &Store,
    target: &dyn PublicationTarget,
    repository: &RepositoryName,
    current: &Publication,
) -> Result<u64, Error> {
    let mut restored = 0;
    for tag in tag_names(store.storage(), repository)? {
        if target.leads_to(&layout::tag_link(&tag))?.is_none()
            && let Ok(Some(commit)) = tagged(store.storage(), repository, &tag)
            && current.commit == Some(commit)
        {
            restored += u64::from(show_tag(store, target, repository, (&tag, commit))?.is_some());
        }
    }
    Ok(restored)
}

/// Puts right the links that a crash left without a tag or without a publication. The caller holds the publishing lock.
pub(crate) fn mend_tags(
    store: &Store,
    target: &dyn PublicationTarget,
    repository: &RepositoryName,
) -> Result<(), Error> {
    for name in target.list(SNAPSHOTS.into())? {
        let Ok(tag) = TagName::parse(&name) else { continue };
        match tagged(store.storage(), repository, &tag) {
            Ok(None) => hide_tag(target, &tag)?,
            Ok(Some(commit)) if !leads_to_a_root(target, &tag)? => {
                show_tag(store, target, repository, (&tag, commit))?;
            }
            // A damaged tag is for a check to tell.
            Ok(Some(_)) | Err(_) => {}
        }
    }
    Ok(())
}

/// See [`Store::tags_ahead`].
pub(crate) fn tags_ahead(
    store: &Store,
    repository: &RepositoryName,
    now: Timestamp,
) -> Result<Vec<(TagName, Timestamp)>, Error> {
    tags_ahead_in(store, &*target_of(store, repository), repository, now)
}

/// [`tags_ahead`](Store::tags_ahead) for the clients of a target.
pub(super) fn tags_ahead_in(
    store: &Store,
    target: &dyn PublicationTarget,
    repository: &RepositoryName,
    now: Timestamp,
) -> Result<Vec<(TagName, Timestamp)>, Error> {
    let mut found = Vec::new();
    for tag in tag_names(store.storage(), repository)? {
        let leads_to = target.leads_to(&layout::tag_link(&tag))?;
        let id = leads_to.and_then(|path| PublicationId::parse(path.as_str()));
        // No Date is later than the id of its publication: few records have to be read.
        let Some(id) = id.filter(|id| id.seconds() > now.as_second()) else { continue };
        let record = store.storage().objects().get(&Publication::key(repository, id))?;
        let record = record.and_then(|bytes| Publication::parse(&bytes));
        let date = record.as_ref().and_then(Publication::latest_date);
        found.extend(date.filter(|date| is_ahead(*date, now)).map(|date| (tag, date)));
    }
    Ok(found)
}

/// The newest publication of a state that has both its record and its archive root.
pub(super) fn newest_publication_of(
    store: &Store,
    target: &dyn PublicationTarget,
    repository: &RepositoryName,
    commit: CommitId,
) -> Result<Option<PublicationId>, Error> {
    let shown = Publication::shown(target)?;
    let mut ids: Vec<PublicationId> = Publication::recorded(store, repository)?.into_iter().collect();
    ids.sort_by_key(|id| id.rank(shown));
    for id in ids.into_iter().rev() {
        let record = store.storage().objects().get(&Publication::key(repository, id))?;
        let shows = record
            .and_then(|bytes| Publication::parse(&bytes))
            .is_some_and(|publication| publication.id == id && publication.commit == Some(commit));
        if shows && target.is_directory(&layout::archive_root(id))? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Removes the link of a tag, durably, if there is one. The caller holds the publishing lock.
pub(crate) fn hide_tag(target: &dyn PublicationTarget, tag: &TagName) -> Result<(), Error> {
    let link = layout::tag_link(tag);
    // What is not a link is not the store's: a check names it.
    if target.leads_to(&link)?.is_none() {
        return Ok(());
    }
    target.remove(&link)?;
    target.sync()
}

/// Returns whether the link of a tag leads to an archive root. What is not a link at all is for a check to tell.
fn leads_to_a_root(target: &dyn PublicationTarget, tag: &TagName) -> Result<bool, Error> {
    let link = layout::tag_link(tag);
    match target.leads_to(&link)?.map(|path| PublicationId::parse(path.as_str())) {
        Some(Some(id)) => target.is_directory(&layout::archive_root(id)),
        Some(None) => Ok(false),
        None => target.exists(&link),
    }
}

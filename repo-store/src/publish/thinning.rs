//! Taking past publications away when there are many: see [`past`](super::past) for which ones.
//!
//! This happens after clients were switched over, and takes away what nobody reads any more: archive roots, trees, index files that no other
//! publication names, and records. Package files stay: `gc` removes them when its grace period is over.
//!
//! The order is that of a collection. A process that dies leaves a note of what it began to take away, and the next publication or collection
//! goes on. What is not certain ends it before anything is removed.

use std::collections::{BTreeMap, BTreeSet};

use deb_parse::checksum::Sha256;
use jiff::Timestamp;

use super::entry::Source;
use super::going::{forget_going, going_of, note_going};
use super::layout;
use super::past::{NEWEST, Past, RECENT, thinned};
use super::publication::Publication;
use super::target::PublicationTarget;
use super::unlisted_in_pool::note_unlisted;
use crate::error::Error;
use crate::history::last_shown::last_shown;
use crate::history::tags::{tag_names, tagged as state_of};
use crate::model::id::CommitId;
use crate::model::name::{RepositoryName, TagName};
use crate::model::publication_id::PublicationId;
use crate::settings::RepositorySettings;
use crate::storage::{COLLECTION, files};
use crate::store::Store;

/// Nothing is done for fewer publications than these, nor for fewer than the share of all: the records of all have to be read.
const FEWEST: usize = 8;
const SHARE: usize = 8;

/// So many publications go at once, the oldest first.
const MOST: usize = 1_024;

/// Takes away past publications, if many may go. Clients see `current`, so whatever fails here fails no publication: what stays is for the
/// next one. The caller holds the publishing lock.
pub(super) fn thin(
    store: &Store,
    target: &dyn PublicationTarget,
    (repository, current): (&RepositorySettings, PublicationId),
    now: Timestamp,
) {
    let _ = take_away_past(store, target, (repository, current), now);
}

fn take_away_past(
    store: &Store,
    target: &dyn PublicationTarget,
    (repository, current): (&RepositorySettings, PublicationId),
    now: Timestamp,
) -> Result<(), Error> {
    let name = &repository.name;
    let recorded = Publication::recorded(store, name)?;
    let begun: BTreeSet<PublicationId> =
        going_of(store, name, &recorded).into_iter().filter(|id| *id != current).collect();
    let past = past_before(current, &recorded, now, |id| began(store, name, id))?;
    let mut leaving = thinned(&past, now.as_second(), repository.keep_past);
    let enough = if begun.is_empty() { FEWEST.max(recorded.len() / SHARE) } else { 0 };
    // Whether clients were led back is told by the records that lead from what was noted to what they see.
    let is_noted = last_shown(store, name).is_none_or(|shown| shown == current);
    if leaving.len() < enough || !is_noted {
        return Ok(());
    }
    let linked = linked_by_tags(store, target, name)?;
    if leaving.difference(&linked).count() < enough {
        return Ok(());
    }
    // A collection that runs waits for the publishing lock, and a check would take for damage what goes meanwhile: neither is waited for.
    let Some(only_one) = store.storage().locks().try_acquire(COLLECTION)? else { return Ok(()) };
    let known = read_all(store, name, &recorded)?;
    let of_tags = of_tags(store, target, name, &known)?;
    leaving.retain(|id| !of_tags.contains(id));
    if leaving.len() < enough || has_strangers(target, &recorded)? {
        return Ok(());
    }
    let leaving = leaving.into_iter().take(MOST).chain(begun).collect();
    // A check that runs meanwhile sees that something was taken away.
    only_one.mark(store.storage().objects().now()?)?;
    note_unlisted(store, name, now.as_second());
    take_away(store, target, name, (&known, &leaving))
}

/// Lists the publications that clients saw before `current`. What has a higher id was made while the clock was ahead: that is for garbage
/// collection.
///
/// In a burst the ids run ahead of the clock. When such a publication was made is asked of `began`, from the oldest on until one is young.
fn past_before(
    current: PublicationId,
    recorded: &BTreeSet<PublicationId>,
    now: Timestamp,
    began: impl Fn(PublicationId) -> Result<Option<i64>, Error>,
) -> Result<Vec<Past>, Error> {
    let ids: Vec<PublicationId> = recorded.range(..=current).copied().collect();
    let old = now.as_second().saturating_sub(RECENT);
    let mut made: Vec<i64> = ids.iter().map(|id| id.seconds()).collect();
    let older = ids.len().saturating_sub(NEWEST - 1);
    for (id, made) in ids.iter().zip(&mut made).take(older).filter(|(id, _)| id.seconds() > old) {
        *made = began(*id)?.map_or(*made, |began| began.min(*made));
        if *made > old {
            break;
        }
    }
    let next = made.iter().skip(1);
    let past = ids.iter().zip(&made).zip(next);
    Ok(past.map(|((id, made), replaced)| Past { id: *id, made: *made, replaced: *replaced }).collect())
}

/// Returns when a publication was made at the earliest, in seconds since 1970, by the `Date` that it gave and by when its record came to the
/// store. `None` when it has no `Date` of its own.
fn began(store: &Store, repository: &RepositoryName, id: PublicationId) -> Result<Option<i64>, Error> {
    let Some(publication) = Publication::read(store, repository, id)? else { return Ok(None) };
    let own = publication.suites.values().filter(|suite| suite.made_in == id);
    let date = own.map(|suite| suite.date.as_second()).max();
    let record = store.storage().objects().head(&Publication::key(repository, id))?;
    Ok(date.zip(record).map(|(date, record)| date.max(record.changed.as_second())))
}

/// What has to be known of a publication.
struct Known {
    commit: Option<CommitId>,
    /// The files that it has in the directory of indices.
    files: Vec<Sha256>,
}

/// Reads the records of all publications. One that is damaged or missing is an error: which files it needs is not known.
fn read_all(
    store: &Store,
    repository: &RepositoryName,
    recorded: &BTreeSet<PublicationId>,
) -> Result<BTreeMap<PublicationId, Known>, Error> {
    let read = |id: &PublicationId| {
        let lost = || Error::damaged("record of the publication", id, "it is gone");
        let publication = Publication::read(store, repository, *id)?.ok_or_else(lost)?;
        let files = publication.entries().into_iter().filter_map(|entry| match entry.source {
            Source::Index(file) => Some(file.sha256),
            _ => None,
        });
        Ok((*id, Known { commit: publication.commit, files: files.collect() }))
    };
    recorded.iter().map(read).collect()
}

/// Returns where a tag leads. Others may have changed that.
fn link_of(target: &dyn PublicationTarget, tag: &TagName) -> Result<Option<PublicationId>, Error> {
    let leads_to = target.leads_to(&layout::tag_link(tag))?;
    Ok(leads_to.and_then(|path| PublicationId::parse(path.as_str())))
}

/// Returns what the links of all tags lead to.
fn linked_by_tags(
    store: &Store,
    target: &dyn PublicationTarget,
    repository: &RepositoryName,
) -> Result<BTreeSet<PublicationId>, Error> {
    let tags = tag_names(store.storage(), repository)?;
    tags.iter().filter_map(|tag| link_of(target, tag).transpose()).collect()
}

/// Returns the publications of tagged states that tags lead to. Of a tagged state whose tag leads to none of its publications, all stay.
fn of_tags(
    store: &Store,
    target: &dyn PublicationTarget,
    repository: &RepositoryName,
    known: &BTreeMap<PublicationId, Known>,
) -> Result<BTreeSet<PublicationId>, Error> {
    let mut kept = BTreeSet::new();
    for tag in tag_names(store.storage(), repository)? {
        let Some(commit) = state_of(store.storage(), repository, &tag)? else { continue };
        let shows = |id: &PublicationId| known.get(id).is_some_and(|known| known.commit == Some(commit));
        match link_of(target, &tag)?.filter(shows) {
            Some(id) => drop(kept.insert(id)),
            None => kept.extend(known.keys().copied().filter(shows)),
        }
    }
    Ok(kept)
}

/// Returns whether anything lies among the publications that has no record: which index files it needs is not known.
fn has_strangers(target: &dyn PublicationTarget, recorded: &BTreeSet<PublicationId>) -> Result<bool, Error> {
    let names = target.list(layout::PUBLICATIONS.into())?;
    Ok(names.iter().any(|name| PublicationId::parse(name).is_none_or(|id| !recorded.contains(&id))))
}

/// Takes publications away: their archive roots first, which others find them by, and their records last.
fn take_away(
    store: &Store,
    target: &dyn PublicationTarget,
    repository: &RepositoryName,
    (known, leaving): (&BTreeMap<PublicationId, Known>, &BTreeSet<PublicationId>),
) -> Result<(), Error> {
    let (gone, kept): (Vec<_>, Vec<_>) = known.iter().partition(|(id, _)| leaving.contains(id));
    let files = |of: Vec<(&PublicationId, &Known)>| -> BTreeSet<Sha256> {
        of.into_iter().flat_map(|(_, known)| known.files.iter().copied()).collect()
    };
    let (unnamed, named) = (files(gone), files(kept));
    note_going(store, repository, leaving.iter().copied())?;
    let mut away = Vec::new();
    for id in leaving {
        away.extend(target.put_away(&layout::archive_root(*id))?);
    }
    // What is noted and has no archive root is going: from here on a power cut may leave anything of it.
    target.sync()?;
    for id in leaving {
        away.extend(target.put_away(&layout::publication(*id))?);
    }
    for file in unnamed.difference(&named) {
        target.remove(&layout::index(file))?;
    }
    // A tree must not come back without its record, nor a record without the note.
    target.sync()?;
    for id in leaving {
        store.storage().objects().delete(&Publication::key(repository, *id))?;
    }
    if store.storage().is_local() {
        files::sync_path(&store.root().join("store/publications").join(repository.as_str()))?;
    }
    forget_going(store, repository)?;
    // Last, as a disk is slow to free what large files took, and nothing waits for that now. The next writer sweeps what is left.
    away.iter().try_for_each(|path| files::remove_tree(path).map_err(Error::io("remove", path)))
}

//! Whether a state goes on from the one that clients saw: they are not led back unless somebody asks for that by name.
//!
//! A reference can lead back though nobody wanted that. When it is lost together with the operation log, a repair may find nothing later than
//! what a backup has.

use std::collections::{BTreeMap, BTreeSet};

use deb_parse::{SuiteName, deb822};

use super::layout;
use super::publication::Publication;
use super::target::PublicationTarget;
use super::target::target_of;
use crate::error::{Error, PublishError};
use crate::history::announced::Announced;
use crate::history::horizon::Ends;
use crate::history::last_shown::last_shown;
use crate::history::revision::Revision;
use crate::model::commit::Commit;
use crate::model::id::{CommitId, SnapshotId};
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::store::Store;

/// What clients saw of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    /// This state.
    State(CommitId),
    /// A state that is known by the content of its suites alone.
    Content(BTreeMap<SuiteName, SnapshotId>),
    /// A state that nothing is known about now.
    Unknown,
}

/// Refuses a state that was not built upon the one that clients saw last.
///
/// # Errors
/// [`PublishError::EarlierState`] names the publication that clients saw. When the store cannot be read.
pub(super) fn check(
    target: &dyn PublicationTarget,
    (store, repository): (&Store, &RepositoryName),
    current: Option<&Publication>,
    head: Option<&Revision<'_>>,
) -> Result<(), Error> {
    let later = later_than(target, (store, repository), current, head)?;
    later.map_or(Ok(()), |publication| {
        Err(Error::Publish(PublishError::EarlierState { repository: repository.clone(), publication }))
    })
}

/// Returns the publication that clients saw and that shows a state which the current one was not built upon, if there is one.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn later_publication(
    store: &Store,
    repository: &RepositoryName,
) -> Result<Option<PublicationId>, Error> {
    let target = &*target_of(store, repository);
    let current = Publication::current_in(target, store, repository)?;
    let head = store.head(repository)?;
    later_than(target, (store, repository), current.as_ref(), head.as_ref())
}

fn later_than(
    target: &dyn PublicationTarget,
    (store, repository): (&Store, &RepositoryName),
    current: Option<&Publication>,
    head: Option<&Revision<'_>>,
) -> Result<Option<PublicationId>, Error> {
    let noted = last_shown(store, repository);
    let is_shown = current.is_some_and(|current| current.commit == head.map(Revision::id));
    if is_shown && noted.is_none_or(|noted| current.is_some_and(|current| current.id == noted)) {
        return Ok(None);
    }
    for (id, seen) in seen(target, (store, repository), (current, head), noted)? {
        if !goes_on_from(store, head, (id, &seen))? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// The publications that clients saw last, and what these showed. One of a repository without any state is none of them.
fn seen(
    target: &dyn PublicationTarget,
    (store, repository): (&Store, &RepositoryName),
    (current, head): (Option<&Publication>, Option<&Revision<'_>>),
    noted: Option<PublicationId>,
) -> Result<Vec<(PublicationId, Seen)>, Error> {
    let mut found = Vec::new();
    found.extend(current.and_then(|current| Some((current.id, Seen::State(current.commit?)))));
    let shown = Publication::shown(target)?;
    let left = if current.is_none() && shown.is_none() {
        found.extend(last_recorded(store, repository)?);
        left_without_record(target, (store, repository))?
    } else {
        None
    };
    // Of a repository that was deleted, and begins again, nothing is left but the log.
    let is_deleted = !target.is_directory("".into())?;
    let others = BTreeSet::from([shown, noted, left]);
    for id in others.into_iter().flatten().filter(|id| current.is_none_or(|current| current.id < *id)) {
        let record = store.storage().objects().get(&Publication::key(repository, id))?;
        let record = record.and_then(|bytes| Publication::parse(&bytes)).filter(|known| known.id == id);
        let told = match record {
            Some(known) => known.commit.map(Seen::State),
            None => match (Announced::read(store)?.state(repository, id), is_deleted) {
                // One that goes on from the present state shows that the repository was not deleted.
                (Some(commit), true) => commit
                    .filter(|commit| head.is_some_and(|head| is_earlier(store, head, *commit)))
                    .map(Seen::State),
                (Some(commit), false) => commit.map(Seen::State),
                // A link of others that leads nowhere showed nothing to anybody.
                (None, _) if noted != Some(id) && !target.is_directory(&layout::dists_of(id))? => None,
                (None, _) => Some(content_of(target, id)?),
            },
        };
        found.extend(told.map(|told| (id, told)));
    }
    Ok(found)
}

/// Whether a state was built upon the present one. What cannot be read was not.
fn is_earlier(store: &Store, head: &Revision<'_>, later: CommitId) -> bool {
    let later = store.revision(head.repository(), later);
    later.is_ok_and(|later| later.is_built_on(head.id(), head.commit().sequence).unwrap_or(false))
}

/// The last publication that has nothing but its tree left: it was shown, unless a process died while it was made.
pub(crate) fn left_without_record(
    target: &dyn PublicationTarget,
    (store, repository): (&Store, &RepositoryName),
) -> Result<Option<PublicationId>, Error> {
    let recorded = Publication::recorded(store, repository)?;
    let names = target.list(layout::PUBLICATIONS.into())?;
    let last = names.iter().filter_map(|name| PublicationId::parse(name)).max();
    Ok(last.filter(|last| !recorded.contains(last)))
}

/// The content of the suites by the `Release` files that clients find. Others may write there, so this counts only where nothing else tells.
fn content_of(target: &dyn PublicationTarget, id: PublicationId) -> Result<Seen, Error> {
    let dists = layout::dists_of(id);
    let mut content = BTreeMap::new();
    if !target.is_directory(&dists)? {
        return Ok(Seen::Unknown);
    }
    let names = target.list(&dists)?;
    for suite in names.iter().filter_map(|name| SuiteName::parse(name).ok()) {
        let directory = dists.join(suite.as_str());
        // An alias is a link.
        let path = directory.join("Release");
        if !target.is_directory(&directory)? || target.size(&path)?.is_none() {
            continue;
        }
        let Some(file) = target.open(&path)? else { continue };
        let text = file.read().map_err(Error::io("read", &path))?;
        let told = deb822::paragraphs(&text).next();
        let told = told.and_then(|text| text.get_str("X-Content").map(str::to_owned));
        match told.map(|told| told.parse()) {
            Some(Ok(snapshot)) => drop(content.insert(suite, snapshot)),
            // An empty suite has none.
            Some(Err(_)) => {}
            None => return Ok(Seen::Unknown),
        }
    }
    Ok(Seen::Content(content))
}

/// The latest of the states that records tell of, when nothing leads to one of these any more.
fn last_recorded(store: &Store, repository: &RepositoryName) -> Result<Option<(PublicationId, Seen)>, Error> {
    let mut last: Option<(Option<u64>, PublicationId, CommitId)> = None;
    for id in Publication::recorded(store, repository)? {
        let record = store.storage().objects().get(&Publication::key(repository, id))?;
        let Some(known) = record.and_then(|bytes| Publication::parse(&bytes)) else { continue };
        let Some(commit) = known.commit else { continue };
        let number = Commit::read(&store.objects(), commit).ok().map(|commit| commit.sequence);
        if last.as_ref().is_none_or(|(highest, ..)| number >= *highest) {
            last = Some((number, id, commit));
        }
    }
    Ok(last.map(|(_, id, commit)| (id, Seen::State(commit))))
}

/// Whether a state is the one that was seen, or was built upon it.
fn goes_on_from(
    store: &Store,
    head: Option<&Revision<'_>>,
    (id, seen): (PublicationId, &Seen),
) -> Result<bool, Error> {
    let Some(head) = head else { return Ok(false) };
    let objects = store.objects();
    let number = match seen {
        Seen::State(state) => Commit::read(&objects, *state).ok().map(|commit| commit.sequence),
        Seen::Content(_) => None,
        Seen::Unknown => return Ok(false),
    };
    let is_it = |at: CommitId, commit: &Commit| match seen {
        Seen::State(state) => at == *state,
        Seen::Content(content) => {
            content.iter().all(|(suite, snapshot)| commit.suites.get(suite) == Some(snapshot))
        }
        Seen::Unknown => false,
    };
    let oldest = Ends::load(store, head.repository())?.oldest();
    let (mut at, mut commit) = (head.id(), head.commit().clone());
    loop {
        if is_it(at, &commit) {
            return Ok(true);
        }
        if number.is_some_and(|number| commit.sequence <= number) {
            return Ok(false);
        }
        let parent = commit.parent.map(|parent| (parent, Commit::read(&objects, parent)));
        match parent {
            // The one that was seen may be lost itself. Or what came before was given up, and may be what was seen: then the state was made
            // after that.
            Some((parent, Err(_))) => {
                let is_given_up = oldest.is_some_and(|oldest| commit.sequence <= oldest);
                let is_later = head.commit().date.as_second() >= id.seconds();
                return Ok(*seen == Seen::State(parent) || (is_given_up && is_later));
            }
            Some((parent, Ok(read))) => (at, commit) = (parent, read),
            None => return Ok(false),
        }
    }
}

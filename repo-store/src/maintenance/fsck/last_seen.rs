//! The publication that clients saw last, whatever became of `dists`, of the operation log and of records.
//!
//! Each of them may have been lost or damaged. Clients must not be led back, so what any of them tells counts.

use std::collections::BTreeSet;

use super::journal::Journal;
use super::published::Records;
use crate::history::last_shown::last_shown;
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::publish::earlier_state::left_without_record;
use crate::publish::{Publication, target_of};
use crate::store::Store;

/// The publication that clients saw last.
pub(super) struct LastSeen<'a> {
    /// The last one of which there is a sound record.
    pub(super) known: Option<&'a Publication>,
    /// The one that they saw after that, and of which there is none.
    pub(super) lost: Option<PublicationId>,
}

impl<'a> LastSeen<'a> {
    pub(super) fn of(
        store: &Store,
        repository: &RepositoryName,
        (journal, records): (&Journal, &'a Records),
    ) -> Self {
        let readable = &records.readable;
        let announced = |id: &PublicationId| journal.announces(repository, *id);
        let noted = last_shown(store, repository).filter(|id| !announced(id));
        // What the log does not tell of was shown if that is noted, and if it shows a commit that the log has lost too: commits are
        // announced before they are published.
        let was_shown = |known: &Publication| {
            let is_told = known.commit.is_none_or(|commit| journal.tells_of(commit));
            announced(&known.id) || noted == Some(known.id) || !is_told
        };
        let replaced: BTreeSet<PublicationId> =
            readable.values().filter(|known| was_shown(known)).filter_map(|known| known.replaces).collect();
        if let Some(noted) = noted {
            let known = readable.get(&noted);
            return Self { known, lost: known.is_none().then_some(noted) };
        }
        // That of a tag replaces none, and none replaces it.
        let is_of_dists = |known: &Publication| {
            known.replaces.is_some() || known.public_keys.is_some() || replaced.contains(&known.id)
        };
        let is_tip = |known: &&Publication| {
            !announced(&known.id) && was_shown(known) && is_of_dists(known) && !replaced.contains(&known.id)
        };
        if let Some(tip) = readable.values().rfind(is_tip) {
            return Self { known: Some(tip), lost: tree_after(store, repository, Some(tip)) };
        }
        let (mut known, mut lost) = (None, Vec::new());
        for id in journal.publications(repository) {
            match readable.get(&id) {
                Some(found) if is_of_dists(found) => {
                    known = Some(found);
                    break;
                }
                Some(found) => known = Some(found),
                None => lost.push(id),
            }
        }
        // One of an earlier state was signed again for a tag, and collected.
        let is_for_a_tag = |id: &PublicationId| {
            let commits = journal.shown(repository, *id).zip(known.and_then(|known| known.commit));
            commits.is_some_and(|(of_tag, of_dists)| journal.is_earlier(repository, of_tag, of_dists))
        };
        let lost = lost.into_iter().find(|id| !is_for_a_tag(id));
        Self { known, lost: lost.or_else(|| tree_after(store, repository, known)) }
    }
}

/// The last publication that has nothing but its tree left, and nothing else that was later than `known`, when `dists` is gone. Clients may
/// have seen it.
fn tree_after(
    store: &Store,
    repository: &RepositoryName,
    known: Option<&Publication>,
) -> Option<PublicationId> {
    let target = &*target_of(store, repository);
    let is_gone = matches!(Publication::shown(target), Ok(None));
    let left = is_gone.then(|| left_without_record(target, (store, repository)).ok().flatten()).flatten();
    left.filter(|left| known.is_none_or(|known| known.id < *left))
}

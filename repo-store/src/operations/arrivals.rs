//! By which changes package files came into their suites.

use std::collections::{BTreeMap, BTreeSet};

use deb_parse::SuiteName;
use jiff::Timestamp;

use crate::error::Error;
use crate::history::dates::Dates;
use crate::history::revision::Revision;
use crate::model::difference::Difference;
use crate::model::id::SnapshotId;
use crate::model::name::RepositoryName;
use crate::model::record::RecordKey;
use crate::store::Store;

/// Package files that are asked about, by suite.
pub(crate) type Asked = BTreeMap<SuiteName, BTreeSet<RecordKey>>;

/// What a suite held before and after a commit.
type Pair = (Option<SnapshotId>, Option<SnapshotId>);

/// Why no earlier state is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enough {
    /// All that was asked about was found.
    All,
    /// What came earlier need not be told apart.
    Old,
}

/// Walks the history of a repository from the current state back, and calls `note` for each time that something asked about came into its
/// suite: with the state that brought it and the date of that. `is_enough` is asked after each state. At [`Enough::All`] it ends there, and at
/// [`Enough::Old`] with what that state has.
///
/// What is there in the oldest state that was looked at counts as brought by that one. A date from the future is replaced by the next
/// that can be right.
pub(crate) fn each_arrival(
    store: &Store,
    (repository, asked, now): (&RepositoryName, &Asked, Timestamp),
    mut note: impl FnMut(&SuiteName, &RecordKey, (&Revision<'_>, Timestamp)),
    mut is_enough: impl FnMut(Timestamp) -> Option<Enough>,
) -> Result<(), Error> {
    let mut newer: Option<(Revision<'_>, Timestamp)> = None;
    let mut dates = Dates::until(now);
    // Most packages go to every suite, which then change alike.
    let mut last: Option<(Pair, Difference)> = None;
    for revision in store.history(repository) {
        let revision = revision?;
        if let Some((newer, came_at)) = &newer {
            for (suite, asked) in asked {
                let of = |revision: &Revision<'_>| revision.commit().suites.get(suite).copied();
                let pair = (of(&revision), of(newer));
                if pair.0 == pair.1 {
                    continue;
                }
                if last.as_ref().is_none_or(|(known, _)| *known != pair) {
                    let (old, new) = (store.empty_or(pair.0)?, store.empty_or(pair.1)?);
                    last = Some((pair, store.difference(&old, &new)?.apart_from_percentages()));
                }
                let came = last.iter().flat_map(|(_, difference)| &difference.only_second);
                for record in came.filter(|record| asked.contains(record.key())) {
                    note(suite, record.key(), (newer, *came_at));
                }
            }
        }
        let date = dates.corrected(revision.commit().date);
        newer = Some((revision, date));
        match is_enough(date) {
            Some(Enough::All) => return Ok(()),
            Some(Enough::Old) => break,
            None => {}
        }
    }
    if let Some((oldest, date)) = newer {
        for (suite, asked) in asked {
            let there = store.empty_or(oldest.commit().suites.get(suite).copied())?;
            for record in there.iterate(store.objects()) {
                let record = record?;
                if asked.contains(record.key()) {
                    note(suite, record.key(), (&oldest, date));
                }
            }
        }
    }
    Ok(())
}

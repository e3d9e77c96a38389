//! Which versions of a source a repository has or had, and which files belong to each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::{Component, SourceName, SuiteName, Version};

use super::plan::ReissueRequest;
use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::difference::Difference;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::model::record::{Record, RecordKey};
use crate::model::reissue::{ReissueVersion, Reissued, release_of};
use crate::store::Store;

/// The binary packages of one version of a source.
#[derive(Clone, Debug, Default)]
pub(super) struct Release(BTreeMap<RecordKey, Placed>);

/// A package, and the suites that it is in, each with its component there.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) record: Arc<Record>,
    pub(super) suites: BTreeMap<SuiteName, Component>,
}

impl Release {
    fn add(&mut self, suite: &SuiteName, record: &Arc<Record>) {
        let placed = self.0.entry(record.key().clone());
        let placed = placed.or_insert_with(|| Placed { record: Arc::clone(record), suites: BTreeMap::new() });
        placed.suites.insert(suite.clone(), record.component().clone());
    }

    /// Returns the packages in the order of their keys.
    pub(super) fn packages(&self) -> impl Iterator<Item = &Placed> {
        self.0.values()
    }

    /// Returns every suite that has one of them.
    pub(super) fn suites(&self) -> BTreeSet<SuiteName> {
        self.packages().flat_map(|placed| placed.suites.keys().cloned()).collect()
    }
}

/// Versions of a source, each with its packages.
pub(super) type Releases = BTreeMap<Version, Release>;

fn is_of(record: &Record, source: &SourceName) -> bool {
    !record.key().architecture.is_source() && record.source().0 == *source
}

/// Returns the versions that a state has.
pub(super) fn present(revision: &Revision<'_>, source: &SourceName) -> Result<Releases, Error> {
    let mut found = Releases::new();
    let words = [source.to_string()];
    for suite in revision.commit().suites.keys() {
        for record in revision.records_that_say(suite, &words, None)? {
            if is_of(&record, source) {
                found.entry(release_of(&record)).or_default().add(suite, &record);
            }
        }
    }
    Ok(found)
}

/// Versions that a change took out.
#[derive(Debug)]
pub(super) struct Removed {
    pub(super) releases: Releases,
    /// The number of the change.
    pub(super) number: u64,
    pub(super) operation: Operation,
}

/// Returns the versions among those that are meant that the last change took out which took out any of them; `None` when the history
/// knows of none.
pub(super) fn removed(
    store: &Store,
    repository: &RepositoryName,
    source: &SourceName,
    is_meant: impl Fn(&Version) -> bool,
) -> Result<Option<Removed>, Error> {
    for revision in store.history(repository) {
        let revision = revision?;
        let mut releases = Releases::new();
        for (suite, difference) in revision.changes()? {
            for record in difference.only_first.into_iter().filter(|record| is_of(record, source)) {
                let release = release_of(&record);
                if is_meant(&release) {
                    releases.entry(release).or_default().add(&suite, &record);
                }
            }
        }
        if !releases.is_empty() {
            let (number, operation) = (revision.commit().sequence, revision.commit().operation.clone());
            return Ok(Some(Removed { releases, number, operation }));
        }
    }
    Ok(None)
}

/// What machines go back to: a source, its version now, its version then, and the suites in which it is like that.
pub(in crate::operations) type GoingDown = BTreeMap<(SourceName, Version, Version), Vec<SuiteName>>;

/// Returns the sources whose version is lower in an earlier state, of those that lose a package.
pub(in crate::operations) fn goes_down(
    lost: &BTreeMap<SuiteName, Difference>,
    target: &Revision<'_>,
) -> Result<GoingDown, Error> {
    let mut newest: BTreeMap<(SourceName, &SuiteName), Version> = BTreeMap::new();
    for (suite, difference) in lost {
        for record in difference.only_first.iter().filter(|record| !record.key().architecture.is_source()) {
            let release = release_of(record);
            let known = newest.entry((record.source().0, suite)).or_insert_with(|| release.clone());
            if *known < release {
                *known = release;
            }
        }
    }
    let mut then: BTreeMap<SourceName, Releases> = BTreeMap::new();
    let mut found = GoingDown::new();
    for ((source, suite), now) in newest {
        if !then.contains_key(&source) {
            then.insert(source.clone(), present(target, &source)?);
        }
        let releases = then.get(&source).into_iter().flatten().rev();
        let left = releases
            .filter(|(_, release)| release.suites().contains(suite))
            .map(|(version, _)| version)
            .next();
        if let Some(left) = left.filter(|left| **left < now) {
            found.entry((source, now, left.clone())).or_default().push(suite.clone());
        }
    }
    Ok(found)
}

/// Returns the number that the next reissue above `above` gets: one more than any that was ever used in the repository, also by one that was
/// taken back, and than those that are planned. A number that another repository used for another old version is passed over: one
/// version never has two contents in a store.
pub(super) fn next_number(
    store: &Store,
    repository: &RepositoryName,
    request: &ReissueRequest,
    (above, present): (&Version, &Releases),
    planned: &[Reissued],
) -> Result<u32, Error> {
    let is_above = |version: &ReissueVersion| version.above() == above;
    // The log may have lost a line.
    let there = present.keys().filter_map(ReissueVersion::of).filter(is_above);
    let mut own: BTreeSet<u32> = there.map(|version| version.number()).collect();
    let mut of_others: BTreeSet<u32> = BTreeSet::new();
    let mut note = |of: &RepositoryName, reissued: &Reissued| {
        if reissued.source != request.source || !is_above(&reissued.version) {
            return;
        }
        if of == repository {
            own.insert(reissued.version.number());
        } else if reissued.good != request.good {
            of_others.insert(reissued.version.number());
        }
    };
    planned.iter().for_each(|reissued| note(repository, reissued));
    for entry in store.operations()? {
        entry.operation.reissued().iter().for_each(|reissued| note(&entry.repository, reissued));
    }
    let first = own.last().copied().unwrap_or(0).saturating_add(1);
    Ok((first..u32::MAX).find(|number| !of_others.contains(number)).unwrap_or(u32::MAX))
}

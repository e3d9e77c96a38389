use std::collections::{BTreeMap, BTreeSet};

use deb_parse::SuiteName;
use jiff::{SignedDuration, Timestamp};

use crate::error::Error;
use crate::history::dates::Dates;
use crate::history::revision::Revision;
use crate::model::difference::Difference;
use crate::model::id::SnapshotId;
use crate::model::name::RepositoryName;
use crate::model::record::RecordKey;
use crate::store::Store;

/// From which moment the age of what came into a suite more than once is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CountedFrom {
    /// From the first time that its name, version and architecture came, whatever was removed in between.
    FirstArrival,
    /// From the time since which the present record has been there without interruption.
    LastArrival,
}

/// Since when package files are in their suites, for those asked about.
pub(crate) struct Ages {
    counted_from: CountedFrom,
    asked: BTreeMap<SuiteName, BTreeSet<RecordKey>>,
    longest: Option<SignedDuration>,
}

impl Ages {
    /// Makes a question about nothing yet.
    pub(crate) fn new(counted_from: CountedFrom) -> Self {
        Self { counted_from, asked: BTreeMap::new(), longest: None }
    }

    /// Asks about a package file that is kept for some time.
    pub(crate) fn ask(&mut self, suite: &SuiteName, key: &RecordKey, keep_for: SignedDuration) {
        self.asked.entry(suite.clone()).or_default().insert(key.clone());
        self.longest = self.longest.max(Some(keep_for));
    }

    /// Walks from the current state back to the first that is too old for anything to be kept, once for all.
    ///
    /// What is there in that state is as old as that state, at least: further back it does not matter.
    pub(crate) fn find(
        self,
        store: &Store,
        repository: &RepositoryName,
        now: Timestamp,
    ) -> Result<Found, Error> {
        let mut since: BTreeMap<SuiteName, BTreeMap<RecordKey, Timestamp>> = BTreeMap::new();
        let Some(longest) = self.longest else { return Ok(Found(since)) };
        let mut newer: Option<(Revision<'_>, Timestamp)> = None;
        let mut dates = Dates::until(now);
        // Most packages go to every suite, which then change alike.
        let mut last: Option<(Pair, Difference)> = None;
        for revision in store.history(repository) {
            let revision = revision?;
            if let Some((newer, came_at)) = newer {
                for (suite, asked) in &self.asked {
                    let of = |revision: &Revision<'_>| revision.commit().suites.get(suite).copied();
                    let pair = (of(&revision), of(&newer));
                    if pair.0 == pair.1 {
                        continue;
                    }
                    if last.as_ref().is_none_or(|(known, _)| *known != pair) {
                        let (old, new) = (store.empty_or(pair.0)?, store.empty_or(pair.1)?);
                        last = Some((pair, store.difference(&old, &new)?));
                    }
                    let came = last.iter().flat_map(|(_, difference)| &difference.only_second);
                    let came = came.filter(|record| asked.contains(record.key()));
                    let known = since.entry(suite.clone()).or_default();
                    came.for_each(|record| self.counted_from.note(known, record.key(), came_at));
                }
            }
            let date = dates.corrected(revision.commit().date);
            let old_enough = now.duration_since(date) >= longest;
            newer = Some((revision, date));
            if old_enough {
                break;
            }
        }
        if let Some((oldest, date)) = newer {
            for (suite, asked) in &self.asked {
                let there = store.empty_or(oldest.commit().suites.get(suite).copied())?;
                let known = since.entry(suite.clone()).or_default();
                for record in there.iterate(store.objects()) {
                    let record = record?;
                    if asked.contains(record.key()) {
                        self.counted_from.note(known, record.key(), date);
                    }
                }
            }
        }
        Ok(Found(since))
    }
}

impl CountedFrom {
    /// Notes an arrival that is earlier than all that are known.
    fn note(self, known: &mut BTreeMap<RecordKey, Timestamp>, key: &RecordKey, came_at: Timestamp) {
        match self {
            Self::FirstArrival => drop(known.insert(key.clone(), came_at)),
            Self::LastArrival => drop(known.entry(key.clone()).or_insert(came_at)),
        }
    }
}

/// What a suite held before and after a commit.
type Pair = (Option<SnapshotId>, Option<SnapshotId>);

/// The answers.
pub(crate) struct Found(BTreeMap<SuiteName, BTreeMap<RecordKey, Timestamp>>);

impl Found {
    /// Since when it is there, or a time before which it came.
    pub(crate) fn since(&self, suite: &SuiteName, key: &RecordKey) -> Option<Timestamp> {
        self.0.get(suite)?.get(key).copied()
    }
}

use std::collections::BTreeMap;

use deb_parse::SuiteName;
use jiff::{SignedDuration, Timestamp};

use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::name::RepositoryName;
use crate::model::record::RecordKey;
use crate::operations::arrivals::{Asked, Enough, each_arrival};
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
    asked: Asked,
    longest: Option<SignedDuration>,
}

impl Ages {
    /// Makes a question about nothing yet.
    pub(crate) fn new(counted_from: CountedFrom) -> Self {
        Self { counted_from, asked: Asked::new(), longest: None }
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
        let note = |suite: &SuiteName, key: &RecordKey, (_, date): (&Revision<'_>, Timestamp)| {
            self.counted_from.note(since.entry(suite.clone()).or_default(), key, date);
        };
        let is_old_enough = |date| (now.duration_since(date) >= longest).then_some(Enough::Old);
        each_arrival(store, (repository, &self.asked, now), note, is_old_enough)?;
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

/// The answers.
pub(crate) struct Found(BTreeMap<SuiteName, BTreeMap<RecordKey, Timestamp>>);

impl Found {
    /// Since when it is there, or a time before which it came.
    pub(crate) fn since(&self, suite: &SuiteName, key: &RecordKey) -> Option<Timestamp> {
        self.0.get(suite)?.get(key).copied()
    }
}

//! What is to be told of the machines that read a repository: who has what clients see, who is behind, and who refuses it.

use std::collections::BTreeMap;

use deb_parse::SuiteName;
use jiff::{SignedDuration, Timestamp};

use crate::access::machines::{Machine, machines};
use crate::error::Error;
use crate::model::commit::Commit;
use crate::model::id::{CommitId, SnapshotId};
use crate::model::log_entry::LogEntry;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::model::publication_id::PublicationId;
use crate::publish::shown::{ShownSuites, shown_suites};
use crate::store::Store;

/// A machine that was not seen for so long is asleep.
const ASLEEP: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How a machine stands. The later ones are worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum MachineState {
    /// It has what clients see.
    Current,
    /// It has an earlier publication.
    Behind,
    /// It was not seen for a week.
    Asleep,
    /// It has what was rolled back or undone since.
    RolledBack,
    /// It does not accept the signature of what it is sent, and stays with what it has.
    Refusing,
}

impl MachineState {
    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Behind => "behind",
            Self::Asleep => "asleep",
            Self::RolledBack => "rolled-back",
            Self::Refusing => "refusing",
        }
    }
}

/// How a machine stands with one suite.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct SuiteStanding {
    /// The suite; `.flat` is the flat form.
    pub suite: String,
    /// How it stands, apart from whether it is asleep.
    pub state: MachineState,
    /// The publication that it has; `None` when that is not known.
    pub has: Option<PublicationId>,
    /// How many publications changed the suite since.
    pub missed: usize,
    /// When the first of these was made.
    pub behind_since: Option<Timestamp>,
    /// When it last asked.
    pub last_asked: Timestamp,
}

/// How a machine stands with a repository.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct MachineStanding {
    /// What is known of it.
    pub machine: Machine,
    /// The worst of its suites; [`Asleep`](MachineState::Asleep) when none is worse than that and it was not seen for a week.
    pub state: MachineState,
    /// Its suites that are published.
    pub suites: Vec<SuiteStanding>,
}

impl MachineStanding {
    /// Returns whether it was not seen for a week.
    #[must_use]
    pub fn is_asleep(&self, now: Timestamp) -> bool {
        now.duration_since(self.machine.last_seen) > ASLEEP
    }

    /// Returns how many publications changed the suite that it is furthest behind with.
    #[must_use]
    pub fn missed(&self) -> usize {
        self.suites.iter().map(|suite| suite.missed).max().unwrap_or_default()
    }

    /// Returns since when it lacks something that clients see.
    #[must_use]
    pub fn behind_since(&self) -> Option<Timestamp> {
        self.suites.iter().filter_map(|suite| suite.behind_since).min()
    }
}

/// See [`Store::machine_standings`].
pub(crate) fn machine_standings(
    store: &Store,
    repository: &RepositoryName,
    now: Timestamp,
) -> Result<Vec<MachineStanding>, Error> {
    let machines = machines(store, repository)?;
    if machines.all().next().is_none() {
        return Ok(Vec::new());
    }
    let mut past = Past::read(store, repository)?;
    let standings = machines.all().map(|machine| {
        let suites = machine.suites.iter().filter_map(|(suite, seen)| {
            let has = seen.has();
            let mut standing = SuiteStanding {
                suite: suite.clone(),
                state: MachineState::Current,
                has,
                missed: 0,
                behind_since: None,
                last_asked: seen.last_asked,
            };
            past.judge(&mut standing)?;
            if seen.refuses() && machine.apt.is_some() {
                standing.state = MachineState::Refusing;
            }
            Some(standing)
        });
        let suites: Vec<SuiteStanding> = suites.collect();
        let worst = suites.iter().map(|suite| suite.state).max().unwrap_or(MachineState::Current);
        let mut standing = MachineStanding { machine: machine.clone(), state: worst, suites };
        if standing.is_asleep(now) {
            standing.state = worst.max(MachineState::Asleep);
        }
        standing
    });
    Ok(standings.collect())
}

/// See [`Store::publication_times`].
pub(crate) fn publication_times(
    store: &Store,
    repository: &RepositoryName,
) -> Result<BTreeMap<Timestamp, PublicationId>, Error> {
    let entries = store.operations()?;
    let published = entries.iter().filter(|entry| entry.repository == *repository && entry.is_unchanged());
    let published = published.filter_map(|entry| match entry.operation {
        Operation::Publish(id) => Some((entry.date, id)),
        _ => None,
    });
    Ok(published.collect())
}

/// What the operation log tells of a repository, and what clients see of it now.
struct Past<'s> {
    store: &'s Store,
    current: Option<ShownSuites>,
    entries: Vec<LogEntry>,
    commits: BTreeMap<CommitId, Option<Commit>>,
    /// What was found out about machines that have the same publication of the same suite.
    judged: BTreeMap<(String, PublicationId), Judgement>,
}

/// What a machine with one publication of a suite lacks.
#[derive(Clone, Copy)]
struct Judgement {
    state: MachineState,
    missed: usize,
    since: Option<Timestamp>,
}

impl<'s> Past<'s> {
    fn read(store: &'s Store, repository: &RepositoryName) -> Result<Self, Error> {
        let current = shown_suites(store, repository)?;
        let mut entries = store.operations()?;
        entries.retain(|entry| entry.repository == *repository);
        Ok(Self { store, current, entries, commits: BTreeMap::new(), judged: BTreeMap::new() })
    }

    /// Completes how a machine stands with a suite; `None` when the suite is not published.
    fn judge(&mut self, standing: &mut SuiteStanding) -> Option<()> {
        let published = self.current.as_ref()?.called(&standing.suite)?;
        // What it was sent is not known: another server did.
        let has = match standing.has {
            Some(has) if has != published.made_in => has,
            _ => return Some(()),
        };
        let key = (standing.suite.clone(), has);
        let judgement = match self.judged.get(&key) {
            Some(judgement) => *judgement,
            None => {
                let (name, snapshot) = (published.name.clone(), published.snapshot);
                // Given back below: what is found out about commits is kept beside them.
                let entries = std::mem::take(&mut self.entries);
                let judgement = self.judgement(&entries, &name, has, snapshot);
                self.entries = entries;
                self.judged.insert(key, judgement);
                judgement
            }
        };
        (standing.state, standing.missed, standing.behind_since) =
            (judgement.state, judgement.missed, judgement.since);
        Some(())
    }

    fn judgement(
        &mut self,
        entries: &[LogEntry],
        suite: &SuiteName,
        has: PublicationId,
        now: Option<SnapshotId>,
    ) -> Judgement {
        let is_of = |entry: &LogEntry, id: PublicationId| {
            entry.is_unchanged() && matches!(entry.operation, Operation::Publish(own) if own == id)
        };
        let shown = self.current.as_ref().map(|current| current.id);
        let last = shown.and_then(|shown| entries.iter().rposition(|entry| is_of(entry, shown)));
        let Some(own) = entries.iter().rposition(|entry| is_of(entry, has)) else {
            // The log has lost it, or it is of another store.
            return Judgement { state: MachineState::Behind, missed: 1, since: None };
        };
        let end = last.map_or(entries.len(), |last| last + 1);
        let later = entries.get(own + 1..end).unwrap_or_default();
        let own_commit = entries.get(own).and_then(|entry| entry.after);
        let (sequence, before) = self.content(own_commit, suite);
        if before.is_some_and(|before| before == now) {
            return Judgement { state: MachineState::Current, missed: 0, since: None };
        }
        let (mut missed, mut since, mut last_content) = (0, None, before);
        for entry in later.iter().filter(|entry| matches!(entry.operation, Operation::Publish(_))) {
            let (_, content) = self.content(entry.after, suite);
            if content.is_some() && content != last_content {
                missed += 1;
                since = since.or(Some(entry.date));
                last_content = content;
            }
        }
        let takes_back = |entry: &LogEntry| match &entry.operation {
            Operation::RollBack { suites, to, .. } => {
                (suites.is_empty() || suites.contains(suite)) && sequence.is_some_and(|own| *to < own)
            }
            Operation::Undo { number, .. } => sequence.is_some_and(|own| *number <= own),
            _ => false,
        };
        let is_taken_back = later.iter().any(takes_back);
        let state = if is_taken_back { MachineState::RolledBack } else { MachineState::Behind };
        Judgement { state, missed: missed.max(1), since }
    }

    /// The number of a state and what it has of a suite; the content is `None` when the state is gone.
    fn content(
        &mut self,
        commit: Option<CommitId>,
        suite: &SuiteName,
    ) -> (Option<u64>, Option<Option<SnapshotId>>) {
        let Some(id) = commit else { return (None, Some(None)) };
        let store = self.store;
        let commit = self.commits.entry(id).or_insert_with(|| Commit::read(&store.objects(), id).ok());
        match commit {
            None => (None, None),
            Some(commit) => (Some(commit.sequence), Some(commit.suites.get(suite).copied())),
        }
    }
}

//! The last changes of a repository up to what clients see.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use deb_parse::{PackageName, SuiteName};
use jiff::Timestamp;
use repo_pages::{Change, ChangedPackage, Line, Sign, Since};
use repo_store::history::{Commit, Operation};
use repo_store::model::CommitId;
use repo_store::model::record::RecordKey;
use repo_store::{RepositoryName, Revision};

use crate::error::Failure;
use crate::output::package_rows;

/// How many changes are looked at.
const MOST_CHANGES: usize = 100;

/// How many versions that came or went are kept for a repository.
const MOST_VERSIONS: usize = 50_000;

/// How many rows a page shows of one change.
const MOST_ROWS: usize = 50;

/// The last changes of each repository, read once for each state.
#[derive(Default)]
pub(super) struct RecentChanges(Mutex<BTreeMap<RepositoryName, (CommitId, Arc<Recent>)>>);

/// The last changes of a repository.
pub(super) struct Recent {
    /// The newest first.
    changes: Vec<Recorded>,
    /// Whether there are older ones.
    pub(super) is_cut: bool,
}

struct Recorded {
    id: CommitId,
    commit: Commit,
    versions: Vec<(RecordKey, SuiteName, Sign)>,
    /// How many more versions there are than `versions` has.
    more: usize,
}

impl RecentChanges {
    /// Returns the changes that led to a state.
    pub(super) fn of(&self, revision: &Revision<'_>) -> Result<Arc<Recent>, Failure> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((id, recent)) = lock().get(revision.repository())
            && *id == revision.id()
        {
            return Ok(Arc::clone(recent));
        }
        let recent = Arc::new(Recent::read(revision)?);
        lock().insert(revision.repository().clone(), (revision.id(), Arc::clone(&recent)));
        Ok(recent)
    }
}

impl Recent {
    fn read(newest: &Revision<'_>) -> Result<Self, Failure> {
        let mut changes = vec![Recorded::of(newest, MOST_VERSIONS)?];
        let mut left = MOST_VERSIONS;
        let mut next = newest.parent()?;
        while let Some(revision) = next {
            left -= changes.last().map_or(0, |change| change.versions.len());
            if changes.len() == MOST_CHANGES || left == 0 {
                return Ok(Self { changes, is_cut: true });
            }
            changes.push(Recorded::of(&revision, left)?);
            next = revision.parent()?;
        }
        Ok(Self { changes, is_cut: false })
    }

    /// Returns the newest changes, and whether there are older ones.
    pub(super) fn newest(&self, number: usize) -> (Vec<Change>, bool) {
        let with_unread = |change: &Recorded| {
            let shown = change.shown(|_| true);
            Change { more: shown.more + change.more as u64, ..shown }
        };
        let changes = self.changes.iter().take(number).map(with_unread).collect();
        (changes, self.is_cut || self.changes.len() > number)
    }

    /// Returns the changes that concern a package.
    pub(super) fn of_package(&self, package: &PackageName) -> Vec<Change> {
        let concerns = |key: &RecordKey| key.package == *package;
        let changes =
            self.changes.iter().filter(|change| change.versions.iter().any(|(key, ..)| concerns(key)));
        changes.map(|change| change.shown(concerns)).collect()
    }

    /// Returns since when the repository has a version.
    pub(super) fn since(&self, key: &RecordKey) -> Since {
        let mut since = None;
        for change in &self.changes {
            let signs = change.versions.iter().filter(|(of, ..)| of == key).map(|(.., sign)| *sign);
            let signs: Vec<Sign> = signs.collect();
            if signs.contains(&Sign::Added) {
                since = Some(change.commit.date);
            } else if signs.contains(&Sign::Removed) && since.is_some() {
                // It had been there before, and was gone in between, or left one of several suites.
                break;
            }
        }
        let earliest = || self.changes.last().map(|change| change.commit.date);
        let before = |date: Option<Timestamp>| date.map_or(Since::Unknown, Since::Before);
        since.map_or_else(|| before(earliest()), Since::Change)
    }
}

impl Recorded {
    /// Reads what a commit brought and took, and keeps at most so many versions of it.
    fn of(revision: &Revision<'_>, most: usize) -> Result<Self, Failure> {
        let (mut versions, mut number) = (Vec::new(), 0);
        for (suite, difference) in revision.changes()? {
            for (records, sign) in
                [(&difference.only_first, Sign::Removed), (&difference.only_second, Sign::Added)]
            {
                let keys = records.iter().map(|record| (record.key().clone(), suite.clone(), sign));
                versions.extend(keys.take(most - versions.len()));
                number += records.len();
            }
        }
        let more = number - versions.len();
        Ok(Self { id: revision.id(), commit: revision.commit().clone(), versions, more })
    }

    /// Returns the change with the versions of these packages, as far as `versions` has them.
    fn shown(&self, concerns: impl Fn(&RecordKey) -> bool) -> Change {
        let Self { id, commit, versions, .. } = self;
        let versions = versions.iter().filter(|(key, ..)| concerns(key)).cloned();
        let rows = package_rows(versions);
        let shown = rows.iter().take(MOST_ROWS).map(|([package, version, architectures, suites], sign)| {
            ChangedPackage {
                sign: *sign,
                package: Line::new(package),
                version: Line::new(version),
                architectures: Line::new(architectures),
                suites: vec![Line::new(suites)],
            }
        });
        Change {
            sequence: commit.sequence,
            id: Line::new(&id.to_string()),
            date: commit.date,
            actor: Line::new(&commit.actor),
            operation: Line::new(&what_was_done(&commit.operation)),
            reason: commit.gate_override.as_ref().map(|reason| Line::new(&reason.to_string())),
            packages: shown.collect(),
            more: rows.len().saturating_sub(MOST_ROWS) as u64,
        }
    }
}

/// Describes an operation without naming other repositories or archives, which may be closed to the reader of the page.
fn what_was_done(operation: &Operation) -> String {
    match operation {
        Operation::Import { packages, .. } => format!("import {packages}"),
        Operation::Promote { packages, .. } => format!("promote {packages}"),
        Operation::Release { packages, .. } => format!("release {packages}"),
        Operation::Undo { number, commit, .. } => format!("undo {number} ({commit})"),
        other => other.to_string(),
    }
}

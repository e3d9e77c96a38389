//! What a change does to packages, as a table, and how it is undone.

use std::collections::{BTreeMap, BTreeSet};

use deb_parse::{PackageName, SuiteName, Version};
use repo_store::model::record::{Build, Record, RecordKey, UpdatePercentage};
use repo_store::model::{CommitId, SuiteRecords};
use repo_store::{RepositoryName, RepositorySettings, Revision};

use crate::error::Failure;
use crate::guard::{self, Loss};
use crate::output::{Column, Output, RowLimit, package_rows, suite_list};
use crate::session::Session;

/// What happens to a version in a suite.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    Add,
    /// Becomes what machines install instead of this older version, which stays.
    Upgrade(Version),
    /// Takes the place of an older or newer version.
    Replace(Version),
    Remove,
    Restore,
    /// Goes to another share of the machines: from this one to that one.
    Share(Option<UpdatePercentage>, Option<UpdatePercentage>),
}

impl Action {
    fn word(&self) -> String {
        let word = match self {
            Self::Add => "add",
            Self::Upgrade(_) => "upgrade",
            Self::Replace(_) => "replace",
            Self::Remove => "remove",
            Self::Restore => "restore",
            Self::Share(before, after) => return format!("share {} -> {}", share(*before), share(*after)),
        };
        word.to_owned()
    }
}

/// Returns a share of the machines in words.
pub(crate) fn share(percentage: Option<UpdatePercentage>) -> String {
    percentage.map_or_else(|| "all".to_owned(), |percentage| percentage.to_string())
}

/// A version in a suite, and what happens to it.
pub(crate) type Change = (RecordKey, SuiteName, Action);

/// Prints the table of changes. Returns how many rows it has.
pub(crate) fn print(changes: Vec<Change>, limit: RowLimit, output: &Output) -> usize {
    let rows: Vec<[String; 5]> = package_rows(changes)
        .into_iter()
        .map(|([package, version, architectures, suites], action)| {
            let version = match &action {
                Action::Upgrade(old) | Action::Replace(old) => format!("{old} -> {version}"),
                _ => version,
            };
            [package, version, architectures, suites, action.word()]
        })
        .collect();
    output.table(
        &[
            Column::names("PACKAGE"),
            Column::words("VERSION"),
            Column::words("ARCHITECTURE"),
            Column::words("SUITES"),
            Column::actions("ACTION"),
        ],
        &rows,
        limit,
    );
    rows.len()
}

/// Returns the same action for each of these records in each of its suites.
pub(crate) fn all(records: &SuiteRecords, action: &Action) -> Vec<Change> {
    let suites = records.suites();
    let each = suites.flat_map(|(suite, records)| {
        records.iter().map(move |record| (record.key().clone(), suite.clone(), action.clone()))
    });
    each.collect()
}

/// Returns what these records do in a repository that is in the state `before`: each is an upgrade from the newest version of its package
/// for the same machines, if that is older.
pub(crate) fn additions(
    records: &SuiteRecords,
    before: Option<&Revision<'_>>,
) -> Result<Vec<Change>, Failure> {
    let mut changes = Vec::new();
    for (suite, records) in records.suites() {
        let names: BTreeSet<PackageName> =
            records.iter().map(|record| record.key().package.clone()).collect();
        let there = before.map(|before| before.versions_of_all(suite, &names)).transpose()?;
        let mut versions: BTreeMap<&PackageName, Vec<&RecordKey>> = BTreeMap::new();
        for key in there.iter().flatten().map(|record| record.key()) {
            versions.entry(&key.package).or_default().push(key);
        }
        for key in records.iter().map(|record| record.key()) {
            let there = versions.get(&key.package).map(Vec::as_slice).unwrap_or_default();
            let action = upgraded(key, there).map_or(Action::Add, |old| Action::Upgrade(old.clone()));
            changes.push((key.clone(), suite.clone(), action));
        }
    }
    Ok(changes)
}

/// Returns the newest version that a machine has of those that are `there`, and would have `key` instead.
fn upgraded<'a>(key: &RecordKey, there: &[&'a RecordKey]) -> Option<&'a Version> {
    let is_all = |build: &Build| build.as_str() == "all";
    // What is for all machines may be newer for some than for others.
    let machines: Vec<&Build> = match &key.architecture {
        build if is_all(build) => there.iter().map(|old| &old.architecture).collect(),
        build => vec![build],
    };
    let had = machines.into_iter().filter(|build| build.is_source() == key.architecture.is_source());
    let had = had.filter_map(|machine| {
        let seen = there
            .iter()
            .filter(|old| old.architecture == *machine || is_all(&old.architecture) && !machine.is_source());
        seen.map(|old| &old.version).max()
    });
    had.filter(|version| **version < key.version).max()
}

/// Pairs what a change takes away from a suite with what it brings back there: one version for one version is a replacement.
pub(crate) fn exchanges<'a>(
    differences: impl Iterator<Item = (&'a SuiteName, bool, &'a Record)>,
) -> Vec<Change> {
    type Versions = Vec<(RecordKey, Option<UpdatePercentage>)>;
    let mut places: BTreeMap<(PackageName, Build, SuiteName), [Versions; 2]> = BTreeMap::new();
    for (suite, is_removed, record) in differences {
        let key = record.key();
        let place = (key.package.clone(), key.architecture.clone(), suite.clone());
        let [removed, restored] = places.entry(place).or_default();
        if is_removed { removed } else { restored }.push((key.clone(), record.update_percentage()));
    }
    let mut changes = Vec::new();
    for ((_, _, suite), [removed, restored]) in places {
        if let ([(old, before)], [(new, after)]) = (removed.as_slice(), restored.as_slice()) {
            let action = if old == new && before != after {
                Action::Share(*before, *after)
            } else {
                Action::Replace(old.version.clone())
            };
            changes.push((new.clone(), suite, action));
            continue;
        }
        changes.extend(removed.into_iter().map(|(key, _)| (key, suite.clone(), Action::Remove)));
        changes.extend(restored.into_iter().map(|(key, _)| (key, suite.clone(), Action::Restore)));
    }
    changes
}

/// Prints which metapackages of profiles were built again with a commit.
pub(crate) fn print_rebuilt(
    repository: &RepositorySettings,
    commit: Option<CommitId>,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    let Some(id) = commit.filter(|_| !repository.profiles.is_empty()) else { return Ok(()) };
    let number = session.store.revision(&repository.name, id)?.commit().sequence.to_string();
    let is_new = |version: &Version| version.as_str().split('.').next() == Some(number.as_str());
    let mut rebuilt: BTreeMap<(PackageName, Version), BTreeSet<SuiteName>> = BTreeMap::new();
    for (suite, difference) in session.store.revision(&repository.name, id)?.changes()? {
        for key in difference.only_second.iter().map(|record| record.key()) {
            if repository.is_metapackage(key.package.as_str()) && is_new(&key.version) {
                let suites = rebuilt.entry((key.package.clone(), key.version.clone())).or_default();
                suites.insert(suite.clone());
            }
        }
    }
    for ((package, version), suites) in rebuilt {
        output.say(&format!("built {package} {version} ({})", suite_list(&suites)));
    }
    Ok(())
}

/// Prints the command that undoes a commit.
pub(crate) fn print_undo(
    repository: &RepositorySettings,
    commit: Option<CommitId>,
    session: &Session,
    output: &Output,
) {
    if commit.is_some() {
        output.say(&format!(
            "undo with: repo-cli undo {}{}",
            repository.name,
            yes_to_undo(repository, session)
        ));
    }
}

/// Returns the option without which an undo would ask, if it would, as far as the numbers of packages tell.
fn yes_to_undo(repository: &RepositorySettings, session: &Session) -> &'static str {
    let losses = |repository: &RepositoryName| {
        let head = session.store.head(repository).ok()??;
        let before = head.parent().ok()??;
        let loss = |suite: &SuiteName| {
            let (now, then) = (head.snapshot(suite).ok()?.records(), before.snapshot(suite).ok()?.records());
            Some(Loss { suite: suite.clone(), before: now, going: now.saturating_sub(then) })
        };
        head.commit().suites.keys().map(loss).collect::<Option<Vec<Loss>>>()
    };
    let together = || Some(session.store.head(&repository.name).ok()??.commit().together.clone());
    let others = together().unwrap_or_default().into_keys().filter(|other| *other != repository.name);
    let is_asked = [repository.name.clone()]
        .into_iter()
        .chain(others)
        .any(|repository| losses(&repository).is_some_and(|losses| guard::is_asked_about(&losses)));
    if is_asked { " --yes" } else { "" }
}

use std::collections::BTreeSet;
use std::sync::Arc;

use deb_parse::{PackageName, SuiteName};
use repo_store::{Record, Revision};
use serde::Serialize;

use crate::error::{Failure, Outcome};
use crate::output::Output;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct HistoryArguments {
    /// The repository
    repository: String,
    /// Only what concerns this package, and how
    #[arg(value_parser = PackageName::parse)]
    package: Option<PackageName>,
    /// Only what concerns this suite; may be given several times
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
    /// How many entries to show, the newest first; 0 for all
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: usize,
}

#[derive(Serialize)]
struct CommitJson {
    sequence: u64,
    commit: String,
    date: String,
    actor: String,
    operation: String,
    added: usize,
    removed: usize,
    changes: Vec<ChangeJson>,
}

#[derive(Serialize)]
struct ChangeJson {
    suite: String,
    package: String,
    change: &'static str,
    version: String,
    architecture: String,
}

pub(crate) fn run(
    arguments: &HistoryArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repository = session.repository(&arguments.repository)?;
    let limit = if arguments.limit == 0 { usize::MAX } else { arguments.limit };
    let mut entries = Vec::new();
    let mut known: BTreeSet<SuiteName> = BTreeSet::new();
    for revision in session.store.history(&repository.name) {
        if entries.len() >= limit {
            break;
        }
        let revision = revision?;
        known.extend(revision.commit().suites.keys().cloned());
        entries.extend(entry(&revision, arguments)?);
    }
    // A suite that is no longer configured still has its history.
    let unknown: Vec<_> = arguments.suites.iter().filter(|suite| !known.contains(*suite)).cloned().collect();
    repository.check_suites(&unknown)?;
    output.result(&serde_json::json!({ "history": entries }), || {
        let rows: Vec<[String; 6]> = entries
            .iter()
            .map(|entry| {
                let changes = if arguments.package.is_some() {
                    let lines = entry.changes.iter().map(|change| {
                        let sign = if change.change == "added" { '+' } else { '-' };
                        format!("{sign}{} {} {}", change.version, change.architecture, change.suite)
                    });
                    lines.collect::<Vec<_>>().join(", ")
                } else {
                    format!("+{} -{}", entry.added, entry.removed)
                };
                [
                    entry.sequence.to_string(),
                    entry.commit.chars().take(12).collect(),
                    entry.date.clone(),
                    entry.actor.clone(),
                    changes,
                    entry.operation.to_string(),
                ]
            })
            .collect();
        output.table(["NUMBER", "COMMIT", "TIME", "BY", "CHANGES", "OPERATION"], &rows);
    });
    Ok(Outcome::Done)
}

/// The state and what it brought and removed; `None` when nothing that was asked for.
fn entry(revision: &Revision<'_>, arguments: &HistoryArguments) -> Result<Option<CommitJson>, Failure> {
    let commit = revision.commit();
    let mut entry = CommitJson {
        sequence: commit.sequence,
        commit: revision.id().to_string(),
        date: commit.date.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        actor: commit.actor.clone(),
        operation: commit.operation.to_string(),
        added: 0,
        removed: 0,
        changes: Vec::new(),
    };
    let package = arguments.package.as_ref();
    let mut is_asked_for = arguments.suites.is_empty() && package.is_none();
    for (suite, difference) in revision.changes_in(&arguments.suites)? {
        entry.added += difference.only_second.len();
        entry.removed += difference.only_first.len();
        let change = |record: &Record, change| ChangeJson {
            suite: suite.to_string(),
            package: record.key().package.to_string(),
            change,
            version: record.key().version.to_string(),
            architecture: record.key().architecture.to_string(),
        };
        let concerns = |record: &&Arc<Record>| package.is_none_or(|package| *package == record.key().package);
        let removed = difference.only_first.iter().filter(concerns).map(|record| change(record, "removed"));
        let added = difference.only_second.iter().filter(concerns).map(|record| change(record, "added"));
        entry.changes.extend(removed.chain(added));
        is_asked_for |= package.is_none() || !entry.changes.is_empty();
    }
    Ok(is_asked_for.then_some(entry))
}

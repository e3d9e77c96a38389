pub(crate) mod verification;

use std::collections::BTreeSet;
use std::sync::Arc;

use camino::Utf8PathBuf;
use deb_parse::{PackageName, SuiteName, Version};
use repo_store::history::Operation;
use repo_store::model::CommitId;
use repo_store::model::record::{Build, Record};
use repo_store::operations::approvals::{Approved, ApproverId};
use repo_store::{Revision, Selector};
use serde::Serialize;

use crate::args::{RowArguments, RowLimits as _};
use crate::clock;
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text, Time};
use crate::output::{Column, Output, RowLimit, joined, package_rows};
use crate::package_count::ChangeCount;
use crate::package_names;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct HistoryArguments {
    /// The repository
    repository: String,
    /// Only what concerns these packages, and how: a name or pattern, with =VERSION or as in 'hello (>= 2.10)' if wanted
    #[arg(value_name = "PACKAGE")]
    package: Option<Selector>,
    /// Only what concerns this suite; may be given several times
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
    /// Find out who signed each change, instead of what it brought (exit status 3 when not all of it was signed by somebody known
    /// since the first signed change)
    #[arg(long, conflicts_with_all = ["package", "suites"])]
    verify: bool,
    /// The OpenPGP keys of the people and jobs that are known
    #[arg(long, value_name = "FILE", requires = "verify")]
    keyring: Option<Utf8PathBuf>,
    #[command(flatten)]
    rows: RowArguments,
}

/// A change of a repository.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CommitJson {
    /// Who made the change
    actor: String,
    /// How many package files were added to suites
    added: usize,
    /// Who had approved what came in; absent where no gate asked for approvals
    #[serde(skip_serializing_if = "Vec::is_empty")]
    approved: Vec<ApprovedPackagesJson>,
    /// The package files that were added and removed
    changes: Vec<ChangeJson>,
    /// The state that the change made
    commit: Text<CommitId>,
    /// The same in packages, each counted once, whatever the number of its suites and architectures
    count: ChangeCount,
    /// Whether the state before it is not kept any more, so that nobody knows what changed: true, or absent
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut_off: bool,
    /// When the change was made
    date: Time,
    /// What was done
    operation: Text<Operation>,
    /// The rules of gates that did not count, and why; absent when all counted
    #[serde(rename = "override", skip_serializing_if = "Option::is_none")]
    gate_override: Option<String>,
    /// How many package files were removed from suites
    removed: usize,
    /// The number of the state
    sequence: u64,
    /// The changes of the package asked for, with a sign for what was done: rows of a table.
    #[serde(skip)]
    rows: Vec<([String; 4], char)>,
}

/// What one approver approved at one time.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ApprovedPackagesJson {
    /// Who approved it
    approver: Text<ApproverId>,
    /// When it was approved
    date: Time,
    /// The name of the approver
    name: String,
    /// The packages, each with its version
    packages: Vec<String>,
}

/// A package file that a change added or removed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ChangeJson {
    /// What the file is built for
    architecture: Text<Build>,
    /// `added` or `removed`
    change: &'static str,
    /// The name of the package
    package: Text<PackageName>,
    /// The suite
    suite: Text<SuiteName>,
    /// The version of the package
    version: Text<Version>,
}

/// The document of `history`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct HistoryJson<'a> {
    /// The changes, the newest first
    history: &'a [CommitJson],
}

impl JsonDocument for HistoryJson<'_> {}

pub(crate) fn run(
    arguments: &HistoryArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repository = session.repository(&arguments.repository)?;
    if arguments.verify {
        return verification::run(arguments, &repository.name, session, output);
    }
    let limit = if output.is_json() { arguments.rows.limit_of_data() } else { arguments.rows.limit(output) };
    let mut entries = Vec::new();
    let mut is_cut = false;
    let mut known: BTreeSet<SuiteName> = BTreeSet::new();
    let mut cut_off = None;
    for revision in session.store.history(&repository.name) {
        if limit.of(entries.len() + 1) == entries.len() {
            is_cut = true;
            break;
        }
        let revision = revision?;
        known.extend(revision.commit().suites.keys().cloned());
        cut_off = revision.is_cut_off()?.then_some(revision.commit().sequence);
        entries.extend(entry(&revision, arguments)?);
    }
    // A suite that was taken out of the configuration still has its history.
    let unknown: Vec<_> = arguments.suites.iter().filter(|suite| !known.contains(*suite)).cloned().collect();
    repository.check_suites(&unknown)?;
    output.result(&HistoryJson { history: &entries }, || {
        if let Some(package) = &arguments.package {
            print_changes(&entries, package.is_pattern(), output);
        } else {
            print(&entries, output);
        }
        if is_cut {
            output.line("... and older changes (print all with --limit 0)");
        } else if let Some(number) = cut_off {
            output.line(&format!("... what changed up to {number} is not kept any more"));
        }
    });
    if entries.is_empty() {
        let what = arguments.package.as_ref().map_or_else(String::new, |package| format!(" of {package}"));
        output.found_nothing(&format!("no changes{what} in {}", repository.name));
        if let Some(number) = cut_off {
            output.found_nothing(&format!("what changed up to {number} is not kept any more"));
        } else if let Some(package) = &arguments.package {
            package_names::hint_at(&package.to_string(), &session.store.head(&repository.name)?, output)?;
        }
    }
    Ok(Outcome::Done)
}

impl CommitJson {
    /// The first cells of a row: which change it was, when, and by whom.
    fn cells(&self) -> [String; 4] {
        let (Text(commit), Time(time)) = (&self.commit, self.date);
        [self.sequence.to_string(), commit.short(), clock::minute(time), self.actor.clone()]
    }
}

fn print(entries: &[CommitJson], output: &Output) {
    let row = |entry: &CommitJson| {
        let [number, commit, time, actor] = entry.cells();
        let changes = if entry.cut_off { "?".to_owned() } else { entry.count.signs() };
        let lifted = entry.gate_override.as_ref().map(|lifted| format!(" (override {lifted})"));
        let mut names: Vec<&str> = entry.approved.iter().map(|one| one.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let approved = (!names.is_empty()).then(|| format!(" (approved by {})", joined(&names)));
        let more = approved.into_iter().chain(lifted).collect::<String>();
        [number, commit, time, actor, changes, format!("{}{more}", entry.operation.0)]
    };
    let rows: Vec<[String; 6]> = entries.iter().map(row).collect();
    output.table(
        &[
            Column::whole("NUMBER"),
            Column::whole("COMMIT").expendable(),
            Column::whole("TIME"),
            Column::text("BY").expendable(),
            Column::whole("CHANGES"),
            Column::text("OPERATION"),
        ],
        &rows,
        RowLimit::NONE,
    );
}

/// Prints a row for each version of the package that a change added or removed.
fn print_changes(entries: &[CommitJson], names_packages: bool, output: &Output) {
    let rows: Vec<[String; 6]> = entries
        .iter()
        .flat_map(|entry| entry.rows.iter().map(move |row| (entry, row)))
        .map(|(entry, ([package, version, architectures, suites], sign))| {
            let [number, _, time, actor] = entry.cells();
            let package = if names_packages { format!("{package} ") } else { String::new() };
            let change = format!("{sign}{package}{version} {architectures}");
            [number, time, actor, change, suites.clone(), entry.operation.0.to_string()]
        })
        .collect();
    output.table(
        &[
            Column::whole("NUMBER"),
            Column::whole("TIME"),
            Column::text("BY").expendable(),
            Column::words("CHANGE"),
            Column::words("SUITES"),
            // It says the versions once more.
            Column::text("OPERATION").expendable(),
        ],
        &rows,
        RowLimit::NONE,
    );
}

fn approved_json(approved: &Approved) -> ApprovedPackagesJson {
    ApprovedPackagesJson {
        approver: Text(approved.approver.id.clone()),
        name: approved.approver.to_string(),
        date: Time(approved.time),
        packages: approved.packages.clone(),
    }
}

/// The state and what it brought and removed; `None` when nothing that was asked for.
fn entry(revision: &Revision<'_>, arguments: &HistoryArguments) -> Result<Option<CommitJson>, Failure> {
    let commit = revision.commit();
    let mut entry = CommitJson {
        sequence: commit.sequence,
        commit: Text(revision.id()),
        date: Time(commit.date),
        actor: commit.actor.clone(),
        operation: Text(commit.operation.clone()),
        gate_override: commit.gate_override.as_ref().map(ToString::to_string),
        approved: commit.approved.iter().map(approved_json).collect(),
        added: 0,
        removed: 0,
        cut_off: revision.is_cut_off()?,
        count: ChangeCount::default(),
        changes: Vec::new(),
        rows: Vec::new(),
    };
    let mut changed = Vec::new();
    let package = arguments.package.as_ref();
    let mut is_asked_for = arguments.suites.is_empty() && package.is_none();
    let differences = revision.changes_in(&arguments.suites)?;
    entry.count = ChangeCount::of(&differences);
    for (suite, difference) in differences {
        entry.added += difference.only_second.len();
        entry.removed += difference.only_first.len();
        let change = |record: &Record, change| ChangeJson {
            suite: Text(suite.clone()),
            package: Text(record.key().package.clone()),
            change,
            version: Text(record.key().version.clone()),
            architecture: Text(record.key().architecture.clone()),
        };
        let concerns = |record: &&Arc<Record>| package.is_none_or(|package| package.matches(record));
        let removed = difference.only_first.iter().filter(concerns).map(|record| change(record, "removed"));
        let added = difference.only_second.iter().filter(concerns).map(|record| change(record, "added"));
        entry.changes.extend(removed.chain(added));
        let both = [(&difference.only_first, '-'), (&difference.only_second, '+')];
        for (records, sign) in both {
            let keys = records.iter().filter(concerns).map(|record| record.key().clone());
            changed.extend(keys.map(|key| (key, suite.clone(), sign)));
        }
        is_asked_for |= package.is_none() || !entry.changes.is_empty();
    }
    entry.rows = package_rows(changed);
    Ok(is_asked_for.then_some(entry))
}

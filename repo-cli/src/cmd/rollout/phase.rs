//! `rollout phase`: changes the share of the machines that take a version.

use deb_parse::SuiteName;
use repo_store::model::CommitId;
use repo_store::model::record::{Record, UpdatePercentage};
use repo_store::operations::phasing::{PhasingPlan, PhasingRequest};
use serde::Serialize;

use super::{check_found, machines};
use crate::args::{ChangeArguments, LimitArguments, OverrideArguments, RowLimits as _};
use crate::cmd::changes::{self, Action};
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::named_source::NamedSource;
use crate::output::{Output, RowLimit, joined};
use crate::planned::{BaseArguments, base, carry_out};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PhaseArguments {
    /// The repository
    repository: String,
    /// The source package, and its version [default: the newest of each suite]
    #[arg(value_name = "SOURCE[=VERSION]")]
    source: NamedSource,
    /// How many of a hundred machines take it; 100 for all of them
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(0..=100))]
    percent: u8,
    /// Only in this suite; may be given several times
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
    #[command(flatten)]
    base: BaseArguments,
    #[command(flatten)]
    gates: OverrideArguments,
    #[command(flatten)]
    rows: LimitArguments,
    #[command(flatten)]
    change: ChangeArguments,
}

impl PhaseArguments {
    pub(super) fn writes(&self) -> bool {
        !self.change.dry_run
    }

    pub(super) fn repository(&self) -> &str {
        &self.repository
    }
}

/// A package file that goes to another share of the machines.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PhasedPackageJson {
    /// What the file is built for
    architecture: String,
    /// The name of the package
    package: String,
    /// How many of a hundred machines took it before
    percent_before: u8,
    /// The suite
    suite: String,
    /// The version
    version: String,
}

/// The document of `rollout phase`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PhasedJson {
    /// The state that the change was planned from: with `--base`, a change is made only from this one
    base: String,
    /// The new state of the repository; null when nothing changed
    commit: Option<Text<CommitId>>,
    /// Whether nothing was changed
    dry_run: bool,
    /// The package files that go to another share of the machines than before
    packages: Vec<PhasedPackageJson>,
    /// How many of a hundred machines take them from now on
    percent: u8,
    /// The source package
    source: String,
}

impl JsonDocument for PhasedJson {}

pub(super) fn run(
    arguments: &PhaseArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let (dry_run, limit) = (arguments.change.dry_run, arguments.rows.limit(output));
    let repository = session.repository_to_change(&arguments.repository, arguments.change)?;
    let request = PhasingRequest {
        source: arguments.source.name.clone(),
        version: arguments.source.version.clone(),
        percentage: UpdatePercentage::new(arguments.percent),
        suites: arguments.suites.clone(),
    };
    let make = || {
        let plan = session.store.plan_phasing(repository, &request)?;
        let plan = plan.despite(arguments.gates.gate_override());
        check_found(&plan, &arguments.source, &repository.name, session)?;
        arguments.base.check(&repository.name, &[plan.base()])?;
        Ok(plan)
    };
    let (plan, commit) = carry_out(make, |plan: &PhasingPlan| {
        if plan.changes().is_empty() {
            return Ok(None);
        }
        if dry_run {
            plan.check(&session.store, &session.context())?;
            return Ok(None);
        }
        Ok(plan.apply(&session.store, &session.context())?.commit)
    })?;
    let changed = plan.changes().iter().map(|(suite, record)| PhasedPackageJson {
        architecture: record.key().architecture.to_string(),
        package: record.key().package.to_string(),
        percent_before: percent_of(record),
        suite: suite.to_string(),
        version: record.key().version.to_string(),
    });
    let document = PhasedJson {
        base: base(&[plan.base()]),
        commit: commit.map(Text),
        dry_run,
        packages: changed.collect(),
        percent: arguments.percent,
        source: arguments.source.name.to_string(),
    };
    output.result(&document, || {
        if output.shows_change(dry_run) {
            print(&plan, limit, output);
        }
    });
    let mut versions: Vec<String> = plan.chosen().values().map(ToString::to_string).collect();
    versions.sort();
    versions.dedup();
    let what = format!("{} {} in {}", arguments.source.name, joined(&versions), repository.name);
    let machines = machines(plan.percentage());
    let done = match (plan.changes().is_empty(), dry_run) {
        (true, _) => format!("nothing to change: {what} goes to {machines}"),
        (false, true) => format!("would let {what} go to {machines}"),
        (false, false) => format!("{what} goes to {machines}"),
    };
    session.finish_change(&done, (repository, commit), arguments.change, output)?;
    say_what_machines_do(&plan, arguments.percent, output);
    changes::print_undo(repository, commit, session, output);
    Ok(Outcome::Done)
}

pub(super) fn percent_of(record: &Record) -> u8 {
    record.update_percentage().map_or(100, UpdatePercentage::get)
}

fn print(plan: &PhasingPlan, limit: RowLimit, output: &Output) {
    let changes = plan.changes().iter().map(|(suite, record)| {
        let action = Action::Share(record.update_percentage(), plan.percentage());
        (record.key().clone(), suite.clone(), action)
    });
    changes::print(changes.collect(), limit, output);
}

/// Prints what machines do that an administrator may not expect.
fn say_what_machines_do(plan: &PhasingPlan, percent: u8, output: &Output) {
    for (suite, newer) in plan.overtaken() {
        output.warn(
            "W-NEWER-VERSION",
            format!("{suite} has {newer}, which machines take whatever the share of the older version is"),
        );
    }
    for suite in plan.chosen().keys().filter(|suite| percent < 100 && suite.as_str().ends_with("-security")) {
        output.warn(
            "W-SHARE-IGNORED",
            format!("apt 3.0 and newer ignores shares in {suite}, since its name ends in -security"),
        );
    }
    let lowered = plan.changes().iter().any(|(_, record)| percent_of(record) > percent);
    if lowered {
        output.note("machines that have the version keep it: `reissue` brings them back");
    }
    if percent == 0 && !plan.changes().is_empty() {
        output.note("at 0 %, apt before 3.3 still lets one machine of 101 take it; `remove` and `rollback` take it from all that do not have it yet");
    }
}

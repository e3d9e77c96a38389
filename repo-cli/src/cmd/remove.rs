use deb_parse::SuiteName;
use repo_store::model::{CommitId, SuiteRecords};
use repo_store::operations::removal::RemovalPlan;
use repo_store::operations::undo_removal::UndoRemovalPlan;
use repo_store::{RepositorySettings, Selector};
use serde::Serialize;

use super::changes::{self, Action};
use super::client_config::quoted;
use super::hold;
use super::list::ListedJson;
use super::promote::{check_matched, listed, print_changes};
use crate::args::{ChangeArguments, LimitArguments, OverrideArguments, RowLimits as _};
use crate::error::{Failure, Outcome};
use crate::guard::{self, Loss};
use crate::json_value::{JsonDocument, Text};
use crate::only_names::OnlyNames;
use crate::output::Output;
use crate::package_count::PackageCount;
use crate::planned::{BaseArguments, base, carry_out};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RemoveArguments {
    /// The repository
    repository: String,
    /// Names or patterns: every version, that named with =VERSION, or those that 'hello (<< 2.10)' allows, of source packages and binary ones
    #[arg(required = true, value_name = "PACKAGE[=VERSION]")]
    selectors: Vec<Selector>,
    /// Only from this suite; may be given several times
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
    /// Bring back what the last such removal took out, as far as the history goes
    #[arg(long)]
    undo: bool,
    /// Also when nothing, or less than half, of a suite would be left
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    only: OnlyNames,
    #[command(flatten)]
    base: BaseArguments,
    #[command(flatten)]
    gates: OverrideArguments,
    #[command(flatten)]
    rows: LimitArguments,
    #[command(flatten)]
    change: ChangeArguments,
}

impl RemoveArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.change.dry_run
    }

    /// Returns the repository that it changes.
    pub(crate) fn repository(&self) -> &str {
        &self.repository
    }

    /// Returns whether it takes a removal back.
    pub(crate) fn undoes(&self) -> bool {
        self.undo
    }
}

/// The document of `remove`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RemovedJson {
    /// The state that the change was planned from: with `--base`, a change is made only from this one
    base: String,
    /// The new state of the repository; null when nothing changed
    commit: Option<Text<CommitId>>,
    /// How much was removed, or brought back with `--undo`
    count: PackageCount,
    /// Whether nothing was changed
    dry_run: bool,
    /// The package files that were removed, or brought back with `--undo`
    packages: Vec<ListedJson>,
}

impl JsonDocument for RemovedJson {}

pub(crate) fn run(
    arguments: &RemoveArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repository = session.repository_to_change(&arguments.repository, arguments.change)?;
    arguments.only.check_selectors(&arguments.selectors)?;
    let (changes, from, commit) = if arguments.undo {
        bring_back(arguments, repository, session, output)?
    } else {
        take_out(arguments, repository, session, output)?
    };
    let (dry_run, limit) = (arguments.change.dry_run, arguments.rows.limit(output));
    let action = if arguments.undo { Action::Restore } else { Action::Remove };
    let table = changes::all(&changes, &action);
    let (what, name) = (PackageCount::of(changes.iter().map(|(_, record)| record.key())), &repository.name);
    let document = RemovedJson {
        base: base(&[from]),
        commit: commit.map(Text),
        count: what,
        dry_run,
        packages: listed(&changes),
    };
    print_changes(&document, table, dry_run, limit, output);
    let done = match (arguments.undo, arguments.change.dry_run) {
        (false, true) => format!("would remove {what} from {name}"),
        (false, false) => format!("removed {what} from {name}"),
        (true, true) => format!("would bring back {what} to {name}"),
        (true, false) => format!("brought back {what} to {name}"),
    };
    session.finish_change(&done, (repository, commit), arguments.change, output)?;
    if arguments.undo {
        let restored = changes.iter().map(|(_, record)| record.key());
        hold::warn_of_returned(restored, name, limit, (session, output))?;
        changes::print_undo(repository, commit, session, output);
    } else if commit.is_some() {
        let mut words = vec![format!("undo with: repo-cli remove --undo {name}")];
        words.extend(arguments.selectors.iter().map(|selector| quoted(&selector.to_string())));
        words.extend(arguments.suites.iter().map(|suite| format!("--suite {suite}")));
        output.say(&words.join(" "));
    }
    Ok(Outcome::Done)
}

/// Given again after it was cut short, a removal finds nothing to remove but what it removed still to be published.
fn complete(
    arguments: &RemoveArguments,
    repository: &RepositorySettings,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    session.publish_after(repository, None, arguments.change, output)
}

fn take_out(
    arguments: &RemoveArguments,
    repository: &RepositorySettings,
    session: &Session,
    output: &Output,
) -> Result<(SuiteRecords, Option<CommitId>, Option<CommitId>), Failure> {
    let make = || {
        let plan = session.store.plan_removal(repository, &arguments.selectors, &arguments.suites)?;
        let plan = plan.despite(arguments.gates.gate_override());
        check_plan(arguments, repository, plan.changes(), plan.base())?;
        if !plan.unmatched().is_empty() {
            complete(arguments, repository, session, output)?;
        }
        check_matched(plan.unmatched(), &repository.name, (false, &arguments.only), session)?;
        Ok(plan)
    };
    let (plan, commit) = carry_out(make, |plan: &RemovalPlan| {
        let head = session.store.head(&repository.name)?;
        let mut losses = Vec::new();
        for (suite, going) in plan.changes().suites() {
            let before = head.as_ref().map(|head| head.snapshot(suite)).transpose()?;
            let before = before.map_or(0, |before| before.records());
            losses.push(Loss { suite: suite.clone(), before, going: going.len() as u64 });
        }
        let gate_override = arguments.gates.gate_override();
        session.store.pass_freeze(repository, gate_override.as_ref(), session.context().now)?;
        if arguments.change.dry_run {
            plan.check(&session.store, &session.context())?;
            guard::foretell(&repository.name, &losses, arguments.yes, output);
            return Ok(None);
        }
        guard::check(&repository.name, &losses, arguments.yes, output)?;
        Ok(plan.apply(&session.store, &session.context())?.commit)
    })?;
    Ok((plan.changes().clone(), plan.base(), commit))
}

/// Refuses a plan that may not be carried out.
fn check_plan(
    arguments: &RemoveArguments,
    repository: &RepositorySettings,
    changes: &SuiteRecords,
    from: Option<CommitId>,
) -> Result<(), Failure> {
    arguments.base.check(&repository.name, &[from])?;
    arguments.only.check_packages(changes.iter().map(|(_, record)| &record.key().package))
}

fn bring_back(
    arguments: &RemoveArguments,
    repository: &RepositorySettings,
    session: &Session,
    output: &Output,
) -> Result<(SuiteRecords, Option<CommitId>, Option<CommitId>), Failure> {
    let make = || {
        let plan = session.store.plan_undo_removal(repository, &arguments.selectors, &arguments.suites)?;
        let plan = plan.despite(arguments.gates.gate_override());
        check_plan(arguments, repository, plan.changes(), plan.base())?;
        if plan.unmatched().is_empty() {
            return Ok(plan);
        }
        complete(arguments, repository, session, output)?;
        let names = plan.unmatched().iter().map(ToString::to_string).collect();
        Err(Failure::NoRemoval { repository: repository.name.clone(), names })
    };
    let (plan, commit) = carry_out(make, |plan: &UndoRemovalPlan| {
        if arguments.change.dry_run {
            plan.check(&session.store, &session.context())?;
            return Ok(None);
        }
        Ok(plan.apply(&session.store, &session.context())?.commit)
    })?;
    Ok((plan.changes().clone(), plan.base(), commit))
}

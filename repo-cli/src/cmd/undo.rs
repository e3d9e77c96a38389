//! Taking back the last change of a repository.

use std::collections::BTreeMap;

use repo_store::history::Operation;
use repo_store::model::CommitId;
use repo_store::operations::undo::UndoPlan;
use repo_store::{Context, PublishOptions, RepositoryName};
use serde::Serialize;

use super::diff::DifferenceJson;
use super::{changes, diff, hold, rollback};
use crate::args::{ChangeArguments, LimitArguments, OverrideArguments, RowLimits as _};
use crate::error::{Failure, Outcome};
use crate::guard;
use crate::json_value::{JsonDocument, Text};
use crate::output::Output;
use crate::package_count::ChangeCount;
use crate::planned::{BaseArguments, base, unless_begun};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct UndoArguments {
    /// The repository
    repository: String,
    /// Also when nothing, or less than half, of a suite would be left
    #[arg(long)]
    yes: bool,
    /// Refuse a change that was made together with that of another repository; the interface for programs gives it
    #[arg(long, hide = true)]
    alone: bool,
    #[command(flatten)]
    base: BaseArguments,
    #[command(flatten)]
    gates: OverrideArguments,
    #[command(flatten)]
    rows: LimitArguments,
    #[command(flatten)]
    change: ChangeArguments,
}

impl UndoArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.change.dry_run
    }

    /// Returns the repository that it changes.
    pub(crate) fn repository(&self) -> &str {
        &self.repository
    }
}

pub(crate) fn run(arguments: &UndoArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let (dry_run, context) = (arguments.change.dry_run, session.context());
    let repository = session.repository_to_change(&arguments.repository, arguments.change)?;
    // It is not planned again when somebody else was faster: the last change is theirs then.
    let plan = session.store.plan_undo(&repository.name);
    let gate_override = arguments.gates.gate_override();
    let plan = unless_begun(plan, &session.store, arguments.change)?
        .meeting_gates(&session.config.repositories().collect::<Vec<_>>(), gate_override.as_ref());
    let mut parts = vec![(&plan, repository)];
    for other in plan.together() {
        if arguments.alone {
            return Err(Failure::MadeTogether { repository: repository.name.clone() });
        }
        parts.push((other, session.repository_to_change(other.repository().as_str(), arguments.change)?));
    }
    arguments.base.check(&repository.name, &bases(&plan))?;
    for (part, _) in &parts {
        let losses = rollback::losses(part.changes(), |suite| part.records_before(suite));
        match dry_run {
            true => guard::foretell(part.repository(), &losses, arguments.yes, output),
            false => guard::check(part.repository(), &losses, arguments.yes, output)?,
        }
    }
    let commits = if dry_run {
        plan.check(&session.store, &context)?;
        Commits::new()
    } else {
        plan.apply(&session.store, &context)?
    };
    let of_part = |part| UndoneJson::new(part, &commits, arguments, &context);
    let together = plan.together().iter().map(of_part).collect();
    let document = UndoneJson { together, ..of_part(&plan) };
    output.result(&document, || {
        if output.shows_change(dry_run) {
            for (part, _) in &parts {
                if parts.len() > 1 {
                    output.say(&format!("{}:", part.repository()));
                }
                print(part, arguments.rows, output);
            }
        }
    });
    let verb = if dry_run { "would undo" } else { "undid" };
    // What clients go back to must be whole, also where it is taken over.
    let options = PublishOptions { check_all: true, ..PublishOptions::default() };
    let mut complete = true;
    for (part, settings) in &parts {
        let (number, operation) = (part.undone().sequence, &part.undone().operation);
        let done = format!("{verb} {number} of {}: {operation}", settings.name);
        let change = (*settings, commits.get(&settings.name).copied());
        match session.finish_change_with(options, &done, change, arguments.change, output) {
            // One that cannot be published keeps the others from nothing.
            Err(failure) if parts.len() > 1 => {
                output.failed(&settings.name, &failure);
                complete = false;
            }
            result => result?,
        }
        let (held, lifted) = part.holds(&context);
        hold::say_changed(&held, &lifted, dry_run, output);
        let restored = part.changes().values().flat_map(|change| &change.only_second);
        let restored = restored.map(|record| record.key());
        hold::warn_of_returned(restored, &settings.name, arguments.rows.limit(output), (session, output))?;
    }
    changes::print_undo(repository, commits.get(&repository.name).copied(), session, output);
    for (part, settings) in parts.iter().filter(|(_, settings)| commits.contains_key(&settings.name)) {
        let target = session.resolve(&settings.name, &part.target().to_string())?;
        rollback::print_upgraded_machines(&target, settings, part.changes(), output)?;
    }
    Ok(Outcome::of(complete))
}

type Commits = BTreeMap<RepositoryName, CommitId>;

/// Returns the states that are undone: that of the repository first, then those that were made together with it.
fn bases(plan: &UndoPlan) -> Vec<Option<CommitId>> {
    std::iter::once(plan).chain(plan.together()).map(|part| Some(part.base())).collect()
}

/// The document of `undo`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UndoneJson<'a> {
    /// The states that the change was planned from: with `--base`, a change is made only from these
    base: String,
    /// The new state of the repository; null when nothing changed
    commit: Option<Text<&'a CommitId>>,
    /// How much changed
    count: ChangeCount,
    /// The package files that were removed (`a`) and restored (`b`)
    differences: Vec<DifferenceJson<'a>>,
    /// Whether nothing was changed
    dry_run: bool,
    /// The versions that are held from now on
    held: Vec<String>,
    /// The versions whose hold ends
    no_longer_held: Vec<String>,
    /// The repository
    repository: Text<&'a RepositoryName>,
    /// The state that the repository is as in again
    to: Text<CommitId>,
    /// The same for the other repositories that were changed together with this one; absent when there are none
    #[serde(skip_serializing_if = "Vec::is_empty")]
    together: Vec<Self>,
    /// The change that was undone
    undone: UndoneChangeJson<'a>,
}

impl JsonDocument for UndoneJson<'_> {}

/// A change that was undone.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct UndoneChangeJson<'a> {
    /// The state that it made
    commit: Text<CommitId>,
    /// The number of the state
    number: u64,
    /// What was done
    operation: Text<&'a Operation>,
}

impl<'a> UndoneJson<'a> {
    /// Makes the document of one repository.
    fn new(plan: &'a UndoPlan, commits: &'a Commits, arguments: &UndoArguments, context: &Context) -> Self {
        let (held, lifted) = plan.holds(context);
        let undone = plan.undone();
        Self {
            base: base(&bases(plan)),
            commit: commits.get(plan.repository()).map(Text),
            count: ChangeCount::of(plan.changes()),
            differences: diff::json(plan.changes()),
            dry_run: arguments.change.dry_run,
            held: hold::names(&held),
            no_longer_held: hold::names(&lifted),
            repository: Text(plan.repository()),
            to: Text(plan.target()),
            together: Vec::new(),
            undone: UndoneChangeJson {
                commit: Text(plan.base()),
                number: undone.sequence,
                operation: Text(&undone.operation),
            },
        }
    }
}

/// Prints what happens to each package.
fn print(plan: &UndoPlan, limit: LimitArguments, output: &Output) {
    let exchanges = changes::exchanges(diff::each(plan.changes()));
    if !exchanges.is_empty() {
        let rows = changes::print(exchanges, limit.limit(output), output);
        output.total(rows, &rollback::total(plan.changes()));
    }
}

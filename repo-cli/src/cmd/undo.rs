//! Taking back the last change of a repository.

use repo_store::{PublishOptions, UndoPlan};

use super::{changes, diff, hold, rollback};
use crate::args::{ChangeArguments, LimitArguments, RowLimits as _};
use crate::error::{Failure, Outcome};
use crate::guard;
use crate::output::Output;
use crate::package_count::ChangeCount;
use crate::planned::{BaseArguments, base};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct UndoArguments {
    /// The repository
    repository: String,
    /// Also when nothing, or less than half, of a suite would be left
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    base: BaseArguments,
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
}

pub(crate) fn run(arguments: &UndoArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let (dry_run, context) = (arguments.change.dry_run, session.context());
    let repository = session.repository_to_change(&arguments.repository, arguments.change)?;
    // It is not planned again when somebody else was faster: the last change is theirs then.
    let plan = session.store.plan_undo(&repository.name)?;
    arguments.base.check(&repository.name, &[Some(plan.base())])?;
    let losses = rollback::losses(plan.changes(), |suite| plan.records_before(suite));
    let commit = if dry_run {
        guard::foretell(&losses, output);
        None
    } else {
        guard::check(&repository.name, &losses, arguments.yes, output)?;
        plan.apply(&session.store, &context)?.commit
    };
    let (held, lifted) = plan.holds(&context);
    let (number, id, operation) = (plan.undone().sequence, plan.base(), &plan.undone().operation);
    let document = serde_json::json!({
        "undone": { "number": number, "commit": id.to_string(), "operation": operation.to_string() },
        "to": plan.target().to_string(),
        "base": base(&[Some(plan.base())]),
        "commit": commit.map(|id| id.to_string()),
        "dry_run": dry_run,
        "differences": diff::json(plan.changes()),
        "count": ChangeCount::of(plan.changes()),
        "held": hold::names(&held),
        "no_longer_held": hold::names(&lifted),
    });
    output.result(&document, || {
        if output.shows_change(dry_run) {
            print(&plan, arguments.rows, output);
        }
    });
    let verb = if dry_run { "would undo" } else { "undid" };
    let done = format!("{verb} {number} of {}: {operation}", repository.name);
    // What clients go back to must be whole, also where it is taken over.
    let options = PublishOptions { check_all: true, ..PublishOptions::default() };
    session.finish_change_with(options, &done, (repository, commit), arguments.change, output)?;
    hold::say_changed(&held, &lifted, dry_run, output);
    let restored = plan.changes().values().flat_map(|change| &change.only_second).map(|record| record.key());
    hold::warn_of_returned(restored, &repository.name, arguments.rows.limit(output), (session, output))?;
    changes::print_undo(repository, commit, session, output);
    if commit.is_some() {
        let target = session.resolve(&repository.name, &plan.target().to_string())?;
        rollback::print_upgraded_machines(&target, repository, plan.changes(), output)?;
    }
    Ok(Outcome::Done)
}

/// Prints what happens to each package.
fn print(plan: &UndoPlan, limit: LimitArguments, output: &Output) {
    let exchanges = changes::exchanges(diff::each(plan.changes()));
    if !exchanges.is_empty() {
        let rows = changes::print(exchanges, limit.limit(output), output);
        output.total(rows, &rollback::total(plan.changes()));
    }
}

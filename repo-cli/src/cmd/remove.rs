use deb_parse::SuiteName;
use repo_store::Selector;

use super::promote::{check_matched, print_plan};
use crate::args::{ChangeArguments, LimitArguments};
use crate::error::{Failure, Outcome};
use crate::guard::{self, Loss};
use crate::output::{Output, count};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RemoveArguments {
    /// The repository
    repository: String,
    /// Names or patterns: every version, or the one named with =VERSION, of source packages and binary ones
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
    rows: LimitArguments,
    #[command(flatten)]
    change: ChangeArguments,
}

impl RemoveArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.change.dry_run
    }
}

pub(crate) fn run(
    arguments: &RemoveArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repository = session.repository_to_change(&arguments.repository, arguments.change)?;
    let (selectors, suites) = (&arguments.selectors, &arguments.suites);
    let plan = if arguments.undo {
        session.store.plan_return(repository, selectors, suites)?
    } else {
        session.store.plan_removal(repository, selectors, suites)?
    };
    if !plan.unmatched.is_empty() {
        // Given again after it was cut short, it finds nothing to remove but what it removed still to be published.
        session.publish_after(repository, None, arguments.change, output)?;
    }
    check_matched(&plan)?;
    if !arguments.undo && !arguments.change.dry_run {
        let head = session.store.head(&repository.name)?;
        let named = !selectors.iter().any(Selector::is_pattern);
        let mut losses = Vec::new();
        for (suite, going) in &plan.records {
            let before = head.as_ref().map(|head| head.snapshot(suite)).transpose()?;
            let before = before.map_or(0, |before| before.records());
            losses.push(Loss { suite: suite.clone(), before, going: going.len() as u64, named });
        }
        guard::check(&repository.name, &losses, arguments.yes, output)?;
    }
    let mut commit = None;
    if !arguments.change.dry_run {
        let context = session.context();
        let committed = if arguments.undo {
            session.store.bring_back(&plan, &repository.name, &context)?
        } else {
            session.store.remove(&plan, &repository.name, &context)?
        };
        commit = committed.commit;
    }
    print_plan(&plan, commit, arguments.change.dry_run, arguments.rows.limit(), output);
    let (what, name) = (count(plan.by_record().len(), "package"), &repository.name);
    output.say(&match (arguments.undo, arguments.change.dry_run) {
        (false, true) => format!("would remove {what} from {name}"),
        (false, false) => {
            format!("removed {what} from {name}; to undo, give the same command with --undo")
        }
        (true, true) => format!("would bring back {what} to {name}"),
        (true, false) => format!("brought back {what} to {name}"),
    });
    session.publish_after(repository, commit, arguments.change, output)?;
    Ok(Outcome::Done)
}

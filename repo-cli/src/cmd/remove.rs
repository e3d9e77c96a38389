use deb_parse::SuiteName;
use repo_store::Selector;

use super::promote::{check_matched, print_plan};
use crate::args::ChangeArguments;
use crate::error::{Failure, Outcome};
use crate::output::{Output, count};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RemoveArguments {
    /// The repository
    repository: String,
    /// Names or patterns: every version, or the one named with =VERSION
    #[arg(required = true, value_name = "PACKAGE[=VERSION]")]
    selectors: Vec<Selector>,
    /// Only from this suite; may be given several times
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
    #[command(flatten)]
    change: ChangeArguments,
}

pub(crate) fn run(
    arguments: &RemoveArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repository = session.repository(&arguments.repository)?;
    let plan = session.store.plan_removal(repository, &arguments.selectors, &arguments.suites)?;
    check_matched(&plan)?;
    let mut commit = None;
    if !arguments.change.dry_run {
        commit = session.store.remove(&plan, &repository.name, &session.context())?.commit;
    }
    print_plan(&plan, commit, arguments.change.dry_run, output);
    let what = count(plan.by_record().len(), "package");
    output.say(&if arguments.change.dry_run {
        format!("would remove {what} from {}", repository.name)
    } else {
        format!("removed {what} from {}: `repo-cli rollback` brings them back", repository.name)
    });
    session.publish_after(repository, commit, arguments.change, output)?;
    Ok(Outcome::Done)
}

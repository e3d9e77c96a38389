use std::time::Duration;

use camino::Utf8PathBuf;
use repo_store::{AddOptions, IncomingOptions};

use super::add::{self, PlacementArguments};
use crate::args::ChangeArguments;
use crate::error::{Failure, Outcome};
use crate::output::Output;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct IncomingArguments {
    /// The repository to add to
    repository: String,
    /// The drop folders
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<Utf8PathBuf>,
    /// Look once and end; run it from a timer
    #[arg(long, required = true)]
    once: bool,
    /// How long a file that is no valid package may be unchanged before it is rejected, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
    #[command(flatten)]
    placement: PlacementArguments,
    #[command(flatten)]
    change: ChangeArguments,
}

pub(crate) fn run(
    arguments: &IncomingArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repository = session.repository(&arguments.repository)?;
    let add = AddOptions { dry_run: arguments.change.dry_run, ..arguments.placement.options() };
    let options = IncomingOptions { patience: Duration::from_secs(arguments.patience), add };
    let mut outcome = Outcome::Done;
    let mut commit = None;
    for folder in &arguments.folders {
        let found = session.store.take_incoming(repository, folder, &options, &session.context())?;
        for left in &found.left {
            output.say(&format!("left {}: it {}", left.file, left.why));
        }
        add::print(&found.report, true, options.add.dry_run, output);
        if !found.report.refused.is_empty() {
            outcome = Outcome::Refused;
        }
        commit = found.report.committed.commit.or(commit);
    }
    session.publish_after(repository, commit, arguments.change, output)?;
    Ok(outcome)
}

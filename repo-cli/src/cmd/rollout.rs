//! `rollout`: a version goes to a share of the machines first.

pub(crate) mod phase;
pub(crate) mod preview;
pub(crate) mod status;

use repo_store::RepositoryName;
use repo_store::model::record::UpdatePercentage;
use repo_store::operations::phasing::PhasingPlan;

use crate::error::{Failure, Outcome};
use crate::named_source::NamedSource;
use crate::output::Output;
use crate::package_names;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RolloutArguments {
    #[command(subcommand)]
    command: RolloutCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum RolloutCommand {
    /// Let a version go to a share of the machines, to more of them, or to all
    ///
    /// The index then says Phased-Update-Percentage, and each machine decides by itself, by its /etc/machine-id: all packages of a source go or stay
    /// together, and a larger share is the smaller one and others. apt in chroots and containers, packages that are installed by name, and
    /// unattended-upgrades take the version at once. A lower share takes nothing from machines that have it: `reissue` and `rollback` do.
    Phase(phase::PhaseArguments),
    /// List the versions that go to a share of the machines
    Status(status::StatusArguments),
    /// Say which of these machines take a version at a share
    ///
    /// It reads IDs of machines, as /etc/machine-id holds them: one per line, each followed by a name if you like. The answer is that of apt itself.
    Preview(preview::PreviewArguments),
}

impl RolloutArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        match &self.command {
            RolloutCommand::Phase(arguments) => arguments.writes(),
            RolloutCommand::Status(_) | RolloutCommand::Preview(_) => false,
        }
    }

    /// Returns the repository that it changes.
    pub(crate) fn repository(&self) -> Option<&str> {
        match &self.command {
            RolloutCommand::Phase(arguments) => Some(arguments.repository()),
            RolloutCommand::Status(_) | RolloutCommand::Preview(_) => None,
        }
    }
}

pub(crate) fn run(
    arguments: &RolloutArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    match &arguments.command {
        RolloutCommand::Phase(arguments) => phase::run(arguments, session, output),
        RolloutCommand::Status(arguments) => status::run(arguments, session, output),
        RolloutCommand::Preview(arguments) => preview::run(arguments, session, output),
    }
}

/// Refuses a version that no suite has.
fn check_found(
    plan: &PhasingPlan,
    source: &NamedSource,
    repository: &RepositoryName,
    session: &Session,
) -> Result<(), Failure> {
    if !plan.chosen().is_empty() {
        return Ok(());
    }
    Err(package_names::no_match(session, repository, vec![source.to_string()], true))
}

/// Returns which machines a share is, in words.
fn machines(percentage: Option<UpdatePercentage>) -> String {
    percentage.map_or_else(|| "all machines".to_owned(), |percentage| format!("{percentage} of the machines"))
}

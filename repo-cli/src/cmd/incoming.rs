use std::io::IsTerminal as _;
use std::time::Duration;

use camino::Utf8PathBuf;
use repo_store::{AddOptions, AddReport, Committed, IncomingOptions};

use super::add::{self, PlacementArguments};
use crate::args::{ChangeArguments, LimitArguments};
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
    /// How long a file that is not a valid package may be unchanged before it is rejected, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
    /// Take also what a removal or a rollback took out
    #[arg(long)]
    despite_hold: bool,
    #[command(flatten)]
    placement: PlacementArguments,
    #[command(flatten)]
    rows: LimitArguments,
    #[command(flatten)]
    change: ChangeArguments,
}

impl IncomingArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.change.dry_run
    }
}

pub(crate) fn run(
    arguments: &IncomingArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repository = &session.repository_to_add_to(&arguments.repository, arguments.change)?;
    let add = AddOptions { dry_run: arguments.change.dry_run, ..arguments.placement.options() };
    let options = IncomingOptions {
        patience: Duration::from_secs(arguments.patience),
        despite_hold: arguments.despite_hold,
        add,
    };
    let mut all = AddReport { added: Vec::new(), refused: Vec::new(), committed: Committed { commit: None } };
    let (mut complete, mut left, mut told) = (true, Vec::new(), Vec::new());
    for folder in &arguments.folders {
        match session.store.take_incoming(repository, folder, &options, &session.context()) {
            Ok(found) => {
                // A timer looks again and again; a person wants to see everything.
                let everything = arguments.change.dry_run || std::io::stdout().is_terminal();
                let shown = found.left.iter().filter(|left| everything || !left.is_known);
                told.extend(shown.map(|left| {
                    format!("left {}: it {}", left.file.as_str().replace('\n', "\\n"), left.why)
                }));
                left.extend(found.left);
                // The files stay where they are, and what is good is published all the same.
                if let Some(error) = found.not_moved {
                    output.error(&error.into());
                    complete = false;
                }
                all.added.extend(found.report.added);
                all.refused.extend(found.report.refused);
                all.committed.commit = found.report.committed.commit.or(all.committed.commit);
            }
            Err(error @ repo_store::Error::Cancelled(_)) => return Err(error.into()),
            // What came out of the other folders is published all the same.
            Err(error) => {
                output.error(&error.into());
                complete = false;
            }
        }
    }
    let limit = arguments.rows.limit();
    told.iter().take(limit.of(told.len())).for_each(|line| output.say(line));
    if let Some(rest) = limit.rest(told.len(), "left file") {
        output.say(&rest);
    }
    add::warn_of_unknown_releases(&all, repository, limit, session, output);
    add::print_incoming(&all, &left, options.add.dry_run, limit, output);
    add::finish(&all, repository, arguments.change, session, output)?;
    Ok(Outcome::of(complete && all.refused.is_empty()))
}

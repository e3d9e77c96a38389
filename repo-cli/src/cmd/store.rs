use clap::Subcommand;
use repo_store::Format;

use crate::error::{Failure, Outcome};
use crate::output::Output;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StoreArguments {
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum StoreCommand {
    /// Bring the store to the newest format
    ///
    /// Every verb reads older formats; the first one that writes upgrades the store and says so. Older versions of repo-cli refuse a
    /// store of a newer format. Until something is written, `--undo` returns to the format before.
    Upgrade {
        /// Show what would be done and change nothing
        #[arg(long, conflicts_with = "undo")]
        dry_run: bool,
        /// Return to the format before the upgrade, if nothing was written since
        #[arg(long)]
        undo: bool,
    },
}

pub(crate) fn run(
    arguments: &StoreArguments,
    mut session: Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let StoreCommand::Upgrade { dry_run, undo } = arguments.command;
    let before = session.store.format();
    let gains = if undo { &[][..] } else { before.lacks() };
    let after = if undo {
        session.store.undo_upgrade()?
    } else {
        if !dry_run {
            session.store.upgrade()?;
        }
        before.max(Format::WRITTEN)
    };
    let document = serde_json::json!({
        "before": before.number(),
        "after": after.number(),
        "gains": gains,
        "dry_run": dry_run,
    });
    output.result(&document, || {});
    output.say(&match (undo, before == after, dry_run) {
        (true, ..) => format!("returned the store from format {before} to format {after}"),
        (_, true, _) => format!("the store needs no upgrade: it has format {after}"),
        (_, _, true) => format!("would upgrade the store from format {before} to format {after}"),
        (_, _, false) => format!("upgraded the store from format {before} to format {after}"),
    });
    for gain in gains {
        output.say(&format!("  {gain}"));
    }
    if before < after && !dry_run {
        output.say("until something is written, `repo-cli store upgrade --undo` leads back");
    }
    Ok(Outcome::Done)
}

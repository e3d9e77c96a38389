use clap::Subcommand;
use repo_store::storage::Format;
use serde::Serialize;

use crate::error::{Failure, Outcome};
use crate::json_value::JsonDocument;
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

/// The document of `store upgrade`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UpgradedJson {
    /// The number of the format after it
    after: u32,
    /// The number of the format before it
    before: u32,
    /// Whether nothing was changed
    dry_run: bool,
    /// What the store gains, in words
    gains: &'static [&'static str],
}

impl JsonDocument for UpgradedJson {}

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
    let document = UpgradedJson { after: after.number(), before: before.number(), dry_run, gains };
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

use camino::Utf8PathBuf;
use repo_store::{FsckOptions, OutsideFile, RepairReport, Store};
use serde_json::json;

use super::backup::outside_json;
use super::fsck;
use crate::args::Global;
use crate::error::{Failure, Outcome};
use crate::output::{Output, bytes, count};
use crate::session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RestoreArguments {
    /// The backup, or any copy of the files that `backup --list` names
    #[arg(value_name = "BACKUP")]
    backup: Utf8PathBuf,
    /// Where to make the store: a new or empty directory
    #[arg(value_name = "DIR")]
    directory: Utf8PathBuf,
}

pub(crate) fn run(
    arguments: &RestoreArguments,
    global: &Global,
    output: &Output,
) -> Result<Outcome, Failure> {
    let context = session::context(session::actor(global));
    let (store, report) = Store::restore(&arguments.backup, &arguments.directory, &context)?;
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    output.say(&format!(
        "restored {} ({}) and {} to {}",
        count(number(report.copied), "file"),
        bytes(report.bytes),
        count(number(report.publications), "publication"),
        arguments.directory
    ));
    for OutsideFile { path, saved_as } in &report.outside {
        output.say(&format!("restored {}; it belongs at {path}", arguments.directory.join(saved_as)));
    }
    for path in &report.damaged {
        output.error(&Failure::NotRestored { path: path.clone() });
    }
    let found = store.fsck(&FsckOptions::default(), &context)?;
    let is_clean = found.is_clean();
    let problems: Vec<_> = found.problems.iter().map(fsck::to_json).collect();
    fsck::print(&RepairReport { remaining: found, ..RepairReport::default() }, false, output);
    let json = json!({
        "copied": report.copied,
        "bytes": report.bytes,
        "publications": report.publications,
        "damaged": report.damaged,
        "outside": report.outside.iter().map(outside_json).collect::<Vec<_>>(),
        "clean": is_clean,
        "problems": problems,
    });
    output.result(&json, || {});
    Ok(Outcome::of(report.damaged.is_empty() && is_clean))
}

use camino::Utf8PathBuf;
use repo_store::{FsckOptions, RepairReport, SignedSuite, Store};
use serde_json::json;

use super::fsck::{self, KnownKeys};
use crate::args::Global;
use crate::error::{Failure, Outcome};
use crate::keys::Keys;
use crate::output::{Output, count};
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
        "restored {} ({} bytes) and {} to {}",
        count(number(report.copied), "file"),
        report.bytes,
        count(number(report.publications), "publication"),
        arguments.directory
    ));
    for path in &report.damaged {
        output.problem(&format!("{path} is damaged or missing in the backup"), None);
    }
    let keys = KnownKeys::of(&Keys::new(&arguments.directory), output)?;
    let check = |suite: SignedSuite<'_>| keys.verify(suite);
    let options =
        FsckOptions { signatures: Some(&check), keys: Some(&keys.fingerprints), ..FsckOptions::default() };
    let found = store.fsck(&options, &context)?;
    let is_clean = found.is_clean();
    if output.is_json() {
        let json = json!({
            "copied": report.copied,
            "bytes": report.bytes,
            "publications": report.publications,
            "damaged": report.damaged,
            "clean": is_clean,
        });
        output.result(&json, || {});
    } else {
        fsck::print(&RepairReport { remaining: found, ..RepairReport::default() }, false, output);
    }
    Ok(Outcome::of(report.damaged.is_empty() && is_clean))
}

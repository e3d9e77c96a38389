use camino::Utf8PathBuf;
use serde_json::json;

use crate::error::{Failure, Outcome};
use crate::output::{Output, count};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BackupArguments {
    /// Where to; what is there already from an earlier backup is not copied again
    #[arg(value_name = "DIR", required_unless_present = "list")]
    directory: Option<Utf8PathBuf>,
    /// Print the files instead, by their paths from the root, those first that others refer to
    #[arg(long, conflicts_with = "directory")]
    list: bool,
}

pub(crate) fn run(
    arguments: &BackupArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let Some(directory) = &arguments.directory else {
        let files = session.store.backup_files()?;
        output
            .result(&json!({ "files": files }), || files.iter().for_each(|file| output.line(file.as_str())));
        return Ok(Outcome::Done);
    };
    let report = session.store.backup(directory, &session.context())?;
    let json = json!({
        "copied": report.copied,
        "bytes": report.bytes,
        "kept": report.kept,
        "damaged": report.damaged,
    });
    output.result(&json, || {});
    let number = |files: u64| count(usize::try_from(files).unwrap_or(usize::MAX), "file");
    output.say(&format!(
        "copied {} ({} bytes) to {directory}, {} were there",
        number(report.copied),
        report.bytes,
        number(report.kept)
    ));
    for path in &report.damaged {
        let report = Failure::NotBackedUp { path: path.clone() }.report();
        output.note(&format!("error: {}", report.message));
        output.record(report);
    }
    if report.damaged.is_empty() {
        return Ok(Outcome::Done);
    }
    output.note("hint: `repo-cli fsck` says what that affects");
    Ok(Outcome::Refused)
}

//! What git knows of the folder that is built.

use std::process::Command;

use camino::Utf8Path;

use super::failure::BuildFailure;
use super::version;
use crate::error::Failure;

/// The most commits that a changelog lists.
const COMMITS: &str = "--max-count=200";

/// Returns the version that the last tag and the commits since then make.
pub(super) fn version(folder: &Utf8Path) -> Result<String, Failure> {
    let described = git(folder, &["describe", "--tags", "--long", "--dirty", "--match", "*[0-9]*"])?;
    version::of_description(&described)
        .ok_or_else(|| failure(format!("no version in `{}`", described.trim().escape_debug())))
}

/// Returns the subjects of the commits that made this version, the newest first: those since the last tag, or, where the commit has a tag
/// itself, since the one before.
pub(super) fn changes(folder: &Utf8Path) -> Result<Vec<String>, Failure> {
    let tag = |commit: &str| git(folder, &["describe", "--tags", "--abbrev=0", "--match", "*[0-9]*", commit]);
    let is_tagged = git(folder, &["describe", "--tags", "--exact-match", "--match", "*[0-9]*"]).is_ok();
    let since = tag(if is_tagged { "HEAD^" } else { "HEAD" }).ok();
    let range = since.map_or_else(|| "HEAD".to_owned(), |tag| format!("{}..HEAD", tag.trim()));
    let text =
        git(folder, &["log", "--no-merges", "--format=%s", COMMITS, "--end-of-options", &range, "--", "."])?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Returns the time of the commit, in seconds since 1970; none outside of git.
pub(super) fn time(folder: &Utf8Path) -> Option<u64> {
    git(folder, &["log", "-1", "--format=%ct"]).ok()?.trim().parse().ok()
}

fn git(folder: &Utf8Path, arguments: &[&str]) -> Result<String, Failure> {
    let mut command = Command::new("git");
    command
        .args(["-c", "core.fsmonitor=false", "-c", "log.showSignature=false", "-C", folder.as_str()])
        .args(arguments)
        .env("LC_ALL", "C");
    let output = command.output().map_err(|error| failure(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim().lines().next().unwrap_or("failed").trim_start_matches("fatal: ");
    Err(failure(said.to_owned()))
}

fn failure(what: String) -> Failure {
    BuildFailure::Git { what }.into()
}

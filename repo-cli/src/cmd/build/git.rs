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
    let mut described = described.trim().to_owned();
    if !described.ends_with(DIRTY) && has_untracked(folder)? {
        described.push_str(DIRTY);
    }
    version::of_description(&described)
        .ok_or_else(|| failure(format!("no version in `{}`", described.trim().escape_debug())))
}

/// What git puts after the description of a folder whose files are not those of the commit.
const DIRTY: &str = "-dirty";

/// Returns whether the folder has files that git neither has nor ignores: they may go into the package. What builds leave does not count.
fn has_untracked(folder: &Utf8Path) -> Result<bool, Failure> {
    let built = [":(exclude)*.deb", ":(exclude)*.buildinfo", ":(exclude)*.repo-cli-build-*"];
    let list = ["ls-files", "--others", "--exclude-standard", "-z", "--", "."];
    Ok(!git(folder, &[&list[..], &built].concat())?.is_empty())
}

/// Returns the subjects of the commits that made this version, the newest first: those since the last tag, or, where the commit has a tag
/// itself, since the one before.
pub(super) fn changes(folder: &Utf8Path) -> Result<Vec<String>, Failure> {
    let tag = |commit: &str| git(folder, &["describe", "--tags", "--abbrev=0", "--match", "*[0-9]*", commit]);
    let is_tagged = git(folder, &["describe", "--tags", "--exact-match", "--match", "*[0-9]*"]).is_ok();
    let since = tag(if is_tagged { "HEAD^" } else { "HEAD" }).ok();
    // In full, so that a tag with the name of an option or of a branch is a tag.
    let range = since.map_or_else(|| "HEAD".to_owned(), |tag| format!("refs/tags/{}..HEAD", tag.trim()));
    let text =
        git(folder, &["log", "--no-merges", "--format=%s", COMMITS, "--end-of-options", &range, "--", "."])?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Returns the time of the commit, in seconds since 1970; none outside of git.
pub(super) fn time(folder: &Utf8Path) -> Option<u64> {
    git(folder, &["log", "-1", "--format=%ct"]).ok()?.trim().parse().ok()
}

/// Runs git. It verifies no signatures, runs no hooks and fetches nothing, whatever the configuration of the repository says; filters of that
/// configuration run, since without them git takes their files for changed ones.
fn git(folder: &Utf8Path, arguments: &[&str]) -> Result<String, Failure> {
    let mut command = Command::new("git");
    for setting in ["core.fsmonitor=false", "core.hooksPath=/dev/null", "log.showSignature=false"] {
        command.args(["-c", setting]);
    }
    command
        .args(["-C", folder.as_str()])
        .args(arguments)
        .env("LC_ALL", "C")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_ALLOW_PROTOCOL", "none");
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_a_clone_brings_neither_writes_files_nor_runs_programs() {
        if Command::new("git").arg("--version").output().is_err() {
            testkit::skipped("git is not installed");
            return;
        }
        // Names of tags have no elements that begin with a point.
        let directory = tempfile::Builder::new().prefix("git").tempdir().unwrap();
        let directory = Utf8Path::from_path(directory.path()).unwrap();
        let (folder, marks) = (directory.join("folder"), directory.join("marks"));
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir(&marks).unwrap();
        let program = directory.join("program");
        let signature = "-----BEGIN PGP SIGNATURE-----\n-----END PGP SIGNATURE-----";
        let script = format!(
            "#!/bin/sh\ntouch {marks}/$$\ncat >/dev/null\necho '{signature}'\nprintf '\\n[GNUPG:] SIG_CREATED \\n' >&2\n"
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let run = |words: &[&str]| {
            let mut command = Command::new("git");
            command.args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-C", folder.as_str()]);
            let output = command.args(words).output().unwrap();
            assert!(output.status.success(), "{words:?}: {output:?}");
        };
        run(&["init", "-q"]);
        for (key, value) in [("gpg.program", program.as_str()), ("log.showSignature", "true")] {
            run(&["config", key, value]);
        }
        run(&["commit", "-q", "-S", "--allow-empty", "-m", "One"]);
        run(&["update-ref", &format!("refs/tags/--output={marks}/x1"), "HEAD"]);
        fs::write(folder.join("a"), "").unwrap();
        run(&["add", "a"]);
        run(&["commit", "-q", "-S", "-m", "Two"]);
        // A branch with the name of the tag.
        run(&["update-ref", &format!("refs/heads/--output={marks}/x1"), "HEAD"]);
        let hooks = folder.join(".git/hooks");
        fs::create_dir_all(&hooks).unwrap();
        fs::copy(&program, hooks.join("post-index-change")).unwrap();
        for mark in fs::read_dir(&marks).unwrap() {
            fs::remove_file(mark.unwrap().path()).unwrap();
        }
        // git looks again whether it has changed.
        fs::File::open(folder.join("a")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(changes(&folder).unwrap(), ["Two"]);
        assert!(
            version(&folder).unwrap().starts_with("1+1.g") && !version(&folder).unwrap().contains("dirty")
        );
        assert!(time(&folder).is_some());
        assert_eq!(fs::read_dir(&marks).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_git_does_not_know_makes_a_version_dirty() {
        if Command::new("git").arg("--version").output().is_err() {
            testkit::skipped("git is not installed");
            return;
        }
        let directory = tempfile::Builder::new().prefix("git").tempdir().unwrap();
        let folder = Utf8Path::from_path(directory.path()).unwrap();
        let run = |words: &[&str]| {
            let mut command = Command::new("git");
            command.args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-C", folder.as_str()]);
            assert!(command.args(words).output().unwrap().status.success(), "{words:?}");
        };
        run(&["init", "-q"]);
        fs::write(folder.join(".gitignore"), "*.log\n").unwrap();
        run(&["add", "."]);
        run(&["commit", "-q", "-m", "One"]);
        run(&["tag", "v1.0"]);
        let write = |path: &str| fs::write(folder.join(path), "").unwrap();
        fs::create_dir_all(folder.join("out/.repo-cli-build-1")).unwrap();
        for path in ["a.log", "acme_1.0-1_all.deb", "out/acme_1.0-1_all.buildinfo", "out/.repo-cli-build-1/x"]
        {
            write(path);
        }
        assert_eq!(version(folder).unwrap(), "1.0");
        fs::create_dir(folder.join("etc")).unwrap();
        write("etc/new.conf");
        assert_eq!(version(folder).unwrap(), "1.0+0.dirty");
        assert_eq!(version(&folder.join("out")).unwrap(), "1.0", "only the folder that is built counts");
    }
}

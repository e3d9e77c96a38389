//! Folders into which others drop packages: a build server, `scp` from a CI job, people.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::files::{self, mode};
use crate::{AddOptions, AddReport, Context, Error, Refused, RepositorySettings, Store};

/// How drop folders are emptied.
#[derive(Clone, Debug)]
pub struct IncomingOptions {
    /// A file that is no valid package is taken for one that is still being written until it has not changed for that
    /// long.
    pub patience: Duration,
    /// How packages are added. Links are never followed and data archives always checked: anybody may write here.
    pub add: AddOptions,
}

impl Default for IncomingOptions {
    fn default() -> Self {
        Self { patience: Duration::from_secs(60), add: AddOptions::default() }
    }
}

/// What became of the files in a drop folder.
#[derive(Debug)]
pub struct IncomingReport {
    /// What was taken and what was refused. Refused files lie in the folder `rejected`, each with a file that says why.
    pub report: AddReport,
    /// Files left alone, and why.
    pub left: Vec<Left>,
}

/// A file left where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The file.
    pub file: Utf8PathBuf,
    /// Why.
    pub why: &'static str,
}

const REJECTED: &str = "rejected";

impl Store {
    /// Takes the finished packages out of a drop folder and adds them to a repository.
    ///
    /// A package is finished when it can be read to its end; so nobody has to rename anything after copying. What cannot be
    /// read is left alone while it may still be arriving, and goes to `rejected/` with the reason after that. The files are
    /// removed from the folder when the commit is durable, not before.
    ///
    /// # Errors
    /// When the folder cannot be read or the store fails.
    pub fn take_incoming(
        &self,
        repository: &RepositorySettings,
        folder: &Utf8Path,
        options: &IncomingOptions,
        context: &Context,
    ) -> Result<IncomingReport, Error> {
        let mut left = Vec::new();
        let mut candidates = Vec::new();
        let entries = files::names_in(folder)?;
        if entries.is_empty() {
            // An unreadable or missing folder must not pass for an empty one.
            fs::read_dir(folder).map_err(Error::io("list", folder))?;
        }
        for name in entries.into_iter().filter(|name| name != REJECTED) {
            let file = folder.join(&name);
            match Name::of(&name) {
                Name::Package => candidates.push(file),
                Name::Unfinished => left.push(Left { file, why: "is still being written" }),
                Name::Other => left.push(Left { file, why: "is no .deb file" }),
            }
        }
        let add =
            AddOptions { keep_going: true, check_data: true, refuse_links: true, ..options.add.clone() };
        let before: Vec<_> = candidates.iter().map(|file| fs::symlink_metadata(file).ok()).collect();
        let mut report = self.add(repository, &candidates, &add, context)?;
        let refused = std::mem::take(&mut report.refused);
        for one in refused {
            if is_arriving(&one, options.patience, context) {
                left.push(Left { file: one.file, why: "is not complete yet" });
            } else {
                if !add.dry_run {
                    reject(folder, &one)?;
                }
                report.refused.push(one);
            }
        }
        if !add.dry_run {
            for added in &report.added {
                let place = candidates.iter().position(|file| *file == added.file);
                let seen = place.and_then(|place| before.get(place)).and_then(Option::as_ref);
                let now = fs::symlink_metadata(&added.file).ok();
                let state = |m: &fs::Metadata| {
                    (m.dev(), m.ino(), m.len(), m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec())
                };
                // Something else may have been moved to that name since.
                if seen.zip(now.as_ref()).is_some_and(|(seen, now)| state(seen) == state(now)) {
                    files::remove_if_present(&added.file)?;
                }
            }
        }
        Ok(IncomingReport { report, left })
    }
}

/// What a file's name says of it.
enum Name {
    Package,
    /// A name under which copying tools write until they are done.
    Unfinished,
    Other,
}

impl Name {
    fn of(name: &str) -> Self {
        if name.starts_with('.')
            || name.ends_with(".part")
            || name.ends_with(".filepart")
            || name.ends_with(".tmp")
        {
            Self::Unfinished
        } else if [".deb", ".udeb", ".ddeb"].iter().any(|ending| name.ends_with(ending)) {
            Self::Package
        } else {
            Self::Other
        }
    }
}

/// Whether a file that could not be read as a package may be one that has only arrived in part.
fn is_arriving(refused: &Refused, patience: Duration, context: &Context) -> bool {
    let unreadable = matches!(refused.error, Error::Package { .. })
        || matches!(refused.error, Error::NotAFile { what, .. } if what.starts_with("changed"));
    let modified = fs::symlink_metadata(&refused.file).map(|metadata| metadata.mtime());
    let patience = i64::try_from(patience.as_secs()).unwrap_or(i64::MAX);
    unreadable && modified.is_ok_and(|modified| context.now.as_second().saturating_sub(modified) < patience)
}

/// Moves a file aside, with the reason beside it.
fn reject(folder: &Utf8Path, refused: &Refused) -> Result<(), Error> {
    let aside = folder.join(REJECTED);
    files::create_directories(&aside)?;
    let name = refused.file.file_name().unwrap_or("unnamed");
    let mut target = aside.join(name);
    for number in 1_u32.. {
        if target.symlink_metadata().is_err() {
            break;
        }
        target = aside.join(format!("{name}.{number}"));
    }
    match fs::rename(&refused.file, &target) {
        // Somebody else took it away in the meantime.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        result => result.map_err(Error::io("move aside", &refused.file))?,
    }
    let mut reason = refused.error.to_string();
    let mut source = std::error::Error::source(&refused.error);
    while let Some(error) = source {
        reason.push_str(": ");
        reason.push_str(&error.to_string());
        source = error.source();
    }
    reason.push('\n');
    let note = Utf8PathBuf::from(format!("{target}.reason"));
    files::remove_if_present(&note)?;
    files::write_new(&note, reason.as_bytes(), mode::MUTABLE).map(drop)
}

//! The files of an import: whether they are there, and how those of a web server arrive.
//!
//! They arrive in a directory of the store, each under its digest, and stay there until the import is complete: a run that was interrupted
//! goes on where it stopped, in the middle of a file too.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::sync::Mutex;

use apt_fetch::apt_index::parallel::parallel_map;
use apt_fetch::{Archive, Conditions, PoolFile, Problem};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Sha256;
use repo_store::RepositoryName;
use repo_store::operations::import::ArchivePackage;
use rustix::fs::{FlockOperation, flock};

use super::failure::ImportFailure;
use super::plan::{Finding, ImportPlan, PlannedPackage};
use crate::error::Failure;
use crate::output::count;

const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// Looks whether the files of a directory are there and have their sizes.
pub(super) fn look(plan: &mut ImportPlan, archive: &Archive<'_>, allow_missing: bool) {
    let check = |file: &PoolFile| -> Result<(), apt_fetch::Error> {
        let address = archive.address(file.path.as_str());
        let answer = archive.client().open(&address, &Conditions::head(), 0)?;
        let expected = file.expected.size();
        match answer.length {
            Some(found) if found < expected => {
                Err(apt_fetch::Error::new(&address.url, Problem::TooShort { expected, found }))
            }
            Some(found) if found > expected => {
                Err(apt_fetch::Error::new(&address.url, Problem::TooLong { limit: expected }))
            }
            _ => Ok(()),
        }
    };
    let results = plan.packages.iter().map(|package| package.files().try_for_each(check)).collect();
    keep_good(plan, results, allow_missing);
}

/// Takes the packages out of a plan whose files are not to be had, and says so: they are refused, unless they are missing and may be.
fn keep_good<T>(
    plan: &mut ImportPlan,
    results: Vec<Result<T, apt_fetch::Error>>,
    allow_missing: bool,
) -> Vec<T> {
    let (mut missing, mut kept, mut good) = (Vec::new(), Vec::new(), Vec::new());
    for (package, result) in std::mem::take(&mut plan.packages).into_iter().zip(results) {
        match result {
            Ok(at_hand) => {
                good.push(at_hand);
                kept.push(package);
            }
            Err(error) if !matches!(error.problem, Problem::NotFound) => {
                plan.refusals.push(ImportFailure::File(error));
            }
            Err(error) if allow_missing => missing.push(format!("{} ({})", package.key, error.url)),
            Err(error) => {
                let (file, index) = (error.url.to_string(), package.listed_in);
                plan.refusals.push(ImportFailure::Missing { file, index });
            }
        }
    }
    plan.packages = kept;
    let what = format!("{} left out, because their files are not there", count(missing.len(), "package"));
    plan.findings.extend(Finding::about("missing", what, missing));
    good
}

/// Returns a package whose file lies in a directory of this machine; `None` when its SHA-256 is not known before it is read.
fn local_package(package: &PlannedPackage, archive: &Archive<'_>, link: bool) -> Option<ArchivePackage> {
    let url = archive.address(package.file.path.as_str()).url;
    let sha256 = package.file.expected.sha256()?;
    url.scheme().is_local().then(|| package.at(Utf8PathBuf::from(url.path()), sha256, link))
}

/// What a person decides about files.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileChoices {
    /// Packages whose files are not there are left out.
    pub(super) allow_missing: bool,
    /// Files of this machine are linked and not copied.
    pub(super) link: bool,
}

/// The directory in which files arrive.
#[derive(Debug)]
pub(super) struct Spool {
    directory: Utf8PathBuf,
    /// The directory, locked: two runs would write into the same files.
    _lock: File,
}

impl Spool {
    /// Takes the directory for files on their way to a repository of the store in `root`.
    ///
    /// # Errors
    /// When it cannot be made, or another run is using it.
    pub(super) fn of(root: &Utf8Path, repository: &RepositoryName) -> Result<Self, Failure> {
        let directory = root.join("import").join(repository.as_str());
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory);
        made.map_err(Failure::io("create", &directory))?;
        let lock = File::open(&directory).map_err(Failure::io("open", &directory))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            let what = "another import into this repository is running".to_owned();
            return Err(Failure::UnusableFile { path: directory, what });
        }
        Ok(Self { directory, _lock: lock })
    }

    /// Removes a file that is not what was expected, if it arrived here.
    pub(super) fn forget(&self, file: &Utf8Path) {
        if file.starts_with(&self.directory) {
            // If it stays, it is refused once more.
            let _ = fs::remove_file(file);
        }
    }

    /// Returns the directory.
    pub(super) fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// Has the files of all packages at hand, those of a web server by fetching them over several connections. What fails is taken out of the
    /// plan. `known` are the places of those that the store has, which need no file.
    ///
    /// # Errors
    /// When what arrives cannot be kept.
    pub(super) fn fetch(
        &self,
        plan: &mut ImportPlan,
        archive: &Archive<'_>,
        known: &BTreeSet<usize>,
        choices: FileChoices,
    ) -> Result<Vec<ArchivePackage>, Failure> {
        let failed: Mutex<Option<io::Error>> = Mutex::new(None);
        let jobs: Vec<(usize, &PlannedPackage)> = plan.packages.iter().enumerate().collect();
        let results = parallel_map(&jobs, CONNECTIONS, |(place, package)| {
            if let Some(local) = local_package(package, archive, choices.link) {
                return Ok(local);
            }
            if let Some(sha256) = package.file.expected.sha256().filter(|_| known.contains(place)) {
                return Ok(package.at(Utf8PathBuf::from(package.file.path.as_str()), sha256, false));
            }
            self.fetch_package(package, archive).inspect_err(|error| {
                if let Problem::Write(error) = &error.problem
                    && let Ok(mut failed) = failed.lock()
                {
                    failed.get_or_insert_with(|| io::Error::new(error.kind(), error.to_string()));
                }
            })
        });
        if let Some(error) = failed.into_inner().unwrap_or_default() {
            return Err(Failure::io("keep what arrives in", &self.directory)(error));
        }
        Ok(keep_good(plan, results, choices.allow_missing))
    }

    /// Fetches all files of a package into one directory.
    fn fetch_package(
        &self,
        package: &PlannedPackage,
        archive: &Archive<'_>,
    ) -> Result<ArchivePackage, apt_fetch::Error> {
        let (_, digest) = package.file.expected.strongest();
        // One file may be two packages, in two components.
        let directory = self.directory.join(digest).join(package.component.as_str());
        let cannot_write = |error| {
            apt_fetch::Error::new(&archive.address(package.file.path.as_str()).url, Problem::Write(error))
        };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(cannot_write)?;
        for file in &package.others {
            fetch_file(file, archive, &directory)?;
        }
        let sha256 = fetch_file(&package.file, archive, &directory)?;
        // Nobody else has what arrived.
        Ok(package.at(directory.join(base_name(&package.file)), sha256, true))
    }

    /// Removes what arrived, once all of it is in the store.
    pub(super) fn remove(self) -> Result<(), Failure> {
        fs::remove_dir_all(&self.directory).map_err(Failure::io("remove", &self.directory))
    }
}

impl Drop for Spool {
    /// Removes the directories if nothing lies in them: files may have arrived, or be on their way to another repository.
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.directory);
        let _ = self.directory.parent().map(fs::remove_dir);
    }
}

fn base_name(file: &PoolFile) -> &str {
    file.path.as_str().rsplit('/').next().unwrap_or_default()
}

/// Fetches a file, or the rest of it. Returns its SHA-256. Only a whole file has its name.
fn fetch_file(
    file: &PoolFile,
    archive: &Archive<'_>,
    directory: &Utf8Path,
) -> Result<Sha256, apt_fetch::Error> {
    let url = archive.address(file.path.as_str()).url;
    let failed = |error| apt_fetch::Error::new(&url, Problem::Write(error));
    let whole = directory.join(base_name(file));
    let part = directory.join(format!("{}.part", base_name(file)));
    if let Some(sha256) = file.expected.sha256()
        && fs::metadata(&whole).is_ok_and(|found| found.len() == file.expected.size())
    {
        return Ok(sha256);
    }
    let mut is_resumed = fs::metadata(&part).is_ok_and(|found| found.len() > 0);
    loop {
        let mut known: Box<dyn io::Read> =
            if is_resumed { Box::new(File::open(&part).map_err(failed)?) } else { Box::new(io::empty()) };
        let mut options = OpenOptions::new();
        options.create(true).mode(0o600);
        options.append(is_resumed).write(true).truncate(!is_resumed);
        let mut output = options.open(&part).map_err(failed)?;
        match archive.resume_file(file, &mut known, &mut output) {
            Ok(hashes) => {
                // A file with its whole length is trusted by the next run.
                output.sync_data().map_err(failed)?;
                fs::rename(&part, &whole).map_err(failed)?;
                return Ok(hashes.sha256);
            }
            // What was kept of an earlier run may have been of another file.
            Err(error) if is_resumed && error.problem.is_mismatch() => is_resumed = false,
            Err(error) => {
                if error.problem.is_mismatch() {
                    // Nothing of it is good.
                    let _ = fs::remove_file(&part);
                }
                return Err(error);
            }
        }
    }
}

use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{Read, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::sync::{Arc, Mutex};

use apt_index::{PackageKind, parallel_map};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::control::{BinaryControl, Fields as _};
use deb_parse::{Component, SuiteName, deb};

use crate::placement::Placement;
use crate::record::Digests;
use crate::storage::{Key, Staged, Storage as _};
use crate::{
    BlobId, Committed, Context, Error, Inserted, Manifest, Record, RecordKey, RepositorySettings, Route,
    Store, SuiteSettings, Transaction,
};

/// How files are added.
#[derive(Clone, Debug, Default)]
pub struct AddOptions {
    /// Put them into these suites, whatever their versions say.
    pub suites: Vec<SuiteName>,
    /// Put them into this component, whatever their sections say.
    pub component: Option<Component>,
    /// Add the good ones even when others are refused.
    pub keep_going: bool,
    /// Decompress the data archive of each and check it to its end, instead of only naming it.
    pub check_data: bool,
    /// Refuse symbolic links: for folders that others can write to.
    pub refuse_links: bool,
    /// Say what would be done and change nothing.
    pub dry_run: bool,
}

/// What became of the files.
#[derive(Debug)]
pub struct AddReport {
    /// Files that were taken, in the order in which they were given.
    pub added: Vec<Added>,
    /// Files that were not, in the order in which they were given.
    pub refused: Vec<Refused>,
    /// The commit, if anything changed.
    pub committed: Committed,
}

/// A file that was taken.
#[derive(Clone, Debug)]
pub struct Added {
    /// The file as given.
    pub file: Utf8PathBuf,
    /// Which package it is.
    pub key: RecordKey,
    /// The component it went to.
    pub component: Component,
    /// Which suites it went to, and why.
    pub route: Route,
    /// The number of the routing rule that had a say in that.
    pub rule: Option<usize>,
    /// What that changed, for each suite of the route.
    pub suites: Vec<(SuiteName, Inserted)>,
}

/// A file that was not taken.
#[derive(Debug)]
pub struct Refused {
    /// The file as given.
    pub file: Utf8PathBuf,
    /// Why not.
    pub error: Error,
}

impl Store {
    /// Adds package files to a repository.
    ///
    /// Each is read once: hashed, checked and copied into the store at the same time. All are added in one commit or, unless
    /// [`keep_going`](AddOptions::keep_going) is set, none is.
    ///
    /// # Errors
    /// When the store itself fails. Files that are refused are part of the report.
    pub fn add(
        &self,
        repository: &RepositorySettings,
        files: &[Utf8PathBuf],
        options: &AddOptions,
        context: &Context,
    ) -> Result<AddReport, Error> {
        repository.check_suites(&options.suites)?;
        let read = parallel_map(files, context.threads, |file| self.read_package(repository, file, options));
        // The outcome for each file, by its place among those given.
        let mut refused: BTreeMap<usize, Error> = BTreeMap::new();
        let mut candidates = Vec::new();
        for (place, result) in read.into_iter().enumerate() {
            match result {
                Ok(candidate) => candidates.push((place, candidate)),
                Err(error) if is_ours(&error) => return Err(error),
                Err(error) => {
                    refused.insert(place, error);
                }
            }
        }
        // The order of keys, in which insertion is fastest.
        candidates.sort_by(|(_, a), (_, b)| a.record.key().cmp(b.record.key()));

        let change = |transaction: &mut Transaction<'_>| {
            let mut outcomes = Vec::with_capacity(candidates.len());
            for (place, candidate) in &candidates {
                outcomes.push((*place, candidate.insert(transaction)?));
            }
            let all_good = refused.is_empty() && outcomes.iter().all(|(_, outcome)| outcome.is_ok());
            if (all_good || options.keep_going) && !options.dry_run {
                for ((_, candidate), (_, outcome)) in candidates.iter().zip(&outcomes) {
                    if outcome.is_ok() {
                        candidate.keep()?;
                    }
                }
            } else {
                transaction.clear();
            }
            Ok((describe(&outcomes), outcomes))
        };
        let (committed, outcomes) = self.transact(&repository.name, context, change)?;

        let mut added = BTreeMap::new();
        for (place, outcome) in outcomes {
            match outcome {
                Ok(one) => drop(added.insert(place, one)),
                Err(error) => drop(refused.insert(place, error)),
            }
        }
        let refused = refused.into_iter().filter_map(|(place, error)| {
            let file = files.get(place)?.clone();
            Some(Refused { file, error })
        });
        Ok(AddReport { added: added.into_values().collect(), refused: refused.collect(), committed })
    }

    /// Reads a file to its end: into the store's waiting room, unless it is a dry run.
    fn read_package(
        &self,
        repository: &RepositorySettings,
        path: &Utf8Path,
        options: &AddOptions,
    ) -> Result<Candidate<'_>, Error> {
        let (file, before) = open_regular(path, options.refuse_links)?;
        let staged = if options.dry_run { None } else { Some(self.storage().stage()?) };
        let mut tee = Tee { file: &file, staged, failed: None };
        let read_options = match (repository.contents, options.check_data) {
            (true, _) => Manifest::options(),
            (false, true) => deb::Options::default(),
            (false, false) => deb::Options { data: deb::Data::Skip, ..deb::Options::default() },
        };
        let read = deb::read(&mut tee, &read_options);
        if let Some(error) = tee.failed {
            return Err(Error::io("write a copy of", path)(error));
        }
        let package = read.map_err(|source| Error::Package { file: path.to_owned(), source })?;
        let after = file.metadata().map_err(Error::io("look at", path))?;
        let state = |m: &Metadata| (m.len(), m.mtime(), m.mtime_nsec());
        if state(&before) != state(&after) || package.size != after.len() {
            return Err(Error::NotAFile { file: path.to_owned(), what: "changed while it was read" });
        }

        let blob = BlobId(package.blake3);
        let digests = Digests { sha256: package.sha256, md5: package.md5, sha1: package.sha1 };
        let control = &package.control;
        let key = RecordKey::of(control);
        let paragraph = control.paragraph();
        let placement = Placement::of(&key, |name| paragraph.get_str(name), repository, options)?;
        let (component, kind) = (placement.component.clone(), kind_of(control, path));
        let record = Record::new(control, component, kind, blob, package.size, &digests)
            .map_err(|source| Error::Stanza { file: path.to_owned(), source })?;
        for suite in placement.route.suites().iter().filter_map(|suite| repository.suite(suite)) {
            check_listed(suite, &record)?;
        }
        let mut staged = Vec::new();
        if let Some(mut copy) = tee.staged {
            copy.finish()?;
            staged.push((Self::blob_key(blob), copy));
            if repository.contents {
                staged.push((Self::manifest_key(blob), self.stage_manifest(&Manifest::of(&package))?));
            }
        }
        Ok(Candidate {
            file: path.to_owned(),
            record: Arc::new(record),
            placement,
            staged: Mutex::new(staged),
        })
    }
}

/// A file that was read and may be added.
struct Candidate<'a> {
    file: Utf8PathBuf,
    record: Arc<Record>,
    placement: Placement,
    /// The file and what is kept of it, each with where it goes. Taken when they are kept.
    staged: Mutex<Vec<(Key, Box<dyn Staged + 'a>)>>,
}

impl Candidate<'_> {
    /// The inner error is the package's own fault, the outer one the store's.
    fn insert(&self, transaction: &mut Transaction<'_>) -> Result<Result<Added, Error>, Error> {
        let mut suites = Vec::new();
        for suite in self.placement.route.suites() {
            match transaction.insert(suite, &self.record) {
                Ok(inserted) => suites.push((suite.clone(), inserted)),
                Err(error @ Error::Conflict { .. }) => return Ok(Err(error)),
                Err(error) => return Err(error),
            }
        }
        let (file, key) = (self.file.clone(), self.record.key().clone());
        let Placement { component, route, rule } = self.placement.clone();
        Ok(Ok(Added { file, key, component, route, rule, suites }))
    }

    fn keep(&self) -> Result<(), Error> {
        let mut staged = self.staged.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        staged.drain(..).try_for_each(|(key, staged)| staged.keep(&key))
    }
}

/// Reads a file and writes what was read to the store's copy: what is hashed is what is stored.
struct Tee<'f, 's> {
    file: &'f File,
    staged: Option<Box<dyn Staged + 's>>,
    /// Why the copy could not be written: the store's trouble, not the package's.
    failed: Option<std::io::Error>,
}

impl Read for Tee<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        if let (Some(staged), Some(bytes)) = (&mut self.staged, buffer.get(..count)) {
            staged.write_all(bytes).map_err(|error| {
                let copy = std::io::Error::from(error.kind());
                self.failed = Some(error);
                copy
            })?;
        }
        Ok(count)
    }
}

/// Opens a regular file for reading; never waits for the other end of a pipe.
pub(crate) fn open_regular(path: &Utf8Path, refuse_links: bool) -> Result<(File, Metadata), Error> {
    let mut flags = rustix::fs::OFlags::NONBLOCK;
    if refuse_links {
        flags |= rustix::fs::OFlags::NOFOLLOW;
    }
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(Error::NotAFile { file: path.to_owned(), what: "is a symbolic link" });
        }
        Err(error) => return Err(Error::io("open", path)(error)),
    };
    let metadata = file.metadata().map_err(Error::io("look at", path))?;
    if metadata.is_file() {
        Ok((file, metadata))
    } else {
        Err(Error::NotAFile { file: path.to_owned(), what: "is not a regular file" })
    }
}

/// Whether an error is the store's own trouble and not that of the file being added.
fn is_ours(error: &Error) -> bool {
    use rustix::io::Errno;
    let Error::Io { verb, source, .. } = error else { return false };
    // Out of handles or memory the process can open nothing: that says nothing about the file.
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOMEM].map(|errno| Some(errno.raw_os_error()));
    !matches!(*verb, "open" | "look at") || exhausted.contains(&source.raw_os_error())
}

/// Packages for an installer seldom say so themselves: those of Debian only end with `.udeb`.
fn kind_of(control: &BinaryControl, path: &Utf8Path) -> PackageKind {
    if control.package_type() == Some("udeb") || path.extension() == Some("udeb") {
        PackageKind::Udeb
    } else {
        PackageKind::Deb
    }
}

fn check_listed(suite: &SuiteSettings, record: &Record) -> Result<(), Error> {
    let architecture = &record.key().architecture;
    let (key, suite_name) = (record.key().clone(), suite.name.clone());
    if !architecture.is_all() && !suite.architectures.contains(architecture) {
        return Err(Error::UnlistedArchitecture {
            key,
            suite: suite_name,
            architecture: architecture.clone(),
        });
    }
    if !suite.components.contains(record.component()) {
        return Err(Error::UnlistedComponent {
            key,
            suite: suite_name,
            component: record.component().clone(),
        });
    }
    Ok(())
}

/// The operation in words: the packages, or how many when there are more than a few.
fn describe(outcomes: &[(usize, Result<Added, Error>)]) -> String {
    let names: Vec<String> = outcomes
        .iter()
        .filter_map(|(_, outcome)| outcome.as_ref().ok())
        .filter(|added| added.suites.iter().any(|(_, inserted)| *inserted == Inserted::New))
        .map(|added| added.key.to_string())
        .collect();
    match names.as_slice() {
        few if few.len() <= 3 => format!("add {}", few.join(", ")),
        [first, rest @ ..] => format!("add {first} and {} more", rest.len()),
        [] => "add".to_owned(),
    }
}

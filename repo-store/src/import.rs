use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{Read, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::sync::{Arc, Mutex};

use apt_index::parallel_map;
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::control::{BinaryControl, Fields as _};
use deb_parse::{Component, SuiteName, deb};

use crate::record::Digests;
use crate::storage::{Staged, Storage as _};
use crate::{
    BlobId, Committed, Context, Error, Inserted, Record, RecordKey, RepositoryName, RepositorySettings,
    Route, Store, SuiteSettings, Transaction, route,
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
    /// Where it went, and why.
    pub route: Route,
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
                outcomes.push((*place, candidate.insert(transaction, &repository.name, options)?));
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
        let data = if options.check_data { deb::Data::List } else { deb::Data::Skip };
        let read = deb::read(&mut tee, &deb::Options { data, ..deb::Options::default() });
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
        let component = component_of(repository, &package.control, options);
        let record = Record::new(&package.control, component, blob, package.size, &digests)
            .map_err(|source| Error::Stanza { file: path.to_owned(), source })?;
        let route = if options.suites.is_empty() {
            route(repository, &record.key().version)
        } else {
            Route::Chosen(options.suites.clone())
        };
        if route.suites().is_empty() {
            return Err(Error::NoSuite { key: record.key().clone(), repository: repository.name.clone() });
        }
        for suite in route.suites().iter().filter_map(|suite| repository.suite(suite)) {
            check_listed(suite, &record)?;
        }
        if let Some(staged) = &mut tee.staged {
            staged.finish()?;
        }
        Ok(Candidate {
            file: path.to_owned(),
            record: Arc::new(record),
            route,
            staged: Mutex::new(tee.staged),
        })
    }
}

/// A file that was read and may be added.
struct Candidate<'a> {
    file: Utf8PathBuf,
    record: Arc<Record>,
    route: Route,
    /// Taken when it is kept.
    staged: Mutex<Option<Box<dyn Staged + 'a>>>,
}

impl Candidate<'_> {
    /// The inner error is the package's own fault, the outer one the store's.
    fn insert(
        &self,
        transaction: &mut Transaction<'_>,
        repository: &RepositoryName,
        options: &AddOptions,
    ) -> Result<Result<Added, Error>, Error> {
        let mut suites = Vec::new();
        for suite in self.route.suites() {
            if let Some(asked) = &options.component
                && let Some(there) = transaction.get(suite, self.record.key())?
                && there.blob() == self.record.blob()
                && there.component() != asked
            {
                return Ok(Err(Error::OtherComponent {
                    key: self.record.key().clone(),
                    repository: repository.clone(),
                    suite: suite.clone(),
                    component: there.component().clone(),
                    asked: asked.clone(),
                }));
            }
            match transaction.insert(suite, &self.record) {
                Ok(inserted) => suites.push((suite.clone(), inserted)),
                Err(error @ Error::Conflict { .. }) => return Ok(Err(error)),
                Err(error) => return Err(error),
            }
        }
        let key = self.record.key().clone();
        Ok(Ok(Added { file: self.file.clone(), key, route: self.route.clone(), suites }))
    }

    fn keep(&self) -> Result<(), Error> {
        let staged = self.staged.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        staged.map_or(Ok(()), |staged| staged.keep(&Store::blob_key(self.record.blob())))
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

/// The component asked for, or the one its section names (`contrib/net`) if the repository has it, or the first.
fn component_of(repository: &RepositorySettings, control: &BinaryControl, options: &AddOptions) -> Component {
    let components = || repository.suites.iter().flat_map(|suite| &suite.components);
    let named =
        control.section().and_then(|section| section.rsplit_once('/')).map(|(component, _)| component);
    let named = named.and_then(|name| components().find(|component| component.as_str() == name));
    let chosen = options.component.as_ref().or(named).or_else(|| components().next());
    // A repository without a suite takes no package, so the name does not matter then.
    chosen.cloned().unwrap_or_else(|| main_component().clone())
}

fn main_component() -> &'static Component {
    static MAIN: std::sync::OnceLock<Component> = std::sync::OnceLock::new();
    MAIN.get_or_init(|| match Component::parse("main") {
        Ok(component) => component,
        Err(_) => unreachable!("`main` is a component's name"),
    })
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

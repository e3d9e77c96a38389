//! Taking package files in: one at a time, a whole upload, or what a reader gives.
//!
//! [`Store::add`](crate::Store::add) does it at once; [`Store::plan_import`](crate::Store::plan_import) makes an [`ImportPlan`] first. Files that were
//! refused are in [`AddReport::refused`].

mod add_error;
mod archive;
mod attest;
mod intake;
mod listed;
pub(crate) mod options;
mod origin;
mod plan;
mod reader;
mod source;
mod uninstallable;
mod upload;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Metadata};

use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex};

use apt_index::parallel::parallel_map;
use apt_index::pool::PackageKind;
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::control::{BinaryControl, Fields as _};
use deb_parse::{Component, SuiteName, deb};

use intake::{Intake, KnownPackages};

use crate::context::Context;
use crate::error::{ChangeError, Error, ImportError};
use crate::manifest::Manifest;
use crate::manifest::keep::manifest_key;
use crate::manifest::keep::stage_manifest;
use crate::model::gate_rule::GateRule;
use crate::model::hold::Hold;
use crate::model::id::BlobId;
use crate::model::operation::{Operation, PackageSummary};
use crate::model::record::{Build, Digests, Record, RecordKey};
use crate::model::suite_records::SuiteRecords;
use crate::operations::import::source::read_source;
use crate::operations::import::upload::read_upload;
use crate::operations::installability::InstallableGate;
use crate::operations::placement::Placement;
use crate::package_reader::PackageError;
use crate::progress::{Amount, Phase, Running};
use crate::settings::gate::Gate;
use crate::settings::route::Route;
use crate::settings::{RepositorySettings, SuiteSettings};
use crate::storage::{FileFault, Key, Staged, StorageError};
use crate::store::Store;
use crate::transaction::{Committed, Inserted, Transaction};

pub use add_error::{AddError, RefusedFiles};
pub use archive::{ArchiveOptions, ArchivePackage};
pub(crate) use archive::{has_packages, import_archive};
use listed::{Checksums, List, listed_hashes};
pub(crate) use options::AddOptions;
pub(crate) use origin::{DropFolder, Origin};
pub use plan::ImportPlan;
pub(crate) use plan::plan_import;
pub(crate) use reader::add_reader;
use source::InUpload;
pub(crate) use upload::{is_whole, members};

/// What became of the files.
///
/// With [`keep_going`](AddOptions::keep_going), and in a plan, that there is a report does not mean that all files were taken: look at
/// [`refused`](Self::refused), or ask for [`into_result`](Self::into_result).
#[derive(Debug, serde::Serialize)]
#[must_use = "files may have been refused: look at `refused`, or call `into_result`"]
pub struct AddReport {
    /// Files that were taken, in the order in which they were given.
    pub added: Vec<Added>,
    /// Files that were not, in the order in which they were given.
    pub refused: Vec<Refused>,
    /// The commit, if anything changed.
    pub committed: Committed,
}

impl AddReport {
    /// Returns the packages that were taken, if every file was.
    ///
    /// # Errors
    /// Why the first of the refused files was refused.
    pub fn into_result(self) -> Result<Vec<Added>, Error> {
        match self.refused.into_iter().next() {
            Some(refused) => Err(refused.error),
            None => Ok(self.added),
        }
    }
}

/// A package that was taken.
#[derive(Clone, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Added {
    /// The file: as given, or one that an upload as given lists.
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
    /// The hold that kept this version out of one of the suites it came into, and ends with that.
    pub ended_hold: Option<Hold>,
}

/// A file that was not taken.
#[derive(Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Refused {
    /// The file as given.
    pub file: Utf8PathBuf,
    /// Why not.
    pub error: Error,
    /// Where the file lies now, if a drop folder [rejected](Store::take_incoming) it.
    pub moved_to: Option<Utf8PathBuf>,
}

/// See [`Store::add`].
pub(crate) fn add(
    store: &Store,
    repository: &RepositorySettings,
    files: &[Utf8PathBuf],
    options: &AddOptions,
    context: &Context,
) -> Result<AddReport, AddError> {
    let origin = Origin::paths(options.refuse_links);
    let files = Files::given(files, origin, context);
    let report = add_from(store, origin, repository, &files, options, context)?;
    AddError::of_report(report, options)
}

/// [`add`](Store::add), of files that lie there.
pub(crate) fn add_from(
    store: &Store,
    origin: Origin<'_>,
    repository: &RepositorySettings,
    files: &Files,
    options: &AddOptions,
    context: &Context,
) -> Result<AddReport, Error> {
    let read = read_all(store, repository, files, (origin, options, true), context)?;
    add_read(store, repository, read, (options, None), context)
}

/// Finds out what [`add_from`] would do, and keeps nothing.
pub(crate) fn foresee_from(
    store: &Store,
    origin: Origin<'_>,
    repository: &RepositorySettings,
    files: &Files,
    options: &AddOptions,
    context: &Context,
) -> Result<AddReport, Error> {
    let read = read_all(store, repository, files, (origin, options, false), context)?;
    Ok(plan::foresee(store, repository, read, options, context)?.2)
}

/// Files that were read, before anything is changed.
struct ReadFiles<'a> {
    paths: &'a [Utf8PathBuf],
    /// What they stand for, in the order of keys, each with the place of its file among those given.
    candidates: Vec<(usize, Candidate<'a>)>,
    /// Those that cannot be added, by their places.
    refused: BTreeMap<usize, Error>,
}

/// Reads files, and with `keeps` into the store's waiting room.
fn read_all<'a>(
    store: &'a Store,
    repository: &RepositorySettings,
    files: &'a Files,
    (origin, options, keeps): (Origin<'_>, &AddOptions, bool),
    context: &Context,
) -> Result<ReadFiles<'a>, Error> {
    repository.check()?;
    repository.check_suites(&options.suites)?;
    let Files { paths, total } = files;
    let phase = context.progress.begin(Phase::Reading, *total);
    let known = KnownPackages::default();
    let request = Request { options, origin, keeps, links: false, phase: &phase, known: &known };
    let read = parallel_map(paths, context.threads, |file| {
        phase.check()?;
        read_argument(store, repository, file, &request, context)
    });
    let mut refused = BTreeMap::new();
    let mut candidates = Vec::new();
    for (place, result) in read.into_iter().enumerate() {
        match result {
            Ok(found) => candidates.extend(found.into_iter().map(|candidate| (place, candidate))),
            Err(error) if is_ours(&error) => return Err(error),
            Err(error) => {
                refused.insert(place, error);
            }
        }
    }
    // The order of keys, in which insertion is fastest.
    candidates.sort_by(|(_, a), (_, b)| a.record.key().cmp(b.record.key()));
    attest::attest(store, &options.attestations, (&mut candidates, refused.is_empty()), &request)?;
    phase.finish();
    Ok(ReadFiles { paths, candidates, refused })
}

/// Adds files that were read, as they were planned if there is a plan.
fn add_read(
    store: &Store,
    repository: &RepositorySettings,
    read: ReadFiles<'_>,
    (options, plan): (&AddOptions, Option<&ImportPlan>),
    context: &Context,
) -> Result<AddReport, Error> {
    add_as(store, repository, read, (options, plan), context, Operation::Add)
}

/// The same, which the history calls as `operation` says.
fn add_as(
    store: &Store,
    repository: &RepositorySettings,
    read: ReadFiles<'_>,
    (options, plan): (&AddOptions, Option<&ImportPlan>),
    context: &Context,
    operation: impl Fn(PackageSummary) -> Operation,
) -> Result<AddReport, Error> {
    let change = |transaction: &mut Transaction<'_>| {
        let outcome = read.insert(transaction, (store, repository), options, context)?;
        if let Some(plan) = plan {
            plan.check(transaction, &read.changes(&outcome, options))?;
        }
        if read.are_taken(&outcome, options) {
            let kept = read.candidates.iter().filter(|(place, _)| outcome.added.contains_key(place));
            let kept: Vec<&Candidate<'_>> = kept.map(|(_, candidate)| candidate).collect();
            let phase = context.progress.begin(Phase::Changing, Amount::items(kept.len()));
            for candidate in kept {
                candidate.keep(store)?;
                phase.advance(1, 0)?;
            }
            phase.finish();
        } else {
            transaction.clear();
        }
        Ok((operation(summary(&outcome)), outcome))
    };
    let (committed, outcome) = store.transact_in(repository, context, change)?;
    Ok(read.report(outcome, committed))
}

impl ReadFiles<'_> {
    /// Puts into a transaction what it takes.
    fn insert(
        &self,
        transaction: &mut Transaction<'_>,
        (store, repository): (&Store, &RepositorySettings),
        options: &AddOptions,
        context: &Context,
    ) -> Result<Outcome, Error> {
        transaction.meet_freeze(store.freeze_of(repository, context.now)?);
        let gate = InstallableGate::of_arrivals(repository, None);
        let judged = (store, gate.as_ref());
        uninstallable::insert_installable(&self.candidates, transaction, judged, (options, context.now))
    }

    /// Returns whether the good files are taken.
    fn are_taken(&self, outcome: &Outcome, options: &AddOptions) -> bool {
        options.keep_going || self.refused.is_empty() && outcome.refused.is_empty()
    }

    /// Returns what comes into each suite.
    fn changes(&self, outcome: &Outcome, options: &AddOptions) -> SuiteRecords {
        let mut changes = SuiteRecords::default();
        if !self.are_taken(outcome, options) {
            return changes;
        }
        for (place, candidate) in &self.candidates {
            let is_of = |added: &&Added| added.file == candidate.file && added.key == *candidate.record.key();
            let added = outcome.added.get(place).into_iter().flatten().find(is_of);
            for (suite, inserted) in added.iter().flat_map(|added| &added.suites) {
                if *inserted == Inserted::New {
                    changes.push(suite, Arc::clone(&candidate.record));
                }
            }
        }
        changes
    }

    fn report(self, outcome: Outcome, committed: Committed) -> AddReport {
        let refused = self.refused.into_iter().chain(outcome.refused).collect::<BTreeMap<usize, Error>>();
        let refused = refused.into_iter().filter_map(|(place, error)| {
            let file = self.paths.get(place)?.clone();
            Some(Refused { file, error, moved_to: None })
        });
        let added = outcome.added.into_values().flatten().collect();
        AddReport { added, refused: refused.collect(), committed }
    }
}

/// Reads whatever a file stands for.
fn read_argument<'a>(
    store: &'a Store,
    repository: &RepositorySettings,
    path: &Utf8Path,
    request: &Request<'_>,
    context: &Context,
) -> Result<Vec<Candidate<'a>>, Error> {
    match path.extension() {
        Some("changes") => read_upload(store, repository, path, request, context),
        Some("dsc") => {
            let (_, candidate) = read_source(store, repository, path, None, request, context)?;
            Ok(vec![candidate])
        }
        Some("buildinfo") => Err(List { path, origin: request.origin }
            .misfit("it is taken together with a .changes that lists it")),
        _ => Ok(vec![twice(|| read_package(store, repository, path, None, request))?]),
    }
}

/// Reads a file once more where the reader failed: that may have had nothing to do with the file.
fn twice<T>(read: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
    match read() {
        Err(Error::Import(ImportError::Package { source: PackageError::ReaderFailed(_), .. })) => read(),
        result => result,
    }
}

/// Reads a file to its end: into the store's waiting room, if it is to be kept. It must be what the upload lists of it.
fn read_package<'a>(
    store: &'a Store,
    repository: &RepositorySettings,
    path: &Utf8Path,
    upload: Option<&InUpload<'_>>,
    request: &Request<'_>,
) -> Result<Candidate<'a>, Error> {
    let (file, before) = request.origin.open(path)?;
    let intake = Intake::begin(store, request, (path, &file, before.len()))?;
    take_package(repository, path, intake, upload, request, |package| {
        changed_while_read(path, &file, &before, package.size)
    })
}

/// Reads a package to its end. `check` is asked once it is read.
fn take_package<'a>(
    repository: &RepositorySettings,
    path: &Utf8Path,
    mut intake: Intake<'_, 'a>,
    upload: Option<&InUpload<'_>>,
    request: &Request<'_>,
    check: impl FnOnce(&deb::Package) -> Result<(), Error>,
) -> Result<Candidate<'a>, Error> {
    let (store, options) = (intake.store(), request.options);
    let mut read_options = match (repository.contents, options.check_data) {
        (true, _) => Manifest::options(store.limits()),
        (false, true) => deb::Options::default(),
        (false, false) => deb::Options { data: deb::Data::Skip, ..deb::Options::default() },
    };
    read_options.limits = store.limits().clone();
    read_options.hashes = upload.map(|upload| listed_hashes(upload.entry)).unwrap_or_default();
    let read = store.package_reader().read_package(&mut intake, &read_options);
    intake.ended(path)?;
    let package = read.map_err(|source| Error::package(path, source))?;
    check(&package)?;
    // The installer, which unpacks `.udeb` packages, makes directories that are missing.
    if let Some(problem) = package.unpack_problem.clone().filter(|_| path.extension() != Some("udeb")) {
        return Err(Error::Import(ImportError::NotUnpackable { file: path.to_owned(), problem }));
    }
    if let Some(InUpload { list, entry, .. }) = upload {
        list.check(entry, &Checksums::from(&package))?;
    }

    options.check_name(path, &RecordKey::of(&package.control).package)?;
    let blob = BlobId(package.blake3);
    // A stanza is the same whether the package came with an upload or alone.
    let digests = Digests { sha256: package.sha256, md5: None, sha1: None };
    let control = &package.control;
    let paragraph = control.paragraph();
    let asked = options.placement(upload.map(|upload| upload.distribution));
    let placement =
        Placement::of(&RecordKey::of(control), |name| paragraph.get_str(name), repository, &asked)?;
    let (component, kind) = (placement.component.clone(), kind_of(control, path));
    let record = Record::new(control, component, kind, blob, package.size, &digests)
        .map_err(|source| Error::Import(ImportError::Stanza { file: path.to_owned(), source }))?;
    let mut staged = Vec::new();
    staged.extend(intake.finish(path, blob)?.map(|copy| (Store::blob_key(blob), copy)));
    if repository.contents && request.keeps {
        staged.push((manifest_key(blob), stage_manifest(store.storage(), &Manifest::of(&package))?));
    }
    Candidate::new(repository, path, Arc::new(record), placement, staged, Vec::new())
}

/// How files are added, and where they lie.
struct Request<'a> {
    options: &'a AddOptions,
    origin: Origin<'a>,
    /// Whether what is read is to be kept; otherwise nothing is written.
    keeps: bool,
    /// Whether the store may keep a file by giving it another name.
    links: bool,
    phase: &'a Running<'a>,
    known: &'a KnownPackages,
}

/// Files to add, and how much there is to read.
pub(crate) struct Files {
    pub(crate) paths: Vec<Utf8PathBuf>,
    pub(crate) total: Amount,
}

impl Files {
    /// The files that were given, less those that come with an upload or a source package among them.
    fn given(files: &[Utf8PathBuf], origin: Origin<'_>, context: &Context) -> Self {
        let lists = files.iter().filter(|file| matches!(file.extension(), Some("changes" | "dsc")));
        let members: BTreeSet<Utf8PathBuf> = lists.flat_map(|list| members(list, origin)).collect();
        let paths: Vec<Utf8PathBuf> = files.iter().filter(|file| !members.contains(*file)).cloned().collect();
        let mut total = Amount::default();
        if context.progress.is_watched() {
            // One that cannot be looked at is refused when its turn comes.
            let sizes = paths.iter().chain(&members).filter_map(|file| origin.size(file));
            sizes.for_each(|size| total.add(size));
        }
        Self { paths, total }
    }
}

/// A package that was read and may be added.
struct Candidate<'a> {
    file: Utf8PathBuf,
    record: Arc<Record>,
    placement: Placement,
    /// Its files and what is kept of them, each with where it goes. Taken when they are kept.
    staged: Mutex<Vec<(Key, Box<dyn Staged + 'a>)>>,
    /// Those of its files that are in the store already.
    borrowed: Vec<BlobId>,
    /// Every suite of the repository.
    all_suites: Vec<SuiteName>,
    /// What it must meet.
    gates: Vec<Gate>,
}

/// What became of the candidates, by the place of the file that they stand for.
#[derive(Default)]
struct Outcome {
    added: BTreeMap<usize, Vec<Added>>,
    refused: BTreeMap<usize, Error>,
}

/// Inserts candidates; those of one place all, or none of them. What is refused already is left out.
fn insert_all(
    candidates: &[(usize, Candidate<'_>)],
    transaction: &mut Transaction<'_>,
    options: &AddOptions,
    refused: BTreeMap<usize, Error>,
) -> Result<Outcome, Error> {
    let mut outcome = Outcome { added: BTreeMap::new(), refused };
    loop {
        let mut in_part = false;
        for (place, candidate) in candidates {
            if outcome.refused.contains_key(place) {
                continue;
            }
            match candidate.insert(transaction, options)? {
                Ok(added) => outcome.added.entry(*place).or_default().push(added),
                Err(error) => {
                    in_part |= outcome.added.remove(place).is_some();
                    outcome.refused.insert(*place, error);
                }
            }
        }
        if !in_part {
            return Ok(outcome);
        }
        transaction.clear();
        outcome.added.clear();
    }
}

impl<'a> Candidate<'a> {
    /// A package for these suites; all must be able to take it.
    fn new(
        repository: &RepositorySettings,
        file: &Utf8Path,
        record: Arc<Record>,
        placement: Placement,
        staged: Vec<(Key, Box<dyn Staged + 'a>)>,
        borrowed: Vec<BlobId>,
    ) -> Result<Self, Error> {
        for suite in placement.route.suites().iter().filter_map(|suite| repository.suite(suite)) {
            check_listed(suite, &record)?;
        }
        let all_suites = repository.suites.iter().map(|suite| suite.name.clone()).collect();
        let gates = repository.gates.iter().filter(|gate| gate.is_for(None)).cloned().collect();
        Ok(Self {
            file: file.to_owned(),
            record,
            placement,
            staged: Mutex::new(staged),
            borrowed,
            all_suites,
            gates,
        })
    }

    /// Keeps a copy of a file with it.
    fn stage(&mut self, copy: Option<(Key, Box<dyn Staged + 'a>)>) {
        self.staged.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).extend(copy);
    }

    /// The inner error is the package's own fault, the outer one the store's.
    fn insert(
        &self,
        transaction: &mut Transaction<'_>,
        options: &AddOptions,
    ) -> Result<Result<Added, Error>, Error> {
        let hold = transaction.held(self.record.key(), self.placement.route.suites())?;
        if !options.despite_hold
            && let Some(hold) = &hold
            && (options.refuse_held || hold.is_by_person())
        {
            return Ok(Err(transaction.is_held(self.record.key(), hold.clone())));
        }
        if let Some(error) = self.gated(transaction, options)? {
            return Ok(Err(error));
        }
        let mut suites = Vec::new();
        for suite in self.placement.route.suites() {
            if let Some(asked) = &options.component
                && let Some(error) = transaction.elsewhere(suite, &self.record, asked)?
            {
                return Ok(Err(error));
            }
            match transaction.insert(suite, &self.record) {
                Ok(inserted) => suites.push((suite.clone(), inserted)),
                Err(
                    error @ (Error::Change(ChangeError::Conflict { .. })
                    | Error::Change(ChangeError::ReservedName { .. })
                    | Error::Change(ChangeError::PathConflict { .. })),
                ) => return Ok(Err(error)),
                Err(error) => return Err(error),
            }
        }
        let (file, key) = (self.file.clone(), self.record.key().clone());
        let Placement { component, route, rule } = self.placement.clone();
        // A hold of another architecture keeps this one out as well, but goes on.
        let is_own =
            |hold: &Hold| hold.key.architecture.as_ref().is_none_or(|build| *build == key.architecture);
        let comes_in = |suite: &SuiteName| suites.contains(&(suite.clone(), Inserted::New));
        let is_new = suites.iter().any(|(_, inserted)| *inserted == Inserted::New);
        // Only what goes in despite a hold gets here while a person holds it there.
        for (suite, _) in suites.iter().filter(|(_, inserted)| *inserted == Inserted::New) {
            transaction.end_holds_of_people(&key, suite, &self.all_suites)?;
        }
        let ends = |hold: &Hold| if hold.is_by_person() { is_new } else { hold.suites.iter().any(comes_in) };
        let ended_hold = hold.filter(|hold| is_own(hold) && ends(hold));
        Ok(Ok(Added { file, key, component, route, rule, suites, ended_hold }))
    }

    /// Returns why a gate does not let it in, if one does not. Rules that do not count are noted for the history.
    fn gated(&self, transaction: &mut Transaction<'_>, options: &AddOptions) -> Result<Option<Error>, Error> {
        let mut broken = BTreeSet::new();
        for suite in self.placement.route.suites() {
            match transaction.gate_violations(suite, &self.record, &self.gates) {
                Ok(violations) => broken.extend(violations),
                // It is told of where the package is put there.
                Err(Error::Change(ChangeError::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        let lifts = |rule| options.gate_override.as_ref().is_some_and(|given| given.lifts(rule));
        let rules: BTreeSet<GateRule> = broken.iter().map(|violation| violation.rule).collect();
        if !rules.iter().all(|rule| lifts(*rule)) {
            return Ok(Some(transaction.is_gated(self.record.key(), broken.into_iter().collect())));
        }
        if let Some(given) = &options.gate_override {
            transaction.note_override(&rules, &given.reason);
        }
        Ok(None)
    }

    fn keep(&self, store: &Store) -> Result<(), Error> {
        let mut staged = self.staged.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        staged.drain(..).try_for_each(|(key, staged)| staged.keep(&key))?;
        // What led to it may be gone by now: it must not be collected before this commit leads to it.
        for blob in &self.borrowed {
            if !store.storage().objects().touch(&Store::blob_key(*blob))? {
                return Err(Store::missing_blob(*blob));
            }
        }
        Ok(())
    }
}

/// An error if a file is not what it was when it was opened.
fn changed_while_read(path: &Utf8Path, file: &File, before: &Metadata, read: u64) -> Result<(), Error> {
    let after = file.metadata().map_err(Error::io("look at", path))?;
    let state = |m: &Metadata| (m.len(), m.mtime(), m.mtime_nsec());
    if state(before) == state(&after) && read == after.len() {
        return Ok(());
    }
    Err(Error::Storage(StorageError::NotAFile { file: path.to_owned(), fault: FileFault::Changed }))
}

/// Whether an error is no fault of the file being added: the store's own trouble, or the caller's wish.
fn is_ours(error: &Error) -> bool {
    matches!(error, Error::Storage(StorageError::Io { .. }) | Error::Cancelled(_))
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
    let (key, suite_name) = (record.key().clone(), suite.name.clone());
    if let Build::For(architecture) = &record.key().architecture
        && !architecture.is_all()
        && !suite.architectures.contains(architecture)
    {
        return Err(Error::Change(ChangeError::UnlistedArchitecture {
            key,
            suite: suite_name,
            architecture: architecture.clone(),
        }));
    }
    if !suite.components.contains(record.component()) {
        return Err(Error::Change(ChangeError::UnlistedComponent {
            key,
            suite: suite_name,
            component: record.component().clone(),
            known: suite.components.clone(),
        }));
    }
    Ok(())
}

/// The packages that were not there before; if there are none, those of which is told now how they were built.
fn summary(outcome: &Outcome) -> PackageSummary {
    let added = outcome.added.values().flatten();
    let is_new = |added: &&Added| added.suites.iter().any(|(_, inserted)| *inserted == Inserted::New);
    let (new, told): (Vec<&Added>, Vec<&Added>) = added.partition(is_new);
    let mut added = if new.is_empty() { told } else { new };
    added.sort_by(|a, b| a.key.cmp(&b.key));
    PackageSummary::new(added.iter().map(|added| &added.key))
}

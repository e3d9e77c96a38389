//! Uploads: a `.changes` and everything it lists.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::Arc;

use apt_index::parallel::parallel_map;
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::control::{Buildinfo, Changes, ChangesFile, Dsc, Fields as _, FileEntry};
use deb_parse::{Limits, PackageName, Quoted};

use super::intake::stage_unless_present;
use super::listed::{Checksums, List, MAX_TEXT, hashes_of, listed_hashes, read_text};
use super::source::{InUpload, has_dsc};
use super::{Candidate, Origin, Request, twice};
use crate::context::Context;
use crate::error::{Error, ImportError};
use crate::model::record::{Build, Provenance, Record};
use crate::operations::import::listed::read_listed;
use crate::operations::import::read_package;
use crate::operations::import::source::read_source;
use crate::operations::placement::{Placement, UploadDistribution};
use crate::settings::RepositorySettings;
use crate::store::Store;

/// A `.changes` that was read, and its files by what they are.
struct Upload<'a> {
    list: List<'a>,
    changes: &'a Changes,
    details: Vec<ChangesFile>,
    distribution: UploadDistribution,
    packages: Vec<&'a FileEntry>,
    source: Option<&'a FileEntry>,
    buildinfos: Vec<&'a FileEntry>,
    /// What must be part of the source package.
    parts: Vec<&'a FileEntry>,
}

/// A record of the build that was read.
struct ReadBuild<'a> {
    entry: &'a FileEntry,
    bytes: Vec<u8>,
    info: Buildinfo,
    provenance: Provenance,
}

impl ReadBuild<'_> {
    /// Whether it says that the package was built: that package file, or that `.dsc`.
    fn lists(&self, record: &Record) -> bool {
        let is_it = |built: &FileEntry| match &record.key().architecture {
            Build::Source => has_dsc(record, built),
            Build::For(_) => is_package(record, built),
        };
        self.info.files().iter().any(is_it)
    }
}

/// Whether a record is of that package file.
fn is_package(record: &Record, entry: &FileEntry) -> bool {
    let sha256 = entry.sha256.map(|sha256| sha256.to_string());
    sha256.is_some() && record.size() == entry.size && record.field("SHA256") == sha256.as_deref()
}

/// Reads an upload to the end: every file that it lists. What is not there may be in the store already.
pub(super) fn read_upload<'a>(
    store: &'a Store,
    repository: &RepositorySettings,
    path: &Utf8Path,
    request: &Request<'_>,
    context: &Context,
) -> Result<Vec<Candidate<'a>>, Error> {
    let list = List { path, origin: request.origin };
    let bytes = read_text(path, request.origin)?;
    let text = match &repository.uploaders {
        None => bytes,
        Some(uploaders) => {
            let not_signed = |source| Error::Import(ImportError::NotSigned { file: path.to_owned(), source });
            uploaders.signed_text(&bytes, context.now).map_err(not_signed)?
        }
    };
    let changes = Changes::parse(&text, &Limits::default()).map_err(|source| list.error(source))?;
    let upload = Upload::sort(list, &changes, repository)?;
    // A look at the names and sizes first: as long as something is missing nothing needs to be read.
    let mut missing = Vec::new();
    for entry in changes.files() {
        if !list.is_beside(entry)? {
            missing.push(entry);
        }
    }
    // A record of a build that is gone may have been kept by a version that kept none: the upload must be one that was taken before.
    let gone = missing.iter().find(|entry| upload.buildinfos.contains(entry));
    if let Some(entry) = gone
        && !is_stored(store, &upload, repository)?
    {
        return Err(list.incomplete(entry));
    }

    let mut builds = Vec::new();
    for entry in upload.buildinfos.iter().filter(|entry| !missing.contains(entry)) {
        builds.push(upload.read_buildinfo(entry, request)?);
    }
    let mut candidates = Vec::with_capacity(upload.packages.len() + 1);
    candidates.extend(read_source_of(store, &upload, repository, request, context)?);
    let read = parallel_map(&upload.packages, context.threads, |entry| {
        read_package_of(store, &upload, entry, repository, request)
    });
    for candidate in read {
        candidates.push(candidate?);
    }
    // By now the files are what the upload lists; so a record that lists others is wrong itself.
    for build in &builds {
        upload.check_built(build)?;
    }
    upload.keep_builds(&builds, &mut candidates, (store, request))?;
    Ok(candidates)
}

fn read_source_of<'a>(
    store: &'a Store,
    upload: &Upload<'_>,
    repository: &RepositorySettings,
    request: &Request<'_>,
    context: &Context,
) -> Result<Option<Candidate<'a>>, Error> {
    let list = upload.list;
    let Some(entry) = upload.source else {
        return match upload.parts.first() {
            None => Ok(None),
            Some(part) => Err(list.misfit(format!("{} is not a package, and no .dsc is listed", name(part)))),
        };
    };
    if !list.is_beside(entry)? {
        return stored_source_of(store, upload, entry, repository, request).map(Some);
    }
    let in_upload = upload.entry(entry);
    let path = list.beside(&entry.path);
    let (dsc, candidate) = read_source(store, repository, &path, Some(&in_upload), request, context)?;
    upload.check_source(&dsc, entry)?;
    Ok(Some(candidate))
}

fn read_package_of<'a>(
    store: &'a Store,
    upload: &Upload<'_>,
    entry: &FileEntry,
    repository: &RepositorySettings,
    request: &Request<'_>,
) -> Result<Candidate<'a>, Error> {
    let list = upload.list;
    let path = list.beside(&entry.path);
    let candidate = if list.is_beside(entry)? {
        twice(|| read_package(store, repository, &path, Some(&upload.entry(entry)), request))?
    } else {
        let stored = stored_package(store, repository, entry)?.ok_or_else(|| list.incomplete(entry))?;
        upload.stored(entry, stored, repository, request)?
    };
    upload.check_package(&candidate.record, entry)?;
    Ok(candidate)
}

/// The source package of an upload whose `.dsc` is not there, from the store.
fn stored_source_of<'a>(
    store: &'a Store,
    upload: &Upload<'_>,
    entry: &FileEntry,
    repository: &RepositorySettings,
    request: &Request<'_>,
) -> Result<Candidate<'a>, Error> {
    let list = upload.list;
    let stored = stored_source(store, repository, entry)?.ok_or_else(|| list.incomplete(entry))?;
    let mut text = Vec::new();
    let key = Store::blob_key(stored.blob());
    let blob = store.open_blob(stored.blob())?;
    blob.take(MAX_TEXT).read_to_end(&mut text).map_err(Error::io("read", key.as_str()))?;
    let dsc = Dsc::parse(&text, &Limits::default());
    upload.check_source(&dsc.map_err(|source| list.error(source))?, entry)?;
    // What is there all the same must be what is listed, like everything else.
    for part in &upload.parts {
        if list.is_beside(part)? {
            read_listed(store, list, part, false, &Request { keeps: false, ..*request })?;
        }
    }
    upload.stored(entry, stored, repository, request)
}

/// Whether the repository has everything of an upload that is kept.
fn is_stored(store: &Store, upload: &Upload<'_>, repository: &RepositorySettings) -> Result<bool, Error> {
    for entry in &upload.packages {
        if stored_package(store, repository, entry)?.is_none() {
            return Ok(false);
        }
    }
    match upload.source {
        Some(entry) => Ok(stored_source(store, repository, entry)?.is_some()),
        None => Ok(true),
    }
}

/// The package with that content, called as package files are, that the repository has in some suite.
fn stored_package(
    store: &Store,
    repository: &RepositorySettings,
    entry: &FileEntry,
) -> Result<Option<Arc<Record>>, Error> {
    stored_record(store, repository, entry, |record| is_package(record, entry))
}

/// The source package with that `.dsc` that the repository has in some suite.
fn stored_source(
    store: &Store,
    repository: &RepositorySettings,
    entry: &FileEntry,
) -> Result<Option<Arc<Record>>, Error> {
    stored_record(store, repository, entry, |record| has_dsc(record, entry))
}

/// A record of the package that a file is called after.
fn stored_record(
    store: &Store,
    repository: &RepositorySettings,
    entry: &FileEntry,
    is_it: impl Fn(&Record) -> bool,
) -> Result<Option<Arc<Record>>, Error> {
    let package = entry.path.split_once('_').and_then(|(package, _)| PackageName::parse(package).ok());
    let (Some(package), Some(head)) = (package, store.head(&repository.name)?) else { return Ok(None) };
    for suite in head.commit().suites.keys() {
        if let Some(record) = head.versions(suite, &package)?.into_iter().find(|record| is_it(record)) {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

impl<'a> Upload<'a> {
    /// Sorts the files of an upload; every one must be listed whole.
    fn sort(list: List<'a>, changes: &'a Changes, repository: &RepositorySettings) -> Result<Self, Error> {
        let details = changes.file_details().map_err(|source| list.error(source))?;
        let mut upload = Self {
            list,
            changes,
            details,
            distribution: UploadDistribution::of(changes.distribution().unwrap_or_default(), repository),
            packages: Vec::new(),
            source: None,
            buildinfos: Vec::new(),
            parts: Vec::new(),
        };
        for entry in changes.files() {
            list.sha256(entry)?;
            // The last list there is: without it the text may have been cut short on its way.
            if upload.details_of(entry).is_none() {
                return Err(list.misfit(format!("{} must be listed in Files too (Policy 5.5)", name(entry))));
            }
            match Utf8Path::new(&entry.path).extension() {
                Some("deb" | "udeb" | "ddeb") => upload.packages.push(entry),
                Some("buildinfo") => upload.buildinfos.push(entry),
                Some("dsc") => {
                    if upload.source.replace(entry).is_some() {
                        return Err(list.misfit("it lists two source packages"));
                    }
                }
                _ => upload.parts.push(entry),
            }
        }
        if upload.packages.is_empty() && upload.source.is_none() {
            return Err(list.misfit("it lists no package"));
        }
        Ok(upload)
    }

    /// What it says of one of its files.
    fn entry<'e>(&'e self, entry: &'e FileEntry) -> InUpload<'e> {
        InUpload { list: self.list, entry, details: self.details_of(entry), distribution: &self.distribution }
    }

    /// What one of its files stands for, in the store already.
    fn stored<'s>(
        &self,
        entry: &FileEntry,
        stored: Arc<Record>,
        repository: &RepositorySettings,
        request: &Request<'_>,
    ) -> Result<Candidate<'s>, Error> {
        let blobs = stored.kept_files()?.iter().map(|file| file.blob).collect();
        let asked = request.options.placement(Some(&self.distribution));
        let mut placement = Placement::of(stored.key(), |name| stored.field(name), repository, &asked)?;
        placement.component = stored.component().clone();
        Candidate::new(repository, &self.list.beside(&entry.path), stored, placement, Vec::new(), blobs)
    }

    fn details_of(&self, entry: &FileEntry) -> Option<&ChangesFile> {
        self.details.iter().find(|details| details.name == entry.path)
    }

    fn check_architecture(&self, entry: &FileEntry, architecture: &str) -> Result<(), Error> {
        if self.changes.architectures().any(|listed| listed == architecture) {
            return Ok(());
        }
        let what =
            format!("{} is for {architecture}, which its field Architecture does not name", name(entry));
        Err(self.list.misfit(what))
    }

    fn check_source(&self, dsc: &Dsc, entry: &FileEntry) -> Result<(), Error> {
        if (dsc.source(), dsc.version()) != (self.changes.source(), self.changes.source_version()) {
            let what =
                format!("{} is {} {}, which it is not about", name(entry), dsc.source(), dsc.version());
            return Err(self.list.misfit(what));
        }
        self.check_architecture(entry, Build::Source.as_str())?;
        for part in &self.parts {
            let listed = dsc.files().iter().find(|listed| listed.path == part.path);
            if listed.is_none_or(|listed| listed.size != part.size || listed.sha256 != part.sha256) {
                let what = format!("{} is not a package, and {} does not list it", name(part), name(entry));
                return Err(self.list.misfit(what));
            }
        }
        Ok(())
    }

    fn check_package(&self, record: &Record, entry: &FileEntry) -> Result<(), Error> {
        let (source, version) = record.source();
        if (&source, &version) != (self.changes.source(), self.changes.source_version()) {
            let what = format!("{} was built from {source} {version}, which it is not about", name(entry));
            return Err(self.list.misfit(what));
        }
        self.check_architecture(entry, record.key().architecture.as_str())
    }

    /// Reads a record of the build.
    fn read_buildinfo<'e>(
        &self,
        entry: &'e FileEntry,
        request: &Request<'_>,
    ) -> Result<ReadBuild<'e>, Error> {
        let list = self.list;
        let path = list.beside(&entry.path);
        let bytes = read_text(&path, request.origin)?;
        let found = hashes_of(&bytes, listed_hashes(entry)).map_err(|source| list.error(source))?;
        list.check(entry, &Checksums::from(&found))?;
        let error = |source: deb_parse::Error| Error::package(&*path, source);
        let info = Buildinfo::parse(&bytes, &Limits::default()).map_err(error)?;
        if (info.source(), info.version()) != (self.changes.source(), self.changes.version()) {
            let what =
                format!("{} is of {} {}, which it is not about", name(entry), info.source(), info.version());
            return Err(list.misfit(what));
        }
        let provenance = Provenance::of_buildinfo(&bytes, &info);
        let provenance = provenance
            .ok_or_else(|| list.misfit(format!("{} cannot be kept under its name", name(entry))))?;
        Ok(ReadBuild { entry, bytes, info, provenance })
    }

    /// Keeps the records of the build with the packages that they list. What was kept with a package before stays.
    fn keep_builds<'s>(
        &self,
        builds: &[ReadBuild<'_>],
        candidates: &mut [Candidate<'s>],
        (store, request): (&'s Store, &Request<'_>),
    ) -> Result<(), Error> {
        let mut staged = vec![false; builds.len()];
        for candidate in candidates.iter_mut().filter(|candidate| !candidate.record.has_provenance()) {
            let mut provenance = Vec::new();
            for (build, staged) in builds.iter().zip(&mut staged) {
                if !build.lists(&candidate.record) {
                    continue;
                }
                provenance.push(build.provenance.clone());
                // All of an upload is kept, or nothing.
                if request.keeps && !std::mem::replace(staged, true) {
                    let (path, blob) = (self.list.beside(&build.entry.path), build.provenance.blob);
                    let copy = stage_unless_present(store, &path, &build.bytes, blob)?;
                    candidate.stage(copy.map(|copy| (Store::blob_key(blob), copy)));
                }
            }
            if !provenance.is_empty() {
                candidate.record = Arc::new(candidate.record.with_provenance(&provenance));
            }
        }
        Ok(())
    }

    /// Whether a record of the build lists files of the upload as they are.
    fn check_built(&self, build: &ReadBuild<'_>) -> Result<(), Error> {
        let path = self.list.beside(&build.entry.path);
        for built in build.info.files() {
            if let Some(listed) = self.changes.files().iter().find(|listed| listed.path == built.path) {
                List { path: &path, ..self.list }.check_alike(built, listed)?;
            }
        }
        Ok(())
    }
}

fn name(entry: &FileEntry) -> Quoted {
    Quoted::new(&entry.path)
}

/// Every file that comes with `path`, a `.changes` or `.dsc`, whether it is there or not; none when that cannot be read. An
/// upload never comes with another: an upload that lists one must not hide it.
pub(crate) fn members(path: &Utf8Path, origin: Origin<'_>) -> BTreeSet<Utf8PathBuf> {
    let mut members = BTreeSet::new();
    let Ok(bytes) = read_text(path, origin) else { return members };
    let listed: Vec<String> = match path.extension() {
        Some("changes") => {
            names(Changes::parse(&bytes, &Limits::default()).as_ref().map_or(&[], Changes::files))
        }
        Some("dsc") => names(Dsc::parse(&bytes, &Limits::default()).as_ref().map_or(&[], Dsc::files)),
        _ => Vec::new(),
    };
    for name in listed {
        let member = path.with_file_name(name);
        if member.extension() == Some("changes") {
            continue;
        }
        if member.extension() == Some("dsc") && path.extension() == Some("changes") {
            members.extend(self::members(&member, origin));
        }
        members.insert(member);
    }
    members
}

/// Whether a `.changes` can be read to its end. One that cannot, was cut short or is still being written may list more than is seen.
pub(crate) fn is_whole(path: &Utf8Path, origin: Origin<'_>) -> bool {
    let Ok(bytes) = read_text(path, origin) else { return false };
    let is_signed = bytes.trim_ascii_start().starts_with(b"-----BEGIN PGP SIGNED MESSAGE-----");
    let is_cut = is_signed && !bytes.trim_ascii_end().ends_with(b"-----END PGP SIGNATURE-----");
    !is_cut && Changes::parse(&bytes, &Limits::default()).is_ok()
}

fn names(files: &[FileEntry]) -> Vec<String> {
    files.iter().map(|file| file.path.clone()).collect()
}

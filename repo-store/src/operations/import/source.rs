//! Source packages: a `.dsc` and the files it lists.

use apt_index::stanza::IndexedFile;
use camino::Utf8Path;
use deb_parse::checksum::{HashKinds, Hashes};
use deb_parse::control::{ChangesFile, Dsc, Fields as _, FileEntry, SourcesStanza};
use deb_parse::{Limits, PackageName, SourceName, deb822};

use super::listed::{Checksums, List, hashes_of, listed_hashes, read_text};
use super::{Candidate, Request, intake, twice};
use crate::context::Context;
use crate::error::{Error, ImportError};
use crate::manifest::keep::manifest_key;
use crate::manifest::keep::stage_manifest;
use crate::manifest::{Manifest, Part};
use crate::model::id::BlobId;
use crate::model::record::{Record, SourceFile};
use crate::operations::import::listed::read_listed;
use crate::operations::placement::{Placement, UploadDistribution};
use crate::settings::RepositorySettings;
use crate::store::Store;

/// What an upload says of a file in it.
pub(super) struct InUpload<'a> {
    pub(super) list: List<'a>,
    pub(super) entry: &'a FileEntry,
    pub(super) details: Option<&'a ChangesFile>,
    /// What it is for.
    pub(super) distribution: &'a UploadDistribution,
}

/// Reads a source package: its `.dsc`, and the files beside it. A file that is not there may be in the store, from another
/// version of that source package.
pub(super) fn read_source<'a>(
    store: &'a Store,
    repository: &RepositorySettings,
    path: &Utf8Path,
    upload: Option<&InUpload<'_>>,
    request: &Request<'_>,
    context: &Context,
) -> Result<(Dsc, Candidate<'a>), Error> {
    let options = request.options;
    let list = List { path, origin: request.origin };
    let bytes = read_text(path, request.origin)?;
    let dsc = match (upload, &repository.uploaders) {
        // The signature of the upload covers its checksums.
        (Some(InUpload { list, entry, .. }), _) => {
            let found = hashes_of(&bytes, listed_hashes(entry)).map_err(|source| list.error(source))?;
            list.check(entry, &Checksums::from(&found))?;
            Dsc::parse(&bytes, &Limits::default())
        }
        (None, Some(uploaders)) => {
            let not_signed = |source| Error::Import(ImportError::NotSigned { file: path.to_owned(), source });
            let text = uploaders.signed_text(&bytes, context.now).map_err(not_signed)?;
            Dsc::parse(&text, &Limits::default())
        }
        (None, None) => Dsc::parse(&bytes, &Limits::default()),
    };
    let dsc = dsc.and_then(|dsc| dsc.check_relations(&Limits::default()).map(|()| dsc));
    let dsc = dsc.map_err(|source| list.error(source))?;

    // An index lists a checksum of all files or of none.
    let all = |has: fn(&FileEntry) -> bool| dsc.files().iter().all(has);
    let indexed = HashKinds {
        md5: all(|entry| entry.md5.is_some()),
        sha1: all(|entry| entry.sha1.is_some()),
        sha512: false,
    };
    let mut staged = Vec::new();
    let mut borrowed = Vec::new();
    let mut others = Vec::with_capacity(dsc.files().len());
    for entry in dsc.files() {
        list.sha256(entry)?;
        if list.is_beside(entry)? {
            let list_files = repository.contents && Part::of(&entry.path).is_some();
            let read = twice(|| read_listed(store, list, entry, list_files, request))?;
            let blob = BlobId(read.hashes.blake3);
            // What cannot be listed is not refused: dpkg-source may know what to do with it. Publishing says so.
            if let Some(files) = read.files.filter(|_| request.keeps) {
                let manifest = stage_manifest(store.storage(), &Manifest::of_tarball(blob, &files))?;
                staged.push((manifest_key(blob), manifest));
            }
            others.push(SourceFile { blob, listed: indexed_file(&entry.path, &read.hashes, indexed) });
            staged.extend(read.staged.map(|staged| (Store::blob_key(blob), staged)));
        } else {
            let blob = file_of_source(store, repository, dsc.source(), entry)?;
            let blob = blob.ok_or_else(|| list.incomplete(entry))?;
            let FileEntry { path, size, md5, sha1, .. } = entry.clone();
            let listed = IndexedFile { name: path, size, sha256: list.sha256(entry)?, md5, sha1 };
            others.push(SourceFile { blob, listed });
            borrowed.push(blob);
        }
    }
    let hashes = hashes_of(&bytes, indexed).map_err(|source| list.error(source))?;
    let own = SourceFile {
        blob: BlobId(hashes.blake3),
        listed: indexed_file(&Record::dsc_name(&dsc), &hashes, indexed),
    };
    if request.keeps {
        let copy = intake::stage_unless_present(store, path, &bytes, own.blob)?;
        staged.extend(copy.map(|copy| (Store::blob_key(own.blob), copy)));
    }

    let details = upload.and_then(|upload| upload.details);
    let details = details.map(|details| (details.section.as_str(), details.priority.as_str()));
    let section = details.map(|(section, _)| section).or_else(|| section_of(&dsc));
    let stanza_error = |source| Error::Import(ImportError::Stanza { file: path.to_owned(), source });
    let paragraph = dsc.paragraph();
    let field = |name: &str| if name == "Section" { section } else { paragraph.get_str(name) };
    let asked = options.placement(upload.map(|upload| upload.distribution));
    let key = Record::key_of_source(&dsc).map_err(stanza_error)?;
    request.options.check_name(path, &key.package)?;
    let placement = Placement::of(&key, field, repository, &asked)?;
    let record = Record::of_source(&dsc, placement.component.clone(), details, &own, &others);
    let record = record.map_err(stanza_error)?.into();
    let candidate = Candidate::new(repository, path, record, placement, staged, borrowed)?;
    Ok((dsc, candidate))
}

/// The file of that name and content of a source package that the repository has in some version.
fn file_of_source(
    store: &Store,
    repository: &RepositorySettings,
    source: &SourceName,
    entry: &FileEntry,
) -> Result<Option<BlobId>, Error> {
    let Some(head) = store.head(&repository.name)? else { return Ok(None) };
    let Ok(package) = PackageName::parse(source.as_str()) else { return Ok(None) };
    for suite in head.commit().suites.keys() {
        let versions = head.versions(suite, &package)?;
        for record in versions.iter().filter(|record| record.key().architecture.is_source()) {
            if !lists(record, entry) {
                continue;
            }
            let files = record.files()?;
            if let Some(file) = files.iter().find(|file| file.path.as_path().file_name() == Some(&entry.path))
            {
                return Ok(Some(file.blob));
            }
        }
    }
    Ok(None)
}

/// Whether a source package has a file of that name, size and SHA-256.
fn lists(record: &Record, entry: &FileEntry) -> bool {
    lists_where(record, entry, |name| name == entry.path)
}

/// Whether that is the `.dsc` of a source package, which the store calls by a name of its own.
pub(super) fn has_dsc(record: &Record, entry: &FileEntry) -> bool {
    lists_where(record, entry, |name| name.ends_with(".dsc"))
}

fn lists_where(record: &Record, entry: &FileEntry, is_named: impl Fn(&str) -> bool) -> bool {
    if !record.key().architecture.is_source() {
        return false;
    }
    let stanza = deb822::paragraphs(record.stanza()).next();
    let files = stanza.and_then(|stanza| SourcesStanza::new(stanza).files().ok()).unwrap_or_default();
    files.iter().any(|file| {
        is_named(&file.path)
            && file.size == entry.size
            && file.sha256.is_some()
            && file.sha256 == entry.sha256
    })
}

fn indexed_file(name: &str, hashes: &Hashes, indexed: HashKinds) -> IndexedFile {
    IndexedFile {
        name: name.to_owned(),
        size: hashes.size,
        sha256: hashes.sha256,
        md5: hashes.md5.filter(|_| indexed.md5),
        sha1: hashes.sha1.filter(|_| indexed.sha1),
    }
}

/// The section of a source package that came without an upload: its own, or that of its first binary package.
fn section_of(dsc: &Dsc) -> Option<&str> {
    let listed = || dsc.package_list()?.lines().map(str::trim).find(|line| !line.is_empty());
    dsc.section().or_else(|| listed()?.split_ascii_whitespace().nth(2))
}

//! Files that another file lists with their sizes and checksums, and the texts that list them.

use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::Quoted;
use deb_parse::checksum::{HashKinds, Hasher, Hashes, Md5, Sha1, Sha256, Sha512};
use deb_parse::control::FileEntry;
use deb_parse::deb;

use super::intake::Intake;
use super::origin::unreadable;
use super::{Origin, Request, changed_while_read};
use crate::error::{Error, ImportError};
use crate::model::id::BlobId;
use crate::package_reader::PackageError;
use crate::storage::Staged;
use crate::store::Store;

/// The longest text that lists files, in bytes: a paragraph and its signature.
pub(super) const MAX_TEXT: u64 = 2 << 20;

/// A file that lists others.
#[derive(Clone, Copy)]
pub(super) struct List<'a> {
    pub(super) path: &'a Utf8Path,
    /// Where it lies, and the files beside it.
    pub(super) origin: Origin<'a>,
}

/// A file as it was read.
pub(super) struct Read<'s> {
    pub(super) hashes: Hashes,
    /// The store's copy; none in a dry run.
    pub(super) staged: Option<Box<dyn Staged + 's>>,
    /// The files in it, if they were asked for and can be listed.
    pub(super) files: Option<Vec<deb::FileEntry>>,
}

/// What a file turned out to be.
pub(super) struct Checksums {
    size: u64,
    sha256: Sha256,
    md5: Option<Md5>,
    sha1: Option<Sha1>,
    sha512: Option<Sha512>,
}

impl From<&Hashes> for Checksums {
    fn from(hashes: &Hashes) -> Self {
        let Hashes { size, sha256, md5, sha1, sha512, .. } = *hashes;
        Self { size, sha256, md5, sha1, sha512 }
    }
}

impl From<&deb::Package> for Checksums {
    fn from(package: &deb::Package) -> Self {
        let deb::Package { size, sha256, md5, sha1, sha512, .. } = *package;
        Self { size, sha256, md5, sha1, sha512 }
    }
}

impl List<'_> {
    /// Where a file lies that it lists. Names in lists are without directories.
    pub(super) fn beside(self, name: &str) -> Utf8PathBuf {
        self.path.with_file_name(name)
    }

    pub(super) fn error(self, source: deb_parse::Error) -> Error {
        Error::package(self.path, source)
    }

    pub(super) fn misfit(self, what: impl Into<String>) -> Error {
        Error::Import(ImportError::InconsistentUpload { file: self.path.to_owned(), what: what.into() })
    }

    pub(super) fn incomplete(self, entry: &FileEntry) -> Error {
        Error::Import(ImportError::Incomplete {
            file: self.path.to_owned(),
            name: Quoted::new(&entry.path).to_string(),
        })
    }

    fn other(self, entry: &FileEntry, what: &'static str) -> Error {
        Error::Import(ImportError::ChecksumMismatch {
            file: self.path.to_owned(),
            name: Quoted::new(&entry.path).to_string(),
            what,
        })
    }

    /// The SHA-256 of a file, without which nothing is taken: the other checksums prove nothing, or apt does not ask for them.
    pub(super) fn sha256(self, entry: &FileEntry) -> Result<Sha256, Error> {
        entry.sha256.ok_or_else(|| {
            let name = Quoted::new(&entry.path);
            self.misfit(format!(
                "{name} must be listed in Checksums-Sha256 too: no other checksum is relied on"
            ))
        })
    }

    /// Whether a listed file is there, with the size that is listed. Reads nothing.
    pub(super) fn is_beside(self, entry: &FileEntry) -> Result<bool, Error> {
        let path = self.beside(&entry.path);
        match self.origin.status(&path) {
            // What a link leads to is looked at when it is opened, if it may be.
            Ok(status) if status.is_file() && status.size != entry.size => Err(self.other(entry, "size")),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(unreadable(&path, error)),
        }
    }

    /// Compares a file with everything that is listed of it.
    pub(super) fn check(self, entry: &FileEntry, found: &Checksums) -> Result<(), Error> {
        fn differs<T: PartialEq + Copy>(listed: Option<T>, found: Option<T>) -> bool {
            listed.is_some() && listed != found
        }
        let wrong = [
            (entry.size != found.size, "size"),
            (differs(entry.sha256, Some(found.sha256)), "SHA-256"),
            (differs(entry.md5, found.md5), "MD5"),
            (differs(entry.sha1, found.sha1), "SHA-1"),
            (differs(entry.sha512, found.sha512), "SHA-512"),
        ];
        match wrong.iter().find(|(is_wrong, _)| *is_wrong) {
            Some((_, what)) => Err(self.other(entry, what)),
            None => Ok(()),
        }
    }

    /// Compares what is listed of a file with what is known of it by another list.
    pub(super) fn check_alike(self, entry: &FileEntry, known: &FileEntry) -> Result<(), Error> {
        if entry.size != known.size {
            return Err(self.other(entry, "size"));
        }
        if self.sha256(entry)? != self.sha256(known)? {
            return Err(self.other(entry, "SHA-256"));
        }
        Ok(())
    }
}

/// The checksums to compute of a file so that all that are listed can be compared.
pub(super) fn listed_hashes(entry: &FileEntry) -> HashKinds {
    HashKinds { md5: entry.md5.is_some(), sha1: entry.sha1.is_some(), sha512: entry.sha512.is_some() }
}

/// The checksums of bytes at hand.
pub(super) fn hashes_of(bytes: &[u8], set: HashKinds) -> Result<Hashes, deb_parse::Error> {
    let mut hasher = Hasher::new(set)?;
    hasher.update(bytes);
    Ok(hasher.finish())
}

/// Reads a text that lists files.
pub(super) fn read_text(path: &Utf8Path, origin: Origin<'_>) -> Result<Vec<u8>, Error> {
    let (file, before) = origin.open(path)?;
    let mut bytes = Vec::new();
    let read = (&file).take(MAX_TEXT + 1).read_to_end(&mut bytes);
    read.map_err(|error| Error::package(path, deb_parse::Error::from(error)))?;
    if bytes.len() as u64 > MAX_TEXT {
        let source = deb_parse::Error::Limit { what: deb_parse::LimitKind::Text, limit: MAX_TEXT };
        return Err(Error::package(path, source));
    }
    changed_while_read(path, &file, &before, bytes.len() as u64)?;
    Ok(bytes)
}

/// Reads a listed file to its end and into the store's waiting room, unless it is a dry run; a tarball with `list_files`
/// also for the files in it.
pub(super) fn read_listed<'a>(
    store: &'a Store,
    list: List<'_>,
    entry: &FileEntry,
    list_files: bool,
    request: &Request<'_>,
) -> Result<Read<'a>, Error> {
    let path = list.beside(&entry.path);
    let (file, before) = list.origin.open(&path)?;
    let mut intake = Intake::begin(store, request, (&path, &file, before.len()))?;
    let set = listed_hashes(entry);
    let read = if list_files {
        let tarball = store.package_reader().read_tarball(&mut intake, before.len(), set, store.limits());
        tarball.map(|tarball| (tarball.hashes, tarball.files.ok()))
    } else {
        hashes_of_all(&mut intake, set).map(|hashes| (hashes, None)).map_err(PackageError::from)
    };
    intake.ended(&path)?;
    let (hashes, files) = read.map_err(|source| Error::package(&*path, source))?;
    changed_while_read(&path, &file, &before, hashes.size)?;
    list.check(entry, &Checksums::from(&hashes))?;
    let staged = intake.finish(&path, BlobId(hashes.blake3))?;
    Ok(Read { hashes, staged, files })
}

/// The checksums of what is read to its end.
fn hashes_of_all(input: &mut impl std::io::Read, set: HashKinds) -> Result<Hashes, deb_parse::Error> {
    let mut hasher = Hasher::new(set)?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let length = input.read(&mut buffer)?;
        match buffer.get(..length) {
            Some(piece) if !piece.is_empty() => hasher.update(piece),
            _ => return Ok(hasher.finish()),
        }
    }
}

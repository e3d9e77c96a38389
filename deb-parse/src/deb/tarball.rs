//! The files in the tarballs and diffs of source packages (dsc(5)), listed in one pass.
//!
//! dpkg-source leaves unpacking to GNU tar, `patch` and the programs for each compression, so what they take is read here
//! too: pax records, sparse files, several compressed streams. What they skip in silence is skipped.

use std::io::Read;
use std::sync::Arc;

use super::compression::Compression;
use super::diff::DiffFiles;
use super::package::{FileEntry, FileList, HONEST_RATIO};
use super::source::{Hashed, Member, Source};
use super::tar::{self, Dialect, EntryKind, Owner, Tar};
use super::unpacked::Unpacked;
use crate::LimitKind;
use crate::checksum::{HashKinds, Hashes};
use crate::error::{Error, Quoted};
use crate::limits::Limits;
use crate::path;

/// What one pass over a file of a source package found out.
#[derive(Debug)]
#[non_exhaustive]
pub struct Tarball {
    /// Its checksums.
    pub hashes: Hashes,
    /// The entries of a tar archive in their order, or the files that a diff makes or changes, with only their paths known;
    /// or why they cannot be listed. Paths are as there: mostly below one directory, which dpkg-source takes away. What has a
    /// newline in its path is left out.
    pub files: Result<Vec<FileEntry>, Error>,
}

/// Reads a tarball or a diff of `size` bytes to its end, whatever is in it.
///
/// Which it is, and how it is compressed, follows from the content. The limits are those of a package's data archive.
///
/// ```
/// use deb_parse::{Limits, checksum::HashKinds, deb::tarball};
/// let diff = b"--- hello-1.orig/debian/rules\n+++ hello-1/debian/rules\n@@ -0,0 +1 @@\n+#!/usr/bin/make -f\n";
/// let mut packed = Vec::new();
/// std::io::Write::write_all(&mut flate2::write::GzEncoder::new(&mut packed, flate2::Compression::fast()), diff)?;
/// let read = tarball::read(&packed[..], packed.len() as u64, HashKinds::default(), &Limits::default())?;
/// assert_eq!(read.files?[0].path, b"hello-1/debian/rules");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`] for what `input` gives, [`Error::Unsupported`] for checksums that this build lacks.
pub fn read(input: impl Read, size: u64, hashes: HashKinds, limits: &Limits) -> Result<Tarball, Error> {
    let mut source = Source::new(Hashed::new(input, hashes)?);
    let files = list_files(&mut source, size, limits)?;
    Ok(Tarball { hashes: source.into_input().finish(), files })
}

/// What errors call it.
const NAME: &str = "tarball";

/// Reads everything, and lists the files as far as they can be listed.
pub(super) fn list_files<R: Read>(
    source: &mut Source<R>,
    size: u64,
    limits: &Limits,
) -> Result<Result<Vec<FileEntry>, Error>, Error> {
    let files = match list(Member::new(source, NAME, size), limits) {
        Err(error @ Error::Io(_)) => return Err(error),
        files => files,
    };
    source.read_to_end()?;
    Ok(files)
}

fn list<R: Read>(mut member: Member<'_, R>, limits: &Limits) -> Result<Vec<FileEntry>, Error> {
    let limit = limits.data_unpacked().max(member.left().saturating_mul(HONEST_RATIO));
    let format = Compression::of(member.peek(Compression::MAGIC_LEN)?).unwrap_or(Compression::None);
    let input = Unpacked::new(member, format, limits, limit, LimitKind::TarballUnpacked)?;
    let mut input = input.of_many_streams(limits);
    if tar::starts(input.peek(tar::BLOCK)?) {
        list_archive(Tar::new(input, Dialect::Gnu, limits.path()), limits)
    } else {
        list_diff(input, limits)
    }
}

fn list_archive<R: Read>(mut tar: Tar<'_, R>, limits: &Limits) -> Result<Vec<FileEntry>, Error> {
    let mut files = FileList::default();
    while let Some(entry) = tar.next()? {
        if entry.path.contains(&b'\n') {
            continue;
        }
        let path = path::plain(&entry.path)
            .map_err(|rule| tar.error(&format!("{}: {rule}", Quoted::new(&entry.path))))?;
        if path.is_empty() {
            continue;
        }
        let tar::Entry { kind, size, mode, owner, target, .. } = entry;
        files.push(FileEntry { path, kind, size, mode, owner, target, hashes: None }, limits, NAME)?;
    }
    Ok(files.files)
}

fn list_diff<R: Read>(mut input: Unpacked<'_, R>, limits: &Limits) -> Result<Vec<FileEntry>, Error> {
    let owner = Arc::new(Owner { uid: 0, gid: 0, user: "root".into(), group: "root".into() });
    let mut files = FileList::default();
    let mut reader = DiffFiles::default();
    let mut buffer = vec![0; 32 * 1024];
    loop {
        let length = input.read_full(&mut buffer)?;
        let Some(piece) = buffer.get(..length).filter(|piece| !piece.is_empty()) else { break };
        reader.update(piece, |path| {
            let refused = |rule| Error::archive(NAME, format!("{}: {rule}", Quoted::new(&path)));
            let path = path::plain(&path).map_err(refused)?;
            if path.is_empty() {
                return Err(refused("a diff must not change a directory"));
            }
            let owner = Arc::clone(&owner);
            let (kind, target, hashes) = (EntryKind::File, Vec::new(), None);
            let entry = FileEntry { path, kind, size: 0, mode: 0o644, owner, target, hashes };
            files.push(entry, limits, NAME)
        })?;
    }
    if files.files.is_empty() && !reader.is_diff() {
        return Err(Error::archive(NAME, "is neither a tar archive nor a diff"));
    }
    Ok(files.files)
}

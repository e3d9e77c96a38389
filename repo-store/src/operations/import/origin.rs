//! Where the files that are added lie.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;

use camino::Utf8Path;
use rustix::io::Errno;

use crate::error::{Error, ImportError};
use crate::storage::beneath::{At, DirectoryHandle, PathFault, Refusal, Status};
use crate::storage::{FileFault, StorageError, files};

/// Where files lie, and how carefully they are opened.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// The drop folder that all of them lie in; without one they are reached by their paths.
    folder: Option<&'a DropFolder>,
    /// Whether a symbolic link is refused.
    refuse_links: bool,
}

/// A folder that others write to, opened.
#[derive(Debug)]
pub(crate) struct DropFolder {
    handle: DirectoryHandle,
    status: Status,
    /// Whose files may be taken; those of everybody without it.
    owners: Option<BTreeSet<u32>>,
}

impl DropFolder {
    pub(crate) fn open(path: &Utf8Path) -> io::Result<Self> {
        let handle = At::from(path).open_directory()?;
        let status = handle.status()?;
        Ok(Self { handle, status, owners: None })
    }

    /// The same, of which only the files of these users are read.
    pub(crate) fn of_owners(self, owners: Option<BTreeSet<u32>>) -> Self {
        Self { owners, ..self }
    }

    /// Whether files of a user may be taken.
    pub(crate) fn takes_files_of(&self, owner: u32) -> bool {
        self.owners.as_ref().is_none_or(|owners| owners.contains(&owner))
    }

    pub(crate) fn handle(&self) -> &DirectoryHandle {
        &self.handle
    }

    /// Who owns it.
    pub(crate) fn owner(&self) -> u32 {
        self.status.owner
    }

    /// A file in it, by the path that messages call it by.
    pub(crate) fn at(&self, file: &Utf8Path) -> At<'_> {
        self.handle.at(file.file_name().unwrap_or_default())
    }

    /// Whether others than its owner can write in it.
    pub(crate) fn is_shared(&self) -> bool {
        self.status.mode & 0o022 != 0
    }

    /// Whether a file may be somebody else's, to which who put it here only made another name: such a file may not be for everybody to
    /// read. The owner of a folder in which nobody else can write may do that with files of their own.
    fn is_borrowed(&self, status: &Status) -> bool {
        status.links > 1 && (self.is_shared() || status.owner != self.status.owner)
    }
}

impl<'a> Origin<'a> {
    /// Files by their paths, as the caller chose them.
    pub(crate) fn paths(refuse_links: bool) -> Self {
        Self { folder: None, refuse_links }
    }

    /// Files in a drop folder.
    pub(crate) fn folder(folder: &'a DropFolder) -> Self {
        Self { folder: Some(folder), refuse_links: true }
    }

    fn at<'p>(&self, path: &'p Utf8Path) -> At<'p>
    where
        'a: 'p,
    {
        self.folder.map_or_else(|| At::from(path), |folder| folder.at(path))
    }

    /// What lies at a path; a link is not followed.
    pub(crate) fn status(&self, path: &Utf8Path) -> io::Result<Status> {
        self.at(path).status()
    }

    /// Returns the size of what would be read; `None` when it cannot be looked at.
    pub(super) fn size(&self, path: &Utf8Path) -> Option<u64> {
        let status = self.status(path).ok()?;
        if status.is_link() { files::metadata(path).ok().map(|found| found.len()) } else { Some(status.size) }
    }

    /// Opens a regular file for reading; never waits for the other end of a pipe.
    pub(crate) fn open(&self, path: &Utf8Path) -> Result<(File, Metadata), Error> {
        let not_a_file = |fault| Error::Storage(StorageError::NotAFile { file: path.to_owned(), fault });
        let file = self.at(path).open_at_once(self.refuse_links).map_err(|error| {
            let is_link = error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
                || Refusal::of(&error).is_some_and(|refusal| refusal.fault == PathFault::SymbolicLink);
            if is_link { not_a_file(FileFault::SymbolicLink) } else { unreadable(path, error) }
        })?;
        let metadata = file.metadata().map_err(Error::io("look at", path))?;
        if !metadata.is_file() {
            return Err(not_a_file(FileFault::NotRegular));
        }
        // It may have been replaced since it was looked at.
        if self.folder.is_some_and(|folder| !folder.takes_files_of(metadata.uid())) {
            return Err(unreadable(path, io::ErrorKind::PermissionDenied.into()));
        }
        if metadata.nlink() > 1
            && self.folder.is_some_and(|folder| folder.is_borrowed(&Status::from(&metadata)))
        {
            return Err(not_a_file(FileFault::HardLinks));
        }
        Ok((file, metadata))
    }
}

/// Why a file given by the caller cannot be opened. A process without handles or memory can open nothing: that says nothing of the file.
pub(super) fn unreadable(path: &Utf8Path, source: io::Error) -> Error {
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOMEM].map(|errno| Some(errno.raw_os_error()));
    if exhausted.contains(&source.raw_os_error()) {
        return Error::io("open", path)(source);
    }
    // A directory on the way that is not what it should be says so itself.
    match StorageError::io("open", path)(source) {
        StorageError::Io { source, .. } => ImportError::Unreadable { file: path.to_owned(), source }.into(),
        unsafe_path => unsafe_path.into(),
    }
}

//! Files on their way into a directory.

use std::collections::btree_map;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{AtFlags, CWD};

use crate::storage::directory::Directory;
use crate::storage::object_store::Staged;
use crate::storage::permissions::mode;
use crate::storage::{Key, StorageError, faults, files};

/// Rights of the group and of everybody.
const WRITABLE_BY_OTHERS: u32 = 0o022;

pub(super) struct StagedFile<'a> {
    pub(super) storage: &'a Directory,
    pub(super) path: Utf8PathBuf,
    /// `None` once writing has ended.
    pub(super) file: Option<File>,
}

impl Write for StagedFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        faults::before("write", &self.path)?;
        self.file.as_mut().ok_or(ErrorKind::BrokenPipe)?.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Staged for StagedFile<'_> {
    fn clone_from(&mut self, original: &File) -> Result<Option<File>, StorageError> {
        let Some(file) = &self.file else { return Ok(None) };
        let clone =
            faults::before("clone", &self.path).and_then(|()| Ok(rustix::fs::ioctl_ficlone(file, original)?));
        // Not on this file system, or not from one to the other.
        if clone.is_err() {
            return Ok(None);
        }
        files::open(&self.path).map(Some).map_err(StorageError::io("open", &self.path))
    }

    fn link_from(&mut self, original: &File) -> Result<Option<File>, StorageError> {
        let Some(own) = &self.file else { return Ok(None) };
        let look = |file: &File| file.metadata().map_err(StorageError::io("look at", &self.path));
        let (own, found) = (look(own)?, look(original)?);
        if !found.is_file() || found.uid() != own.uid() || found.mode() & WRITABLE_BY_OTHERS != 0 {
            return Ok(None);
        }
        let linked = self.storage.writing()?.next_path();
        // The very file that was opened, whatever lies at its path by now.
        let opened = format!("/proc/self/fd/{}", original.as_raw_fd());
        let link = || {
            faults::before("link", &linked)?;
            Ok(rustix::fs::linkat(CWD, &opened, CWD, linked.as_str(), AtFlags::SYMLINK_FOLLOW)?)
        };
        let done: std::io::Result<()> = link();
        if done.is_err() {
            return Ok(None);
        }
        let empty = std::mem::replace(&mut self.path, linked);
        files::remove_if_present(&empty)?;
        let read_only = rustix::fs::Mode::from_raw_mode(mode::IMMUTABLE);
        rustix::fs::fchmod(original, read_only)
            .map_err(|error| StorageError::io("set the mode of", &self.path)(error.into()))?;
        let _ = files::touch(&self.path)?;
        files::open(&self.path).map(Some).map_err(StorageError::io("open", &self.path))
    }

    fn finish(&mut self) -> Result<(), StorageError> {
        self.file = None;
        Ok(())
    }

    fn keep(mut self: Box<Self>, key: &Key) -> Result<(), StorageError> {
        self.file = None;
        if let btree_map::Entry::Vacant(place) = self.storage.kept().entry(key.clone()) {
            place.insert(std::mem::take(&mut self.path));
        }
        Ok(())
    }
}

impl Drop for StagedFile<'_> {
    fn drop(&mut self) {
        // The session's directory goes as a whole in the end. A file that was kept has no path here any more.
        if !self.path.as_str().is_empty() {
            let _ = files::remove_if_present(&self.path);
        }
    }
}

/// Larger files are compared by their length alone.
const COMPARED: u64 = 1 << 20;

/// Whether a new file is the one that is there.
pub(super) fn is_same(new: &Utf8Path, there: &Utf8Path) -> Result<bool, StorageError> {
    let length =
        |path| files::metadata(path).map(|found| found.len()).map_err(StorageError::io("look at", path));
    let (length_of_new, length_there) = (length(new)?, length(there)?);
    if length_of_new != length_there || length_of_new > COMPARED {
        return Ok(length_of_new == length_there);
    }
    // What cannot be read is not the same.
    let bytes = files::read_kept(new)?;
    Ok(files::read_kept(there).is_ok_and(|found| found == bytes))
}

//! Reaching files below a directory in which others may have put symbolic links.
//!
//! Two kinds of directories belong to others: drop folders, and `public/` where somebody besides the store may write to it.
//! A path below one of them says nothing: every directory on the way may have become a symbolic link to another place since
//! somebody looked. So such a directory is opened once ([`DirectoryHandle`]), and whatever lies below it is reached from there,
//! one component after the other, never through a link. [`At`] is a name for a file that remembers from where it is reached; the
//! functions of [`crate::storage::files`] take one.
//!
//! The links that a published tree consists of (`dists`, `by-hash`, those in `snapshot/`) are for clients. The store reads
//! where they lead and goes there itself.

mod handle;
mod paths;
mod refusal;
mod status;
mod walk;

use std::borrow::Cow;
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, RawDir, RenameFlags};
use rustix::io::Errno;

use crate::storage::{StorageError, files};
pub(crate) use handle::DirectoryHandle;
pub(crate) use paths::StorePaths;
pub use refusal::PathFault;
pub(crate) use refusal::Refusal;
pub(crate) use status::{Kind, Status};
pub(crate) use walk::files_below;

/// A name for a file, and from where it is reached.
#[derive(Clone, Debug)]
pub(crate) struct At<'a> {
    /// The directory below which no link is followed; `None` for a path that only the owner of the store can change.
    base: Option<&'a DirectoryHandle>,
    /// Relative to the base, if there is one.
    path: Cow<'a, Utf8Path>,
}

/// A path that only the owner of the store can change: links in it are followed.
impl<'a, T: AsRef<Utf8Path> + ?Sized> From<&'a T> for At<'a> {
    fn from(path: &'a T) -> Self {
        Self { base: None, path: Cow::Borrowed(path.as_ref()) }
    }
}

impl<'a> At<'a> {
    /// A path that only the owner of the store can change: links in it are followed.
    pub(crate) fn trusted(path: Utf8PathBuf) -> Self {
        Self { base: None, path: Cow::Owned(path) }
    }

    /// The whole path, for messages and to compare.
    pub(crate) fn full(&self) -> Cow<'_, Utf8Path> {
        match self.base {
            Some(base) if self.path.as_str().is_empty() => Cow::Borrowed(base.path()),
            Some(base) => Cow::Owned(base.path().join(&self.path)),
            None => Cow::Borrowed(&self.path),
        }
    }

    /// The directory it is reached from and the path below it, for what is not simply a path.
    pub(crate) fn below(&self) -> Option<(&'a DirectoryHandle, &Utf8Path)> {
        self.base.map(|base| (base, &*self.path))
    }

    fn parent(&self) -> io::Result<Parent<'a>> {
        let Some(base) = self.base else { return Ok(Parent::Held(CWD)) };
        match self.path.parent() {
            Some(above) if !above.as_str().is_empty() => Ok(Parent::Opened(base.descend(above)?)),
            _ => Ok(Parent::Held(base.fd()?)),
        }
    }

    /// Its name in its parent.
    fn name(&self) -> io::Result<&str> {
        match self.base {
            None => Ok(self.path.as_str()),
            Some(_) if self.path.as_str().is_empty() => Ok("."),
            // A path that ends in `..` has no name.
            Some(_) => self.path.file_name().ok_or_else(|| ErrorKind::InvalidInput.into()),
        }
    }

    /// The errors that a link or a file in the place of something else makes, by name.
    fn explain(&self, errno: Errno) -> io::Error {
        if self.base.is_none() || !matches!(errno, Errno::LOOP | Errno::NOTDIR) {
            return errno.into();
        }
        let is_link = self.status().is_ok_and(|status| status.kind == Kind::Link);
        let fault = if is_link { PathFault::SymbolicLink } else { PathFault::NotADirectory };
        Refusal::error(self.full().into_owned(), fault)
    }

    /// What lies there; a link is not followed.
    pub(crate) fn status(&self) -> io::Result<Status> {
        let stat = rustix::fs::statat(self.parent()?, self.name()?, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(Status::of(&stat))
    }

    /// What lies there; `None` when nothing does. Any other failure is an error, never taken for absence.
    pub(crate) fn status_if_present(&self) -> io::Result<Option<Status>> {
        match self.status() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            result => result.map(Some),
        }
    }

    /// Whether anything lies there, be it a link that leads nowhere.
    pub(crate) fn exists(&self) -> io::Result<bool> {
        Ok(self.status_if_present()?.is_some())
    }

    /// Whether a directory lies there. A link to one is none.
    pub(crate) fn is_directory(&self) -> io::Result<bool> {
        Ok(self.status_if_present()?.is_some_and(|status| status.kind == Kind::Directory))
    }

    fn open_with(&self, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        // Without waiting for the other end of a pipe.
        let careful = if self.base.is_some() { OFlags::NOFOLLOW } else { OFlags::empty() };
        let flags = flags | careful | OFlags::NONBLOCK | OFlags::CLOEXEC;
        // In one call, if that is all it takes; what went wrong with it shows on the way down.
        let path = if self.path.as_str().is_empty() { Utf8Path::new(".") } else { &*self.path };
        if let Some(base) = self.base
            && let Ok(file) = handle::by_the_kernel(base.fd()?, path, flags, mode)
        {
            return Ok(file);
        }
        let (parent, name) = (self.parent()?, self.name()?);
        loop {
            match rustix::fs::openat(&parent, name, flags, mode) {
                Err(Errno::INTR) => {}
                result => return result.map_err(|errno| self.explain(errno)),
            }
        }
    }

    /// Opens a file or directory for reading.
    pub(crate) fn open(&self) -> io::Result<File> {
        self.open_with(OFlags::RDONLY, Mode::empty()).map(File::from)
    }

    /// Opens a file for reading, whatever it is, and never waits for the other end of a pipe.
    pub(crate) fn open_at_once(&self, refuse_link: bool) -> io::Result<File> {
        let careful = if refuse_link { OFlags::NOFOLLOW } else { OFlags::empty() };
        self.open_with(OFlags::RDONLY | careful, Mode::empty()).map(File::from)
    }

    /// Opens a regular file for reading, and never waits for the other end of a pipe.
    pub(crate) fn open_file(&self) -> io::Result<File> {
        let file = self.open_at_once(false)?;
        if !file.metadata()?.is_file() {
            return Err(Refusal::error(self.full().into_owned(), PathFault::NotAFile));
        }
        Ok(file)
    }

    /// Opens a directory, to reach what is in it.
    pub(crate) fn open_directory(&self) -> io::Result<DirectoryHandle> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        Ok(DirectoryHandle::of(self.full().into_owned(), self.open_with(flags, Mode::empty())?))
    }

    /// Opens a directory; `None` when nothing lies there.
    pub(crate) fn open_if_present(&self) -> io::Result<Option<DirectoryHandle>> {
        match self.open_directory() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            result => result.map(Some),
        }
    }

    /// Opens a directory and makes what is missing of it. Returns with it the directories whose entries changed.
    pub(crate) fn make(&self) -> Result<(DirectoryHandle, Vec<Utf8PathBuf>), StorageError> {
        if let Some(base) = self.base {
            return base.make(&self.path);
        }
        let changed = files::create_directories(self.clone())?;
        Ok((self.open_directory().map_err(StorageError::io("open", &*self.path))?, changed))
    }

    /// Creates a file that must not exist yet, for writing.
    pub(crate) fn create_new(&self, mode: u32) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        self.open_with(flags, Mode::from_raw_mode(mode)).map(File::from)
    }

    /// Creates a directory.
    pub(crate) fn create_directory(&self) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(self.parent()?, self.name()?, Mode::from_raw_mode(0o777))?)
    }

    /// Gives the file another name, in place of what has that name.
    pub(crate) fn rename(&self, to: &At<'_>) -> io::Result<()> {
        Ok(rustix::fs::renameat(self.parent()?, self.name()?, to.parent()?, to.name()?)?)
    }

    /// Gives a regular file another name, which nothing may have.
    pub(crate) fn rename_to_free(&self, to: &At<'_>) -> io::Result<()> {
        let ((from, name), (parent, new)) = ((self.parent()?, self.name()?), (to.parent()?, to.name()?));
        match rustix::fs::renameat_with(&from, name, &parent, new, RenameFlags::NOREPLACE) {
            // Not every file system can do that.
            Err(Errno::INVAL | Errno::NOSYS) => {
                rustix::fs::linkat(&from, name, &parent, new, AtFlags::empty())?;
                Ok(rustix::fs::unlinkat(&from, name, AtFlags::empty())?)
            }
            result => Ok(result?),
        }
    }

    /// Makes `to` another name of the file. Of a link it is the link itself.
    pub(crate) fn link(&self, to: &At<'_>) -> io::Result<()> {
        let (from, to) = ((self.parent()?, self.name()?), (to.parent()?, to.name()?));
        Ok(rustix::fs::linkat(from.0, from.1, to.0, to.1, AtFlags::empty())?)
    }

    /// Makes it a symbolic link.
    pub(crate) fn symlink(&self, target: &str) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, self.parent()?, self.name()?)?)
    }

    /// Where a symbolic link leads.
    pub(crate) fn read_link(&self) -> io::Result<Utf8PathBuf> {
        let target = rustix::fs::readlinkat(self.parent()?, self.name()?, Vec::new())?;
        let target = target.into_string().map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
        Ok(target.into())
    }

    /// Where a symbolic link leads; `None` when nothing lies there or something else. Any other failure is an error.
    pub(crate) fn read_link_if_present(&self) -> io::Result<Option<Utf8PathBuf>> {
        match self.read_link() {
            Ok(target) => Ok(Some(target)),
            // EINVAL: it is something else. Not in UTF-8: it is nothing of ours.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::InvalidInput | ErrorKind::InvalidData
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Removes a file or link.
    pub(crate) fn remove(&self) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(self.parent()?, self.name()?, AtFlags::empty())?)
    }

    /// Removes an empty directory.
    pub(crate) fn remove_directory(&self) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(self.parent()?, self.name()?, AtFlags::REMOVEDIR)?)
    }

    /// Removes a directory with all that is in it, or whatever else lies there.
    pub(crate) fn remove_tree(&self) -> io::Result<()> {
        if self.status()?.kind != Kind::Directory {
            return self.remove();
        }
        remove_content(&self.open_with(OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?, MOST_LEVELS)?;
        self.remove_directory()
    }

    /// Sets the mode bits.
    pub(crate) fn set_mode(&self, mode: u32) -> io::Result<()> {
        let mode = Mode::from_raw_mode(mode);
        if self.base.is_none() {
            return Ok(rustix::fs::chmodat(CWD, self.path.as_str(), mode, AtFlags::empty())?);
        }
        match self.open_with(OFlags::RDONLY, Mode::empty()) {
            Ok(file) => Ok(rustix::fs::fchmod(file, mode)?),
            // Its owner, too, can lack the right to read it.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                use std::os::fd::AsRawFd as _;
                let file = self.open_with(OFlags::PATH, Mode::empty())?;
                if Status::of(&rustix::fs::fstat(&file)?).kind == Kind::Link {
                    return Err(Refusal::error(self.full().into_owned(), PathFault::SymbolicLink));
                }
                let open = format!("/proc/self/fd/{}", file.as_raw_fd());
                Ok(rustix::fs::chmodat(CWD, open, mode, AtFlags::empty())?)
            }
            Err(error) => Err(error),
        }
    }

    /// The names in a directory as they come. A name that is not UTF-8 is none of ours.
    pub(crate) fn each_name(&self, mut take: impl FnMut(&str)) -> io::Result<()> {
        // In a folder that others write to, a name that is no text must not stop everything.
        self.each_raw_name(|name, _| name.to_str().map_or((), &mut take))
    }

    /// The names in a directory, and whether a directory has the name; links are followed.
    pub(crate) fn each_entry(&self, mut take: impl FnMut(&str, bool)) -> io::Result<()> {
        let full = self.full();
        self.each_raw_name(|name, kind| {
            let Ok(name) = name.to_str() else { return };
            let is_directory = match kind {
                FileType::Directory => true,
                // Not every file system tells.
                FileType::Symlink | FileType::Unknown => is_directory(&full.join(name)),
                _ => false,
            };
            take(name, is_directory);
        })
    }

    /// The names in a directory of what may be symbolic links: not every file system tells.
    pub(crate) fn names_of_links(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        self.each_raw_name(|name, kind| {
            if matches!(kind, FileType::Symlink | FileType::Unknown) {
                names.extend(name.to_str().map(str::to_owned));
            }
        })?;
        names.sort_unstable();
        Ok(names)
    }

    /// The names in a directory that are not UTF-8, as messages show them: with `\xff` for such a byte.
    pub(crate) fn names_that_are_no_text(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        self.each_raw_name(|name, _| {
            if name.to_str().is_err() {
                names.push(name.to_bytes().escape_ascii().to_string());
            }
        })?;
        names.sort_unstable();
        Ok(names)
    }

    fn each_raw_name(&self, mut take: impl FnMut(&CStr, FileType)) -> io::Result<()> {
        let directory = self.open_with(OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
        let mut room = Vec::with_capacity(LISTED_AT_ONCE);
        let mut entries = RawDir::new(directory, room.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                take(entry.file_name(), entry.file_type());
            }
        }
        Ok(())
    }
}

/// The bytes of names that are read in one call: those of a directory of 256 others.
const LISTED_AT_ONCE: usize = 16 << 10;

/// No tree of ours has more levels; one that has was made to exhaust the stack or the file handles.
pub(crate) const MOST_LEVELS: usize = 200;

/// Returns whether a path leads to a directory, through links.
fn is_directory(path: &Utf8Path) -> bool {
    rustix::fs::stat(path.as_std_path()).is_ok_and(|found| Status::of(&found).kind == Kind::Directory)
}

/// Removes all that is in a directory, whatever its names are made of.
fn remove_content(directory: &OwnedFd, levels: usize) -> io::Result<()> {
    if levels == 0 {
        return Err(Errno::NAMETOOLONG.into());
    }
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        names.push(entry?.file_name().to_owned());
    }
    for name in names.iter().filter(|name| !matches!(name.to_bytes(), b"." | b"..")) {
        let name = name.as_c_str();
        match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
            Err(Errno::ISDIR | Errno::PERM) => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                remove_content(&rustix::fs::openat(directory, name, flags, Mode::empty())?, levels - 1)?;
                rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR)?;
            }
            result => result?,
        }
    }
    Ok(())
}

/// The directory that something lies in.
enum Parent<'a> {
    Held(BorrowedFd<'a>),
    Opened(OwnedFd),
}

impl AsFd for Parent<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Held(directory) => *directory,
            Self::Opened(directory) => directory.as_fd(),
        }
    }
}

#[cfg(test)]
mod tests;

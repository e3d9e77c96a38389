//! Directories that were opened once, and the way down from there.

use std::borrow::Cow;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::{At, Kind, PathFault, Refusal, Status};
use crate::storage::files::mode;
use crate::storage::{StorageError, faults, files};

/// A directory below which no symbolic link is followed.
///
/// It is opened once, when it is needed first; whatever becomes of its path later, what is reached from here lies in it.
#[derive(Debug)]
pub(crate) struct DirectoryHandle {
    path: Utf8PathBuf,
    fd: OnceLock<OwnedFd>,
}

/// To go through a directory, and nothing else. Not to list it.
const PASSAGE: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl DirectoryHandle {
    /// The directory at a path that only the owner of the store can change: it may be a link itself, and links may lead to it.
    pub(crate) fn new(path: Utf8PathBuf) -> Self {
        Self { path, fd: OnceLock::new() }
    }

    pub(super) fn of(path: Utf8PathBuf, fd: OwnedFd) -> Self {
        Self { path, fd: OnceLock::from(fd) }
    }

    /// Its path, for messages.
    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Something below it.
    pub(crate) fn at(&self, path: impl AsRef<Utf8Path>) -> At<'_> {
        At { base: Some(self), path: Cow::Owned(path.as_ref().to_owned()) }
    }

    pub(super) fn fd(&self) -> io::Result<BorrowedFd<'_>> {
        if let Some(fd) = self.fd.get() {
            return Ok(fd.as_fd());
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(CWD, self.path.as_std_path(), flags, Mode::empty())?;
        Ok(self.fd.get_or_init(|| fd).as_fd())
    }

    /// What the directory itself is.
    pub(crate) fn status(&self) -> io::Result<Status> {
        Ok(Status::of(&rustix::fs::fstat(self.fd()?)?))
    }

    /// Opens a directory below it, to reach what is in that.
    pub(crate) fn directory(&self, path: &Utf8Path) -> io::Result<Self> {
        Ok(Self::of(self.path.join(path), self.descend(path)?))
    }

    /// The way down to a directory.
    pub(super) fn descend(&self, path: &Utf8Path) -> io::Result<OwnedFd> {
        let base = self.fd()?;
        open(base, path).map_err(|errno| match errno {
            Errno::LOOP | Errno::NOTDIR => self.refused(base, path),
            errno => errno.into(),
        })
    }

    /// Which of the directories on the way down is none.
    fn refused(&self, base: BorrowedFd<'_>, path: &Utf8Path) -> io::Error {
        let above = path.ancestors().filter(|above| !above.as_str().is_empty()).collect::<Vec<_>>();
        for step in above.into_iter().rev() {
            let before = step.parent().filter(|before| !before.as_str().is_empty());
            let parent = before.map(|before| by_steps(base, before)).transpose();
            let (Ok(parent), Some(name)) = (parent, step.file_name()) else { break };
            let parent = parent.as_ref().map_or(base, |parent| parent.as_fd());
            let found = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW);
            match found.map(|stat| Status::of(&stat).kind) {
                Ok(Kind::Directory) => {}
                Ok(Kind::Link) => return Refusal::error(self.path.join(step), PathFault::SymbolicLink),
                _ => return Refusal::error(self.path.join(step), PathFault::NotADirectory),
            }
        }
        Refusal::error(self.path.join(path), PathFault::NotADirectory)
    }

    /// Opens a directory below it and makes what is missing on the way, this directory included. Returns with it the directories
    /// whose entries changed.
    pub(crate) fn make(&self, path: &Utf8Path) -> Result<(Self, Vec<Utf8PathBuf>), StorageError> {
        let full = self.path.join(path);
        let failed = |error| StorageError::io("create", &full)(error);
        match self.directory(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => return result.map(|made| (made, Vec::new())).map_err(failed),
        }
        let mut changed = files::create_directories(&self.path)?;
        let mut here = Self::of(self.path.clone(), self.descend(Utf8Path::new(".")).map_err(failed)?);
        for name in path {
            here = match here.directory(Utf8Path::new(name)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let made = here.make_one(name)?;
                    changed.push(here.path);
                    made
                }
                result => result.map_err(failed)?,
            };
        }
        Ok((here, changed))
    }

    fn make_one(&self, name: &str) -> Result<Self, StorageError> {
        let at = self.at(name);
        let full = at.full();
        match files::create_directory(at.clone()) {
            Ok(()) => {
                let made = at.open_directory().map_err(StorageError::io("open", &*full))?;
                faults::before("chmod", &full)
                    .and_then(|()| Ok(rustix::fs::fchmod(made.fd()?, Mode::from_raw_mode(mode::DIRECTORY))?))
                    .map_err(StorageError::io("set the mode of", &*full))?;
                Ok(made)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.directory(Utf8Path::new(name)).map_err(StorageError::io("create", &*full))
            }
            Err(error) => Err(StorageError::io("create", &*full)(error)),
        }
    }
}

/// Opens a directory below another one without following a link.
fn open(base: BorrowedFd<'_>, path: &Utf8Path) -> rustix::io::Result<OwnedFd> {
    match by_the_kernel(base, path, PASSAGE, Mode::empty()) {
        // Older than Linux 5.6, or in a sandbox that does not know the call.
        Err(Errno::NOSYS | Errno::PERM) => by_steps(base, path),
        result => result,
    }
}

/// How often the kernel is asked again that was disturbed.
const TRIES: u32 = 32;

pub(super) fn by_the_kernel(
    base: BorrowedFd<'_>,
    path: &Utf8Path,
    flags: OFlags,
    mode: Mode,
) -> rustix::io::Result<OwnedFd> {
    // Not even one that stays below: what stands before it in the path may have been moved.
    if path.components().any(|component| component == Utf8Component::ParentDir) {
        return Err(Errno::XDEV);
    }
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let mut tries = 0;
    loop {
        match rustix::fs::openat2(base, path.as_std_path(), flags, mode, resolve) {
            Err(Errno::AGAIN | Errno::INTR) if tries < TRIES => tries += 1,
            result => return result,
        }
    }
}

fn by_steps(base: BorrowedFd<'_>, path: &Utf8Path) -> rustix::io::Result<OwnedFd> {
    let mut here: Option<OwnedFd> = None;
    for component in path.components() {
        let name = match component {
            Utf8Component::Normal(name) => name,
            Utf8Component::CurDir => ".",
            _ => return Err(Errno::XDEV),
        };
        let from = here.as_ref().map_or(base, |here| here.as_fd());
        here = Some(rustix::fs::openat(from, name, PASSAGE, Mode::empty())?);
    }
    here.ok_or(Errno::NOENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What both ways of going down say of a path: whether it is a directory that may be gone to.
    #[test]
    fn with_and_without_openat2_the_same_directories_are_reached() {
        let directory = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(directory.path()).unwrap();
        std::fs::create_dir_all(top.join("base/a/b")).unwrap();
        std::fs::create_dir(top.join("outside")).unwrap();
        std::fs::write(top.join("base/file"), "").unwrap();
        for (target, link) in
            [("a", "base/inside"), ("../outside", "base/outside"), ("b", "base/a/link"), ("x", "base/dead")]
        {
            std::os::unix::fs::symlink(target, top.join(link)).unwrap();
        }
        let base = DirectoryHandle::new(top.join("base"));
        let base = base.fd().unwrap();
        let by_the_kernel = |base, path| by_the_kernel(base, path, PASSAGE, Mode::empty());
        for path in ["a", "a/b", "./a", "a/./b"] {
            assert!(by_the_kernel(base, path.into()).is_ok(), "{path}");
            assert!(by_steps(base, path.into()).is_ok(), "{path}");
        }
        for path in ["inside", "inside/b", "outside", "a/link", "dead", "file", "file/x"] {
            let expected = |error| matches!(error, Errno::LOOP | Errno::NOTDIR);
            assert!(expected(by_the_kernel(base, path.into()).unwrap_err()), "{path}");
            assert!(expected(by_steps(base, path.into()).unwrap_err()), "{path}");
        }
        for path in ["missing", "a/missing", "missing/a", ""] {
            assert_eq!(by_the_kernel(base, path.into()).unwrap_err(), Errno::NOENT, "{path}");
            assert_eq!(by_steps(base, path.into()).unwrap_err(), Errno::NOENT, "{path}");
        }
        for path in ["..", "../outside", "/", "/tmp", "a/..", "a/../a", "a/b/../../.."] {
            assert_eq!(by_the_kernel(base, path.into()).unwrap_err(), Errno::XDEV, "{path}");
            assert_eq!(by_steps(base, path.into()).unwrap_err(), Errno::XDEV, "{path}");
        }
    }
}

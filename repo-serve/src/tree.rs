//! Opening files of the published tree, and never anything outside it.
//!
//! The kernel keeps the promise (openat2(2), `RESOLVE_BENEATH`): symlinks inside a repository are followed, as `dists`
//! and `by-hash` are symlinks; any step above the repository's own directory fails, however a name or a link is
//! written and whatever is renamed meanwhile. So a link cannot reach around another repository's access rules either.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// The directory that holds the repositories. It stays open until there is another one under its name.
#[derive(Debug)]
pub(crate) struct Tree {
    path: Utf8PathBuf,
    root: RwLock<Arc<OwnedFd>>,
    repositories: BTreeMap<String, RwLock<Option<Repository>>>,
}

/// A repository's directory, kept open for [`KEPT`].
#[derive(Clone, Debug)]
struct Repository {
    directory: Arc<OwnedFd>,
    opened: Instant,
}

/// How long a repository's directory is used before it is looked up again, as somebody may have put another in its place.
/// Looking it up for every request makes a 304 three percent slower.
const KEPT: Duration = Duration::from_secs(1);

/// A regular file of the tree, opened, with what its inode said at that moment.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) file: File,
    pub(crate) size: u64,
    pub(crate) inode: u64,
    pub(crate) modified: SystemTime,
}

/// How often a lookup that ran into somebody's rename is tried again. The kernel gives up a lookup through `..` (every
/// `by-hash` link has some) when anything at all is renamed meanwhile; publishing renames a lot.
const LOOKUP_TRIES: u32 = 32;

impl Tree {
    /// Opens the root directory. Fails as well where the kernel is older than 5.6 or a sandbox hides openat2(2).
    /// The repositories need not exist yet.
    pub(crate) fn open(root: &Utf8Path, repositories: impl Iterator<Item = String>) -> io::Result<Self> {
        let path = root.to_owned();
        let root = open_root(root).map_err(|errno| {
            let what = match errno {
                Errno::NOSYS => "openat2(2) is not available (Linux 5.6 or newer is needed)",
                _ => "cannot open the directory to serve",
            };
            io::Error::new(io::Error::from(errno).kind(), format!("{root}: {what}: {errno}"))
        })?;
        let repositories = repositories.map(|name| (name, RwLock::default())).collect();
        Ok(Self { path, root: RwLock::new(Arc::new(root)), repositories })
    }

    /// Opens the directory that has the name of the root now, if that is another one: the store may have been restored, moved or mounted. Where
    /// there is none, everything stays as it was.
    pub(crate) fn follow(&self) {
        let Ok(found) = open_root(&self.path) else { return };
        let identity = |root: &OwnedFd| rustix::fs::fstat(root).map(|found| (found.st_dev, found.st_ino));
        if identity(&found).ok() == identity(&self.root()).ok() {
            return;
        }
        *self.root.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(found);
        for slot in self.repositories.values() {
            *slot.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    fn root(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.root.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens the file at `inner` within `repository`; `None` when that is not a regular file.
    pub(crate) fn file(&self, repository: &str, inner: &[u8]) -> io::Result<Option<OpenFile>> {
        let directory = match self.repository(repository) {
            Err(errno) => return absent(errno),
            Ok(directory) => directory,
        };
        // NONBLOCK: to open a FIFO must not hang. On regular files it has no effect.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = match beneath(&directory, inner, flags, ResolveFlags::empty()) {
            Err(errno) => return absent(errno),
            Ok(file) => File::from(file),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let (size, inode, modified) = (metadata.len(), metadata.ino(), metadata.modified()?);
        Ok(Some(OpenFile { file, size, inode, modified }))
    }

    /// Returns whether the directory is still there: one that was removed while it is open has no name left.
    pub(crate) fn is_there(&self) -> bool {
        rustix::fs::fstat(self.root()).is_ok_and(|found| found.st_nlink > 0)
    }

    /// Returns how long ago the link was made through which clients see the present publication of a repository.
    pub(crate) fn age_of_publication(&self, repository: &str) -> Option<Duration> {
        let directory = self.repository(repository).ok()?;
        let link = rustix::fs::statat(&*directory, "dists", rustix::fs::AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let made = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(link.st_mtime).ok()?);
        // One that was made while the clock was ahead is new.
        Some(SystemTime::now().duration_since(made).unwrap_or_default())
    }

    fn repository(&self, name: &str) -> Result<Arc<OwnedFd>, Errno> {
        let slot = self.repositories.get(name).ok_or(Errno::NOENT)?;
        // A panic cannot leave a slot half written, so a poisoned lock is as good as any.
        let kept = slot.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kept) = kept.filter(|kept| kept.opened.elapsed() < KEPT) {
            return Ok(kept.directory);
        }
        let opened = Instant::now();
        // A link from one repository to another would lead around the access rules of that one.
        let (flags, resolve) = (OFlags::PATH | OFlags::DIRECTORY, ResolveFlags::NO_SYMLINKS);
        let directory = Arc::new(beneath(&self.root(), name.as_bytes(), flags, resolve)?);
        let repository = Repository { directory: Arc::clone(&directory), opened };
        *slot.write().unwrap_or_else(PoisonError::into_inner) = Some(repository);
        Ok(directory)
    }
}

fn open_root(path: &Utf8Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat2(rustix::fs::CWD, path.as_std_path(), flags, Mode::empty(), ResolveFlags::empty())
}

fn beneath(directory: &OwnedFd, path: &[u8], flags: OFlags, resolve: ResolveFlags) -> Result<OwnedFd, Errno> {
    let resolve = resolve | ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let mut tries = 0;
    loop {
        match rustix::fs::openat2(directory, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) if tries < LOOKUP_TRIES => tries += 1,
            done => return done,
        }
    }
}

/// Errors that say "no such file for you", and so are an answer rather than a failure.
fn absent(errno: Errno) -> io::Result<Option<OpenFile>> {
    match errno {
        Errno::NOENT
        | Errno::NOTDIR
        | Errno::XDEV
        | Errno::LOOP
        | Errno::NAMETOOLONG
        | Errno::ISDIR
        | Errno::NXIO
        | Errno::NODEV => Ok(None),
        other => Err(other.into()),
    }
}

//! A storage in a directory of a local file system.

mod objects;
mod refs;
mod session;
mod staged;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};

use crate::storage::directory::session::Session;
use crate::storage::directory::staged::is_same;
use crate::storage::files::Lock;
use crate::storage::format::Format;
use crate::storage::obstacle::Obstacle;
use crate::storage::own_directories::{Look, refuse_all_linked, refuse_in_linked, refuse_linked};
use crate::storage::{Key, StorageError, files, format};

/// A storage in a directory of a local file system.
///
/// ```text
/// <directory>/<area>/…     kept files, mode 0444
/// <directory>/locks/       one empty file for each reference; held with flock, so never stale
/// <directory>/tmp/<pid>-…/ files on their way, in one directory for each process that writes
/// ```
///
/// A process holds a lock on its temporary directory for as long as it lives. A process that opens the storage to write
/// removes the directories whose lock is free: their owners died.
#[derive(Debug)]
pub struct Directory {
    root: Utf8PathBuf,
    /// One before [`Format::WRITTEN`] is not written to.
    format: Format,
    session: OnceLock<Session>,
    /// Files that were kept and not yet synced, by their temporary paths. They get their names when their content is durable:
    /// a file that has its name is whole, whatever happened to who wrote it.
    kept: Mutex<BTreeMap<Key, Utf8PathBuf>>,
    /// Directories of files that were there already: the process that put them there may not have synced them yet.
    renewed: Mutex<Vec<Utf8PathBuf>>,
    /// That no directory was found to be a link, while that counts.
    looked: Mutex<Option<Look>>,
    /// Whether the format before can no longer be returned to.
    way_back_is_closed: AtomicBool,
}

impl Directory {
    /// Makes a new, empty storage in `root`, which may exist if it is empty of storage.
    ///
    /// # Errors
    /// [`StorageError::Io`] when a directory cannot be made.
    pub fn create(root: &Utf8Path) -> Result<Self, StorageError> {
        let mut changed = Vec::new();
        for area in ["tmp", "locks"] {
            changed.extend(files::create_directories(&root.join(area))?);
        }
        files::sync_all(changed)?;
        Self::open(root, Format::NEWEST)
    }

    /// Opens the storage in `root`, of a store of this format. What writes to an older one fails with [`StorageError::OlderFormat`].
    ///
    /// # Errors
    /// [`StorageError::NoStore`] when there is none.
    pub fn open(root: &Utf8Path, format: Format) -> Result<Self, StorageError> {
        let area = root.join("tmp");
        if !files::is_directory(&area) {
            if let Some(obstacle) = Obstacle::at(&area) {
                return Err(StorageError::io("open", area)(obstacle.into_error()));
            }
            // It may be removed at any time, and is made again where something is written.
            if !files::is_directory(root) {
                return Err(StorageError::NoStore { path: root.to_owned() });
            }
        }
        Ok(Self { format, ..Self::at(root) })
    }

    /// The storage in `root`, which need not be one that can be written to.
    pub(crate) fn at(root: &Utf8Path) -> Self {
        Self {
            root: root.to_owned(),
            format: Format::NEWEST,
            session: OnceLock::new(),
            kept: Mutex::default(),
            renewed: Mutex::default(),
            looked: Mutex::default(),
            way_back_is_closed: AtomicBool::new(false),
        }
    }

    fn path(&self, key: &Key) -> Utf8PathBuf {
        self.root.join(key.as_str())
    }

    /// Returns the directory of an area.
    pub(in crate::storage) fn path_of(&self, area: &str) -> Utf8PathBuf {
        self.root.join(area)
    }

    /// The path of a key that is about to be written, touched or removed.
    fn path_to_change(&self, key: &Key) -> Result<Utf8PathBuf, StorageError> {
        let path = self.path(key);
        refuse_in_linked(&path)?;
        Ok(path)
    }

    fn session(&self) -> Result<&Session, StorageError> {
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        refuse_all_linked(&self.root)?;
        let session = Session::start(&self.root.join("tmp"))?;
        Ok(self.session.get_or_init(|| session))
    }

    /// The session, for something that is about to be written.
    fn writing(&self) -> Result<&Session, StorageError> {
        if self.format < Format::WRITTEN {
            let (found, needed) = (self.format.number(), Format::WRITTEN.number());
            return Err(StorageError::OlderFormat { found, needed });
        }
        if !self.way_back_is_closed.swap(true, Ordering::Relaxed) {
            format::close_way_back(&self.root)?;
        }
        self.session()
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<Key, Utf8PathBuf>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn renewed(&self) -> MutexGuard<'_, Vec<Utf8PathBuf>> {
        self.renewed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the file of a key is at the moment.
    fn place(&self, key: &Key) -> Utf8PathBuf {
        self.kept().get(key).cloned().unwrap_or_else(|| self.path(key))
    }

    /// Gives a durable file its name, and returns the directories that must be synced.
    fn name(&self, temporary: &Utf8Path, path: &Utf8Path) -> Result<Vec<Utf8PathBuf>, StorageError> {
        let parent = path.parent().unwrap_or(&self.root);
        let mut changed = files::create_directories(parent)?;
        // What is there already must count as new, or garbage collection could take it away before anything refers to it.
        let is_new = loop {
            if files::link(temporary, path)? {
                break true;
            }
            if files::touch(path)? {
                break false;
            }
        };
        if is_new || is_same(temporary, path)? {
            files::remove_if_present(temporary)?;
        } else {
            // What is there was cut short or damaged by something that is not ours to explain; this one is whole.
            files::rename(temporary, path).map_err(StorageError::io("replace", path))?;
        }
        // Also when it was there already: the process that put it there may not have synced its directory yet, nor that one's entry.
        changed.push(parent.to_owned());
        changed.extend(parent.parent().map(Utf8Path::to_owned));
        Ok(changed)
    }

    /// Waits for the lock on a key, held until dropped. A writer that replaces what is under a key holds it.
    pub(crate) fn lock_key(&self, key: &Key) -> Result<Lock, StorageError> {
        self.lock(&key.as_str().replace('/', "."))
    }

    /// A lock for the thing of that name, held until dropped.
    pub(crate) fn lock(&self, name: &str) -> Result<Lock, StorageError> {
        self.lock_by(name, Lock::acquire)
    }

    /// Takes a lock if nobody holds it.
    pub(crate) fn try_lock(&self, name: &str) -> Result<Option<Lock>, StorageError> {
        self.lock_by(name, Lock::try_acquire)
    }

    fn lock_by<T>(
        &self,
        name: &str,
        acquire: impl Fn(&Utf8Path) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        // Some change what clients see before they write below the root.
        match self.session.get() {
            Some(session) => {
                let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
                *looked = refuse_linked(&self.root, looked.take(), &session.directory)?;
            }
            None => refuse_all_linked(&self.root)?,
        }
        let path = self.lock_path(name);
        match acquire(&path) {
            // Nobody holds a lock in a directory that is gone.
            Err(StorageError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                files::create_directories(&self.root.join("locks"))?;
                acquire(&path)
            }
            result => result,
        }
    }

    fn lock_path(&self, name: &str) -> Utf8PathBuf {
        self.root.join("locks").join(name)
    }

    /// A path below the storage's own temporary directory that nobody else uses.
    pub(crate) fn temporary(&self) -> Result<Utf8PathBuf, StorageError> {
        Ok(self.writing()?.next_path())
    }

    /// Like [`temporary`](Self::temporary), in a store of any format.
    pub(crate) fn unguarded_temporary(&self) -> Result<Utf8PathBuf, StorageError> {
        Ok(self.session()?.next_path())
    }
}

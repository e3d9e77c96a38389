use std::collections::{BTreeMap, HashSet, btree_map};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek as _, SeekFrom, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};

use deb_parse::checksum::Blake3;
use jiff::Timestamp;

use super::{Key, Staged, Storage};
use crate::storage::files::{Lock, mode};
use crate::storage::format::Format;
use crate::storage::{StorageError, faults, files, format, log};

/// A storage in a directory of a local file system.
///
/// ```text
/// <directory>/<area>/…     kept files, mode 0444
/// <directory>/locks/       one empty file for each reference; held with flock, so never stale
/// <directory>/tmp/<pid>-…/ files on their way, in one directory for each process that writes
/// ```
///
/// A process holds a lock on its temporary directory for as long as it lives. Whoever opens the storage to write
/// removes the directories whose lock is free: their owners died.
#[derive(Debug)]
pub struct Directory {
    root: Utf8PathBuf,
    /// Only the newest is written.
    format: Format,
    session: OnceLock<Session>,
    /// Files that were kept and not yet synced, by their temporary paths. They get their names when their content is durable:
    /// a file that has its name is whole, whatever happened to who wrote it.
    kept: Mutex<BTreeMap<Key, Utf8PathBuf>>,
    /// Directories of files that were there already: whoever put these there may not have synced them yet.
    renewed: Mutex<Vec<Utf8PathBuf>>,
    /// Whether the format before can no longer be returned to.
    way_back_is_closed: AtomicBool,
}

/// The lock that garbage collection holds.
pub(crate) const COLLECTION: &str = "gc";

/// The last garbage collection, as its lock shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Collection {
    began: Option<std::time::SystemTime>,
    /// Whether it is at work.
    pub(crate) is_running: bool,
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
        if !root.join("tmp").is_dir() {
            return Err(StorageError::NoStore { path: root.to_owned() });
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
            way_back_is_closed: AtomicBool::new(false),
        }
    }

    fn path(&self, key: &Key) -> Utf8PathBuf {
        self.root.join(key.as_str())
    }

    fn session(&self) -> Result<&Session, StorageError> {
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        let session = Session::start(&self.root.join("tmp"))?;
        Ok(self.session.get_or_init(|| session))
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// The session, for something that is about to be written.
    fn writing(&self) -> Result<&Session, StorageError> {
        if self.format < Format::NEWEST {
            let (found, needed) = (self.format.number(), Format::NEWEST.number());
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
        // Also when it was there already: whoever put it there may not have synced its directory yet, nor that one's entry.
        changed.push(parent.to_owned());
        changed.extend(parent.parent().map(Utf8Path::to_owned));
        Ok(changed)
    }

    /// Replaces a reference if it still holds `expected`; `announce` runs when that is certain and before it is done.
    fn swap(
        &self,
        key: &Key,
        expected: Option<&[u8]>,
        new: &[u8],
        announce: impl FnOnce() -> Result<(), StorageError>,
    ) -> Result<bool, StorageError> {
        let path = self.path(key);
        let parent = path.parent().unwrap_or(&self.root);
        files::sync_all(files::create_directories(parent)?)?;
        let temporary = self.writing()?.next_path();
        let _lock = self.lock(&key.as_str().replace('/', "."))?;
        if files::read_if_present(&path)?.as_deref() != expected {
            return Ok(false);
        }
        announce()?;
        files::replace(&path, new, &temporary)?;
        Ok(true)
    }

    /// A lock for the thing of that name, held until dropped.
    pub(crate) fn lock(&self, name: &str) -> Result<Lock, StorageError> {
        Lock::acquire(&self.root.join("locks").join(name))
    }

    /// Keeps garbage collection from running, after the end of one that does, where its lock can be read.
    pub(crate) fn hold_off_collection(&self) -> Option<Lock> {
        Lock::share(&self.collection_lock())
    }

    /// What can be told of the last garbage collection, to see whether one ran between two looks.
    pub(crate) fn last_collection(&self) -> Collection {
        let path = self.collection_lock();
        let began = fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
        Collection { began, is_running: Lock::is_held(&path) }
    }

    fn collection_lock(&self) -> Utf8PathBuf {
        self.root.join("locks").join(COLLECTION)
    }

    /// The present by the clock that stamps the files: no file that comes later has an earlier time.
    pub(crate) fn now(&self) -> Result<Timestamp, StorageError> {
        let path = self.session()?.next_path();
        files::create_new(&path, mode::IMMUTABLE)?;
        let metadata = fs::metadata(&path).map_err(StorageError::io("look at", &path))?;
        files::remove_if_present(&path)?;
        Ok(files::changed(&metadata))
    }

    /// When the oldest of the other processes began that are writing at the moment. Those that died without a word were swept
    /// away when this one began.
    pub(crate) fn oldest_other_writer(&self) -> Result<Option<Timestamp>, StorageError> {
        let own = &self.session()?.directory;
        let area = self.root.join("tmp");
        let mut oldest = None;
        for directory in files::names_in(&area)?.into_iter().map(|name| area.join(name)) {
            if directory == *own {
                continue;
            }
            // One without a lock file has only just begun, or has ended by now.
            let lock = directory.join("lock");
            let began = match fs::metadata(&lock) {
                Ok(metadata) => files::changed(&metadata),
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(StorageError::io("look at", lock)(error)),
            };
            oldest = Some(oldest.map_or(began, |oldest: Timestamp| oldest.min(began)));
        }
        Ok(oldest)
    }

    /// The ids of everything in an area of content-addressed files. Files of other names are not ours.
    pub(crate) fn ids(&self, area: &str) -> Result<HashSet<Blake3>, StorageError> {
        let mut ids = HashSet::new();
        for mut digits in files::names_in(&self.root.join(area))? {
            let directory = self.root.join(area).join(&digits);
            let first = digits.len();
            files::each_name_in(&directory, |rest| {
                digits.truncate(first);
                digits.push_str(rest);
                ids.extend(digits.parse::<Blake3>());
            })?;
        }
        Ok(ids)
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

/// Appends a line to a log, behind the last one that is whole.
fn append(path: &Utf8Path, file: &mut File, line: &str) -> std::io::Result<()> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(end.saturating_sub(log::TAIL)))?;
    file.read_to_end(&mut tail)?;
    if tail.last().is_some_and(|last| *last != b'\n') {
        file.seek(SeekFrom::Start(0))?;
        tail.clear();
        file.read_to_end(&mut tail)?;
        tail.truncate(tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1));
        end = tail.len() as u64;
        faults::before("truncate", path)?;
        file.set_len(end)?;
    }
    file.seek(SeekFrom::Start(end))?;
    faults::before("write", path)?;
    file.write_all(log::seal(&tail, line).as_bytes())?;
    faults::before("fsync", path)?;
    file.sync_data()?;
    faults::synced(path);
    Ok(())
}

/// The temporary directory of this process.
#[derive(Debug)]
struct Session {
    directory: Utf8PathBuf,
    _lock: Lock,
    next: AtomicU64,
}

impl Session {
    fn start(area: &Utf8Path) -> Result<Self, StorageError> {
        Self::sweep(area)?;
        let process = std::process::id();
        for attempt in 0_u32.. {
            let directory = area.join(format!("{process}-{attempt}"));
            match files::create_directory(&directory) {
                Ok(()) => {
                    files::set_mode(&directory, mode::SECRET_DIRECTORY)?;
                    let lock = Lock::acquire(&directory.join("lock"))?;
                    // Between making the lock file and holding it, a sweep may have taken the directory for abandoned,
                    // and others may have made one of the same name since.
                    if lock.is_at(&directory.join("lock")) {
                        return Ok(Self { directory, _lock: lock, next: AtomicU64::new(0) });
                    }
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(StorageError::io("create", directory)(error)),
            }
        }
        Err(StorageError::NoStore { path: area.to_owned() })
    }

    /// Removes what processes left behind that ended without cleaning up.
    fn sweep(area: &Utf8Path) -> Result<(), StorageError> {
        for name in files::names_in(area)? {
            let directory = area.join(name);
            let lock = directory.join("lock");
            // Held while the directory is removed: its owner, if it is just starting, waits for it and then sees.
            let held = match Lock::try_acquire(&lock) {
                Ok(None) => continue,
                Ok(held) => held.filter(|held| held.is_at(&lock)),
                Err(_) => None,
            };
            // A directory without a lock file is being made this moment, or its owner died making it: a minute tells.
            let old = || {
                let age =
                    fs::metadata(&directory).and_then(|m| m.modified()).ok().and_then(|t| t.elapsed().ok());
                age.is_some_and(|age| age.as_secs() > 60)
            };
            if held.is_some() || old() {
                // Others may be sweeping too, or the owner is ending: whoever writes next tries again.
                Self::remove(&directory);
            }
        }
        Ok(())
    }

    /// Removes a directory that nobody else uses. Not being able to is no loss: whoever writes next sweeps.
    fn remove(directory: &Utf8Path) {
        // The lock file last: without it the rest would pass for a directory that is just being made. What garbage collection
        // puts aside may be a directory.
        let is_gone = |name: &String| {
            let path = directory.join(name);
            files::remove_if_present(&path).is_ok() || files::remove_tree(&path).is_ok()
        };
        let Ok(names) = files::names_in(directory) else { return };
        if names.iter().filter(|name| *name != "lock").all(is_gone) {
            let _ = files::remove_tree(directory);
        }
    }

    fn next_path(&self) -> Utf8PathBuf {
        self.directory.join(self.next.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        Self::remove(&self.directory);
    }
}

struct StagedFile<'a> {
    storage: &'a Directory,
    path: Utf8PathBuf,
    /// `None` once writing has ended.
    file: Option<File>,
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
fn is_same(new: &Utf8Path, there: &Utf8Path) -> Result<bool, StorageError> {
    let length =
        |path| fs::metadata(path).map(|found| found.len()).map_err(StorageError::io("look at", path));
    let (length_of_new, length_there) = (length(new)?, length(there)?);
    if length_of_new != length_there || length_of_new > COMPARED {
        return Ok(length_of_new == length_there);
    }
    // What cannot be read is not the same.
    let bytes = fs::read(new).map_err(StorageError::io("read", new))?;
    Ok(fs::read(there).is_ok_and(|found| found == bytes))
}

impl Storage for Directory {
    fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, StorageError> {
        files::read_if_present(&self.place(key))
    }

    fn open(&self, key: &Key) -> Result<Option<Box<dyn Read + Send>>, StorageError> {
        let path = self.place(key);
        match files::open(&path) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::io("open", path)(error)),
        }
    }

    fn contains(&self, key: &Key) -> Result<bool, StorageError> {
        let path = self.place(key);
        path.try_exists().map_err(StorageError::io("look for", path))
    }

    fn stage(&self) -> Result<Box<dyn Staged + '_>, StorageError> {
        let path = self.writing()?.next_path();
        let file = files::create_new(&path, mode::IMMUTABLE)?;
        Ok(Box::new(StagedFile { storage: self, path, file: Some(file) }))
    }

    fn renew(&self, key: &Key) -> Result<bool, StorageError> {
        if self.kept().contains_key(key) {
            return Ok(true);
        }
        // Garbage collection spares what changed since the oldest session began: there must be one before that change.
        self.writing()?;
        let path = self.path(key);
        if !files::touch(&path)? {
            return Ok(false);
        }
        self.renewed().extend(path.ancestors().skip(1).take(2).map(Utf8Path::to_owned));
        Ok(true)
    }

    fn sync(&self) -> Result<(), StorageError> {
        let kept = std::mem::take(&mut *self.kept());
        files::sync_all(kept.values().cloned().collect())?;
        let mut changed = std::mem::take(&mut *self.renewed());
        for (key, temporary) in &kept {
            changed.extend(self.name(temporary, &self.path(key))?);
        }
        files::sync_all(changed)
    }

    fn settle(&self, key: &Key) -> Result<(), StorageError> {
        let path = self.path(key);
        path.parent().filter(|directory| directory.is_dir()).map_or(Ok(()), files::sync_path)
    }

    fn compare_and_swap(&self, key: &Key, expected: Option<&[u8]>, new: &[u8]) -> Result<bool, StorageError> {
        self.swap(key, expected, new, || Ok(()))
    }

    fn log_and_swap(
        &self,
        key: &Key,
        expected: Option<&[u8]>,
        new: &[u8],
        log: &Key,
        line: &str,
    ) -> Result<bool, StorageError> {
        self.swap(key, expected, new, || self.append_line(log, line))
    }

    fn compare_and_remove(&self, key: &Key, expected: &[u8]) -> Result<bool, StorageError> {
        self.writing()?;
        let path = self.path(key);
        let _lock = self.lock(&key.as_str().replace('/', "."))?;
        if files::read_if_present(&path)?.as_deref() != Some(expected) {
            return Ok(false);
        }
        files::remove_if_present(&path)?;
        path.parent().map_or(Ok(()), files::sync_path)?;
        Ok(true)
    }

    fn append_line(&self, key: &Key, line: &str) -> Result<(), StorageError> {
        self.writing()?;
        let path = self.path(key);
        let parent = path.parent().unwrap_or(&self.root);
        let mut changed = files::create_directories(parent)?;
        let _lock = self.lock(&key.as_str().replace('/', "."))?;
        let is_new = !path.exists();
        let mut file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(StorageError::io("open", &path))?;
        if is_new {
            files::set_mode(&path, mode::MUTABLE)?;
            changed.push(parent.to_owned());
        }
        files::sync_all(changed)?;
        append(&path, &mut file, line).map_err(StorageError::io("append to", &path))
    }

    fn list(&self, area: &str) -> Result<Vec<Key>, StorageError> {
        let mut keys = Vec::new();
        let mut directories = vec![area.to_owned()];
        while let Some(directory) = directories.pop() {
            for name in files::names_in(&self.root.join(&directory))? {
                let below = format!("{directory}/{name}");
                if self.root.join(&below).is_dir() { directories.push(below) } else { keys.push(Key(below)) }
            }
        }
        keys.sort_unstable();
        Ok(keys)
    }

    fn local_path(&self, key: &Key) -> Option<Utf8PathBuf> {
        Some(self.place(key))
    }
}

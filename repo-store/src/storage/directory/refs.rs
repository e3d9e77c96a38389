//! References, the log and locks as files that are locked while they change.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use camino::Utf8Path;
use jiff::Timestamp;

use crate::storage::directory::Directory;
use crate::storage::files::{Lock, mode};
use crate::storage::locks::{HeldLock, LockState, Locks};
use crate::storage::log_store::LogStore;
use crate::storage::ref_store::{RefStore, Swap, Version};
use crate::storage::{Key, StorageError, faults, files, log};

/// A reference has the version that it holds: the ids of commits never return.
impl RefStore for Directory {
    fn get(&self, key: &Key) -> Result<Option<(Vec<u8>, Version)>, StorageError> {
        let bytes = files::read_kept(&self.path(key))?;
        Ok(bytes.map(|bytes| (bytes.clone(), Version::new(bytes))))
    }

    fn compare_and_swap(
        &self,
        key: &Key,
        expected: Option<&Version>,
        new: &[u8],
        before: &mut dyn FnMut() -> Result<(), StorageError>,
    ) -> Result<Swap, StorageError> {
        let path = self.path_to_change(key)?;
        let parent = path.parent().unwrap_or(&self.root);
        files::sync_all(files::create_directories(parent)?)?;
        let (temporary, _lock) = if key.is_apart() {
            (parent.join(files::UNFINISHED), Lock::of_directory(parent)?)
        } else {
            (self.writing()?.next_path(), self.lock_key(key)?)
        };
        if files::read_kept(&path)?.as_deref() != expected.map(Version::as_bytes) {
            return Ok(Swap::Changed);
        }
        before()?;
        files::replace(&path, new, &temporary)?;
        Ok(Swap::Done)
    }

    fn delete(&self, key: &Key, version: &Version) -> Result<Swap, StorageError> {
        let path = self.path_to_change(key)?;
        let _lock = if key.is_apart() {
            Lock::of_directory(path.parent().unwrap_or(&self.root))?
        } else {
            self.writing()?;
            self.lock_key(key)?
        };
        if files::read_kept(&path)?.as_deref() != Some(version.as_bytes()) {
            return Ok(Swap::Changed);
        }
        files::remove_if_present(&path)?;
        path.parent().map_or(Ok(()), files::sync_path)?;
        Ok(Swap::Done)
    }

    fn settle(&self, key: &Key) -> Result<(), StorageError> {
        let path = self.path(key);
        path.parent().filter(|directory| files::is_directory(directory)).map_or(Ok(()), files::sync_path)
    }

    fn list(&self, area: &str) -> Result<Vec<Key>, StorageError> {
        let mut keys = Vec::new();
        self.each_file(area, |key| keys.push(Key(key.to_owned())))?;
        keys.sort_unstable();
        Ok(keys)
    }
}

impl LogStore for Directory {
    fn append(&self, line: &str) -> Result<(), StorageError> {
        self.writing()?;
        let path = self.path_to_change(&log::key())?;
        let parent = path.parent().unwrap_or(&self.root);
        let mut changed = files::create_directories(parent)?;
        let _lock = self.lock_key(&log::key())?;
        let is_new = !files::is_taken(&path);
        let mut file = files::open_or_create(&path).map_err(StorageError::io("open", &path))?;
        if is_new {
            files::set_mode(&path, mode::MUTABLE)?;
            changed.push(parent.to_owned());
        }
        files::sync_all(changed)?;
        append(&path, &mut file, line).map_err(StorageError::io("append to", &path))
    }

    fn read(&self) -> Result<Option<Vec<u8>>, StorageError> {
        files::read_kept(&self.path(&log::key()))
    }

    fn end(&self, most: u64) -> Result<Option<Vec<u8>>, StorageError> {
        files::end_of(&self.path(&log::key()), most)
    }

    fn hold(&self) -> Result<Box<dyn HeldLock>, StorageError> {
        Ok(Box::new(self.lock_key(&log::key())?))
    }
}

impl Locks for Directory {
    fn acquire(&self, name: &str) -> Result<Box<dyn HeldLock>, StorageError> {
        Ok(Box::new(self.lock(name)?))
    }

    fn try_acquire(&self, name: &str) -> Result<Option<Box<dyn HeldLock>>, StorageError> {
        Ok(self.try_lock(name)?.map(|lock| Box::new(lock) as Box<dyn HeldLock>))
    }

    fn share(&self, name: &str) -> Option<Box<dyn HeldLock>> {
        Lock::share(&self.lock_path(name)).map(|lock| Box::new(lock) as Box<dyn HeldLock>)
    }

    fn state(&self, name: &str) -> LockState {
        let path = self.lock_path(name);
        let modified = files::metadata(&path).and_then(|metadata| metadata.modified()).ok();
        LockState {
            marked: modified.and_then(|time| Timestamp::try_from(time).ok()),
            is_held: Lock::is_held(&path),
        }
    }
}

impl HeldLock for Lock {
    fn mark(&self, time: Timestamp) -> Result<(), StorageError> {
        self.set_time(time)
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

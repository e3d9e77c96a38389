//! A storage that is gone with the process.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::storage::locks::{HeldLock, LockState, Locks};
use crate::storage::log_store::LogStore;
use crate::storage::object_store::{ObjectInfo, ObjectStore, Staged};
use crate::storage::ref_store::{RefStore, Swap, Version};
use crate::storage::{Key, StorageError, log};

/// A storage that is gone with the process: for tests.
///
/// A clone shares everything but is another writer, as another process would be. The clock stands still unless something is
/// written or it is [set](Self::advance).
#[derive(Debug, Default)]
pub struct Memory {
    shared: Arc<Shared>,
    /// From the first write on.
    writer: OnceLock<Writer>,
}

#[derive(Debug, Default)]
struct Shared {
    objects: Mutex<BTreeMap<Key, Object>>,
    refs: Mutex<Refs>,
    log: Mutex<Vec<u8>>,
    locks: Mutex<HashMap<String, NamedLock>>,
    released: Condvar,
    clock: Mutex<Timestamp>,
    /// When those began that are writing.
    writers: Mutex<BTreeMap<u64, Timestamp>>,
}

#[derive(Debug)]
struct Object {
    bytes: Arc<[u8]>,
    changed: Timestamp,
}

#[derive(Debug, Default)]
struct Refs {
    held: BTreeMap<Key, (Vec<u8>, u64)>,
    last: u64,
}

#[derive(Debug, Default)]
struct NamedLock {
    alone: bool,
    sharing: usize,
    marked: Option<Timestamp>,
}

impl NamedLock {
    fn is_free(&self) -> bool {
        !self.alone && self.sharing == 0
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// The present; no two calls return the same.
    fn tick(&self) -> Timestamp {
        let mut clock = locked(&self.clock);
        *clock = clock.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MAX);
        *clock
    }
}

/// A writer at work.
#[derive(Debug)]
struct Writer {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Writer {
    fn drop(&mut self) {
        locked(&self.shared.writers).remove(&self.number);
    }
}

impl Memory {
    /// Moves the clock of the storage, forwards or backwards.
    pub fn advance(&self, by: SignedDuration) {
        let mut clock = locked(&self.shared.clock);
        *clock = clock.saturating_add(by).unwrap_or(Timestamp::MAX);
    }

    fn writing(&self) -> &Writer {
        self.writer.get_or_init(|| {
            let began = self.shared.tick();
            let mut writers = locked(&self.shared.writers);
            let number = writers.keys().last().map_or(0, |last| last + 1);
            writers.insert(number, began);
            Writer { shared: Arc::clone(&self.shared), number }
        })
    }

    fn object<T>(&self, key: &Key, look: impl FnOnce(&Object) -> T) -> Option<T> {
        locked(&self.shared.objects).get(key).map(look)
    }
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), writer: OnceLock::new() }
    }
}

struct StagedBytes<'a> {
    memory: &'a Memory,
    bytes: Vec<u8>,
}

impl Write for StagedBytes<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Staged for StagedBytes<'_> {
    fn finish(&mut self) -> Result<(), StorageError> {
        Ok(())
    }

    fn keep(self: Box<Self>, key: &Key) -> Result<(), StorageError> {
        let mut objects = locked(&self.memory.shared.objects);
        let changed = self.memory.shared.tick();
        let bytes = self.bytes;
        let object = objects.entry(key.clone());
        object
            .and_modify(|object| object.changed = changed)
            .or_insert_with(|| Object { bytes: bytes.into(), changed });
        Ok(())
    }
}

impl ObjectStore for Memory {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.object(key, |object| object.bytes.to_vec()))
    }

    fn get_range(&self, key: &Key, start: u64, length: u64) -> Result<Option<Vec<u8>>, StorageError> {
        let place = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        Ok(self.object(key, |object| {
            let end = place(start.saturating_add(length)).min(object.bytes.len());
            object.bytes.get(place(start)..end).unwrap_or_default().to_vec()
        }))
    }

    fn open(&self, key: &Key) -> Result<Option<Box<dyn Read + Send>>, StorageError> {
        let bytes = self.object(key, |object| Arc::clone(&object.bytes));
        Ok(bytes.map(|bytes| Box::new(std::io::Cursor::new(bytes)) as Box<dyn Read + Send>))
    }

    fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StorageError> {
        Ok(self.object(key, |object| ObjectInfo::new(object.bytes.len() as u64, object.changed)))
    }

    fn stage(&self) -> Result<Box<dyn Staged + '_>, StorageError> {
        self.writing();
        Ok(Box::new(StagedBytes { memory: self, bytes: Vec::new() }))
    }

    fn touch(&self, key: &Key) -> Result<bool, StorageError> {
        self.writing();
        let mut objects = locked(&self.shared.objects);
        let object = objects.get_mut(key);
        Ok(object.map(|object| object.changed = self.shared.tick()).is_some())
    }

    fn sync(&self) -> Result<(), StorageError> {
        Ok(())
    }

    fn delete(&self, key: &Key) -> Result<(), StorageError> {
        locked(&self.shared.objects).remove(key);
        Ok(())
    }

    fn delete_if_older(
        &self,
        key: &Key,
        than: Timestamp,
        before: &mut dyn FnMut() -> Result<(), StorageError>,
    ) -> Result<bool, StorageError> {
        let mut objects = locked(&self.shared.objects);
        if objects.get(key).is_none_or(|object| object.changed >= than) {
            return Ok(false);
        }
        before()?;
        objects.remove(key);
        Ok(true)
    }

    fn each(&self, area: &str, take: &mut dyn FnMut(&str, Option<ObjectInfo>)) -> Result<(), StorageError> {
        for (key, object) in locked(&self.shared.objects).iter() {
            if is_below(key, area) {
                take(key.as_str(), Some(ObjectInfo::new(object.bytes.len() as u64, object.changed)));
            }
        }
        Ok(())
    }

    fn now(&self) -> Result<Timestamp, StorageError> {
        Ok(self.shared.tick())
    }

    fn oldest_other_writer(&self) -> Result<Option<Timestamp>, StorageError> {
        let own = self.writing().number;
        let writers = locked(&self.shared.writers);
        Ok(writers.iter().filter(|(number, _)| **number != own).map(|(_, began)| *began).min())
    }
}

fn is_below(key: &Key, area: &str) -> bool {
    key.as_str().strip_prefix(area).is_some_and(|rest| rest.starts_with('/'))
}

impl Refs {
    fn version(&self, key: &Key) -> Option<Version> {
        self.held.get(key).map(|(_, number)| Version::new(number.to_be_bytes()))
    }
}

impl RefStore for Memory {
    fn get(&self, key: &Key) -> Result<Option<(Vec<u8>, Version)>, StorageError> {
        let refs = locked(&self.shared.refs);
        Ok(refs.held.get(key).map(|(bytes, _)| bytes.clone()).zip(refs.version(key)))
    }

    fn compare_and_swap(
        &self,
        key: &Key,
        expected: Option<&Version>,
        new: &[u8],
        before: &mut dyn FnMut() -> Result<(), StorageError>,
    ) -> Result<Swap, StorageError> {
        let mut refs = locked(&self.shared.refs);
        if refs.version(key).as_ref() != expected {
            return Ok(Swap::Changed);
        }
        before()?;
        refs.last += 1;
        let number = refs.last;
        refs.held.insert(key.clone(), (new.to_vec(), number));
        Ok(Swap::Done)
    }

    fn delete(&self, key: &Key, version: &Version) -> Result<Swap, StorageError> {
        let mut refs = locked(&self.shared.refs);
        if refs.version(key).as_ref() != Some(version) {
            return Ok(Swap::Changed);
        }
        refs.held.remove(key);
        Ok(Swap::Done)
    }

    fn settle(&self, _: &Key) -> Result<(), StorageError> {
        Ok(())
    }

    fn list(&self, area: &str) -> Result<Vec<Key>, StorageError> {
        let refs = locked(&self.shared.refs);
        Ok(refs.held.keys().filter(|key| is_below(key, area)).cloned().collect())
    }
}

/// The lock that appending to the log takes.
const LOG: &str = "ops.log";

impl LogStore for Memory {
    fn append(&self, line: &str) -> Result<(), StorageError> {
        let _held = self.acquire(LOG)?;
        let mut log = locked(&self.shared.log);
        let sealed = log::seal(&log, line);
        log.extend_from_slice(sealed.as_bytes());
        Ok(())
    }

    fn read(&self) -> Result<Option<Vec<u8>>, StorageError> {
        let log = locked(&self.shared.log);
        Ok((!log.is_empty()).then(|| log.clone()))
    }

    fn end(&self, most: u64) -> Result<Option<Vec<u8>>, StorageError> {
        let log = LogStore::read(self)?;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(log.map(|mut log| log.split_off(log.len().saturating_sub(most))))
    }

    fn hold(&self) -> Result<Box<dyn HeldLock>, StorageError> {
        self.acquire(LOG)
    }
}

#[derive(Debug)]
struct Held {
    shared: Arc<Shared>,
    name: String,
    alone: bool,
}

impl Held {
    /// Waits until `may` agrees.
    fn wait(memory: &Memory, name: &str, alone: bool, may: impl Fn(&NamedLock) -> bool) -> Self {
        let shared = Arc::clone(&memory.shared);
        let mut locks = locked(&shared.locks);
        loop {
            let lock = locks.entry(name.to_owned()).or_default();
            if may(lock) {
                lock.alone |= alone;
                lock.sharing += usize::from(!alone);
                break;
            }
            locks = shared.released.wait(locks).unwrap_or_else(PoisonError::into_inner);
        }
        drop(locks);
        Self { shared, name: name.to_owned(), alone }
    }
}

impl HeldLock for Held {
    fn mark(&self, time: Timestamp) -> Result<(), StorageError> {
        locked(&self.shared.locks).entry(self.name.clone()).or_default().marked = Some(time);
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(lock) = locked(&self.shared.locks).get_mut(&self.name) {
            lock.alone &= !self.alone;
            lock.sharing -= usize::from(!self.alone);
        }
        self.shared.released.notify_all();
    }
}

impl Locks for Memory {
    fn acquire(&self, name: &str) -> Result<Box<dyn HeldLock>, StorageError> {
        Ok(Box::new(Held::wait(self, name, true, NamedLock::is_free)))
    }

    fn try_acquire(&self, name: &str) -> Result<Option<Box<dyn HeldLock>>, StorageError> {
        let mut locks = locked(&self.shared.locks);
        let lock = locks.entry(name.to_owned()).or_default();
        if !lock.is_free() {
            return Ok(None);
        }
        lock.alone = true;
        drop(locks);
        let shared = Arc::clone(&self.shared);
        Ok(Some(Box::new(Held { shared, name: name.to_owned(), alone: true })))
    }

    fn share(&self, name: &str) -> Option<Box<dyn HeldLock>> {
        Some(Box::new(Held::wait(self, name, false, |lock| !lock.alone)))
    }

    fn state(&self, name: &str) -> LockState {
        let locks = locked(&self.shared.locks);
        let lock = locks.get(name);
        LockState { marked: lock.and_then(|lock| lock.marked), is_held: lock.is_some_and(|lock| lock.alone) }
    }
}

//! A storage that loses requests and answers and shows what was true before, for tests.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use camino::Utf8PathBuf;
use jiff::{SignedDuration, Timestamp};

use crate::storage::locks::{HeldLock, LockState, Locks};
use crate::storage::log_store::LogStore;
use crate::storage::object_store::{ObjectInfo, ObjectStore, Staged};
use crate::storage::ref_store::{RefStore, Swap, Version};
use crate::storage::{Key, Storage, StorageError};

/// What a storage is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// The content of an object, or what is known of it.
    ReadObject,
    /// Keeping or touching an object, or making objects durable.
    WriteObject,
    /// Removing an object.
    DeleteObject,
    /// A list of objects or references.
    List,
    /// The content of a reference.
    ReadReference,
    /// Replacing or removing a reference, or making it durable.
    ChangeReference,
    /// The content of the log.
    ReadLog,
    /// A new line of the log.
    Append,
    /// A lock.
    Lock,
    /// The present.
    Clock,
}

/// What goes wrong with a request. A fault that cannot happen to a request does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The request fails and nothing happens.
    Refused,
    /// What was asked for happens, and an error comes back.
    AnswerLost,
    /// A reference is read as it was before its last change, and an object is not found, unless this writer made that change or
    /// kept that object and was told so.
    Stale,
    /// The clock of the storage is wrong by so much.
    Skewed(SignedDuration),
}

type Choice = dyn Fn(u64, Request) -> Option<Fault> + Send + Sync;

/// A storage in which a test chooses what goes wrong. A clone is the same writer.
///
/// ```
/// use repo_store::storage::{Fault, Faulty, Memory, ObjectStore, Request};
///
/// let lost = |_, request| (request == Request::Clock).then_some(Fault::AnswerLost);
/// assert!(Faulty::new(Memory::default().into(), lost).now().is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Faulty(Arc<State>);

struct State {
    storage: Storage,
    choose: Box<Choice>,
    requests: AtomicU64,
    references: Mutex<HashMap<Key, Seen>>,
    own: Mutex<HashSet<Key>>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("storage", &self.storage).finish_non_exhaustive()
    }
}

type Reference = Option<(Vec<u8>, Version)>;

/// The last two contents of a reference that were seen; the same once this writer was told that it made the last.
#[derive(Debug, Default)]
struct Seen {
    before: Reference,
    last: Reference,
}

fn lost() -> StorageError {
    let source = ErrorKind::TimedOut.into();
    StorageError::Io { verb: "reach", path: "the store".into(), source }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Faulty {
    /// Wraps a storage. `choose` is asked for each request, which are numbered from 0.
    #[must_use]
    pub fn new(
        storage: Storage,
        choose: impl Fn(u64, Request) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(State {
            storage,
            choose: Box::new(choose),
            requests: AtomicU64::new(0),
            references: Mutex::default(),
            own: Mutex::default(),
        }))
    }

    /// Returns how many requests there were so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    fn fault(&self, request: Request) -> Option<Fault> {
        (self.0.choose)(self.0.requests.fetch_add(1, Ordering::Relaxed), request)
    }

    fn with<T>(
        &self,
        request: Request,
        call: impl FnOnce(&Storage) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        match self.fault(request) {
            Some(Fault::Refused) => Err(lost()),
            Some(Fault::AnswerLost) => call(&self.0.storage).and_then(|_| Err(lost())),
            _ => call(&self.0.storage),
        }
    }

    /// Reads an object; one that another writer kept may not be there yet.
    fn read<T>(
        &self,
        key: &Key,
        call: impl FnOnce(&dyn ObjectStore) -> Result<Option<T>, StorageError>,
    ) -> Result<Option<T>, StorageError> {
        match self.fault(Request::ReadObject) {
            Some(Fault::Refused | Fault::AnswerLost) => Err(lost()),
            Some(Fault::Stale) if !locked(&self.0.own).contains(key) => Ok(None),
            _ => call(self.0.storage.objects()),
        }
    }

    fn write<T>(
        &self,
        key: &Key,
        call: impl FnOnce(&dyn ObjectStore) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let written = self.with(Request::WriteObject, |storage| call(storage.objects()))?;
        locked(&self.0.own).insert(key.clone());
        Ok(written)
    }

    /// Reads a reference as it is, and remembers what it was before.
    fn look(&self, key: &Key) -> Result<Reference, StorageError> {
        let now = self.0.storage.refs().get(key)?;
        let mut references = locked(&self.0.references);
        let seen = references.entry(key.clone()).or_default();
        if seen.last != now {
            seen.before = std::mem::replace(&mut seen.last, now.clone());
        }
        Ok(now)
    }

    fn change(
        &self,
        key: &Key,
        call: impl FnOnce(&dyn RefStore) -> Result<Swap, StorageError>,
    ) -> Result<Swap, StorageError> {
        let fault = self.fault(Request::ChangeReference);
        if fault == Some(Fault::Refused) {
            return Ok(Swap::Unknown(lost()));
        }
        self.look(key)?;
        let swap = call(self.0.storage.refs())?;
        let now = self.look(key)?;
        if fault == Some(Fault::AnswerLost) {
            return Ok(Swap::Unknown(lost()));
        }
        if matches!(swap, Swap::Done) {
            let seen = Seen { before: now.clone(), last: now };
            locked(&self.0.references).insert(key.clone(), seen);
        }
        Ok(swap)
    }
}

impl From<Faulty> for Storage {
    fn from(faulty: Faulty) -> Self {
        Self::of(faulty)
    }
}

struct StagedFaulty<'a> {
    faulty: &'a Faulty,
    staged: Box<dyn Staged + 'a>,
}

impl Write for StagedFaulty<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.staged.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.staged.flush()
    }
}

impl Staged for StagedFaulty<'_> {
    fn finish(&mut self) -> Result<(), StorageError> {
        self.staged.finish()
    }

    fn keep(self: Box<Self>, key: &Key) -> Result<(), StorageError> {
        let Self { faulty, staged } = *self;
        faulty.write(key, |_| staged.keep(key))
    }
}

impl ObjectStore for Faulty {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StorageError> {
        self.read(key, |objects| objects.get(key))
    }

    fn get_range(&self, key: &Key, start: u64, length: u64) -> Result<Option<Vec<u8>>, StorageError> {
        self.read(key, |objects| objects.get_range(key, start, length))
    }

    fn open(&self, key: &Key) -> Result<Option<Box<dyn Read + Send>>, StorageError> {
        self.read(key, |objects| objects.open(key))
    }

    fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StorageError> {
        self.read(key, |objects| objects.head(key))
    }

    fn stage(&self) -> Result<Box<dyn Staged + '_>, StorageError> {
        let staged = self.0.storage.objects().stage()?;
        Ok(Box::new(StagedFaulty { faulty: self, staged }))
    }

    fn touch(&self, key: &Key) -> Result<bool, StorageError> {
        let is_own = locked(&self.0.own).contains(key);
        match self.fault(Request::WriteObject) {
            Some(Fault::Refused) => Err(lost()),
            Some(Fault::Stale) if !is_own => Ok(false),
            Some(Fault::AnswerLost) => self.0.storage.objects().touch(key).and_then(|_| Err(lost())),
            _ => self.0.storage.objects().touch(key),
        }
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.with(Request::WriteObject, |storage| storage.objects().sync())
    }

    fn delete(&self, key: &Key) -> Result<(), StorageError> {
        self.with(Request::DeleteObject, |storage| storage.objects().delete(key))
    }

    fn delete_if_older(
        &self,
        key: &Key,
        than: Timestamp,
        before: &mut dyn FnMut() -> Result<(), StorageError>,
    ) -> Result<bool, StorageError> {
        self.with(Request::DeleteObject, |storage| storage.objects().delete_if_older(key, than, before))
    }

    fn each(&self, area: &str, take: &mut dyn FnMut(&str, Option<ObjectInfo>)) -> Result<(), StorageError> {
        self.with(Request::List, |storage| storage.objects().each(area, take))
    }

    fn now(&self) -> Result<Timestamp, StorageError> {
        match self.fault(Request::Clock) {
            Some(Fault::Refused | Fault::AnswerLost) => Err(lost()),
            Some(Fault::Skewed(by)) => {
                let now = self.0.storage.objects().now()?;
                Ok(now.saturating_add(by).unwrap_or(now))
            }
            _ => self.0.storage.objects().now(),
        }
    }

    fn oldest_other_writer(&self) -> Result<Option<Timestamp>, StorageError> {
        self.with(Request::Clock, |storage| storage.objects().oldest_other_writer())
    }

    fn local_file(&self, key: &Key) -> Option<Utf8PathBuf> {
        self.0.storage.objects().local_file(key)
    }
}

impl RefStore for Faulty {
    fn get(&self, key: &Key) -> Result<Reference, StorageError> {
        match self.fault(Request::ReadReference) {
            Some(Fault::Refused | Fault::AnswerLost) => Err(lost()),
            Some(Fault::Stale) => {
                self.look(key)?;
                Ok(locked(&self.0.references).get(key).and_then(|seen| seen.before.clone()))
            }
            _ => self.look(key),
        }
    }

    fn compare_and_swap(
        &self,
        key: &Key,
        expected: Option<&Version>,
        new: &[u8],
        before: &mut dyn FnMut() -> Result<(), StorageError>,
    ) -> Result<Swap, StorageError> {
        self.change(key, |refs| refs.compare_and_swap(key, expected, new, before))
    }

    fn delete(&self, key: &Key, version: &Version) -> Result<Swap, StorageError> {
        self.change(key, |refs| refs.delete(key, version))
    }

    fn settle(&self, key: &Key) -> Result<(), StorageError> {
        self.with(Request::ChangeReference, |storage| storage.refs().settle(key))
    }

    fn list(&self, area: &str) -> Result<Vec<Key>, StorageError> {
        self.with(Request::List, |storage| storage.refs().list(area))
    }
}

impl LogStore for Faulty {
    fn append(&self, line: &str) -> Result<(), StorageError> {
        self.with(Request::Append, |storage| storage.log().append(line))
    }

    fn read(&self) -> Result<Option<Vec<u8>>, StorageError> {
        self.with(Request::ReadLog, |storage| storage.log().read())
    }

    fn end(&self, most: u64) -> Result<Option<Vec<u8>>, StorageError> {
        self.with(Request::ReadLog, |storage| storage.log().end(most))
    }

    fn hold(&self) -> Result<Box<dyn HeldLock>, StorageError> {
        self.with(Request::Lock, |storage| storage.log().hold())
    }
}

impl Locks for Faulty {
    fn acquire(&self, name: &str) -> Result<Box<dyn HeldLock>, StorageError> {
        self.with(Request::Lock, |storage| storage.locks().acquire(name))
    }

    fn try_acquire(&self, name: &str) -> Result<Option<Box<dyn HeldLock>>, StorageError> {
        self.with(Request::Lock, |storage| storage.locks().try_acquire(name))
    }

    fn share(&self, name: &str) -> Option<Box<dyn HeldLock>> {
        self.0.storage.locks().share(name)
    }

    fn state(&self, name: &str) -> LockState {
        self.0.storage.locks().state(name)
    }
}

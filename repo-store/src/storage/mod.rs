//! Where the bytes of a store are kept.
//!
//! The store needs little of its storage: immutable objects that appear whole under a key ([`ObjectStore`]), small references
//! that are replaced by compare-and-swap ([`RefStore`]), a log that only grows ([`LogStore`]) and locks that die with their
//! holder ([`Locks`]). [`Directory`] does all that on a local disk and [`Memory`] for tests. What assumes one machine stays
//! inside of [`Directory`].

pub(crate) mod beneath;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
pub(crate) mod copy;
mod directory;
mod error;
pub(crate) mod faults;
#[cfg(any(test, feature = "testing"))]
mod faulty;
pub(crate) mod files;
pub(crate) mod format;
mod key;
pub(crate) mod locks;
pub(crate) mod log;
pub(crate) mod log_store;
mod memory;
mod notes;
pub(crate) mod object_store;
pub(crate) mod obstacle;
pub(crate) mod own_directories;
pub mod permissions;
pub(crate) mod ref_store;
pub(crate) mod sealed;

use std::sync::Arc;

pub use beneath::PathFault;
use camino::Utf8PathBuf;
pub use directory::Directory;
pub use error::{FileFault, StorageError};
#[cfg(any(test, feature = "testing"))]
pub use faulty::{Fault, Faulty, Request};
pub use format::Format;
pub use key::Key;
pub(crate) use key::PUBLISHED;
pub use locks::{HeldLock, LockState, Locks};
pub use log_store::LogStore;
pub use memory::Memory;
pub(crate) use notes::Durability;
pub use object_store::{ObjectInfo, ObjectStore, Staged};
pub use obstacle::{Obstacle, ObstacleKind};
pub use ref_store::{RefStore, Swap, Version};

/// The lock that garbage collection holds.
pub(crate) const COLLECTION: &str = "gc";

/// Everything a [`Store`](crate::Store) needs of the place that keeps its bytes.
#[derive(Clone, Debug)]
pub struct Storage {
    objects: Arc<dyn ObjectStore>,
    refs: Arc<dyn RefStore>,
    log: Arc<dyn LogStore>,
    locks: Arc<dyn Locks>,
    /// What works on the files of a local disk needs it: publishing, repairing, saving.
    directory: Option<Arc<Directory>>,
}

impl Storage {
    /// Combines the parts of a storage.
    #[must_use]
    pub fn new(
        objects: Arc<dyn ObjectStore>,
        refs: Arc<dyn RefStore>,
        log: Arc<dyn LogStore>,
        locks: Arc<dyn Locks>,
    ) -> Self {
        Self { objects, refs, log, locks, directory: None }
    }

    /// Returns the storage that one value is all parts of.
    #[must_use]
    pub fn of<T: ObjectStore + RefStore + LogStore + Locks + 'static>(all: T) -> Self {
        let all = Arc::new(all);
        Self::new(all.clone(), all.clone(), all.clone(), all)
    }

    /// Returns where objects are kept.
    #[must_use]
    pub fn objects(&self) -> &dyn ObjectStore {
        &*self.objects
    }

    /// Returns where references are kept.
    #[must_use]
    pub fn refs(&self) -> &dyn RefStore {
        &*self.refs
    }

    /// Returns where the operation log is kept.
    #[must_use]
    pub fn log(&self) -> &dyn LogStore {
        &*self.log
    }

    /// Returns the locks.
    #[must_use]
    pub fn locks(&self) -> &dyn Locks {
        &*self.locks
    }

    /// Returns the local directory that is this storage.
    ///
    /// # Errors
    /// [`StorageError::NotLocal`] when another kind of storage is in use.
    pub(crate) fn directory(&self) -> Result<&Directory, StorageError> {
        self.directory.as_deref().ok_or(StorageError::NotLocal)
    }

    /// Returns whether the storage is a local directory.
    pub(crate) fn is_local(&self) -> bool {
        self.directory.is_some()
    }

    /// Returns a path that nobody else uses, on the file system of the store.
    ///
    /// # Errors
    /// As [`directory`](Self::directory), and when nothing can be written.
    pub(crate) fn temporary(&self) -> Result<Utf8PathBuf, StorageError> {
        self.directory()?.temporary()
    }

    /// Replaces a reference as [`RefStore::compare_and_swap`] does, and finds out what became of that when the answer is lost.
    /// `before` runs once at most. When [`Swap::Unknown`] remains, the reference has a third content.
    ///
    /// # Errors
    /// As [`RefStore::compare_and_swap`].
    pub(crate) fn swap(
        &self,
        key: &Key,
        expected: Option<&Version>,
        new: &[u8],
        before: impl FnOnce() -> Result<(), StorageError>,
    ) -> Result<Swap, StorageError> {
        let mut before = Some(before);
        let mut once = || before.take().map_or(Ok(()), |before| before());
        let refs = self.refs();
        let attempt = || refs.compare_and_swap(key, expected, new, &mut once);
        ref_store::surely(refs, key, (expected, Some(new)), attempt)
    }

    /// Removes a reference as [`RefStore::delete`] does, and finds out what became of that when the answer is lost.
    ///
    /// # Errors
    /// As [`RefStore::delete`].
    pub(crate) fn delete_ref(&self, key: &Key, version: &Version) -> Result<Swap, StorageError> {
        let refs = self.refs();
        ref_store::surely(refs, key, (Some(version), None), || refs.delete(key, version))
    }

    /// Returns whether any object or reference has a key that starts with `area` and a slash.
    ///
    /// # Errors
    /// When not all can be listed.
    pub(crate) fn has_any(&self, area: &str) -> Result<bool, StorageError> {
        let mut found = !self.refs().list(area)?.is_empty();
        if !found {
            self.objects().each(area, &mut |_, _| found = true)?;
        }
        Ok(found)
    }

    /// Gives a reference another content, whatever it has, or removes it.
    ///
    /// # Errors
    /// When that is not certain.
    pub(crate) fn set(&self, key: &Key, content: Option<&[u8]>) -> Result<(), StorageError> {
        loop {
            let (found, version) = self.refs().get(key)?.unzip();
            let swap = match (content, &version) {
                (Some(content), _) if found.as_deref() == Some(content) => return self.refs().settle(key),
                (Some(content), version) => self.swap(key, version.as_ref(), content, || Ok(()))?,
                (None, Some(version)) => self.delete_ref(key, version)?,
                (None, None) => return Ok(()),
            };
            match swap {
                Swap::Done => return Ok(()),
                // Somebody was faster.
                Swap::Changed => {}
                Swap::Unknown(error) => return Err(error),
            }
        }
    }
}

impl From<Directory> for Storage {
    fn from(directory: Directory) -> Self {
        let directory = Arc::new(directory);
        Self {
            directory: Some(directory.clone()),
            ..Self::new(directory.clone(), directory.clone(), directory.clone(), directory)
        }
    }
}

impl From<Memory> for Storage {
    fn from(memory: Memory) -> Self {
        Self::of(memory)
    }
}

#[cfg(test)]
mod tests;

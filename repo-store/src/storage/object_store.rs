//! Immutable files that appear whole under a key.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};

use camino::Utf8PathBuf;
use deb_parse::checksum::Blake3;
use jiff::Timestamp;

use crate::storage::{Key, StorageError};

/// A file on its way into an [`ObjectStore`]: nobody sees it until it is [kept](Staged::keep), and dropping it discards it.
pub trait Staged: Write + Send {
    /// Makes the file a clone of another one that shares its blocks until one of the two is changed, and returns the clone opened for reading.
    /// `None` where the store cannot do that: then the bytes have to be written. Nothing may be written before or after.
    ///
    /// # Errors
    /// When the clone cannot be opened.
    fn clone_from(&mut self, original: &File) -> Result<Option<File>, StorageError> {
        let _ = original;
        Ok(None)
    }

    /// Makes the file another name of one that is there (a hard link), which nobody but its owner can write to, and returns it opened for
    /// reading. It is made read-only, and counts as new. `None` where the store cannot do that, or the file is on another file system, belongs
    /// to another user or may be written to by others: then the bytes have to be written. Nothing may be written before or after.
    ///
    /// # Errors
    /// When the file was linked and cannot be opened or made read-only.
    fn link_from(&mut self, original: &File) -> Result<Option<File>, StorageError> {
        let _ = original;
        Ok(None)
    }

    /// Ends writing and lets go of what that needed, so that many files can wait to be kept.
    ///
    /// # Errors
    /// When the store cannot take what was written.
    fn finish(&mut self) -> Result<(), StorageError>;

    /// Gives the file its key; others see it there after the next [`sync`](ObjectStore::sync). When something is there already
    /// it stays and counts as new, and this file is discarded: content-addressed files of one key are equal. A store may
    /// replace an object whose content was lost.
    ///
    /// # Errors
    /// When the store cannot take the file. The file may be there all the same: keeping it again is always safe.
    fn keep(self: Box<Self>, key: &Key) -> Result<(), StorageError>;
}

/// What a store knows of an object without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// Its size in bytes.
    pub size: u64,
    /// When the object was kept or [touched](ObjectStore::touch) last, by the [clock of the store](ObjectStore::now).
    pub changed: Timestamp,
}

impl ObjectInfo {
    /// Returns what is known of an object of this size that changed then.
    #[must_use]
    pub fn new(size: u64, changed: Timestamp) -> Self {
        Self { size, changed }
    }
}

/// Where immutable objects are kept.
///
/// A local directory does this with hard links, an object store with conditional writes. What is true of one machine only
/// (locks on files, link counts, sessions) stays inside the implementation.
///
/// A writer sees what it kept at once. It may see what others kept or touched a moment later, but
/// [`delete_if_older`](Self::delete_if_older) decides by what is true then.
pub trait ObjectStore: Send + Sync + fmt::Debug {
    /// Returns all bytes under `key`; `None` when the object does not exist.
    ///
    /// # Errors
    /// When the object is there and cannot be read: never `None` in that case.
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StorageError>;

    /// Returns the bytes under `key` from `start` on, `length` at most; fewer when the object ends before.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn get_range(&self, key: &Key, start: u64, length: u64) -> Result<Option<Vec<u8>>, StorageError>;

    /// Returns a reader of the bytes under `key`, for objects too large to hold.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn open(&self, key: &Key) -> Result<Option<Box<dyn Read + Send>>, StorageError>;

    /// Returns what is known of the object under `key`; `None` when there is none.
    ///
    /// # Errors
    /// When the store cannot tell.
    fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StorageError>;

    /// Returns whether there is an object under `key`.
    ///
    /// # Errors
    /// When the store cannot tell.
    fn contains(&self, key: &Key) -> Result<bool, StorageError> {
        Ok(self.head(key)?.is_some())
    }

    /// Starts a file whose key is only known once it is written.
    ///
    /// # Errors
    /// When nothing can be written.
    fn stage(&self) -> Result<Box<dyn Staged + '_>, StorageError>;

    /// Puts `bytes` under `key` unless something is there.
    ///
    /// # Errors
    /// As [`Staged::keep`].
    fn put(&self, key: &Key, bytes: &[u8]) -> Result<(), StorageError> {
        let mut staged = self.stage()?;
        staged.write_all(bytes).map_err(StorageError::io("write", key.as_str()))?;
        staged.keep(key)
    }

    /// Makes the object under `key` count as new, as if it had just been kept; returns whether there is one.
    ///
    /// # Errors
    /// When that is not certain: the object may then be removed at any time.
    fn touch(&self, key: &Key) -> Result<bool, StorageError>;

    /// Makes all objects kept or touched so far survive a power cut.
    ///
    /// # Errors
    /// When that cannot be promised; it must then be assumed that they do not.
    fn sync(&self) -> Result<(), StorageError>;

    /// Removes the object under `key`, however young it is; an object that is not there is not an error.
    ///
    /// # Errors
    /// When it may still be there.
    fn delete(&self, key: &Key) -> Result<(), StorageError>;

    /// Removes the object under `key` unless it changed at `than` or later or somebody is touching it at this moment; returns
    /// whether it did. `before` runs when that is certain and before the object goes; an error of it keeps the object.
    ///
    /// # Errors
    /// Those of `before`, and when the object may still be there.
    fn delete_if_older(
        &self,
        key: &Key,
        than: Timestamp,
        before: &mut dyn FnMut() -> Result<(), StorageError>,
    ) -> Result<bool, StorageError>;

    /// Calls `take` with every key that starts with `area` and a slash, in any order, and with what is known of the object
    /// where listing tells that without a look at each.
    ///
    /// # Errors
    /// When not all can be listed.
    fn each(&self, area: &str, take: &mut dyn FnMut(&str, Option<ObjectInfo>)) -> Result<(), StorageError>;

    /// Returns the present by the clock that dates the objects: none that comes later has an earlier date.
    ///
    /// # Errors
    /// When the store cannot tell.
    fn now(&self) -> Result<Timestamp, StorageError>;

    /// Returns when the oldest of the other writers began that are at work now: what they wrote since may not be referred to
    /// yet. One writer is one value of the implementing type.
    ///
    /// # Errors
    /// When the store cannot tell.
    fn oldest_other_writer(&self) -> Result<Option<Timestamp>, StorageError>;

    /// Returns the path of the object where it is a file of a local disk, to make a hard link to it. `None` when the bytes have
    /// to be copied.
    fn local_file(&self, key: &Key) -> Option<Utf8PathBuf> {
        let _ = key;
        None
    }
}

/// Returns every key that starts with `area` and a slash, in order, with what listing tells of the object.
pub(crate) fn list(
    objects: &dyn ObjectStore,
    area: &str,
) -> Result<Vec<(Key, Option<ObjectInfo>)>, StorageError> {
    let mut found = Vec::new();
    objects.each(area, &mut |key, info| found.push((Key(key.to_owned()), info)))?;
    found.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// Returns the ids of everything in an area of content-addressed files. Files of other names are not the store's.
pub(crate) fn ids(objects: &dyn ObjectStore, area: &str) -> Result<HashSet<Blake3>, StorageError> {
    let mut ids = HashSet::new();
    let mut digits = String::new();
    objects.each(area, &mut |key, _| {
        let rest = key.strip_prefix(area).and_then(|rest| rest.strip_prefix('/'));
        if let Some((first, rest)) = rest.and_then(|rest| rest.split_once('/')) {
            digits.clear();
            digits.push_str(first);
            digits.push_str(rest);
            ids.extend(digits.parse::<Blake3>());
        }
    })?;
    Ok(ids)
}

//! Where the bytes of a store are kept.
//!
//! The store needs little of its storage: immutable files that appear whole under a key, and small references that are
//! replaced by compare-and-swap. A local directory does that with hard links and a lock, an object store would with
//! conditional writes, and [`Memory`] does it for tests.

pub(crate) mod beneath;
pub(crate) mod copy;
mod directory;
mod error;
pub(crate) mod faults;
pub(crate) mod files;
pub(crate) mod format;
pub(crate) mod log;
mod memory;
pub(crate) mod permissions;
pub(crate) mod sealed;

use std::fmt;
use std::io::{Read, Write};

use camino::Utf8PathBuf;
pub(crate) use directory::COLLECTION;
pub use directory::Directory;
pub use error::{FileFault, StorageError};
pub use memory::Memory;

/// The name of something in a storage: slash-separated elements of letters, digits, `.`, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// The key of a content-addressed object: `<area>/<first two digits>/<other digits>`.
    pub(crate) fn object(area: &str, id: &impl fmt::Display) -> Self {
        let digits = id.to_string();
        let (first, rest) = digits.split_at_checked(2).unwrap_or((&digits, ""));
        Self(format!("{area}/{first}/{rest}"))
    }

    /// The key of a reference or another named file.
    pub(crate) fn named(area: &str, name: &str) -> Self {
        Self(format!("{area}/{name}"))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file on its way into the storage: nobody sees it until it is [kept](Staged::keep), and dropping it discards it.
pub trait Staged: Write + Send {
    /// Ends writing and lets go of what that needed, so that many files can wait to be kept.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn finish(&mut self) -> Result<(), StorageError>;

    /// Gives the file its key; others see it there after the next [`sync`](Storage::sync). When something is there already it
    /// stays, and this file is discarded: content-addressed files of one key are equal.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn keep(self: Box<Self>, key: &Key) -> Result<(), StorageError>;
}

/// What a store needs of the place that keeps its bytes.
pub trait Storage: Send + Sync + fmt::Debug {
    /// All bytes under `key`; `None` when there are none.
    ///
    /// # Errors
    /// When they are there and cannot be read: never `None` in that case.
    fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, StorageError>;

    /// A reader of the bytes under `key`, for files too large to hold.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn open(&self, key: &Key) -> Result<Option<Box<dyn Read + Send>>, StorageError>;

    /// Whether there is something under `key`.
    ///
    /// # Errors
    /// When that cannot be told.
    fn contains(&self, key: &Key) -> Result<bool, StorageError>;

    /// Starts a file whose key is only known once it is written.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn stage(&self) -> Result<Box<dyn Staged + '_>, StorageError>;

    /// Makes what is under `key` count as new, as if it had just been kept; says whether there is something.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn renew(&self, key: &Key) -> Result<bool, StorageError>;

    /// Makes all files kept or renewed so far survive a power cut.
    ///
    /// # Errors
    /// When that cannot be promised; it must then be assumed that they do not.
    fn sync(&self) -> Result<(), StorageError>;

    /// Makes the reference under `key` survive a power cut as it stands, whoever wrote it.
    ///
    /// # Errors
    /// When that cannot be promised.
    fn settle(&self, key: &Key) -> Result<(), StorageError>;

    /// Replaces the reference under `key` if it still holds `expected` (`None`: if there is none), durably; says
    /// whether it did.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn compare_and_swap(&self, key: &Key, expected: Option<&[u8]>, new: &[u8]) -> Result<bool, StorageError>;

    /// Removes the reference under `key` if it still holds `expected`, durably; says whether it did.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn compare_and_remove(&self, key: &Key, expected: &[u8]) -> Result<bool, StorageError>;

    /// Like [`compare_and_swap`](Self::compare_and_swap), and appends `line` to the log under `log` before the reference is
    /// replaced, so that no state goes unannounced. A failure may leave the line behind without its state.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn log_and_swap(
        &self,
        key: &Key,
        expected: Option<&[u8]>,
        new: &[u8],
        log: &Key,
        line: &str,
    ) -> Result<bool, StorageError>;

    /// Appends one line and a check of it and the line before to the log under `key`, durably. A line that a crash cut short
    /// is dropped: nobody was told of it.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn append_line(&self, key: &Key, line: &str) -> Result<(), StorageError>;

    /// Every key that starts with `area` and a slash, in order.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn list(&self, area: &str) -> Result<Vec<Key>, StorageError>;

    /// The file's path, when the storage is on a local disk: what a hard link is made to.
    fn local_path(&self, key: &Key) -> Option<Utf8PathBuf>;

    /// Puts `bytes` under `key` unless something is there.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn put(&self, key: &Key, bytes: &[u8]) -> Result<(), StorageError> {
        let mut staged = self.stage()?;
        staged.write_all(bytes).map_err(StorageError::io("write", key.as_str()))?;
        staged.keep(key)
    }
}

/// What every storage must do, run against each of them.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::format::Format;

    fn conformance(storage: &dyn Storage) {
        let key = Key::object("objects", &"abcdef");
        assert_eq!(key.as_str(), "objects/ab/cdef");
        assert_eq!(storage.read(&key).unwrap(), None);
        storage.put(&key, b"first").unwrap();
        storage.put(&key, b"other").unwrap();
        assert_eq!(storage.read(&key).unwrap().unwrap(), b"first", "what is kept never changes");
        assert!(storage.contains(&key).unwrap());
        assert!(storage.renew(&key).unwrap());
        assert!(!storage.renew(&Key::object("objects", &"012345")).unwrap());

        let mut dropped = storage.stage().unwrap();
        dropped.write_all(b"never kept").unwrap();
        drop(dropped);
        let mut kept = storage.stage().unwrap();
        kept.write_all(b"kept").unwrap();
        kept.keep(&Key::object("objects", &"ff00")).unwrap();
        assert!(storage.contains(&Key::object("objects", &"ff00")).unwrap(), "who keeps it sees it at once");
        storage.sync().unwrap();
        let keys: Vec<String> = storage.list("objects").unwrap().iter().map(Key::to_string).collect();
        assert_eq!(keys, ["objects/ab/cdef", "objects/ff/00"]);

        let head = Key::named("refs", "prod");
        assert!(!storage.compare_and_swap(&head, Some(b"a"), b"b").unwrap());
        assert!(storage.compare_and_swap(&head, None, b"a").unwrap());
        assert!(!storage.compare_and_swap(&head, None, b"b").unwrap());
        assert!(storage.compare_and_swap(&head, Some(b"a"), b"b").unwrap());
        assert_eq!(storage.read(&head).unwrap().unwrap(), b"b");
        assert!(!storage.compare_and_remove(&head, b"a").unwrap());
        assert!(storage.compare_and_remove(&head, b"b").unwrap());
        assert!(!storage.compare_and_remove(&head, b"b").unwrap());
        assert_eq!(storage.read(&head).unwrap(), None);

        let log = Key::named("ops", "log");
        storage.append_line(&log, "one").unwrap();
        storage.append_line(&log, "two").unwrap();
        assert!(!storage.log_and_swap(&head, Some(b"a"), b"c", &log, "lost").unwrap());
        assert!(storage.log_and_swap(&head, None, b"c", &log, "three").unwrap());
        let bytes = storage.read(&log).unwrap().unwrap();
        let lines: Vec<_> = crate::storage::log::lines(&bytes).map(|line| (line.text, line.intact)).collect();
        assert_eq!(lines, [("one", true), ("two", true), ("three", true)]);
    }

    #[test]
    fn memory_conforms() {
        conformance(&Memory::default());
    }

    #[test]
    fn directory_conforms() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        conformance(&Directory::create(&path).unwrap());
    }

    #[test]
    fn a_file_that_lost_its_content_is_replaced_by_the_next_that_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        let storage = Directory::create(&path).unwrap();
        let key = Key::object("objects", &"abcdef");
        std::fs::create_dir_all(path.join("objects/ab")).unwrap();
        std::fs::write(path.join("objects/ab/cdef"), "").unwrap();
        storage.put(&key, b"content").unwrap();
        storage.sync().unwrap();
        assert_eq!(Directory::open(&path, Format::NEWEST).unwrap().read(&key).unwrap().unwrap(), b"content");
    }

    #[test]
    fn racing_writers_of_a_reference_lose_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        Directory::create(&path).unwrap();
        let head = Key::named("refs", "prod");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                // Each opens the directory itself, as separate processes do.
                let (storage, head) = (Directory::open(&path, Format::NEWEST).unwrap(), &head);
                scope.spawn(move || {
                    let mut done = 0;
                    while done < 25 {
                        let old = storage.read(head).unwrap();
                        let count: u32 =
                            old.as_deref().map_or(0, |b| std::str::from_utf8(b).unwrap().parse().unwrap());
                        let new = (count + 1).to_string();
                        done += u32::from(
                            storage.compare_and_swap(head, old.as_deref(), new.as_bytes()).unwrap(),
                        );
                    }
                });
            }
        });
        assert_eq!(Directory::open(&path, Format::NEWEST).unwrap().read(&head).unwrap().unwrap(), b"100");
    }

    #[test]
    fn whoever_starts_takes_nobody_elses_directory_for_abandoned() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        Directory::create(&path).unwrap();
        for round in 0..30 {
            let start = std::sync::Barrier::new(8);
            std::thread::scope(|scope| {
                for writer in 0..8 {
                    let (storage, start) = (Directory::open(&path, Format::NEWEST).unwrap(), &start);
                    scope.spawn(move || {
                        start.wait();
                        for object in 0..3 {
                            let key = Key::named("objects", &format!("{round}-{writer}-{object}"));
                            storage.put(&key, b"content").unwrap();
                        }
                        storage.sync().unwrap();
                    });
                }
            });
        }
        let storage = Directory::open(&path, Format::NEWEST).unwrap();
        assert_eq!(storage.list("objects").unwrap().len(), 30 * 8 * 3);
        assert_eq!(storage.list("tmp").unwrap(), [], "nothing is left behind");
    }
}

//! The operation log, as far as the store that keeps it is concerned.

use std::fmt;

use crate::storage::StorageError;
use crate::storage::locks::HeldLock;

/// Where the operation log is kept: lines, each with a check of it and the line before.
pub trait LogStore: Send + Sync + fmt::Debug {
    /// Appends one line, durably. A line that a crash cut short is dropped: nobody was told of it.
    ///
    /// # Errors
    /// When the line may not survive a power cut. It may be there all the same.
    fn append(&self, line: &str) -> Result<(), StorageError>;

    /// Returns the whole log; `None` when nothing was ever appended.
    ///
    /// # Errors
    /// When it cannot be read: never `None` in that case.
    fn read(&self) -> Result<Option<Vec<u8>>, StorageError>;

    /// Returns the last bytes of the log, `most` at most.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn end(&self, most: u64) -> Result<Option<Vec<u8>>, StorageError>;

    /// Keeps everybody from appending until the returned value is dropped.
    ///
    /// # Errors
    /// When that is not possible.
    fn hold(&self) -> Result<Box<dyn HeldLock>, StorageError>;
}

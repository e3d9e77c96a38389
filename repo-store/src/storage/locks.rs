//! Locks that keep writers out of each other's way. They die with the process that holds them.

use std::fmt;

use jiff::Timestamp;

use crate::storage::StorageError;

/// A lock, held until it is dropped.
pub trait HeldLock: Send + Sync + fmt::Debug {
    /// Leaves a time at the lock, for others to [see](Locks::state).
    ///
    /// # Errors
    /// When the time cannot be kept.
    fn mark(&self, time: Timestamp) -> Result<(), StorageError>;
}

/// What can be seen of a lock without taking it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockState {
    /// The time that a holder left there; for a lock that nobody marked, any time that stays the same, or none.
    pub marked: Option<Timestamp>,
    /// Whether somebody holds the lock alone.
    pub is_held: bool,
}

/// The locks of a store, by name: words of letters, digits, `.`, `_` and `-`.
pub trait Locks: Send + Sync + fmt::Debug {
    /// Waits for a lock that nobody else holds.
    ///
    /// # Errors
    /// When the lock cannot be had, however long one waits.
    fn acquire(&self, name: &str) -> Result<Box<dyn HeldLock>, StorageError>;

    /// Takes a lock that nobody holds, and waits for nobody. `None` when somebody holds or shares it.
    ///
    /// # Errors
    /// When the lock cannot be had, however long one waits.
    fn try_acquire(&self, name: &str) -> Result<Option<Box<dyn HeldLock>>, StorageError>;

    /// Waits for a lock together with others that share it. `None` when nobody ever held it or this process may not.
    fn share(&self, name: &str) -> Option<Box<dyn HeldLock>>;

    /// Returns what can be seen of a lock.
    fn state(&self, name: &str) -> LockState;
}

//! Small references that are replaced by compare-and-swap.

use std::fmt;

use crate::storage::{Key, StorageError};

/// The version of a reference, as its store tells versions apart: a number, an entity tag, or the content itself.
///
/// No store may give two contents of a reference one version. The same content may have the same version again: the
/// references of a store that matter hold ids that never return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(Box<[u8]>);

impl Version {
    /// Wraps what a store tells versions apart by.
    #[must_use]
    pub fn new(version: impl Into<Box<[u8]>>) -> Self {
        Self(version.into())
    }

    /// Returns what the store that made the version tells it apart by.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What became of a change of a reference.
#[derive(Debug)]
#[must_use]
pub enum Swap {
    /// The change was made, durably.
    Done,
    /// The reference had another version than expected, and was left alone.
    Changed,
    /// The answer was lost: the change may have been made, and may still be made. Reading the reference tells.
    Unknown(StorageError),
}

/// Where references are kept.
pub trait RefStore: Send + Sync + fmt::Debug {
    /// Returns what the reference under `key` holds and the version of that; `None` when the reference does not exist.
    ///
    /// A writer sees its own changes at once, and those of others a moment later: a change is always compared with the present
    /// version. The moment must be shorter than the grace period of garbage collection.
    ///
    /// # Errors
    /// When the reference is there and cannot be read: never `None` in that case.
    fn get(&self, key: &Key) -> Result<Option<(Vec<u8>, Version)>, StorageError>;

    /// Replaces the reference under `key` if it still has the version `expected` (`None`: if there is none), durably.
    ///
    /// `before` runs once the store saw that version, before the reference is replaced; an error of it leaves the reference
    /// alone. A store that cannot keep others away in between may run it and then find the reference changed.
    ///
    /// # Errors
    /// Those of `before`, and when the reference was not replaced. What was replaced and may not survive a power cut is an error
    /// too. Where neither is known the answer is [`Swap::Unknown`].
    fn compare_and_swap(
        &self,
        key: &Key,
        expected: Option<&Version>,
        new: &[u8],
        before: &mut dyn FnMut() -> Result<(), StorageError>,
    ) -> Result<Swap, StorageError>;

    /// Removes the reference under `key` if it still has that version, durably.
    ///
    /// # Errors
    /// As [`compare_and_swap`](Self::compare_and_swap).
    fn delete(&self, key: &Key, version: &Version) -> Result<Swap, StorageError>;

    /// Makes the reference under `key` survive a power cut as it stands, even if another process wrote it.
    ///
    /// # Errors
    /// When that cannot be promised.
    fn settle(&self, key: &Key) -> Result<(), StorageError>;

    /// Returns every key of a reference that starts with `area` and a slash, in order.
    ///
    /// # Errors
    /// When not all can be listed.
    fn list(&self, area: &str) -> Result<Vec<Key>, StorageError>;
}

/// How often a change is tried whose answer is lost.
const TRIES: u32 = 4;

/// Changes a reference, and finds out what became of that when the answer is lost: `attempt` is tried again as long as
/// the reference still has the version `expected`. `new` is what the reference holds afterwards.
///
/// [`Swap::Unknown`] remains when the reference has a third version: somebody may have built upon this change, or won against it.
pub(crate) fn surely(
    refs: &dyn RefStore,
    key: &Key,
    (expected, new): (Option<&Version>, Option<&[u8]>),
    mut attempt: impl FnMut() -> Result<Swap, StorageError>,
) -> Result<Swap, StorageError> {
    let mut last = attempt()?;
    for _ in 0..TRIES {
        let Swap::Unknown(error) = last else { return Ok(last) };
        let (bytes, version) = match refs.get(key) {
            Ok(found) => found.unzip(),
            // The store may answer the next time.
            Err(_) => {
                last = Swap::Unknown(error);
                continue;
            }
        };
        if bytes.as_deref() == new {
            refs.settle(key)?;
            return Ok(Swap::Done);
        }
        if version.as_ref() != expected {
            return Ok(Swap::Unknown(error));
        }
        last = match attempt()? {
            // The first attempt may be what changed it: the next look tells.
            Swap::Changed => Swap::Unknown(error),
            result => result,
        };
    }
    Ok(last)
}

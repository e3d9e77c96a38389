//! What long operations tell while they work, and how they are cancelled.
//!
//! A caller that wants to know gives an [`Observer`] to the [`Context`](crate::Context). It is told of each phase, of what the phase has to
//! do, and of what is done. It may cancel: the operation ends at the next safe point with [`Error::Cancelled`](crate::Error::Cancelled) and
//! leaves the store as sound as a killed process does, so the same operation can be given again.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Is told how far an operation is, and may cancel it.
///
/// Operations use several threads: all methods are called from any of them, and should return at once.
pub trait Observer: Send + Sync {
    /// Begins a phase. An operation has several, one after the other; some of them more than once.
    fn begin(&self, phase: Phase, total: Amount);

    /// Adds to what is done of the phase. It comes to exactly the total when the phase is completed.
    fn advance(&self, done: Amount);

    /// Ends the phase, completed or not.
    fn end(&self);

    /// Is told of a line that the operation log got, when what it announces is done. [`LogEntry::parse`](crate::history::LogEntry::parse) reads it.
    fn logged(&self, line: &str) {
        let _ = line;
    }

    /// Returns whether the operation should end as soon as it safely can.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// What an operation is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Reading the files to add.
    Reading,
    /// Changing a repository, package by package.
    Changing,
    /// Putting new packages into the pool of a published tree.
    Linking,
    /// Unpacking packages for an index of their files.
    Unpacking,
    /// Rendering indices.
    Rendering,
    /// Reading every file of the store.
    Checking,
    /// Comparing published trees with their records, repository by repository.
    Comparing,
    /// Looking for what kept states lead to, object by object.
    Marking,
    /// Removing what no kept state leads to.
    Removing,
    /// Copying files to or from a backup.
    Copying,
    /// Making published trees again from a backup, publication by publication.
    Restoring,
}

/// How much of a phase there is, or is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Files, or whatever else the phase goes through.
    pub items: u64,
    /// Their bytes; 0 in a phase that does not count them.
    pub bytes: u64,
}

impl Amount {
    /// Makes an amount of things without a size.
    pub(crate) fn items(number: usize) -> Self {
        Self { items: number as u64, bytes: 0 }
    }

    /// Adds a thing of that size.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.items += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// The end of an operation that its caller cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled {
    /// What the operation was doing.
    pub during: Phase,
}

/// The observer of an operation, if there is one.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<dyn Observer>>);

impl Progress {
    /// Makes a progress that nobody watches, like the default.
    #[must_use]
    pub fn silent() -> Self {
        Self::default()
    }

    /// Makes a progress that this observer watches.
    #[must_use]
    pub fn watched(observer: Arc<dyn Observer>) -> Self {
        Self(Some(observer))
    }

    /// Returns whether anybody wants to know how much there is to do.
    pub(crate) fn is_watched(&self) -> bool {
        self.0.is_some()
    }

    /// Ends the operation here if it is cancelled.
    pub(crate) fn check(&self, during: Phase) -> Result<(), Cancelled> {
        match &self.0 {
            Some(observer) if observer.is_cancelled() => Err(Cancelled { during }),
            _ => Ok(()),
        }
    }

    /// Tells of a line of the operation log.
    pub(crate) fn logged(&self, line: &str) {
        if let Some(observer) = &self.0 {
            observer.logged(line);
        }
    }

    /// Begins a phase, which ends when the result is dropped.
    pub(crate) fn begin(&self, phase: Phase, total: Amount) -> Running<'_> {
        if let Some(observer) = &self.0 {
            observer.begin(phase, total);
        }
        let Amount { items, bytes } = total;
        Running { progress: self, phase, items: AtomicU64::new(items), bytes: AtomicU64::new(bytes) }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_watched() { "Progress(watched)" } else { "Progress(silent)" })
    }
}

/// A phase under way.
pub(crate) struct Running<'a> {
    progress: &'a Progress,
    phase: Phase,
    /// What is still to be done: files may have grown or gone since they were counted.
    items: AtomicU64,
    bytes: AtomicU64,
}

impl Running<'_> {
    /// Tells what was done, and ends the operation here if it is cancelled.
    pub(crate) fn advance(&self, items: u64, bytes: u64) -> Result<(), Cancelled> {
        let Some(observer) = &self.progress.0 else { return Ok(()) };
        let done = Amount { items: take(&self.items, items), bytes: take(&self.bytes, bytes) };
        if done != Amount::default() {
            observer.advance(done);
        }
        self.check()
    }

    /// Ends the operation here if it is cancelled.
    pub(crate) fn check(&self) -> Result<(), Cancelled> {
        self.progress.check(self.phase)
    }

    /// Ends the phase with everything done.
    pub(crate) fn finish(self) {
        // It is over: a cancellation is for what comes next.
        let _ = self.advance(u64::MAX, u64::MAX);
    }
}

/// Takes up to so much from what is left, and returns how much that is.
fn take(left: &AtomicU64, wanted: u64) -> u64 {
    let before =
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(wanted)));
    before.unwrap_or_default().min(wanted)
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(observer) = &self.progress.0 {
            observer.end();
        }
    }
}

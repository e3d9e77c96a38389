//! What is seen of a bundle that is being written or read, and how Ctrl-C ends that.

use std::io::{self, Read};

use repo_store::progress::{Amount, Cancelled, Observer as _, Phase};

use crate::error::Failure;
use crate::progress::Watch;

/// Bundles are copied, as far as a person is concerned.
const PHASE: Phase = Phase::Copying;

/// Does something with files of that number and size while a person watches. When the person ended it, that is the failure, whatever the
/// work says.
pub(super) fn watched<T>(
    watch: &Watch,
    total: Amount,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    watch.begin(PHASE, total);
    let result = work();
    watch.end();
    match result {
        Err(_) if watch.is_cancelled() => {
            Err(repo_store::Error::Cancelled(Cancelled { during: PHASE }).into())
        }
        result => result,
    }
}

/// Counts what is read, and fails as soon as a person wants to stop.
pub(super) struct Counted<R> {
    input: R,
    watch: Watch,
}

impl<R> Counted<R> {
    /// Begins with a file.
    pub(super) fn new(input: R, watch: &Watch) -> Self {
        watch.advance(Amount { items: 1, bytes: 0 });
        Self { input, watch: watch.clone() }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.watch.is_cancelled() {
            return Err(io::Error::other("stopped"));
        }
        let count = self.input.read(buffer)?;
        self.watch.advance(Amount { items: 0, bytes: count as u64 });
        Ok(count)
    }
}

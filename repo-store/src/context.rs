//! What the library is told of the world around it.

use std::num::NonZeroUsize;

use jiff::Timestamp;

use crate::progress::Progress;

/// Who does something, and when.
#[derive(Clone, Debug)]
pub struct Context {
    /// The person or job, as the history shows it.
    pub actor: String,
    /// The present time. The libraries know no clock.
    pub now: Timestamp,
    /// How many threads may be used.
    pub threads: NonZeroUsize,
    /// Who is told how far an operation is, and may cancel it.
    pub progress: Progress,
}

impl Context {
    /// Makes a context for one thread that nobody watches.
    #[must_use]
    pub fn new(actor: impl Into<String>, now: Timestamp) -> Self {
        Self { actor: actor.into(), now, threads: NonZeroUsize::MIN, progress: Progress::silent() }
    }
}

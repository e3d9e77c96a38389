//! What the library is told of the world around it.

use jiff::Timestamp;

/// Who does something, and when.
#[derive(Clone, Debug)]
pub struct Context {
    /// The person or job, as the history shows it.
    pub actor: String,
    /// The present time. The libraries know no clock.
    pub now: Timestamp,
    /// How many threads may be used.
    pub threads: std::num::NonZeroUsize,
}

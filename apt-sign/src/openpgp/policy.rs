//! Which algorithms are good enough, and when.

use sequoia_openpgp::policy::StandardPolicy;
use std::time::{Duration, SystemTime};

/// The policy in force at a time: sequoia's own cut-off dates, which apt 3 builds on (through `sqv`).
pub(super) fn at(time: SystemTime) -> StandardPolicy<'static> {
    StandardPolicy::at(time)
}

/// A policy for describing keys, not for trusting them: as if it were 1970, before any algorithm was cut off.
pub(super) fn lenient() -> StandardPolicy<'static> {
    StandardPolicy::at(SystemTime::UNIX_EPOCH)
}

/// The last moment that an OpenPGP time stamp can name: a view of a key with all its self-signatures.
pub(super) fn end_of_time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(u32::MAX))
}

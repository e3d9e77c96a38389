//! The cases, a file for each group of families.

mod by_hash;
mod clients;
mod crashes;
mod details;
mod hostile;
mod indices;
mod pool;
mod release;
mod signatures;

use crate::case::Case;

/// Returns every case, in the order in which results are shown.
pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    [
        release::CASES,
        signatures::CASES,
        indices::CASES,
        by_hash::CASES,
        clients::CASES,
        details::CASES,
        pool::CASES,
        hostile::CASES,
        crashes::CASES,
    ]
    .into_iter()
    .flatten()
}

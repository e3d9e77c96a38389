//! What clients see of a repository, as far as other parts of the library ask.

use jiff::Timestamp;

use super::publication::Publication;
use crate::error::Error;
use crate::model::id::{CommitId, SnapshotId};
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::store::Store;

/// What clients see of a repository.
pub(crate) struct Shown {
    /// The directory of each suite below `dists` (`.flat` for the flat form), and what the suite holds.
    pub(crate) suites: Vec<(String, Option<SnapshotId>)>,
}

/// The publication that clients see of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CurrentPublication {
    /// Its id.
    pub id: PublicationId,
    /// The state that it shows; `None` when nothing was ever committed.
    pub commit: Option<CommitId>,
    /// The latest `Date` of its `Release` files; `None` without suites.
    pub date: Option<Timestamp>,
    /// When clients refuse the first of its suites; `None` for never.
    pub valid_until: Option<Timestamp>,
    /// The fingerprints of the keys that signed it. Empty where the record does not tell.
    pub keys: Vec<String>,
    /// The directories below `dists` that it has, one for each suite (`.flat` for the flat form).
    pub directories: Vec<String>,
}

/// See [`Store::current_publication`].
pub(crate) fn current_publication(
    store: &Store,
    repository: &RepositoryName,
) -> Result<Option<CurrentPublication>, Error> {
    let Some(current) = Publication::current(store, repository)? else { return Ok(None) };
    Ok(Some(CurrentPublication {
        id: current.id,
        commit: current.commit,
        date: current.latest_date(),
        valid_until: current.suites.values().filter_map(|suite| suite.valid_until).min(),
        directories: current.suites.keys().map(|place| place.directory().to_owned()).collect(),
        keys: current.keys,
    }))
}

/// Returns what clients see of a repository; `None` when nothing was published.
pub(crate) fn shown(store: &Store, repository: &RepositoryName) -> Result<Option<Shown>, Error> {
    let Some(current) = Publication::current(store, repository)? else { return Ok(None) };
    let suites = current.suites.iter();
    let suites = suites.map(|(place, suite)| (place.directory().to_owned(), suite.snapshot)).collect();
    Ok(Some(Shown { suites }))
}

/// See [`Store::publication_keys`].
pub(crate) fn publication_keys(store: &Store, repository: &RepositoryName) -> Result<Vec<String>, Error> {
    Ok(Publication::current(store, repository)?.map(|current| current.keys).unwrap_or_default())
}

//! What clients see of a repository, as far as other parts of the library ask.

use super::publication::Publication;
use crate::error::Error;
use crate::model::id::SnapshotId;
use crate::model::name::RepositoryName;
use crate::store::Store;

/// What clients see of a repository.
pub(crate) struct Shown {
    /// The directory of each suite below `dists` (`.flat` for the flat form), and what the suite holds.
    pub(crate) suites: Vec<(String, Option<SnapshotId>)>,
}

impl Store {
    /// Returns what clients see of a repository; `None` when nothing was published.
    pub(crate) fn shown(&self, repository: &RepositoryName) -> Result<Option<Shown>, Error> {
        let Some(current) = Publication::current(self, repository)? else { return Ok(None) };
        let suites = current.suites.iter();
        let suites = suites.map(|(place, suite)| (place.directory().to_owned(), suite.snapshot)).collect();
        Ok(Some(Shown { suites }))
    }

    /// Returns the fingerprints of the keys that signed what clients see of a repository. Empty when nothing was published, and where the
    /// record does not tell.
    ///
    /// # Errors
    /// When the record of the publication cannot be read.
    pub fn publication_keys(&self, repository: &RepositoryName) -> Result<Vec<String>, Error> {
        Ok(Publication::current(self, repository)?.map(|current| current.keys).unwrap_or_default())
    }
}

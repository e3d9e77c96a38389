//! What clients see of a repository, as far as other parts of the library ask.

use deb_parse::SuiteName;
use jiff::Timestamp;

use super::place::Place;
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
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
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

/// The publication that clients see, as far as it tells what a client has that asked for a suite.
pub(crate) struct ShownSuites {
    pub(crate) id: PublicationId,
    suites: Vec<ShownSuite>,
}

/// A suite that clients see.
pub(crate) struct ShownSuite {
    /// Its name, also of that which lies in the flat form.
    pub(crate) name: SuiteName,
    /// The publication that its `InRelease` was made in.
    pub(crate) made_in: PublicationId,
    pub(crate) snapshot: Option<SnapshotId>,
    /// What clients call it below `dists`.
    called: Vec<String>,
}

impl ShownSuites {
    /// Returns the suite that clients find under that name below `dists`.
    pub(crate) fn called(&self, name: &str) -> Option<&ShownSuite> {
        self.suites.iter().find(|suite| suite.called.iter().any(|called| called == name))
    }
}

/// Returns the suites that clients see; `None` when nothing was published.
pub(crate) fn shown_suites(store: &Store, repository: &RepositoryName) -> Result<Option<ShownSuites>, Error> {
    let Some(current) = Publication::current(store, repository)? else { return Ok(None) };
    let suites = current.suites.iter().map(|(place, suite)| {
        let (Place::Suite(name) | Place::Flat(name)) = place;
        let alias = suite.alias.iter().filter(|_| matches!(place, Place::Suite(_))).map(ToString::to_string);
        ShownSuite {
            name: name.clone(),
            made_in: suite.made_in,
            snapshot: suite.snapshot,
            called: std::iter::once(place.directory().to_owned()).chain(alias).collect(),
        }
    });
    Ok(Some(ShownSuites { id: current.id, suites: suites.collect() }))
}

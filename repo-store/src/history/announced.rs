//! The publications that the operation log tells of: each is announced before clients see it.

use std::collections::{BTreeSet, HashMap};

use crate::error::Error;
use crate::model::id::CommitId;
use crate::model::log_entry::LogEntry;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::model::publication_id::PublicationId;
use crate::store::Store;

/// The publications that the operation log tells of, with the states that they show.
pub(crate) struct Announced(HashMap<(RepositoryName, PublicationId), Option<CommitId>>);

impl Announced {
    /// Reads the log.
    pub(crate) fn read(store: &Store) -> Result<Self, Error> {
        let mut announced = HashMap::new();
        for entry in store.operations()?.into_iter().filter(LogEntry::is_unchanged) {
            if let Operation::Publish(id) = entry.operation {
                announced.insert((entry.repository, id), entry.after);
            }
        }
        Ok(Self(announced))
    }

    /// Returns the state that a publication shows, `None` inside for one of a repository without a state; `None` when the log does not tell
    /// of the publication.
    pub(crate) fn state(&self, repository: &RepositoryName, id: PublicationId) -> Option<Option<CommitId>> {
        self.0.get(&(repository.clone(), id)).copied()
    }

    /// Returns whether the log tells of a publication.
    pub(crate) fn tells_of(&self, repository: &RepositoryName, id: PublicationId) -> bool {
        self.state(repository, id).is_some()
    }

    /// Returns the publications of a repository that the log tells of.
    pub(crate) fn of(&self, repository: &RepositoryName) -> BTreeSet<PublicationId> {
        self.0.keys().filter(|(of, _)| of == repository).map(|(_, id)| *id).collect()
    }

    /// Returns whether the log tells of any publication of a repository.
    pub(crate) fn tells_of_any(&self, repository: &RepositoryName) -> bool {
        self.0.keys().any(|(of, _)| of == repository)
    }
}

//! The past of repositories: their commits, their names, and the log of what was done.

pub(crate) mod dates;
pub(crate) mod horizon;
pub(crate) mod keyring_versions;
pub(crate) mod listing;
mod lost;
pub(crate) mod revision;
pub(crate) mod selector;
pub(crate) mod tags;

use jiff::Timestamp;

use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::commit::Commit;
use crate::model::id::CommitId;
use crate::model::log_entry::LogEntry;
use crate::model::name::RepositoryName;
use crate::storage::{Version, log};
use crate::store::Store;

/// So many bytes at the end of the operation log hold its last line, unless that tells of very many packages.
const LOG_END: u64 = 16 << 10;

impl Store {
    /// The current state of a repository; `None` before its first commit.
    ///
    /// # Errors
    /// When it is there and cannot be read; [`Error::LostReference`] when it had commits and nothing leads to them any more.
    pub fn head(&self, repository: &RepositoryName) -> Result<Option<Revision<'_>>, Error> {
        Ok(self.versioned_head(repository)?.map(|(revision, _)| revision))
    }

    /// The current state of a repository and the version of the reference that leads to it.
    pub(crate) fn versioned_head(
        &self,
        repository: &RepositoryName,
    ) -> Result<Option<(Revision<'_>, Version)>, Error> {
        let read = || self.storage().refs().get(&Self::ref_key(repository));
        let mut found = read()?;
        if found.is_none() && self.is_reference_lost(repository)? {
            // It may have come into being since.
            found = read()?;
            if found.is_none() {
                return Err(Error::LostReference { repository: repository.clone() });
            }
        }
        let Some((bytes, version)) = found else { return Ok(None) };
        let id = std::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .ok_or_else(|| Error::damaged("reference", repository, "it holds no commit id"))?;
        self.revision(repository, id).map(|revision| Some((revision, version)))
    }

    /// A state of a repository by its id.
    ///
    /// # Errors
    /// [`Missing`](crate::StorageError::Missing) when the store has no such commit.
    pub fn revision(&self, repository: &RepositoryName, id: CommitId) -> Result<Revision<'_>, Error> {
        let commit = Commit::read(&self.objects(), id)?;
        Ok(Revision::new(self, repository.clone(), id, commit))
    }

    /// Returns the entries of the operation log, oldest first. A line that was damaged is left out; [`fsck`](Self::fsck) tells.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn operations(&self) -> Result<Vec<LogEntry>, Error> {
        let bytes = self.storage().log().read()?.unwrap_or_default();
        let intact = log::lines(&bytes).filter(|line| line.intact);
        Ok(intact.filter_map(|line| LogEntry::parse(line.text)).collect())
    }

    /// The time of the last entry of the operation log, as far as it is intact; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last_entry(&self) -> Result<Option<Timestamp>, Error> {
        let last = |log: &[u8]| {
            let intact = log::lines(log).filter(|line| line.intact).last();
            Some(LogEntry::parse(intact?.text)?.date)
        };
        if let Some(time) = self.storage().log().end(LOG_END)?.and_then(|end| last(&end)) {
            return Ok(Some(time));
        }
        Ok(self.storage().log().read()?.and_then(|log| last(&log)))
    }
}

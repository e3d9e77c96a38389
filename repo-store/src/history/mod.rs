//! The past of repositories: their commits, their names, and the log of what was done.

pub(crate) mod dates;
pub(crate) mod horizon;
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
use crate::storage::{Storage as _, files, log};
use crate::store::Store;

/// So many bytes at the end of the operation log hold its last line, unless that tells of very many packages.
const LOG_END: u64 = 16 << 10;

impl Store {
    /// The current state of a repository; `None` before its first commit.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn head(&self, repository: &RepositoryName) -> Result<Option<Revision<'_>>, Error> {
        let Some(bytes) = self.storage().read(&Self::ref_key(repository))? else { return Ok(None) };
        let id = std::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .ok_or_else(|| Error::damaged("reference", repository, "it holds no commit id"))?;
        self.revision(repository, id).map(Some)
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
        let bytes = self.storage().read(&Self::log_key())?.unwrap_or_default();
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
        let end = match self.storage().local_path(&Self::log_key()) {
            Some(path) => files::end_of(&path, LOG_END)?,
            None => None,
        };
        if let Some(time) = end.and_then(|end| last(&end)) {
            return Ok(Some(time));
        }
        Ok(self.storage().read(&Self::log_key())?.and_then(|log| last(&log)))
    }
}

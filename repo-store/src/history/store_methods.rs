//! What [`Store`] offers of the past of repositories. Each method calls the file that is about it.

use apt_sign::Keyring;
use jiff::Timestamp;

use crate::context::ActorVerifier;
use crate::error::Error;
use crate::history::keyring_versions::KeyringVersion;
use crate::history::promotion_attestations::AttestationReport;
use crate::history::revision::Revision;
use crate::history::tags::Tag;
use crate::history::verification::HistoryVerification;
use crate::model::envelope::Envelope;
use crate::model::id::CommitId;
use crate::model::log_entry::LogEntry;
use crate::model::name::RepositoryName;
use crate::store::Store;

impl Store {
    /// Returns the versions of a repository's keyring package that were made, oldest first.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub fn keyring_versions(&self, repository: &RepositoryName) -> Result<Vec<KeyringVersion>, Error> {
        super::keyring_versions::keyring_versions(self, repository)
    }

    /// Returns the statement about the promotion that made a state, as it was signed and published; `None` when there is none.
    ///
    /// # Errors
    /// When the list of statements cannot be read.
    pub fn promotion_attestation(&self, state: &Revision<'_>) -> Result<Option<Envelope>, Error> {
        super::promotion_attestations::promotion_attestation(self, state)
    }

    /// Compares the statements about promotions into a repository with its history: each must be signed by a key of the keyring, and tell what
    /// the history tells, to the byte. `now` decides which algorithms are good enough.
    ///
    /// # Errors
    /// When the history or the list of statements cannot be read.
    pub fn check_attestations(
        &self,
        repository: &RepositoryName,
        keyring: &Keyring,
        now: Timestamp,
    ) -> Result<AttestationReport, Error> {
        super::promotion_attestations::check_attestations(self, repository, keyring, now)
    }

    /// The current state of a repository; `None` before its first commit.
    ///
    /// # Errors
    /// When it is there and cannot be read; [`HistoryError::LostReference`](crate::error::HistoryError::LostReference) when it had commits and nothing leads to them any more.
    pub fn head(&self, repository: &RepositoryName) -> Result<Option<Revision<'_>>, Error> {
        super::head(self, repository)
    }

    /// A state of a repository by its id.
    ///
    /// # Errors
    /// [`Missing`](crate::storage::StorageError::Missing) when the store has no such commit.
    pub fn revision(&self, repository: &RepositoryName, id: CommitId) -> Result<Revision<'_>, Error> {
        super::revision(self, repository, id)
    }

    /// Returns the entries of the operation log, oldest first. A line that was damaged is left out; [`fsck`](Self::fsck) tells.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn operations(&self) -> Result<Vec<LogEntry>, Error> {
        super::operations(self)
    }

    /// The time of the last entry of the operation log, as far as it is intact; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last_entry(&self) -> Result<Option<Timestamp>, Error> {
        super::last_entry(self)
    }

    /// The states of a repository, newest first, as far back as they are [kept](crate::history::KeepHistory). Each is read when it is
    /// asked for.
    ///
    /// # Errors
    /// Each item can fail when the store cannot be read; nothing follows it then.
    pub fn history<'a>(
        &'a self,
        repository: &RepositoryName,
    ) -> impl Iterator<Item = Result<Revision<'a>, Error>> + 'a {
        super::revision::history(self, repository)
    }

    /// Finds out who signed each state of a repository, back to the first one that is kept.
    ///
    /// # Errors
    /// When a commit is missing, is not what its id says, or cannot be read.
    pub fn verify_history(
        &self,
        repository: &RepositoryName,
        verifier: &dyn ActorVerifier,
    ) -> Result<HistoryVerification, Error> {
        super::verification::verify_history(self, repository, verifier)
    }

    /// The state of a repository that `revision` means:
    ///
    /// * a sequence number as `history` shows it: `12`; `-1` is the one before the current state, and so on
    /// * the first eight or more digits of a commit id
    /// * the name of a [tag](Store::tag)
    /// * a time, `2026-11-21` or `2026-11-21T08:30:00Z`: the last state that was made no later. A day means its end.
    ///
    /// # Errors
    /// [`HistoryError::UnknownRevision`](crate::error::HistoryError::UnknownRevision) when it means none; [`HistoryError::BeforeHistory`](crate::error::HistoryError::BeforeHistory) when it is a time before the first state that the history
    /// still has.
    pub fn resolve(&self, repository: &RepositoryName, revision: &str) -> Result<Revision<'_>, Error> {
        super::revision::resolve(self, repository, revision)
    }

    /// The tags of a repository, by name.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn tags(&self, repository: &RepositoryName) -> Result<Vec<Tag>, Error> {
        super::tags::tags(self, repository)
    }
}

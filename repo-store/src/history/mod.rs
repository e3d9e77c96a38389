//! The past of repositories: their commits, their tags, who signed them, and the log of what was done.
//!
//! [`Store::history`](crate::Store::history) gives the states of a repository, [`Store::operations`](crate::Store::operations) the lines of
//! the log as [`LogEntry`] values, and [`Store::tags`](crate::Store::tags) the states that have names. An [`ActorSigner`] signs
//! the commits of those who change a repository; [`Store::verify_history`](crate::Store::verify_history) looks at the signatures.

pub(crate) mod announced;
pub(crate) mod dates;
pub(crate) mod horizon;
pub(crate) mod keyring_versions;
pub(crate) mod last_shown;
pub(crate) mod listing;
pub(crate) mod lost;
pub(crate) mod promotion_attestations;
pub(crate) mod promotion_statement;
pub(crate) mod revision;
pub(crate) mod selector;
mod store_methods;
pub(crate) mod tags;
pub(crate) mod verification;

pub use horizon::KeepHistory;
pub use keyring_versions::KeyringVersion;
pub use listing::{KeyInSuites, RecordInSuites};
pub use promotion_attestations::{AttestationFault, AttestationFinding, AttestationReport};
pub use promotion_statement::{PROMOTION_PREDICATE, promotion_statement};
pub use selector::SelectorError;
pub use tags::Tag;
pub use verification::{CommitSignature, HistoryVerification, VerifiedCommit};

pub use crate::context::{ActorSigner, ActorVerifier};
pub use crate::model::commit::Commit;
pub use crate::model::envelope::{Envelope, EnvelopeError};
pub use crate::model::log_entry::LogEntry;
pub use crate::model::operation::{Operation, PackageSummary};

use jiff::Timestamp;

use crate::error::{Error, HistoryError};
use crate::history::lost::is_reference_lost;
use crate::history::revision::Revision;
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::storage::{Version, log};
use crate::store::Store;

/// So many bytes at the end of the operation log hold its last line, unless that tells of very many packages.
const LOG_END: u64 = 16 << 10;

/// See [`Store::head`].
pub(crate) fn head<'a>(store: &'a Store, repository: &RepositoryName) -> Result<Option<Revision<'a>>, Error> {
    Ok(versioned_head(store, repository)?.map(|(revision, _)| revision))
}

/// The current state of a repository and the version of the reference that leads to it.
pub(crate) fn versioned_head<'a>(
    store: &'a Store,
    repository: &RepositoryName,
) -> Result<Option<(Revision<'a>, Version)>, Error> {
    let read = || store.storage().refs().get(&Store::ref_key(repository));
    let mut found = read()?;
    if found.is_none() && is_reference_lost(store, repository)? {
        // It may have come into being since.
        found = read()?;
        if found.is_none() {
            return Err(Error::History(HistoryError::LostReference { repository: repository.clone() }));
        }
    }
    let Some((bytes, version)) = found else { return Ok(None) };
    let id = std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| Error::damaged("reference", repository, "it holds no commit id"))?;
    store.revision(repository, id).map(|revision| Some((revision, version)))
}

/// See [`Store::revision`].
pub(crate) fn revision<'a>(
    store: &'a Store,
    repository: &RepositoryName,
    id: CommitId,
) -> Result<Revision<'a>, Error> {
    let commit = Commit::read(&store.objects(), id)?;
    Ok(Revision::new(store, repository.clone(), id, commit))
}

/// See [`Store::operations`].
pub(crate) fn operations(store: &Store) -> Result<Vec<LogEntry>, Error> {
    let bytes = store.storage().log().read()?.unwrap_or_default();
    let intact = log::lines(&bytes).filter(|line| line.intact);
    Ok(intact.filter_map(|line| LogEntry::parse(line.text)).collect())
}

/// See [`Store::last_entry`].
pub(crate) fn last_entry(store: &Store) -> Result<Option<Timestamp>, Error> {
    let last = |log: &[u8]| {
        let intact = log::lines(log).filter(|line| line.intact).last();
        Some(LogEntry::parse(intact?.text)?.date)
    };
    if let Some(time) = store.storage().log().end(LOG_END)?.and_then(|end| last(&end)) {
        return Ok(Some(time));
    }
    Ok(store.storage().log().read()?.and_then(|log| last(&log)))
}

//! What plans have in common: the state that they were made from.

use crate::error::{ChangeError, Error};
use crate::history::revision::Revision;
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::transaction::Transaction;

/// Refuses a plan for a repository that is no longer in the state that the plan was made from.
pub(super) fn check_base(
    transaction: &Transaction<'_>,
    repository: &RepositoryName,
    base: Option<CommitId>,
) -> Result<(), Error> {
    if transaction.base().map(Revision::id) == base {
        Ok(())
    } else {
        Err(ChangeError::Outdated { repository: repository.clone() }.into())
    }
}

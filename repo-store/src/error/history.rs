//! What can go wrong with the states of a repository, with their names, and with going back.

use jiff::Timestamp;

use crate::error::ReissueError;
use crate::model::name::{RepositoryName, TagName};

/// What can go wrong with the states of a repository, with their names, and with going back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// No commit of the repository is meant by that.
    #[error("{repository} has no commit `{revision}`")]
    UnknownRevision {
        /// The repository.
        repository: RepositoryName,
        /// What was asked for, as written.
        revision: String,
        /// The tags that the repository has.
        known: Vec<TagName>,
    },
    /// A time at which the repository had no state yet, or none that the history still has.
    #[error("the history of {repository} begins at {}, after `{revision}`", .begins.strftime("%Y-%m-%d %H:%M:%S UTC"))]
    BeforeHistory {
        /// The repository.
        repository: RepositoryName,
        /// What was asked for, as written.
        revision: String,
        /// The time of the first state.
        begins: Timestamp,
    },
    /// Nothing leads to the current state of a repository any more, and something tells that it had one.
    #[error(
        "store/refs/{repository} is lost: {repository} has no current state, but the operation log, a publication or a tag tells of one"
    )]
    LostReference {
        /// The repository.
        repository: RepositoryName,
    },
    /// The tag stands for another state already.
    #[error("{repository} has a tag `{tag}` for another state")]
    TagExists {
        /// The repository.
        repository: RepositoryName,
        /// The tag.
        tag: TagName,
    },
    /// The repository has no such tag.
    #[error("{repository} has no tag `{tag}`")]
    UnknownTag {
        /// The repository.
        repository: RepositoryName,
        /// The tag asked for.
        tag: TagName,
        /// The tags that it has.
        known: Vec<TagName>,
    },
    /// The key of the actor did not sign the commit.
    #[error("cannot sign the commit to {repository}")]
    Sign {
        /// The repository.
        repository: RepositoryName,
        /// Why.
        #[source]
        source: apt_sign::Error,
    },
    /// The last change was made together with that of another repository, which has changed since.
    #[error("the last change of {repository} was made together with one of {other}, which has changed since")]
    ChangedSince {
        /// The repository.
        repository: RepositoryName,
        /// The other one.
        other: RepositoryName,
    },
    /// A change of this repository together with others was begun and is not complete, so nothing can be planned from its state.
    /// [`Store::complete_begun`](crate::Store::complete_begun) completes the change.
    #[error("a change of {repository} together with other repositories was begun and is not complete")]
    Unfinished {
        /// The repository.
        repository: RepositoryName,
    },
    /// An old version cannot come out again.
    #[error(transparent)]
    Reissue(#[from] ReissueError),
}

impl HistoryError {
    /// For `map_err` on the signature of a commit.
    pub(crate) fn sign(repository: &RepositoryName) -> impl FnOnce(apt_sign::Error) -> Self {
        let repository = repository.clone();
        move |source| Self::Sign { repository, source }
    }

    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownRevision { .. } => "E-UNKNOWN-REVISION",
            Self::BeforeHistory { .. } => "E-BEFORE-HISTORY",
            Self::LostReference { .. } => "E-LOST-REFERENCE",
            Self::Sign { .. } => "E-SIGN-COMMIT",
            Self::ChangedSince { .. } => "E-CHANGED-SINCE",
            Self::TagExists { .. } => "E-TAG-EXISTS",
            Self::UnknownTag { .. } => "E-UNKNOWN-TAG",
            Self::Unfinished { .. } => "E-UNFINISHED",
            Self::Reissue(error) => error.code(),
        }
    }
}

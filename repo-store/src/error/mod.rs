//! What can go wrong, by families.

mod access;
mod change;
mod import;
mod maintenance;
mod publish;
mod settings;

pub use access::AccessError;
pub use change::ChangeError;
pub use import::ImportError;
pub use maintenance::MaintenanceError;
pub use publish::PublishError;
pub use settings::{RouteFault, SettingsError};

use camino::Utf8PathBuf;
use deb_parse::SuiteName;
use jiff::Timestamp;

use crate::model::name::{NameError, RepositoryName, TagName};
use crate::progress::Cancelled;
use crate::storage::StorageError;

/// What can go wrong in the store.
///
/// Messages do not repeat their source: print the chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The place where the bytes of the store are kept.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A package file or an upload that cannot be taken in.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A change that the repository cannot take.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// Publishing.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// Settings that cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Who may read.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Upgrades, backups.
    #[error(transparent)]
    Maintenance(#[from] MaintenanceError),
    /// The caller [cancelled](crate::progress::Observer::is_cancelled) the operation. It can be given again.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The repository has no such suite.
    #[error("{repository} has no suite `{suite}`")]
    UnknownSuite {
        /// The repository.
        repository: RepositoryName,
        /// The suite asked for.
        suite: SuiteName,
        /// The suites that it has.
        known: Vec<SuiteName>,
    },
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
}

impl Error {
    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    ///
    /// ```
    /// let error = repo_store::StorageError::NoStore { path: "/srv".into() };
    /// assert_eq!(repo_store::Error::from(error).code(), "E-NO-STORE");
    /// ```
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Storage(error) => error.code(),
            Self::Name(error) => error.code(),
            Self::Import(error) => error.code(),
            Self::Change(error) => error.code(),
            Self::Publish(error) => error.code(),
            Self::Settings(error) => error.code(),
            Self::Access(error) => error.code(),
            Self::Maintenance(error) => error.code(),
            Self::Cancelled(_) => "E-CANCELLED",
            Self::UnknownSuite { .. } => "E-UNKNOWN-SUITE",
            Self::UnknownRevision { .. } => "E-UNKNOWN-REVISION",
            Self::BeforeHistory { .. } => "E-BEFORE-HISTORY",
            Self::LostReference { .. } => "E-LOST-REFERENCE",
            Self::TagExists { .. } => "E-TAG-EXISTS",
            Self::UnknownTag { .. } => "E-UNKNOWN-TAG",
        }
    }

    /// For `map_err` on anything that touches a path.
    pub(crate) fn io(
        verb: &'static str,
        path: impl Into<Utf8PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let error = StorageError::io(verb, path);
        move |source| Self::Storage(error(source))
    }

    pub(crate) fn damaged(kind: &'static str, id: &impl ToString, what: impl Into<String>) -> Self {
        StorageError::damaged(kind, id, what).into()
    }

    /// A suite asked for that neither the commit nor the settings know.
    pub(crate) fn unknown_suite<'a>(
        repository: &RepositoryName,
        suite: &SuiteName,
        known: impl IntoIterator<Item = &'a SuiteName>,
    ) -> Self {
        let (repository, suite) = (repository.clone(), suite.clone());
        Self::UnknownSuite { repository, suite, known: known.into_iter().cloned().collect() }
    }
}

//! The one error of all operations: which family it belongs to.

use camino::Utf8PathBuf;
use deb_parse::SuiteName;

use crate::error::{
    AccessError, ChangeError, HistoryError, ImportError, MaintenanceError, PublishError, RuleError,
    SettingsError,
};
use crate::model::name::{NameError, RepositoryName};
use crate::package_reader::PackageError;
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
    /// A state or a tag that is not there.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// A package file or an upload that cannot be taken in.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A change that the repository cannot take.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// A change that holds, gates or a freeze keep out.
    #[error(transparent)]
    Rule(#[from] RuleError),
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
}

impl Error {
    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    ///
    /// ```
    /// let error = repo_store::storage::StorageError::NoStore { path: "/srv".into() };
    /// assert_eq!(repo_store::Error::from(error).code(), "E-NO-STORE");
    /// ```
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Storage(error) => error.code(),
            Self::Name(error) => error.code(),
            Self::History(error) => error.code(),
            Self::Import(error) => error.code(),
            Self::Change(error) => error.code(),
            Self::Rule(error) => error.code(),
            Self::Publish(error) => error.code(),
            Self::Settings(error) => error.code(),
            Self::Access(error) => error.code(),
            Self::Maintenance(error) => error.code(),
            Self::Cancelled(_) => "E-CANCELLED",
            Self::UnknownSuite { .. } => "E-UNKNOWN-SUITE",
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

    /// A package file that was not read. A reader that is missing says nothing of the package, so that is an error of the system.
    pub(crate) fn package(file: impl Into<Utf8PathBuf>, source: impl Into<PackageError>) -> Self {
        match source.into() {
            PackageError::NoReader(error) => Self::io("read", file)(error),
            source => Self::Import(ImportError::Package { file: file.into(), source }),
        }
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

/// An error is written as its [code](Error::code), which stays, and its message with those of its sources, which may change.
impl serde::Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;

        let mut message = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            message.push_str(": ");
            message.push_str(&error.to_string());
            source = error.source();
        }
        let mut fields = serializer.serialize_struct("Error", 2)?;
        fields.serialize_field("code", self.code())?;
        fields.serialize_field("message", &message)?;
        fields.end()
    }
}

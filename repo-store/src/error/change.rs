//! Why a repository cannot be changed like that.

use apt_index::RelPath;
use deb_parse::{Architecture, Component, SuiteName};

use crate::model::name::RepositoryName;
use crate::model::record::RecordKey;

/// Why a repository cannot be changed like that.
///
/// Messages do not repeat their source: print the chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// Two repositories between which nothing can be promoted.
    #[error("{from} and {to} have no suite in common")]
    NoCommonSuite {
        /// Where packages would come from.
        from: RepositoryName,
        /// Where they would go.
        to: RepositoryName,
    },
    /// A package for an architecture that the suite does not publish.
    #[error("{key}: {suite} does not publish the architecture {architecture}")]
    UnlistedArchitecture {
        /// The package.
        key: RecordKey,
        /// The suite.
        suite: SuiteName,
        /// The package's architecture.
        architecture: Architecture,
    },
    /// A package for a component that the suite does not have.
    #[error("{key}: {suite} has no component `{component}`")]
    UnlistedComponent {
        /// The package.
        key: RecordKey,
        /// The suite.
        suite: SuiteName,
        /// The component asked for.
        component: Component,
        /// The components that the suite has.
        known: Vec<Component>,
    },
    /// The same name, version and architecture with another content: clients could not tell them apart.
    #[error("{key} is already in {repository}{place} with different content")]
    Conflict {
        /// The package.
        key: RecordKey,
        /// The repository.
        repository: RepositoryName,
        /// Where it stands, as words that continue the sentence.
        place: String,
    },
    /// A version that is to be held out of a repository and is in it.
    #[error("{key} is in {repository} ({suite})")]
    Present {
        /// The package.
        key: RecordKey,
        /// The repository.
        repository: RepositoryName,
        /// A suite that has it.
        suite: SuiteName,
    },
    /// Two source packages with different files of one name: in the pool there is room for one.
    #[error("{key} has another `{path}` than {other}, which is in {repository} already")]
    PathConflict {
        /// The package.
        key: Box<RecordKey>,
        /// The file's place in the published tree.
        path: RelPath,
        /// The package that has the place.
        other: Box<RecordKey>,
        /// The repository.
        repository: RepositoryName,
    },
    /// The very file is in the suite, in another component than the one asked for.
    #[error("{key} is already in {repository} ({suite}) in component `{component}`, not `{asked}`")]
    OtherComponent {
        /// The package.
        key: Box<RecordKey>,
        /// The repository.
        repository: RepositoryName,
        /// The suite.
        suite: SuiteName,
        /// The component it is in.
        component: Component,
        /// The component asked for.
        asked: Component,
    },
    /// A package with the name of the repository's keyring package, made by somebody else.
    #[error("{key}: packages of this name in {repository} are made by the key commands alone")]
    ReservedName {
        /// The package.
        key: Box<RecordKey>,
        /// The repository.
        repository: RepositoryName,
    },
    /// A package with the name of the keyring package is there, in a version that no version of the keyring package exceeds.
    #[error("{key} is in {repository}, and no version such as {version} is newer")]
    KeyringVersion {
        /// The package.
        key: Box<RecordKey>,
        /// The repository.
        repository: RepositoryName,
        /// The version that the keyring package would get.
        version: String,
    },
    /// Others changed the repository again and again while this change was being made.
    #[error("{repository} changed {times} times while this change was being committed")]
    Contended {
        /// The repository.
        repository: RepositoryName,
        /// How often the change was tried.
        times: u32,
    },
    /// The repository has no change that can be taken back.
    #[error("nothing to undo in {repository}: no earlier state is kept")]
    NothingToUndo {
        /// The repository.
        repository: RepositoryName,
    },
    /// The repository changed after a plan for it was made.
    #[error("{repository} has changed since this was planned")]
    Outdated {
        /// The repository.
        repository: RepositoryName,
    },
}

impl ChangeError {
    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoCommonSuite { .. } => "E-NO-COMMON-SUITE",
            Self::UnlistedArchitecture { .. } => "E-UNLISTED-ARCHITECTURE",
            Self::UnlistedComponent { .. } => "E-UNLISTED-COMPONENT",
            Self::Conflict { .. } => "E-CONFLICT",
            Self::Present { .. } => "E-PRESENT",
            Self::PathConflict { .. } => "E-PATH-CONFLICT",
            Self::OtherComponent { .. } => "E-OTHER-COMPONENT",
            Self::ReservedName { .. } => "E-RESERVED-NAME",
            Self::KeyringVersion { .. } => "E-KEYRING-VERSION",
            Self::Contended { .. } => "E-CONTENDED",
            Self::NothingToUndo { .. } => "E-NOTHING-TO-UNDO",
            Self::Outdated { .. } => "E-OUTDATED",
        }
    }
}

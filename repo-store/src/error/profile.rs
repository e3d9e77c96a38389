//! Why a profile cannot be built.

use deb_parse::{Architecture, SuiteName, Version};

use crate::model::name::{ProfileName, RepositoryName};
use crate::model::record::RecordKey;

/// Why a profile cannot be built for a repository.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// No profile has that name.
    #[error("no profile named `{name}`")]
    Unknown {
        /// The name asked for.
        name: ProfileName,
        /// Those that there are.
        known: Vec<ProfileName>,
    },
    /// The suite has no version of a package that the profile allows.
    #[error(
        "profile {profile} needs {package}, and no version of it in {repository}/{suite} is in that range for {architecture} (the newest is {newest})"
    )]
    OutOfRange {
        /// The profile.
        profile: ProfileName,
        /// The package with its range, as the configuration has it.
        package: String,
        /// The repository.
        repository: RepositoryName,
        /// The suite.
        suite: SuiteName,
        /// The architecture of the machines.
        architecture: Architecture,
        /// The newest version that the suite has.
        newest: Version,
    },
    /// The suite has a package for other machines only.
    #[error("profile {profile} needs {package}, which {repository}/{suite} does not have for {architecture}")]
    OtherArchitecture {
        /// The profile.
        profile: ProfileName,
        /// The package.
        package: String,
        /// The repository.
        repository: RepositoryName,
        /// The suite.
        suite: SuiteName,
        /// The architecture of the machines.
        architecture: Architecture,
    },
    /// The profile is for other suites or architectures than those of the repository that were asked for.
    #[error("profile {profile} is for no suite and architecture of {repository} that was asked for")]
    NoSuite {
        /// The profile.
        profile: ProfileName,
        /// The repository.
        repository: RepositoryName,
    },
    /// The repository has no metapackage of the profile.
    #[error("profile {profile} is not built in {repository}")]
    NotBuilt {
        /// The profile.
        profile: ProfileName,
        /// The repository.
        repository: RepositoryName,
    },
    /// A package with the name of the metapackage is there, in a version that the next commit does not exceed.
    #[error(
        "{key} is in {repository}, and machines take it before version {version}, which would be built now"
    )]
    Superseded {
        /// The package that is there.
        key: Box<RecordKey>,
        /// The repository.
        repository: RepositoryName,
        /// The version that the metapackage would get.
        version: Version,
    },
}

impl ProfileError {
    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "E-UNKNOWN-PROFILE",
            Self::OutOfRange { .. }
            | Self::OtherArchitecture { .. }
            | Self::NoSuite { .. }
            | Self::NotBuilt { .. }
            | Self::Superseded { .. } => "E-PROFILE",
        }
    }
}

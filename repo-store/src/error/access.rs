//! What can go wrong with who may read.

use crate::model::name::{HolderName, RepositoryName};

/// What can go wrong with the tokens of a repository.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// Somebody of that name has a token.
    #[error("{holder} already has a token for {repository}")]
    HolderTaken {
        /// The repository.
        repository: RepositoryName,
        /// Who has it.
        holder: HolderName,
    },
    /// Nobody of that name has a token.
    #[error("{holder} has no token for {repository}")]
    UnknownHolder {
        /// The repository.
        repository: RepositoryName,
        /// The name asked for.
        holder: HolderName,
        /// Those who have one.
        known: Vec<HolderName>,
    },
    /// What a token is to be allowed cannot be read.
    #[error("`{scope}`: {reason}")]
    InvalidScope {
        /// As given.
        scope: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// No machine of that name was seen.
    #[error("no machine named `{name}` was seen reading {}", names(repositories))]
    UnknownMachine {
        /// The repositories that were looked at.
        repositories: Vec<RepositoryName>,
        /// The name asked for.
        name: String,
        /// Those that were seen.
        known: Vec<String>,
    },
    /// The system gave no random numbers.
    #[error("cannot get random numbers")]
    Random {
        /// What the system said.
        source: std::io::Error,
    },
}

impl AccessError {
    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::HolderTaken { .. } => "E-HOLDER-TAKEN",
            Self::UnknownHolder { .. } => "E-UNKNOWN-HOLDER",
            Self::InvalidScope { .. } => "E-INVALID-SCOPE",
            Self::UnknownMachine { .. } => "E-UNKNOWN-MACHINE",
            Self::Random { .. } => "E-RANDOM",
        }
    }
}

fn names(repositories: &[RepositoryName]) -> String {
    repositories.iter().map(RepositoryName::as_str).collect::<Vec<_>>().join(", ")
}

//! What clients of a suite have besides it.

use std::fmt;

use camino::Utf8PathBuf;
use deb_parse::SuiteName;
use jiff::SignedDuration;

use crate::model::name::RepositoryName;

/// Packages that clients of a suite can install besides those of the suite, for checks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Base {
    /// Its number in the configuration, for messages.
    pub number: usize,
    /// The suite whose clients have it.
    pub suite: SuiteName,
    /// Where its packages are listed.
    pub source: BaseSource,
    /// How long after it was last seen to be up to date it counts; forever when not set. A [suite of the store](BaseSource::Suite) is
    /// always up to date.
    pub max_age: Option<SignedDuration>,
}

impl Base {
    /// Names a base that counts forever.
    #[must_use]
    pub fn new(number: usize, suite: SuiteName, source: BaseSource) -> Self {
        Self { number, suite, source, max_age: None }
    }
}

/// Where the packages of a base are listed. It prints as it stands in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BaseSource {
    /// A file or a directory, as it is configured: sources of apt, or `Packages` files. The store keeps what was read of it last.
    Path(Utf8PathBuf),
    /// A suite of the store, as it is at the time of the check.
    Suite {
        /// The repository.
        repository: RepositoryName,
        /// The suite.
        suite: SuiteName,
    },
}

impl fmt::Display for BaseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.fmt(f),
            Self::Suite { repository, suite } => write!(f, "{repository}/{suite}"),
        }
    }
}

//! Why a repository cannot be published.

use deb_parse::SuiteName;

use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;

/// Why a repository cannot be published.
///
/// Messages do not repeat their source: print the chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// An index could not be rendered.
    #[error("cannot render the indices of {suite}")]
    Index {
        /// The suite.
        suite: SuiteName,
        /// Why.
        #[source]
        source: apt_index::Error,
    },
    /// A suite that clients know would say something of itself that they refuse when it changes.
    #[error("{suite} would change its {field} from `{old}` to `{new}`: clients refuse that")]
    ReleaseInfoChange {
        /// The suite.
        suite: SuiteName,
        /// Which field, or the default priority that two of them make.
        field: &'static str,
        /// What clients know.
        old: String,
        /// What they would be told.
        new: String,
    },
    /// What clients read would no longer be published.
    #[error("{} would no longer be published: clients would find nothing there (404)", .names.join(", "))]
    Removal {
        /// The suites and aliases, and `./` for the flat form.
        names: Vec<String>,
    },
    /// None of the keys that sign signed what clients see: they would refuse it.
    #[error("no key that signed {repository} so far would sign it: clients would refuse it{}", list(" (signed so far by ", .keys))]
    KeyChange {
        /// The repository.
        repository: RepositoryName,
        /// The fingerprints of the keys that signed it, where they are known.
        keys: Vec<String>,
    },
    /// The current state was not built upon the one that clients saw last.
    #[error(
        "the current state of {repository} was not built upon the one that clients saw in publication {publication}: they would be led back"
    )]
    EarlierState {
        /// The repository.
        repository: RepositoryName,
        /// The publication that clients saw last.
        publication: PublicationId,
    },
    /// Signatures that were made elsewhere are of no use any more: something else was published since the export.
    #[error("the signatures of {repository} are stale: {} since they were exported", .published.map_or_else(|| "nothing is published any more".to_owned(), |id| format!("{id} was published")))]
    Stale {
        /// The repository.
        repository: RepositoryName,
        /// What clients see now.
        published: Option<PublicationId>,
    },
    /// The certificates of the signing keys could not be written.
    #[error("cannot write the public keys")]
    PublicKeys {
        /// Why.
        #[source]
        source: apt_sign::Error,
    },
    /// The statement about a promotion could not be signed.
    #[error("cannot sign the statement about the promotion that made state {sequence}")]
    Attest {
        /// The number of the state.
        sequence: u64,
        /// Why.
        #[source]
        source: apt_sign::Error,
    },
    /// The metadata could not be signed.
    #[error("cannot sign the Release file of {suite}")]
    Sign {
        /// The suite.
        suite: SuiteName,
        /// Why.
        #[source]
        source: apt_sign::Error,
    },
}

impl PublishError {
    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Index { .. } => "E-INDEX",
            Self::ReleaseInfoChange { .. } => "E-RELEASE-INFO-CHANGE",
            Self::Removal { .. } => "E-REMOVAL",
            Self::KeyChange { .. } => "E-KEY-CHANGE",
            Self::EarlierState { .. } => "E-EARLIER-STATE",
            Self::Stale { .. } => "E-STALE-SIGNATURE",
            Self::PublicKeys { .. } => "E-PUBLIC-KEYS",
            Self::Attest { .. } => "E-ATTEST",
            Self::Sign { .. } => "E-SIGN",
        }
    }
}

/// Names in parentheses, if there are any.
fn list(start: &str, names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("{start}{})", names.join(", ")) }
}

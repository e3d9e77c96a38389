//! Why something of another archive cannot be imported.

use apt_fetch::{RefusedStanza, ReleaseError};
use deb_parse::SuiteName;
use repo_store::model::record::RecordKey;

/// Why something of another archive cannot be imported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportFailure {
    /// The Release of a suite does not count.
    #[error(transparent)]
    Release(Box<ReleaseError>),
    /// An index cannot be fetched, or is not the one that the Release lists.
    #[error(transparent)]
    Index(apt_fetch::Error),
    /// A stanza of an index cannot be used.
    #[error("{index}: {}", crate::error::chain(.source))]
    Stanza {
        /// The index.
        index: String,
        /// What is wrong with it; its causes stand in the message.
        source: RefusedStanza,
    },
    /// One version of a package has two contents.
    #[error("{key} has one content at {first} and another at {second}")]
    TwoContents {
        /// The package.
        key: Box<RecordKey>,
        /// One file.
        first: String,
        /// The other file.
        second: String,
    },
    /// Two stanzas list one file with different digests.
    #[error("{path} is listed with one digest in {first} and with another in {second}")]
    TwoDigests {
        /// The file, relative to the root of the archive.
        path: String,
        /// One index.
        first: String,
        /// The other index.
        second: String,
    },
    /// A file is listed, and is not there.
    #[error("{file} is listed in {index}, and is not there")]
    Missing {
        /// The file.
        file: String,
        /// An index that lists it.
        index: String,
    },
    /// A file cannot be fetched, or is not the one that is listed.
    #[error(transparent)]
    File(apt_fetch::Error),
    /// A file of a directory is not a package.
    #[error("{file}: {what}")]
    NotAPackage {
        /// The file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// A suite has a name that no suite of a repository can have.
    #[error("the suite {name} cannot have that name here")]
    SuiteName {
        /// The name in the archive.
        name: String,
    },
    /// Nothing says which suite packages are to go to.
    #[error("nothing says which suite the packages of {place} belong to")]
    NoSuiteName {
        /// The directory or the flat archive.
        place: String,
    },
    /// No suite of a configuration was published.
    #[error("no suite is published in {place}")]
    NothingPublished {
        /// Where the archive would be.
        place: String,
    },
    /// A repository that is there lacks a suite, an architecture or a component.
    #[error("{suite} of the repository has no {what}")]
    Lacks {
        /// The suite.
        suite: SuiteName,
        /// What it lacks: `component contrib`.
        what: String,
    },
}

impl ImportFailure {
    /// Returns the code by which programs know this kind of failure. It never changes.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Release(_) => "E-IMPORT-RELEASE",
            Self::Index(_) => "E-IMPORT-INDEX",
            Self::Stanza { .. } => "E-IMPORT-STANZA",
            Self::TwoContents { .. } | Self::TwoDigests { .. } => "E-IMPORT-CONFLICT",
            Self::Missing { .. } => "E-IMPORT-MISSING",
            Self::File(_) | Self::NotAPackage { .. } => "E-IMPORT-FILE",
            Self::SuiteName { .. }
            | Self::NoSuiteName { .. }
            | Self::NothingPublished { .. }
            | Self::Lacks { .. } => "E-IMPORT-SUITE",
        }
    }

    /// Returns what to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Release(error) => match &**error {
                ReleaseError::Unsigned { .. } => {
                    "check that it is what the publisher meant, then give --allow-unsigned"
                }
                ReleaseError::Signature { .. } => "give the key that signs it with --keyring FILE",
                ReleaseError::Expired { .. } => "for an archive that is closed, give --allow-expired",
                ReleaseError::Fetch(_) => "name its suites with --suite",
                _ => return None,
            },
            Self::Stanza { .. } => {
                "correct or remove the package in the old archive and publish it there once more"
            }
            Self::TwoContents { .. } | Self::TwoDigests { .. } => {
                "import one of them into another repository with --suite or --component, or remove it there"
            }
            Self::Missing { .. } => "put the file back, or leave it out with --allow-missing",
            Self::SuiteName { .. } => "import the other suites by naming them with --suite",
            Self::NoSuiteName { .. } => "name the suite with --as",
            Self::NothingPublished { .. } => "publish it there first, or look at outdir in conf/options",
            Self::Lacks { .. } => "change repo.toml first: repo-cli config set",
            Self::Index(_) | Self::File(_) | Self::NotAPackage { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

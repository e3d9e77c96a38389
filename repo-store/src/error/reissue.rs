//! Why an old version cannot come out again above a bad one.

use deb_parse::{SourceName, SuiteName, Version};

use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::model::record::RecordKey;
use crate::model::reissue::HazardKind;
use crate::package_reader::PackageError;

/// Why an old version of a source cannot come out again above a bad one.
///
/// Messages do not repeat their source: print the chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReissueError {
    /// The repository has no packages of that source, and had none.
    #[error("{repository} has no packages of the source `{source_name}`")]
    UnknownSource {
        /// The repository.
        repository: RepositoryName,
        /// The source.
        source_name: SourceName,
    },
    /// The repository does not have that version of the source, and the history does not know it.
    #[error("{repository} has no packages of {source_name} {version}")]
    UnknownVersion {
        /// The repository.
        repository: RepositoryName,
        /// The source.
        source_name: SourceName,
        /// The version asked for.
        version: Version,
        /// The versions that are known, in order.
        known: Vec<Version>,
    },
    /// Suites have different versions above the old one.
    #[error(
        "{repository} has several versions of {source_name} above {good}: {}",
        .versions.iter().map(|(version, suites)| format!("{version} ({})", list(suites))).collect::<Vec<_>>().join("; ")
    )]
    SeveralVersions {
        /// The repository.
        repository: RepositoryName,
        /// The source.
        source_name: SourceName,
        /// The old version.
        good: Version,
        /// Each version and its suites.
        versions: Vec<(Version, Vec<SuiteName>)>,
    },
    /// No version of the source is above the old one.
    #[error("{repository} has no version of {source_name} above {good}, and had none")]
    NothingAbove {
        /// The repository.
        repository: RepositoryName,
        /// The source.
        source_name: SourceName,
        /// The old version.
        good: Version,
    },
    /// The version called bad is not above the old one, so machines take the old one anyway.
    #[error("{source_name} {bad} is not above {good}")]
    NotAbove {
        /// The source.
        source_name: SourceName,
        /// The version called bad.
        bad: Version,
        /// The old version.
        good: Version,
    },
    /// A suite has a version above the reissue, so machines take that one.
    #[error(
        "{suite} of {repository} has {source_name} {newer}, which machines take before any reissue of {good} above {bad}"
    )]
    Superseded {
        /// The repository.
        repository: RepositoryName,
        /// The source.
        source_name: SourceName,
        /// The old version.
        good: Version,
        /// The version called bad.
        bad: Version,
        /// The version that machines take.
        newer: Version,
        /// The suite that has it.
        suite: SuiteName,
    },
    /// The store does not have a package file of the old version any more.
    #[error("{key} is no longer in the store: {}", removal(.removed_by.as_deref()))]
    FileGone {
        /// The package.
        key: Box<RecordKey>,
        /// The change that took it out, and its number.
        removed_by: Option<Box<(u64, Operation)>>,
    },
    /// A package file cannot be given another version.
    #[error("{key} cannot be given another version")]
    File {
        /// The package.
        key: Box<RecordKey>,
        /// Why.
        #[source]
        source: PackageError,
    },
    /// The version of the reissue would be too long.
    #[error("{source_name}: no version can be made above {version}")]
    VersionTooLong {
        /// The source.
        source_name: SourceName,
        /// The bad version.
        version: Version,
        /// Why.
        #[source]
        source: deb_parse::Error,
    },
    /// A package file with another version cannot be listed in an index.
    #[error("{key} cannot be listed with another version")]
    Stanza {
        /// The package.
        key: Box<RecordKey>,
        /// Why.
        #[source]
        source: apt_index::Error,
    },
    /// Machines that have the bad version would not be brought back whole.
    #[error(
        "{source_name} {good} cannot undo all of {bad} on machines: {}",
        .kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
    )]
    Hazards {
        /// The repository.
        repository: RepositoryName,
        /// The source.
        source_name: SourceName,
        /// The old version.
        good: Version,
        /// The bad version.
        bad: Version,
        /// The kinds of hazards that nobody accepted.
        kinds: Vec<HazardKind>,
    },
}

fn list(suites: &[SuiteName]) -> String {
    suites.iter().map(SuiteName::as_str).collect::<Vec<_>>().join(", ")
}

fn removal(removed_by: Option<&(u64, Operation)>) -> String {
    match removed_by {
        Some((number, operation)) => format!("change {number} took it out ({operation})"),
        None => "its file is lost".to_owned(),
    }
}

impl ReissueError {
    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownSource { .. } => "E-REISSUE-SOURCE",
            Self::UnknownVersion { .. } => "E-REISSUE-VERSION",
            Self::SeveralVersions { .. } => "E-REISSUE-SEVERAL",
            Self::NothingAbove { .. } => "E-REISSUE-NOTHING",
            Self::NotAbove { .. } => "E-REISSUE-ORDER",
            Self::Superseded { .. } => "E-REISSUE-SUPERSEDED",
            Self::FileGone { .. } => "E-REISSUE-GONE",
            Self::VersionTooLong { .. } => "E-REISSUE-LENGTH",
            Self::Stanza { .. } => "E-REISSUE-STANZA",
            Self::File { .. } => "E-REISSUE-FILE",
            Self::Hazards { .. } => "E-REISSUE-HAZARD",
        }
    }
}

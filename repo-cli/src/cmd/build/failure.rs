//! Why a package is not built.

use camino::Utf8PathBuf;
use deb_parse::{SuiteName, Version};
use repo_store::RepositoryName;

/// Why a package is not built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildFailure {
    /// The description, or the folder, cannot be used.
    #[error("{file}")]
    Spec {
        /// The description.
        file: Utf8PathBuf,
        /// What is wrong.
        source: Box<deb_build::Error>,
        /// The line that is wrong, with a mark below it.
        excerpt: Option<String>,
    },
    /// A folder without a description.
    #[error("no build.toml in {folder}")]
    NoSpec {
        /// The folder.
        folder: Utf8PathBuf,
    },
    /// Neither the command line nor the description has a version.
    #[error("{file} names no version")]
    NoVersion {
        /// The description.
        file: Utf8PathBuf,
    },
    /// What should be a version is not one.
    #[error("{place}: `{}` is not a version", .text.escape_debug())]
    Version {
        /// Where it comes from.
        place: String,
        /// The text.
        text: String,
        /// The rule that it breaks.
        source: deb_parse::Error,
    },
    /// A build that differs from the last one, which has the largest number that there can be.
    #[error("{version} is in the repository with another content, and its number cannot be raised")]
    LastNumber {
        /// The version.
        version: Version,
    },
    /// A package for a release that the repository has no suite for.
    #[error("{repository} has no suite for {release}")]
    NoSuite {
        /// The release.
        release: &'static str,
        /// The repository.
        repository: RepositoryName,
        /// The suites that it has.
        suites: Vec<SuiteName>,
    },
    /// git says nothing that is of use.
    #[error("git: {what}")]
    Git {
        /// What it said.
        what: String,
    },
    /// The time of the packages cannot be read.
    #[error("SOURCE_DATE_EPOCH is not a number of seconds since 1970: `{}`", .text.escape_debug())]
    Time {
        /// The text.
        text: String,
    },
    /// A directory for a new description that is there already.
    #[error("{directory} already exists")]
    Exists {
        /// The directory.
        directory: Utf8PathBuf,
    },
}

impl BuildFailure {
    /// Returns the code by which programs know this kind of failure. It never changes.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Spec { .. } | Self::NoSpec { .. } => "E-BUILD-SPEC",
            Self::NoVersion { .. } | Self::Version { .. } | Self::LastNumber { .. } | Self::Git { .. } => {
                "E-BUILD-VERSION"
            }
            Self::NoSuite { .. } => "E-UNKNOWN-RELEASE",
            Self::Time { .. } => "E-BUILD-TIME",
            Self::Exists { .. } => "E-BUILD-EXISTS",
        }
    }

    /// Returns what to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Spec { source, .. } => match &**source {
                deb_build::Error::UnknownKey { nearest: Some(nearest), .. } => {
                    format!("did you mean `{nearest}`?")
                }
                deb_build::Error::UnknownKey { known, .. } => format!("known here: {}", known.join(", ")),
                deb_build::Error::MissingKey { key, .. } if key == "copyright.license" => {
                    "add [copyright] with `license`, an SPDX expression, and `holder`".to_owned()
                }
                _ => return None,
            },
            Self::NoSpec { .. } => "make one with repo-cli build new TEMPLATE NAME".to_owned(),
            Self::NoVersion { .. } => "set `version`, or give it with --set-version".to_owned(),
            Self::LastNumber { .. } => "name another version with --set-version".to_owned(),
            Self::NoSuite { release, suites, .. } => {
                let suites: Vec<&str> = suites.iter().map(SuiteName::as_str).collect();
                format!("add a suite for it, or leave {release} out of --for (suites: {})", suites.join(", "))
            }
            Self::Git { .. } => "make a tag such as v1.0, or give the version with --set-version".to_owned(),
            Self::Exists { .. } => "name another directory, or remove it first".to_owned(),
            _ => return None,
        };
        Some(hint)
    }

    /// Returns the line that is wrong, with a mark below it.
    pub(crate) fn excerpt(&self) -> Option<&str> {
        match self {
            Self::Spec { excerpt, .. } => excerpt.as_deref(),
            _ => None,
        }
    }

    /// Returns the description that is concerned, with the line and the column.
    pub(crate) fn location(&self) -> (Option<String>, Option<deb_build::Position>) {
        match self {
            Self::Spec { file, source, .. } => (Some(file.to_string()), source.position()),
            Self::NoVersion { file } => (Some(file.to_string()), None),
            _ => (None, None),
        }
    }
}

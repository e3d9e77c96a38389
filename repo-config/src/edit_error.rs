//! Why a configuration cannot be changed.

use std::fmt;

use camino::Utf8PathBuf;
use repo_store::RepositoryName;

use crate::error::ConfigError;

/// Why a configuration cannot be changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The files cannot be read or written.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The configuration would have a mistake.
    #[error("the configuration would be wrong")]
    Refused(#[source] ConfigError),
    /// A setting that there is not.
    #[error("no setting named `{key}`")]
    UnknownSetting {
        /// Its keys.
        key: String,
        /// The settings beside it.
        known: Vec<String>,
    },
    /// A table, whose settings are set one by one.
    #[error("`{key}` is {whole}: name a setting in it")]
    Table {
        /// Its keys.
        key: String,
        /// What it is.
        whole: &'static str,
    },
    /// A list that several files add to.
    #[error("several files add to `{key}`: {}", .files.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    SeveralFiles {
        /// The keys of the list.
        key: String,
        /// The files.
        files: Vec<Utf8PathBuf>,
    },
    /// What is to be added is there.
    #[error("{what} {name} already exists")]
    Exists {
        /// What it is.
        what: Editable,
        /// Its name.
        name: String,
    },
    /// A name for a repository under which something else is served.
    #[error("a repository cannot be named `{name}`: the server answers with something else there")]
    Reserved {
        /// The name.
        name: RepositoryName,
    },
    /// What is to be changed or removed is not there.
    #[error("no {what} named `{name}`")]
    NoSuch {
        /// What it is.
        what: Editable,
        /// Its name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A file in a form that cannot be changed by program.
    #[error("{path} is written in a form that cannot be edited here")]
    Form {
        /// The file.
        path: Utf8PathBuf,
    },
    /// A file that somebody else changed meanwhile.
    #[error("{path} was changed by somebody else in the meantime")]
    Changed {
        /// The file.
        path: Utf8PathBuf,
    },
}

/// A part of the configuration that can be added, changed or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Editable {
    /// A repository.
    Repository,
    /// A suite.
    Suite,
    /// A table of a list, such as a routing rule.
    Table,
}

impl fmt::Display for Editable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Repository => "repository",
            Self::Suite => "suite",
            Self::Table => "table",
        })
    }
}

impl EditError {
    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Config(error) | Self::Refused(error) => error.code(),
            Self::UnknownSetting { .. } => "E-UNKNOWN-SETTING",
            Self::Table { .. } | Self::SeveralFiles { .. } | Self::Form { .. } => "E-NOT-EDITABLE",
            Self::Exists { .. } => "E-EXISTS",
            Self::Reserved { .. } => "E-RESERVED-REPOSITORY",
            Self::NoSuch { what: Editable::Repository, .. } => "E-UNKNOWN-REPOSITORY",
            Self::NoSuch { what: Editable::Suite, .. } => "E-UNKNOWN-SUITE",
            Self::NoSuch { what: Editable::Table, .. } => "E-UNKNOWN-SETTING",
            Self::Changed { .. } => "E-CHANGED-MEANWHILE",
        }
    }
}

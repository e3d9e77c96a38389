//! Why the settings of a repository cannot be used.

use deb_parse::{Architecture, Component, SuiteName};

use crate::model::index_kind::IndexKind;
use crate::model::name::RepositoryName;

/// Why the settings of a repository cannot be used. [`RepositorySettings::validate`](crate::RepositorySettings::validate) returns it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A repository without suites, in which nothing could be listed.
    #[error("{repository} has no suites")]
    NoSuites {
        /// The repository.
        repository: RepositoryName,
    },
    /// A suite that is listed twice.
    #[error("{repository} has the suite {suite} twice")]
    RepeatedSuite {
        /// The repository.
        repository: RepositoryName,
        /// The suite.
        suite: SuiteName,
    },
    /// An alias that another suite has as its name or its alias.
    #[error("the suite {suite}: the alias `{alias}` is the name of another suite")]
    AliasTaken {
        /// The suite with the alias.
        suite: SuiteName,
        /// The alias.
        alias: SuiteName,
    },
    /// A suite without architectures.
    #[error("the suite {suite} has no architectures")]
    NoArchitectures {
        /// The suite.
        suite: SuiteName,
    },
    /// A suite that lists `all`, which every suite has anyway.
    #[error("the suite {suite}: `{architecture}` is not an architecture of machines")]
    NotAMachine {
        /// The suite.
        suite: SuiteName,
        /// What is listed.
        architecture: Architecture,
    },
    /// A suite without components.
    #[error("the suite {suite} has no components")]
    NoComponents {
        /// The suite.
        suite: SuiteName,
    },
    /// A component that would be published where the packages of another component for installers are.
    #[error("the suite {suite}: {component} is where the packages of {parent} for installers are listed")]
    InstallerComponent {
        /// The suite.
        suite: SuiteName,
        /// The component.
        component: Component,
        /// The component whose packages for installers are listed there.
        parent: Component,
    },
    /// An architecture or a component that a suite lists twice.
    #[error("the suite {suite} lists `{name}` twice")]
    Repeated {
        /// The suite.
        suite: SuiteName,
        /// What is listed twice.
        name: String,
    },
    /// A flat form for a suite that the repository lacks.
    #[error("{repository} has no suite `{suite}` to publish flat")]
    UnknownFlat {
        /// The repository.
        repository: RepositoryName,
        /// The suite.
        suite: SuiteName,
    },
    /// Indices that would be written in no form at all.
    #[error("{} would be written in no form: name at least one, `none` for the plain file", index_words(*.kind))]
    NoEncoding {
        /// Which indices; `None` for all that have no list of their own.
        kind: Option<IndexKind>,
    },
    /// `Packages` indices in forms that debootstrap does not read.
    #[error("without xz or gz debootstrap finds no package")]
    NoCommonEncoding,
    /// A rule that sends packages where they cannot go.
    #[error("routing rule {number}: {fault}")]
    Route {
        /// The number of the rule.
        number: usize,
        /// What is wrong with it.
        fault: RouteFault,
    },
    /// A text that cannot stand in a line of a Release file.
    #[error("{field}: `{}` is not one line of text", .value.escape_debug())]
    NotALine {
        /// The field of the settings.
        field: &'static str,
        /// The suite that it is set for; `None` for the whole repository.
        suite: Option<SuiteName>,
        /// The text.
        value: String,
    },
    /// A validity that has run out when it begins, or that is longer than a hundred years.
    #[error("{repository}: a publication is valid for more than nothing and at most a hundred years")]
    Validity {
        /// The repository.
        repository: RepositoryName,
    },
}

/// What is wrong with a rule about where packages go.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteFault {
    /// It names neither a component nor suites.
    #[error("it sends packages nowhere: set `component`, `suites` or both")]
    Nowhere,
    /// It names a suite that the repository lacks.
    #[error("{repository} has no suite `{suite}`")]
    UnknownSuite {
        /// The repository.
        repository: RepositoryName,
        /// The suite.
        suite: SuiteName,
    },
    /// It names a component that no suite it leads to has.
    #[error("no suite of {repository} it leads to has the component {component}")]
    UnknownComponent {
        /// The repository.
        repository: RepositoryName,
        /// The component.
        component: Component,
    },
}

impl SettingsError {
    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "E-SETTINGS"
    }
}

fn index_words(kind: Option<IndexKind>) -> String {
    kind.map_or_else(|| "indices".to_owned(), |kind| format!("{kind} indices"))
}

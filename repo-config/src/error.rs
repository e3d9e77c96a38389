//! What can be wrong with a configuration: a [`ConfigError`], with the [`Place`] and an [`Excerpt`] of the text.

use std::fmt;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Architecture, Component, PackageName, SuiteName};
use jiff::SignedDuration;
use repo_store::RepositoryName;
use repo_store::error::SettingsError;
use repo_store::model::ProfileName;
use repo_store::model::duration_in_words;

pub use crate::place::Excerpt;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A text that breaks the rules: of TOML, of the tables, or of a value.
    #[error("{place}: {}{what}", .key.as_ref().map_or_else(String::new, |key| format!("{key}: ")))]
    Text {
        /// Where.
        place: Box<Place>,
        /// The key that it is at, with those of its tables, where it is known.
        key: Option<String>,
        /// The rule that is broken.
        what: String,
        /// The key or value that is unknown, where the rule is that it must be one of some.
        unknown: Option<Box<UnknownWord>>,
    },
    /// Settings that the store refuses.
    #[error("{place}")]
    Settings {
        /// Where the refused setting is.
        place: Box<Place>,
        /// What the store says of it.
        #[source]
        source: SettingsError,
    },
    /// Settings that are well-formed and do not go together.
    #[error("{place}: {fault}")]
    Contradiction {
        /// Where one of them is.
        place: Box<Place>,
        /// What does not go together.
        fault: Contradiction,
    },
    /// A profile, or a machine that is to have one, that could never work.
    #[error("{place}: {fault}")]
    Profile {
        /// Where it is.
        place: Box<Place>,
        /// What is wrong with it.
        fault: Box<ProfileFault>,
    },
    /// A drop-in, or the directory of drop-ins, that others than the owner of `repo.toml` can change.
    #[error("{path}: {fault}")]
    Ownership {
        /// The drop-in or the directory.
        path: Utf8PathBuf,
        /// In whose hands it is.
        fault: OwnershipFault,
    },
    /// The keyring of those whose uploads are taken.
    #[error("{path}")]
    Keyring {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        #[source]
        source: apt_sign::Error,
    },
    /// Something that the operating system refused.
    #[error("cannot {verb} {path}")]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On which file or directory.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A repository that is not configured.
    #[error("no repository named `{name}`")]
    UnknownRepository {
        /// The name that was asked for, escaped and cut to 100 characters.
        name: String,
        /// The repositories that there are.
        known: Vec<RepositoryName>,
    },
    /// A changed configuration that asks less of clients than the one before.
    #[error("{what}")]
    Loosened {
        /// What would be less strict.
        what: Loosening,
    },
}

impl ConfigError {
    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Text { .. }
            | Self::Settings { .. }
            | Self::Contradiction { .. }
            | Self::Profile { .. }
            | Self::Ownership { .. }
            | Self::Keyring { .. } => "E-CONFIG",
            Self::Io { .. } => "E-IO",
            Self::UnknownRepository { .. } => "E-UNKNOWN-REPOSITORY",
            Self::Loosened { .. } => "E-LOOSENED",
        }
    }

    /// Returns the file that is concerned.
    #[must_use]
    pub fn path(&self) -> Option<&Utf8Path> {
        match self {
            Self::Ownership { path, .. } | Self::Keyring { path, .. } | Self::Io { path, .. } => Some(path),
            _ => self.place().map(|place| place.path.as_path()),
        }
    }

    /// Returns the place in the texts of the configuration, where the error is about one.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Text { place, .. }
            | Self::Settings { place, .. }
            | Self::Contradiction { place, .. }
            | Self::Profile { place, .. } => Some(place),
            _ => None,
        }
    }

    /// Forgets the line: it is one of a text that is not written.
    pub(crate) fn forget_line(&mut self) {
        if let Self::Text { place, .. }
        | Self::Settings { place, .. }
        | Self::Contradiction { place, .. }
        | Self::Profile { place, .. } = self
        {
            (place.line, place.column) = (None, None);
            if let Some(excerpt) = &mut place.excerpt {
                excerpt.forget_number();
            }
        }
    }

    /// Returns the line in that file, from 1, where it is known.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.place()?.line
    }

    /// Returns the key, value or name that is unknown, and those that there are, where that is what is wrong.
    #[must_use]
    pub fn unknown_word(&self) -> Option<UnknownWord> {
        match self {
            Self::Text { unknown, .. } => unknown.as_deref().cloned(),
            Self::Contradiction { fault, .. } => fault.unknown_word(),
            Self::Profile { fault, .. } => fault.unknown_word(),
            _ => None,
        }
    }

    pub(crate) fn io(verb: &'static str, path: &Utf8Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| {
            let source = repo_store::storage::Obstacle::explain(&path, source);
            Self::Io { verb, path, source }
        }
    }
}

/// A word in a configuration that is none of those that may stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWord {
    /// The word.
    pub word: String,
    /// The words that may stand there.
    pub known: Vec<String>,
}

/// A place in the texts of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The file.
    pub path: Utf8PathBuf,
    /// The line in it, from 1, where it is known.
    pub line: Option<usize>,
    /// The character in that line, from 1, where it is known.
    pub column: Option<usize>,
    /// Whether it is in what `repo.toml` and the drop-ins make together: `path` is `repo.toml` then.
    pub with_drop_ins: bool,
    /// The line with a mark below what is meant; `None` also for a line that may hold a secret.
    pub excerpt: Option<Excerpt>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.path, if self.with_drop_ins { " with its repo.d" } else { "" })?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))?;
        self.column.map_or(Ok(()), |column| write!(f, ":{column}"))
    }
}

/// Settings that do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Contradiction {
    /// A list in the configuration and one in a file of its own.
    #[error("`{key}` and `{key}_file` exclude each other")]
    ListedTwice {
        /// The key of the list.
        key: &'static str,
    },
    /// A table for a suite that is not listed.
    #[error("[suite.{suite}]: not listed in `suites`")]
    TableWithoutSuite {
        /// The suite.
        suite: SuiteName,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A repository with a suite that is not listed.
    #[error("repositories.{repository}.suites: `suites` has no `{suite}`")]
    UnknownSuite {
        /// The repository.
        repository: RepositoryName,
        /// The suite.
        suite: SuiteName,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Two repositories that clients would reach under one address.
    #[error("{first} and {second} have the same address, {address}: give one of them another `url`")]
    SameAddress {
        /// The first of them, by name.
        first: RepositoryName,
        /// The other.
        second: RepositoryName,
        /// The address of the second.
        address: String,
    },
    /// TLS without a certificate, or without its key.
    #[error("serve: https:// needs a certificate and its key: [serve.tls] certificate = \"…\", key = \"…\"")]
    NoCertificate,
    /// Two addresses to listen on that cannot both be had.
    #[error("serve: `listen` has {second} beside {first}: one program can listen on a port only once")]
    ListensTwice {
        /// The first.
        first: String,
        /// The second.
        second: String,
    },
    /// Requests are led to TLS, and nothing listens there.
    #[error("serve: redirect_to_https needs an address with https:// in `listen`")]
    NothingToRedirectTo,
    /// Clients of a repository are told to log in where they are then led to TLS: the login was sent in clear by then, and is not sent again.
    #[error(
        "{repository}: its `url` begins with http://, where redirect_to_https leads clients on that have sent their login: write https://"
    )]
    LoginBeforeTls {
        /// The repository.
        repository: RepositoryName,
    },
    /// A repository with `access` and also with `allow` or `users`.
    #[error(
        "{repository} has `access` beside `allow` or `users`: say all of it in `access`, as in [[\"10.0.0.0/8\", \"users:FILE\"]]"
    )]
    AccessTwice {
        /// The repository.
        repository: RepositoryName,
    },
    /// A repository in the order of promotion that is not configured.
    #[error("channels: no repository named `{repository}`")]
    ChannelWithoutRepository {
        /// The repository.
        repository: RepositoryName,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A repository that stands twice in the order of promotion.
    #[error("channels: {repository} is listed twice")]
    ChannelTwice {
        /// The repository.
        repository: RepositoryName,
    },
    /// A rule about where packages go, for a repository that is not configured.
    #[error("routing rule {number}: no repository named `{repository}`")]
    RouteOfNoRepository {
        /// The number of the rule, from 1.
        number: usize,
        /// The repository.
        repository: RepositoryName,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A rule about where packages go that leads to no suite of a repository.
    #[error("routing rule {number}: {repository} has none of its suites: limit the rule with `repositories`")]
    RouteWithoutSuites {
        /// The number of the rule, from 1.
        number: usize,
        /// The repository.
        repository: RepositoryName,
    },
    /// A drop folder for a repository that is not configured.
    #[error("drop folder {number}: no repository named `{repository}`")]
    FolderOfNoRepository {
        /// The number of the table, from 1.
        number: usize,
        /// The repository.
        repository: RepositoryName,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A drop folder for a suite that its repository lacks.
    #[error("drop folder {number}: its repository has no suite `{suite}`")]
    FolderOfNoSuite {
        /// The number of the table, from 1.
        number: usize,
        /// The suite.
        suite: SuiteName,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A drop folder for a component that none of its suites has.
    #[error("drop folder {number}: none of its suites has the component `{component}`")]
    FolderOfNoComponent {
        /// The number of the table, from 1.
        number: usize,
        /// The component.
        component: Component,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A drop folder in which the store keeps something.
    #[error(
        "drop folder {number}: {path} is part of the store: packages would be taken out of what is published"
    )]
    FolderInStore {
        /// The number of the table, from 1.
        number: usize,
        /// The folder.
        path: Utf8PathBuf,
    },
    /// A directory for what was taken in which the store or the folder itself keeps something.
    #[error(
        "drop folder {number}: files cannot be moved to {path}: it is the folder itself or part of the store"
    )]
    ArchiveInStore {
        /// The number of the table, from 1.
        number: usize,
        /// The directory.
        path: Utf8PathBuf,
    },
    /// A backup that would lie in the store.
    #[error("{path} is part of the store: a backup lies outside of it")]
    BackupInStore {
        /// The directory.
        path: Utf8PathBuf,
    },
    /// A drop folder that is configured twice.
    #[error("drop folder {number}: {path} is configured twice")]
    FolderTwice {
        /// The number of the second table, from 1.
        number: usize,
        /// The folder.
        path: Utf8PathBuf,
    },
    /// A table for a key that is kept elsewhere which names none, or does not say enough.
    #[error(
        "signer {number}: set gpg to a fingerprint, or set command and public_key, or offline = true and public_key"
    )]
    Signer {
        /// The number of the table, from 1.
        number: usize,
    },
    /// A gate that nothing could pass, or that asks for nothing.
    #[error("gate {number}: {fault}")]
    Gate {
        /// The number of the table, from 1.
        number: usize,
        /// What is wrong with it.
        fault: GateFault,
    },
    /// A hook that could never work.
    #[error("hook {number}: {fault}")]
    Hook {
        /// The number of the table, from 1.
        number: usize,
        /// What is wrong with it.
        fault: HookFault,
    },
    /// A rule of retention, or a freeze, that names a repository that is not configured.
    #[error("{table} rule {number}: no repository named `{repository}`")]
    RuleOfNoRepository {
        /// The table: `retention` or `freeze`.
        table: &'static str,
        /// The number of the rule, from 1.
        number: usize,
        /// The setting that names it: `repositories` or `kept_by`.
        key: &'static str,
        /// The repository.
        repository: RepositoryName,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A rule of retention, or a base, that names a suite that no repository has.
    #[error("{table} rule {number}: no suite named `{suite}`")]
    RuleOfNoSuite {
        /// The table that the rule stands in.
        table: &'static str,
        /// The number of the rule, from 1.
        number: usize,
        /// The setting.
        key: &'static str,
        /// The suite.
        suite: SuiteName,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A rule of retention that says which repositories keep a package, and not what is removed at all.
    #[error("retention rule {number}: kept_by adds to keep_versions or keep_for: set one of them")]
    RetentionWithoutLimit {
        /// The number of the rule, from 1.
        number: usize,
    },
}

impl Contradiction {
    fn unknown_word(&self) -> Option<UnknownWord> {
        let (word, known) = match self {
            Self::TableWithoutSuite { suite, known }
            | Self::UnknownSuite { suite, known, .. }
            | Self::FolderOfNoSuite { suite, known, .. }
            | Self::RuleOfNoSuite { suite, known, .. } => (suite.to_string(), known),
            Self::FolderOfNoComponent { component, known, .. } => (component.to_string(), known),
            Self::ChannelWithoutRepository { repository, known }
            | Self::FolderOfNoRepository { repository, known, .. }
            | Self::RouteOfNoRepository { repository, known, .. }
            | Self::RuleOfNoRepository { repository, known, .. }
            | Self::Gate { fault: GateFault::UnknownRepository { repository, known, .. }, .. }
            | Self::Hook { fault: HookFault::UnknownRepository { repository, known }, .. } => {
                (repository.to_string(), known)
            }
            Self::ChannelTwice { .. }
            | Self::FolderTwice { .. }
            | Self::FolderInStore { .. }
            | Self::ArchiveInStore { .. }
            | Self::BackupInStore { .. }
            | Self::ListedTwice { .. }
            | Self::Signer { .. }
            | Self::Gate { .. }
            | Self::Hook { .. }
            | Self::SameAddress { .. }
            | Self::AccessTwice { .. }
            | Self::ListensTwice { .. }
            | Self::NoCertificate
            | Self::NothingToRedirectTo
            | Self::LoginBeforeTls { .. }
            | Self::RouteWithoutSuites { .. }
            | Self::RetentionWithoutLimit { .. } => {
                return None;
            }
        };
        Some(UnknownWord { word, known: known.clone() })
    }
}

/// Why a gate is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GateFault {
    /// No rule is set.
    #[error("it asks for nothing: set minimum_age, never_backwards, forbid_versions or another rule")]
    NoRule,
    /// A pattern that everything fits.
    #[error("{key} has a pattern that everything fits: nothing could come in")]
    Everything {
        /// The setting.
        key: &'static str,
    },
    /// A pattern that no name of a tag fits.
    #[error("tagged: no tag can be named like `{pattern}`")]
    NotATag {
        /// The pattern, printable.
        pattern: String,
    },
    /// Nothing can be approved or tagged before it is in some repository.
    #[error("{key} without `from`, in every repository: nothing could be added anywhere to be {} there",
        if *key == "tagged" { "tagged" } else { "approved" })]
    NowhereFirst {
        /// The setting.
        key: &'static str,
    },
    /// What a drop folder brings can be approved or tagged nowhere before.
    #[error("{key} without `from`: what is dropped in {folder} for {repository} can be {} nowhere before, and would all be rejected",
        if *key == "tagged" { "tagged" } else { "approved" })]
    DropFolder {
        /// The setting.
        key: &'static str,
        /// The drop folder.
        folder: Utf8PathBuf,
        /// The repository that its packages go to.
        repository: RepositoryName,
    },
    /// It is for promotions from a repository to itself, and there are none.
    #[error("nothing is promoted from {repository} to itself: `from` and `to` are the same")]
    ToItself {
        /// The repository.
        repository: RepositoryName,
    },
    /// A version is never that old in a repository that changes: what tells its age is not kept for so long.
    #[error(
        "minimum_age of {} is not reached while {repository} changes: keep_history keeps what tells the age for {} only",
        duration_in_words(*least), duration_in_words(*kept)
    )]
    TooOld {
        /// The repository that versions are promoted from.
        repository: RepositoryName,
        /// The age that is asked for.
        least: SignedDuration,
        /// For how long the history is kept.
        kept: SignedDuration,
    },
    /// A name that no field can have.
    #[error("require_fields: no field can be named `{field}`")]
    NotAField {
        /// The name, escaped.
        field: String,
    },
    /// A repository that is not configured.
    #[error("no repository named `{repository}`")]
    UnknownRepository {
        /// The setting: `to` or `from`.
        key: &'static str,
        /// The repository.
        repository: RepositoryName,
        /// Those that there are.
        known: Vec<String>,
    },
}

/// Why a profile, or a machine that is to have one, could never work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileFault {
    /// It names a profile that is not configured.
    #[error("{table} {name}: no profile named `{unknown}`")]
    UnknownProfile {
        /// The table: `profile` or `machine`.
        table: &'static str,
        /// The profile or the machine.
        name: String,
        /// The setting that names it.
        key: &'static str,
        /// The profile that is not there.
        unknown: ProfileName,
        /// Those that there are.
        known: Vec<String>,
    },
    /// It includes itself, by way of others or not.
    #[error("profile {profile} includes itself: {}", .way.iter().map(ToString::to_string).collect::<Vec<_>>().join(" -> "))]
    Cycle {
        /// The last profile of the way, which includes the first.
        profile: ProfileName,
        /// The profile that it includes.
        include: ProfileName,
        /// The way from that profile back to it.
        way: Vec<ProfileName>,
    },
    /// It names no package, and includes none.
    #[error("profile {profile}: it has no packages")]
    Empty {
        /// The profile.
        profile: ProfileName,
    },
    /// It excludes what it names itself, or what nothing that it includes has.
    #[error("profile {profile}: `exclude` has {package}, which {}",
        if *is_own { "`packages` has too" } else { "no profile that it includes has" })]
    Exclude {
        /// The profile.
        profile: ProfileName,
        /// The package.
        package: PackageName,
        /// Whether it names the package itself.
        is_own: bool,
    },
    /// It is for a suite that is not listed.
    #[error("profile {profile}: no suite named `{suite}`")]
    UnknownSuite {
        /// The profile.
        profile: ProfileName,
        /// The suite.
        suite: SuiteName,
        /// Those that there are.
        known: Vec<String>,
    },
    /// It is for an architecture that no suite has.
    #[error("profile {profile}: no suite has the architecture `{architecture}`")]
    UnknownArchitecture {
        /// The profile.
        profile: ProfileName,
        /// The architecture.
        architecture: Architecture,
        /// Those that there are.
        known: Vec<String>,
    },
}

impl ProfileFault {
    fn unknown_word(&self) -> Option<UnknownWord> {
        let (word, known) = match self {
            Self::UnknownProfile { unknown, known, .. } => (unknown.to_string(), known),
            Self::UnknownSuite { suite, known, .. } => (suite.to_string(), known),
            Self::UnknownArchitecture { architecture, known, .. } => (architecture.to_string(), known),
            Self::Cycle { .. } | Self::Empty { .. } | Self::Exclude { .. } => return None,
        };
        Some(UnknownWord { word, known: known.clone() })
    }
}

/// Why a hook could never work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HookFault {
    /// It names no receiver, or several.
    #[error("set one of url, command and mail")]
    Target,
    /// It is told of nothing.
    #[error("`on` names no event")]
    NoEvents,
    /// A setting for web servers, and the receiver is something else.
    #[error("format, secret_file and allow_private are settings of a hook with `url`")]
    OnlyWithUrl,
    /// A room of Matrix without the access token that messages are sent with.
    #[error("a message for Matrix is sent with an access token: name its file in `secret_file`")]
    NoToken,
    /// A time that is too short to do anything, or so long that everything else would wait.
    #[error("the timeout must be longer than 0 and at most 10m")]
    Timeout,
    /// A name that another hook has.
    #[error("another hook is named {name}: set `name`")]
    SameName {
        /// The name.
        name: repo_store::model::HookName,
    },
    /// A receiver that no name can be made from.
    #[error("no name can be made for it: set `name`")]
    NoName,
    /// A repository that is not configured.
    #[error("no repository named `{repository}`")]
    UnknownRepository {
        /// The repository.
        repository: RepositoryName,
        /// Those that there are.
        known: Vec<String>,
    },
}

/// Why a drop-in does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OwnershipFault {
    /// It belongs to a third user.
    #[error("it belongs to uid {uid} and not to the owner of repo.toml (uid {owner})")]
    OtherOwner {
        /// Whom it belongs to.
        uid: u32,
        /// Whom `repo.toml` belongs to.
        owner: u32,
    },
    /// Everybody may write to it.
    #[error("mode {mode:04o} lets everybody write to it")]
    Writable {
        /// Its mode.
        mode: u32,
    },
}

/// How a changed configuration would ask less of clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Loosening {
    /// It has no repository.
    #[error("no repository would be left")]
    NoRepository,
    /// It has no proxies, and networks decide.
    #[error("`trusted_proxies` would be empty")]
    NoProxies,
    /// It lacks a repository that not everyone may read.
    #[error("{0}, which is not open to everyone, would be gone")]
    Gone(RepositoryName),
    /// Everyone may read a repository.
    #[error("{0} would be open to everyone")]
    Open(RepositoryName),
    /// No password is needed for a repository.
    #[error("{0} would need no password")]
    NoPassword(RepositoryName),
    /// A repository can be read from every address.
    #[error("{0} would be open to every address")]
    EveryAddress(RepositoryName),
}

/// A text that breaks the rule for a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(String);

impl From<String> for InvalidValue {
    fn from(rule: String) -> Self {
        Self(rule)
    }
}

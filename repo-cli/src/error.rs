//! Failures as people see them: what went wrong, what to do about it, and with which status the program ends.

#[cfg(test)]
mod documentation;
mod hints;
pub(crate) use hints::full_disk_hint;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::process::ExitCode;

use apt_sign::Fingerprint;
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{PackageName, Place, SuiteName, Version};
use jiff::{SignedDuration, Timestamp};
use repo_config::edit::EditError;
use repo_config::error::ConfigError;
use repo_config::keys::KeyError;
use repo_store::RepositoryName;
use repo_store::error::{ImportError, PublishError};
use repo_store::model::{HolderName, HookName};
use repo_store::operations::approvals::Approver;
use repo_store::package_reader::PackageError;
use repo_store::storage::StorageError;
use serde::Serialize;

pub(crate) use self::hints::{EXTEND_KEY, NEW_KEY, SET_THE_CLOCK, store_hint};
use crate::cmd::build::failure::BuildFailure;
use crate::cmd::bundle::failure::BundleFailure;
use crate::cmd::import::failure::ImportFailure;
use crate::front::FrontError;
use crate::output::joined;
use crate::package_names::Meant;
use crate::progress::INTERRUPTED;

/// How a verb ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done: status 0.
    Done,
    /// Something was refused, and said so already: status 1.
    Refused,
    /// A monitoring system is told that nothing is known: status 2, as it expects of a plugin.
    Critical,
    /// Something was found, differences by `diff` and `import verify` or what needs a person by `status` and `key check`: status 3.
    Different,
}

impl Outcome {
    /// Whether all was done.
    pub(crate) fn of(complete: bool) -> Self {
        if complete { Self::Done } else { Self::Refused }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::Refused => Self::from(1),
            Outcome::Critical => Self::from(2),
            Outcome::Different => Self::from(3),
        }
    }
}

/// What made a verb fail.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The store or one of its operations.
    #[error(transparent)]
    Store(#[from] repo_store::Error),
    /// A key.
    #[error(transparent)]
    Key(#[from] apt_sign::Error),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What cannot be said to a web server in front.
    #[error(transparent)]
    Front(#[from] FrontError),
    /// What keeps an archive from being imported.
    #[error(transparent)]
    Import(Box<ImportFailure>),
    /// What keeps a bundle from being made, read or applied.
    #[error(transparent)]
    Bundle(Box<BundleFailure>),
    /// What keeps a package from being built.
    #[error(transparent)]
    Build(Box<BuildFailure>),
    /// A change of the configuration.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The keys of the store.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The keys of the store, before a change that was to be published with them and so was not made.
    #[error(transparent)]
    CannotPublish(KeyError),
    /// A name or version given on the command line.
    #[error("`{argument}` is not usable")]
    Argument {
        /// As given.
        argument: String,
        /// The rule it breaks.
        #[source]
        source: deb_parse::Error,
    },
    /// A machine that is to have no profile.
    #[error("no [machine.{machine}] in repo.toml")]
    NoProfile {
        /// The machine.
        machine: repo_store::model::HolderName,
    },
    /// One package is to be pinned to two versions.
    #[error("{package} cannot be pinned to {first} and to {second}: a machine has one version of a package")]
    PinnedTwice {
        /// The package.
        package: PackageName,
        /// The version that was named first.
        first: Version,
        /// And the other.
        second: Version,
    },
    /// No repo.toml was found.
    #[error("no repo.toml in {place}")]
    NoRoot {
        /// Where it was looked for.
        place: String,
    },
    /// A clock that is long after the last entry, before something that cannot be undone.
    #[error("the clock says {now}, more than a year after the last entry of the operation log ({last})")]
    ClockAhead {
        /// What the clock says.
        now: Timestamp,
        /// The time of the last entry.
        last: Timestamp,
    },
    /// A clock that is behind something that was done before, and a new key would be dated by it.
    #[error("the clock says {}, and {event} at {}", crate::clock::seconds(*.now), crate::clock::seconds(*.at))]
    ClockBehind {
        /// What the clock says.
        now: Timestamp,
        /// What was done before.
        event: &'static str,
        /// When.
        at: Timestamp,
    },
    /// None of the keys that sign is known to clients, and one that is known was made later than the clock says.
    #[error("{refusal}")]
    KnownKeyOfTheFuture {
        /// What the store said; it has no further cause.
        refusal: Box<repo_store::Error>,
        /// The key.
        fingerprint: Fingerprint,
        /// When it was made.
        created: Timestamp,
    },
    /// A change that would take away most of what clients read, and nobody was asked.
    #[error("would remove {} ({repository})", .losses.join(", "))]
    Guarded {
        /// The repository.
        repository: RepositoryName,
        /// How much of which suite.
        losses: Vec<String>,
    },
    /// Garbage collection that would delete what clients may be about to fetch, and nobody was asked.
    #[error("would delete {} that the grace of {} keeps, and that clients may still fetch", crate::output::count(*.files, "file"), crate::output::duration(*.grace))]
    RecentFiles {
        /// How many files.
        files: usize,
        /// For how long they are kept as configured.
        grace: SignedDuration,
    },
    /// The name of a package where that of a repository belongs.
    #[error("`{name}` is not a repository but a package")]
    PackageInPlace {
        /// The name.
        name: String,
        /// The repositories that have the package.
        repositories: Vec<RepositoryName>,
    },
    /// A version to pin that a repository, or these suites of it, does not have, and others do.
    #[error("{} {pin}", if .suites.is_empty() { format!("{repository} does not have") } else { format!("{} of {repository} does not have", crate::output::suite_list(.suites)) })]
    InOtherPlace {
        /// The package and version.
        pin: String,
        /// The repository that was asked for.
        repository: RepositoryName,
        /// The suites that were asked for.
        suites: Vec<SuiteName>,
        /// Where the version is.
        places: Vec<String>,
    },
    /// A person said no.
    #[error("stopped: nothing was changed")]
    Stopped,
    /// Names or patterns that match no package.
    #[error("no package matches {} in {repository}", .names.join(", "))]
    NoMatch {
        /// What was asked for.
        names: Vec<String>,
        /// Where it was looked for.
        repository: RepositoryName,
        /// What was probably meant by the first of them.
        meant: Option<Meant>,
    },
    /// A column that is neither ours nor a field of any package.
    #[error("no column named `{name}`")]
    UnknownColumn {
        /// What was asked for.
        name: String,
        /// The columns, and fields that packages may have.
        known: Vec<String>,
    },
    /// A regular expression that cannot be read.
    #[error("invalid regular expression `{pattern}`")]
    Pattern {
        /// As given.
        pattern: String,
        /// What is wrong with it.
        #[source]
        source: regex_lite::Error,
    },
    /// Names or patterns that no removal took out, as far as the history goes.
    #[error("no removal from {repository} took out {}: there is nothing to undo", .names.join(", "))]
    NoRemoval {
        /// The repository.
        repository: RepositoryName,
        /// What was asked for.
        names: Vec<String>,
    },
    /// What a server answered that carries out the verb.
    #[error("{}", .0.message)]
    Remote(Box<Report>),
    /// A server that does not answer as it should.
    #[error("{url}: {what}")]
    Server {
        /// Its address.
        url: String,
        /// What is wrong.
        what: String,
    },
    /// What cannot be done through a server.
    #[error("{what} with --remote")]
    NotRemote {
        /// The verb or the option, and that it is not available.
        what: String,
    },
    /// A change that cannot be undone alone, where only one repository may be changed.
    #[error("the last change of {repository} was made together with that of another repository")]
    MadeTogether {
        /// The repository.
        repository: RepositoryName,
    },
    /// Packages that `--only-names` excludes.
    #[error("would change packages that are not named {}", .patterns.join(" or "))]
    OtherNames {
        /// The patterns that names must fit.
        patterns: Vec<String>,
    },
    /// A file or folder that the configuration names and that cannot be used.
    #[error("{path}: {what}")]
    UnusableFile { path: Utf8PathBuf, what: String },
    /// What clients have besides a suite, and that cannot be read.
    #[error("base of {suite}: {place}: {what}")]
    BaseNotRead {
        /// The suite.
        suite: SuiteName,
        /// The archive, or the path of the file.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// A suite whose clients have nothing besides, by the configuration.
    #[error("no [[base]] in repo.toml is for the suite {suite}")]
    NoBase {
        /// The suite.
        suite: SuiteName,
    },
    /// The name of a setting that there is not.
    #[error("no setting, repository or suite named `{name}`")]
    UnknownSetting {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A file of users in which something is wrong.
    #[error("{what}")]
    UnusableUsers { path: Utf8PathBuf, what: String },
    /// A user that a drop folder names and that the system does not know.
    #[error("{folder}: no user named `{name}`")]
    UnknownUser {
        /// The drop folder.
        folder: Utf8PathBuf,
        /// The name.
        name: String,
    },
    /// `incoming` without a folder, and none is configured.
    #[error("no drop folder is named, and repo.toml has no [[incoming]]")]
    NoDropFolder,
    /// Names or patterns that match nothing that is held.
    #[error("no hold of {repository} matches {}", .names.join(", "))]
    NoHold {
        /// The repository.
        repository: RepositoryName,
        /// What was asked for.
        names: Vec<String>,
        /// The held package that was probably meant by the first of them.
        meant: Option<String>,
    },
    /// Approvals that were to be taken back, and were not given.
    #[error("{approver} has approved no {} in {repository}", joined(.versions))]
    NoApproval {
        /// The repository.
        repository: RepositoryName,
        /// Who takes them back.
        approver: Approver,
        /// What was asked for.
        versions: Vec<String>,
    },
    /// Something the operating system refused.
    #[error("cannot {verb} {path}")]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Arguments that each are right and do not go together: status 2, as any wrong usage.
    #[error("{0}")]
    Usage(&'static str),
    /// The published trees cannot be opened to serve them.
    #[error(transparent)]
    Site(std::io::Error),
    /// A store with repositories whose `repo.toml` is gone.
    #[error("{root} holds a store with repositories but no repo.toml")]
    NoConfiguration {
        /// The directory of the store.
        root: Utf8PathBuf,
    },
    /// The certificate for TLS cannot be used.
    #[error(transparent)]
    Certificate(repo_serve::tls::CertificateError),
    /// The system lets the program watch for no signals.
    #[error("cannot watch for signals: {0}")]
    Signals(std::io::Error),
    /// An address of a web server that cannot be used.
    #[error("{0}")]
    Url(String),
    /// A path whose bytes are no text.
    #[error("{path} is not valid UTF-8")]
    NotUtf8 {
        /// The path, as far as it is text.
        path: String,
    },
    /// A directory to be added in which nothing can be added.
    #[error("no .deb, .dsc or .changes file in {path}")]
    NoPackageFile {
        /// The directory.
        path: Utf8PathBuf,
    },
    /// A repository without any state.
    #[error("{repository} has no history")]
    NoHistory {
        /// The repository.
        repository: RepositoryName,
    },
    /// A file that should hold the certificate of an authority.
    #[error(
        "{path} holds no certificate in PEM, or a key: [serve.tls] `authority` names a certificate alone"
    )]
    NoAuthority {
        /// The file.
        path: Utf8PathBuf,
    },
    /// A repository that is not published flat.
    #[error("{repository} is not published flat: set `flat` in [repositories.{repository}] of repo.toml")]
    NotFlat {
        /// The repository.
        repository: RepositoryName,
    },
    /// A store that another user owns.
    #[error("{path} belongs to another user (uid {owner}): run `fsck --repair` as that user")]
    NotOwner {
        /// The directory of the store.
        path: Utf8PathBuf,
        /// Who owns it.
        owner: u32,
    },
    /// A check found problems, which the result lists.
    #[error("the store has {}", crate::output::count(*.problems, "problem"))]
    Unsound {
        /// How many.
        problems: usize,
        /// What to do about them.
        hint: Option<&'static str>,
    },
    /// A file that should be in a backup and is not.
    #[error("{path} is damaged or missing, and was not saved")]
    NotBackedUp {
        /// The file.
        path: Utf8PathBuf,
        /// What lies in its place, if that is the reason.
        source: Option<repo_store::storage::Obstacle>,
    },
    /// A file that the configuration names and that cannot be saved in a backup.
    #[error("{path}, which `{setting}` names, is not in the backup")]
    NotSaved {
        /// The file.
        path: Utf8PathBuf,
        /// The setting.
        setting: String,
        /// Why it cannot be saved.
        #[source]
        source: std::sync::Arc<repo_store::Error>,
    },
    /// A file of a backup that cannot be restored.
    #[error("{path} is damaged or missing in the backup")]
    NotRestored {
        /// The file, from the root of the backup.
        path: Utf8PathBuf,
    },
    /// A key that is not to be retired yet.
    #[error("key {fingerprint} cannot be retired without --force: {} not met", crate::output::count(*.unmet, "condition"))]
    NotRetirable {
        /// The key.
        fingerprint: apt_sign::Fingerprint,
        /// How many conditions are not met, which were named.
        unmet: usize,
    },
    /// A repository that keys on this system sign.
    #[error("{repository} is not signed offline")]
    NotOffline {
        /// The repository.
        repository: RepositoryName,
    },
    /// A directory without anything that was exported to be signed.
    #[error("{path} is not what sign export wrote")]
    NotAnExport {
        /// The directory or the file.
        path: Utf8PathBuf,
    },
    /// A token that could not be shown to anybody and was revoked.
    #[error("{repository}: the token of {holder} could not be shown, so it was revoked")]
    TokenNotShown {
        /// The repository.
        repository: RepositoryName,
        /// Whose it was.
        holder: HolderName,
    },
    /// A command that signs, whose public key cannot be found out or exists already.
    #[error("{what}")]
    NoCommandSigner {
        /// What is lacking.
        what: &'static str,
    },
    /// A hook that could not be told of an event.
    #[error("hook {hook}")]
    Hook {
        /// The hook.
        hook: HookName,
        /// What went wrong.
        #[source]
        source: repo_hooks::DeliveryError,
    },
    /// The name of a hook that is not configured.
    #[error("no hook named `{name}`")]
    UnknownHook {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Rules of retention by which a suite would lose most of what it holds.
    #[error("{repository}: more than half of {} would go; nothing was removed", crate::output::suite_list(.suites))]
    Drastic {
        /// The repository.
        repository: RepositoryName,
        /// The suites.
        suites: Vec<SuiteName>,
    },
}

/// A failure as it is reported: its text, and what programs decide by.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    /// The code, such as `E-CONFIG`, which stays the same in every later version
    pub(crate) code: Cow<'static, str>,
    /// What went wrong, for people
    pub(crate) message: String,
    /// What to do about it
    pub(crate) hint: Option<String>,
    /// The file that has the error
    pub(crate) file: Option<String>,
    /// The line in the file, from 1
    pub(crate) line: Option<u64>,
    /// The character in the line, from 1; absent where it is not known
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<u64>,
    /// The line with a mark below what is wrong, for people.
    #[serde(skip)]
    pub(crate) excerpt: Option<String>,
}

impl Report {
    /// Reports that a file was refused.
    pub(crate) fn of_refused(file: &Utf8Path, error: &repo_store::Error) -> Self {
        let text = chain(error);
        let (named, line) = store_location(error);
        let message = if named.as_deref() == Some(file.as_str()) { text } else { format!("{file}: {text}") };
        let (code, hint, file) = (error.code().into(), store_hint(error), Some(file.to_string()));
        Self { code, message, hint, file, line, column: None, excerpt: None }
    }

    /// Reports arguments that cannot be used, as `text` says.
    pub(crate) fn of_usage(text: &str) -> Self {
        let (message, rest) = text.split_once("\n\n").unwrap_or((text, ""));
        let (message, hint) = match message.split_once("\nhint: ") {
            Some((message, hint)) => (message, hint.lines().next().unwrap_or(hint)),
            None => (
                message,
                rest.lines()
                    .find_map(|line| line.strip_prefix("hint: "))
                    .unwrap_or("run the command with --help"),
            ),
        };
        let message = message.strip_prefix("error: ").unwrap_or(message);
        Self {
            code: USAGE.into(),
            message: message.split_whitespace().collect::<Vec<_>>().join(" "),
            hint: Some(hint.to_owned()),
            file: None,
            line: None,
            column: None,
            excerpt: None,
        }
    }
}

const USAGE: &str = "E-USAGE";

impl From<BundleFailure> for Failure {
    fn from(failure: BundleFailure) -> Self {
        Self::Bundle(Box::new(failure))
    }
}

impl From<ImportFailure> for Failure {
    fn from(failure: ImportFailure) -> Self {
        Self::Import(Box::new(failure))
    }
}

impl From<BuildFailure> for Failure {
    fn from(failure: BuildFailure) -> Self {
        Self::Build(Box::new(failure))
    }
}

impl Failure {
    pub(crate) fn io(verb: &'static str, path: impl fmt::Display) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_string();
        move |source| {
            let source = repo_store::storage::Obstacle::explain(Utf8Path::new(&path), source);
            Self::Io { verb, path, source }
        }
    }

    /// Status 1, or 2 for wrong usage; most of that is found before any verb runs.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            failure if failure.is_cancellation() => INTERRUPTED,
            _ => 1,
        })
    }

    /// Returns whether a person ended the command with Ctrl-C.
    pub(crate) fn is_cancellation(&self) -> bool {
        let key = match self {
            Self::Store(repo_store::Error::Cancelled(_)) => return true,
            Self::Store(repo_store::Error::Publish(PublishError::Sign { source, .. }))
            | Self::Key(source)
            | Self::Keys(KeyError::Key(source))
            | Self::CannotPublish(KeyError::Key(source)) => source,
            _ => return false,
        };
        // Instead of a passphrase.
        matches!(key, apt_sign::Error::Passphrase { source, .. } if source.kind() == std::io::ErrorKind::Interrupted)
    }

    /// Returns what is reported of it.
    pub(crate) fn report(&self) -> Report {
        if let Self::Remote(report) = self {
            return (**report).clone();
        }
        let (file, line) = self.location();
        let place = self.config_error().and_then(ConfigError::place);
        let (mut column, mut excerpt) = (
            place.and_then(|place| place.column),
            place.and_then(|place| place.excerpt.as_ref()).map(ToString::to_string),
        );
        if let Self::Build(failure) = self {
            column = failure.location().1.map(|position| position.column);
            excerpt = failure.excerpt().map(str::to_owned);
        }
        Report {
            code: self.code().into(),
            message: chain(self),
            hint: self.hint(),
            file,
            line,
            column: column.map(|column| column.try_into().unwrap_or(u64::MAX)),
            excerpt,
        }
    }

    /// Returns the code by which programs know this kind of failure. It never changes.
    fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::Config(error) => error.code(),
            Self::Import(error) => error.code(),
            Self::Bundle(error) => error.code(),
            Self::Build(error) => error.code(),
            Self::Edit(error) => error.code(),
            Self::Keys(error) | Self::CannotPublish(error) => error.code(),
            Self::Argument { .. } | Self::PinnedTwice { .. } => "E-ARGUMENT",
            Self::NoRoot { .. } => "E-NO-ROOT",
            Self::ClockAhead { .. } | Self::ClockBehind { .. } => "E-CLOCK",
            Self::KnownKeyOfTheFuture { refusal, .. } => refusal.code(),
            Self::Guarded { .. } | Self::RecentFiles { .. } => "E-GUARDED",
            Self::Stopped => "E-STOPPED",
            Self::NoMatch { .. } | Self::InOtherPlace { .. } => "E-NO-MATCH",
            Self::PackageInPlace { .. } => "E-UNKNOWN-REPOSITORY",
            Self::UnknownColumn { .. } => "E-UNKNOWN-COLUMN",
            Self::Pattern { .. } => "E-PATTERN",
            Self::NoRemoval { .. } => "E-NO-REMOVAL",
            Self::NoHold { .. } => "E-NO-HOLD",
            Self::NoApproval { .. } => "E-NO-APPROVAL",
            Self::Remote(_) | Self::Server { .. } => "E-SERVER",
            Self::NotRemote { .. } => "E-NOT-REMOTE",
            Self::MadeTogether { .. } => "E-MADE-TOGETHER",
            Self::OtherNames { .. } => "E-NAME-NOT-ALLOWED",
            Self::NoDropFolder => "E-NO-DROP-FOLDER",
            Self::UnknownUser { .. } => "E-UNKNOWN-USER",
            Self::BaseNotRead { .. } => "E-BASE-NOT-READ",
            Self::NoBase { .. } => "E-NO-BASE",
            Self::UnusableFile { .. } | Self::UnusableUsers { .. } => "E-UNUSABLE-FILE",
            Self::UnknownSetting { .. } => "E-UNKNOWN-SETTING",
            Self::Io { .. } => "E-IO",
            Self::Usage(_) => USAGE,
            Self::Site(_) => "E-SITE",
            Self::Front(_) => "E-FRONT",
            Self::Certificate(_) | Self::NoAuthority { .. } => "E-CERTIFICATE",
            Self::NoConfiguration { .. } => "E-NO-CONFIGURATION",
            Self::Signals(_) => "E-SIGNALS",
            Self::Url(_) => "E-URL",
            Self::NotUtf8 { .. } => "E-NOT-UTF-8",
            Self::NoPackageFile { .. } => "E-NO-PACKAGE-FILE",
            Self::NoHistory { .. } => "E-NO-HISTORY",
            Self::NoProfile { .. } => "E-UNKNOWN-PROFILE",
            Self::NotFlat { .. } => "E-NOT-FLAT",
            Self::NotOwner { .. } => "E-NOT-OWNER",
            Self::Unsound { .. } => "E-UNSOUND",
            Self::NotBackedUp { .. } => "E-NOT-BACKED-UP",
            Self::NotSaved { .. } => "E-NOT-SAVED",
            Self::NotRestored { .. } => "E-NOT-RESTORED",
            Self::NotRetirable { .. } => "E-RETIRE",
            Self::Drastic { .. } => "E-DRASTIC",
            Self::NotOffline { .. } => "E-NOT-OFFLINE",
            Self::NotAnExport { .. } => "E-NOT-AN-EXPORT",
            Self::Hook { source, .. } => source.code(),
            Self::UnknownHook { .. } => "E-UNKNOWN-HOOK",
            Self::TokenNotShown { .. } => "E-NOT-SHOWN",
            Self::NoCommandSigner { .. } => "E-NO-COMMAND-SIGNER",
        }
    }

    /// Returns what is wrong with the configuration, if that is the failure.
    fn config_error(&self) -> Option<&ConfigError> {
        match self {
            Self::Config(error) | Self::Edit(EditError::Config(error) | EditError::Refused(error)) => {
                Some(error)
            }
            _ => None,
        }
    }

    /// Returns the file that is concerned, and the line in it.
    fn location(&self) -> (Option<String>, Option<u64>) {
        let number = |line: usize| u64::try_from(line).unwrap_or(u64::MAX);
        if let Some(error) = self.config_error() {
            return (error.path().map(ToString::to_string), error.line().map(number));
        }
        match self {
            Self::Store(error) => store_location(error),
            Self::Build(failure) => {
                let (file, position) = failure.location();
                (file, position.map(|position| number(position.line)))
            }
            Self::Edit(EditError::Form { path } | EditError::Changed { path }) => {
                (Some(path.to_string()), None)
            }
            Self::Keys(error) | Self::CannotPublish(error) => (error.path().map(ToString::to_string), None),
            Self::NoPackageFile { path }
            | Self::UnusableFile { path, .. }
            | Self::UnusableUsers { path, .. }
            | Self::NotAnExport { path }
            | Self::NotOwner { path, .. }
            | Self::NotBackedUp { path, .. }
            | Self::NotSaved { path, .. }
            | Self::NotRestored { path } => (Some(path.to_string()), None),
            Self::Io { path, .. } => (Some(path.clone()), None),
            _ => (None, None),
        }
    }
}

/// Returns the file that an error of the store is about, and the line in it.
fn store_location(error: &repo_store::Error) -> (Option<String>, Option<u64>) {
    use repo_store::Error;
    let file = match error {
        Error::Storage(
            StorageError::Io { path, .. }
            | StorageError::NoStore { path }
            | StorageError::StoreExists { path }
            | StorageError::NotEmpty { path }
            | StorageError::NotAFile { file: path, .. },
        ) => path,
        Error::Import(
            ImportError::Package { file, .. }
            | ImportError::Unreadable { file, .. }
            | ImportError::Incomplete { file, .. }
            | ImportError::ChecksumMismatch { file, .. }
            | ImportError::InconsistentUpload { file, .. }
            | ImportError::NotSigned { file, .. }
            | ImportError::NotUnpackable { file, .. }
            | ImportError::NameNotAllowed { file, .. }
            | ImportError::Stanza { file, .. },
        ) => file,
        _ => return (None, None),
    };
    let line = match error {
        Error::Import(ImportError::Package { source: PackageError::Invalid(source), .. }) => line_of(source),
        Error::Import(ImportError::NotSigned { source: apt_sign::Error::Framing { line, .. }, .. }) => {
            u64::try_from(*line).ok()
        }
        _ => None,
    };
    (Some(file.to_string()), line)
}

/// Returns the line of a text file that breaks a rule. A line of a file within an archive is none of these.
fn line_of(error: &deb_parse::Error) -> Option<u64> {
    match error {
        deb_parse::Error::Syntax { line, .. } => Some(*line),
        deb_parse::Error::Missing { place: Place::Line { line, .. }, .. }
        | deb_parse::Error::Field { place: Place::Line { line, .. }, .. } => Some(*line),
        _ => None,
    }
}

/// An error and what caused it, in one line.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

//! Failures as people see them: what went wrong, what to do about it, and with which status the program ends.

mod key_hints;

use std::error::Error as StdError;
use std::fmt;
use std::process::ExitCode;

use apt_sign::Fingerprint;
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{PackageName, Place, SuiteName, Version};
use jiff::{SignedDuration, Timestamp};
use repo_config::{ConfigError, KeyError, UnknownWord};
use repo_store::progress::Phase;
use repo_store::{
    Cancelled, ChangeError, ImportError, MaintenanceError, PublishError, RepositoryName, SettingsError,
    StorageError,
};
use serde::Serialize;

use self::key_hints::{EXPORT, EXPORT_AGAIN, UNLOCK, key_hint};
pub(crate) use self::key_hints::{EXTEND_KEY, NEW_KEY, SET_THE_CLOCK};
use crate::nearest;
use crate::progress::INTERRUPTED;

/// How a verb ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done: status 0.
    Done,
    /// Something was refused, and said so already: status 1.
    Refused,
    /// Something was found, differences by `diff` or what needs a person by `key check`: status 3.
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
    #[error("{} {pin}", if .suites.is_empty() { format!("{repository} does not have") } else { format!("{} of {repository} does not have", crate::output::joined(.suites)) })]
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
        /// The package that was probably meant by the first of them.
        meant: Option<String>,
    },
    /// Names or patterns that no removal took out, as far as the history goes.
    #[error("no removal from {repository} took out {}: there is nothing to undo", .names.join(", "))]
    NoRemoval {
        /// The repository.
        repository: RepositoryName,
        /// What was asked for.
        names: Vec<String>,
    },
    /// Names or patterns that match nothing that is held.
    #[error("no hold of {repository} matches {}", .names.join(", "))]
    NoHold {
        /// The repository.
        repository: RepositoryName,
        /// What was asked for.
        names: Vec<String>,
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
    #[error("nothing was ever done to {repository}")]
    NoHistory {
        /// The repository.
        repository: RepositoryName,
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
    #[error("{path} is damaged or missing, and is not in the backup")]
    NotBackedUp {
        /// The file.
        path: Utf8PathBuf,
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
    /// A command that signs, for which a public key cannot be told, or is there already.
    #[error("{what}")]
    NoCommandSigner {
        /// What is lacking.
        what: &'static str,
    },
    /// Rules of retention by which a suite would lose most of what it holds.
    #[error("{repository}: more than half of {} would go; nothing was removed", crate::output::joined(.suites))]
    Drastic {
        /// The repository.
        repository: RepositoryName,
        /// The suites.
        suites: Vec<SuiteName>,
    },
}

/// A failure as it is reported: its text, and what programs decide by.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// Stays the same in every later version.
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// The file that is concerned, where there is one.
    pub(crate) file: Option<String>,
    /// The line in it, from 1.
    pub(crate) line: Option<u64>,
}

impl Report {
    /// Reports that a file was refused.
    pub(crate) fn of_refused(file: &Utf8Path, error: &repo_store::Error) -> Self {
        let text = chain(error);
        let (named, line) = store_location(error);
        let message = if named.as_deref() == Some(file.as_str()) { text } else { format!("{file}: {text}") };
        Self { code: error.code(), message, hint: store_hint(error), file: Some(file.to_string()), line }
    }

    /// Reports arguments that cannot be used, as `text` says.
    pub(crate) fn of_usage(text: &str) -> Self {
        let (message, rest) = text.split_once("\n\n").unwrap_or((text, ""));
        let message = message.strip_prefix("error: ").unwrap_or(message);
        let tip = rest.lines().find_map(|line| line.trim_start().strip_prefix("tip: "));
        let hint = tip.unwrap_or("run the command with --help");
        Self {
            code: USAGE,
            message: message.split_whitespace().collect::<Vec<_>>().join(" "),
            hint: Some(hint.to_owned()),
            file: None,
            line: None,
        }
    }
}

const USAGE: &str = "E-USAGE";

impl Failure {
    pub(crate) fn io(verb: &'static str, path: impl fmt::Display) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_string();
        move |source| Self::Io { verb, path, source }
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
        let (file, line) = self.location();
        Report { code: self.code(), message: chain(self), hint: self.hint(), file, line }
    }

    /// Returns the code by which programs know this kind of failure. It never changes.
    fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::Config(error) => error.code(),
            Self::Keys(error) | Self::CannotPublish(error) => error.code(),
            Self::Argument { .. } | Self::PinnedTwice { .. } => "E-ARGUMENT",
            Self::NoRoot { .. } => "E-NO-ROOT",
            Self::ClockAhead { .. } | Self::ClockBehind { .. } => "E-CLOCK",
            Self::KnownKeyOfTheFuture { refusal, .. } => refusal.code(),
            Self::Guarded { .. } | Self::RecentFiles { .. } => "E-GUARDED",
            Self::Stopped => "E-STOPPED",
            Self::NoMatch { .. } | Self::InOtherPlace { .. } => "E-NO-MATCH",
            Self::PackageInPlace { .. } => "E-UNKNOWN-REPOSITORY",
            Self::NoRemoval { .. } => "E-NO-REMOVAL",
            Self::NoHold { .. } => "E-NO-HOLD",
            Self::Io { .. } => "E-IO",
            Self::Usage(_) => USAGE,
            Self::Site(_) => "E-SITE",
            Self::Signals(_) => "E-SIGNALS",
            Self::Url(_) => "E-URL",
            Self::NotUtf8 { .. } => "E-NOT-UTF-8",
            Self::NoPackageFile { .. } => "E-NO-PACKAGE-FILE",
            Self::NoHistory { .. } => "E-NO-HISTORY",
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
            Self::NoCommandSigner { .. } => "E-NO-COMMAND-SIGNER",
        }
    }

    /// Returns the file that is concerned, and the line in it.
    fn location(&self) -> (Option<String>, Option<u64>) {
        let number = |line: usize| u64::try_from(line).unwrap_or(u64::MAX);
        match self {
            Self::Store(error) => store_location(error),
            Self::Config(error) => (error.path().map(ToString::to_string), error.line().map(number)),
            Self::Keys(error) | Self::CannotPublish(error) => (error.path().map(ToString::to_string), None),
            Self::NoPackageFile { path }
            | Self::NotAnExport { path }
            | Self::NotOwner { path, .. }
            | Self::NotBackedUp { path }
            | Self::NotSaved { path, .. }
            | Self::NotRestored { path } => (Some(path.to_string()), None),
            Self::Io { path, .. } => (Some(path.clone()), None),
            _ => (None, None),
        }
    }

    /// What to do about it, where that is known.
    fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => store_hint(error),
            Self::NoRoot { .. } => {
                Some("make one with `repo-cli init`, or name its directory with --root".to_owned())
            }
            Self::Config(error) => config_hint(error),
            Self::CannotPublish(KeyError::ClockBeforeKey { .. }) => Some(
                "set the clock; or give --no-publish as well, and then `repo-cli publish --accept clock`"
                    .to_owned(),
            ),
            Self::Keys(error) | Self::CannotPublish(error) => key_hint(error),
            Self::Guarded { .. } | Self::RecentFiles { .. } => Some("give --yes if that is meant".to_owned()),
            Self::ClockAhead { .. } => Some(
                "set the clock; if it is right, give --accept clock: what is removed cannot be brought back"
                    .to_owned(),
            ),
            Self::ClockBehind { .. } => {
                Some("set the clock; if it is right, give --accept clock: the key is dated by it".to_owned())
            }
            Self::KnownKeyOfTheFuture { fingerprint, created, .. } => Some(format!(
                "set the clock: key {} is known to clients, and was made only at {}",
                fingerprint.short(),
                crate::clock::seconds(*created)
            )),
            Self::Unsound { hint, .. } => hint.map(str::to_owned),
            Self::NotOffline { repository } => Some(format!("run repo-cli publish {repository}")),
            Self::NotBackedUp { .. } => Some("`repo-cli fsck` says what that affects".to_owned()),
            Self::Drastic { .. } => {
                Some("look at the rules and at the clock; --yes does it all the same".to_owned())
            }
            Self::NotRetirable { fingerprint, .. } => Some(format!(
                "wait until all is met, check your machines, then run repo-cli key retire {fingerprint} --force"
            )),
            Self::NoHold { repository, .. } => {
                Some(format!("`repo-cli holds {repository}` shows what is held"))
            }
            Self::NoRemoval { repository, .. } => {
                Some(format!("`repo-cli history {repository}` shows what was removed"))
            }
            Self::NoMatch { names, repository, meant: Some(meant) } => {
                let is_there = names.iter().any(|name| name.split('=').next() == Some(meant));
                Some(match is_there {
                    true => format!("run repo-cli versions {meant} --repository {repository}"),
                    false => format!("did you mean `{meant}`? (run repo-cli list {repository})"),
                })
            }
            Self::PackageInPlace { name, repositories } => {
                let shows =
                    repositories.iter().map(|repository| format!("repo-cli show {repository} {name}"));
                Some(format!("run repo-cli versions {name}, or {}", shows.collect::<Vec<_>>().join(" or ")))
            }
            Self::InOtherPlace { places, .. } => {
                Some(format!("it is in {}; pin it for machines that read that", places.join(", ")))
            }
            Self::NoMatch { repository, .. } => Some(format!("run repo-cli list {repository}")),
            _ => None,
        }
    }
}

/// What to do about the configuration.
fn config_hint(error: &ConfigError) -> Option<String> {
    match error {
        ConfigError::UnknownRepository { known, .. } if known.is_empty() => {
            Some("repo.toml has none: add a line `[repositories.NAME]`".to_owned())
        }
        ConfigError::UnknownRepository { name, known }
            if name
                .split_once('/')
                .is_some_and(|(name, _)| known.iter().any(|known| known.as_str() == name)) =>
        {
            let (name, suite) = name.split_once('/')?;
            Some(format!("a suite is named by an option here: {name} --suite {suite}"))
        }
        ConfigError::UnknownRepository { name, known } => {
            let known: Vec<String> = known.iter().map(ToString::to_string).collect();
            Some(nearest::hint(name, &known, "repositories"))
        }
        ConfigError::Settings { source: SettingsError::NoSuites { .. }, .. } => {
            Some("list them in `suites`, or in the file that `suites_file` names".to_owned())
        }
        ConfigError::Settings { source: SettingsError::NoArchitectures { .. }, .. } => {
            Some("list them in `architectures`, or in the file that `architectures_file` names".to_owned())
        }
        ConfigError::Loosened { .. } => Some("restart serve if that is meant".to_owned()),
        error => {
            let UnknownWord { word, known } = error.unknown_word()?;
            let meant = nearest::nearest(&word, known.iter().map(String::as_str))?;
            Some(format!("did you mean `{meant}`?"))
        }
    }
}

/// Returns the setting in the table `[limits]` for what a package has too much of, if there is one.
fn limit_setting(error: &deb_parse::Error) -> Option<&'static str> {
    use deb_parse::LimitKind;
    match error {
        deb_parse::Error::Limit { what, .. } => match what {
            LimitKind::ControlUnpacked => Some("control_unpacked"),
            LimitKind::DataUnpacked | LimitKind::TarballUnpacked => Some("data_unpacked"),
            LimitKind::DataEntries => Some("data_entries"),
            _ => None,
        },
        deb_parse::Error::Within { error, .. } => limit_setting(error),
        _ => None,
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
            | ImportError::Stanza { file, .. },
        ) => file,
        _ => return (None, None),
    };
    let line = match error {
        Error::Import(ImportError::Package { source, .. }) => line_of(source),
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

/// What to do about an error of the store: advice stands here and not in the library.
pub(crate) fn store_hint(error: &repo_store::Error) -> Option<String> {
    use repo_store::{Error, PathFault};
    if let Error::Import(ImportError::Package { source, .. }) = error
        && let Some(setting) = limit_setting(source)
    {
        return Some(format!("raise `{setting}` in the table [limits] of repo.toml if the package is sound"));
    }
    match error {
        Error::Storage(StorageError::UnsafePath { path, fault: PathFault::NotADirectory, .. }) => {
            return Some(format!("move {path} away: a directory belongs there"));
        }
        Error::Storage(StorageError::UnsafePath { path, fault: PathFault::NotAFile, .. }) => {
            return Some(format!("move {path} away: a file belongs there"));
        }
        Error::UnknownSuite { suite, known, .. } if !known.is_empty() => {
            let known: Vec<String> = known.iter().map(ToString::to_string).collect();
            return Some(nearest::hint(suite.as_str(), &known, "suites"));
        }
        Error::UnknownRevision { repository, .. } => {
            return Some(format!(
                "run repo-cli history {repository}; a state is a number, `@-1`, eight digits of an id, a tag (`tag:NAME`) or a time: \
                 `2026-11-26`, `2026-11-26 20:16`, `2026-11-26T20:16:00Z`, `yesterday`, `2 hours ago`"
            ));
        }
        Error::BeforeHistory { repository, .. } => return Some(format!("run repo-cli history {repository}")),
        Error::TagExists { repository, tag } => {
            return Some(format!(
                "choose another name, or first run repo-cli tag {repository} {tag} --delete"
            ));
        }
        Error::UnknownTag { repository, .. } => return Some(format!("run repo-cli tag {repository}")),
        Error::Change(ChangeError::Present { key, repository, .. }) => {
            return Some(format!(
                "run repo-cli remove {repository} {}={}: it also holds what it removes",
                key.package, key.version
            ));
        }
        _ => {}
    }
    let hint = match error {
        Error::Change(ChangeError::Conflict { .. }) => {
            "a package that changes needs a new version: clients cannot tell two files of one version apart"
        }
        Error::Import(ImportError::NotUnpackable { .. }) => {
            "build the package with an entry for each of its directories, as dpkg-deb does"
        }
        Error::Cancelled(Cancelled { during }) => after_cancellation(*during),
        Error::Change(ChangeError::Held { .. }) => "to take it all the same, give --despite-hold",
        Error::Change(ChangeError::ReservedName { .. }) => {
            "give the package another name; the keyring package is made by `repo-cli key publish`"
        }
        Error::Change(ChangeError::KeyringVersion { .. }) => {
            "remove that package with repo-cli remove, then give the command again"
        }
        Error::Change(ChangeError::PathConflict { .. }) => {
            "versions of a source package share their upstream tarballs: a tarball that changes needs a new upstream version"
        }
        Error::Import(ImportError::Incomplete { .. }) => {
            "put it there; only a file that the repository has already may be left out"
        }
        Error::Import(ImportError::NotSigned { .. }) => {
            "whose uploads are taken says the keyring that `uploaders` in repo.toml names"
        }
        Error::Change(ChangeError::OtherComponent { .. }) => {
            "to move it, remove it with `repo-cli remove` and add it again: the file it was added from will do"
        }
        Error::Storage(StorageError::UnsafePath { fault: PathFault::OtherOwner, .. }) => {
            "remove the directory, or give it to the owner of the folder it lies in"
        }
        Error::Storage(StorageError::UnsafePath { fault: PathFault::InTheWay, .. }) => {
            "remove it as its owner or as root, then run repo-cli publish"
        }
        Error::Storage(StorageError::UnsafePath { .. }) => {
            "nothing below public/ or in a drop folder is reached through a link: remove it, or put the directory back"
        }
        Error::Import(ImportError::NoSuite { .. }) => {
            "list suites in repo.toml, in `suites` or the file that `suites_file` names"
        }
        Error::Import(ImportError::UnknownRelease { .. }) => {
            "choose suites with --suite, or set unknown_release = \"everywhere\" in repo.toml"
        }
        Error::Import(ImportError::NoRoutedSuite { .. }) => {
            "add one to the rule in repo.toml, or choose one with --suite"
        }
        Error::Change(ChangeError::UnlistedArchitecture { .. }) => "add it to `architectures` in repo.toml",
        Error::Change(ChangeError::UnlistedComponent { .. }) => {
            "add it to `components` in repo.toml, or choose one with --component"
        }
        Error::Publish(PublishError::ReleaseInfoChange { .. }) => {
            "take it back in repo.toml; or `repo-cli publish --allow-release-info-change`, and on every client \
             `apt-get update --allow-releaseinfo-change`"
        }
        Error::Publish(PublishError::KeyChange { .. }) => {
            "restore keys/ from the backup; or give clients the new key (`repo-cli client-config`), then \
             `repo-cli publish --allow-key-change`"
        }
        Error::Publish(PublishError::Sign { source: apt_sign::Error::Locked { .. }, .. }) => UNLOCK,
        Error::Publish(PublishError::Sign { source: apt_sign::Error::Offline { .. }, .. }) => EXPORT,
        Error::Publish(PublishError::Stale { .. }) => EXPORT_AGAIN,
        Error::Publish(PublishError::Sign { source: apt_sign::Error::NotAttached, .. }) => EXPORT_AGAIN,
        Error::Publish(PublishError::Sign { source: apt_sign::Error::Program { .. }, .. }) => {
            "clients see what they saw before; when the program works again, run repo-cli publish"
        }
        Error::Publish(PublishError::Removal { .. }) => {
            "take it back in repo.toml; or `repo-cli publish --allow-removal`"
        }
        Error::UnknownSuite { .. } => "the suites are listed in repo.toml",
        Error::Storage(StorageError::NewerFormat { .. }) => {
            "use the version of repo-cli that wrote the store, or a newer one"
        }
        Error::Storage(StorageError::OlderFormat { .. }) => "run repo-cli store upgrade",
        Error::Maintenance(MaintenanceError::BackupInStore { .. }) => {
            "choose a directory outside the store, better on another disk"
        }
        Error::Maintenance(MaintenanceError::OtherBackup { .. }) => "give each store a directory of its own",
        Error::Storage(StorageError::OtherFileSystem { .. }) => {
            "move one of the two, or mount the directory that holds both as one file system"
        }
        Error::Storage(StorageError::NotEmpty { .. }) => "choose a new or an empty directory",
        Error::Storage(StorageError::InUse { .. }) => "try again when the other command has finished",
        Error::Maintenance(MaintenanceError::NoWayBack { .. }) => "restore a backup made before the upgrade",
        Error::Storage(StorageError::Damaged { .. } | StorageError::Missing { .. }) => {
            "restore the file from a backup of store/"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Returns in which state things are after Ctrl-C.
fn after_cancellation(during: Phase) -> &'static str {
    match during {
        Phase::Reading | Phase::Changing => {
            "the repository is as it was; give the same command again to change it"
        }
        Phase::Linking | Phase::Unpacking | Phase::Rendering => {
            "clients see what they saw before; run repo-cli publish to go on"
        }
        Phase::Checking | Phase::Comparing => "the check is not complete; give the same command again",
        Phase::Marking | Phase::Removing => {
            "only files that nothing refers to were removed; give the same command again to go on"
        }
        _ => "the copy is not complete; give the same command again to go on",
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

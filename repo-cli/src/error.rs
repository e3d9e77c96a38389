//! Failures as people see them: what went wrong, what to do about it, and with which status the program ends.

use std::error::Error as StdError;
use std::fmt;
use std::process::ExitCode;

use camino::Utf8PathBuf;

/// How a verb ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done: status 0.
    Done,
    /// Something was refused, and said so already: status 1.
    Refused,
    /// `diff` found differences: status 3.
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
    /// A file among the keys that is none.
    #[error("{path}")]
    BadKey {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        #[source]
        source: apt_sign::Error,
    },
    /// A name or version given on the command line.
    #[error("`{argument}` is not usable")]
    Argument {
        /// As given.
        argument: String,
        /// The rule it breaks.
        #[source]
        source: deb_parse::Error,
    },
    /// repo.toml or a file it names.
    #[error("{path}: {what}")]
    Config {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong in it.
        what: String,
    },
    /// No repo.toml was found.
    #[error("there is no repo.toml in {place}")]
    NoRoot {
        /// Where it was looked for.
        place: String,
    },
    /// A repository that is not configured.
    #[error("there is no repository `{name}`")]
    UnknownRepository {
        /// The name given, escaped.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// There is nothing to sign with.
    #[error("there is no signing key in {path}")]
    NoKey {
        /// The directory looked in.
        path: Utf8PathBuf,
    },
    /// Names or patterns that match no package.
    #[error("no package matches {}", .0.join(", "))]
    NoMatch(Vec<String>),
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
    /// The file of users of a repository.
    #[error(transparent)]
    Users(#[from] crate::serve::UsersError),
    /// Arguments that each are right and do not go together: status 2, as any wrong usage.
    #[error("{0}")]
    Usage(&'static str),
    /// Anything to be said in one sentence.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    pub(crate) fn io(verb: &'static str, path: impl fmt::Display) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_string();
        move |source| Self::Io { verb, path, source }
    }

    /// Status 1, or 2 for wrong usage; most of that is found before any verb runs.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(if matches!(self, Self::Usage(_)) { 2 } else { 1 })
    }

    /// What to do about it, where that is known.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => store_hint(error),
            Self::NoRoot { .. } => {
                Some("make one with `repo-cli init`, or name its directory with --root".to_owned())
            }
            Self::UnknownRepository { known, .. } if known.is_empty() => {
                Some("repo.toml has none: add a line `[repositories.NAME]`".to_owned())
            }
            Self::UnknownRepository { known, .. } => Some(format!("there are: {}", known.join(", "))),
            Self::NoKey { .. } => Some("make one with `repo-cli key generate`".to_owned()),
            Self::Key(apt_sign::Error::KeyFile { .. }) => Some(
                "keys are files of mode 0600 in a directory of mode 0700, owned by the one who signs"
                    .to_owned(),
            ),
            Self::NoMatch(_) => Some("`repo-cli list REPOSITORY` shows what there is".to_owned()),
            _ => None,
        }
    }
}

/// Whether a package was over a limit.
fn is_limit(error: &deb_parse::Error) -> bool {
    match error {
        deb_parse::Error::Limit { .. } => true,
        deb_parse::Error::Within { error, .. } => is_limit(error),
        _ => false,
    }
}

/// What to do about an error of the store: advice stands here and not in the library.
pub(crate) fn store_hint(error: &repo_store::Error) -> Option<String> {
    use repo_store::Error;
    let hint = match error {
        Error::Conflict { .. } => {
            "a package that changes needs a new version: clients cannot tell two files of one version apart"
        }
        Error::Package { source, .. } if is_limit(source) => {
            "raise the limit in the table [limits] of repo.toml if the package is sound"
        }
        Error::NotUnpackable { .. } => {
            "build the package with an entry for each of its directories, as dpkg-deb does"
        }
        Error::Held { .. } => "to take it all the same: repo-cli incoming --despite-hold",
        Error::PathConflict { .. } => {
            "versions of a source package share their upstream tarballs: a tarball that changes needs a new upstream version"
        }
        Error::Incomplete { .. } => {
            "put it there; only a file that the repository has already may be left out"
        }
        Error::NotSigned { .. } => {
            "whose uploads are taken says the keyring that `uploaders` in repo.toml names"
        }
        Error::OtherComponent { .. } => {
            "to move it, remove it with `repo-cli remove` and add it again: the file it was added from will do"
        }
        Error::NoSuite { .. } => "list suites in repo.toml, in `suites` or the file that `suites_file` names",
        Error::NoRoutedSuite { .. } => "add one to the rule in repo.toml, or choose one with --suite",
        Error::UnlistedArchitecture { .. } => "add it to `architectures` in repo.toml",
        Error::UnlistedComponent { .. } => {
            "add it to `components` in repo.toml, or choose one with --component"
        }
        Error::ReleaseInfoChange { .. } => {
            "take it back in repo.toml; or `repo-cli publish --allow-release-info-change`, and on every client \
             `apt-get update --allow-releaseinfo-change`"
        }
        Error::Removal { .. } => "take it back in repo.toml; or `repo-cli publish --allow-removal`",
        Error::UnknownSuite { .. } => "the suites are listed in repo.toml",
        Error::UnknownRevision { .. } => {
            "`repo-cli history REPOSITORY` shows them; a number, eight digits of an id, or a time will do"
        }
        Error::TagExists { .. } => "delete it first with --delete, or choose another name",
        Error::UnknownTag { .. } => "`repo-cli tag REPOSITORY` lists them",
        Error::NewerFormat { .. } => "use the version of repo-cli that wrote the store, or a newer one",
        Error::OlderFormat { .. } => "run repo-cli store upgrade",
        Error::InUse { .. } => "try again when the other command has finished",
        Error::NoWayBack { .. } => "restore a backup made before the upgrade",
        Error::Damaged { .. } | Error::Missing { .. } => "restore the file from a backup of store/",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// An error and what caused it, in one line.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        // A transparent error shows its source's words as its own.
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}

//! What can be wrong with the keys of a store.

use std::io;

use apt_sign::{Fingerprint, KeyProblem};
use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

/// Why the keys of a store cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A key, or the file that it is in.
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
    /// There is nothing to sign with.
    #[error("no signing key in {path}")]
    NoKey {
        /// The directory of keys.
        path: Utf8PathBuf,
        /// Whether clients see something that was signed.
        is_published: bool,
    },
    /// No key can sign at this time.
    #[error("key {fingerprint} ({path}) cannot sign: {problem}")]
    Unusable {
        /// The file of the oldest.
        path: Utf8PathBuf,
        /// The oldest key.
        fingerprint: Fingerprint,
        /// Why it cannot.
        problem: KeyProblem,
    },
    /// No key of that fingerprint signs.
    #[error("no signing key {fingerprint}")]
    UnknownKey {
        /// The fingerprint.
        fingerprint: Fingerprint,
    },
    /// A key that is to be set aside, and no other can sign.
    #[error("key {fingerprint} is the only key that can sign")]
    LastKey {
        /// The key.
        fingerprint: Fingerprint,
    },
    /// A key whose secret part is not in the directory of keys, and so cannot be changed or set aside here.
    #[error("the secret part of key {fingerprint} is not in keys/")]
    Elsewhere {
        /// The key.
        fingerprint: Fingerprint,
    },
    /// Every key ends before the signatures that it would make.
    #[error("every signing key expires before {}, until which the signatures must hold", seconds(*.until))]
    EndsTooSoon {
        /// Until when signatures must hold.
        until: Timestamp,
    },
    /// Every key was made later than now.
    #[error("the clock says {}, and the oldest signing key was made at {}", seconds(*.now), seconds(*.created))]
    ClockBeforeKey {
        /// The time at which a signature was asked for.
        now: Timestamp,
        /// When the oldest key was made.
        created: Timestamp,
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
}

impl KeyError {
    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Key(error) => error.code(),
            Self::BadKey { .. } => "E-BAD-KEY",
            Self::NoKey { .. } => "E-NO-KEY",
            Self::Unusable { .. } => "E-KEY-UNUSABLE",
            Self::UnknownKey { .. } => "E-UNKNOWN-KEY",
            Self::LastKey { .. } => "E-LAST-KEY",
            Self::Elsewhere { .. } => "E-KEY-ELSEWHERE",
            Self::EndsTooSoon { .. } => "E-KEY-ENDS",
            Self::ClockBeforeKey { .. } => "E-CLOCK",
            Self::Io { .. } => "E-IO",
        }
    }

    /// Returns the file or directory that is concerned.
    #[must_use]
    pub fn path(&self) -> Option<&Utf8Path> {
        match self {
            Self::Key(apt_sign::Error::Io { path, .. } | apt_sign::Error::KeyFile { path, .. }) => {
                Utf8Path::from_path(path)
            }
            Self::BadKey { path, .. }
            | Self::NoKey { path, .. }
            | Self::Unusable { path, .. }
            | Self::Io { path, .. } => Some(path),
            Self::Key(_)
            | Self::UnknownKey { .. }
            | Self::LastKey { .. }
            | Self::Elsewhere { .. }
            | Self::EndsTooSoon { .. }
            | Self::ClockBeforeKey { .. } => None,
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

fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// What is worth a word about keys that can be used all the same.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyWarning {
    /// Two files with the same key.
    #[error("{first} and {second} hold the same key: one of them is enough")]
    Doubled {
        /// The file that comes first.
        first: Utf8PathBuf,
        /// The other one.
        second: Utf8PathBuf,
    },
    /// A file that is left out.
    #[error("{}: it is left out", chain(.0))]
    LeftOut(KeyError),
    /// A key that does not sign.
    #[error("key {} does not sign: {problem}", .fingerprint.short())]
    DoesNotSign {
        /// The key.
        fingerprint: Fingerprint,
        /// Why it does not.
        problem: KeyProblem,
    },
    /// A key that signs, and something about it.
    #[error("key {}: {problem}", .fingerprint.short())]
    Problem {
        /// The key.
        fingerprint: Fingerprint,
        /// What is about it.
        problem: KeyProblem,
    },
}

impl KeyWarning {
    /// Returns a code that stays the same for the same kind of warning in every later version.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Doubled { .. } | Self::LeftOut(_) => "W-KEY-FILE",
            Self::Problem { problem: KeyProblem::ExpiresSoon { .. }, .. } => "W-KEY-EXPIRES",
            Self::DoesNotSign { .. } | Self::Problem { .. } => "W-KEY",
        }
    }
}

/// An error and what caused it, in one line: a warning has no causes of its own.
fn chain(error: &KeyError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

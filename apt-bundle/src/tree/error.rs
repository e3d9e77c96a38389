use std::io;

use camino::Utf8PathBuf;

use crate::error::Error;
use crate::order::Refusal;

/// What can keep a bundle from being applied to a tree. Clients then see the state before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// The bundle is damaged or not trusted.
    #[error(transparent)]
    Bundle(#[from] Error),
    /// The bundle does not belong on top of the present state.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another process applies a bundle.
    #[error("another process is working on {root}")]
    Busy {
        /// The tree.
        root: Utf8PathBuf,
    },
    /// A file that the bundle does not carry is not in the tree.
    #[error("{path} is missing or damaged, and the bundle does not carry it")]
    Missing {
        /// The file.
        path: Utf8PathBuf,
    },
    /// No bundle was ever applied.
    #[error("{root}: no bundle was applied there")]
    NothingApplied {
        /// The tree.
        root: Utf8PathBuf,
    },
    /// There is no state to go back to.
    #[error("{root} has no earlier state")]
    NoPrevious {
        /// The tree.
        root: Utf8PathBuf,
    },
    /// Something in the tree is not what an earlier bundle left there.
    #[error("{path}: {rule}")]
    State {
        /// What it is.
        path: Utf8PathBuf,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// The directory cannot be read or written.
    #[error("cannot {verb} {path}")]
    Io {
        /// What was tried.
        verb: &'static str,
        /// With what.
        path: Utf8PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

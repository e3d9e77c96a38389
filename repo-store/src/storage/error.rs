//! What can go wrong where the bytes of a store are kept.

use std::fmt;

use camino::Utf8PathBuf;

use crate::storage::beneath::{PathFault, Refusal};
use crate::storage::obstacle::Obstacle;

/// What can go wrong where the bytes of a store are kept.
///
/// Messages do not repeat their source: print the chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The operating system refused something.
    #[error("cannot {verb} {path}")]
    Io {
        /// What was tried: `read`, `create`, `link`…
        verb: &'static str,
        /// On which file or directory.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Something below a directory in which others may write is not what the store made there.
    #[error("{path} {fault}")]
    UnsafePath {
        /// The directory or file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        fault: PathFault,
    },
    /// No store exists at that path.
    #[error("{path} is not the root of a store")]
    NoStore {
        /// The place.
        path: Utf8PathBuf,
    },
    /// Published files are hard links to the files of the store, which do not lead from one file system to another.
    #[error("{public} is on another file system than {store}")]
    OtherFileSystem {
        /// The directory with what clients see.
        public: Utf8PathBuf,
        /// The directory with the files of the store.
        store: Utf8PathBuf,
    },
    /// A directory that must be new or empty has something in it.
    #[error("{path} is not empty")]
    NotEmpty {
        /// The directory.
        path: Utf8PathBuf,
    },
    /// There is a store already.
    #[error("{path} is the root of a store already")]
    StoreExists {
        /// The place.
        path: Utf8PathBuf,
    },
    /// The store was written by a newer version.
    #[error("the store has format {found}, which {reader} reads; this version reads formats up to {known}")]
    NewerFormat {
        /// The format found.
        found: u32,
        /// The newest format known.
        known: u32,
        /// The first version that reads it, as the store says, or `a newer version`.
        reader: String,
    },
    /// A store of an older format, which is read and not written.
    #[error("the store has format {found}; changes need format {needed}")]
    OlderFormat {
        /// The format found.
        found: u32,
        /// The format that is written.
        needed: u32,
    },
    /// The operation works on files of a local disk, and the store keeps its bytes elsewhere.
    #[error("the store is not in a local directory")]
    NotLocal,
    /// Another process is writing to the store.
    #[error("another process is writing to the store in {path}")]
    InUse {
        /// The root of the store.
        path: Utf8PathBuf,
    },
    /// An object of the store is not what its name says, or cannot be read as what it should be.
    #[error("the store's {kind} {id} is damaged: {what}")]
    Damaged {
        /// Which kind of object.
        kind: &'static str,
        /// Its id or key.
        id: String,
        /// What is wrong.
        what: String,
    },
    /// An object that another one refers to is not there.
    #[error("the store's {kind} {id} is missing")]
    Missing {
        /// Which kind of object.
        kind: &'static str,
        /// Its id or key.
        id: String,
    },
    /// Something that cannot be taken, whatever is in it: it is not a regular file, or changed while it was read.
    #[error("{file} {fault}")]
    NotAFile {
        /// The file as given by the caller.
        file: Utf8PathBuf,
        /// What is wrong with it.
        fault: FileFault,
    },
}

impl StorageError {
    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "E-IO",
            Self::UnsafePath { .. } => "E-UNSAFE-PATH",
            Self::NoStore { .. } => "E-NO-STORE",
            Self::OtherFileSystem { .. } => "E-OTHER-FILE-SYSTEM",
            Self::NotEmpty { .. } => "E-NOT-EMPTY",
            Self::StoreExists { .. } => "E-STORE-EXISTS",
            Self::NewerFormat { .. } => "E-NEWER-FORMAT",
            Self::OlderFormat { .. } => "E-OLDER-FORMAT",
            Self::NotLocal => "E-NOT-LOCAL",
            Self::InUse { .. } => "E-IN-USE",
            Self::Damaged { .. } => "E-DAMAGED",
            Self::Missing { .. } => "E-MISSING",
            Self::NotAFile { .. } => "E-NOT-A-FILE",
        }
    }

    /// For `map_err` on anything that touches a path.
    pub(crate) fn io(
        verb: &'static str,
        path: impl Into<Utf8PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| match Refusal::of(&source) {
            Some(Refusal { path, fault }) => Self::UnsafePath { path: path.clone(), fault: *fault },
            None => {
                let source = Obstacle::explain(&path, source);
                Self::Io { verb, path, source }
            }
        }
    }

    pub(crate) fn damaged(kind: &'static str, id: &impl ToString, what: impl Into<String>) -> Self {
        Self::Damaged { kind, id: id.to_string(), what: what.into() }
    }
}

/// Why a file cannot be taken, whatever is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileFault {
    /// It is a symbolic link, in a folder that others can write to.
    SymbolicLink,
    /// It is a directory, a pipe, a device.
    NotRegular,
    /// It was written to while it was read.
    Changed,
    /// It has more names than one, in a folder that others can write to: it may be somebody else's file.
    HardLinks,
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SymbolicLink => "is a symbolic link",
            Self::NotRegular => "is not a regular file",
            Self::Changed => "changed while it was read",
            Self::HardLinks => "has another hard link, which may be a file of somebody else",
        })
    }
}

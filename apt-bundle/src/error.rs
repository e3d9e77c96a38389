use std::fmt;
use std::io;

use apt_index::RelPath;

use crate::manifest::ManifestError;

/// A part of a bundle, for messages that say where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The signed manifest, with the header before it.
    Manifest,
    /// A file that the bundle carries.
    Member {
        /// Its number, counted from 1.
        number: usize,
        /// How many files there are.
        of: usize,
        /// The first path that it has at the receiver.
        path: RelPath,
    },
    /// What ends the archive.
    End,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => f.write_str("the manifest"),
            Self::Member { number, of, path } => write!(f, "file {number} of {of} ({path})"),
            Self::End => f.write_str("the end of the archive"),
        }
    }
}

/// What can be wrong with a bundle, or go wrong while one is read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The first bytes are not those of a bundle.
    #[error("not a bundle: {rule}")]
    NotABundle {
        /// The rule that they break.
        rule: &'static str,
    },
    /// The bundle ends too early.
    #[error("the bundle is truncated in {part}")]
    Truncated {
        /// Where it ends.
        part: Part,
    },
    /// A part is not what the manifest says.
    #[error("{part}: {rule}")]
    Damaged {
        /// The part.
        part: Part,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// Bytes follow the end of the bundle.
    #[error("the bundle goes on after its end")]
    Trailing,
    /// The bundle cannot be read, decompressed or decrypted.
    #[error("cannot read {part}")]
    Read {
        /// Where reading stopped.
        part: Part,
        /// What the layer below says.
        #[source]
        source: io::Error,
    },
    /// The manifest is not signed by a trusted key.
    #[error("the manifest of the bundle is not trusted")]
    Signature {
        /// What the verification says.
        #[source]
        source: apt_sign::Error,
    },
    /// The manifest is signed, and breaks a rule of the format.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A file that the bundle carries cannot be written, or the bundle itself.
    #[error("cannot write {part}")]
    Write {
        /// The part.
        part: Part,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file that is to be carried cannot be read.
    #[error("cannot read {path}")]
    Source {
        /// Its path in the published tree.
        path: RelPath,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file that is to be carried is not what the publication lists.
    #[error("{path}: not the file that was published")]
    Changed {
        /// Its path in the published tree.
        path: RelPath,
    },
}

impl Error {
    /// Makes an error of what a layer below says about a part.
    pub(crate) fn reading(part: Part, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated { part },
            _ => Self::Read { part, source },
        }
    }
}

//! What is refused by name.

use std::fmt;
use std::io::{self, ErrorKind};

use camino::Utf8PathBuf;

/// What is wrong with something below a directory in which others may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathFault {
    /// It is a symbolic link, which may lead anywhere.
    SymbolicLink,
    /// It is a symbolic link where a directory of the store itself belongs.
    LinkedDirectory,
    /// It is something else than the directory that belongs there.
    NotADirectory,
    /// It is something else than the regular file that belongs there.
    NotAFile,
    /// It belongs neither to the user who runs this nor to the owner of the directory above it.
    OtherOwner,
    /// It lies where something of the store belongs, and its owner does not allow to put it aside.
    InTheWay,
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SymbolicLink => "is a symbolic link",
            Self::LinkedDirectory => "is a symbolic link; the directory itself belongs there",
            Self::NotADirectory => "is not a directory",
            Self::NotAFile => "is not a regular file",
            Self::OtherOwner => "belongs to another user",
            Self::InTheWay => "is in the way and cannot be moved",
        })
    }
}

/// The same as the cause of an [`io::Error`], which [`crate::Error::io`] makes an error of its own.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{path} {fault}")]
pub(crate) struct Refusal {
    pub(crate) path: Utf8PathBuf,
    pub(crate) fault: PathFault,
}

impl Refusal {
    pub(crate) fn error(path: Utf8PathBuf, fault: PathFault) -> io::Error {
        io::Error::new(ErrorKind::NotADirectory, Self { path, fault })
    }

    /// The refusal in an error, if that is one.
    pub(crate) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

//! What lies where a directory or a file of the store belongs, for messages: the system says no more than that it is none.

use std::fmt;
use std::fs::FileType;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt as _;

use camino::{Utf8Path, Utf8PathBuf};

use crate::storage::files;
use crate::storage::permissions::EntryKind;

/// Something that lies where a directory or a regular file belongs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} is {kind}; a {} belongs there", .belongs.name())]
pub struct Obstacle {
    /// Where it lies.
    pub path: Utf8PathBuf,
    /// What it is.
    pub kind: ObstacleKind,
    /// What belongs there.
    pub belongs: EntryKind,
}

/// What lies where something else belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObstacleKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link to something that would do, where no link is followed.
    Link,
    /// A symbolic link that leads nowhere.
    DanglingLink,
    /// A symbolic link to something else than a directory.
    LinkToNoDirectory,
    /// A named pipe.
    Pipe,
    /// A socket.
    Socket,
    /// A device.
    Device,
}

impl fmt::Display for ObstacleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "a regular file",
            Self::Directory => "a directory",
            Self::Link => "a symbolic link",
            Self::DanglingLink => "a symbolic link that leads nowhere",
            Self::LinkToNoDirectory => "a symbolic link to something that is not a directory",
            Self::Pipe => "a named pipe",
            Self::Socket => "a socket",
            Self::Device => "a device",
        })
    }
}

impl ObstacleKind {
    fn of(kind: FileType) -> Self {
        if kind.is_dir() {
            Self::Directory
        } else if kind.is_symlink() {
            Self::Link
        } else if kind.is_fifo() {
            Self::Pipe
        } else if kind.is_socket() {
            Self::Socket
        } else if kind.is_file() {
            Self::File
        } else {
            Self::Device
        }
    }
}

impl Obstacle {
    /// Returns what keeps a path from being a directory: the nearest of the path and what is above it that is there, unless that is a
    /// directory.
    #[must_use]
    pub fn at(path: &Utf8Path) -> Option<Self> {
        for path in path.ancestors().filter(|path| !path.as_str().is_empty()) {
            let Ok(found) = files::metadata_of_itself(path) else { continue };
            let kind = match ObstacleKind::of(found.file_type()) {
                ObstacleKind::Directory => return None,
                ObstacleKind::Link => match files::metadata(path) {
                    Ok(target) if target.is_dir() => return None,
                    Ok(_) => ObstacleKind::LinkToNoDirectory,
                    Err(_) => ObstacleKind::DanglingLink,
                },
                kind => kind,
            };
            return Some(Self { path: path.to_owned(), kind, belongs: EntryKind::Directory });
        }
        None
    }

    /// Returns what lies at the path of a file of the store, unless that is a regular file or nothing. No link is followed there.
    #[must_use]
    pub fn in_place_of_file(path: &Utf8Path) -> Option<Self> {
        let kind = match ObstacleKind::of(files::metadata_of_itself(path).ok()?.file_type()) {
            ObstacleKind::File => return None,
            ObstacleKind::Link if files::metadata(path).is_err() => ObstacleKind::DanglingLink,
            kind => kind,
        };
        Some(Self { path: path.to_owned(), kind, belongs: EntryKind::File })
    }

    /// Returns an error about a path with what lies where a directory belongs as its cause, if that explains the error.
    #[must_use]
    pub fn explain(path: &Utf8Path, error: io::Error) -> io::Error {
        let obstacle = match error.kind() {
            _ if error.get_ref().is_some() => None,
            ErrorKind::NotADirectory => Self::at(path),
            // The path itself may be a link to a file that is gone.
            ErrorKind::NotFound => path.parent().and_then(Self::at),
            _ => None,
        };
        obstacle.map_or(error, Self::into_error)
    }

    /// The same for the path of a directory, which may be a link that leads nowhere.
    #[must_use]
    pub fn explain_directory(path: &Utf8Path, error: io::Error) -> io::Error {
        let kinds = [ErrorKind::NotADirectory, ErrorKind::NotFound, ErrorKind::AlreadyExists];
        let obstacle = kinds.contains(&error.kind()).then(|| Self::at(path)).flatten();
        obstacle.map_or(error, Self::into_error)
    }

    /// Returns an error with this as its cause.
    #[must_use]
    pub fn into_error(self) -> io::Error {
        let kind = match self.belongs {
            EntryKind::Directory => ErrorKind::NotADirectory,
            EntryKind::File => ErrorKind::InvalidInput,
        };
        io::Error::new(kind, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_on_the_way_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        std::fs::write(root.join("file"), "").unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("dangling")).unwrap();
        std::os::unix::fs::symlink("file", root.join("link")).unwrap();
        std::os::unix::fs::symlink(".", root.join("here")).unwrap();
        for (name, kind) in [
            ("file", ObstacleKind::File),
            ("dangling", ObstacleKind::DanglingLink),
            ("link", ObstacleKind::LinkToNoDirectory),
        ] {
            let path = root.join(name);
            for below in [path.clone(), path.join("a"), path.join("a/b")] {
                assert_eq!(
                    Obstacle::at(&below),
                    Some(Obstacle { path: path.clone(), kind, belongs: EntryKind::Directory })
                );
            }
            let error = std::fs::read(path.join("a")).unwrap_err();
            let kind_of_error = error.kind();
            let explained = Obstacle::explain(&path.join("a"), error);
            assert!(
                explained.to_string().ends_with("; a directory belongs there"),
                "{explained} {kind_of_error}"
            );
        }
        for free in ["here", "here/new/deep", "new", ""] {
            assert_eq!(Obstacle::at(&root.join(free)), None, "{free}");
        }
        let gone = std::fs::read(root.join("dangling")).unwrap_err();
        assert_eq!(Obstacle::explain(&root.join("dangling"), gone).kind(), ErrorKind::NotFound);
    }
}

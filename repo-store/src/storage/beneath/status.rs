//! What the file system knows of something.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

use jiff::Timestamp;
use rustix::fs::{FileType, Stat};

/// What something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Link,
    /// A socket, a pipe, a device.
    Other,
}

/// What the file system knows of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) kind: Kind,
    /// The last twelve bits.
    pub(crate) mode: u32,
    pub(crate) owner: u32,
    /// In bytes.
    pub(crate) size: u64,
    /// How many names it has.
    pub(crate) links: u64,
    /// Device and inode: what all names of one file share.
    pub(crate) identity: (u64, u64),
    /// Seconds since 1970 and nanoseconds.
    pub(crate) modified: (i64, i64),
    /// When anything about it changed last, its names and mode included. Unlike the modification time nobody can set it.
    pub(crate) changed: (i64, i64),
}

impl Status {
    // The fields of `Stat` have other types on other machines.
    #[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)]
    pub(super) fn of(stat: &Stat) -> Self {
        let nanoseconds = |value: u64| i64::try_from(value).unwrap_or(0);
        Self {
            kind: Kind::of_mode(stat.st_mode.into()),
            mode: u32::from(stat.st_mode) & 0o7777,
            owner: stat.st_uid,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            links: stat.st_nlink.into(),
            identity: (stat.st_dev.into(), stat.st_ino.into()),
            modified: (stat.st_mtime.into(), nanoseconds(stat.st_mtime_nsec.into())),
            changed: (stat.st_ctime.into(), nanoseconds(stat.st_ctime_nsec.into())),
        }
    }

    pub(crate) fn is_file(&self) -> bool {
        self.kind == Kind::File
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.kind == Kind::Directory
    }

    pub(crate) fn is_link(&self) -> bool {
        self.kind == Kind::Link
    }

    /// When anything about it changed last.
    pub(crate) fn changed_at(&self) -> Timestamp {
        let (seconds, nanoseconds) = self.changed;
        Timestamp::new(seconds, i32::try_from(nanoseconds).unwrap_or(0)).unwrap_or(Timestamp::MAX)
    }
}

impl From<&Metadata> for Status {
    fn from(metadata: &Metadata) -> Self {
        Self {
            kind: Kind::of_mode(metadata.mode()),
            mode: metadata.mode() & 0o7777,
            owner: metadata.uid(),
            size: metadata.size(),
            links: metadata.nlink(),
            identity: (metadata.dev(), metadata.ino()),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Kind {
    fn of_mode(mode: u32) -> Self {
        match FileType::from_raw_mode(mode) {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Link,
            _ => Self::Other,
        }
    }
}

//! The paths of a store: which of them others may have put links into.

use std::io;
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};

use super::{At, DirectoryHandle, Status};
use crate::storage::{StorageError, files};

/// The directory of a store with what clients see.
const PUBLIC: &str = "public";

/// The paths of a store or of a backup.
///
/// The root and `public` belong to the owner of the store and may be links to other places. Below `public` nothing is
/// reached through a link. It is opened once for each of these.
#[derive(Debug)]
pub(crate) struct StorePaths {
    root: Utf8PathBuf,
    public: DirectoryHandle,
    /// Whose files nobody else changes.
    owners: OnceLock<[u32; 3]>,
}

impl StorePaths {
    pub(crate) fn new(root: &Utf8Path) -> Self {
        Self {
            root: root.to_owned(),
            public: DirectoryHandle::new(root.join(PUBLIC)),
            owners: OnceLock::new(),
        }
    }

    /// What lies at a path from the root.
    pub(crate) fn at<'a>(&'a self, path: impl AsRef<Utf8Path>) -> At<'a> {
        match path.as_ref().strip_prefix(PUBLIC) {
            Ok(below) => self.public.at(below),
            Err(_) => At::trusted(self.root.join(path.as_ref())),
        }
    }

    /// What lies at a path that begins with that of the root, or anywhere else.
    pub(crate) fn place<'a>(&'a self, path: impl AsRef<Utf8Path>) -> At<'a> {
        match path.as_ref().strip_prefix(self.public.path()) {
            Ok(below) => self.public.at(below),
            Err(_) => At::trusted(path.as_ref().to_owned()),
        }
    }

    /// Whether something below `public` belongs to whom it must belong to, so that nobody else changes it later: the user who
    /// runs this, root, or the owner of `public`.
    pub(crate) fn is_ours(&self, status: &Status) -> io::Result<bool> {
        if let Some(owners) = self.owners.get() {
            return Ok(owners.contains(&status.owner));
        }
        let owners = [0, rustix::process::geteuid().as_raw(), self.public.status()?.owner];
        Ok(self.owners.get_or_init(|| owners).contains(&status.owner))
    }

    /// Makes all these files and directories survive a power cut, each at a path as [`place`](Self::place) takes it.
    pub(crate) fn sync_all(&self, mut paths: Vec<Utf8PathBuf>) -> Result<(), StorageError> {
        paths.sort_unstable();
        paths.dedup();
        files::sync_each(&paths.iter().map(|path| self.place(path)).collect::<Vec<_>>())
    }
}

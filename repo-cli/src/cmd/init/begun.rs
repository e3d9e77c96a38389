//! A store that is being made: when that fails, nothing of it is left behind, and what was there before stays.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use camino::{Utf8Path, Utf8PathBuf};
use repo_store::storage::Obstacle;
use repo_store::storage::permissions::mode;

use crate::error::Failure;

/// What `init` makes in the root.
const MADE: [&str; 4] = ["repo.toml", "keys", "public", "store"];

/// Returns what `init` would make in the root.
pub(super) fn missing(root: &Utf8Path) -> Vec<&'static str> {
    MADE.into_iter().filter(|name| root.join(name).symlink_metadata().is_err()).collect()
}

/// A store that is being made. Dropped before [`complete`](Self::complete), it removes what was made.
pub(super) struct BegunStore {
    /// The directories that were made on the way to the root and the root, the innermost last.
    directories: Vec<Utf8PathBuf>,
    /// What was not there before.
    paths: Vec<Utf8PathBuf>,
    /// Directories that were there and empty.
    empty: Vec<Utf8PathBuf>,
    is_complete: bool,
    /// Two processes that make a store in one place take turns.
    _lock: File,
}

impl BegunStore {
    /// Makes the root, if need be, and waits for another process that makes a store there.
    pub(super) fn new(root: &Utf8Path) -> Result<Self, Failure> {
        loop {
            let directories = make_directories(root)?;
            let lock = File::open(root).map_err(Failure::io("open", root))?;
            rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)
                .map_err(|error| Failure::io("lock", root)(error.into()))?;
            // The other process may have failed and removed the directory that it had made.
            let opened = lock.metadata().map_err(Failure::io("look at", root))?;
            let is_the_same = fs::metadata(root).is_ok_and(|found| found.ino() == opened.ino());
            if !is_the_same {
                continue;
            }
            let all = MADE.map(|name| root.join(name));
            let is_there = |path: &&Utf8PathBuf| path.symlink_metadata().is_ok();
            let is_empty = |path: &&Utf8PathBuf| {
                path.symlink_metadata().is_ok_and(|found| found.is_dir())
                    && path.read_dir_utf8().is_ok_and(|mut names| names.next().is_none())
            };
            return Ok(Self {
                directories,
                paths: all.iter().filter(|path| !is_there(path)).cloned().collect(),
                empty: all.iter().filter(is_empty).cloned().collect(),
                is_complete: false,
                _lock: lock,
            });
        }
    }

    /// Keeps what was made.
    pub(super) fn complete(mut self) {
        self.is_complete = true;
    }

    fn remove(&self) {
        for path in &self.paths {
            // What cannot be removed is completed when the same command is given again.
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
        for directory in &self.empty {
            for entry in directory.read_dir_utf8().into_iter().flatten().flatten() {
                let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
                let _ = if is_directory {
                    fs::remove_dir_all(entry.path())
                } else {
                    fs::remove_file(entry.path())
                };
            }
        }
        for directory in self.directories.iter().rev() {
            let _ = fs::remove_dir(directory);
        }
    }
}

impl Drop for BegunStore {
    fn drop(&mut self) {
        if !self.is_complete {
            self.remove();
        }
    }
}

/// Makes a directory and those above it. Returns those that were made, the outermost first.
fn make_directories(path: &Utf8Path) -> Result<Vec<Utf8PathBuf>, Failure> {
    let missing: Vec<&Utf8Path> =
        path.ancestors().take_while(|path| !path.as_str().is_empty() && !path.is_dir()).collect();
    let mut made = Vec::new();
    for directory in missing.into_iter().rev() {
        match fs::create_dir(directory) {
            Ok(()) => {
                made.push(directory.to_owned());
                let mode = fs::Permissions::from_mode(mode::DIRECTORY);
                fs::set_permissions(directory, mode).map_err(Failure::io("set the mode of", directory))?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => {}
            Err(error) => {
                let error = Obstacle::explain_directory(directory, error);
                return Err(Failure::io("create", directory)(error));
            }
        }
    }
    Ok(made)
}

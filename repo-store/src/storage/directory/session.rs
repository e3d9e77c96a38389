//! The temporary directory of a process, by which others see that it is at work.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};

use camino::{Utf8Path, Utf8PathBuf};

use crate::storage::files::{Lock, mode};
use crate::storage::{StorageError, files};

/// The temporary directory of this process.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) directory: Utf8PathBuf,
    _lock: Lock,
    next: AtomicU64,
}

impl Session {
    pub(super) fn start(area: &Utf8Path) -> Result<Self, StorageError> {
        files::create_directories(area)?;
        Self::sweep(area)?;
        let process = std::process::id();
        for attempt in 0_u32.. {
            let directory = area.join(format!("{process}-{attempt}"));
            match files::create_directory(&directory) {
                Ok(()) => {
                    files::set_mode(&directory, mode::SECRET_DIRECTORY)?;
                    let lock = Lock::acquire(&directory.join("lock"))?;
                    // Between making the lock file and holding it, a sweep may have taken the directory for abandoned,
                    // and others may have made one of the same name since.
                    if lock.is_at(&directory.join("lock")) {
                        return Ok(Self { directory, _lock: lock, next: AtomicU64::new(0) });
                    }
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(StorageError::io("create", directory)(error)),
            }
        }
        Err(StorageError::NoStore { path: area.to_owned() })
    }

    /// Removes what processes left behind that ended without cleaning up.
    fn sweep(area: &Utf8Path) -> Result<(), StorageError> {
        for name in files::names_in(area)? {
            let directory = area.join(name);
            // What a link leads to belongs to somebody else.
            if files::metadata_of_itself(&directory).is_ok_and(|found| !found.is_dir()) {
                continue;
            }
            let lock = directory.join("lock");
            // Held while the directory is removed: its owner, if it is just starting, waits for it and then sees.
            let held = match Lock::try_acquire_existing(&lock) {
                Ok(None) => continue,
                Ok(held) => held.filter(|held| held.is_at(&lock)),
                Err(_) => None,
            };
            // A directory without a lock file is being made this moment, or its owner died making it: a minute tells.
            let old = || {
                let age = files::metadata(&directory)
                    .and_then(|m| m.modified())
                    .ok()
                    .and_then(|t| t.elapsed().ok());
                age.is_some_and(|age| age.as_secs() > 60)
            };
            if held.is_some() || old() {
                // Others may be sweeping too, or the owner is ending: the next writer tries again.
                Self::remove(&directory);
            }
        }
        Ok(())
    }

    /// Removes a directory that nobody else uses. Not being able to is not a loss: the next writer sweeps.
    fn remove(directory: &Utf8Path) {
        // The lock file last: without it the rest would pass for a directory that is just being made. What garbage collection
        // puts aside may be a directory.
        let is_gone = |name: &String| {
            let path = directory.join(name);
            files::remove_if_present(&path).is_ok() || files::remove_tree(&path).is_ok()
        };
        let Ok(names) = files::names_in(directory) else { return };
        if names.iter().filter(|name| *name != "lock").all(is_gone) {
            let _ = files::remove_tree(directory);
        }
    }

    pub(super) fn next_path(&self) -> Utf8PathBuf {
        self.directory.join(self.next.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        Self::remove(&self.directory);
    }
}

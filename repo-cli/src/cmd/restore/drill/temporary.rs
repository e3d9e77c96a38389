//! The directory of a drill. A lock tells whether its process is alive, so the next drill removes what one that was killed left behind.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::time::Duration;

use camino::{Utf8DirEntry, Utf8Path, Utf8PathBuf};
use rustix::fs::{FlockOperation, flock};
use rustix::process::geteuid;

use crate::error::Failure;

/// How the names of these directories begin.
const PREFIX: &str = "repo-cli-drill.";
/// The file in each that its process keeps locked.
const LOCK: &str = "lock";
/// How long a directory may be without its lock file: its process is just making both.
const WITHOUT_LOCK: Duration = Duration::from_secs(60);

/// A private directory that is removed when it is dropped.
pub(super) struct Temporary {
    path: Utf8PathBuf,
    _lock: File,
}

impl Temporary {
    /// Makes a directory that nobody else can look into, as the keys will lie in it, and removes abandoned ones first.
    pub(super) fn within(parent: &Utf8Path) -> Result<Self, Failure> {
        remove_abandoned(parent);
        let process = std::process::id();
        let mut attempt = 0_u32;
        let path = loop {
            let path = parent.join(format!("{PREFIX}{process}-{attempt}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists && attempt < 1000 => attempt += 1,
                made => {
                    made.map_err(Failure::io("create", &path))?;
                    break path;
                }
            }
        };
        let lock = locked(&path).map_err(Failure::io("lock", &path))?;
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Utf8Path {
        &self.path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // The next drill removes what is left.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Makes the lock file of a directory. It gets its name once it is locked: others never see it unlocked while this process is alive.
fn locked(directory: &Utf8Path) -> io::Result<File> {
    let new = directory.join("lock.new");
    let lock = File::create_new(&new)?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
    fs::rename(&new, directory.join(LOCK))?;
    Ok(lock)
}

/// Removes the directories of processes of this user that ended without doing so. What cannot be removed is left to the next drill.
fn remove_abandoned(parent: &Utf8Path) {
    let Ok(entries) = parent.read_dir_utf8() else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().starts_with(PREFIX)) {
        // Others who can write there may have made a link or a directory of that name.
        let is_own = |found: &fs::Metadata| found.is_dir() && found.uid() == geteuid().as_raw();
        if !entry.metadata().is_ok_and(|found| is_own(&found)) {
            continue;
        }
        match File::open(entry.path().join(LOCK)) {
            // It is held while the directory is removed, so of two drills only one does that.
            Ok(lock) if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() => {
                let _ = fs::remove_dir_all(entry.path());
            }
            Err(error) if error.kind() == ErrorKind::NotFound && is_old(&entry) => {
                let _ = fs::remove_dir_all(entry.path());
            }
            _ => {}
        }
    }
}

fn is_old(entry: &Utf8DirEntry) -> bool {
    let age = entry.metadata().and_then(|found| found.modified()).map(|modified| modified.elapsed());
    matches!(age, Ok(Ok(age)) if age > WITHOUT_LOCK)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn only_what_dead_processes_left_is_removed() {
        let room = tempfile::tempdir().unwrap();
        let room = Utf8Path::from_path(room.path()).unwrap();
        let make = |name: &str| {
            let directory = room.join(format!("{PREFIX}{name}"));
            fs::create_dir_all(directory.join("store/public")).unwrap();
            directory
        };
        let (killed, killed_early, beginning) = (make("1-0"), make("2-0"), make("3-0"));
        // A process that another test is just starting may have the file open for a moment longer.
        flock(locked(&killed).unwrap(), FlockOperation::Unlock).unwrap();
        let hour_ago = SystemTime::now() - Duration::from_secs(3600);
        File::open(&killed_early).unwrap().set_modified(hour_ago).unwrap();
        fs::create_dir_all(room.join("other/store")).unwrap();
        let linked = room.join(format!("{PREFIX}link"));
        std::os::unix::fs::symlink(room.join("other"), &linked).unwrap();
        let running = Temporary::within(room).unwrap();
        assert!(!killed.exists() && !killed_early.exists());
        let second = Temporary::within(room).unwrap();
        assert_ne!(running.path(), second.path());
        for path in [running.path(), second.path(), &beginning, &linked.join("store")] {
            assert!(path.exists(), "{path}");
        }
        drop((running, second));
        assert_eq!(room.read_dir_utf8().unwrap().count(), 3, "{beginning}, {linked} and what it leads to");
    }
}

//! The only file that touches the disk for a tree. Each change goes through [`Disk::step`], where a test makes the process die.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{FlockOperation, flock, syncfs};

use super::TreeError;

/// The root of a tree. All paths that its methods take are relative to it.
#[derive(Debug)]
pub(super) struct Disk {
    root: Utf8PathBuf,
    /// How many more changes can be made before all fail.
    #[cfg(test)]
    pub(super) left: std::cell::Cell<u64>,
    /// What was done, for tests that look at the order.
    #[cfg(test)]
    pub(super) done: std::cell::RefCell<Vec<String>>,
}

/// Held as long as a process works on a tree.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Where files are received.
pub(super) const INCOMING: &str = ".incoming";

/// The modes of what clients read: apt does so as its own user, and a web server as another, so the umask of the process that applies a bundle
/// decides nothing.
const FILE_MODE: u32 = 0o644;
const DIRECTORY_MODE: u32 = 0o755;

impl Disk {
    pub(super) fn new(root: Utf8PathBuf) -> Self {
        Self {
            root,
            #[cfg(test)]
            left: std::cell::Cell::new(u64::MAX),
            #[cfg(test)]
            done: std::cell::RefCell::default(),
        }
    }

    pub(super) fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Takes the lock, and makes the root if there is none. The mode of a root that is there stays: it may say who is to read the tree.
    pub(super) fn lock(&self) -> Result<Lock, TreeError> {
        let path = Utf8Path::new(".lock");
        if !self.root.is_dir() {
            fs::create_dir_all(&self.root).map_err(self.failed("make", Utf8Path::new("")))?;
            self.set_mode(Utf8Path::new(""), DIRECTORY_MODE)?;
        }
        let file = File::options().create(true).truncate(false).write(true).open(self.at(path));
        let file = file.map_err(self.failed("open", path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Lock { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(TreeError::Busy { root: self.root.clone() }),
            Err(errno) => Err(self.failed("lock", path)(errno.into())),
        }
    }

    /// Makes a directory and those above it, which all can read. What lies there and is not a directory is an error, and so is a link.
    pub(super) fn make_directories(&self, path: &Utf8Path) -> Result<(), TreeError> {
        let mut above = Utf8PathBuf::new();
        for element in path.components() {
            above.push(element);
            match fs::symlink_metadata(self.at(&above)) {
                Ok(found) if found.is_dir() => {
                    self.correct_mode(&above, &found)?;
                    continue;
                }
                Ok(_) => return Err(TreeError::State { path: above, rule: "it is not a directory" }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(self.failed("look at", &above)(error)),
            }
            self.step("mkdir", &above)
                .and_then(|()| fs::create_dir(self.at(&above)))
                .map_err(self.failed("make", &above))?;
            self.set_mode(&above, DIRECTORY_MODE)?;
        }
        Ok(())
    }

    /// Lets all read a file that is there, or a directory with everything below it. Links are not followed.
    pub(super) fn show(&self, path: &Utf8Path) -> Result<(), TreeError> {
        let found = fs::symlink_metadata(self.at(path)).map_err(self.failed("look at", path))?;
        self.correct_mode(path, &found)?;
        if found.is_dir() {
            for name in self.list(path)? {
                self.show(&path.join(name))?;
            }
        }
        Ok(())
    }

    /// Gives a file or a directory that was made with another mode the right one.
    fn correct_mode(&self, path: &Utf8Path, found: &fs::Metadata) -> Result<(), TreeError> {
        let mode = match found.file_type() {
            kind if kind.is_dir() => DIRECTORY_MODE,
            kind if kind.is_file() => FILE_MODE,
            _ => return Ok(()),
        };
        let present = found.permissions().mode() & 0o7777;
        if present == mode {
            return Ok(());
        }
        match self.set_mode(path, mode) {
            // A file system without modes shows others, which all can read.
            Err(TreeError::Io { .. }) if present & mode == mode => Ok(()),
            result => result,
        }
    }

    fn set_mode(&self, path: &Utf8Path, mode: u32) -> Result<(), TreeError> {
        let set = fs::set_permissions(self.at(path), fs::Permissions::from_mode(mode));
        set.map_err(self.failed("set the mode of", path))
    }

    /// Creates a file to receive into, in place of whatever has its path.
    pub(super) fn create(&self, path: &Utf8Path) -> Result<File, TreeError> {
        let file = self.step("create", path).and_then(|()| File::create(self.at(path)));
        let file = file.map_err(self.failed("create", path))?;
        let found = file.metadata().map_err(self.failed("look at", path))?;
        self.correct_mode(path, &found)?;
        Ok(file)
    }

    /// Writes a small file that nothing has the path of.
    pub(super) fn write(&self, path: &Utf8Path, bytes: &[u8]) -> Result<(), TreeError> {
        let mut file = self.create(path)?;
        file.write_all(bytes).map_err(self.failed("write", path))
    }

    /// Gives a file another name, in one step and in place of what has it. Where the file system has no hard links, it is copied.
    pub(super) fn place(&self, from: &Utf8Path, to: &Utf8Path) -> Result<(), TreeError> {
        let between = Utf8Path::new(INCOMING).join("placed");
        self.remove(&between)?;
        let link = self.step("link", to).and_then(|()| fs::hard_link(self.at(from), self.at(&between)));
        match link {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(self.failed("read", from)(error));
            }
            Err(error) if cannot_link(&error) => {
                fs::copy(self.at(from), self.at(&between)).map_err(self.failed("copy", from))?;
            }
            Err(error) => return Err(self.failed("link", to)(error)),
        }
        self.rename(&between, to)
    }

    /// Renames, in place of what has the new name.
    pub(super) fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> Result<(), TreeError> {
        self.step("rename", to)
            .and_then(|()| fs::rename(self.at(from), self.at(to)))
            .map_err(self.failed("rename", to))
    }

    /// Lets a link lead to `target`, in one step and in place of what has its path.
    pub(super) fn link(&self, path: &Utf8Path, target: &str) -> Result<(), TreeError> {
        let new = Utf8PathBuf::from(format!("{path}.new"));
        self.remove(&new)?;
        let made = self.step("symlink", path);
        made.and_then(|()| std::os::unix::fs::symlink(target, self.at(&new)))
            .map_err(self.failed("link", path))?;
        self.rename(&new, path)
    }

    /// Returns where a link leads; `None` when nothing lies there.
    pub(super) fn leads_to(&self, path: &Utf8Path) -> Result<Option<Utf8PathBuf>, TreeError> {
        match self.at(path).read_link_utf8() {
            Ok(target) => Ok(Some(target)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                Err(TreeError::State { path: path.to_owned(), rule: "it is not a symbolic link" })
            }
            Err(error) => Err(self.failed("read", path)(error)),
        }
    }

    /// Makes everything durable that was done so far.
    pub(super) fn sync(&self) -> Result<(), TreeError> {
        let root = File::open(&self.root).map_err(self.failed("open", Utf8Path::new("")))?;
        let synced = self.step("sync", Utf8Path::new("."));
        synced.and_then(|()| sync_file_system(&root)).map_err(self.failed("sync", Utf8Path::new("")))
    }

    /// Reads a file of at most `most` bytes; `None` when there is none.
    pub(super) fn read(&self, path: &Utf8Path, most: usize) -> Result<Option<Vec<u8>>, TreeError> {
        match self.size(path)? {
            None => Ok(None),
            Some(size) if size > most as u64 => {
                Err(TreeError::State { path: path.to_owned(), rule: "it is too large" })
            }
            Some(_) => fs::read(self.at(path)).map(Some).map_err(self.failed("read", path)),
        }
    }

    /// Returns the size of a regular file; `None` when there is none.
    pub(super) fn size(&self, path: &Utf8Path) -> Result<Option<u64>, TreeError> {
        match fs::symlink_metadata(self.at(path)) {
            Ok(found) => Ok(found.is_file().then_some(found.len())),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(error) => Err(self.failed("look at", path)(error)),
        }
    }

    /// Returns the names in a directory; none when there is none.
    pub(super) fn list(&self, path: &Utf8Path) -> Result<Vec<String>, TreeError> {
        let entries = match self.at(path).read_dir_utf8() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(self.failed("list", path))?,
        };
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_owned()));
        names.collect::<io::Result<_>>().map_err(self.failed("list", path))
    }

    /// Removes a file or a link. Returns whether there was one.
    pub(super) fn remove(&self, path: &Utf8Path) -> Result<bool, TreeError> {
        if fs::symlink_metadata(self.at(path)).is_err() {
            return Ok(false);
        }
        let removed = self.step("remove", path).and_then(|()| fs::remove_file(self.at(path)));
        removed.map(|()| true).map_err(self.failed("remove", path))
    }

    /// Removes a directory with all that is below it. Links are not followed.
    pub(super) fn remove_tree(&self, path: &Utf8Path) -> Result<(), TreeError> {
        match self.step("remove", path).and_then(|()| fs::remove_dir_all(self.at(path))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed("remove", path)(error)),
            _ => Ok(()),
        }
    }

    /// Removes a directory if nothing is in it, and then those above it in the same way.
    pub(super) fn remove_if_empty(&self, path: &Utf8Path) {
        for directory in path.ancestors().filter(|path| !path.as_str().is_empty()) {
            if fs::remove_dir(self.at(directory)).is_err() {
                return;
            }
        }
    }

    /// Makes an error of what the system says about a path.
    pub(super) fn failed(&self, verb: &'static str, path: &Utf8Path) -> impl FnOnce(io::Error) -> TreeError {
        let path = self.at(path);
        move |source| TreeError::Io { verb, path, source }
    }

    fn at(&self, path: &Utf8Path) -> Utf8PathBuf {
        if path.as_str().is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    /// Stands before each change.
    #[cfg(not(test))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "in tests it fails")]
    fn step(&self, _verb: &str, _path: &Utf8Path) -> io::Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn step(&self, verb: &str, path: &Utf8Path) -> io::Result<()> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| io::Error::other("the process has died"))?;
        self.left.set(left);
        self.done.borrow_mut().push(format!("{verb} {path}"));
        Ok(())
    }
}

/// Makes everything durable on the file system of an open directory. Tests look at the order of the steps, and wait for no disk.
fn sync_file_system(root: &File) -> io::Result<()> {
    if cfg!(test) { Ok(()) } else { Ok(syncfs(root)?) }
}

/// Returns whether the file system has no hard links, or no more of this file.
fn cannot_link(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    matches!(error.kind(), CrossesDevices | PermissionDenied | TooManyLinks | Unsupported)
}

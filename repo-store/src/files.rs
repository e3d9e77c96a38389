//! The few things done to a local file system, each with the care that durability asks for.
//!
//! A file is written under a temporary name, synced, and only then given its real one; whoever creates or renames
//! something syncs the directory that holds it. Modes are set explicitly, so the umask does not matter.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{ErrorKind, Seek as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use rustix::fs::{FlockOperation, Mode, OFlags, ResolveFlags, flock};
use rustix::io::Errno;

pub(crate) use crate::permissions::mode;
use crate::{Error, faults};

/// Above this many files one `syncfs` is cheaper than a sync of each.
const SYNC_EACH: usize = 64;

/// Creates `path` and what is missing above it, and returns the directories whose entries changed.
pub(crate) fn create_directories(path: &Utf8Path) -> Result<Vec<Utf8PathBuf>, Error> {
    let mut changed = Vec::new();
    let missing: Vec<&Utf8Path> =
        path.ancestors().take_while(|p| !p.as_str().is_empty() && !p.is_dir()).collect();
    for directory in missing.into_iter().rev() {
        match create_directory(directory) {
            Ok(()) => set_mode(directory, mode::DIRECTORY)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists && directory.is_dir() => {}
            Err(error) => return Err(Error::io("create", directory)(error)),
        }
        // The parent of a relative path of one part is empty, which names no directory.
        let parent = directory.parent().filter(|parent| !parent.as_str().is_empty());
        changed.push(parent.unwrap_or(Utf8Path::new(".")).to_owned());
    }
    Ok(changed)
}

/// Creates one directory.
pub(crate) fn create_directory(path: &Utf8Path) -> std::io::Result<()> {
    faults::before("mkdir", path).and_then(|()| fs::create_dir(path))
}

/// Gives a file or directory another name, in place of what has that name.
pub(crate) fn rename(from: &Utf8Path, to: &Utf8Path) -> std::io::Result<()> {
    faults::before("rename", to).and_then(|()| fs::rename(from, to))
}

/// Makes `path` a symbolic link.
pub(crate) fn symlink(target: &str, path: &Utf8Path) -> std::io::Result<()> {
    faults::before("symlink", path).and_then(|()| std::os::unix::fs::symlink(target, path))
}

/// Removes an empty directory.
pub(crate) fn remove_directory(path: &Utf8Path) -> std::io::Result<()> {
    faults::before("rmdir", path).and_then(|()| fs::remove_dir(path))
}

/// Removes a directory with all that is in it.
pub(crate) fn remove_tree(path: &Utf8Path) -> std::io::Result<()> {
    faults::before("remove the tree", path).and_then(|()| fs::remove_dir_all(path))
}

/// Opens a file for reading.
pub(crate) fn open(path: &Utf8Path) -> std::io::Result<File> {
    faults::before("open", path).and_then(|()| File::open(path))
}

/// Opens a regular file for reading; links are followed. A FIFO or device is not waited for.
pub(crate) fn open_regular(path: &Utf8Path) -> Result<File, Error> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = faults::before("open", path)
        .and_then(|()| Ok(File::from(rustix::fs::open(path.as_std_path(), flags, Mode::empty())?)))
        .map_err(Error::io("open", path))?;
    if file.metadata().map_err(Error::io("look at", path))?.is_file() {
        return Ok(file);
    }
    Err(Error::NotAFile { file: path.to_owned(), what: "is not a regular file" })
}

/// Opens a regular file below a directory for reading, by its path from there. `None` when there is none: no link is followed, nor a
/// way out of the directory.
pub(crate) fn open_beneath(directory: &Utf8Path, path: &Utf8Path) -> Result<Option<File>, Error> {
    let full = directory.join(path);
    let at = |flags, resolve, from: BorrowedFd<'_>, path: &Utf8Path| {
        let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC;
        rustix::fs::openat2(from, path.as_std_path(), flags, Mode::empty(), resolve)
    };
    let open = || {
        let directory = at(OFlags::DIRECTORY, ResolveFlags::empty(), rustix::fs::CWD, directory)?;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        at(OFlags::NONBLOCK | OFlags::NOCTTY, resolve, directory.as_fd(), path)
    };
    let file = match faults::before("open", &full).and_then(|()| Ok(open()?)) {
        Ok(file) => File::from(file),
        Err(error) => {
            let absent = [Errno::NOENT, Errno::NOTDIR, Errno::LOOP, Errno::XDEV, Errno::NXIO, Errno::NODEV];
            let is_absent = absent.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()));
            return if is_absent { Ok(None) } else { Err(Error::io("open", full)(error)) };
        }
    };
    let is_file = file.metadata().map_err(Error::io("look at", &full))?.is_file();
    Ok(is_file.then_some(file))
}

/// Sets the mode bits of `path`.
pub(crate) fn set_mode(path: &Utf8Path, mode: u32) -> Result<(), Error> {
    faults::before("chmod", path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .map_err(Error::io("set the mode of", path))
}

/// Creates a file that must not exist yet.
pub(crate) fn create_new(path: &Utf8Path, mode: u32) -> Result<File, Error> {
    // 0600 until it is complete; the final mode is set through the handle and so not subject to the umask.
    let file = faults::before("create", path)
        .and_then(|()| OpenOptions::new().write(true).create_new(true).mode(0o600).open(path))
        .map_err(Error::io("create", path))?;
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(Error::io("set the mode of", path))?;
    Ok(file)
}

/// Writes a whole new file, not yet synced.
pub(crate) fn write_new(path: &Utf8Path, bytes: &[u8], mode: u32) -> Result<File, Error> {
    let mut file = create_new(path, mode)?;
    faults::before("write", path).and_then(|()| file.write_all(bytes)).map_err(Error::io("write", path))?;
    Ok(file)
}

/// Reserves room for so many bytes from where a file is being written, where the file system can do that: it need not look for room
/// again and again, and a full disk is noticed at once.
pub(crate) fn reserve(file: &mut File, bytes: u64) -> std::io::Result<()> {
    use rustix::io::Errno;
    let start = file.stream_position()?;
    match rustix::fs::fallocate(&*file, rustix::fs::FallocateFlags::empty(), start, bytes) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
        result => Ok(result?),
    }
}

/// Replaces `path` by `bytes` in one step, durably. `temporary` is a name in the same file system that is free.
pub(crate) fn replace(path: &Utf8Path, bytes: &[u8], temporary: &Utf8Path) -> Result<(), Error> {
    remove_if_present(temporary)?;
    drop(write_new(temporary, bytes, mode::MUTABLE)?);
    sync_path(temporary)?;
    rename(temporary, path).map_err(Error::io("replace", path))?;
    path.parent().map_or(Ok(()), sync_path)
}

/// Makes `path` another name of `original`. Says whether it was new; an existing name is left alone.
pub(crate) fn link(original: &Utf8Path, path: &Utf8Path) -> Result<bool, Error> {
    match faults::before("link", path).and_then(|()| fs::hard_link(original, path)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(Error::io("make a hard link at", path)(error)),
    }
}

/// Like [`link`]; when `original` has as many names as its file system allows, `path` becomes a copy with its mode and time.
pub(crate) fn link_or_copy(original: &Utf8Path, path: &Utf8Path) -> Result<bool, Error> {
    match link(original, path) {
        Err(Error::Io { source, .. })
            if source.raw_os_error() == Some(rustix::io::Errno::MLINK.raw_os_error()) =>
        {
            let copy = || {
                fs::copy(original, path)?;
                let (file, metadata) = (File::open(path)?, fs::metadata(original)?);
                file.set_modified(metadata.modified()?)?;
                file.sync_all()
            };
            copy().map(|()| true).map_err(Error::io("copy a file to", path))
        }
        result => result,
    }
}

/// Makes `path` a symbolic link to `target`, replacing one that is there in one step. The directory is not yet synced.
pub(crate) fn point(path: &Utf8Path, target: &str, temporary: &Utf8Path) -> Result<(), Error> {
    remove_if_present(temporary)?;
    symlink(target, temporary).map_err(Error::io("create", temporary))?;
    rename(temporary, path).map_err(Error::io("switch", path))
}

/// Removes a file or link; it is no error when there is none.
pub(crate) fn remove_if_present(path: &Utf8Path) -> Result<(), Error> {
    match faults::before("unlink", path).and_then(|()| fs::remove_file(path)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// The bytes of a file; `None` when there is none. Any other failure is an error, never taken for absence.
pub(crate) fn read_if_present(path: &Utf8Path) -> Result<Option<Vec<u8>>, Error> {
    match faults::before("read", path).and_then(|()| fs::read(path)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

/// The names in a directory, sorted; none when the directory does not exist.
pub(crate) fn names_in(path: &Utf8Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    each_name_in(path, |name| names.push(name.to_owned()))?;
    names.sort_unstable();
    Ok(names)
}

/// The names in a directory as they come, for directories of very many; none when the directory does not exist.
pub(crate) fn each_name_in(path: &Utf8Path, mut take: impl FnMut(&str)) -> Result<(), Error> {
    let entries = match faults::before("list", path).and_then(|()| fs::read_dir(path)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("list", path)(error)),
    };
    for entry in entries {
        let name = entry.map_err(Error::io("list", path))?.file_name();
        // A name that is no UTF-8 is none of ours: in a folder that others write to it must not stop everything.
        if let Some(name) = name.to_str() {
            take(name);
        }
    }
    Ok(())
}

/// Sets the modification time of a file, in whole seconds since 1970.
pub(crate) fn set_modified(path: &Utf8Path, seconds: i64) -> Result<(), Error> {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let file = open(path).map_err(Error::io("open", path))?;
    faults::before("utimens", path)
        .and_then(|()| file.set_modified(time))
        .map_err(Error::io("set the time of", path))
}

/// Makes one file or directory survive a power cut.
pub(crate) fn sync_path(path: &Utf8Path) -> Result<(), Error> {
    let sync = || {
        let file = open(path)?;
        faults::before("fsync", path)?;
        file.sync_all()
    };
    sync().map_err(Error::io("sync", path))?;
    faults::synced(path);
    Ok(())
}

/// Makes all these files and directories survive a power cut.
///
/// All must lie on one file system.
pub(crate) fn sync_all(mut paths: Vec<Utf8PathBuf>) -> Result<(), Error> {
    paths.sort_unstable();
    paths.dedup();
    match paths.first() {
        Some(first) if paths.len() > SYNC_EACH => {
            let file = open(first).map_err(Error::io("open", first))?;
            faults::before("syncfs", first)
                .and_then(|()| rustix::fs::syncfs(&file).map_err(Into::into))
                .map_err(Error::io("sync the file system of", first))?;
            faults::synced_everything();
            Ok(())
        }
        _ => paths.iter().try_for_each(|path| sync_path(path)),
    }
}

/// When anything about a file changed last, its names and mode included. Unlike the modification time nobody can set it.
pub(crate) fn changed(metadata: &fs::Metadata) -> Timestamp {
    let nanoseconds = i32::try_from(metadata.ctime_nsec()).unwrap_or(0);
    Timestamp::new(metadata.ctime(), nanoseconds).unwrap_or(Timestamp::MAX)
}

/// Makes a file count as changed just now, without a change that a reader sees. Says whether it is still there.
///
/// This and [`remove_settled`] lock the file against each other.
pub(crate) fn touch(path: &Utf8Path) -> Result<bool, Error> {
    let Some(file) = open_if_present(path)? else { return Ok(false) };
    lock_file(&file, FlockOperation::LockShared).map_err(Error::io("lock", path))?;
    if !is_named(&file, path)? {
        return Ok(false);
    }
    // Setting the mode to what it is sets the change time, and nothing else.
    faults::before("touch", path)
        .and_then(|()| file.set_permissions(fs::Permissions::from_mode(mode::IMMUTABLE)))
        .map_err(Error::io("touch", path))?;
    Ok(true)
}

/// Removes a file and before it `others`, more names of it, unless it changed at `settled` or later or somebody is just touching
/// it. Says whether it did.
pub(crate) fn remove_settled(
    path: &Utf8Path,
    others: &[&Utf8Path],
    settled: Timestamp,
) -> Result<bool, Error> {
    let Some(file) = open_if_present(path)? else { return Ok(false) };
    match lock_file(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
        result => result.map_err(Error::io("lock", path))?,
    }
    let metadata = file.metadata().map_err(Error::io("look at", path))?;
    if changed(&metadata) >= settled || !is_named(&file, path)? {
        return Ok(false);
    }
    for name in others.iter().chain([&path]) {
        remove_if_present(name)?;
    }
    Ok(true)
}

fn open_if_present(path: &Utf8Path) -> Result<Option<File>, Error> {
    match open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("open", path)(error)),
    }
}

/// Whether `path` still is a name of an open file.
fn is_named(file: &File, path: &Utf8Path) -> Result<bool, Error> {
    let open = file.metadata().map_err(Error::io("look at", path))?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("look at", path)(error)),
    }
}

fn lock_file(file: &File, operation: FlockOperation) -> std::io::Result<()> {
    loop {
        match flock(file, operation) {
            Err(rustix::io::Errno::INTR) => {}
            result => return result.map_err(Into::into),
        }
    }
}

/// An exclusive lock on a file. The kernel releases it when the process ends, however that happens; the file stays.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Waits for the lock.
    pub(crate) fn acquire(path: &Utf8Path) -> Result<Self, Error> {
        Self::with(path, FlockOperation::LockExclusive).map_err(|error| Error::io("lock", path)(error))
    }

    /// Takes the lock if nobody holds it. Unlike [`acquire`](Self::acquire) it does not make the file.
    pub(crate) fn try_acquire(path: &Utf8Path) -> Result<Option<Self>, Error> {
        match Self::with(path, FlockOperation::NonBlockingLockExclusive) {
            Ok(lock) => Ok(Some(lock)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(Error::io("lock", path)(error)),
        }
    }

    /// Whether `path` is still the file that is locked, and not removed or another one by now.
    pub(crate) fn is_at(&self, path: &Utf8Path) -> bool {
        let id = |metadata: Metadata| (metadata.dev(), metadata.ino());
        let (own, there) = (self.file.metadata().map(id), fs::metadata(path).map(id));
        own.ok().zip(there.ok()).is_some_and(|(own, there)| own == there)
    }

    fn with(path: &Utf8Path, operation: FlockOperation) -> std::io::Result<Self> {
        let create = operation == FlockOperation::LockExclusive;
        faults::before("lock", path)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(create)
            .truncate(false)
            .mode(mode::MUTABLE)
            .open(path)?;
        // Whoever made it may have had another umask.
        if file.metadata()?.permissions().mode() & 0o777 != mode::MUTABLE {
            file.set_permissions(fs::Permissions::from_mode(mode::MUTABLE))?;
        }
        lock_file(&file, operation)?;
        Ok(Self { file })
    }
}

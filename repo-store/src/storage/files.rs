//! The few things done to a local file system, each with the care that durability asks for.
//!
//! A file is written under a temporary name, synced, and only then given its real one; code that creates or renames
//! something syncs the directory that holds it. Modes are set explicitly, so the umask does not matter.

#![allow(clippy::disallowed_methods, reason = "the one file that asks the disk by path")]

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Sha256;
use jiff::Timestamp;
use rustix::fs::{FlockOperation, OFlags, flock};
use sha2::Digest as _;

use crate::storage::beneath::{At, Status};
use crate::storage::obstacle::Obstacle;
pub(crate) use crate::storage::permissions::mode;
use crate::storage::{FileFault, StorageError, faults};

/// Above this many files one `syncfs` is faster than a sync of each, also while others write a lot: each sync waits for the disk to finish.
const SYNC_EACH: usize = 4;

/// Creates a directory and what is missing above it, and returns the directories whose entries changed.
pub(crate) fn create_directories<'a>(path: impl Into<At<'a>>) -> Result<Vec<Utf8PathBuf>, StorageError> {
    let at = path.into();
    if let Some((base, below)) = at.below() {
        return base.make(below).map(|(_, changed)| changed);
    }
    let path = at.full();
    let mut changed = Vec::new();
    let missing: Vec<&Utf8Path> =
        path.ancestors().take_while(|p| !p.as_str().is_empty() && !p.is_dir()).collect();
    for directory in missing.into_iter().rev() {
        match create_directory(directory) {
            Ok(()) => set_mode(directory, mode::DIRECTORY)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists && directory.is_dir() => {}
            Err(error) => {
                let error = Obstacle::explain_directory(directory, error);
                return Err(StorageError::io("create", directory)(error));
            }
        }
        // The parent of a relative path of one part is empty, which names no directory.
        let parent = directory.parent().filter(|parent| !parent.as_str().is_empty());
        changed.push(parent.unwrap_or(Utf8Path::new(".")).to_owned());
    }
    Ok(changed)
}

/// Creates one directory.
pub(crate) fn create_directory<'a>(path: impl Into<At<'a>>) -> std::io::Result<()> {
    let at = path.into();
    faults::before("mkdir", &at.full()).and_then(|()| at.create_directory())
}

/// Gives a file or directory another name, in place of what has that name.
pub(crate) fn rename<'a, 'b>(from: impl Into<At<'a>>, to: impl Into<At<'b>>) -> std::io::Result<()> {
    let to = to.into();
    faults::before("rename", &to.full()).and_then(|()| from.into().rename(&to))
}

/// Gives a regular file another name, which nothing may have.
pub(crate) fn rename_to_free(from: &At<'_>, to: &At<'_>) -> std::io::Result<()> {
    faults::before("rename", &to.full()).and_then(|()| from.rename_to_free(to))
}

/// Makes `path` a symbolic link.
pub(crate) fn symlink<'a>(target: &str, path: impl Into<At<'a>>) -> std::io::Result<()> {
    let at = path.into();
    faults::before("symlink", &at.full()).and_then(|()| at.symlink(target))
}

/// Removes an empty directory.
pub(crate) fn remove_directory<'a>(path: impl Into<At<'a>>) -> std::io::Result<()> {
    let at = path.into();
    faults::before("rmdir", &at.full()).and_then(|()| at.remove_directory())
}

/// Removes a directory with all that is in it.
pub(crate) fn remove_tree<'a>(path: impl Into<At<'a>>) -> std::io::Result<()> {
    let at = path.into();
    faults::before("remove the tree", &at.full()).and_then(|()| at.remove_tree())
}

/// Opens a file or directory for reading.
pub(crate) fn open<'a>(path: impl Into<At<'a>>) -> std::io::Result<File> {
    let at = path.into();
    faults::before("open", &at.full()).and_then(|()| at.open())
}

/// Opens a regular file for reading; links are followed. A FIFO or device is not waited for.
pub(crate) fn open_regular(path: &Utf8Path) -> Result<File, StorageError> {
    let file = faults::before("open", path)
        .and_then(|()| At::from(path).open_at_once(false))
        .map_err(StorageError::io("open", path))?;
    if file.metadata().map_err(StorageError::io("look at", path))?.is_file() {
        return Ok(file);
    }
    Err(StorageError::NotAFile { file: path.to_owned(), fault: FileFault::NotRegular })
}

/// Sets the mode bits of `path`.
pub(crate) fn set_mode<'a>(path: impl Into<At<'a>>, mode: u32) -> Result<(), StorageError> {
    let at = path.into();
    faults::before("chmod", &at.full())
        .and_then(|()| at.set_mode(mode))
        .map_err(StorageError::io("set the mode of", &*at.full()))
}

/// Creates a file that must not exist yet.
pub(crate) fn create_new<'a>(path: impl Into<At<'a>>, mode: u32) -> Result<File, StorageError> {
    let at = path.into();
    // 0600 until it is complete; the final mode is set through the handle and so not subject to the umask.
    let file = faults::before("create", &at.full())
        .and_then(|()| at.create_new(0o600))
        .map_err(StorageError::io("create", &*at.full()))?;
    file.set_permissions(fs::Permissions::from_mode(mode))
        .map_err(StorageError::io("set the mode of", &*at.full()))?;
    Ok(file)
}

/// Writes a whole new file, not yet synced.
pub(crate) fn write_new<'a>(path: impl Into<At<'a>>, bytes: &[u8], mode: u32) -> Result<File, StorageError> {
    let at = path.into();
    let mut file = create_new(at.clone(), mode)?;
    faults::before("write", &at.full())
        .and_then(|()| file.write_all(bytes))
        .map_err(StorageError::io("write", &*at.full()))?;
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

/// What a file is called on its way in a directory that has its own, under the lock of the directory.
pub(crate) const UNFINISHED: &str = ".new";

/// Replaces `path` by `bytes` in one step, durably. `temporary` is a name in the same file system that is free.
pub(crate) fn replace(path: &Utf8Path, bytes: &[u8], temporary: &Utf8Path) -> Result<(), StorageError> {
    remove_if_present(temporary)?;
    drop(write_new(temporary, bytes, mode::MUTABLE)?);
    sync_path(temporary)?;
    rename(temporary, path).map_err(StorageError::io("replace", path))?;
    path.parent().map_or(Ok(()), sync_path)
}

/// Makes `path` another name of `original`. Says whether it was new; an existing name is left alone.
pub(crate) fn link<'a, 'b>(
    original: impl Into<At<'a>>,
    path: impl Into<At<'b>>,
) -> Result<bool, StorageError> {
    let at = path.into();
    match faults::before("link", &at.full()).and_then(|()| original.into().link(&at)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(StorageError::io("make a hard link at", &*at.full())(error)),
    }
}

/// Like [`link`]; when `original` has as many names as its file system allows, `path` becomes a copy with its mode and time.
pub(crate) fn link_or_copy<'a, 'b>(
    original: impl Into<At<'a>>,
    path: impl Into<At<'b>>,
) -> Result<bool, StorageError> {
    let (original, at) = (original.into(), path.into());
    match link(original.clone(), at.clone()) {
        Err(StorageError::Io { source, .. })
            if source.raw_os_error() == Some(rustix::io::Errno::MLINK.raw_os_error()) =>
        {
            let copy = || {
                let mut from = original.open_file()?;
                let metadata = from.metadata()?;
                let mut file = at.create_new(0o600)?;
                std::io::copy(&mut from, &mut file)?;
                file.set_permissions(metadata.permissions())?;
                file.set_modified(metadata.modified()?)?;
                file.sync_all()
            };
            copy().map(|()| true).map_err(StorageError::io("copy a file to", &*at.full()))
        }
        result => result,
    }
}

/// Makes `path` a symbolic link to `target`, replacing one that is there in one step. The directory is not yet synced.
pub(crate) fn point<'a, 'b>(
    path: impl Into<At<'a>>,
    target: &str,
    temporary: impl Into<At<'b>>,
) -> Result<(), StorageError> {
    let (at, temporary) = (path.into(), temporary.into());
    remove_if_present(temporary.clone())?;
    symlink(target, temporary.clone()).map_err(StorageError::io("create", &*temporary.full()))?;
    rename(temporary, at.clone()).map_err(StorageError::io("switch", &*at.full()))
}

/// Removes a file or link; it is no error when there is none.
pub(crate) fn remove_if_present<'a>(path: impl Into<At<'a>>) -> Result<(), StorageError> {
    let at = path.into();
    match faults::before("unlink", &at.full()).and_then(|()| at.remove()) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(StorageError::io("remove", &*at.full())(error))
        }
        _ => Ok(()),
    }
}

/// The bytes of a file; `None` when there is none. Any other failure is an error, never taken for absence.
pub(crate) fn read_if_present<'a>(path: impl Into<At<'a>>) -> Result<Option<Vec<u8>>, StorageError> {
    let at = path.into();
    match faults::before("read", &at.full()).and_then(|()| read(at.clone())) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StorageError::io("read", &*at.full())(error)),
    }
}

/// Opens a regular file of the store for reading. A link is not followed there, and a pipe is not waited for.
pub(crate) fn open_kept(path: &Utf8Path) -> std::io::Result<File> {
    faults::before("open", path)?;
    regular(path, At::from(path).open_at_once(true)).map(|(file, _)| file)
}

/// The opened file with its size, if it is a regular one; what else lies at its path is named.
fn regular(path: &Utf8Path, opened: std::io::Result<File>) -> std::io::Result<(File, u64)> {
    match opened.and_then(|file| Ok((file.metadata()?, file))) {
        Ok((found, file)) if found.is_file() => Ok((file, found.len())),
        Ok(_) => Err(Obstacle::in_place_of_file(path)
            .map_or_else(|| ErrorKind::InvalidInput.into(), Obstacle::into_error)),
        // Not with the descriptors used up, and the like.
        Err(error) if error.raw_os_error().is_some_and(is_of_other_kind) => {
            Err(Obstacle::in_place_of_file(path).map_or(error, Obstacle::into_error))
        }
        Err(error) => Err(error),
    }
}

/// Whether the system refuses to open something in this way because it is a link, a socket or a device, or a directory.
fn is_of_other_kind(errno: i32) -> bool {
    use rustix::io::Errno;
    [Errno::LOOP, Errno::NXIO, Errno::NODEV, Errno::ISDIR].map(Errno::raw_os_error).contains(&errno)
}

/// The bytes of a regular file of the store; `None` when there is none. Any other failure is an error, never taken for absence.
pub(crate) fn read_kept(path: &Utf8Path) -> Result<Option<Vec<u8>>, StorageError> {
    let read = || -> std::io::Result<_> {
        faults::before("read", path)?;
        let (file, size) = regular(path, At::from(path).open_at_once(true))?;
        // One byte more, so that the end is found without more room. Left to itself, the library would ask for the size again.
        let room = usize::try_from(size).unwrap_or(PIECE).min(PIECE) + 1;
        let mut bytes = Vec::with_capacity(room);
        file.take(u64::MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StorageError::io("read", path)(error)),
    }
}

/// The bytes of a regular file.
pub(crate) fn read<'a>(path: impl Into<At<'a>>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    path.into().open_file()?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// So many bytes of a file from `start` on, fewer when it ends before; `None` when the file does not exist.
pub(crate) fn read_range(path: &Utf8Path, start: u64, length: u64) -> Result<Option<Vec<u8>>, StorageError> {
    let read = |mut file: File| {
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes).map(|_| bytes)
    };
    open_if_present(path)?.map(read).transpose().map_err(StorageError::io("read", path))
}

/// The last bytes of a file, `most` at the most; `None` when there is none.
pub(crate) fn end_of(path: &Utf8Path, most: u64) -> Result<Option<Vec<u8>>, StorageError> {
    let read = |mut file: File| {
        let start = file.metadata()?.len().saturating_sub(most);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes).map(|_| bytes)
    };
    open_if_present(path)?.map(read).transpose().map_err(StorageError::io("read", path))
}

/// The SHA-256 of a file.
pub(crate) fn sha256<'a>(path: impl Into<At<'a>>) -> std::io::Result<Sha256> {
    let mut hasher = sha2::Sha256::new();
    each_piece(path, |piece| hasher.update(piece))?;
    Ok(Sha256::from_bytes(hasher.finalize().into()))
}

/// Large enough for the widest vector code of BLAKE3, small enough to stay in the cache between reading and hashing; and the allocator
/// keeps room of this size instead of giving it back to the system, which would have to clear it again.
const PIECE: usize = 64 << 10;

/// Reads a file to its end, a piece at a time.
pub(crate) fn each_piece<'a>(path: impl Into<At<'a>>, mut take: impl FnMut(&[u8])) -> std::io::Result<()> {
    let mut file = path.into().open_file()?;
    let size = usize::try_from(file.metadata()?.len()).unwrap_or(PIECE);
    let mut buffer = vec![0; size.clamp(1, PIECE)];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => take(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The names in a directory, sorted; none when the directory does not exist.
pub(crate) fn names_in<'a>(path: impl Into<At<'a>>) -> Result<Vec<String>, StorageError> {
    let mut names = Vec::new();
    each_name_in(path, |name| names.push(name.to_owned()))?;
    names.sort_unstable();
    Ok(names)
}

/// The names in a directory as they come, for directories of very many; none when the directory does not exist. A name that is not
/// UTF-8 is left out.
pub(crate) fn each_name_in<'a>(path: impl Into<At<'a>>, take: impl FnMut(&str)) -> Result<(), StorageError> {
    let at = path.into();
    match faults::before("list", &at.full()).and_then(|()| at.each_name(take)) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(StorageError::io("list", &*at.full())(error))
        }
        _ => Ok(()),
    }
}

/// The names in a directory of what may be symbolic links, sorted; none when the directory does not exist.
pub(crate) fn names_of_links(path: &Utf8Path) -> Result<Vec<String>, StorageError> {
    match faults::before("list", path).and_then(|()| At::from(path).names_of_links()) {
        Ok(names) => Ok(names),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(StorageError::io("list", path)(error)),
    }
}

/// The names in a directory as they come, each with whether a directory has it; none when the directory does not exist. Only for
/// directories that nobody but the owner of the store can change.
pub(crate) fn each_entry_in(path: &Utf8Path, take: impl FnMut(&str, bool)) -> Result<(), StorageError> {
    match faults::before("list", path).and_then(|()| At::from(path).each_entry(take)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StorageError::io("list", path)(error)),
        _ => Ok(()),
    }
}

/// Sets the modification time of a file, in whole seconds since 1970.
pub(crate) fn set_modified<'a>(path: impl Into<At<'a>>, seconds: i64) -> Result<(), StorageError> {
    let at = path.into();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let file = open(at.clone()).map_err(StorageError::io("open", &*at.full()))?;
    faults::before("utimens", &at.full())
        .and_then(|()| file.set_modified(time))
        .map_err(StorageError::io("set the time of", &*at.full()))
}

/// Makes one file or directory survive a power cut.
pub(crate) fn sync_path<'a>(path: impl Into<At<'a>>) -> Result<(), StorageError> {
    let at = path.into();
    let full = at.full();
    let sync = || {
        let file = open(at.clone())?;
        faults::before("fsync", &full)?;
        file.sync_all()
    };
    sync().map_err(StorageError::io("sync", &*full))?;
    faults::synced(&full);
    Ok(())
}

/// Makes all these files and directories survive a power cut.
///
/// All must lie on one file system, at paths that only the owner of the store can change.
pub(crate) fn sync_all(mut paths: Vec<Utf8PathBuf>) -> Result<(), StorageError> {
    paths.sort_unstable();
    paths.dedup();
    sync_each(&paths.iter().map(At::from).collect::<Vec<_>>())
}

/// Makes all these files and directories, each of which is named once, survive a power cut. All must lie on one file system.
pub(crate) fn sync_each(places: &[At<'_>]) -> Result<(), StorageError> {
    match places.first() {
        Some(first) if places.len() > SYNC_EACH => {
            let full = first.full();
            let file = open(first.clone()).map_err(StorageError::io("open", &*full))?;
            faults::before("syncfs", &full)
                .and_then(|()| rustix::fs::syncfs(&file).map_err(Into::into))
                .map_err(StorageError::io("sync the file system of", &*full))?;
            faults::synced_everything();
            Ok(())
        }
        _ => places.iter().try_for_each(|place| sync_path(place.clone())),
    }
}

/// When anything about a file changed last, its names and mode included. Unlike the modification time nobody can set it.
pub(crate) fn changed(metadata: &fs::Metadata) -> Timestamp {
    Status::from(metadata).changed_at()
}

/// Makes a file count as changed just now, without a change that a reader sees. Says whether it is still there.
///
/// This and [`remove_settled`] lock the file against each other.
pub(crate) fn touch(path: &Utf8Path) -> Result<bool, StorageError> {
    let Some(file) = open_if_present(path)? else { return Ok(false) };
    lock_file(&file, FlockOperation::LockShared).map_err(StorageError::io("lock", path))?;
    if !is_named(&file, path)? {
        return Ok(false);
    }
    // Setting the mode to what it is sets the change time, and nothing else.
    faults::before("touch", path)
        .and_then(|()| file.set_permissions(fs::Permissions::from_mode(mode::IMMUTABLE)))
        .map_err(StorageError::io("touch", path))?;
    Ok(true)
}

/// Removes a file unless it changed at `settled` or later or somebody is just touching it, and returns whether it did. `before`
/// runs when that is certain.
pub(crate) fn remove_settled(
    path: &Utf8Path,
    settled: Timestamp,
    before: &mut dyn FnMut() -> Result<(), StorageError>,
) -> Result<bool, StorageError> {
    let Some(file) = open_if_present(path)? else { return Ok(false) };
    match lock_file(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
        result => result.map_err(StorageError::io("lock", path))?,
    }
    let metadata = file.metadata().map_err(StorageError::io("look at", path))?;
    if changed(&metadata) >= settled || !is_named(&file, path)? {
        return Ok(false);
    }
    before()?;
    remove_if_present(path)?;
    Ok(true)
}

fn open_if_present(path: &Utf8Path) -> Result<Option<File>, StorageError> {
    match open_kept(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StorageError::io("open", path)(error)),
    }
}

/// Returns what a path leads to, through links.
pub(crate) fn metadata(path: &Utf8Path) -> std::io::Result<Metadata> {
    fs::metadata(path)
}

/// Returns what is at a path, which may be a link.
pub(crate) fn metadata_of_itself(path: &Utf8Path) -> std::io::Result<Metadata> {
    fs::symlink_metadata(path)
}

/// Returns whether anything is at a path, even a link that leads nowhere.
pub(crate) fn is_taken(path: &Utf8Path) -> bool {
    metadata_of_itself(path).is_ok()
}

/// Returns whether a path leads to a directory.
pub(crate) fn is_directory(path: &Utf8Path) -> bool {
    path.is_dir()
}

/// Checks that something can be made in a directory, or where it is to be made.
pub(crate) fn check_writable(path: &Utf8Path) -> std::io::Result<()> {
    let there = path.ancestors().find(|path| path.as_str().is_empty() || is_taken(path));
    let there = there.filter(|path| !path.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    let wanted = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    rustix::fs::accessat(rustix::fs::CWD, there.as_std_path(), wanted, rustix::fs::AtFlags::EACCESS)
        .map_err(Into::into)
}

/// Returns the path without links and `..`.
pub(crate) fn canonical(path: &Utf8Path) -> std::io::Result<Utf8PathBuf> {
    path.canonicalize_utf8()
}

/// Opens a regular file of the store to read and write it, and makes it if need be. It is not written through a link.
pub(crate) fn open_or_create(path: &Utf8Path) -> std::io::Result<File> {
    regular(path, to_write(true).open(path)).map(|(file, _)| file)
}

/// How a file of the store is opened to be written in place.
fn to_write(create: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(create).truncate(false).mode(mode::MUTABLE);
    options.custom_flags((rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed());
    options
}

/// Whether `path` still is a name of an open file.
fn is_named(file: &File, path: &Utf8Path) -> Result<bool, StorageError> {
    let open = file.metadata().map_err(StorageError::io("look at", path))?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StorageError::io("look at", path)(error)),
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

impl Drop for Lock {
    fn drop(&mut self) {
        // To close the file is not enough: a process that another thread is just starting has it open for a moment longer.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

impl Lock {
    /// Waits for the lock.
    pub(crate) fn acquire(path: &Utf8Path) -> Result<Self, StorageError> {
        Self::with(path, FlockOperation::LockExclusive, true).map_err(StorageError::io("lock", path))
    }

    /// Waits for the lock of a directory itself, which needs no right to write anything. A link to a directory is refused.
    pub(crate) fn of_directory(path: &Utf8Path) -> Result<Self, StorageError> {
        let flags = (OFlags::DIRECTORY | OFlags::NOFOLLOW).bits().cast_signed();
        let lock = || {
            faults::before("lock", path)?;
            let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
            lock_file(&file, FlockOperation::LockExclusive)?;
            Ok(Self { file })
        };
        lock().map_err(StorageError::io("lock", path))
    }

    /// Takes the lock if nobody holds it.
    pub(crate) fn try_acquire(path: &Utf8Path) -> Result<Option<Self>, StorageError> {
        Self::without_waiting(path, true)
    }

    /// The same where the file is there already: it is not made.
    pub(crate) fn try_acquire_existing(path: &Utf8Path) -> Result<Option<Self>, StorageError> {
        Self::without_waiting(path, false)
    }

    fn without_waiting(path: &Utf8Path, create: bool) -> Result<Option<Self>, StorageError> {
        match Self::with(path, FlockOperation::NonBlockingLockExclusive, create) {
            Ok(lock) => Ok(Some(lock)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(StorageError::io("lock", path)(error)),
        }
    }

    /// Waits for the lock together with others that share it, where the file can be read: who only looks may not write here.
    pub(crate) fn share(path: &Utf8Path) -> Option<Self> {
        let file = open_kept(path).ok()?;
        lock_file(&file, FlockOperation::LockShared).ok()?;
        Some(Self { file })
    }

    /// Whether somebody holds the lock alone, as far as that can be told.
    pub(crate) fn is_held(path: &Utf8Path) -> bool {
        let Ok(file) = open_kept(path) else { return false };
        let lock = Self { file };
        lock_file(&lock.file, FlockOperation::NonBlockingLockShared)
            .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Gives the lock's file a time, for others to see.
    pub(crate) fn set_time(&self, time: Timestamp) -> Result<(), StorageError> {
        self.file.set_modified(SystemTime::from(time)).map_err(StorageError::io("set the time of", "a lock"))
    }

    /// Whether `path` is still the file that is locked, and not removed or another one by now.
    pub(crate) fn is_at(&self, path: &Utf8Path) -> bool {
        let id = |metadata: Metadata| (metadata.dev(), metadata.ino());
        let (own, there) = (self.file.metadata().map(id), fs::metadata(path).map(id));
        own.ok().zip(there.ok()).is_some_and(|(own, there)| own == there)
    }

    fn with(path: &Utf8Path, operation: FlockOperation, create: bool) -> std::io::Result<Self> {
        faults::before("lock", path)?;
        let (file, _) = regular(path, to_write(create).open(path))?;
        // The process that made it may have had another umask.
        if file.metadata()?.permissions().mode() & 0o777 != mode::MUTABLE {
            file.set_permissions(fs::Permissions::from_mode(mode::MUTABLE))?;
        }
        lock_file(&file, operation)?;
        Ok(Self { file })
    }
}

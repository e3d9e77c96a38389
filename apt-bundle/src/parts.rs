//! A file in pieces, for media that hold less than a bundle: `FILE.001`, `FILE.002` and so on, to be joined in that order.
//!
//! The pieces are nothing but the bytes of the file, so `cat FILE.???` joins them as well. A piece that is missing between others or that is shorter
//! than the first is found before anything is read. That the last one is missing shows when the bundle is read: [`CurrentPart::following`] names it.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};

/// The most pieces.
const MAX_PARTS: u32 = 999;

/// Returns the path of a piece, counted from 1.
#[must_use]
pub fn part_path(path: &Utf8Path, number: u32) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{path}.{number:03}"))
}

/// Writes a file, in pieces if a size is given. Nothing has its name before [`finish`](Self::finish): until then each piece has `.new`
/// behind it, and goes when the writer is dropped. What a process that was killed left goes when the next one begins. While one writer of a
/// name is alive, another one is refused with [`io::ErrorKind::ResourceBusy`].
#[derive(Debug)]
pub struct PartWriter {
    path: Utf8PathBuf,
    size: Option<u64>,
    /// The pieces so far. All of them stay locked to the end, not only the one that is being written.
    parts: Vec<UnfinishedPart>,
    /// How many bytes the last piece has.
    written: u64,
}

impl PartWriter {
    /// Begins a file. `size` is the most bytes of a piece; without it there is one file, called `path`.
    #[must_use]
    pub fn new(path: &Utf8Path, size: Option<u64>) -> Self {
        let size = size.map(|size| size.max(1));
        Self { path: path.to_owned(), size, parts: Vec::new(), written: 0 }
    }

    /// Makes everything durable, gives the pieces their names, and returns these.
    ///
    /// # Errors
    /// When that cannot be promised.
    pub fn finish(mut self) -> io::Result<Vec<Utf8PathBuf>> {
        if self.parts.is_empty() {
            self.begin_part()?;
        }
        self.sync_part()?;
        let next = part_path(&self.path, self.parts.len() as u32 + 1);
        if self.size.is_some() && next.exists() {
            let what = format!("{next} is a piece of another file; remove it first");
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
        }
        let paths = self.parts.iter().map(|part| part.path.clone()).collect();
        // The first one last: its lock keeps other writers from beginning until all have their names.
        for part in self.parts.drain(..).rev() {
            part.rename()?;
        }
        let directory = self.path.parent().filter(|parent| !parent.as_str().is_empty());
        File::open(directory.unwrap_or(Utf8Path::new(".")))?.sync_all()?;
        Ok(paths)
    }

    fn begin_part(&mut self) -> io::Result<()> {
        let number = self.parts.len() as u32 + 1;
        if number > MAX_PARTS {
            return Err(io::Error::other("more than 999 pieces"));
        }
        let path = if self.size.is_some() { part_path(&self.path, number) } else { self.path.clone() };
        let part = UnfinishedPart::open(path, OpenOptions::new().create(true).truncate(false).write(true))?;
        part.file.set_len(0)?;
        if number == 1 {
            self.remove_left_over()?;
        }
        self.parts.push(part);
        self.written = 0;
        Ok(())
    }

    /// Removes what a process that was killed left of this file.
    ///
    /// Fails if another process is writing the file: it may write pieces and this one a whole file, or the other way round.
    fn remove_left_over(&self) -> io::Result<()> {
        let first = if self.size.is_some() { 2 } else { 1 };
        let parts = (first..=MAX_PARTS).map(|number| part_path(&self.path, number));
        let whole = self.size.is_some().then(|| self.path.clone());
        for path in parts.chain(whole) {
            match UnfinishedPart::open(path, OpenOptions::new().write(true)) {
                Ok(left_over) => drop(left_over),
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => return Err(error),
                // It is not there, or it cannot be opened; in that case it is in the way of the piece with its number alone.
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn sync_part(&self) -> io::Result<()> {
        self.parts.last().map_or(Ok(()), |part| part.file.sync_all())
    }
}

impl Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_full = self.size.is_some_and(|size| self.written >= size);
        if is_full {
            self.sync_part()?;
        }
        if is_full || self.parts.is_empty() {
            self.begin_part()?;
        }
        let left = self.size.map_or(u64::MAX, |size| size - self.written);
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let Some(part) = self.parts.last_mut() else { return Ok(0) };
        let count = part.file.write(bytes.get(..length).unwrap_or_default())?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A piece with `.new` behind its name. It is locked, and removed when it is dropped.
#[derive(Debug)]
struct UnfinishedPart {
    /// The path that it will have.
    path: Utf8PathBuf,
    file: File,
    is_renamed: bool,
}

impl UnfinishedPart {
    /// Opens and locks what will be called `path`. The content is not changed.
    fn open(path: Utf8PathBuf, options: &mut OpenOptions) -> io::Result<Self> {
        // A pipe is not waited for, and the target of a link is not written to.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = options.custom_flags(flags.bits() as i32).open(unfinished(&path))?;
        Self::lock(path, file)
    }

    /// Locks a file that was opened under the name that `path` has until it is finished.
    fn lock(path: Utf8PathBuf, file: File) -> io::Result<Self> {
        let has_lock = match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => true,
            Err(rustix::io::Errno::WOULDBLOCK) => false,
            Err(errno) => return Err(errno.into()),
        };
        // Between the opening and the lock another writer may have finished: then this file is its result, and has another name by now.
        if !has_lock || !is_at(&file, &unfinished(&path))? {
            let what = format!("another process is writing {path}");
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, what));
        }
        Ok(Self { path, file, is_renamed: false })
    }

    fn rename(mut self) -> io::Result<()> {
        std::fs::rename(unfinished(&self.path), &self.path)?;
        self.is_renamed = true;
        Ok(())
    }
}

impl Drop for UnfinishedPart {
    fn drop(&mut self) {
        if !self.is_renamed {
            let _ = std::fs::remove_file(unfinished(&self.path));
        }
    }
}

/// Returns whether an open file is the one that a path leads to.
fn is_at(file: &File, path: &Utf8Path) -> io::Result<bool> {
    let identity = |found: &Metadata| (found.dev(), found.ino());
    match std::fs::symlink_metadata(path) {
        Ok(found) => Ok(identity(&found) == identity(&file.metadata()?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn unfinished(path: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{path}.new"))
}

/// Why a file or its pieces cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartError {
    /// A piece is not there, and a later one is.
    #[error("{path} is missing, and {later} is there")]
    Missing {
        /// The piece.
        path: Utf8PathBuf,
        /// The later one.
        later: Utf8PathBuf,
    },
    /// A piece that others follow has not the size of the first: it was cut short, or belongs to another file.
    #[error("{path} has {size} bytes, and {first} has {expected}: only the last piece may be smaller")]
    Size {
        /// The piece.
        path: Utf8PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The first piece.
        first: Utf8PathBuf,
        /// The size of the first in bytes.
        expected: u64,
    },
    /// What has the name is not a file that can be read from its beginning to its end: a directory, a pipe or a device.
    #[error("{path} is not a regular file")]
    NotAFile {
        /// Its path.
        path: Utf8PathBuf,
    },
    /// The system refuses.
    #[error("cannot open {path}")]
    Io {
        /// What was opened.
        path: Utf8PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Reads a file or its pieces.
#[derive(Debug)]
pub struct PartReader {
    /// The pieces that are left, the next one last.
    left: Vec<Utf8PathBuf>,
    file: File,
    current: CurrentPart,
}

/// The piece that a [`PartReader`] reads, for as long as somebody wants to know.
#[derive(Clone, Debug)]
pub struct CurrentPart(Arc<Mutex<Reading>>);

#[derive(Debug)]
struct Reading {
    path: Utf8PathBuf,
    /// The piece that would come after the last one; `None` for a file in one.
    following: Option<Utf8PathBuf>,
    /// Whether everything was read.
    is_at_end: bool,
}

impl CurrentPart {
    /// Returns the path of the piece.
    #[must_use]
    pub fn path(&self) -> Utf8PathBuf {
        self.lock().path.clone()
    }

    /// Returns the piece that is missing if more was expected where the last one ended; `None` for a file that is not in pieces, and before the end.
    #[must_use]
    pub fn following(&self) -> Option<Utf8PathBuf> {
        let reading = self.lock();
        reading.following.clone().filter(|_| reading.is_at_end)
    }

    fn lock(&self) -> MutexGuard<'_, Reading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartReader {
    /// Opens `path`, or, when that does not exist, its pieces: `path.001` and so on. Any of the pieces may be given as well.
    ///
    /// # Errors
    /// [`PartError`]. A pipe is refused, and not waited for.
    pub fn open(path: &Utf8Path) -> Result<Self, PartError> {
        let Some(base) = base_of(path) else { return Self::of(path.to_owned(), Vec::new(), None) };
        let part = |number| part_path(base, number);
        let Some(last) = (1..=MAX_PARTS).rev().find(|number| part(*number).exists()) else {
            return Self::of(path.to_owned(), Vec::new(), None);
        };
        let looking = |path: &Utf8Path| {
            let path = path.to_owned();
            move |source| PartError::Io { path, source }
        };
        let first = part(1);
        let expected =
            if first.exists() { Some(first.metadata().map_err(looking(&first))?.len()) } else { None };
        for number in 1..last {
            let path = part(number);
            let Some(expected) = expected.filter(|_| path.exists()) else {
                return Err(PartError::Missing { path, later: part(last) });
            };
            let size = path.metadata().map_err(looking(&path))?.len();
            if size != expected {
                return Err(PartError::Size { path, size, first, expected });
            }
        }
        Self::of(first, (2..=last).rev().map(part).collect(), Some(part(last + 1)))
    }

    fn of(
        first: Utf8PathBuf,
        left: Vec<Utf8PathBuf>,
        following: Option<Utf8PathBuf>,
    ) -> Result<Self, PartError> {
        let file = open_file(&first)?;
        let reading = Reading { path: first, following, is_at_end: false };
        Ok(Self { left, file, current: CurrentPart(Arc::new(Mutex::new(reading))) })
    }

    /// Returns how many bytes all pieces have that were not opened yet, and the one that was.
    ///
    /// # Errors
    /// When a piece cannot be looked at.
    pub fn size(&self) -> io::Result<u64> {
        let rest = self.left.iter().map(|path| Ok(path.metadata()?.len()));
        let rest = rest.sum::<io::Result<u64>>()?;
        Ok(self.file.metadata()?.len().saturating_add(rest))
    }

    /// Returns what names the piece that is being read.
    #[must_use]
    pub fn current(&self) -> CurrentPart {
        self.current.clone()
    }
}

impl Read for PartReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.file.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let Some(next) = self.left.pop() else {
                self.current.lock().is_at_end = true;
                return Ok(0);
            };
            self.file = open_file(&next).map_err(io::Error::other)?;
            self.current.lock().path = next;
        }
    }
}

/// Returns what pieces are called without their numbers, if `path` means pieces.
fn base_of(path: &Utf8Path) -> Option<&Utf8Path> {
    let piece = path.as_str().rsplit_once('.').filter(|(_, number)| {
        number.len() == 3 && number.bytes().all(|digit| digit.is_ascii_digit()) && *number != "000"
    });
    match piece {
        Some((base, "001")) => Some(Utf8Path::new(base)),
        // `release.042` may be the name of a whole file.
        Some((base, _)) if !path.exists() || part_path(Utf8Path::new(base), 1).exists() => {
            Some(Utf8Path::new(base))
        }
        _ => (!path.exists()).then_some(path),
    }
}

/// Opens a regular file. Opening a pipe would wait until somebody writes to it.
fn open_file(path: &Utf8Path) -> Result<File, PartError> {
    let failed = |source: io::Error| PartError::Io { path: path.to_owned(), source };
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path.as_std_path(), flags, Mode::empty());
    let file = File::from(file.map_err(|errno| failed(errno.into()))?);
    match file.metadata().map_err(failed)?.is_file() {
        true => Ok(file),
        false => Err(PartError::NotAFile { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_finished_between_its_opening_and_its_lock_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap().join("x.bundle");
        let mut writer = PartWriter::new(&path, None);
        writer.write_all(b"finished").unwrap();
        let late = OpenOptions::new().write(true).open(unfinished(&path)).unwrap();
        writer.finish().unwrap();
        // The name is free, or somebody else has begun.
        for is_taken in [false, true] {
            if is_taken {
                std::fs::write(unfinished(&path), "begun").unwrap();
            }
            let refused = UnfinishedPart::lock(path.clone(), late.try_clone().unwrap()).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ResourceBusy);
            assert_eq!(unfinished(&path).exists(), is_taken);
        }
        assert_eq!(std::fs::read(&path).unwrap(), b"finished");
    }
}

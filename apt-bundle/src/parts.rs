//! A file in pieces, for media that hold less than a bundle: `FILE.001`, `FILE.002` and so on, to be joined in that order.
//!
//! The pieces are nothing but the bytes of the file, so `cat FILE.???` joins them as well. A piece that is missing, that comes at the wrong place or
//! is cut short is found when the bundle is read, and [`PartReader::current`] names the file that was being read then.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};

/// The most pieces.
const MAX_PARTS: u32 = 999;

/// Returns the path of a piece, counted from 1.
#[must_use]
pub fn part_path(path: &Utf8Path, number: u32) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{path}.{number:03}"))
}

/// Writes a file, in pieces if a size is given. Nothing has its name before [`finish`](Self::finish): until then each piece has `.new`
/// behind it, and goes when the writer is dropped.
#[derive(Debug)]
pub struct PartWriter {
    path: Utf8PathBuf,
    size: Option<u64>,
    /// The pieces so far, by their final paths.
    parts: Vec<Utf8PathBuf>,
    file: Option<File>,
    /// How many bytes the last piece has.
    written: u64,
    finished: bool,
}

impl PartWriter {
    /// Begins a file. `size` is the most bytes of a piece; without it there is one file, called `path`.
    #[must_use]
    pub fn new(path: &Utf8Path, size: Option<u64>) -> Self {
        let size = size.map(|size| size.max(1));
        Self { path: path.to_owned(), size, parts: Vec::new(), file: None, written: 0, finished: false }
    }

    /// Makes everything durable, gives the pieces their names, and returns these.
    ///
    /// # Errors
    /// When that cannot be promised.
    pub fn finish(mut self) -> io::Result<Vec<Utf8PathBuf>> {
        if self.file.is_none() {
            self.begin_part()?;
        }
        self.end_part()?;
        let next = part_path(&self.path, self.parts.len() as u32 + 1);
        if self.size.is_some() && next.exists() {
            let what = format!("{next} is a piece of another file; remove it first");
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
        }
        for part in &self.parts {
            std::fs::rename(unfinished(part), part)?;
        }
        let directory = self.path.parent().filter(|parent| !parent.as_str().is_empty());
        File::open(directory.unwrap_or(Utf8Path::new(".")))?.sync_all()?;
        self.finished = true;
        Ok(std::mem::take(&mut self.parts))
    }

    fn begin_part(&mut self) -> io::Result<()> {
        let number = self.parts.len() as u32 + 1;
        if number > MAX_PARTS {
            return Err(io::Error::other("more than 999 pieces"));
        }
        let path = if self.size.is_some() { part_path(&self.path, number) } else { self.path.clone() };
        self.file = Some(File::create(unfinished(&path))?);
        self.parts.push(path);
        self.written = 0;
        Ok(())
    }

    fn end_part(&mut self) -> io::Result<()> {
        self.file.take().map_or(Ok(()), |file| file.sync_all())
    }
}

impl Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.size.is_some_and(|size| self.written >= size) {
            self.end_part()?;
        }
        if self.file.is_none() {
            self.begin_part()?;
        }
        let left = self.size.map_or(u64::MAX, |size| size - self.written);
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let Some(file) = &mut self.file else { return Ok(0) };
        let count = file.write(bytes.get(..length).unwrap_or_default())?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for PartWriter {
    fn drop(&mut self) {
        if !self.finished {
            for part in &self.parts {
                let _ = std::fs::remove_file(unfinished(part));
            }
        }
    }
}

fn unfinished(path: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{path}.new"))
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
pub struct CurrentPart(Arc<Mutex<Utf8PathBuf>>);

impl CurrentPart {
    /// Returns the path of the piece.
    #[must_use]
    pub fn path(&self) -> Utf8PathBuf {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl PartReader {
    /// Opens `path`, or, when that does not exist, `path.001` and all that follow it without a gap. The first piece may be given as well.
    ///
    /// # Errors
    /// When neither can be opened.
    pub fn open(path: &Utf8Path) -> io::Result<Self> {
        let base = path.as_str().strip_suffix(".001").map(Utf8Path::new);
        let base = match base {
            Some(base) => base,
            None if !path.exists() && part_path(path, 1).exists() => path,
            None => return Self::of(path.to_owned(), Vec::new()),
        };
        let mut left: Vec<Utf8PathBuf> =
            (2..=MAX_PARTS).map(|number| part_path(base, number)).take_while(|part| part.exists()).collect();
        left.reverse();
        Self::of(part_path(base, 1), left)
    }

    fn of(first: Utf8PathBuf, left: Vec<Utf8PathBuf>) -> Result<Self, io::Error> {
        let file = File::open(&first)?;
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Self { left, file, current: CurrentPart(Arc::new(Mutex::new(first))) })
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
            let Some(next) = self.left.pop() else { return Ok(0) };
            self.file = File::open(&next)?;
            *self.current.0.lock().unwrap_or_else(PoisonError::into_inner) = next;
        }
    }
}

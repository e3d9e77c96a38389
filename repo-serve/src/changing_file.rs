//! A small file that others may change while it is served.

use std::fs::{self, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::time::{Duration, SystemTime};

use camino::Utf8Path;

/// For that long after it was written a file may be written again without a difference in its times.
const TICK: Duration = Duration::from_secs(2);

/// What is known of a file: as it was when its text was last of use.
#[derive(Debug, Default)]
pub(super) struct ChangingFile {
    /// The file as it was then; `None` when it may have been changed since without showing it, or could not be looked at.
    state: Option<State>,
    /// Its text, if that could be used.
    text: Option<String>,
}

/// A file that looks changed.
#[derive(Debug)]
pub(super) struct Look {
    text: String,
    state: Option<State>,
    is_new: bool,
}

/// What differs when a file was written or replaced.
#[derive(Debug, PartialEq, Eq)]
struct State {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl State {
    fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Look {
    /// The text, if it is another one than before.
    pub(super) fn new_text(&self) -> Option<&str> {
        self.is_new.then_some(&self.text)
    }
}

impl ChangingFile {
    /// Reads the file if it looks changed.
    pub(super) fn look(&self, path: &Utf8Path) -> io::Result<Option<Look>> {
        let metadata = fs::metadata(path)?;
        let state = State::of(&metadata);
        if self.state.as_ref() == Some(&state) {
            return Ok(None);
        }
        let text = text_of(path)?;
        let is_new = self.text.as_ref() != Some(&text);
        let age = metadata.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
        Ok(Some(Look { text, state: age.is_some_and(|age| age > TICK).then_some(state), is_new }))
    }

    /// Remembers what was read, which was of use.
    pub(super) fn keep(&mut self, look: Look) {
        (self.state, self.text) = (look.state, Some(look.text));
    }

    /// Looks into the file the next time even if it looks unchanged.
    pub(super) fn distrust(&mut self) {
        self.state = None;
    }
}

/// Reads a regular file.
pub(super) fn text_of(path: &Utf8Path) -> io::Result<String> {
    // A named pipe would block forever.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

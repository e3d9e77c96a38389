//! A file of users that may be changed while it is served.

use std::fs::{self, Metadata};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};

use super::users::{Users, UsersError};

/// For that long after it was written a file may be written again without a difference in its times.
const TICK: Duration = Duration::from_secs(2);

/// The users that a file names, read again when it changes: a changed password needs no restart.
///
/// While the file cannot be read, or a line of it is wrong, the users are those it named before, and standard error says why.
#[derive(Debug)]
pub(crate) struct UserFile {
    path: Utf8PathBuf,
    read: Mutex<Read>,
}

/// What was read last.
#[derive(Debug)]
struct Read {
    /// The file as it was then; `None` when it may have been changed since without showing it, or could not be looked at.
    state: Option<State>,
    text: String,
    users: Arc<Users>,
    /// What standard error was told last.
    problem: Option<String>,
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

impl UserFile {
    /// Reads a file in the format of htpasswd(1).
    pub(crate) fn load(path: &Utf8Path) -> Result<Self, UsersError> {
        let text = text_of(path)?;
        let users = Arc::new(Users::parse(&text, path)?);
        let read = Mutex::new(Read { state: None, text, users, problem: None });
        Ok(Self { path: path.to_owned(), read })
    }

    /// The users as the file names them now.
    pub(crate) fn users(&self) -> Arc<Users> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = read.refresh(&self.path) {
            let problem = crate::error::chain(&error);
            if read.problem.as_ref() != Some(&problem) {
                let _ = writeln!(io::stderr().lock(), "warning: {problem}; the users stay as they were");
                read.problem = Some(problem);
            }
        } else {
            read.problem = None;
        }
        Arc::clone(&read.users)
    }
}

impl Read {
    fn refresh(&mut self, path: &Utf8Path) -> Result<(), UsersError> {
        let metadata = fs::metadata(path).map_err(|source| UsersError::Read { path: path.into(), source })?;
        let state = State::of(&metadata);
        if self.state.as_ref() == Some(&state) {
            return Ok(());
        }
        let text = text_of(path)?;
        if text != self.text {
            self.users = Arc::new(Users::parse(&text, path)?);
            self.text = text;
        }
        let age = metadata.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
        self.state = age.is_some_and(|age| age > TICK).then_some(state);
        Ok(())
    }
}

fn text_of(path: &Utf8Path) -> Result<String, UsersError> {
    fs::read_to_string(path).map_err(|source| UsersError::Read { path: path.into(), source })
}

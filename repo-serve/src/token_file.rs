//! The tokens that may read a repository, in a file that may be changed while it is served.

use std::fmt;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};

use super::api::Caller;
use super::changing_file::ChangingFile;

/// The tokens that count now, with their holders. They are asked for each request, so an answer should take microseconds.
pub trait TokenHolders: Send + Sync {
    /// Returns the name of the holder, if the token reads by apt.
    fn holder_of(&self, token: &str) -> Option<String>;

    /// Returns the holder with what the token may do through the interface for programs.
    fn caller_of(&self, token: &str) -> Option<Caller> {
        let _ = token;
        None
    }
}

/// Reads the text of a file of tokens; the error says what is wrong with it.
pub type ReadTokens = dyn Fn(&str) -> Result<Arc<dyn TokenHolders>, String> + Send + Sync;

/// The tokens that a file names, read again when it changes: a token that was revoked is worthless at once.
///
/// A file that is not there names none. While it cannot be read or is damaged, nobody is let in by a token: an older list may have some that
/// were revoked since.
pub struct TokenFile {
    path: Utf8PathBuf,
    read: Box<ReadTokens>,
    holders: RwLock<Option<Arc<dyn TokenHolders>>>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    file: ChangingFile,
    problem: Option<String>,
    /// When the last look at it began.
    looked: Option<Instant>,
}

impl TokenFile {
    /// Reads a file of tokens.
    pub fn load(
        path: &Utf8Path,
        read: impl Fn(&str) -> Result<Arc<dyn TokenHolders>, String> + Send + Sync + 'static,
    ) -> Self {
        let (path, holders, known) = (path.to_owned(), RwLock::default(), Mutex::default());
        let file = Self { path, read: Box::new(read), holders, known };
        file.refresh();
        file
    }

    /// Returns whose token this is.
    pub(crate) fn holder_of(&self, token: &str) -> Option<String> {
        self.holders()?.holder_of(token)
    }

    /// Returns whose token this is, with what it may do.
    pub(crate) fn caller_of(&self, token: &str) -> Option<Caller> {
        self.holders()?.caller_of(token)
    }

    /// Looks at the file because a token is not known: it may have been made this moment. It may block.
    pub(crate) fn look_again(&self) {
        let asked = Instant::now();
        let mut known = self.known();
        // Those who wait for a look share the next one: it begins after each of them came, so it sees every token that they can have.
        if known.looked.is_none_or(|looked| looked < asked) {
            // What is wrong with it is told when it is looked at next.
            self.update(&mut known);
        }
    }

    /// Returns whether nobody is let in because the file cannot be used.
    pub(crate) fn is_unusable(&self) -> bool {
        self.holders().is_none()
    }

    /// Returns what was wrong with the file when it was read last.
    pub fn problem(&self) -> Option<String> {
        self.known().problem.clone()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holders(&self) -> Option<Arc<dyn TokenHolders>> {
        // What is exchanged is one pointer, so a poisoned lock is as good as any.
        self.holders.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file again if it has changed, and returns what is wrong with it, once. It may block.
    pub(crate) fn refresh(&self) -> Option<String> {
        let mut known = self.known();
        let problem = self.update(&mut known);
        let is_known = problem == std::mem::replace(&mut known.problem, problem.clone());
        problem
            .filter(|_| !is_known)
            .map(|problem| format!("{problem}; no token counts until that is mended"))
    }

    /// Reads the file again if it has changed, and returns what is wrong with it.
    fn update(&self, known: &mut Known) -> Option<String> {
        known.looked = Some(Instant::now());
        match self.look(&mut known.file) {
            Ok(None) => None,
            Ok(Some(holders)) => {
                self.replace(Some(holders));
                None
            }
            Err(problem) => {
                self.replace(None);
                // What it has next is read whatever it had before.
                known.file = ChangingFile::default();
                Some(problem)
            }
        }
    }

    /// Reads the file at the next [`refresh`](Self::refresh) even if it looks unchanged.
    pub(crate) fn distrust(&self) {
        let mut known = self.known();
        known.file.distrust();
        known.problem = None;
    }

    fn look(&self, file: &mut ChangingFile) -> Result<Option<Arc<dyn TokenHolders>>, String> {
        let look = match file.look(&self.path) {
            Ok(Some(look)) => look,
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                *file = ChangingFile::default();
                return (self.read)("").map(Some);
            }
            Err(error) => return Err(format!("cannot read {}: {error}", self.path)),
        };
        let read = look.new_text().map(|text| (self.read)(text)).transpose();
        let holders = read.map_err(|problem| format!("{}: {problem}", self.path))?;
        file.keep(look);
        Ok(holders)
    }

    fn replace(&self, holders: Option<Arc<dyn TokenHolders>>) {
        *self.holders.write().unwrap_or_else(PoisonError::into_inner) = holders;
    }
}

impl fmt::Debug for TokenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFile").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Knows each token that stands in a line of its own.
    struct Lines(String);

    impl TokenHolders for Lines {
        fn holder_of(&self, token: &str) -> Option<String> {
            self.0.lines().find(|line| *line == token).map(str::to_owned)
        }
    }

    #[test]
    fn a_token_made_right_after_a_look_counts_for_who_asks_after_that() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().join("tokens")).unwrap();
        let file = TokenFile::load(&path, |text| Ok(Arc::new(Lines(text.to_owned()))));
        let mut text = String::new();
        for number in 0..20 {
            let token = format!("repo_{number}");
            assert_eq!(file.refresh(), None);
            text.push_str(&format!("{token}\n"));
            std::fs::write(&path, &text).unwrap();
            file.look_again();
            assert_eq!(file.holder_of(&token), Some(token));
        }
    }
}

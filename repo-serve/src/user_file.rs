//! A file of users that may be changed while it is served.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use camino::{Utf8Path, Utf8PathBuf};

use super::changing_file::{ChangingFile, text_of};
use super::users::{Users, UsersError, entries_in, mistakes_in};

/// The users that a file names, read again when it changes: a changed password needs no restart.
///
/// While the file cannot be read, or a line of it is wrong, the users are those it named before: a typo locks nobody out. A server that
/// starts then has no users, and the repository is closed.
#[derive(Debug)]
pub struct UserFile {
    path: Utf8PathBuf,
    users: RwLock<Option<Arc<Users>>>,
    read: Mutex<Read>,
}

/// What was read last.
#[derive(Debug)]
struct Read {
    file: ChangingFile,
    /// What was said last to be wrong.
    problem: Option<String>,
}

impl UserFile {
    /// Reads a file in the format of htpasswd(1). [`problem`](Self::problem) tells what is wrong with it.
    pub fn load(path: &Utf8Path) -> Self {
        let mut read = Read { file: ChangingFile::default(), problem: None };
        let users = match read.refresh(path) {
            Ok(users) => users.map(Arc::new),
            Err(error) => {
                read.problem = Some(error.explanation());
                None
            }
        };
        Self { path: path.to_owned(), users: RwLock::new(users), read: Mutex::new(read) }
    }

    /// Returns where the file is.
    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Returns everything that is wrong with a file in the format of htpasswd(1), each with the line in it, from 1, if it is about one.
    pub fn mistakes(path: &Utf8Path) -> Vec<(Option<usize>, String)> {
        let failed = |source| vec![UsersError::Read { path: path.into(), source }];
        let mistakes = text_of(path).map_or_else(failed, |text| mistakes_in(&text, path));
        let with_line = |error: UsersError| {
            let line = if let UsersError::Line { line, .. } = &error { Some(*line) } else { None };
            (line, error.explanation())
        };
        mistakes.into_iter().map(with_line).collect()
    }

    /// Returns the names and the hashes of a file in the format of htpasswd(1), as they stand there.
    ///
    /// # Errors
    /// What is wrong with the file, if anything is: its users are all of its lines or none.
    pub fn entries(path: &Utf8Path) -> Result<Vec<(String, String)>, String> {
        let failed = |source| UsersError::Read { path: path.into(), source }.explanation();
        let text = text_of(path).map_err(failed)?;
        let first = mistakes_in(&text, path).into_iter().next();
        first.map_or_else(|| Ok(entries_in(&text)), |mistake| Err(mistake.explanation()))
    }

    /// Returns what was wrong with the file when it was read last.
    pub fn problem(&self) -> Option<String> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).problem.clone()
    }

    /// Returns the users as they were read last; `None` when the file could not be used so far. It does not look at the file:
    /// [`refresh`](Self::refresh) does.
    pub(crate) fn users(&self) -> Option<Arc<Users>> {
        // What is exchanged is one pointer, so a poisoned lock is as good as any.
        self.users.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file again if it has changed. Users whose hash is the same stay logged in. Returns what is wrong with the file, once.
    /// It may block.
    pub(crate) fn refresh(&self) -> Option<String> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let problem = match read.refresh(&self.path) {
            Ok(None) => None,
            Ok(Some(users)) => {
                self.replace(users);
                None
            }
            Err(error) => Some(error.explanation()),
        };
        let is_known = problem == std::mem::replace(&mut read.problem, problem.clone());
        let effect = match self.users() {
            Some(_) => "the users stay as they were, but a restart closes the repository",
            None => "the repository stays closed",
        };
        problem.filter(|_| !is_known).map(|problem| format!("{problem}; {effect}"))
    }

    /// Reads the file at the next [`refresh`](Self::refresh) even if it looks unchanged.
    pub(crate) fn distrust(&self) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.file.distrust();
        read.problem = None;
    }

    /// Takes over who is logged in from what served before.
    pub(crate) fn keep_verified(&self, before: &Self) {
        let Some(others) = before.users() else { return };
        let users = match self.users() {
            Some(users) => Arc::new(users.with_verified_of(&others)),
            // The same file, which cannot be used now.
            None if self.path == before.path => others,
            None => return,
        };
        *self.users.write().unwrap_or_else(PoisonError::into_inner) = Some(users);
    }

    fn replace(&self, users: Users) {
        let users = match self.users() {
            Some(before) => users.with_verified_of(&before),
            None => users,
        };
        *self.users.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(users));
    }
}

impl Read {
    /// The users, if the file has changed.
    fn refresh(&mut self, path: &Utf8Path) -> Result<Option<Users>, UsersError> {
        let failed = |source| UsersError::Read { path: path.into(), source };
        let Some(look) = self.file.look(path).map_err(failed)? else { return Ok(None) };
        let users = look.new_text().map(|text| Users::parse(text, path)).transpose()?;
        self.file.keep(look);
        Ok(users)
    }
}

//! Users and their passwords, read from a file in the format of htpasswd(1).

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};

use super::password::PasswordHash;
use super::random;

/// The users who may read a repository.
///
/// A password that was right once is known by a keyed hash from then on, so that a slow scheme such as bcrypt costs its
/// time once per user and not once per request. The key is random and lives in this process only; passwords are not kept.
pub(crate) struct Users {
    users: BTreeMap<String, User>,
    key: [u8; 32],
}

struct User {
    hash: PasswordHash,
    /// At most one per user, since a hash has one password: so memory is bounded by the file.
    verified: OnceLock<blake3::Hash>,
}

/// Why a file of users cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum UsersError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not `NAME:HASH` with a hash we take. The hash itself is never shown.
    #[error("{path}:{line}: {reason}")]
    Line {
        /// The file.
        path: Utf8PathBuf,
        /// Counted from one.
        line: usize,
        /// The rule that is broken.
        reason: &'static str,
    },
    /// The system gave no random numbers for the key of the cache.
    #[error("cannot get random numbers")]
    Random(#[source] io::Error),
}

impl UsersError {
    /// Returns what is wrong, and what the system said if it was the cause.
    pub(crate) fn explanation(&self) -> String {
        std::error::Error::source(self).map_or_else(|| self.to_string(), |cause| format!("{self}: {cause}"))
    }
}

/// Returns every line that is wrong in a text.
pub(crate) fn mistakes_in(text: &str, path: &Utf8Path) -> Vec<UsersError> {
    users_in(text, path).1
}

/// Returns the names and the hashes of a text as they stand there, without what is wrong.
pub(crate) fn entries_in(text: &str) -> Vec<(String, String)> {
    let entries = lines_of(text).filter_map(|(_, line)| entry_of(line).ok());
    entries.map(|(name, hash)| (name.to_owned(), hash.to_owned())).collect()
}

/// The lines that have something to say, with their places. Counted from zero.
fn lines_of(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().map(str::trim).enumerate();
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn users_in(text: &str, path: &Utf8Path) -> (BTreeMap<String, User>, Vec<UsersError>) {
    let (mut users, mut mistakes) = (BTreeMap::new(), Vec::new());
    for (index, line) in lines_of(text) {
        let reason = match user_in(line) {
            Ok((name, hash)) => {
                let repeated = users.insert(name, User { hash, verified: OnceLock::new() }).is_some();
                repeated.then_some("this user has a line already")
            }
            Err(reason) => Some(reason),
        };
        let error = |reason| UsersError::Line { path: path.into(), line: index + 1, reason };
        mistakes.extend(reason.map(error));
    }
    (users, mistakes)
}

fn user_in(line: &str) -> Result<(String, PasswordHash), &'static str> {
    let (name, hash) = entry_of(line)?;
    Ok((name.to_owned(), PasswordHash::parse(hash)?))
}

fn entry_of(line: &str) -> Result<(&str, &str), &'static str> {
    let (name, rest) = line.split_once(':').ok_or("a line reads NAME:HASH")?;
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err("the user's name is empty or holds control characters");
    }
    // Some tools write further fields, as in passwd(5).
    Ok((name, rest.split_once(':').map_or(rest, |(hash, _)| hash)))
}

impl Users {
    /// Reads htpasswd's format: `NAME:HASH` lines, empty lines and `#` comments. `path` is what errors name.
    ///
    /// A byte order mark, which editors on Windows write, is skipped: it would be a part of the first name.
    pub(crate) fn parse(text: &str, path: &Utf8Path) -> Result<Self, UsersError> {
        let (users, mistakes) = users_in(text, path);
        if let Some(first) = mistakes.into_iter().next() {
            return Err(first);
        }
        let key = random::bytes().map_err(UsersError::Random)?;
        Ok(Self { users, key })
    }

    /// Answers at once when this password was right before; `None` when only [`Users::verify`] can tell.
    pub(crate) fn known(&self, name: &str, password: &[u8]) -> Option<()> {
        let verified = self.users.get(name)?.verified.get()?;
        // Equality of BLAKE3 hashes takes constant time.
        (*verified == self.digest(name, password)).then_some(())
    }

    /// Tells whether this is the user's password. Takes as long as the scheme wants: call it where blocking is fine.
    pub(crate) fn verify(&self, name: &str, password: &[u8]) -> bool {
        if self.known(name, password).is_some() {
            return true;
        }
        let Some(user) = self.users.get(name) else {
            // As slow as for a known user, so that time does not tell which names exist (in a file of one scheme).
            if let Some(other) = self.users.values().next() {
                other.hash.verify(password);
            }
            return false;
        };
        let right = user.hash.verify(password);
        if right {
            user.verified.get_or_init(|| self.digest(name, password));
        }
        right
    }

    /// Returns these users with the passwords that were right before for those of the others whose hash is the same.
    pub(crate) fn with_verified_of(&self, others: &Self) -> Self {
        let with_verified = |(name, user): (&String, &User)| {
            let other = others.users.get(name).filter(|other| other.hash == user.hash);
            let verified = other.map(|other| other.verified.clone()).unwrap_or_default();
            (name.clone(), User { hash: user.hash.clone(), verified })
        };
        // What was right is known under the key of the others.
        Self { users: self.users.iter().map(with_verified).collect(), key: others.key }
    }

    fn digest(&self, name: &str, password: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes()).update(password);
        hasher.finalize()
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").field("names", &self.users.keys()).finish_non_exhaustive()
    }
}

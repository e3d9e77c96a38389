//! How far back the history of a repository goes.
//!
//! Commits are never rewritten, so a history is not shortened by taking commits out of it: garbage collection writes down
//! where it ends, in a small file for each repository, a line for each time it was shortened, the last one counting:
//!
//! ```text
//! <commit> <sequence number> <when it was shortened> TAB <check, as in the operation log>
//! ```
//!
//! Whoever walks the history ends at that commit. What lies before it is there for as long as the grace period still, and only
//! then removed: an operation that had looked it up finishes in peace, and a history that was shortened by mistake can be
//! lengthened again.

use jiff::{SignedDuration, Timestamp};

use crate::error::Error;
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::storage::{Key, Swap, log};
use crate::store::Store;

/// How much of a history is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepHistory {
    /// All of it.
    #[default]
    Forever,
    /// The states that were current within that time.
    For(SignedDuration),
    /// So many states; the current one is always among them.
    States(u64),
}

/// Where a history was shortened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends(pub(crate) Vec<End>);

/// The oldest commit that belongs to the history, from some moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) commit: CommitId,
    pub(crate) sequence: u64,
    pub(crate) since: Timestamp,
}

impl Ends {
    pub(crate) fn load(store: &Store, repository: &RepositoryName) -> Result<Self, Error> {
        let Some((bytes, _)) = store.storage().refs().get(&key(repository))? else {
            return Ok(Self::default());
        };
        let damaged = || Error::damaged("end of the history of", repository, "it is malformed");
        Self::parse(&bytes).ok_or_else(damaged)
    }

    /// `None` when the lines are not what was written.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        log::lines(bytes)
            .map(|line| parse(line.text).filter(|_| line.intact))
            .collect::<Option<_>>()
            .map(Self)
    }

    /// Replaces the file if it still says what `before` does.
    pub(crate) fn store(
        &self,
        before: &Self,
        store: &Store,
        repository: &RepositoryName,
    ) -> Result<bool, Error> {
        let (key, old) = (key(repository), (!before.0.is_empty()).then(|| before.to_text()));
        let (found, version) = store.storage().refs().get(&key)?.unzip();
        if found.as_deref() != old.as_ref().map(String::as_bytes) {
            return Ok(false);
        }
        let swap = match (version, self.to_text()) {
            (Some(version), new) if new.is_empty() => store.storage().delete_ref(&key, &version)?,
            (version, new) => store.storage().swap(&key, version.as_ref(), new.as_bytes(), || Ok(()))?,
        };
        match swap {
            Swap::Done => Ok(true),
            Swap::Changed => Ok(false),
            Swap::Unknown(error) => Err(error.into()),
        }
    }

    /// The sequence number of the oldest commit of the history.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.0.last().map(|end| end.sequence)
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for End { commit, sequence, since } in &self.0 {
            let line = log::seal(text.as_bytes(), &format!("{commit} {sequence} {since}"));
            text.push_str(&line);
        }
        text
    }
}

fn parse(line: &str) -> Option<End> {
    let mut words = line.split(' ');
    let end = End {
        commit: words.next()?.parse().ok()?,
        sequence: words.next()?.parse().ok()?,
        since: words.next()?.parse().ok()?,
    };
    words.next().is_none().then_some(end)
}

fn key(repository: &RepositoryName) -> Key {
    Key::named("history", repository.as_str())
}

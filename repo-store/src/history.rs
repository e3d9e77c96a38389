//! How far back the history of a repository goes.
//!
//! Commits are never rewritten, so a history is not shortened by taking commits out of it: garbage collection writes down
//! where it ends, in a small file for each repository, a line for each time it was shortened, the last one counting:
//!
//! ```text
//! <commit> <sequence number> <when it was shortened>
//! ```
//!
//! Whoever walks the history ends at that commit. What lies before it is there for as long as the grace period still, and only
//! then removed: an operation that had looked it up finishes in peace, and a history that was shortened by mistake can be
//! lengthened again.

use std::collections::HashSet;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::storage::{Key, Storage as _};
use crate::{Commit, CommitId, Error, RepositoryName, Store};

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
        let Some(bytes) = store.storage().read(&key(repository))? else { return Ok(Self::default()) };
        let damaged = || Error::damaged("end of the history of", repository, "it is malformed");
        let text = std::str::from_utf8(&bytes).map_err(|_| damaged())?;
        text.lines().map(parse).collect::<Option<_>>().map(Self).ok_or_else(damaged)
    }

    /// Replaces the file if it still says what `before` does.
    pub(crate) fn store(
        &self,
        before: &Self,
        store: &Store,
        repository: &RepositoryName,
    ) -> Result<bool, Error> {
        let old = (!before.0.is_empty()).then(|| before.to_text());
        let old = old.as_ref().map(String::as_bytes);
        match (old, self.to_text()) {
            (Some(old), new) if new.is_empty() => store.storage().compare_and_remove(&key(repository), old),
            (old, new) => store.storage().compare_and_swap(&key(repository), old, new.as_bytes()),
        }
    }

    /// The sequence number of the oldest commit of the history.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.0.last().map(|end| end.sequence)
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        for End { commit, sequence, since } in &self.0 {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{commit} {sequence} {since}");
        }
        text
    }
}

impl Store {
    /// The commits before which the history of a repository ends: those of them that are gone are not missed.
    pub(crate) fn given_up(&self, repository: &RepositoryName) -> Result<HashSet<CommitId>, Error> {
        let oldest = Ends::load(self, repository)?.0.into_iter().map(|end| end.commit);
        // One that cannot be read is damage that shows elsewhere.
        Ok(oldest.filter_map(|id| Commit::read(&self.objects(), id).ok()?.parent).collect())
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

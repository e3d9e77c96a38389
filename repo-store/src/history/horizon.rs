//! How far back the history of a repository goes.
//!
//! Commits are never rewritten, so a history is not shortened by taking commits out of it: garbage collection writes down
//! where it ends, in a document for each repository, a line for each time it was shortened, the last one counting:
//!
//! ```text
//! <commit> <sequence number> <when it was shortened> TAB <check, as in the operation log>
//! ```
//!
//! A walk through the history ends at that commit. What lies before it is there for as long as the grace period still, and only
//! then removed: an operation that had looked it up finishes in peace, and a history that was shortened by mistake can be
//! lengthened again.

use jiff::{SignedDuration, Timestamp};

use crate::document::{Area, Document, Kept};
use crate::error::Error;
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::store::Store;

/// How much of a history is kept. The state that clients see, and what came after it, is kept in any case.
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
    /// Reads where the history of a repository ends.
    pub(crate) fn load(store: &Store, repository: &RepositoryName) -> Result<Kept<Self>, Error> {
        Kept::of(store.storage(), repository)
    }

    /// The sequence number of the oldest commit of the history.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.0.last().map(|end| end.sequence)
    }
}

impl Document for Ends {
    const AREA: Area = Area::Histories;
    const KIND: &'static str = "end of the history of";

    fn from_lines(lines: &[&str]) -> Option<Self> {
        lines.iter().map(|line| parse(line)).collect::<Option<_>>().map(Self)
    }

    fn to_lines(&self) -> Vec<String> {
        let line = |End { commit, sequence, since }: &End| format!("{commit} {sequence} {since}");
        self.0.iter().map(line).collect()
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

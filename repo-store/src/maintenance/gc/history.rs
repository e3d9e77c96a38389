//! Which commits of a repository are kept.

use std::collections::HashSet;

use jiff::Timestamp;

use super::earlier;
use crate::document::Kept;
use crate::error::Error;
use crate::history::dates::Dates;
use crate::history::horizon::{End, Ends, KeepHistory};
use crate::model::commit::Commit;
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::publish::Publication;
use crate::store::Store;

/// A walk from the current state of a repository to the last one that nothing may remove yet.
pub(super) struct Walk {
    pub(super) commits: Vec<(CommitId, Commit)>,
    /// Where the history was shortened so far.
    pub(super) ends: Kept<Ends>,
    /// The same with this collection's decision, if that changes anything.
    pub(super) shortened: Option<Ends>,
}

/// `horizon` is the beginning of the grace period.
///
/// The state that clients see belongs to every history: publishing refuses a state that was not built upon it.
pub(super) fn walk(
    store: &Store,
    repository: &RepositoryName,
    keep: KeepHistory,
    now: Timestamp,
    horizon: Timestamp,
) -> Result<Walk, Error> {
    // Before the head: what clients see later was built upon this.
    let shown = Publication::current(store, repository)?.and_then(|current| current.commit);
    let ends = Ends::load(store, repository)?;
    // Nobody can have looked up what lies before this one and still be working with it.
    let settled = ends.0.iter().rev().find(|end| end.since <= horizon).copied();
    let mut walk = Walk { commits: Vec::new(), ends, shortened: None };
    let Some(head) = store.head(repository)? else { return Ok(walk) };
    let mut next = Some((head.id(), head.commit().clone()));
    let mut replaced_at: Option<Timestamp> = None;
    let mut wanted: Option<End> = None;
    let mut open = true;
    let mut is_after_shown = shown.is_some();
    let mut dates = Dates::until(now);
    while let Some((commit, state)) = next.take() {
        open &= replaced_at.is_none_or(|at| {
            at > horizon
                || match keep {
                    KeepHistory::Forever => true,
                    KeepHistory::For(time) => at > earlier(now, time),
                    KeepHistory::States(number) => (walk.commits.len() as u64) < number,
                }
        });
        if open || is_after_shown {
            wanted = Some(End { commit, sequence: state.sequence, since: now });
        }
        is_after_shown &= shown != Some(commit);
        replaced_at = Some(dates.corrected(state.date));
        let goes_on = settled.is_none_or(|end| state.sequence > end.sequence);
        next = match state.parent.filter(|_| goes_on) {
            Some(parent) => Some((parent, Commit::read(&store.objects(), parent)?)),
            None => None,
        };
        walk.commits.push((commit, state));
    }
    if let Some(wanted) = wanted {
        let decided = decide(&walk.ends, settled, wanted);
        walk.shortened = (decided != *walk.ends).then_some(decided);
    }
    Ok(walk)
}

/// The ends as they are from now on. Ends whose grace period still runs are taken back when the history is to be longer.
fn decide(ends: &Ends, settled: Option<End>, wanted: End) -> Ends {
    let settled = settled.map_or(0, |end| end.sequence);
    let mut decided: Vec<End> = ends.0.clone();
    decided.retain(|end| end.sequence <= wanted.sequence || end.sequence <= settled);
    let last = decided.last().map_or(0, |end| end.sequence);
    if wanted.sequence > last {
        decided.push(wanted);
    }
    // Of those that are settled the last one says it all.
    let past = decided.iter().filter(|end| end.sequence <= settled).count().saturating_sub(1);
    decided.drain(..past.min(decided.len()));
    Ends(decided)
}

/// The states that the operation log mentions since a moment.
pub(super) fn logged_since(
    store: &Store,
    (since, now): (Timestamp, Timestamp),
) -> Result<HashSet<CommitId>, Error> {
    let mut commits = HashSet::new();
    let mut dates = Dates::until(now);
    for entry in store.operations()?.iter().rev() {
        if dates.corrected(entry.date) >= since {
            commits.extend(entry.before);
            commits.extend(entry.after);
        }
    }
    Ok(commits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(sequence: u64, seconds: i64) -> End {
        let since = Timestamp::from_second(seconds).unwrap();
        End { commit: CommitId::of(&sequence.to_le_bytes()), sequence, since }
    }

    fn decided(ends: &[End], settled: Option<End>, wanted: u64) -> Vec<u64> {
        decide(&Ends(ends.to_vec()), settled, end(wanted, 99)).0.iter().map(|end| end.sequence).collect()
    }

    #[test]
    fn a_history_gets_shorter_step_by_step_and_longer_while_it_can() {
        assert_eq!(decided(&[], None, 0), [0; 0], "a whole history needs no end");
        assert_eq!(decided(&[], None, 5), [5]);
        assert_eq!(decided(&[end(5, 1)], None, 7), [5, 7]);
        assert_eq!(decided(&[end(5, 1), end(7, 2)], None, 6), [5, 6]);
        assert_eq!(decided(&[end(5, 1), end(7, 2)], None, 0), [0; 0]);
        let settled = Some(end(5, 1));
        assert_eq!(decided(&[end(3, 0), end(5, 1), end(7, 2)], settled, 7), [5, 7]);
        assert_eq!(decided(&[end(5, 1), end(7, 2)], settled, 5), [5], "what is gone stays gone");
    }
}

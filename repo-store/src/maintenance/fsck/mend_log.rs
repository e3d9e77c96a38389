//! Writing the operation log anew, when lines of it were lost.

use std::collections::BTreeSet;

use super::journal::Journal;
use super::last_seen::LastSeen;
use super::plan::RepairMeans;
use super::published::Records;
use super::repair::Repair;
use crate::error::Error;
use crate::model::commit::Commit;
use crate::model::log_entry::LogEntry;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::publish::{Publication, target_of};
use crate::storage::files::mode;
use crate::storage::{StorageError, files, log};

impl Repair<'_, '_> {
    /// Writes the log again: every line that is intact here or elsewhere, and one for each commit, and each publication that clients saw, that
    /// has none.
    pub(super) fn log(&mut self) -> Result<Option<RepairMeans>, Error> {
        let journal: &Journal = &self.found.journal;
        let _lock = self.changes.lock_key(&log::key())?;
        let path = self.store.root().join("store").join(log::key().as_str());
        let now = files::read_kept(&path).ok().flatten().unwrap_or_default();
        if now != journal.log() {
            // Somebody wrote since: the next round sees it.
            return Ok(None);
        }
        let mut lines = intact(&now);
        if let Some(other) = self.sources.logs().map(|log| intact(&log)).max_by_key(Vec::len) {
            // The other one is older: what it lacks was written later.
            lines.retain(|line| !other.contains(line));
            lines.splice(0..0, other);
        }
        for (repository, head) in &journal.heads {
            let mut lost = Vec::new();
            let mut next = Some(*head);
            while let Some(id) = next {
                let Ok(commit) = Commit::read(&self.store.objects(), id) else { break };
                let digits = id.to_string();
                let tells = |line: &String| {
                    fields(line, repository).is_some_and(|entry| entry.1 == digits && entry.0 != digits)
                };
                if commit.sequence > 0 && !lines.iter().any(tells) {
                    lost.push((digits, LogEntry::of_commit(&commit, repository, id).to_line()));
                }
                next = commit.parent;
            }
            for (id, line) in lost.into_iter().rev() {
                // Before whatever was built upon it or showed it.
                let is_next =
                    |line: &String| fields(line, repository).is_some_and(|(before, _)| before == id);
                let place = lines.iter().position(is_next);
                lines.insert(place.unwrap_or(lines.len()), line);
            }
        }
        for repository in self.store.repositories()? {
            self.announce_shown(&repository, &mut lines)?;
        }
        let mut log = Vec::new();
        for line in &lines {
            let sealed = log::seal(&log, line);
            log.extend_from_slice(sealed.as_bytes());
        }
        self.changes.write(&path, &log, mode::MUTABLE)?;
        Ok(Some(RepairMeans::MakeAgain))
    }

    /// Adds a line for each publication that clients saw and that has none: what they see, and what that took the place of.
    fn announce_shown(&self, repository: &RepositoryName, lines: &mut Vec<String>) -> Result<(), Error> {
        let shown = match Publication::shown(&*target_of(self.store, repository)) {
            // What lies in the way there is a problem of its own.
            Err(Error::Storage(StorageError::UnsafePath { .. })) => None,
            shown => shown?,
        };
        let records = Records::read(self.store, repository);
        let last = LastSeen::of(self.store, repository, (&self.found.journal, &records)).known;
        let (mut lost, mut seen) = (Vec::new(), BTreeSet::new());
        for mut next in [shown, last.map(|last| last.id)] {
            while let Some(known) = next.and_then(|id| records.readable.get(&id)) {
                if !seen.insert(known.id) {
                    break;
                }
                let line = line_of(repository, known);
                if !lines.iter().any(|other| end_of(other) == end_of(&line)) {
                    lost.push((known, line));
                }
                next = known.replaces;
            }
        }
        for (known, line) in lost.into_iter().rev() {
            // Behind the state that it shows, and behind what it took the place of.
            let state = known.commit.map(|id| id.to_string());
            let is_state =
                |line: &String| fields(line, repository).map(|(_, after)| after) == state.as_deref();
            let before = known.replaces.and_then(|id| records.readable.get(&id));
            let before = before.map(|before| line_of(repository, before));
            let is_before = |line: &String| before.as_deref().is_some_and(|it| end_of(line) == end_of(it));
            let place = lines.iter().position(is_state).max(lines.iter().position(is_before));
            // And before what took its place, which the log may still have when it has lost its beginning.
            let later: Vec<String> =
                later_than(known, &records).map(|other| line_of(repository, other)).collect();
            let is_later = |line: &String| later.iter().any(|other| end_of(other) == end_of(line));
            let end = lines.iter().position(is_later).unwrap_or(lines.len());
            lines.insert(place.map_or(end, |place| (place + 1).min(end)), line);
        }
        Ok(())
    }
}

/// The publications that took the place of this one, or of one that did.
fn later_than<'a>(known: &'a Publication, records: &'a Records) -> impl Iterator<Item = &'a Publication> {
    let is_later = move |other: &&Publication| {
        let (mut next, mut seen) = (other.replaces, BTreeSet::new());
        while let Some(id) = next.filter(|id| seen.insert(*id)) {
            if id == known.id {
                return true;
            }
            next = records.readable.get(&id).and_then(|before| before.replaces);
        }
        false
    };
    records.readable.values().filter(is_later)
}

fn intact(log: &[u8]) -> Vec<String> {
    log::lines(log).filter(|line| line.intact).map(|line| line.text.to_owned()).collect()
}

/// The commits before and after, in a line of the log without its check that is about the repository: two repositories may have the same
/// commit.
fn fields<'l>(line: &'l str, repository: &RepositoryName) -> Option<(&'l str, &'l str)> {
    let mut fields = line.split('\t').skip(2);
    fields.next().filter(|name| *name == repository.as_str())?;
    Some((fields.next()?, fields.next()?))
}

/// The line that announces a publication. Nothing but the log says who published it.
fn line_of(repository: &RepositoryName, publication: &Publication) -> String {
    let entry = LogEntry {
        date: jiff::Timestamp::from_second(publication.id.seconds()).unwrap_or_default(),
        actor: "unknown".to_owned(),
        repository: repository.clone(),
        before: publication.commit,
        after: publication.commit,
        operation: Operation::Publish(publication.id),
    };
    entry.to_line()
}

/// A line without when and by whom it was written.
fn end_of(line: &str) -> Option<&str> {
    line.splitn(3, '\t').nth(2)
}

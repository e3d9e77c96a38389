//! Changes of several repositories that are made as a whole, also when a crash comes in between.
//!
//! Each repository has a reference of its own, so several cannot be replaced at once. Before the first is, a document says what is to be
//! done, a line for each repository, in the order in which their references are replaced:
//!
//! ```text
//! <repository> <commit before, or -> <commit after>[ <commit that takes it back>] TAB <check, as in the operation log>
//! ```
//!
//! All commits are written and durable before the document is. Whoever changes or publishes one of the repositories next completes what
//! is begun, whether the process that began it has died or is still at work: each step is a compare-and-swap to a commit that is known
//! beforehand, so several may take it. Only when a repository was changed by somebody who had started before the document was there, the
//! rest cannot follow: then the repositories that were changed go back, by a commit each. That one is known beforehand as well, so it is
//! signed by who signed the change, not by who happens to take it back. The last repository never goes back, so its line names none. What
//! leads to which end follows from the references alone, so all who work at it come to the same one. The document is removed at the end.

use std::collections::{BTreeMap, HashSet};

use crate::document::{Area, Document, Kept};
use crate::error::{ChangeError, Error, HistoryError};
use crate::history::revision::Revision;
use crate::history::versioned_head;
use crate::model::commit::Commit;
use crate::model::id::CommitId;
use crate::model::log_entry::LogEntry;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::model::snapshot::Snapshot;
use crate::storage::{Swap, Version};
use crate::store::Store;

/// What is to become of the reference of one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefChange {
    pub(crate) repository: RepositoryName,
    pub(crate) before: Option<CommitId>,
    pub(crate) after: CommitId,
    /// The commit that takes the change back if a later one cannot be made; `None` for the last.
    pub(crate) back: Option<CommitId>,
}

/// A change of several repositories that is made as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Intent {
    pub(crate) changes: Vec<RefChange>,
}

impl Document for Intent {
    const AREA: Area = Area::Intents;
    const KIND: &'static str = "intent";

    fn from_lines(lines: &[&str]) -> Option<Self> {
        let change = |line: &&str| {
            let mut words = line.split(' ');
            let repository = RepositoryName::parse(words.next()?).ok()?;
            let before = match words.next()? {
                "-" => None,
                id => Some(id.parse().ok()?),
            };
            let after = words.next()?.parse().ok()?;
            let back = words.next().map(str::parse).transpose().ok()?;
            words.next().is_none().then_some(RefChange { repository, before, after, back })
        };
        lines.iter().map(change).collect::<Option<_>>().map(|changes| Self { changes })
    }

    fn to_lines(&self) -> Vec<String> {
        let line = |RefChange { repository, before, after, back }: &RefChange| {
            let before = before.map_or_else(|| "-".to_owned(), |before| before.to_string());
            let back = back.map(|back| format!(" {back}")).unwrap_or_default();
            format!("{repository} {before} {after}{back}")
        };
        self.changes.iter().map(line).collect()
    }
}

/// How a change of several repositories ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// All of them are changed.
    Done,
    /// None of them is: somebody else changed this one first.
    TakenBack(RepositoryName),
}

/// How often a reference is looked at whose content is not final yet.
const ATTEMPTS: u32 = 100;

impl Intent {
    /// Writes the intent and completes it.
    pub(crate) fn carry_out(&self, store: &Store) -> Result<End, Error> {
        // One reference is replaced as a whole anyway.
        let [first, _, ..] = self.changes.as_slice() else { return self.replace_all(store) };
        let name = first.after.to_string();
        let mut kept = Kept::<Self>::load(store.storage(), &name)?;
        kept.changes.clone_from(&self.changes);
        if !kept.save(store.storage())? {
            let repository = first.repository.clone();
            return Err(ChangeError::Contended { repository, times: 1 }.into());
        }
        self.complete(store, &name)
    }

    /// Looks whether the commits that it names can be read: without them it can never be completed.
    ///
    /// # Errors
    /// The error of the first that cannot be read.
    pub(crate) fn check(&self, store: &Store) -> Result<(), Error> {
        let mut commits = self.changes.iter().flat_map(RefChange::commits);
        commits.try_for_each(|id| Ok(Commit::read(&store.objects(), id).map(drop)?))
    }

    /// Returns whether the repository is one of those that change.
    fn is_about(&self, repository: &RepositoryName) -> bool {
        self.changes.iter().any(|change| change.repository == *repository)
    }

    /// Does what is left to do, and removes the document.
    pub(crate) fn complete(&self, store: &Store, name: &str) -> Result<End, Error> {
        let end = self.replace_all(store)?;
        let kept = Kept::<Self>::load(store.storage(), name)?;
        if !kept.changes.is_empty() {
            // Where it is not as it was read, somebody else removed it.
            kept.replaced_by(Self::default()).save(store.storage())?;
        }
        Ok(end)
    }

    /// Replaces the references, or takes back those that were replaced if one cannot be.
    fn replace_all(&self, store: &Store) -> Result<End, Error> {
        for (number, change) in self.changes.iter().enumerate() {
            if !change.replace(store)? {
                for done in self.changes.iter().take(number).rev() {
                    done.take_back(store)?;
                }
                return Ok(End::TakenBack(change.repository.clone()));
            }
        }
        Ok(End::Done)
    }
}

impl RefChange {
    /// Returns the commits that the reference may still get.
    pub(crate) fn commits(&self) -> impl Iterator<Item = CommitId> + use<> {
        [self.after].into_iter().chain(self.back)
    }

    /// Makes the change; returns whether the repository has it. It has not when somebody else changed it first.
    fn replace(&self, store: &Store) -> Result<bool, Error> {
        let commit = Commit::read(&store.objects(), self.after)?;
        for _ in 0..ATTEMPTS {
            let (head, version) = versioned_head(store, &self.repository)?.unzip();
            if let Some(head) = &head
                && head.is_built_on(self.after, commit.sequence)?
            {
                store.storage().refs().settle(&Store::ref_key(&self.repository))?;
                return Ok(true);
            }
            if head.as_ref().map(Revision::id) != self.before {
                match self.before {
                    Some(before) if is_earlier(store, &self.repository, head.as_ref(), before)? => continue,
                    _ => return Ok(false),
                }
            }
            if let Swap::Done = swap(store, &self.repository, version.as_ref(), (self.after, &commit))? {
                return Ok(true);
            }
        }
        Err(ChangeError::Contended { repository: self.repository.clone(), times: ATTEMPTS }.into())
    }

    /// Gives the repository the content that it had before, unless somebody built upon the change.
    fn take_back(&self, store: &Store) -> Result<(), Error> {
        let objects = store.objects();
        let (id, commit) = match self.back {
            Some(id) => (id, Commit::read(&objects, id)?),
            // Earlier versions did not write it beforehand.
            None => {
                let done = Commit::read(&objects, self.after)?;
                let Some(commit) = taking_back(store, self.after, &done)? else { return Ok(()) };
                let id = commit.write(&objects)?;
                store.storage().objects().sync()?;
                (id, commit)
            }
        };
        for _ in 0..ATTEMPTS {
            let (head, version) = versioned_head(store, &self.repository)?.unzip();
            if head.as_ref().map(Revision::id) != Some(self.after) {
                if is_earlier(store, &self.repository, head.as_ref(), self.after)? {
                    continue;
                }
                return Ok(());
            }
            if let Swap::Done = swap(store, &self.repository, version.as_ref(), (id, &commit))? {
                return Ok(());
            }
        }
        Err(ChangeError::Contended { repository: self.repository.clone(), times: ATTEMPTS }.into())
    }
}

/// Returns the commit that gives a repository the content that it had before a change, not signed yet; `None` for a commit that is not a
/// change of anything.
pub(crate) fn taking_back(store: &Store, id: CommitId, done: &Commit) -> Result<Option<Commit>, Error> {
    let objects = store.objects();
    let Some(parent) = done.parent else { return Ok(None) };
    let before = Commit::read(&objects, parent)?;
    let nothing = Snapshot::default().write(&objects)?;
    let mut suites: BTreeMap<_, _> = done.suites.keys().map(|suite| (suite.clone(), nothing)).collect();
    suites.extend(before.suites);
    Ok(Some(Commit {
        parent: Some(id),
        sequence: done.sequence + 1,
        date: done.date,
        actor: done.actor.clone(),
        operation: Operation::Undo {
            number: done.sequence,
            commit: id.short(),
            what: done.operation.to_string(),
        },
        holds: before.holds,
        together: BTreeMap::new(),
        gates_met: Vec::new(),
        gate_override: None,
        approved: Vec::new(),
        suites,
        signature: None,
    }))
}

/// Whether a state that was read is an earlier one than `known`: what others changed may be seen a moment later.
fn is_earlier(
    store: &Store,
    repository: &RepositoryName,
    head: Option<&Revision<'_>>,
    known: CommitId,
) -> Result<bool, Error> {
    match head {
        Some(head) if head.id() != known => {
            store.revision(repository, known)?.is_built_on(head.id(), head.commit().sequence)
        }
        Some(_) => Ok(false),
        None => Ok(true),
    }
}

/// Replaces a reference, which is announced before.
fn swap(
    store: &Store,
    repository: &RepositoryName,
    version: Option<&Version>,
    (id, commit): (CommitId, &Commit),
) -> Result<Swap, Error> {
    let storage = store.storage();
    let entry = LogEntry::of_commit(commit, repository, id).to_line();
    let announce = || storage.log().append(&entry);
    Ok(storage.swap(&Store::ref_key(repository), version, format!("{id}\n").as_bytes(), announce)?)
}

/// Completes what was begun with a repository, so that it is as a whole what somebody meant. Returns whether there was anything to complete.
pub(crate) fn complete_of(store: &Store, repository: &RepositoryName) -> Result<bool, Error> {
    let mut all = all(store)?;
    all.retain(|(_, intent)| intent.is_about(repository));
    for (name, intent) in &all {
        intent.complete(store, name)?;
    }
    Ok(!all.is_empty())
}

/// Refuses to plan from the state of a repository that takes part in a change that is not complete: planning writes nothing, so it cannot
/// complete the change.
///
/// # Errors
/// [`HistoryError::Unfinished`].
pub(crate) fn check_none_begun(store: &Store, repository: &RepositoryName) -> Result<(), Error> {
    if all(store)?.iter().any(|(_, intent)| intent.is_about(repository)) {
        return Err(HistoryError::Unfinished { repository: repository.clone() }.into());
    }
    Ok(())
}

/// Returns the states that may still come, and that nothing else may lead to: for a repository that has no state yet also the one in which
/// it starts.
pub(crate) fn announced(store: &Store) -> Result<HashSet<CommitId>, Error> {
    let mut states = HashSet::new();
    for change in all(store)?.into_iter().flat_map(|(_, intent)| intent.changes) {
        states.extend(change.commits());
        if change.before.is_none() {
            states.extend(Commit::read(&store.objects(), change.after)?.parent);
        }
    }
    Ok(states)
}

/// Returns what was begun and is not completed, each with its name.
fn all(store: &Store) -> Result<Vec<(String, Intent)>, Error> {
    let keys = store.storage().refs().list(Area::Intents.as_str())?;
    let names = keys.iter().filter_map(|key| key.as_str().split('/').next_back());
    names
        .map(|name| Ok((name.to_owned(), Kept::<Intent>::load(store.storage(), name)?.into_document())))
        .collect()
}

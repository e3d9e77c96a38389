//! Repositories whose reference is gone, told apart from those that never had one.

use std::collections::HashSet;

use deb_parse::deb822;

use crate::error::Error;
use crate::history::last_shown::last_shown;
use crate::model::id::CommitId;
use crate::model::log_entry::LogEntry;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::storage::{Key, Storage, files};
use crate::store::Store;

/// Returns whether a repository that has no readable reference had one once: the operation log, a publication or a tag tells of a
/// commit that was current, or the log has lost what clients were shown last.
///
/// A commit that was announced but is mentioned nowhere else does not count: a crash may have prevented it. Nor does what was told of
/// a repository that was deleted except for the log, as the documentation says.
///
/// # Errors
/// When the log, a publication or a tag cannot be read.
pub(crate) fn is_reference_lost(store: &Store, repository: &RepositoryName) -> Result<bool, Error> {
    let is_local = store.storage().is_local();
    let reference = store.root().join("store").join(Store::ref_key(repository).as_str());
    // It leads nowhere.
    if is_local && files::is_taken(&reference) {
        return Ok(true);
    }
    let area = format!("tags/{repository}");
    if !store.storage().refs().list(&area)?.is_empty() || is_state_published(store.storage(), repository)? {
        return Ok(true);
    }
    let log = store.operations()?;
    if is_only_noted(store, repository, &log)? {
        return Ok(true);
    }
    let told = Told::of(&log, repository);
    let is_deleted = told.is_published && !store.has_tree(repository)?;
    Ok(told.was_current && !is_deleted)
}

/// Whether nothing but a note, and the packages that clients find, tells of what they were shown last. A repository that was deleted is still
/// in the log, and one that was published without a state has no packages.
fn is_only_noted(store: &Store, repository: &RepositoryName, log: &[LogEntry]) -> Result<bool, Error> {
    let Some(id) = last_shown(store, repository) else { return Ok(false) };
    let is_it =
        |entry: &LogEntry| entry.repository == *repository && entry.operation == Operation::Publish(id);
    let record = Key::named("publications", &format!("{repository}/{id}"));
    if log.iter().any(is_it) || store.storage().objects().contains(&record)? {
        return Ok(false);
    }
    Ok(store.has_pool(repository)? || !store.has_tree(repository)?)
}

/// Whether the record of a publication of a repository names a commit.
fn is_state_published(storage: &Storage, repository: &RepositoryName) -> Result<bool, Error> {
    let objects = storage.objects();
    let mut keys = Vec::new();
    objects.each(&format!("publications/{repository}"), &mut |key, _| keys.extend(Key::parse(key)))?;
    for key in keys {
        let record = objects.get(&key)?.unwrap_or_default();
        let names_a_commit = |text: deb822::Paragraph<'_>| text.get_str("Commit").is_some();
        if deb822::paragraphs(&record).next().is_some_and(names_a_commit) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the operation log tells of one repository.
#[derive(Default)]
struct Told {
    /// Whether something was built upon one of its commits, or shown or named one.
    was_current: bool,
    /// Whether clients were shown it.
    is_published: bool,
}

impl Told {
    fn of(log: &[LogEntry], repository: &RepositoryName) -> Self {
        let mut told = Self::default();
        let mut announced = HashSet::<CommitId>::new();
        for entry in log.iter().filter(|entry| entry.repository == *repository) {
            // Nobody publishes a repository without a state that has one, or has lost it: it was deleted, and begins again.
            if matches!(entry.operation, Operation::Publish(_)) && entry.after.is_none() {
                told = Self::default();
                announced.clear();
            }
            let is_known = entry.before.is_some_and(|before| announced.contains(&before));
            told.was_current |= is_known || (entry.is_unchanged() && entry.after.is_some());
            told.is_published |= matches!(entry.operation, Operation::Publish(_)) && entry.is_unchanged();
            announced.extend(entry.after);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(before: &[u8], after: &[u8], operation: &str) -> LogEntry {
        LogEntry {
            date: "2026-03-01T07:08:09Z".parse().unwrap(),
            actor: "alice".to_owned(),
            repository: RepositoryName::parse("prod").unwrap(),
            before: Some(CommitId::of(before)),
            after: Some(CommitId::of(after)),
            operation: Operation::parse(operation),
        }
    }

    #[test]
    fn an_announced_commit_was_current_when_something_else_tells_of_it() {
        let prod = RepositoryName::parse("prod").unwrap();
        let first = entry(b"root", b"a", "add hello 1.0 amd64");
        let again = entry(b"root", b"b", "add hello 1.0 amd64");
        let told = |log: &[LogEntry]| Told::of(log, &prod).was_current;
        assert!(!told(&[]) && !told(std::slice::from_ref(&first)) && !told(&[first.clone(), again]));
        assert!(told(&[first.clone(), entry(b"a", b"c", "add hello 1.1 amd64")]));
        assert!(told(&[first.clone(), entry(b"a", b"a", "publish 20261121T083000Z")]));
        let begun = LogEntry { before: None, after: None, ..entry(b"a", b"a", "publish 20261121T083000Z") };
        assert!(!told(&[first.clone(), entry(b"a", b"c", "add hello 1.1 amd64"), begun]));
        let other = RepositoryName::parse("other").unwrap();
        assert!(!Told::of(&[first.clone(), entry(b"a", b"c", "add hello 1.1 amd64")], &other).was_current);
    }
}

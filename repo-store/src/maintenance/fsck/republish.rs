//! Publishing what clients see again, when a part of it is lost and they see the present state.
//!
//! A signed file cannot be made again to the byte. So what clients see is replaced by a publication of the same state, and the damaged one
//! is withdrawn as an older one.

use std::collections::BTreeSet;

use camino::Utf8Path;

use super::last_seen::LastSeen;
use super::published::{Records, Remedy};
use super::{Finding, Findings, Fix, FsckOptions, ProblemKind};
use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::model::publication_id::PublicationId;
use crate::publish::{Publication, TreeEntry, target_of};
use crate::storage::StorageError;
use crate::store::Store;

/// Publishes the repositories that lost a part that clients see. Returns whether any was published. `tried` has those that
/// were tried already.
pub(super) fn publish_lost(
    store: &Store,
    found: &Findings,
    options: &FsckOptions<'_>,
    tried: &mut BTreeSet<RepositoryName>,
) -> Result<bool, Error> {
    let Some(publish) = options.publish else { return Ok(false) };
    let mut is_published = false;
    for Lost { repository, is_present } in lost(store, found, tried)? {
        is_published |= is_present && publish(&repository);
        tried.insert(repository);
    }
    Ok(is_published)
}

/// A repository that lost a part that clients see.
pub(super) struct Lost {
    pub(super) repository: RepositoryName,
    /// Whether clients see its present state, so that it can be published again.
    pub(super) is_present: bool,
}

/// Returns the repositories that lost a part that clients see, but those that were tried already.
pub(super) fn lost(
    store: &Store,
    found: &Findings,
    tried: &BTreeSet<RepositoryName>,
) -> Result<Vec<Lost>, Error> {
    let names = found.findings.iter().filter_map(Finding::repository_of_a_loss);
    let names: BTreeSet<RepositoryName> = names.filter(|name| !tried.contains(name)).collect();
    let mut all = Vec::new();
    for repository in names {
        let shown = match Publication::shown(&*target_of(store, &repository)) {
            Ok(shown) => shown,
            // A link where a directory belongs is for a person to look at.
            Err(Error::Storage(StorageError::UnsafePath { .. })) => continue,
            Err(error) => return Err(error),
        };
        let records = Records::read(store, &repository);
        let current = shown.and_then(|shown| records.readable.get(&shown));
        let entries: BTreeSet<TreeEntry> = current
            .into_iter()
            .flat_map(|current| current.entries().into_iter().chain(current.root_entries()))
            .collect();
        let record =
            shown.map(|shown| Utf8Path::new("store").join(Publication::key(&repository, shown).as_str()));
        let is_shown = |finding: &Finding| match &finding.remedy {
            Fix::Published(Remedy::Entry(of, entry)) => *of == repository && entries.contains(entry),
            Fix::Record => record.as_ref() == Some(&finding.problem.path),
            Fix::Unpublished => finding.repository_of_a_loss().as_ref() == Some(&repository),
            _ => false,
        };
        if !found.findings.iter().any(is_shown) {
            continue;
        }
        // What was committed and not published stays unseen: somebody decides when that is shown.
        let head = store.head(&repository)?.as_ref().map(Revision::id);
        let lost = LastSeen::of(store, &repository, (&found.journal, &records)).lost;
        let is_present = match current {
            Some(current) if lost.is_none() => current.commit == head,
            _ => commit_shown_by(store, &repository, lost.or(shown))? == Some(head),
        };
        all.push(Lost { repository, is_present });
    }
    Ok(all)
}

/// The commit that a publication shows by the operation log, or the last one; `None` when the log does not name it.
fn commit_shown_by(
    store: &Store,
    repository: &RepositoryName,
    id: Option<PublicationId>,
) -> Result<Option<Option<CommitId>>, Error> {
    let entries = store.operations()?;
    let entry = entries.iter().rev().find(|entry| {
        entry.repository == *repository
            && matches!(entry.operation, Operation::Publish(of) if id.is_none_or(|id| of == id))
    });
    Ok(entry.map(|entry| entry.after))
}

impl Finding {
    /// Returns the repository that lost a part of a publication.
    pub(super) fn repository_of_a_loss(&self) -> Option<RepositoryName> {
        if !matches!(self.problem.kind, ProblemKind::Missing | ProblemKind::Damaged | ProblemKind::Unreadable)
        {
            return None;
        }
        match &self.remedy {
            Fix::Published(Remedy::Entry(repository, _)) => Some(repository.clone()),
            Fix::Record => RepositoryName::parse(self.problem.path.iter().nth(2)?).ok(),
            Fix::Unpublished => RepositoryName::parse(self.problem.path.iter().nth(1)?).ok(),
            _ => None,
        }
    }
}

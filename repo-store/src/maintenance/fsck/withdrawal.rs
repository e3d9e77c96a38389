//! Withdrawing a publication that clients no longer see, when a part of it is lost.
//!
//! Such a publication is kept for clients that are behind, as a snapshot and for tags. What it has lost no later publication makes again:
//! each has files of its own. So what cannot be made again to the byte would be reported for as long as the publication is kept.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::published::{Records, Remedy};
use super::{Finding, Findings, Fix, FsckOptions, Problem, ProblemKind};
use crate::error::Error;
use crate::history::tags::tag_names;
use crate::history::tags::tagged;
use crate::model::name::{RepositoryName, TagName};
use crate::model::publication_id::PublicationId;
use crate::publish::aside::move_aside;
use crate::publish::tagged::show_tag;
use crate::publish::{self, Publication, Source, TreeEntry, layout, target_of};
use crate::storage::beneath::StorePaths;
use crate::storage::{StorageError, files};
use crate::store::Store;

/// A publication that a repair took away because a part of it was damaged. Clients did not see it under `dists` any more.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Withdrawn {
    /// The repository.
    pub repository: RepositoryName,
    /// The publication. Its archive root `snapshot/<publication>` is gone too.
    pub publication: PublicationId,
    /// The tags that led to it, and the publication that each leads to now. `None` when no other shows the tagged state:
    /// [`Store::sign_again`] makes one.
    pub tags: Vec<(TagName, Option<PublicationId>)>,
}

/// The damaged publications of one repository, and what was found of each.
type Damaged<'f> = BTreeMap<PublicationId, Vec<&'f Problem>>;

/// Withdraws the publications that are still damaged after everything possible was repaired. Returns the problems that this
/// ends as well.
pub(super) fn withdraw_damaged(
    store: &Store,
    found: &Findings,
    options: &FsckOptions<'_>,
) -> Result<(Vec<Problem>, Vec<Withdrawn>), Error> {
    let (mut gone, mut withdrawn) = (Vec::new(), Vec::new());
    for (repository, id, problems) in damaged_publications(store, found)? {
        match withdraw_one(store, &repository, id, options) {
            Ok(Some(done)) => {
                withdrawn.push(done);
                gone.extend(problems.into_iter().cloned());
            }
            Ok(None) | Err(Error::Storage(StorageError::UnsafePath { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    gone.sort_by(|a: &Problem, b| (&a.path, a.kind).cmp(&(&b.path, b.kind)));
    gone.dedup();
    Ok((gone, withdrawn))
}

/// A publication that is damaged, with its repository and what was found of it.
type DamagedPublication<'f> = (RepositoryName, PublicationId, Vec<&'f Problem>);

/// Returns the publications that clients do not see and that have lost a part.
pub(super) fn damaged_publications<'f>(
    store: &Store,
    found: &'f Findings,
) -> Result<Vec<DamagedPublication<'f>>, Error> {
    let mut by_repository: BTreeMap<RepositoryName, Vec<&Finding>> = BTreeMap::new();
    for finding in found.findings.iter().filter(|finding| finding.is_of_a_tree()) {
        let name = finding.problem.path.iter().nth(1);
        if let Some(repository) = name.and_then(|name| RepositoryName::parse(name).ok()) {
            by_repository.entry(repository).or_default().push(finding);
        }
    }
    let mut all = Vec::new();
    for (repository, findings) in by_repository {
        let records = Records::read(store, &repository);
        // Without knowing what clients see, nothing is certain to be seen by none.
        let shown = match Publication::shown(&*target_of(store, &repository)) {
            Ok(shown) => shown.and_then(|id| records.readable.get(&id)),
            // A link where a directory belongs is for a person to look at.
            Err(Error::Storage(StorageError::UnsafePath { .. })) => continue,
            Err(error) => return Err(error),
        };
        let damaged = shown.map(|shown| damaged(&repository, &records, shown, &findings));
        let damaged = damaged.into_iter().flatten();
        all.extend(damaged.map(|(id, problems)| (repository.clone(), id, problems)));
    }
    Ok(all)
}

/// Withdraws a publication, unless clients see it by now.
fn withdraw_one(
    store: &Store,
    repository: &RepositoryName,
    id: PublicationId,
    options: &FsckOptions<'_>,
) -> Result<Option<Withdrawn>, Error> {
    let tags = tags_at(store, repository, id)?;
    if let Some(sign_tags) = options.sign_tags.filter(|_| !tags.is_empty()) {
        sign_tags(repository, &tags);
    }
    let _lock = store.publishing_lock(repository)?;
    if Publication::shown(&*target_of(store, repository))? == Some(id) {
        return Ok(None);
    }
    let paths = store.paths();
    let changed = withdraw(store, &paths, repository, id)?;
    paths.sync_all(changed)?;
    let leads_to = |tag: TagName| {
        let id = tag_leads_to(store, repository, &tag)?;
        Ok((tag, id))
    };
    let tags = tags.into_iter().map(leads_to).collect::<Result<_, Error>>()?;
    Ok(Some(Withdrawn { repository: repository.clone(), publication: id, tags }))
}

/// Moves a publication aside with its record, and lets its tags lead to another publication of their state, if there is one. The
/// caller holds the publishing lock. Returns the directories whose entries changed.
pub(super) fn withdraw(
    store: &Store,
    paths: &StorePaths,
    repository: &RepositoryName,
    id: PublicationId,
) -> Result<Vec<Utf8PathBuf>, Error> {
    let (public, target) = (store.public(repository), &*target_of(store, repository));
    let record = store.root().join("store").join(Publication::key(repository, id).as_str());
    let mut changed = move_aside(store.root(), paths, &record)?;
    changed.extend(record.parent().map(Utf8Path::to_owned));
    // Before the tree goes: no link leads nowhere.
    for tag in tags_at(store, repository, id)? {
        match tagged(store.storage(), repository, &tag) {
            Ok(Some(commit)) => drop(show_tag(store, target, repository, (&tag, commit))?),
            Ok(None) | Err(_) => publish::hide_tag(target, &tag)?,
        }
    }
    for path in [public.join(layout::publication(id)), public.join(layout::archive_root(id))] {
        changed.extend(move_aside(store.root(), paths, &path)?);
        changed.extend(path.parent().map(Utf8Path::to_owned));
    }
    // A directory that was never made needs no syncing.
    changed.retain(|path| files::is_directory(path));
    Ok(changed)
}

/// The tags whose links lead to a publication.
fn tags_at(store: &Store, repository: &RepositoryName, id: PublicationId) -> Result<Vec<TagName>, Error> {
    let mut tags = Vec::new();
    for tag in tag_names(store.storage(), repository)? {
        if tag_leads_to(store, repository, &tag)? == Some(id) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

/// The publication that the link of a tag leads to.
fn tag_leads_to(
    store: &Store,
    repository: &RepositoryName,
    tag: &TagName,
) -> Result<Option<PublicationId>, Error> {
    let (paths, link) = (store.paths(), store.public(repository).join(layout::tag_link(tag)));
    let target = paths.place(&link).read_link_if_present().map_err(Error::io("read", &link))?;
    Ok(target.and_then(|target| PublicationId::parse(target.as_str())))
}

impl Finding {
    /// Whether something in a published tree is not what it was, and a repair could do nothing about it.
    fn is_of_a_tree(&self) -> bool {
        match &self.remedy {
            Fix::Published(Remedy::Entry(..)) => true,
            // A link or a file where a directory belongs.
            Fix::Nothing => {
                matches!(self.problem.kind, ProblemKind::Damaged | ProblemKind::Unreadable)
                    && self.problem.path.starts_with("public")
            }
            _ => false,
        }
    }
}

/// The publications besides the one that clients see now that problems make unreliable. A part that they share with that one is not
/// counted: the next publication makes it again.
fn damaged<'f>(
    repository: &RepositoryName,
    records: &Records,
    current: &Publication,
    findings: &[&'f Finding],
) -> Damaged<'f> {
    let mut damaged = Damaged::new();
    let shared = current.entries();
    let public = Utf8Path::new("public").join(repository.as_str());
    for publication in records.readable.values().filter(|publication| publication.id != current.id) {
        let entries: BTreeSet<TreeEntry> = publication.entries();
        let own = [layout::publication(publication.id), layout::archive_root(publication.id)];
        let is_own = |path: &Utf8Path| own.iter().any(|own| path.starts_with(public.join(own)));
        let is_shared = |entry: &TreeEntry| match &entry.source {
            // Another name of it is made when the file itself is there again.
            Source::Name { of, .. } => shared.iter().any(|shared| shared.path == *of),
            _ => shared.contains(entry),
        };
        let mut problems = findings.iter().filter(|finding| match &finding.remedy {
            Fix::Published(Remedy::Entry(_, entry)) => entries.contains(entry) && !is_shared(entry),
            _ => is_own(&finding.problem.path),
        });
        if let Some(first) = problems.next() {
            let problems = [first].into_iter().chain(problems).map(|finding| &finding.problem);
            damaged.insert(publication.id, problems.collect());
        }
    }
    damaged
}

//! References and the operation log, each of which tells when the other is wrong.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::graph::Graph;
use super::report::{Affected, Problem, ProblemKind};
use crate::access::machines::Machines;
use crate::access::tokens::Tokens;
use crate::document::{Area, Kept};
use crate::history::horizon::Ends;
use crate::history::keyring_versions::KeyringVersions;
use crate::history::last_shown::noted_repositories;
use crate::history::tags::tag_key;
use crate::intent::Intent;
use crate::maintenance::hook_spool::HookSpool;
use crate::maintenance::upkeep::Upkeep;
use crate::model::commit::Commit;
use crate::model::id::CommitId;
use crate::model::log_entry::LogEntry;
use crate::model::name::{RepositoryName, TagName};
use crate::model::operation::Operation;
use crate::model::publication_id::PublicationId;
use crate::operations::approvals::Approvals;
use crate::operations::bases::KeptBases;
use crate::operations::freezes::LastFreeze;
use crate::publish::layout;
use crate::publish::promotion_attestations::PromotionAttestations;
use crate::storage::{Storage, StorageError, files, log};
use crate::store::Store;

/// The references and the log as they stood at one moment.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) heads: BTreeMap<RepositoryName, CommitId>,
    /// References that hold no commit id, with what is wrong.
    pub(super) unreadable: BTreeMap<RepositoryName, String>,
    /// The state that each tag stands for.
    pub(super) tags: BTreeMap<(RepositoryName, TagName), CommitId>,
    /// What the log says last of each tag: the state, or that it was deleted.
    pub(super) logged_tags: BTreeMap<(RepositoryName, TagName), Option<CommitId>>,
    /// The number of the oldest state that each history keeps, of those that were shortened.
    pub(super) oldest: BTreeMap<RepositoryName, u64>,
    /// The states that changes of several repositories may still lead to.
    pub(super) to_come: BTreeSet<(RepositoryName, CommitId)>,
    log: Vec<u8>,
    announced: BTreeMap<RepositoryName, BTreeSet<PublicationId>>,
    /// The same in the order of the log.
    publications: BTreeMap<RepositoryName, Vec<PublicationId>>,
    /// For each repository, in the order of the log: announced commits, and what each was based on.
    pub(super) commits: BTreeMap<RepositoryName, Vec<(CommitId, CommitId)>>,
    /// What made each announced commit, and when.
    told: HashMap<CommitId, String>,
    /// The commits that the log says were shown, by publication.
    shown: BTreeMap<(RepositoryName, PublicationId), CommitId>,
    pub(super) problems: Vec<Problem>,
}

const LOG: &str = "store/ops/log";

impl Journal {
    pub(super) fn read(store: &Store) -> Self {
        let mut journal = Self::default();
        // Nothing is announced while this is held, so no reference can be ahead of the log. A copy of a store on a read-only
        // medium cannot be locked and needs not be.
        let lock = store.storage().log().hold().ok();
        for name in journal.names_in(store, "store/refs".into(), None) {
            let path = Utf8Path::new("store/refs").join(&name);
            let Ok(repository) = RepositoryName::parse(&name) else {
                journal.report(ProblemKind::Stray, path, "no such file belongs here", None);
                continue;
            };
            match store.storage().refs().get(&Store::ref_key(&repository)) {
                Ok(None) => {}
                Ok(Some((bytes, _))) => match head(&bytes) {
                    Some(id) => drop(journal.heads.insert(repository, id)),
                    None => drop(journal.unreadable.insert(repository, "it holds no commit id".to_owned())),
                },
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    journal.unreadable.insert(repository, source.unwrap_or_default());
                }
            }
        }
        journal.read_tags(store);
        journal.read_documents(store);
        match store.storage().log().read() {
            Ok(log) => journal.log = log.unwrap_or_default(),
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                journal.report(ProblemKind::Unreadable, LOG.into(), &source, None);
            }
        }
        drop(lock);
        journal.read_log();
        journal
    }

    /// What lies in a directory below the root; nothing, and a problem, when it cannot be listed.
    fn names_in(
        &mut self,
        store: &Store,
        area: Utf8PathBuf,
        repository: Option<&RepositoryName>,
    ) -> Vec<String> {
        let names = if store.storage().is_local() {
            files::names_in(&store.root().join(&area))
        } else {
            names_of_references(store.storage(), &area)
        };
        names.unwrap_or_else(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            self.report(ProblemKind::Unreadable, area, &source, repository);
            Vec::new()
        })
    }

    fn read_tags(&mut self, store: &Store) {
        let area = Utf8Path::new("store/tags");
        for name in self.names_in(store, area.to_owned(), None) {
            let Ok(repository) = RepositoryName::parse(&name) else { continue };
            for name in self.names_in(store, area.join(&name), Some(&repository)) {
                let path = area.join(repository.as_str()).join(&name);
                let Ok(tag) = TagName::parse(&name) else {
                    self.report(ProblemKind::Stray, path, "no such file belongs here", Some(&repository));
                    continue;
                };
                match store.storage().refs().get(&tag_key(&repository, &tag)) {
                    Ok(None) => {}
                    Err(error) => {
                        let source = std::error::Error::source(&error).map(ToString::to_string);
                        let what = source.unwrap_or_else(|| error.to_string());
                        self.report(ProblemKind::Unreadable, path, &what, Some(&repository));
                    }
                    Ok(Some((bytes, _))) => match head(&bytes) {
                        Some(id) => drop(self.tags.insert((repository.clone(), tag), id)),
                        None => {
                            self.report(
                                ProblemKind::Damaged,
                                path,
                                "it holds no commit id",
                                Some(&repository),
                            );
                        }
                    },
                }
            }
        }
    }

    fn read_documents(&mut self, store: &Store) {
        for area in Area::ALL {
            for name in self.names_in(store, Utf8Path::new("store").join(area.as_str()), None) {
                self.read_document(store, area, &name);
            }
        }
    }

    fn read_document(&mut self, store: &Store, area: Area, name: &str) {
        // On its way when its writer was stopped; the next one replaces it.
        if area == Area::Machines && name == files::UNFINISHED {
            return;
        }
        let path = Utf8Path::new("store").join(area.as_str()).join(name);
        let repository = RepositoryName::parse(name).ok();
        if area.is_by_repository() && repository.is_none() {
            self.report(ProblemKind::Stray, path, "no such file belongs here", None);
            return;
        }
        let storage = store.storage();
        let read = match area {
            Area::Histories => Kept::<Ends>::load(storage, name).map(|ends| {
                let oldest = repository.clone().zip(ends.oldest());
                self.oldest.extend(oldest);
                ends.0.is_empty()
            }),
            Area::Keyrings => Kept::<KeyringVersions>::load(storage, name).map(|known| known.all.is_empty()),
            Area::Tokens => Kept::<Tokens>::load(storage, name).map(|tokens| tokens.entries().is_empty()),
            Area::Approvals => Kept::<Approvals>::load(storage, name).map(|approvals| approvals.is_empty()),
            Area::Attestations => {
                Kept::<PromotionAttestations>::load(storage, name).map(|known| known.is_empty())
            }
            Area::Freezes => Kept::<LastFreeze>::load(storage, name).map(|last| last.0.is_none()),
            Area::Bases => Kept::<KeptBases>::load(storage, name).and_then(|bases| {
                bases.check(store)?;
                Ok(bases.is_empty())
            }),
            Area::Hooks => Kept::<HookSpool>::load(storage, name).map(|spool| spool.is_empty()),
            Area::Intents => Kept::<Intent>::load(storage, name).and_then(|intent| {
                let named = intent.changes.iter();
                let named =
                    named.flat_map(|change| change.commits().map(|id| (change.repository.clone(), id)));
                self.to_come.extend(named);
                intent.check(store)?;
                Ok(intent.changes.is_empty())
            }),
            Area::Machines => {
                Kept::<Machines>::load(storage, name).map(|machines| *machines == Machines::default())
            }
            Area::Upkeep => Kept::<Upkeep>::load(storage, name).map(|upkeep| *upkeep == Upkeep::default()),
        };
        match read {
            Ok(false) => {}
            // One that says nothing is not there.
            Ok(true) => self.report(ProblemKind::Damaged, path, "it is empty", repository.as_ref()),
            Err(error) => {
                self.report(ProblemKind::Damaged, path, &error.to_string(), repository.as_ref());
            }
        }
    }

    fn check_tags(&mut self) {
        let wrong: Vec<_> = self
            .logged_tags
            .iter()
            .filter_map(|(name, logged)| Some((name.clone(), (*logged)?)))
            .filter(|(name, logged)| self.tags.get(name) != Some(logged))
            .map(|((repository, tag), _)| (repository, tag))
            .collect();
        for (repository, tag) in wrong {
            let path = Utf8Path::new("store/tags").join(repository.as_str()).join(tag.as_str());
            let is_there = self.tags.contains_key(&(repository.clone(), tag));
            if is_there {
                let what = "it stands for another state than the operation log says";
                self.report(ProblemKind::Damaged, path, what, Some(&repository));
            } else if !self.problems.iter().any(|problem| problem.path == path) {
                let what = "the operation log tells of it";
                self.report(ProblemKind::Missing, path, what, Some(&repository));
            }
        }
    }

    fn read_log(&mut self) {
        let log = std::mem::take(&mut self.log);
        let broken: Vec<usize> =
            log::lines(&log).filter(|line| !line.intact).map(|line| line.number).collect();
        if let Some(first) = broken.first() {
            let what = format!("line {first} is not what was written, or not all that was");
            self.report(ProblemKind::Damaged, LOG.into(), &what, None);
        }
        for line in log::lines(&log).filter(|line| line.intact) {
            let Some(entry) = LogEntry::parse(line.text) else { continue };
            let unchanged = entry.is_unchanged();
            let LogEntry { repository, before, after, operation, date, .. } = entry;
            match operation {
                Operation::Publish(id) if unchanged => {
                    self.shown.extend(after.map(|commit| ((repository.clone(), id), commit)));
                    if self.announced.entry(repository.clone()).or_default().insert(id) {
                        self.publications.entry(repository).or_default().push(id);
                    }
                }
                Operation::Tag(tag) if unchanged && after.is_some() => {
                    self.logged_tags.insert((repository, tag), after);
                }
                Operation::DeleteTag(tag) if unchanged => {
                    self.logged_tags.insert((repository, tag), None);
                }
                _ => {
                    if let (Some(before), Some(after)) = (before, after)
                        && before != after
                    {
                        let date = date.strftime("%Y-%m-%d %H:%M:%S UTC");
                        self.told.insert(after, format!("`{operation}` of {date}"));
                        self.commits.entry(repository).or_default().push((before, after));
                    }
                }
            }
        }
        self.log = log;
    }

    /// A commit as people know it: by its id and, if the log tells, what made it.
    pub(super) fn name(&self, id: CommitId) -> String {
        let told = self.told.get(&id).map(|told| format!(" ({told})"));
        format!("commit {}{}", id.short(), told.unwrap_or_default())
    }

    /// Whether the log tells what made a commit.
    pub(super) fn tells_of(&self, id: CommitId) -> bool {
        self.told.contains_key(&id)
    }

    /// Whether the log announces a publication.
    pub(super) fn announces(&self, repository: &RepositoryName, id: PublicationId) -> bool {
        self.announced.get(repository).is_some_and(|announced| announced.contains(&id))
    }

    /// The publications that the log announces, the last one first.
    pub(super) fn publications(&self, repository: &RepositoryName) -> impl Iterator<Item = PublicationId> {
        self.publications.get(repository).into_iter().flatten().rev().copied()
    }

    /// The commit that the log says a publication shows.
    pub(super) fn shown(&self, repository: &RepositoryName, id: PublicationId) -> Option<CommitId> {
        self.shown.get(&(repository.clone(), id)).copied()
    }

    /// The commits that the log says publications show.
    pub(super) fn shown_commits(&self, repository: &RepositoryName) -> impl Iterator<Item = CommitId> {
        self.shown.iter().filter(move |((of, _), _)| of == repository).map(|(_, commit)| *commit)
    }

    /// Whether the log tells of one commit before it tells of another.
    pub(super) fn is_earlier(&self, repository: &RepositoryName, first: CommitId, second: CommitId) -> bool {
        let lines = self.commits.get(repository).map(Vec::as_slice).unwrap_or_default();
        let place = |wanted| lines.iter().rposition(|(_, after)| *after == wanted);
        place(first).zip(place(second)).is_some_and(|(first, second)| first < second)
    }

    /// What a repository misses whose reference leads to the state before a commit that is lost.
    pub(super) fn undone(&self, id: CommitId) -> String {
        let name = self.name(id);
        format!("{name} is lost, so what it did is undone, and which packages it held cannot be known")
    }

    /// The commit that was built upon the current one and was current itself, and is lost.
    fn lost_after(
        &self,
        repository: &RepositoryName,
        graph: &Graph<'_>,
        published: Option<&BTreeSet<CommitId>>,
    ) -> Option<CommitId> {
        let head = self.heads.get(repository)?;
        let lines = self.commits.get(repository)?;
        // A crash may have prevented what was announced; what was shown was not.
        let was_shown = |id: &CommitId| {
            published.is_some_and(|published| published.contains(id))
                || self.shown.iter().any(|((of, _), shown)| of == repository && shown == id)
        };
        let mut after = lines.iter().rev().filter(|(before, _)| before == head).map(|(_, after)| *after);
        after.find(|id| graph.commit(*id).is_none() && was_shown(id))
    }

    /// The last commit of an earlier history that the present one took the place of: a publication of the present one replaced one of its.
    /// That of a repository that was deleted replaced none.
    fn given_up(&self, repository: &RepositoryName, replaced: &BTreeSet<PublicationId>) -> Option<CommitId> {
        let lines = self.commits.get(repository)?;
        let earlier = lines.get(..lines.len() - since_it_was_made(lines).len())?;
        let is_earlier = |id: &PublicationId| {
            let shown = self.shown.get(&(repository.clone(), *id));
            shown.is_some_and(|shown| earlier.iter().any(|(_, after)| after == shown))
        };
        let (_, last) = earlier.last()?;
        replaced.iter().any(is_earlier).then_some(*last)
    }

    /// The bytes of the log.
    pub(super) fn log(&self) -> &[u8] {
        &self.log
    }

    fn report(
        &mut self,
        kind: ProblemKind,
        path: Utf8PathBuf,
        what: &str,
        repository: Option<&RepositoryName>,
    ) {
        let affects = repository.map(|repository| Affected {
            repository: repository.clone(),
            suite: None,
            package: None,
            current: true,
        });
        let affects = affects.into_iter().collect();
        self.problems.push(Problem { kind, path, what: what.to_owned(), affects });
    }

    /// Compares references and log. `published` are the commits that publications show, `replaced` the publications that others took the
    /// place of, and `has_records` has the repositories with a record of any publication.
    pub(super) fn check(
        &mut self,
        store: &Store,
        graph: &Graph<'_>,
        published: &BTreeMap<RepositoryName, BTreeSet<CommitId>>,
        replaced: &BTreeMap<RepositoryName, BTreeSet<PublicationId>>,
        has_records: &BTreeSet<RepositoryName>,
    ) {
        let repositories: BTreeSet<RepositoryName> = (self.commits.keys())
            .chain(self.heads.keys())
            .chain(published.keys())
            .chain(self.unreadable.keys())
            .chain(self.tags.keys().map(|(repository, _)| repository))
            .cloned()
            .chain(noted_repositories(store))
            .collect();
        self.check_tags();
        let mut unlogged = 0;
        for repository in &repositories {
            let path = Utf8Path::new("store/refs").join(repository.as_str());
            let lines = self.commits.get(repository).map(Vec::as_slice).unwrap_or_default();
            let announced: HashSet<CommitId> = lines.iter().map(|(_, after)| *after).collect();
            // What something was built upon or published was the head once; the last line may announce what never came to be.
            let mut done: Vec<CommitId> =
                since_it_was_made(lines).iter().map(|(before, _)| *before).collect();
            done.retain(|id| announced.contains(id));
            done.extend(published.get(repository).into_iter().flatten());
            if let Some(what) = self.unreadable.get(repository).cloned() {
                self.report(ProblemKind::Damaged, path, &what, Some(repository));
                continue;
            }
            if !self.heads.contains_key(repository) {
                if graph.is_reference_lost(repository) {
                    let what = "the operation log, a publication or a tag tells of commits";
                    self.report(ProblemKind::Missing, path, what, Some(repository));
                }
                continue;
            }
            if self.announced.contains_key(repository)
                && !has_records.contains(repository)
                && graph.has_no_public_tree(repository)
            {
                let path = Utf8Path::new("public").join(repository.as_str()).join(layout::DISTS);
                let what = "the operation log tells of publications, and none is there";
                self.report(ProblemKind::Missing, path, what, Some(repository));
            }
            let history = graph.history.get(repository);
            let whole = graph.commits.get(repository).map(Vec::as_slice).unwrap_or_default();
            unlogged += whole
                .iter()
                .filter(|id| graph.commit(**id).is_some_and(|commit| commit.sequence > 0))
                .filter(|id| !announced.contains(id))
                .count();
            // Of those that were done the last of each line must still be known: older ones may have been given up.
            let oldest = self.oldest.get(repository).copied().unwrap_or_default();
            let walked = whole.iter().filter_map(|id| Some(graph.commit(*id)?.sequence)).min();
            let from = oldest.max(walked.unwrap_or_default());
            let strays: BTreeMap<CommitId, &Commit> = done
                .iter()
                .filter(|id| !history.is_some_and(|history| history.contains(id)))
                .filter_map(|id| Some((*id, graph.commit(*id)?)))
                .filter(|(_, commit)| commit.sequence >= from)
                .collect();
            let inner: HashSet<CommitId> = strays.values().filter_map(|commit| commit.parent).collect();
            let mut tips: Vec<CommitId> = strays.keys().filter(|id| !inner.contains(id)).copied().collect();
            let given_up = replaced.get(repository).and_then(|replaced| self.given_up(repository, replaced));
            tips.extend(
                given_up
                    .filter(|id| !tips.contains(id) && !history.is_some_and(|history| history.contains(id))),
            );
            for tip in tips {
                let what = format!("it does not lead to {}, which was current once", self.name(tip));
                self.report(ProblemKind::Damaged, path.clone(), &what, Some(repository));
            }
            if let Some(lost) = self.lost_after(repository, graph, published.get(repository)) {
                let what = self.undone(lost);
                self.report(ProblemKind::Missing, path, &what, Some(repository));
            }
            self.check_shown(graph, repository);
        }
        if unlogged > 0 {
            let what = format!("{unlogged} commits that are in the history are not in it");
            self.report(ProblemKind::Damaged, LOG.into(), &what, None);
        }
    }
}

impl Journal {
    /// Tells of a reference that leads to a state before the one that clients saw, unless something else is told of it.
    fn check_shown(&mut self, graph: &Graph<'_>, repository: &RepositoryName) {
        let path = Utf8Path::new("store/refs").join(repository.as_str());
        // What cannot be read is a problem of its own.
        let later = graph.later_publication(repository);
        if let Some(id) = later.filter(|_| self.problems.iter().all(|problem| problem.path != path)) {
            let what = format!("it does not lead to what clients saw in publication {id}");
            self.report(ProblemKind::Damaged, path, &what, Some(repository));
        }
    }
}

/// The first element of every reference below a directory of the root.
fn names_of_references(storage: &Storage, area: &Utf8Path) -> Result<Vec<String>, StorageError> {
    let area = area.strip_prefix("store").unwrap_or(area);
    let keys = storage.refs().list(area.as_str())?;
    let names =
        keys.iter().filter_map(|key| Utf8Path::new(key.as_str()).strip_prefix(area).ok()?.iter().next());
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.dedup();
    Ok(names)
}

/// The lines behind the last one that is built upon nothing announced before it: one of that name may have been deleted.
fn since_it_was_made(lines: &[(CommitId, CommitId)]) -> &[(CommitId, CommitId)] {
    let mut known = HashSet::new();
    let mut start = 0;
    for (place, (before, after)) in lines.iter().enumerate() {
        if !known.contains(before) {
            start = place;
        }
        known.insert(*after);
    }
    lines.get(start..).unwrap_or_default()
}

/// The commit id in the bytes of a reference.
pub(in crate::maintenance) fn head(bytes: &[u8]) -> Option<CommitId> {
    let id: CommitId = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.parse().ok()?;
    (format!("{id}\n").as_bytes() == bytes).then_some(id)
}

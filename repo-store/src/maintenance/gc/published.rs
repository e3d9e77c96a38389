//! What of a published tree is kept.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::GarbageReason;
use super::mark::Marks;
use super::sweep::{Published, Sweep, Tree};
use crate::error::{Error, MaintenanceError};
use crate::history::announced::Announced;
use crate::history::keyring_versions::{KeyringVersion, KeyringVersions};
use crate::model::chunk::Chunk;
use crate::model::commit::Commit;
use crate::model::id::{CommitId, SnapshotId};
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::publish::going::forget_going;
use crate::publish::going::going;
use crate::publish::going::note_going;
use crate::publish::layout::{self, PUBLICATIONS, SNAPSHOTS};
use crate::publish::tagged::mend_tags;
use crate::publish::unlisted_in_pool::{forget_unlisted, note_unlisted, unlisted_since};
use crate::publish::{Publication, PublicationTarget, Source};
use crate::storage::StorageError;
use crate::store::Store;

/// The publications of one repository, judged. Its maker holds the publishing lock.
pub(super) struct Survey<'a> {
    repository: &'a RepositoryName,
    tree: Tree<'a>,
    kept: Vec<Publication>,
    /// Those that go, by the names of their directories.
    going: BTreeMap<String, GarbageReason>,
    /// The states that publishing took the publications of away lately: clients may still have their lists.
    shown_lately: ShownLately,
    /// The content of these states, as far as it is there.
    snapshots_lately: Vec<SnapshotId>,
    /// Whether the pool may have files that were listed by nothing else than publications which publishing took away before that.
    is_left_with_unlisted: bool,
}

impl<'a> Survey<'a> {
    pub(super) fn of(
        store: &'a Store,
        repository: &'a RepositoryName,
        (announced, horizon): (&Announced, Timestamp),
    ) -> Result<Self, Error> {
        let tree = Tree::of(store, repository);
        let target = &*tree.target;
        // Under the lock: a tag that was made just now has its link to a publication already.
        let tags = store.tags(repository)?;
        let tagged: HashSet<CommitId> = tags.iter().map(|tag| tag.commit).collect();
        let mut linked = BTreeSet::new();
        for tag in tags {
            let leads_to = target.leads_to(&layout::tag_link(&tag.name))?;
            linked.extend(leads_to.and_then(|path| PublicationId::parse(path.as_str())));
        }
        let current = shown(target, repository)?;
        let recorded = Publication::recorded(store, repository)?;
        // Of what has no record is not known which files it needs.
        check_records(store, (repository, announced), (current, &recorded))?;
        let mut names: BTreeSet<String> = recorded.iter().map(ToString::to_string).collect();
        let trees: BTreeSet<String> = target.list(PUBLICATIONS.into())?.into_iter().collect();
        names.extend(trees.iter().cloned());
        names.extend(target.list(SNAPSHOTS.into())?);
        // What is removed is reached through these. They are looked at before anything is.
        for directory in layout::OF_RECORDS.into_iter().chain([layout::INDICES]) {
            target.must_be_directory(directory.into())?;
        }
        // What a collection that was killed began to take away.
        let begun = going(store, repository);
        let mut known = BTreeMap::new();
        for id in names.iter().filter_map(|name| PublicationId::parse(name)) {
            known.insert(id, Publication::read(store, repository, id)?);
        }
        let before = known.iter().map(|(id, known)| (*id, known.as_ref().and_then(|known| known.replaces)));
        let replaced = replaced_at(&before.collect(), current);
        let before: BTreeSet<_> = known.values().flatten().filter_map(|known| known.replaces).collect();
        let was_shown = |id| announced.tells_of(repository, id) || before.contains(&id);
        // A log that does not even tell of what clients see has lost lines.
        let is_logged = current.is_none_or(|current| announced.tells_of(repository, current));
        let (mut kept, mut going) = (Vec::new(), BTreeMap::new());
        for (id, publication) in &known {
            let recent = replaced.get(id).is_none_or(|at| *at >= horizon.as_second());
            match publication {
                Some(_) if begun.contains(id) && Some(*id) != current => {
                    going.insert(id.to_string(), GarbageReason::Replaced(*id));
                }
                // What was made of a tagged state while the clock was ahead goes once its tag leads elsewhere: clients refuse it.
                Some(publication)
                    if Some(*id) == current
                        || recent
                        || (publication.commit.is_some_and(|commit| tagged.contains(&commit))
                            && (current.is_none_or(|current| *id <= current) || linked.contains(id))) =>
                {
                    kept.push(publication.clone());
                }
                Some(_) => drop(going.insert(id.to_string(), GarbageReason::Replaced(*id))),
                // Without its tree nobody can have anything of it.
                None if begun.contains(id)
                    || !trees.contains(&id.to_string())
                    || (is_logged && !was_shown(*id)) =>
                {
                    going.insert(id.to_string(), GarbageReason::NeverShown);
                }
                None => return Err(lost_record(repository, Some(*id))),
            }
        }
        for name in going.keys() {
            for above in [PUBLICATIONS, SNAPSHOTS] {
                target.must_be_directory(&Utf8Path::new(above).join(name))?;
            }
        }
        let shown_lately = ShownLately::of(repository, announced, &recorded, horizon);
        let since = unlisted_since(store, repository);
        Ok(Self {
            repository,
            tree,
            kept,
            going,
            shown_lately,
            snapshots_lately: Vec::new(),
            is_left_with_unlisted: since.is_some_and(|since| since < horizon.as_second()),
        })
    }

    /// Marks what the states lead to that clients saw lately, in publications that are gone. Nothing but the log refers to these
    /// states, so what of them is gone is passed over: this comes after all else is marked.
    pub(super) fn mark_shown_lately(&mut self, store: &Store, marks: &mut Marks<'_>) -> Result<(), Error> {
        for commit in &self.shown_lately.states {
            let marked = Commit::read(&store.objects(), *commit).map_err(Error::from).and_then(|state| {
                let snapshots: Vec<SnapshotId> = state.suites.values().copied().collect();
                marks.commits(vec![(*commit, state)]).map(|()| snapshots)
            });
            match marked {
                Ok(snapshots) => self.snapshots_lately.extend(snapshots),
                Err(Error::Storage(StorageError::Missing { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The content of the publications that are kept.
    pub(super) fn snapshots(&self) -> impl Iterator<Item = SnapshotId> {
        let suites = self.kept.iter().flat_map(|publication| publication.suites.values());
        suites.filter_map(|suite| suite.snapshot)
    }

    /// Whether the pool may have files that nothing lists any more.
    pub(super) fn loses_something(&self) -> bool {
        self.going() > 0 || self.is_left_with_unlisted
    }

    /// Returns how many publications go.
    pub(super) fn going(&self) -> usize {
        self.going.len()
    }

    /// The files in the pool, and those that say how packages were built, that no kept publication leads to.
    pub(super) fn unlisted(&self, store: &Store) -> Result<Vec<Published<'_>>, Error> {
        let mut listed: HashSet<Utf8PathBuf> = HashSet::new();
        let mut chunks = HashSet::new();
        let lately = self.snapshots_lately.iter().copied();
        for snapshot in self.snapshots().chain(lately).collect::<BTreeSet<_>>() {
            for id in store.empty_or(Some(snapshot))?.chunks(store.objects()) {
                let id = id?;
                if chunks.insert(id) {
                    for record in Chunk::read(&store.objects(), id)?.records() {
                        let files = record?.kept_files()?.into_iter();
                        listed.extend(files.map(|file| file.path.as_path().to_owned()));
                    }
                }
            }
        }
        // A machine that was off for long fetches these by the lists that it has.
        let keyrings = KeyringVersions::load(store, self.repository)?;
        let keyrings: HashSet<String> = keyrings.all.iter().map(KeyringVersion::file_name).collect();
        let is_keyring = |path: &Utf8Path| path.file_name().is_some_and(|name| keyrings.contains(name));
        let mut found = Vec::new();
        for directory in layout::OF_RECORDS {
            let files = self.tree.target.below(directory.into())?.into_iter();
            // Statements about promotions stay for good.
            let files = files.filter(|file| !file.path.starts_with(layout::PROMOTIONS));
            let unlisted = files.filter(|file| !listed.contains(&file.path) && !is_keyring(&file.path));
            found.extend(unlisted.map(|file| Published { tree: &self.tree, file }));
        }
        Ok(found)
    }

    /// Notes which publications go, and removes their archive roots. This comes before all else: of what is noted and has no archive
    /// root, a check misses nothing.
    pub(super) fn begin(&self, store: &Store, sweep: &mut Sweep<'_>) -> Result<(), Error> {
        if !self.going.is_empty() && !sweep.is_dry() {
            let ids = self.going.keys().filter_map(|id| PublicationId::parse(id));
            note_going(store, self.repository, ids)?;
        }
        for (id, why) in &self.going {
            sweep.remove_tree(&self.tree, &Utf8Path::new(SNAPSHOTS).join(id), *why)?;
        }
        // What is noted and has no archive root is going: from here on a power cut may leave anything of it.
        if self.going.is_empty() || sweep.is_dry() { Ok(()) } else { self.tree.target.sync() }
    }

    /// Removes the publications that go and the index files that no other names. Their records go last, so that a collection
    /// that was cut short is made good by the next.
    pub(super) fn remove(&self, store: &Store, sweep: &mut Sweep<'_>) -> Result<(), Error> {
        let entries = self.kept.iter().flat_map(Publication::entries);
        let named: HashSet<String> = entries
            .filter(|entry| matches!(entry.source, Source::Index(_)))
            .filter_map(|entry| entry.path.file_name().map(str::to_owned))
            .collect();
        let target = &*self.tree.target;
        let names = target.list(layout::INDICES.into())?;
        for name in names.into_iter().filter(|name| !named.contains(name)) {
            // A directory is none of ours; a check names it.
            if let Some(file) = target.look(&Utf8Path::new(layout::INDICES).join(name))? {
                sweep.remove(&Published { tree: &self.tree, file }, GarbageReason::Unnamed)?;
            }
        }
        for (id, why) in &self.going {
            sweep.remove_tree(&self.tree, &Utf8Path::new(PUBLICATIONS).join(id), *why)?;
            sweep.advance()?;
        }
        // A tree must not come back without its record.
        if !self.going.is_empty() && !sweep.is_dry() {
            target.sync()?;
        }
        for (id, why) in &self.going {
            if let Some(id) = PublicationId::parse(id) {
                sweep.remove_object(&Publication::key(self.repository, id), *why)?;
            }
        }
        if sweep.is_dry() {
            Ok(())
        } else {
            forget_going(store, self.repository)?;
            if self.is_left_with_unlisted {
                forget_unlisted(store, self.repository)?;
                if let Some(replaced) = self.shown_lately.replaced {
                    note_unlisted(store, self.repository, replaced);
                }
            }
            mend_tags(store, target, self.repository)
        }
    }
}

/// What clients saw lately in publications that are gone.
#[derive(Default)]
struct ShownLately {
    states: BTreeSet<CommitId>,
    /// When the last of these publications was replaced, in seconds since 1970.
    replaced: Option<i64>,
}

impl ShownLately {
    /// The log tells of all publications. Those without a record are gone.
    fn of(
        repository: &RepositoryName,
        announced: &Announced,
        recorded: &BTreeSet<PublicationId>,
        horizon: Timestamp,
    ) -> Self {
        let all: BTreeSet<PublicationId> = announced.of(repository).union(recorded).copied().collect();
        let mut found = Self::default();
        for (id, next) in all.iter().zip(all.iter().skip(1)) {
            if next.seconds() >= horizon.as_second() && !recorded.contains(id) {
                found.states.extend(announced.state(repository, *id).flatten());
                found.replaced = Some(next.seconds());
            }
        }
        found
    }
}

/// Refuses a repository when clients see something that has no record, or when no record is left though something is there.
fn check_records(
    store: &Store,
    (repository, announced): (&RepositoryName, &Announced),
    (current, recorded): (Option<PublicationId>, &BTreeSet<PublicationId>),
) -> Result<(), Error> {
    if let Some(current) = current.filter(|current| !recorded.contains(current)) {
        return Err(lost_record(repository, Some(current)));
    }
    if recorded.is_empty() && announced.tells_of_any(repository) && store.has_tree(repository)? {
        return Err(lost_record(repository, None));
    }
    Ok(())
}

fn lost_record(repository: &RepositoryName, id: Option<PublicationId>) -> Error {
    let mut path = Utf8Path::new("store/publications").join(repository.as_str());
    path.extend(id.map(|id| id.to_string()));
    MaintenanceError::LostRecord { path }.into()
}

/// Returns the publication that `dists` leads to. What else lies there is not taken for nothing.
fn shown(
    target: &dyn PublicationTarget,
    repository: &RepositoryName,
) -> Result<Option<PublicationId>, Error> {
    let damaged = |what| {
        let link = Utf8Path::new("public").join(repository.as_str()).join(layout::DISTS);
        Error::damaged("link", &link, what)
    };
    match target.leads_to(layout::DISTS.into())? {
        Some(path) => {
            let id = layout::id_of_dists(&path);
            id.map(Some).ok_or_else(|| damaged("it leads to no publication"))
        }
        None if target.exists(layout::DISTS.into())? => Err(damaged("it is not a symbolic link")),
        None => Ok(None),
    }
}

/// When each publication was replaced, in seconds since 1970. `known` has for each the one that clients saw before it, where that was
/// recorded.
///
/// Each is replaced when the next one is made, and that is the one with the next id, unless the clock was ahead and set right since:
/// then some have ids from the future, and were replaced all the same. One after the current was made by a process that then died.
fn replaced_at(
    known: &BTreeMap<PublicationId, Option<PublicationId>>,
    current: Option<PublicationId>,
) -> BTreeMap<PublicationId, i64> {
    let later = known.keys().skip(1).chain(known.keys().last());
    let mut replaced: BTreeMap<_, _> =
        known.keys().zip(later).map(|(id, later)| (*id, later.seconds())).collect();
    let (mut next, mut time) = (current, i64::MAX);
    let mut seen = BTreeSet::new();
    while let Some(id) = next {
        seen.insert(id);
        time = time.min(id.seconds());
        let recorded = known.get(&id).copied().flatten();
        let lower = || known.range(..id).rev().map(|(lower, _)| *lower);
        next = recorded.into_iter().chain(lower()).find(|before| !seen.contains(before));
        replaced.extend(next.map(|before| (before, time)));
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> PublicationId {
        PublicationId::parse(text).unwrap()
    }

    #[test]
    fn what_has_an_id_from_the_future_was_replaced_by_what_clients_see() {
        let (old, bad, worse) = (id("20261101T000000Z"), id("20300101T000000Z"), id("20300101T000001Z"));
        let (right, now) = (id("20261120T000000Z"), id("20261121T000000Z"));
        // Records of older versions do not say what they replaced.
        for told in [true, false] {
            let before = |id| Some(id).filter(|_| told);
            let known = BTreeMap::from([
                (old, None),
                (bad, before(old)),
                (worse, before(bad)),
                (right, Some(worse)),
                (now, Some(right)),
            ]);
            let replaced = replaced_at(&known, Some(now));
            assert_eq!(replaced[&worse], right.seconds());
            assert_eq!(replaced[&bad], right.seconds());
            assert_eq!(replaced[&right], now.seconds());
            assert_eq!(replaced[&old], right.seconds());
        }
    }

    #[test]
    fn in_the_usual_order_each_is_replaced_by_the_next() {
        let ids = [id("20261101T000000Z"), id("20261102T000000Z"), id("20261103T000000Z")];
        let known = ids.iter().map(|id| (*id, None)).collect();
        let replaced = replaced_at(&known, Some(ids[1]));
        assert_eq!(replaced[&ids[0]], ids[1].seconds());
        assert_eq!((replaced[&ids[1]], replaced[&ids[2]]), (ids[2].seconds(), ids[2].seconds()));
    }
}

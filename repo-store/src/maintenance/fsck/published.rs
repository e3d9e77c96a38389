//! The published trees, compared with the records of their publications.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::SuiteName;
use jiff::Timestamp;

use super::contents::{Contents, Fault};
use super::graph::Graph;
use super::inventory::{Found, Inventory};
use super::journal::Journal;
use super::last_seen::LastSeen;
use super::report::{Affected, Problem, ProblemKind};
use super::view::View;
use super::{FsckOptions, KeysFound, SignedSuite};
use crate::history::last_shown::last_shown;
use crate::history::tags::tagged;
use crate::model::commit::Commit;
use crate::model::id::{BlobId, ChunkId, CommitId, SnapshotId};
use crate::model::log_entry::LogEntry;
use crate::model::name::{RepositoryName, TagName};
use crate::model::operation::Operation;
use crate::model::publication_id::PublicationId;
use crate::publish::layout::{self, BY_HASH, PUBLICATIONS, SNAPSHOTS};
use crate::publish::promotion_attestations::PromotionAttestations;
use crate::publish::{MOST_AHEAD, Publication, Source, TreeEntry, is_from_the_future, target_of};
use crate::storage::beneath::Refusal;
use crate::storage::{Key, files};
use crate::store::Store;

/// The records of all publications of one repository.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) readable: BTreeMap<PublicationId, Publication>,
    pub(super) problems: Vec<Problem>,
}

/// How a problem with a published entry can be put right.
#[derive(Clone, Debug)]
pub(super) enum Remedy {
    /// Make it again from what the store has.
    Entry(RepositoryName, TreeEntry),
    /// Link the blob into the pool.
    Pool(Utf8PathBuf, BlobId),
    /// Let `dists` lead to this publication.
    Dists(RepositoryName, String),
    /// Move away what nobody put there.
    Stray(RepositoryName, Utf8PathBuf),
    /// Move away what lies where a directory belongs, so that the next round finds what is missing below it.
    Directory(RepositoryName, Utf8PathBuf),
}

impl Records {
    pub(super) fn read(store: &Store, repository: &RepositoryName) -> Self {
        let mut records = Self::default();
        let area = store.root().join("store/publications").join(repository.as_str());
        for name in names_of_records(store, (repository, &area)) {
            let path = Utf8Path::new("store/publications").join(repository.as_str()).join(&name);
            let mut report = |kind, what: String| {
                let affects = vec![affected(repository, None)];
                records.problems.push(Problem { kind, path: path.clone(), what, affects });
            };
            let Some(id) = PublicationId::parse(&name) else {
                report(ProblemKind::Stray, "no such file belongs here".to_owned());
                continue;
            };
            match store.storage().objects().get(&Publication::key(repository, id)) {
                // It went since it was listed, unless what lies there leads nowhere.
                Ok(None) if store.storage().is_local() && files::is_taken(&area.join(&name)) => {
                    report(ProblemKind::Damaged, "it is not a regular file".to_owned());
                }
                Ok(None) => {}
                Ok(Some(bytes)) => match Publication::parse(&bytes).filter(|found| found.id == id) {
                    Some(publication) => drop(records.readable.insert(id, publication)),
                    None => report(
                        ProblemKind::Damaged,
                        "it is not what was written: the next `publish` renders everything again".to_owned(),
                    ),
                },
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    report(ProblemKind::Unreadable, source.unwrap_or_else(|| error.to_string()));
                }
            }
        }
        records
    }
}

/// The names of what lies where the records of a repository belong.
fn names_of_records(store: &Store, (repository, area): (&RepositoryName, &Utf8Path)) -> Vec<String> {
    if store.storage().is_local() {
        return files::names_in(area).unwrap_or_default();
    }
    let recorded = Publication::recorded(store, repository).unwrap_or_default();
    recorded.iter().map(ToString::to_string).collect()
}

/// Whether garbage collection took a publication away, or began to: it notes which go, and the records go last.
pub(super) fn is_going(
    store: &Store,
    (repository, going): (&RepositoryName, &BTreeSet<PublicationId>),
    publication: &Publication,
) -> bool {
    let objects = store.storage().objects();
    going.contains(&publication.id)
        || !objects.contains(&Publication::key(repository, publication.id)).unwrap_or(true)
}

fn affected(repository: &RepositoryName, suite: Option<&SuiteName>) -> Affected {
    Affected { repository: repository.clone(), suite: suite.cloned(), package: None, current: true }
}

/// The check of one repository's tree.
pub(super) struct Published<'a> {
    pub(super) store: &'a Store,
    pub(super) view: View<'a>,
    pub(super) repository: &'a RepositoryName,
    pub(super) inventory: &'a Inventory,
    pub(super) contents: &'a Contents,
    pub(super) graph: &'a Graph<'a>,
    pub(super) records: &'a Records,
    pub(super) tags: Vec<(TagName, CommitId)>,
    pub(super) journal: &'a Journal,
    pub(super) options: &'a FsckOptions<'a>,
    pub(super) keys: Option<&'a KeysFound>,
    pub(super) now: Timestamp,
    pub(super) problems: Vec<(Option<Remedy>, Problem)>,
    /// What is worth a word and is not damage.
    pub(super) notes: Vec<String>,
    /// How many files were compared.
    pub(super) compared: u64,
}

/// The files of a pool that publications list.
type Listed = BTreeMap<Utf8PathBuf, (BlobId, BTreeSet<Affected>)>;

impl<'a> Published<'a> {
    fn public(&self) -> Utf8PathBuf {
        Utf8Path::new("public").join(self.repository.as_str())
    }

    fn report(
        &mut self,
        remedy: Option<Remedy>,
        kind: ProblemKind,
        path: Utf8PathBuf,
        what: impl Into<String>,
        affects: Vec<Affected>,
    ) {
        self.problems.push((remedy, Problem { kind, path, what: what.into(), affects }));
    }

    pub(super) fn check(&mut self) {
        let public = self.public();
        let records = self.records;
        let mut known: BTreeSet<Utf8PathBuf> = BTreeSet::new();
        let mut checked: BTreeSet<TreeEntry> = BTreeSet::new();
        for publication in records.readable.values() {
            let expected = publication.entries();
            known.extend(expected.iter().map(|expected| public.join(&expected.path)));
            for expected in expected {
                if !checked.contains(&expected) {
                    self.check_entry(&expected);
                    checked.insert(expected);
                }
            }
        }
        self.check_directories(known.iter().map(Utf8PathBuf::as_path));
        self.check_pool();
        self.check_dists();
        self.check_strays(&known);
        self.check_places();
        self.check_tags();
    }

    /// Whether nothing lies at a path. What cannot be reached because of what lies above it is told of there.
    fn is_missing(&self, path: &Utf8Path) -> bool {
        match self.view.exists(path) {
            Ok(is_there) => !is_there,
            Err(error) => Refusal::of(&error).is_none(),
        }
    }

    /// Whether nothing lies where the store keeps something of its own, which has that key. What cannot be looked at may be there.
    fn is_gone(&self, path: &Utf8Path, key: &Key) -> bool {
        let storage = self.store.storage();
        if storage.is_local() {
            return !files::is_taken(&self.store.root().join(path));
        }
        storage.objects().contains(key).is_ok_and(|is_there| !is_there)
            && storage.refs().get(key).is_ok_and(|found| found.is_none())
    }

    /// What the store reaches these paths through are directories: it refuses to go through a link.
    fn check_directories<'p>(&mut self, paths: impl Iterator<Item = &'p Utf8Path>) {
        let public = self.public();
        let own = layout::OF_RECORDS.into_iter().chain([layout::INDICES, PUBLICATIONS, SNAPSHOTS]);
        let own = own.map(|name| public.join(name));
        let mut directories: BTreeSet<Utf8PathBuf> = BTreeSet::new();
        let mut insert = |directory: Option<&Utf8Path>| {
            for above in directory.into_iter().flat_map(Utf8Path::ancestors) {
                if !above.starts_with(&public) || !directories.insert(above.to_owned()) {
                    break;
                }
            }
        };
        own.for_each(|directory| insert(Some(&directory)));
        paths.for_each(|path| insert(path.parent()));
        // Also when no record tells of a package there. No package file lies in the pool itself, and none is a link.
        for (path, found) in self.of_records() {
            let depth = path.components().count();
            if depth <= DIRECTORIES_TO_A_COMPONENT || (found.is_link && depth <= DIRECTORIES_TO_A_SOURCE) {
                insert(Some(path));
            }
        }
        for path in directories {
            let Some(found) = self.inventory.get(&path).filter(|found| !found.is_directory()) else {
                continue;
            };
            // It is above files of the pool and others.
            if self.is_reported(&path) {
                continue;
            }
            let what = if found.is_link { "a symbolic link" } else { "not a directory" };
            let what = format!("it is {what}; a directory belongs there, and nothing below it was checked");
            let affects = vec![affected(self.repository, None)];
            let remedy = Remedy::Directory(self.repository.clone(), path.clone());
            self.report(Some(remedy), ProblemKind::InTheWay, path, what, affects);
        }
    }

    fn check_entry(&mut self, expected: &TreeEntry) {
        let path = self.public().join(&expected.path);
        let suite = suite_of(&expected.path);
        let affects = vec![affected(self.repository, suite.as_ref())];
        let remedy = Some(Remedy::Entry(self.repository.clone(), expected.clone()));
        self.compared += 1;
        let Some(found) = self.inventory.get(&path).copied() else {
            if self.is_missing(&path) {
                self.report(remedy, ProblemKind::Missing, path, "clients are told of it", affects);
            }
            return;
        };
        let wrong = match &expected.source {
            // Package files are checked with the pool.
            Source::Blob { .. } => None,
            Source::Link { target } => {
                let is = self.view.read_link(&path);
                (!found.is_link || is.as_deref().ok() != Some(Utf8Path::new(target)))
                    .then_some(Fault::Damaged("it is not the symbolic link that belongs here"))
            }
            _ if !found.is_file() => Some(Fault::Damaged("it is not a regular file")),
            // Read already; what is wrong with it was told, but not whom it affects.
            Source::Index(_) => (!self.contents.indices.contains(&path))
                .then_some(Fault::Damaged("its content has another hash than its name says")),
            Source::Name { of: to, file } => {
                let to = self.public().join(to);
                let same = self.inventory.get(&to).is_some_and(|to| to.is_same_file_as(&found));
                if same && self.contents.indices.contains(&to) {
                    None
                } else {
                    self.compare(&path, &found, file)
                }
            }
            Source::Signed { file, made_in, .. } => {
                if let Some(modified) = found.modified.filter(|modified| *modified != made_in.seconds()) {
                    let what = format!("it was last modified at {modified}, not at {}", made_in.seconds());
                    let remedy = remedy.clone();
                    self.report(remedy, ProblemKind::Time, path.clone(), what, affects.clone());
                }
                self.compare(&path, &found, file)
            }
        };
        if let Some(problem) = wrong.and_then(|fault| fault.problem(&path)) {
            self.problems.push((remedy, Problem { affects, ..problem }));
        }
    }

    fn compare(&self, path: &Utf8Path, found: &Found, file: &crate::publish::File) -> Option<Fault> {
        const OTHER: Fault = Fault::Damaged("its content is not what was published");
        if found.size != file.size {
            return Some(OTHER);
        }
        match self.view.sha256(path) {
            Ok(digest) => (digest != file.sha256).then_some(OTHER),
            Err(fault) => Some(fault),
        }
    }

    /// What lies in the directories with files that records lead to.
    fn of_records(&self) -> Vec<(&'a Utf8Path, &'a Found)> {
        let (inventory, public) = (self.inventory, self.public());
        let mut found = Vec::new();
        for name in layout::OF_RECORDS {
            found.extend(inventory.below(&public.join(name)));
        }
        found
    }

    /// The files of the pool that publications list, each with its content and whom it concerns.
    fn listed_in_pool(&self) -> Listed {
        let public = self.public();
        let mut wanted = Listed::new();
        let mut shown: BTreeMap<&SuiteName, Vec<SnapshotId>> = BTreeMap::new();
        for (place, published) in self.records.readable.values().flat_map(|shown| &shown.suites) {
            shown.entry(place.suite()).or_default().extend(published.snapshot);
        }
        // Suites share most of their chunks: each is read once.
        let mut suites_of: BTreeMap<ChunkId, Vec<&SuiteName>> = BTreeMap::new();
        for (suite, snapshots) in shown {
            for chunk in self.graph.chunks(snapshots) {
                suites_of.entry(chunk).or_default().push(suite);
            }
        }
        for (chunk, suites) in suites_of {
            for listed in self.graph.listed(chunk).iter().filter(|listed| listed.in_pool) {
                let entry = wanted.entry(public.join(&listed.path)).or_insert((listed.blob, BTreeSet::new()));
                entry.1.extend(suites.iter().map(|suite| Affected {
                    package: Some(listed.key.clone()),
                    ..affected(self.repository, Some(suite))
                }));
            }
        }
        wanted
    }

    /// Adds the statements about promotions that clients may find: those up to the newest state that any publication shows. The list of them must
    /// know all that lie there.
    fn add_attestations(&mut self, wanted: &mut Listed) {
        // A list that cannot be read is named elsewhere.
        let Ok(known) = PromotionAttestations::load(self.store, self.repository) else { return };
        let there = PromotionAttestations::of_tree(self.store, self.repository).unwrap_or_default();
        let affects = affected(self.repository, None);
        if !known.has_all_of(&there) {
            let path = Utf8Path::new("store/attestations").join(self.repository.as_str());
            let what = "statements about promotions are published that it does not list";
            self.report(None, ProblemKind::Missing, path, what, vec![affects.clone()]);
        }
        let commits = self.records.readable.values().filter_map(|shown| shown.commit);
        let commits: BTreeSet<CommitId> = commits.filter(|_| !known.is_empty()).collect();
        let read = commits.into_iter().filter_map(|id| Commit::read(&self.store.objects(), id).ok());
        let newest = read.map(|commit| commit.sequence).max().unwrap_or(0);
        for (path, file) in known.files_up_to(newest) {
            wanted.insert(self.public().join(path), (file.blob, BTreeSet::from([affects.clone()])));
        }
    }

    /// Every package that a publication lists is in the pool, and everything in the pool is a blob.
    fn check_pool(&mut self) {
        let mut wanted = self.listed_in_pool();
        self.add_attestations(&mut wanted);
        let keyring = self.repository.keyring_package();
        let is_keyring =
            |of: &Affected| of.package.as_ref().is_some_and(|key| key.package.as_str() == keyring);
        let has_keyring = wanted.values().any(|(_, affects)| affects.iter().any(is_keyring));
        let list = Utf8Path::new("store/keyrings").join(self.repository.as_str());
        if has_keyring && self.is_gone(&list, &Key::named("keyrings", self.repository.as_str())) {
            let what = format!(
                "clients have {keyring}, and the list of its versions is gone: `key publish` makes a new version and list"
            );
            self.report(None, ProblemKind::Missing, list, what, vec![affected(self.repository, None)]);
        }
        self.check_directories(wanted.keys().map(Utf8PathBuf::as_path));
        let blob_path = |id: BlobId| Utf8PathBuf::from(format!("store/{}", Store::blob_key(id)));
        for (path, (blob, affects)) in &wanted {
            self.compared += 1;
            let affects: Vec<Affected> = affects.iter().cloned().collect();
            let remedy = Some(Remedy::Pool(path.clone(), *blob));
            let Some(found) = self.inventory.get(path) else {
                if self.is_missing(path) {
                    self.report(
                        remedy,
                        ProblemKind::Missing,
                        path.clone(),
                        "clients are told of it",
                        affects,
                    );
                }
                continue;
            };
            let same = self.inventory.get(&blob_path(*blob)).is_some_and(|blob| blob.is_same_file_as(found));
            let fault = if !found.is_file() {
                Some(Fault::Damaged("it is not a regular file"))
            } else if same && self.contents.blobs.contains(blob) {
                None
            } else {
                match self.view.blake3(path) {
                    Ok(digest) if digest == blob.0 && found.identity.is_none() => None,
                    // Harmless to clients; the store would take it for another file of that name.
                    Ok(digest) if digest == blob.0 => {
                        Some(Fault::Damaged("it is a copy of the package file and no hard link to it"))
                    }
                    Ok(_) if same => Some(Fault::Damaged("it is a hard link to a damaged package file")),
                    Ok(_) => Some(Fault::Damaged("it is another file than clients are told of")),
                    Err(fault) => Some(fault),
                }
            };
            if let Some(problem) = fault.and_then(|fault| fault.problem(path)) {
                self.problems.push((remedy, Problem { affects, ..problem }));
            }
        }
        self.check_strays_in_pool(&wanted);
    }

    /// Everything in the pool is a blob.
    fn check_strays_in_pool(&mut self, wanted: &Listed) {
        let blobs: HashMap<(u64, u64), &Utf8Path> = self
            .inventory
            .below(Utf8Path::new("store/blobs"))
            .filter(|(_, found)| found.is_file())
            .filter_map(|(path, found)| Some((found.identity?, path)))
            .collect();
        for (path, found) in self.of_records() {
            if found.is_directory() && !is_named_like_a_file(path) {
                continue;
            }
            let is_blob = found.identity.is_some_and(|identity| blobs.contains_key(&identity));
            if wanted.contains_key(path) || is_blob || self.is_reported(path) {
                continue;
            }
            // One that came after the blobs were listed is there by now.
            let is_blob = |id| {
                self.contents.blobs.contains(&id)
                    || self.store.storage().objects().contains(&Store::blob_key(id)).unwrap_or(false)
            };
            let is_known =
                found.is_file() && self.view.blake3(path).is_ok_and(|digest| is_blob(BlobId(digest)));
            if !is_known && !self.is_missing(path) {
                let what = "it is not a package file of the store, and no publication lists it".to_owned();
                let problem =
                    Problem { kind: ProblemKind::Stray, path: path.to_owned(), what, affects: Vec::new() };
                self.problems.push((None, problem));
            }
        }
    }

    /// Reports that clients find nothing, unless somebody is about to lead them to a first publication.
    fn check_missing_dists(
        &mut self,
        (remedy, lost): (Option<Remedy>, Option<PublicationId>),
        dists: Utf8PathBuf,
        affects: Vec<Affected>,
    ) {
        // Asked before the look: who makes the first publication holds the lock until the link is there.
        let is_running = self.store.is_publishing(self.repository);
        if !self.is_missing(&dists) {
            return;
        }
        if is_running {
            self.notes.push(format!("{}: clients find nothing, and a publish is running", self.repository));
            return;
        }
        self.report(remedy, ProblemKind::Missing, dists, "no client finds anything", affects);
        self.check_record_of(lost);
    }

    /// What clients see is a publication that is wholly there, and its signatures hold.
    fn check_dists(&mut self) {
        let dists = self.public().join(layout::DISTS);
        let affects = vec![affected(self.repository, None)];
        let LastSeen { known: newest, lost } =
            LastSeen::of(self.store, self.repository, (self.journal, self.records));
        // Clients are never led back: where the record of what they saw last is gone, nothing older takes its place.
        let to = newest.filter(|_| lost.is_none());
        let remedy =
            to.map(|to| Remedy::Dists(self.repository.clone(), layout::dists_of(to.id).into_string()));
        let Some(found) = self.inventory.get(&dists) else {
            if newest.is_some() || lost.is_some() {
                self.check_missing_dists((remedy, lost), dists, affects);
            }
            return;
        };
        // Before the link is read: what is noted was shown by then.
        let last_shown = last_shown(self.store, self.repository);
        let target = self.view.read_link(&dists).unwrap_or_default();
        let current = self.records.readable.values().find(|known| target == layout::dists_of(known.id));
        let Some(current) = current else {
            let id = target.parent().and_then(Utf8Path::file_name).and_then(PublicationId::parse);
            // It may be newer than the inventory.
            let is_there = id.is_some_and(|id| {
                let directory = self.public().join(layout::publication(id));
                self.view.is_directory(&directory).unwrap_or(false)
            });
            let what = match id {
                _ if !found.is_link => "it is not a symbolic link".to_owned(),
                Some(id) if is_there && target == layout::dists_of(id) => {
                    self.check_record_of(Some(id));
                    return;
                }
                _ => format!("it leads to {target}, which is not a publication"),
            };
            self.report(remedy, ProblemKind::Damaged, dists, what, affects);
            self.check_record_of(lost);
            return;
        };
        let is_unlogged = !self.is_announced(current.id);
        // Whatever else the log has lost was told already.
        if is_unlogged && !self.journal.problems.iter().any(|problem| problem.path == "store/ops/log") {
            let what = format!(
                "publication {} of {}, which clients see, is not in it: it has lost lines",
                current.id, self.repository
            );
            self.report(None, ProblemKind::Damaged, "store/ops/log".into(), what, affects.clone());
        }
        let (id, name) = (current.id, self.repository);
        if let Some(lost) = lost.filter(|lost| last_shown == Some(*lost) && *lost != id) {
            let what =
                format!("it leads to {target}, and {lost} was shown after that: `publish` puts it right");
            self.report(None, ProblemKind::Damaged, dists, what, affects);
        } else if let Some(newest) =
            newest.filter(|newest| newest.id > id || is_from_the_future(id, self.now))
            && newest.id != id
            && let Some(replaced) = newest.replaces
            && (!is_unlogged || self.is_built_upon(newest, id))
        {
            let last = newest.id;
            if replaced != id {
                let what = format!(
                    "it leads to {target}, and others were shown after that: `publish` puts it right"
                );
                self.report(remedy, ProblemKind::Damaged, dists, what, affects);
            } else if last_shown == Some(last) {
                let what =
                    format!("it leads to {target}, and {last} was shown after that: `publish` puts it right");
                self.report(remedy, ProblemKind::Damaged, dists, what, affects);
            } else {
                // A publication that was killed has announced itself and not switched yet, or does so now.
                self.notes.push(format!(
                    "{name}: publication {last} was announced, and clients see {id}: a publish is running, was interrupted, \
                     or dists was changed; `publish` shows the present state"
                ));
            }
        }
        for expected in current.root_entries() {
            self.check_entry(&expected);
        }
        self.check_keys(current);
        self.check_dates(current);
        self.check_signatures(current);
    }

    /// The record of what clients see, or saw last, is there.
    fn check_record_of(&mut self, id: Option<PublicationId>) {
        let Some(id) = id else { return };
        let record = Utf8Path::new("store").join(Publication::key(self.repository, id).as_str());
        if !self.is_gone(&record, &Publication::key(self.repository, id)) {
            // It came since the records were read, or that it is damaged was told there.
            return;
        }
        let what = "the record of what clients see is gone: the next `publish` renders everything again";
        let affects = vec![affected(self.repository, None)];
        self.report(None, ProblemKind::Missing, record, what, affects);
    }

    /// Whether the operation log tells of a publication, by now: it may be newer than what was read of the log.
    fn is_announced(&self, id: PublicationId) -> bool {
        let tells = |entry: &LogEntry| {
            entry.repository == *self.repository && entry.operation == Operation::Publish(id)
        };
        self.journal.announces(self.repository, id)
            || self.store.operations().is_ok_and(|log| log.iter().any(tells))
    }

    /// Whether a publication took the place of another one, or of one that did.
    fn is_built_upon(&self, publication: &Publication, earlier: PublicationId) -> bool {
        let (mut next, mut seen) = (publication.replaces, BTreeSet::new());
        while let Some(id) = next.filter(|id| seen.insert(*id)) {
            if id == earlier {
                return true;
            }
            next = self.records.readable.get(&id).and_then(|known| known.replaces);
        }
        false
    }

    /// The signatures of what clients see hold.
    fn check_signatures(&mut self, current: &Publication) {
        let Some(check) = self.options.signatures else { return };
        let directory = self.public().join(layout::publication(current.id)).join(layout::DISTS);
        for place in current.suites.keys() {
            let suite = place.suite();
            let read = |name| self.view.read(&directory.join(place.directory()).join(name));
            let (Ok(in_release), Ok(release), Ok(release_gpg)) =
                (read("InRelease"), read("Release"), read("Release.gpg"))
            else {
                // That they are not there was told already.
                continue;
            };
            let signed =
                SignedSuite { in_release: &in_release, release: &release, release_gpg: &release_gpg };
            if let Err(error) = check(signed) {
                let path = self.public().join(layout::suite_directory(current.id, place));
                let affects = vec![affected(self.repository, Some(suite))];
                self.report(None, ProblemKind::Signature, path, error.to_string(), affects);
            }
        }
    }

    /// One of the keys that signed what clients see is there. A record of an older version does not name them: then no key at all is
    /// what can be told.
    fn check_keys(&mut self, current: &Publication) {
        let Some(KeysFound { fingerprints: keys, .. }) = self.keys.filter(|_| !current.suites.is_empty())
        else {
            return;
        };
        let signed = &current.keys;
        let is_there = match signed.is_empty() {
            true => !keys.is_empty(),
            false => keys.iter().any(|key| signed.contains(&key.to_string())),
        };
        if is_there {
            return;
        }
        let by = if signed.is_empty() { String::new() } else { format!(" ({})", signed.join(", ")) };
        let what = format!("none of the keys that signed {} is there{by}", self.repository);
        self.report(None, ProblemKind::Key, "keys".into(), what, vec![affected(self.repository, None)]);
    }

    /// Clients take the dates that they are told.
    fn check_dates(&mut self, current: &Publication) {
        let directory = self.public().join(layout::dists_of(current.id));
        for (place, suite) in &current.suites {
            if suite.date.duration_since(self.now) > MOST_AHEAD {
                let path = directory.join(place.directory()).join("InRelease");
                let what = format!("its Date {} is in the future: clients refuse it until then", suite.date);
                let affects = vec![affected(self.repository, Some(place.suite()))];
                self.report(None, ProblemKind::Date, path, what, affects);
            }
        }
    }

    /// What lies among the index files and the archive roots, and that the store never puts there.
    fn check_places(&mut self) {
        let public = self.public();
        let (by_hash, snapshots) = (public.join(layout::INDICES), public.join(SNAPSHOTS));
        let tags: BTreeSet<Utf8PathBuf> =
            self.tags.iter().map(|(tag, _)| public.join(layout::tag_link(tag))).collect();
        let is_stray = |path: &Utf8Path, found: &Found| {
            let directly_in = |directory: &Utf8Path| path.parent() == Some(directory);
            let is_publication = path.file_name().is_some_and(|name| PublicationId::parse(name).is_some());
            // A link without a tag is what a crash leaves; the next publication removes it.
            (directly_in(&by_hash) && !found.is_file())
                || (directly_in(&snapshots) && !found.is_link && !is_publication && !tags.contains(path))
                || (directly_in(&public.join(PUBLICATIONS)) && !is_publication)
        };
        let strays: Vec<Utf8PathBuf> = [public.join(BY_HASH), snapshots.clone(), public.join(PUBLICATIONS)]
            .iter()
            .flat_map(|directory| self.inventory.below(directory))
            .filter(|(path, found)| is_stray(path, found) && !self.is_reported(path))
            .map(|(path, _)| path.to_owned())
            .collect();
        for path in strays {
            let what = "the store put nothing of that kind there: remove it";
            self.report(None, ProblemKind::Stray, path, what, Vec::new());
        }
    }

    fn is_reported(&self, path: &Utf8Path) -> bool {
        self.problems.iter().any(|(_, problem)| problem.path == path)
    }

    /// Files that clients could see and that no publication put there; records that are gone.
    fn check_strays(&mut self, known: &BTreeSet<Utf8PathBuf>) {
        let publications = self.public().join(PUBLICATIONS);
        let unreadable: BTreeSet<&str> =
            self.records.problems.iter().filter_map(|problem| problem.path.file_name()).collect();
        let shown = self.current_name();
        let replaced: BTreeSet<PublicationId> =
            self.records.readable.values().filter_map(|known| known.replaces).collect();
        let was_shown =
            |id: &PublicationId| self.journal.announces(self.repository, *id) || replaced.contains(id);
        for (path, found) in self.inventory.below(&publications) {
            let Ok(relative) = path.strip_prefix(&publications) else { continue };
            let Some(name) = relative.iter().next() else { continue };
            let id = PublicationId::parse(name);
            if id.is_some_and(|id| self.records.readable.contains_key(&id)) {
                if !found.is_directory() && !known.contains(path) {
                    let what = "no publication put it there".to_owned();
                    let problem = Problem {
                        kind: ProblemKind::Stray,
                        path: path.to_owned(),
                        what,
                        affects: Vec::new(),
                    };
                    // In what clients see now it is for a person to look at.
                    let is_shown = Some(name) == shown.as_deref();
                    let remedy = (!is_shown).then(|| Remedy::Stray(self.repository.clone(), path.to_owned()));
                    self.problems.push((remedy, problem));
                }
            } else if relative == name
                && let Some(id) = id.filter(|id| was_shown(id))
                && !unreadable.contains(name)
                // One that came since the records were read has its own.
                && !self.store.storage().objects().contains(&Publication::key(self.repository, id)).unwrap_or(true)
                && Some(&*id.to_string()) != shown.as_deref()
            {
                // What was never announced is being built, or was when a crash came: the next `publish` clears it away.
                let record = Utf8Path::new("store").join(Publication::key(self.repository, id).as_str());
                let what = "the record of a publication that is still there is gone".to_owned();
                let affects = vec![affected(self.repository, None)];
                self.problems
                    .push((None, Problem { kind: ProblemKind::Missing, path: record, what, affects }));
            }
        }
    }

    /// A tagged state that was published is found under the name of its tag, and clients take its date.
    fn check_tags(&mut self) {
        let shown = Publication::shown(&*target_of(self.store, self.repository)).unwrap_or_default();
        for (tag, commit) in std::mem::take(&mut self.tags) {
            let shows = |publication: &&Publication| publication.commit == Some(commit);
            let published = self.records.readable.values().filter(shows);
            let Some(newest) = published.max_by_key(|found| found.id.rank(shown)) else { continue };
            self.compared += 1;
            let path = self.public().join(layout::tag_link(&tag));
            let leads_to =
                self.view.read_link(&path).ok().and_then(|target| PublicationId::parse(target.as_str()));
            let known = leads_to.filter(|id| Some(*id) != shown);
            let known = known.and_then(|id| self.records.readable.get(&id));
            if let Some(date) = known.and_then(Publication::latest_date)
                && date.duration_since(self.now) > MOST_AHEAD
            {
                let what = format!("its Date {date} is in the future: clients refuse it until then");
                let affects = vec![affected(self.repository, None)];
                self.report(None, ProblemKind::Date, path.clone(), what, affects);
            }
            let is_right = leads_to.is_some_and(|id| match self.records.readable.get(&id) {
                Some(publication) => shows(&publication),
                // It is being made, or came since the records were read.
                None => {
                    let root = self.public().join(layout::archive_root(id));
                    self.view.is_directory(&root).unwrap_or(false)
                }
            });
            // It may have been deleted since it was read.
            if is_right
                || !matches!(tagged(self.store.storage(), self.repository, &tag), Ok(Some(now)) if now == commit)
            {
                continue;
            }
            let remedy = Remedy::Entry(self.repository.clone(), TreeEntry::of_tag(&tag, newest.id));
            let (kind, what) = match self.view.exists(&path) {
                Ok(true) => (ProblemKind::Damaged, "it does not lead to a publication of the tagged state"),
                Err(error) if Refusal::of(&error).is_some() => continue,
                _ => (ProblemKind::Missing, "the tagged state was published"),
            };
            self.report(Some(remedy), kind, path, what, vec![affected(self.repository, None)]);
        }
    }

    /// The directory that `dists` leads into.
    fn current_name(&self) -> Option<String> {
        let target = self.view.read_link(&self.public().join(layout::DISTS)).ok()?;
        target.parent()?.file_name().map(str::to_owned)
    }
}

/// `public/REPOSITORY/pool/COMPONENT`.
const DIRECTORIES_TO_A_COMPONENT: usize = 4;

/// `public/REPOSITORY/pool/COMPONENT/PREFIX/SOURCE`.
const DIRECTORIES_TO_A_SOURCE: usize = 6;

/// Whether a directory in a pool has the name of a package file or of a file of a source package, which no directory of ours has
/// below that of a prefix.
fn is_named_like_a_file(path: &Utf8Path) -> bool {
    let is_deep = path.components().count() > DIRECTORIES_TO_A_SOURCE;
    is_deep && path.file_name().is_some_and(|name| name.contains('_') && name.contains('.'))
}

/// The suite that a path below `.publications/<id>/dists/` belongs to.
fn suite_of(path: &Utf8Path) -> Option<SuiteName> {
    let mut names = path.iter();
    (names.next() == Some(".publications") && names.nth(1) == Some("dists"))
        .then(|| names.next().and_then(|name| SuiteName::parse(name).ok()))?
}

//! From references over commits and snapshots to package files, in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use camino::Utf8PathBuf;
use deb_parse::checksum::Blake3;
use deb_parse::{SuiteName, deb822};

use super::contents::{Contents, Subject};
use super::report::{Affected, Problem, ProblemKind};
use crate::history::lost::is_reference_lost;
use crate::model::base_index::HEAD as BASE_INDEX;
use crate::model::commit::Commit;
use crate::model::hold::Holds;
use crate::model::id::{BlobId, ChunkId, CommitId, PageId, SnapshotId};
use crate::model::name::RepositoryName;
use crate::model::page;
use crate::model::publication_id::PublicationId;
use crate::model::record::{Record, RecordFile, RecordKey};
use crate::model::run::Run;
use crate::model::snapshot::Snapshot;
use crate::publish::earlier_state::later_publication;
use crate::storage::Key;
use crate::store::Store;

/// What an object's text, read as what it is, leads to. Of a chunk that is not all there is in it: it can be read again.
#[derive(Debug)]
pub(super) enum Object {
    Commit(Box<Commit>),
    Snapshot(Box<[PageId]>),
    Page(Box<[ChunkId]>),
    Chunk(Box<[BlobId]>),
    Holds,
    BaseIndex,
    /// Its hash is right, so it was written like this: by another program.
    Malformed,
}

/// A file that a record refers to.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) key: RecordKey,
    pub(super) blob: BlobId,
    /// Below the repository's public directory.
    pub(super) path: Utf8PathBuf,
    /// Whether a published tree can hold it.
    pub(super) in_pool: bool,
    pub(super) size: u64,
}

impl Object {
    pub(super) fn parse(text: &[u8]) -> Self {
        let object = if text.starts_with(b"Parent:") || text.starts_with(b"Sequence:") {
            Commit::parse(text).map(Box::new).map(Self::Commit)
        } else if text.starts_with(b"Records:") {
            Snapshot::parse(text).map(|snapshot| Self::Snapshot(ids(snapshot.pages())))
        } else if text.starts_with(b"Chunks:") {
            page::parse(text).map(|chunks| Self::Page(ids(&chunks)))
        } else if text.starts_with(b"Held:") {
            Holds::parse(text).map(|_| Self::Holds)
        } else if text.starts_with(BASE_INDEX) {
            Some(Self::BaseIndex)
        } else {
            listed(text).map(|listed| Self::Chunk(listed.iter().map(|file| file.blob).collect()))
        };
        object.unwrap_or(Self::Malformed)
    }
}

fn ids<I: Copy>(runs: &[Run<I>]) -> Box<[I]> {
    runs.iter().map(|run| run.id).collect()
}

/// The files of all records of a chunk.
fn listed(text: &[u8]) -> Option<Vec<Listed>> {
    let mut listed = Vec::new();
    for paragraph in deb822::paragraphs(text) {
        let record = Record::parse(&paragraph)?;
        let in_pool = record.check_paths().is_ok();
        listed.extend(record.kept_files().ok()?.into_iter().map(|RecordFile { blob, path, size }| Listed {
            in_pool,
            key: record.key().clone(),
            blob,
            path: path.as_path().to_owned(),
            size,
        }));
    }
    Some(listed)
}

/// Where a snapshot is shown.
#[derive(Clone, Debug)]
pub(super) struct Place {
    repository: RepositoryName,
    suite: SuiteName,
    current: bool,
}

/// What can be reached from where.
pub(super) struct Graph<'a> {
    store: &'a Store,
    contents: &'a Contents,
    places: HashMap<SnapshotId, Vec<Place>>,
    /// What is referred to and is not there, with the repository that needs it if it is known without looking further.
    missing: BTreeMap<Blake3, Vec<Affected>>,
    /// The ids of commits on the way from each head, and of the one before, which is not kept any more.
    pub(super) history: BTreeMap<RepositoryName, HashSet<CommitId>>,
    pub(super) commits: BTreeMap<RepositoryName, Vec<CommitId>>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(store: &'a Store, contents: &'a Contents) -> Self {
        Self {
            store,
            contents,
            places: HashMap::new(),
            missing: BTreeMap::new(),
            history: BTreeMap::new(),
            commits: BTreeMap::new(),
        }
    }

    /// Whether nothing is left of what clients saw of a repository.
    pub(super) fn has_no_public_tree(&self, repository: &RepositoryName) -> bool {
        self.store.has_tree(repository).is_ok_and(|has_tree| !has_tree)
    }

    /// Whether the repository had a reference once. What tells of that and cannot be read is a problem of its own.
    pub(super) fn is_reference_lost(&self, repository: &RepositoryName) -> bool {
        // One that came since the references were read is that of a repository that was new.
        let came = || {
            self.store.storage().refs().get(&Store::ref_key(repository)).is_ok_and(|found| found.is_some())
        };
        is_reference_lost(self.store, repository).unwrap_or_default() && !came()
    }

    /// The publication that clients saw and that the current state of the repository was not built upon.
    pub(super) fn later_publication(&self, repository: &RepositoryName) -> Option<PublicationId> {
        later_publication(self.store, repository).ok().flatten()
    }

    /// The commit of that id, if it can be read.
    pub(super) fn commit(&self, id: CommitId) -> Option<&'a Commit> {
        match self.contents.objects.get(&id.0) {
            Some(Object::Commit(commit)) => Some(commit),
            _ => None,
        }
    }

    /// The chunks of these snapshots, each once, as far as pages can be read.
    pub(super) fn chunks(&self, snapshots: impl IntoIterator<Item = SnapshotId>) -> BTreeSet<ChunkId> {
        let objects = &self.contents.objects;
        let snapshots: HashSet<SnapshotId> = snapshots.into_iter().collect();
        let pages = snapshots.into_iter().filter_map(|id| match objects.get(&id.0) {
            Some(Object::Snapshot(pages)) => Some(pages),
            _ => None,
        });
        let pages: HashSet<PageId> = pages.flatten().copied().collect();
        let chunks = pages.into_iter().filter_map(|id| match objects.get(&id.0) {
            Some(Object::Page(chunks)) => Some(chunks),
            _ => None,
        });
        chunks.flatten().copied().collect()
    }

    /// The files of the records of a chunk, read again; none when it cannot be.
    pub(super) fn listed(&self, id: ChunkId) -> Vec<Listed> {
        self.store.objects().read(&id).ok().and_then(|text| listed(&text)).unwrap_or_default()
    }

    /// Follows the history of a repository from `head` to the commit with the number `oldest`.
    pub(super) fn follow(&mut self, repository: &RepositoryName, head: CommitId, oldest: Option<u64>) {
        let mut next = Some(head);
        while let Some(id) = next {
            if !self.history.entry(repository.clone()).or_default().insert(id) {
                return;
            }
            let Some(commit) = self.commit(id) else {
                self.miss(id.0, repository, None, id == head);
                return;
            };
            self.commits.entry(repository.clone()).or_default().push(id);
            self.show_commit(repository, commit, id == head);
            if oldest.is_some_and(|oldest| commit.sequence <= oldest) {
                // It was current once, and need not be there any more.
                self.history.entry(repository.clone()).or_default().extend(commit.parent);
                return;
            }
            next = commit.parent;
        }
    }

    /// Notes that a commit is kept for itself, whatever came before it.
    pub(super) fn keep(&mut self, repository: &RepositoryName, id: CommitId) {
        let Some(commit) = self.commit(id) else {
            self.miss(id.0, repository, None, false);
            return;
        };
        self.show_commit(repository, commit, false);
    }

    /// Notes what a commit leads to.
    fn show_commit(&mut self, repository: &RepositoryName, commit: &Commit, current: bool) {
        for (suite, snapshot) in &commit.suites {
            self.show(repository, suite, *snapshot, current);
        }
        if let Some(holds) = commit.holds
            && !matches!(self.contents.objects.get(&holds.0), Some(Object::Holds))
        {
            self.miss(holds.0, repository, None, current);
        }
    }

    /// Notes that a snapshot is the content of a suite.
    pub(super) fn show(
        &mut self,
        repository: &RepositoryName,
        suite: &SuiteName,
        id: SnapshotId,
        current: bool,
    ) {
        let places = self.places.entry(id).or_default();
        match places.iter_mut().find(|place| place.repository == *repository && place.suite == *suite) {
            Some(place) => place.current |= current,
            None => places.push(Place { repository: repository.clone(), suite: suite.clone(), current }),
        }
    }

    fn miss(&mut self, id: Blake3, repository: &RepositoryName, suite: Option<&SuiteName>, current: bool) {
        self.missing.entry(id).or_default().push(Affected {
            repository: repository.clone(),
            suite: suite.cloned(),
            package: None,
            current,
        });
    }

    fn miss_at(&mut self, id: Blake3, places: &[Place]) {
        for place in places {
            self.miss(id, &place.repository, Some(&place.suite), place.current);
        }
    }

    /// What of a page, or of what it leads to, cannot be used.
    fn faults_of(&self, page: PageId) -> Faults {
        let objects = &self.contents.objects;
        let Some(Object::Page(chunks)) = objects.get(&page.0) else {
            return Faults { objects: vec![page.0], files: Vec::new() };
        };
        let mut faults = Faults::default();
        for id in chunks {
            match objects.get(&id.0) {
                Some(Object::Chunk(blobs)) if blobs.iter().all(|blob| self.contents.blobs.contains(blob)) => {
                }
                Some(Object::Chunk(_)) => {
                    let files = self.listed(*id).into_iter();
                    faults.files.extend(files.filter(|file| !self.contents.blobs.contains(&file.blob)));
                }
                _ => faults.objects.push(id.0),
            }
        }
        faults
    }

    /// Everything that is referred to and cannot be used, and what each of these affects.
    ///
    /// A damaged object that something refers to is among them, so that what it affects is known.
    pub(super) fn unusable(mut self) -> Unusable {
        let mut blobs: BTreeMap<BlobId, BTreeSet<Affected>> = BTreeMap::new();
        let mut wanted: HashMap<BlobId, Wanted> = HashMap::new();
        // Snapshots share most of their pages: each is looked at once.
        let mut seen: HashMap<PageId, Faults> = HashMap::new();
        for (id, places) in std::mem::take(&mut self.places) {
            let Some(Object::Snapshot(pages)) = self.contents.objects.get(&id.0) else {
                self.miss_at(id.0, &places);
                continue;
            };
            for page in pages {
                let faults = seen.entry(*page).or_insert_with(|| self.faults_of(*page));
                for file in &faults.files {
                    let entry = wanted
                        .entry(file.blob)
                        .or_insert_with(|| Wanted { size: file.size, names: BTreeSet::new() });
                    entry
                        .names
                        .extend(places.iter().map(|place| (place.repository.clone(), file.path.clone())));
                    let affected = places.iter().map(|place| Affected {
                        repository: place.repository.clone(),
                        suite: Some(place.suite.clone()),
                        package: Some(file.key.clone()),
                        current: place.current,
                    });
                    blobs.entry(file.blob).or_default().extend(affected);
                }
                for object in &faults.objects {
                    self.miss_at(*object, &places);
                }
            }
        }
        let objects = self.missing.into_iter().map(|(id, affected)| (id, affected.into_iter().collect()));
        Unusable { objects: objects.collect(), blobs, wanted }
    }
}

/// What a page leads to and cannot be used.
#[derive(Default)]
struct Faults {
    objects: Vec<Blake3>,
    files: Vec<Listed>,
}

/// What is referred to and cannot be used.
pub(super) struct Unusable {
    pub(super) objects: BTreeMap<Blake3, BTreeSet<Affected>>,
    pub(super) blobs: BTreeMap<BlobId, BTreeSet<Affected>>,
    pub(super) wanted: HashMap<BlobId, Wanted>,
}

/// What records say of a blob that cannot be used.
#[derive(Debug)]
pub(super) struct Wanted {
    /// In bytes.
    pub(super) size: u64,
    /// Where it is published, below a repository's public directory.
    pub(super) names: BTreeSet<(RepositoryName, Utf8PathBuf)>,
}

impl Unusable {
    /// What a damaged file affects.
    pub(super) fn affected_by(&self, subject: Subject) -> Vec<Affected> {
        let affected = match subject {
            Subject::Blob(id) => self.blobs.get(&id),
            Subject::Object(id) => self.objects.get(&id),
            Subject::Manifest(_) | Subject::Index => None,
        };
        strongest(affected.into_iter().flatten().cloned())
    }

    /// The problems of those that are not there at all. `known` are those that a problem tells of already.
    pub(super) fn missing(&self, known: &HashSet<Blake3>, contents: &Contents) -> Vec<(Subject, Problem)> {
        let objects = self.objects.keys().map(|id| (Subject::Object(*id), *id, Key::object("objects", id)));
        let blobs = self.blobs.keys().map(|id| (Subject::Blob(*id), id.0, Store::blob_key(*id)));
        let missing = objects.chain(blobs).filter(|(_, id, _)| !known.contains(id));
        let problem = |(subject, id, key): (Subject, Blake3, Key)| {
            let (kind, what) = if contents.objects.contains_key(&id) {
                (ProblemKind::Damaged, "it is not the kind of object that is referred to")
            } else {
                (ProblemKind::Missing, "it is referred to and not there")
            };
            let path = Utf8PathBuf::from(format!("store/{key}"));
            (subject, Problem { kind, path, what: what.to_owned(), affects: self.affected_by(subject) })
        };
        missing.map(problem).collect()
    }
}

/// One entry for each thing: that it is current says more than that it is in the history.
fn strongest(affected: impl Iterator<Item = Affected>) -> Vec<Affected> {
    let mut strongest: BTreeMap<_, bool> = BTreeMap::new();
    for Affected { repository, suite, package, current } in affected {
        *strongest.entry((repository, suite, package)).or_default() |= current;
    }
    let entry = |((repository, suite, package), current)| Affected { repository, suite, package, current };
    strongest.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_told_apart_by_its_first_field() {
        assert!(matches!(Object::parse(b"Records: 0\n"), Object::Snapshot(_)));
        let commit = b"Sequence: 0\nDate: 2026-03-01T07:08:09Z\nActor: a\nOperation: create\n";
        assert!(matches!(Object::parse(commit), Object::Commit(_)));
        assert!(matches!(Object::parse(b"Package: a\nVersion: 1\n"), Object::Malformed));
    }
}

//! What can be reached.

use std::collections::HashSet;
use std::hash::Hash;

use apt_index::parallel::parallel_map;
use deb_parse::checksum::Blake3;

use crate::context::Context;
use crate::error::Error;
use crate::model::commit::Commit;
use crate::model::id::{BaseIndexId, BlobId, ChunkId, CommitId, PageId, SnapshotId};
use crate::model::snapshot::Snapshot;
use crate::model::{chunk, page};
use crate::progress::{Amount, Phase, Running};
use crate::storage::StorageError;
use crate::store::Store;

/// Everything that was there at first, less what was reached since. Each object is read once at most.
pub(super) struct Marks<'a> {
    store: &'a Store,
    context: &'a Context,
    phase: Running<'a>,
    objects: HashSet<Blake3>,
    blobs: HashSet<Blake3>,
    snapshots: HashSet<SnapshotId>,
    pages: HashSet<PageId>,
    chunks: HashSet<ChunkId>,
}

/// What went wrong.
struct Failure(Option<Error>);

impl Failure {
    fn note(&mut self, error: Error) {
        if self.0.as_ref().is_none_or(|known| matches!(known, Error::Storage(StorageError::Missing { .. }))) {
            self.0 = Some(error);
        }
    }
}

/// So many objects are read at once.
const BATCH: usize = 256;

impl<'a> Marks<'a> {
    pub(super) fn new(
        store: &'a Store,
        context: &'a Context,
        objects: HashSet<Blake3>,
        blobs: HashSet<Blake3>,
    ) -> Self {
        let phase = context.progress.begin(Phase::Marking, Amount::items(objects.len()));
        let (snapshots, pages, chunks) = (HashSet::new(), HashSet::new(), HashSet::new());
        Self { store, context, phase, objects, blobs, snapshots, pages, chunks }
    }

    /// Commits whose states are kept. Those before them are not, unless they are given too.
    pub(super) fn commits(&mut self, commits: Vec<(CommitId, Commit)>) -> Result<(), Error> {
        let mut snapshots = Vec::new();
        for (id, commit) in commits {
            self.reach(id.0);
            if let Some(holds) = commit.holds {
                self.reach(holds.0);
            }
            snapshots.extend(commit.suites.into_values());
        }
        self.snapshots(snapshots)
    }

    /// Package files that are kept whether a state leads to them or not.
    pub(super) fn keep_blobs(&mut self, blobs: impl IntoIterator<Item = BlobId>) {
        for blob in blobs {
            self.blobs.remove(&blob.0);
        }
    }

    /// Indices of the bases that are kept.
    pub(super) fn base_indices(&mut self, indices: impl IntoIterator<Item = BaseIndexId>) {
        for id in indices {
            self.reach(id.0);
        }
    }

    /// The same for commits that are not at hand.
    pub(super) fn commit_ids(&mut self, ids: &HashSet<CommitId>) -> Result<(), Error> {
        let objects = self.store.objects();
        let commits = ids.iter().map(|id| Ok((*id, Commit::read(&objects, *id)?)));
        self.commits(commits.collect::<Result<_, Error>>()?)
    }

    /// Snapshots that are kept.
    ///
    /// When something cannot be read, all else they lead to is marked nevertheless: a later pass
    /// takes it for done.
    ///
    /// # Errors
    /// The first error; one that does not say that something is missing is preferred.
    pub(super) fn snapshots(&mut self, mut snapshots: Vec<SnapshotId>) -> Result<(), Error> {
        snapshots.retain(|id| self.snapshots.insert(*id));
        let mut failure = Failure(None);
        let objects = self.store.objects();
        for batch in snapshots.chunks(BATCH) {
            self.phase.check()?;
            let pages = self.read(batch, |id| id.0, |id| Ok(Snapshot::page_ids(&objects, id)?), &mut failure);
            let pages = distinct(pages, &mut self.pages);
            let chunks = self.read(&pages, |id| id.0, |id| Ok(page::chunk_ids(&objects, id)?), &mut failure);
            let chunks = distinct(chunks, &mut self.chunks);
            for batch in chunks.chunks(BATCH) {
                self.phase.check()?;
                // When every blob is reached, nothing more is to be learnt. Most often the current states do that.
                if self.blobs.is_empty() {
                    for id in batch {
                        self.reach(id.0);
                    }
                    continue;
                }
                let blobs = self.read(batch, |id| id.0, |id| Ok(chunk::blobs(&objects, id)?), &mut failure);
                for blob in blobs {
                    self.blobs.remove(&blob.0);
                }
            }
        }
        failure.0.map_or(Ok(()), Err)
    }

    /// What these objects lead to, which are reached.
    fn read<I: Copy + Sync, T: Send>(
        &mut self,
        ids: &[I],
        digest: impl Fn(I) -> Blake3,
        read: impl Fn(I) -> Result<Vec<T>, Error> + Sync,
        failure: &mut Failure,
    ) -> Vec<T> {
        for id in ids {
            self.reach(digest(*id));
        }
        let found = parallel_map(ids, self.context.threads, |id| read(*id)).into_iter();
        found.filter_map(|found| found.map_err(|error| failure.note(error)).ok()).flatten().collect()
    }

    fn reach(&mut self, id: Blake3) {
        if self.objects.remove(&id) {
            // Whether it is cancelled is asked before each batch.
            let _ = self.phase.advance(1, 0);
        }
    }

    /// The objects and the blobs that were not reached, in order.
    pub(super) fn unreached(self) -> (Vec<Blake3>, Vec<Blake3>) {
        let sorted = |ids: HashSet<Blake3>| {
            let mut ids: Vec<Blake3> = ids.into_iter().collect();
            ids.sort_unstable();
            ids
        };
        self.phase.finish();
        (sorted(self.objects), sorted(self.blobs))
    }
}

/// Those that were not known before, each once.
fn distinct<I: Copy + Eq + Hash>(mut ids: Vec<I>, known: &mut HashSet<I>) -> Vec<I> {
    ids.retain(|id| known.insert(*id));
    ids
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;

    use super::*;
    use crate::model::record::RecordKey;
    use crate::model::run::Run;
    use crate::storage::object_store;

    #[test]
    fn what_a_state_shares_with_one_that_lost_an_object_is_reached() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(directory.path().join("root")).unwrap();
        let store = Store::create(&root).unwrap();
        let objects = store.objects();
        let run = |name: &str| {
            let blob = BlobId::of(name.as_bytes());
            let text = format!("Package: {name}\nVersion: 1\nStore-Blob: {blob}\nStore-Component: main\n");
            let id = chunk::write(&objects, text.as_bytes()).unwrap();
            Run { id, records: 1, first: RecordKey::parse(&format!("{name} 1 all")).unwrap() }
        };
        let page = |name: &str| {
            let chunk = run(name);
            let (records, first) = (chunk.records, chunk.first.clone());
            Run { id: page::write(&objects, &[chunk]).unwrap(), records, first }
        };
        let (shared, own, lost) = (page("aa"), page("bb"), page("cc"));
        let kept = Snapshot::from_pages(vec![shared.clone(), own]).write(&objects).unwrap();
        let other = Snapshot::from_pages(vec![shared, lost.clone()]).write(&objects).unwrap();
        store.storage().objects().sync().unwrap();
        std::fs::remove_file(
            root.join(format!("store/{}", crate::storage::Key::object("objects", &lost.id))),
        )
        .unwrap();

        let ids = |area| object_store::ids(store.storage().objects(), area).unwrap();
        let blobs = ["aa", "bb", "cc"].map(|name| BlobId::of(name.as_bytes()).0).into_iter().collect();
        let context = Context::new("tester", jiff::Timestamp::UNIX_EPOCH);
        let mut marks = Marks::new(&store, &context, ids("objects"), blobs);
        assert!(matches!(marks.snapshots(vec![other]), Err(Error::Storage(StorageError::Missing { .. }))));
        marks.snapshots(vec![kept]).unwrap();
        let (objects, blobs) = marks.unreached();
        assert_eq!(objects, [run("cc").id.0]);
        assert_eq!(blobs, [BlobId::of(b"cc").0]);
    }
}

//! What can be reached.

use std::collections::HashSet;
use std::hash::Hash;
use std::num::NonZeroUsize;

use apt_index::parallel_map;
use deb_parse::checksum::Blake3;

use crate::{ChunkId, Commit, CommitId, Error, PageId, Snapshot, SnapshotId, Store, chunk, page};

/// Everything that was there at first, less what was reached since. Each object is read once at most.
pub(super) struct Marks<'a> {
    store: &'a Store,
    threads: NonZeroUsize,
    objects: HashSet<Blake3>,
    blobs: HashSet<Blake3>,
    snapshots: HashSet<SnapshotId>,
    pages: HashSet<PageId>,
    chunks: HashSet<ChunkId>,
}

/// So many objects are read at once.
const BATCH: usize = 256;

impl<'a> Marks<'a> {
    pub(super) fn new(
        store: &'a Store,
        threads: NonZeroUsize,
        objects: HashSet<Blake3>,
        blobs: HashSet<Blake3>,
    ) -> Self {
        let (snapshots, pages, chunks) = (HashSet::new(), HashSet::new(), HashSet::new());
        Self { store, threads, objects, blobs, snapshots, pages, chunks }
    }

    /// Commits whose states are kept. Those before them are not, unless they are given too.
    pub(super) fn commits(&mut self, commits: Vec<(CommitId, Commit)>) -> Result<(), Error> {
        let mut snapshots = Vec::new();
        for (id, commit) in commits {
            self.objects.remove(&id.0);
            snapshots.extend(commit.suites.into_values());
        }
        self.snapshots(snapshots)
    }

    /// The same for commits that are not at hand.
    pub(super) fn commit_ids(&mut self, ids: &HashSet<CommitId>) -> Result<(), Error> {
        let objects = self.store.objects();
        let commits = ids.iter().map(|id| Ok((*id, Commit::read(&objects, *id)?)));
        self.commits(commits.collect::<Result<_, Error>>()?)
    }

    /// Snapshots that are kept.
    pub(super) fn snapshots(&mut self, mut snapshots: Vec<SnapshotId>) -> Result<(), Error> {
        snapshots.retain(|id| self.snapshots.insert(*id));
        for batch in snapshots.chunks(BATCH) {
            let objects = self.store.objects();
            let pages = self.listed_by(batch, |id| id.0, |id| Snapshot::page_ids(&objects, id))?;
            let pages = distinct(pages, &mut self.pages);
            let chunks = self.listed_by(&pages, |id| id.0, |id| page::chunk_ids(&objects, id))?;
            let chunks = distinct(chunks, &mut self.chunks);
            self.read_chunks(&chunks)?;
        }
        Ok(())
    }

    /// What these objects list, which are reached.
    fn listed_by<I: Copy + Sync, T: Send>(
        &mut self,
        ids: &[I],
        digest: impl Fn(I) -> Blake3,
        read: impl Fn(I) -> Result<Vec<T>, Error> + Sync,
    ) -> Result<Vec<T>, Error> {
        for id in ids {
            self.objects.remove(&digest(*id));
        }
        let lists = parallel_map(ids, self.threads, |id| read(*id)).into_iter();
        Ok(lists.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    fn read_chunks(&mut self, chunks: &[ChunkId]) -> Result<(), Error> {
        for id in chunks {
            self.objects.remove(&id.0);
        }
        for batch in chunks.chunks(BATCH) {
            // When every blob is reached, nothing more is to be learnt. Most often the current states do that.
            if self.blobs.is_empty() {
                return Ok(());
            }
            let objects = self.store.objects();
            for found in parallel_map(batch, self.threads, |id| chunk::blobs(&objects, *id)) {
                for blob in found? {
                    self.blobs.remove(&blob.0);
                }
            }
        }
        Ok(())
    }

    /// The objects and the blobs that were not reached, in order.
    pub(super) fn unreached(self) -> (Vec<Blake3>, Vec<Blake3>) {
        let sorted = |ids: HashSet<Blake3>| {
            let mut ids: Vec<Blake3> = ids.into_iter().collect();
            ids.sort_unstable();
            ids
        };
        (sorted(self.objects), sorted(self.blobs))
    }
}

/// Those that were not known before, each once.
fn distinct<I: Copy + Eq + Hash>(mut ids: Vec<I>, known: &mut HashSet<I>) -> Vec<I> {
    ids.retain(|id| known.insert(*id));
    ids
}

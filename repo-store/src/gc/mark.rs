//! What can be reached.

use std::collections::HashSet;
use std::num::NonZeroUsize;

use apt_index::parallel_map;
use deb_parse::checksum::Blake3;

use crate::{ChunkId, Commit, CommitId, Error, Snapshot, SnapshotId, Store, chunk};

/// Everything that was there at first, less what was reached since. Each object is read once at most.
pub(super) struct Marks<'a> {
    store: &'a Store,
    threads: NonZeroUsize,
    objects: HashSet<Blake3>,
    blobs: HashSet<Blake3>,
    snapshots: HashSet<SnapshotId>,
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
        Self { store, threads, objects, blobs, snapshots: HashSet::new(), chunks: HashSet::new() }
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
            let read = parallel_map(batch, self.threads, |id| Snapshot::chunk_ids(&objects, *id));
            let mut chunks = Vec::new();
            for (id, found) in batch.iter().zip(read) {
                self.objects.remove(&id.0);
                chunks.extend(found?.into_iter().filter(|id| self.chunks.insert(*id)));
            }
            self.read_chunks(&chunks)?;
        }
        Ok(())
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

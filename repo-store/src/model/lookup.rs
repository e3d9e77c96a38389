//! Finding records of snapshots one by one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::Arc;

use deb_parse::{PackageName, Version};

use crate::model::chunk::Chunk;
use crate::model::id::{ChunkId, PageId};
use crate::model::objects::Objects;
use crate::model::record::{Record, RecordKey};
use crate::model::run::Run;
use crate::model::snapshot::Snapshot;
use crate::model::{page, run};
use crate::storage::StorageError;

/// The pages and chunks looked at last. Lookups come in the order of keys, and suites share most chunks, so few are enough.
#[derive(Debug)]
pub(crate) struct Lookup<'a> {
    objects: Objects<'a>,
    pages: HashMap<PageId, Vec<Run<ChunkId>>>,
    chunks: HashMap<ChunkId, Chunk>,
}

/// So many of each are kept.
const KEPT: usize = 32;

impl<'a> Lookup<'a> {
    pub(crate) fn new(objects: Objects<'a>) -> Self {
        Self { objects, pages: HashMap::new(), chunks: HashMap::new() }
    }

    /// Whether any of these snapshots has that version of a package, for any architecture.
    pub(crate) fn has_version<'s>(
        &mut self,
        snapshots: impl IntoIterator<Item = &'s Snapshot>,
        package: &PackageName,
        version: &Version,
    ) -> Result<bool, StorageError> {
        for snapshot in snapshots {
            if self.versions(snapshot, package)?.iter().any(|record| record.key().version == *version) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The record with that key.
    pub(crate) fn find(
        &mut self,
        snapshot: &Snapshot,
        key: &RecordKey,
    ) -> Result<Option<Arc<Record>>, StorageError> {
        let Some(page) = run::holding(snapshot.pages(), key) else { return Ok(None) };
        let Some(chunk) = run::holding(self.page(page.id)?, key) else { return Ok(None) };
        let id = chunk.id;
        self.chunk(id)?.find(key)
    }

    /// Every version and architecture of a package, in order.
    pub(crate) fn versions(
        &mut self,
        snapshot: &Snapshot,
        package: &PackageName,
    ) -> Result<Vec<Arc<Record>>, StorageError> {
        let mut found = Vec::new();
        for page in run::with(snapshot.pages(), package) {
            let chunks: Vec<ChunkId> =
                run::with(self.page(page.id)?, package).map(|chunk| chunk.id).collect();
            for id in chunks {
                for record in self.chunk(id)?.versions(package) {
                    found.push(record?);
                }
            }
        }
        Ok(found)
    }

    fn page(&mut self, id: PageId) -> Result<&[Run<ChunkId>], StorageError> {
        kept(&mut self.pages, id, || page::read(&self.objects, id)).map(Vec::as_slice)
    }

    fn chunk(&mut self, id: ChunkId) -> Result<&Chunk, StorageError> {
        kept(&mut self.chunks, id, || Chunk::read(&self.objects, id))
    }
}

fn kept<I: Eq + Hash, T>(
    all: &mut HashMap<I, T>,
    id: I,
    read: impl FnOnce() -> Result<T, StorageError>,
) -> Result<&T, StorageError> {
    if all.len() >= KEPT && !all.contains_key(&id) {
        all.clear();
    }
    Ok(match all.entry(id) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => entry.insert(read()?),
    })
}

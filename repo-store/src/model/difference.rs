use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use crate::model::chunk::Chunk;
use crate::model::id::{ChunkId, PageId};
use crate::model::objects::Objects;
use crate::model::page;
use crate::model::record::{Provenance, Record, RecordKey};
use crate::model::snapshot::Snapshot;
use crate::storage::StorageError;

/// What one snapshot has and another has not.
///
/// Pages and chunks that both have are skipped without being read, so the cost follows what differs.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// Records only the first has, and those it has with another content, in order.
    #[serde(serialize_with = "records")]
    pub only_first: Vec<Arc<Record>>,
    /// Records only the second has, and those it has with another content, in order.
    #[serde(serialize_with = "records")]
    pub only_second: Vec<Arc<Record>>,
    /// Packages that both have alike, as the second has them, where it has other [files that say how they were built](Record::provenance),
    /// in order.
    #[serde(serialize_with = "records")]
    pub other_provenance: Vec<Arc<Record>>,
}

impl Difference {
    /// Whether both hold the same packages.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.only_first.is_empty() && self.only_second.is_empty()
    }

    /// Leaves out what both have and only one of them gives to a share of the machines: that is each repository's own.
    #[must_use]
    pub fn apart_from_percentages(self) -> Self {
        // Nearly every change only adds, or only removes.
        if self.only_first.is_empty() || self.only_second.is_empty() {
            return self;
        }
        let (mut first, mut second) = (self.only_first, self.only_second);
        let find = |side: &[Arc<Record>], record: &Record| {
            let place = side.binary_search_by(|other| other.key().cmp(record.key())).ok()?;
            side.get(place).map(Arc::clone)
        };
        let is_new = |side: &[Arc<Record>], record: &Record| {
            find(side, record).is_none_or(|other| !other.differs_in_percentage_alone(record))
        };
        let before = first.clone();
        first.retain(|record| is_new(&second, record));
        second.retain(|record| is_new(&before, record));
        Self { only_first: first, only_second: second, ..self }
    }

    pub(crate) fn between(
        objects: &Objects<'_>,
        first: &Snapshot,
        second: &Snapshot,
    ) -> Result<Self, StorageError> {
        let (first, second) = chunks_of_one_only(objects, first, second)?;
        let (mut first, mut second) = (Side::new(*objects, first)?, Side::new(*objects, second)?);
        let mut difference = Self::default();
        loop {
            // Nearly all records of two chunks are the same: only what differs is read for its key.
            if first.text().is_some() && first.text() == second.text() {
                first.skip()?;
                second.skip()?;
                continue;
            }
            let order = match (first.key()?, second.key()?) {
                (None, None) => return Ok(difference),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(first), Some(second)) => first.cmp(second),
            };
            let in_first = if order.is_le() { first.take()? } else { None };
            let in_second = if order.is_ge() { second.take()? } else { None };
            if !is_same(in_first.as_deref(), in_second.as_deref()) {
                difference.only_first.extend(in_first);
                difference.only_second.extend(in_second);
            } else if provenance_of(in_first.as_deref())? != provenance_of(in_second.as_deref())? {
                difference.other_provenance.extend(in_second);
            }
        }
    }
}

/// Whether two sides have the same package. A record of an earlier version may hold another form of the same stanza.
fn is_same(first: Option<&Record>, second: Option<&Record>) -> bool {
    let (Some(first), Some(second)) = (first, second) else { return first == second };
    first == second
        || first.blob() == second.blob()
            && first.component() == second.component()
            && matches!((first.published(), second.published()), (Ok(first), Ok(second)) if first == second)
}

/// The chunks that each of two snapshots has and the other has not, in order. Pages that both have are not read.
pub(crate) fn chunks_of_one_only(
    objects: &Objects<'_>,
    first: &Snapshot,
    second: &Snapshot,
) -> Result<(Vec<ChunkId>, Vec<ChunkId>), StorageError> {
    let pages = |snapshot: &Snapshot| snapshot.pages().iter().map(|page| page.id).collect::<Vec<_>>();
    let (first, second) = without_common(pages(first), pages(second));
    let chunks = |pages: Vec<PageId>| {
        let mut chunks = Vec::new();
        for id in pages {
            chunks.extend(page::chunk_ids(objects, id)?);
        }
        Ok::<_, StorageError>(chunks)
    };
    Ok(without_common(chunks(first)?, chunks(second)?))
}

fn provenance_of(record: Option<&Record>) -> Result<Vec<Provenance>, StorageError> {
    record.map_or_else(|| Ok(Vec::new()), Record::provenance)
}

/// What each of two lists has and the other has not.
fn without_common<I: Copy + Eq + Hash>(first: Vec<I>, second: Vec<I>) -> (Vec<I>, Vec<I>) {
    let set = |ids: &[I]| ids.iter().copied().collect::<HashSet<I>>();
    let (in_first, in_second) = (set(&first), set(&second));
    let only = |ids: Vec<I>, others: &HashSet<I>| ids.into_iter().filter(|id| !others.contains(id)).collect();
    (only(first, &in_second), only(second, &in_first))
}

/// The records of some chunks, one after the other; one chunk is held at a time.
struct Side<'a> {
    objects: Objects<'a>,
    chunks: std::vec::IntoIter<ChunkId>,
    chunk: Option<Chunk>,
    place: usize,
    /// That of the next record, once it was read.
    key: Option<RecordKey>,
}

impl<'a> Side<'a> {
    fn new(objects: Objects<'a>, chunks: Vec<ChunkId>) -> Result<Self, StorageError> {
        let mut side = Side { objects, chunks: chunks.into_iter(), chunk: None, place: 0, key: None };
        side.next_chunk()?;
        Ok(side)
    }

    fn next_chunk(&mut self) -> Result<(), StorageError> {
        self.chunk = self.chunks.next().map(|id| Chunk::read(&self.objects, id)).transpose()?;
        self.place = 0;
        Ok(())
    }

    fn text(&self) -> Option<&[u8]> {
        self.chunk.as_ref().map(|chunk| chunk.text(self.place))
    }

    fn skip(&mut self) -> Result<(), StorageError> {
        self.key = None;
        self.place += 1;
        match &self.chunk {
            Some(chunk) if self.place >= chunk.len() => self.next_chunk(),
            _ => Ok(()),
        }
    }

    fn key(&mut self) -> Result<Option<&RecordKey>, StorageError> {
        if self.key.is_none() {
            self.key = self.chunk.as_ref().map(|chunk| chunk.key(self.place)).transpose()?;
        }
        Ok(self.key.as_ref())
    }

    fn take(&mut self) -> Result<Option<Arc<Record>>, StorageError> {
        let record = self.chunk.as_ref().map(|chunk| chunk.record(self.place)).transpose()?;
        self.skip()?;
        Ok(record)
    }
}

/// Writes records as a list.
pub(crate) fn records<S: serde::Serializer>(
    records: &[Arc<Record>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(records.iter().map(|record| &**record))
}

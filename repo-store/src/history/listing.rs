//! What a state holds, read as it is asked for: the names alone, or the records.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use deb_parse::SuiteName;

use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::chunk::Chunk;
use crate::model::id::{ChunkId, SnapshotId};
use crate::model::record::{Record, RecordKey};
use crate::storage::StorageError;
use crate::store::Store;

/// A package and the suites that it is in.
pub type KeyInSuites = (RecordKey, Vec<SuiteName>);

/// A record and the suites that it is in.
pub type RecordInSuites = (Arc<Record>, Vec<SuiteName>);

/// What a listing reads of each record.
trait Listed: Clone {
    /// Reads it from a place in a chunk.
    fn read(chunk: &Chunk, place: usize) -> Result<Self, StorageError>;

    /// Returns what listings are ordered by.
    fn key(&self) -> &RecordKey;
}

impl Listed for RecordKey {
    fn read(chunk: &Chunk, place: usize) -> Result<Self, StorageError> {
        chunk.key(place)
    }

    fn key(&self) -> &RecordKey {
        self
    }
}

impl Listed for Arc<Record> {
    fn read(chunk: &Chunk, place: usize) -> Result<Self, StorageError> {
        chunk.record(place)
    }

    fn key(&self) -> &RecordKey {
        Record::key(self)
    }
}

impl<'a> Revision<'a> {
    /// Returns every package of these suites in order, each once with the suites that it is in. Packages are read as they are asked for, and what
    /// suites share is read once.
    ///
    /// # Errors
    /// When the store cannot be read. Each item can fail too; nothing follows it then.
    pub fn keys<'s>(
        &self,
        suites: impl IntoIterator<Item = &'s SuiteName>,
    ) -> Result<impl Iterator<Item = Result<KeyInSuites, Error>> + 'a, Error> {
        self.listed(suites)
    }

    /// Returns every record of these suites as [`keys`](Self::keys) returns the names. At no time are more records at hand than a chunk
    /// of each suite has.
    ///
    /// # Errors
    /// When the store cannot be read. Each item can fail too; nothing follows it then.
    pub fn records_in<'s>(
        &self,
        suites: impl IntoIterator<Item = &'s SuiteName>,
    ) -> Result<impl Iterator<Item = Result<RecordInSuites, Error>> + 'a, Error> {
        self.listed(suites)
    }

    fn listed<'s, L: Listed>(
        &self,
        suites: impl IntoIterator<Item = &'s SuiteName>,
    ) -> Result<Listing<'a, L>, Error> {
        let mut by_snapshot: BTreeMap<SnapshotId, Vec<SuiteName>> = BTreeMap::new();
        for suite in suites {
            if let Some(snapshot) = self.commit().suites.get(suite) {
                by_snapshot.entry(*snapshot).or_default().push(suite.clone());
            }
        }
        let mut streams = Vec::with_capacity(by_snapshot.len());
        for (snapshot, suites) in by_snapshot {
            let snapshot = self.store().empty_or(Some(snapshot))?;
            let chunks = snapshot.chunks(self.store().objects()).collect::<Result<_, _>>()?;
            streams.push(Stream { suites, chunks, items: Arc::default(), next: 0 });
        }
        let chunks = ReadChunks { store: self.store(), last: VecDeque::new() };
        Ok(Listing { merged: Merged { chunks, streams }, has_failed: false })
    }
}

/// What a state holds, one item after the other.
struct Listing<'a, L> {
    merged: Merged<'a, L>,
    has_failed: bool,
}

impl<L: Listed> Iterator for Listing<'_, L> {
    type Item = Result<(L, Vec<SuiteName>), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let next = self.merged.next().map_err(Error::from).transpose();
        self.has_failed = matches!(next, Some(Err(_)));
        next
    }
}

/// The packages of one snapshot.
struct Stream<L> {
    suites: Vec<SuiteName>,
    /// Those that were not read yet.
    chunks: VecDeque<ChunkId>,
    /// Those of the chunk that was read last, in order.
    items: Arc<[L]>,
    /// The place in `items`.
    next: usize,
}

impl<L: Listed> Stream<L> {
    fn item(&self) -> Option<&L> {
        self.items.get(self.next)
    }

    fn key(&self) -> Option<&RecordKey> {
        self.item().map(L::key)
    }

    /// Reads on until there is an item, or the end.
    fn fill(&mut self, chunks: &mut ReadChunks<'_, L>, streams: usize) -> Result<(), StorageError> {
        while self.item().is_none()
            && let Some(id) = self.chunks.pop_front()
        {
            (self.items, self.next) = (chunks.items(id, streams)?, 0);
        }
        Ok(())
    }
}

/// The chunks that were read last: suites that share one come to it at about the same time.
struct ReadChunks<'a, L> {
    store: &'a Store,
    last: VecDeque<(ChunkId, Arc<[L]>)>,
}

impl<L: Listed> ReadChunks<'_, L> {
    /// Returns what is listed of a chunk, and keeps as many chunks as there are streams.
    fn items(&mut self, id: ChunkId, streams: usize) -> Result<Arc<[L]>, StorageError> {
        if let Some((_, items)) = self.last.iter().find(|(known, _)| *known == id) {
            return Ok(Arc::clone(items));
        }
        let chunk = Chunk::read(&self.store.objects(), id)?;
        let items: Arc<[L]> =
            (0..chunk.len()).map(|place| L::read(&chunk, place)).collect::<Result<_, _>>()?;
        if streams > 1 {
            self.last.push_back((id, Arc::clone(&items)));
            if self.last.len() > streams {
                self.last.pop_front();
            }
        }
        Ok(items)
    }
}

struct Merged<'a, L> {
    chunks: ReadChunks<'a, L>,
    streams: Vec<Stream<L>>,
}

impl<L: Listed> Merged<'_, L> {
    fn next(&mut self) -> Result<Option<(L, Vec<SuiteName>)>, StorageError> {
        let streams = self.streams.len();
        for stream in &mut self.streams {
            stream.fill(&mut self.chunks, streams)?;
        }
        let items = self.streams.iter().filter_map(Stream::item);
        let Some(least) = items.min_by(|a, b| a.key().cmp(b.key())).cloned() else { return Ok(None) };
        let mut suites = Vec::new();
        for stream in self.streams.iter_mut().filter(|stream| stream.key() == Some(least.key())) {
            suites.extend_from_slice(&stream.suites);
            stream.next += 1;
        }
        suites.sort_unstable();
        Ok(Some((least, suites)))
    }
}

#[cfg(test)]
mod tests {

    use camino::Utf8Path;
    use deb_parse::deb822;
    use jiff::Timestamp;

    use super::*;
    use crate::context::Context;
    use crate::model::id::BlobId;
    use crate::model::name::RepositoryName;
    use crate::model::operation::Operation;
    use crate::storage::{Faulty, Memory};
    use crate::transaction::Transaction;

    fn record(name: &str) -> Arc<Record> {
        let blob = BlobId::of(name.as_bytes());
        let text = format!(
            "Package: {name}\nVersion: 1.0\nArchitecture: amd64\nFilename: pool/main/{name}.deb\nSize: 1\n\
             Store-Blob: {blob}\nStore-Component: main\n"
        );
        Arc::new(Record::parse(&deb822::paragraphs(text.as_bytes()).next().unwrap()).unwrap())
    }

    #[test]
    fn the_keys_are_those_of_the_records_and_what_suites_share_is_read_once() {
        let counted = Faulty::new(Memory::default().into(), |_, _| None);
        let store = Store::with_storage(Utf8Path::new("/nowhere"), counted.clone());
        let name = RepositoryName::parse("preprod").unwrap();
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let context = Context::new("tester", now);
        let suites = ["a", "b", "c", "d"].map(|name| SuiteName::parse(name).unwrap());
        let change = |transaction: &mut Transaction<'_>| {
            for number in 0..600 {
                let record = record(&format!("p{number:03}"));
                for (place, suite) in suites.iter().enumerate() {
                    // Two are equal, one lacks the end, one has only one.
                    if place < 2 || (place == 2 && number < 500) || (place == 3 && number == 77) {
                        transaction.insert(suite, &record)?;
                    }
                }
            }
            Ok((Operation::Other("insert".to_owned()), ()))
        };
        store.transact(&name, &context, change).unwrap();
        let head = store.head(&name).unwrap().unwrap();

        let mut expected: BTreeMap<RecordKey, Vec<SuiteName>> = BTreeMap::new();
        for suite in &suites {
            for record in head.records(suite).unwrap() {
                expected.entry(record.key().clone()).or_default().push(suite.clone());
            }
        }
        let listed: Vec<KeyInSuites> = head.keys(&suites).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(listed, expected.into_iter().collect::<Vec<_>>());
        let records = head
            .records_in(&suites)
            .unwrap()
            .map(|item| item.map(|(record, suites)| (record.key().clone(), suites)));
        assert_eq!(records.collect::<Result<Vec<_>, _>>().unwrap(), listed);
        let requests = |suites: &[SuiteName]| {
            let before = counted.requests();
            assert_eq!(head.keys(suites).unwrap().count(), if suites.len() > 1 { 600 } else { 500 });
            counted.requests() - before
        };
        // The snapshot, its pages and its chunks, and of the larger ones what is not shared.
        let (shorter, both_equal, three) =
            (requests(&suites[2..3]), requests(&suites[..2]), requests(&suites[..3]));
        assert!(shorter > 20, "{shorter} requests");
        assert!(three < both_equal + shorter / 4, "{three} requests where the larger needs {both_equal}");
    }
}

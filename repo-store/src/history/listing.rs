//! The names of what a state holds, without the records.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use deb_parse::SuiteName;

use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::chunk::Chunk;
use crate::model::id::{ChunkId, SnapshotId};
use crate::model::record::RecordKey;
use crate::storage::StorageError;
use crate::store::Store;

/// The keys of a chunk, in order.
type Keys = Arc<[RecordKey]>;

/// A package and the suites that it is in.
pub type KeyInSuites = (RecordKey, Vec<SuiteName>);

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
            streams.push(Stream { suites, chunks, keys: Keys::default(), next: 0 });
        }
        let mut merged =
            Merged { chunks: ReadChunks { store: self.store(), last: VecDeque::new() }, streams };
        let mut has_failed = false;
        Ok(std::iter::from_fn(move || {
            if has_failed {
                return None;
            }
            let next = merged.next().map_err(Error::from).transpose();
            has_failed = matches!(next, Some(Err(_)));
            next
        }))
    }
}

/// The packages of one snapshot.
struct Stream {
    suites: Vec<SuiteName>,
    /// Those that were not read yet.
    chunks: VecDeque<ChunkId>,
    keys: Keys,
    /// The place in `keys`.
    next: usize,
}

impl Stream {
    fn key(&self) -> Option<&RecordKey> {
        self.keys.get(self.next)
    }

    /// Reads on until there is a key, or the end.
    fn fill(&mut self, chunks: &mut ReadChunks<'_>, streams: usize) -> Result<(), StorageError> {
        while self.key().is_none()
            && let Some(id) = self.chunks.pop_front()
        {
            (self.keys, self.next) = (chunks.keys(id, streams)?, 0);
        }
        Ok(())
    }
}

/// The chunks that were read last: suites that share one come to it at about the same time.
struct ReadChunks<'a> {
    store: &'a Store,
    last: VecDeque<(ChunkId, Keys)>,
}

impl ReadChunks<'_> {
    /// Returns the keys of a chunk, and keeps as many chunks as there are streams.
    fn keys(&mut self, id: ChunkId, streams: usize) -> Result<Keys, StorageError> {
        if let Some((_, keys)) = self.last.iter().find(|(known, _)| *known == id) {
            return Ok(Arc::clone(keys));
        }
        let chunk = Chunk::read(&self.store.objects(), id)?;
        let keys: Keys = (0..chunk.len()).map(|place| chunk.key(place)).collect::<Result<_, _>>()?;
        if streams > 1 {
            self.last.push_back((id, Arc::clone(&keys)));
            if self.last.len() > streams {
                self.last.pop_front();
            }
        }
        Ok(keys)
    }
}

struct Merged<'a> {
    chunks: ReadChunks<'a>,
    streams: Vec<Stream>,
}

impl Merged<'_> {
    fn next(&mut self) -> Result<Option<KeyInSuites>, StorageError> {
        let streams = self.streams.len();
        for stream in &mut self.streams {
            stream.fill(&mut self.chunks, streams)?;
        }
        let Some(least) = self.streams.iter().filter_map(Stream::key).min().cloned() else { return Ok(None) };
        let mut suites = Vec::new();
        for stream in self.streams.iter_mut().filter(|stream| stream.key() == Some(&least)) {
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
    use crate::model::record::Record;
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

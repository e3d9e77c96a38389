//! Runs of records, and where they are cut.
//!
//! A chunk is the deb822 text of its records, compressed with zstd, named by the BLAKE3 of the text. Records are sorted by
//! key, and where a run ends is decided by the keys themselves: so the same content is always cut the same way, and a
//! change moves no border but those it touches.

use std::ops::Range;
use std::sync::Arc;

use deb_parse::PackageName;
use deb_parse::deb822::{self, Paragraph};

use crate::model::id::{BlobId, ChunkId};
use crate::model::objects::Objects;
use crate::model::record::{Record, RecordKey};
use crate::storage::StorageError;

/// How many records a chunk holds on average. Changing this changes the ids of all snapshots made later.
const AVERAGE: u64 = 16;
/// A chunk is cut here whatever the keys say.
const MAXIMUM: usize = 64;

/// The numbers by which a key decides where chunks and pages end: no two keys have them in common but by chance.
pub(crate) fn numbers(key: &RecordKey) -> [u64; 2] {
    let digest = blake3::hash(key.to_string().as_bytes());
    let (numbers, _) = digest.as_bytes().as_chunks();
    [0, 1].map(|place| numbers.get(place).map_or(0, |bytes| u64::from_le_bytes(*bytes)))
}

/// Whether a chunk of `length` records ends behind the one with `key`.
pub(crate) fn ends_behind(key: &RecordKey, length: usize) -> bool {
    let [number, _] = numbers(key);
    number.is_multiple_of(AVERAGE) || length >= MAXIMUM
}

/// Keeps a chunk.
pub(crate) fn write(objects: &Objects<'_>, text: &[u8]) -> Result<ChunkId, StorageError> {
    let id = ChunkId::of(text);
    objects.write(&id, text)?;
    Ok(id)
}

/// The records of a chunk, each read when it is asked for: of most nobody wants to know more than that they are there.
#[derive(Debug)]
pub(crate) struct Chunk {
    id: ChunkId,
    text: Vec<u8>,
    records: Vec<Range<usize>>,
}

impl Chunk {
    pub(crate) fn read(objects: &Objects<'_>, id: ChunkId) -> Result<Self, StorageError> {
        let text = objects.read(&id)?;
        let place = |record: Paragraph<'_>| record.offset()..record.offset() + record.as_bytes().len();
        let records = deb822::paragraphs(&text).map(place).collect();
        Ok(Self { id, text, records })
    }

    /// How many records it holds.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// The text of one record; nothing behind the last.
    pub(crate) fn text(&self, place: usize) -> &[u8] {
        self.records.get(place).and_then(|range| self.text.get(range.clone())).unwrap_or_default()
    }

    pub(crate) fn key(&self, place: usize) -> Result<RecordKey, StorageError> {
        self.paragraph(place)
            .and_then(|paragraph| RecordKey::of_record(&paragraph))
            .ok_or_else(|| self.damaged())
    }

    pub(crate) fn record(&self, place: usize) -> Result<Arc<Record>, StorageError> {
        let record = self.paragraph(place).and_then(|paragraph| Record::parse(&paragraph));
        record.map(Arc::new).ok_or_else(|| self.damaged())
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = Result<Arc<Record>, StorageError>> {
        (0..self.len()).map(|place| self.record(place))
    }

    /// Every version and architecture of a package, in order.
    pub(crate) fn versions(
        &self,
        package: &PackageName,
    ) -> impl Iterator<Item = Result<Arc<Record>, StorageError>> {
        let name = |range: &Range<usize>| {
            let paragraph = deb822::paragraphs(self.text.get(range.clone())?).next()?;
            paragraph.get("Package")
        };
        let wanted = Some(package.as_str().as_bytes());
        let start = self.records.partition_point(|record| name(record) < wanted);
        let same = self.records.iter().skip(start).take_while(move |record| name(record) == wanted).count();
        (start..start + same).map(|place| self.record(place))
    }

    /// The record with that key.
    pub(crate) fn find(&self, key: &RecordKey) -> Result<Option<Arc<Record>>, StorageError> {
        let is_it = |record: &Result<Arc<Record>, StorageError>| {
            record.as_ref().map_or(true, |record| record.key() == key)
        };
        self.versions(&key.package).find(is_it).transpose()
    }

    fn paragraph(&self, place: usize) -> Option<Paragraph<'_>> {
        deb822::paragraphs(self.text(place)).next()
    }

    fn damaged(&self) -> StorageError {
        StorageError::damaged(ChunkId::KIND, &self.id, "a record cannot be read")
    }
}

/// The package files of a chunk's records, without reading the records.
pub(crate) fn blobs(objects: &Objects<'_>, id: ChunkId) -> Result<Vec<BlobId>, StorageError> {
    let text = objects.read(&id)?;
    crate::model::record::blobs_in(&text)
        .ok_or_else(|| StorageError::damaged(ChunkId::KIND, &id, "a record cannot be read"))
}

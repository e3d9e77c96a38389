use std::fmt::Write as _;
use std::sync::Arc;

use deb_parse::{PackageName, deb822};

use crate::objects::Objects;
use crate::{ChunkId, Error, Record, RecordKey, SnapshotId, chunk};

/// The whole content of one suite at one moment: a sorted list of chunks.
///
/// The same content always makes the same snapshot with the same id, however it came about. As text:
///
/// ```text
/// Records: 1450
/// Chunks:
///  <chunk id> <number of records> <package> <version> <architecture of the first record>
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    chunks: Vec<ChunkRef>,
}

/// A chunk as a snapshot refers to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChunkRef {
    pub(crate) id: ChunkId,
    pub(crate) records: u64,
    pub(crate) first: RecordKey,
}

impl Snapshot {
    pub(crate) fn from_chunks(chunks: Vec<ChunkRef>) -> Self {
        Self { chunks }
    }

    pub(crate) fn chunks(&self) -> &[ChunkRef] {
        &self.chunks
    }

    /// How many records it holds.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.records).sum()
    }

    pub(crate) fn write(&self, objects: &Objects<'_>) -> Result<SnapshotId, Error> {
        let text = self.to_text();
        let id = SnapshotId::of(text.as_bytes());
        objects.write(&id, text.as_bytes())?;
        Ok(id)
    }

    pub(crate) fn read(objects: &Objects<'_>, id: SnapshotId) -> Result<Self, Error> {
        let text = objects.read(&id)?;
        Self::parse(&text).ok_or_else(|| Error::damaged(SnapshotId::KIND, &id, "it is malformed"))
    }

    /// The ids of its chunks: all that is needed to know what it refers to.
    pub(crate) fn chunk_ids(objects: &Objects<'_>, id: SnapshotId) -> Result<Vec<ChunkId>, Error> {
        let text = objects.read(&id)?;
        let lines = text.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b" "));
        let ids = lines.map(|line| {
            let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
            std::str::from_utf8(word).ok()?.parse().ok()
        });
        ids.collect::<Option<_>>().ok_or_else(|| Error::damaged(SnapshotId::KIND, &id, "it is malformed"))
    }

    fn to_text(&self) -> String {
        let mut text = format!("Records: {}\n", self.records());
        if !self.chunks.is_empty() {
            text.push_str("Chunks:\n");
        }
        for ChunkRef { id, records, first } in &self.chunks {
            // Writing to a String cannot fail.
            let _ = writeln!(text, " {id} {records} {first}");
        }
        text
    }

    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let paragraph = deb822::paragraphs(text).next()?;
        let chunks = paragraph.get_str("Chunks").unwrap_or_default();
        let chunks = chunks.lines().map(str::trim_start).filter(|line| !line.is_empty()).map(|line| {
            let mut words = line.splitn(3, ' ');
            Some(ChunkRef {
                id: words.next()?.parse().ok()?,
                records: words.next()?.parse().ok()?,
                first: RecordKey::parse(words.next()?)?,
            })
        });
        Some(Self { chunks: chunks.collect::<Option<_>>()? })
    }

    /// Every record, in order. Chunks are read as they are needed.
    pub(crate) fn iterate<'a>(
        &'a self,
        objects: Objects<'a>,
    ) -> impl Iterator<Item = Result<Arc<Record>, Error>> + 'a {
        self.chunks.iter().flat_map(move |reference| match chunk::read(&objects, reference.id) {
            Ok(records) => records.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        })
    }

    /// The record with that key.
    pub(crate) fn get(&self, objects: &Objects<'_>, key: &RecordKey) -> Result<Option<Arc<Record>>, Error> {
        let Some(id) = self.chunk_for(key) else { return Ok(None) };
        Ok(chunk::read(objects, id)?.into_iter().find(|record| record.key() == key))
    }

    /// The chunk that holds `key` if any does.
    pub(crate) fn chunk_for(&self, key: &RecordKey) -> Option<ChunkId> {
        let behind = self.chunks.partition_point(|chunk| chunk.first <= *key);
        Some(self.chunks.get(behind.checked_sub(1)?)?.id)
    }

    /// Every version and architecture of a package, in order.
    pub(crate) fn versions(
        &self,
        objects: &Objects<'_>,
        package: &PackageName,
    ) -> Result<Vec<Arc<Record>>, Error> {
        let start = self.chunks.partition_point(|chunk| chunk.first.package < *package).saturating_sub(1);
        let mut found = Vec::new();
        for reference in self.chunks.iter().skip(start) {
            if reference.first.package > *package {
                break;
            }
            let records = chunk::read(objects, reference.id)?;
            found.extend(records.into_iter().filter(|record| record.key().package == *package));
        }
        Ok(found)
    }
}

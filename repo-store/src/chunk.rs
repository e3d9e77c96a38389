//! Runs of records, and where they are cut.
//!
//! A chunk is the deb822 text of its records, compressed with zstd, named by the BLAKE3 of the text. Records are sorted by
//! key, and where a run ends is decided by the keys themselves: so the same content is always cut the same way, and a
//! change moves no border but those it touches.

use std::sync::Arc;

use deb_parse::deb822;

use crate::objects::Objects;
use crate::{BlobId, ChunkId, Error, Record, RecordKey};

/// How many records a chunk holds on average. Changing this changes the ids of all snapshots made later.
const AVERAGE: u64 = 96;
/// A chunk is cut here whatever the keys say.
const MAXIMUM: usize = 384;

/// Whether a chunk of `length` records ends behind the one with `key`.
pub(crate) fn ends_behind(key: &RecordKey, length: usize) -> bool {
    let digest = blake3::hash(key.to_string().as_bytes());
    let start = digest.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    start.is_multiple_of(AVERAGE) || length >= MAXIMUM
}

/// Keeps a chunk.
pub(crate) fn write(objects: &Objects<'_>, records: &[Arc<Record>]) -> Result<ChunkId, Error> {
    let mut text = Vec::with_capacity(records.iter().map(|record| record.as_bytes().len() + 1).sum());
    for record in records {
        if !text.is_empty() {
            text.push(b'\n');
        }
        text.extend_from_slice(record.as_bytes());
    }
    let id = ChunkId::of(&text);
    objects.write(&id, &text)?;
    Ok(id)
}

/// The records of a chunk.
pub(crate) fn read(objects: &Objects<'_>, id: ChunkId) -> Result<Vec<Arc<Record>>, Error> {
    let text = objects.read(&id)?;
    deb822::paragraphs(&text).map(|paragraph| record(id, &paragraph)).collect()
}

/// One record of a chunk.
pub(crate) fn record(id: ChunkId, paragraph: &deb822::Paragraph<'_>) -> Result<Arc<Record>, Error> {
    let record = Record::parse(paragraph).map(Arc::new);
    record.ok_or_else(|| Error::damaged(ChunkId::KIND, &id, "a record cannot be read"))
}

/// The package files of a chunk's records, without reading the records.
pub(crate) fn blobs(objects: &Objects<'_>, id: ChunkId) -> Result<Vec<BlobId>, Error> {
    let text = objects.read(&id)?;
    crate::record::blobs_in(&text)
        .ok_or_else(|| Error::damaged(ChunkId::KIND, &id, "a record cannot be read"))
}

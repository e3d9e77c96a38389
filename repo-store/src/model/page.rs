//! Parts of the list of a suite's chunks, so that a change writes a part of that list and not all of it.
//!
//! Where a page ends is decided by the chunks in it, as the end of a chunk is by its records: so the same content is always
//! listed by the same pages.

use deb_parse::deb822;

use crate::model::id::{ChunkId, PageId};
use crate::model::objects::Objects;
use crate::model::record::RecordKey;
use crate::model::run::Run;
use crate::model::{chunk, run};
use crate::storage::StorageError;

/// How many chunks a page lists on average. Changing this changes the ids of all snapshots made later.
const AVERAGE: u64 = 64;
/// A page is cut here whatever the keys say.
const MAXIMUM: usize = 256;

/// Whether a page of `length` chunks ends behind the one whose first record has that key.
pub(crate) fn ends_behind(first: &RecordKey, length: usize) -> bool {
    let [_, number] = chunk::numbers(first);
    number.is_multiple_of(AVERAGE) || length >= MAXIMUM
}

/// Keeps a page.
pub(crate) fn write(objects: &Objects<'_>, chunks: &[Run<ChunkId>]) -> Result<PageId, StorageError> {
    let text = run::write("Chunks", chunks);
    let id = PageId::of(text.as_bytes());
    objects.write(&id, text.as_bytes())?;
    Ok(id)
}

/// The chunks that a page lists.
pub(crate) fn read(objects: &Objects<'_>, id: PageId) -> Result<Vec<Run<ChunkId>>, StorageError> {
    parse(&objects.read(&id)?).ok_or_else(|| malformed(id))
}

/// The ids of the chunks that a page lists.
pub(crate) fn chunk_ids(objects: &Objects<'_>, id: PageId) -> Result<Vec<ChunkId>, StorageError> {
    run::ids(&objects.read(&id)?).ok_or_else(|| malformed(id))
}

pub(crate) fn parse(text: &[u8]) -> Option<Vec<Run<ChunkId>>> {
    run::parse(deb822::paragraphs(text).next()?.get_str("Chunks")?)
}

fn malformed(id: PageId) -> StorageError {
    StorageError::damaged(PageId::KIND, &id, "it is malformed")
}

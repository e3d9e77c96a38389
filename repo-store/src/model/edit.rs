use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::chunk::Chunk;
use crate::model::id::{ChunkId, PageId};
use crate::model::objects::Objects;
use crate::model::record::{Record, RecordKey};
use crate::model::run::Run;
use crate::model::snapshot::Snapshot;
use crate::model::{chunk, page};
use crate::storage::StorageError;

/// What to do with the record of one key.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    /// Put this one in.
    Insert(Arc<Record>),
    /// Take whatever is there out.
    Remove,
}

/// Applies `edits` to `snapshot`, reading and writing only the pages and chunks that change.
///
/// The result is cut as if it had been made from scratch: chunks are read again behind an edit until a border falls
/// where one was before, and so are pages.
pub(crate) fn apply(
    snapshot: &Snapshot,
    objects: &Objects<'_>,
    edits: &BTreeMap<RecordKey, Edit>,
) -> Result<Snapshot, StorageError> {
    let mut writer = Writer::new(*objects);
    let mut edits = edits.iter().peekable();
    let mut pages = snapshot.pages().iter().peekable();
    while let Some(page) = pages.next() {
        let page_end = pages.peek().map(|next| &next.first);
        let touched = edits.peek().is_some_and(|(key, _)| page_end.is_none_or(|end| *key < end));
        if writer.is_between_pages() && !touched {
            writer.pages.push(page.clone());
            continue;
        }
        let chunks = page::read(objects, page.id)?;
        let mut chunks = chunks.into_iter().peekable();
        while let Some(run) = chunks.next() {
            let end = chunks.peek().map(|next| &next.first).or(page_end);
            let here = |key: &RecordKey| end.is_none_or(|end| key < end);
            let touched = edits.peek().is_some_and(|(key, _)| here(key));
            if writer.is_between_chunks() && !touched {
                writer.push_chunk(run)?;
                continue;
            }
            let old = Chunk::read(objects, run.id)?;
            for place in 0..old.len() {
                let key = old.key(place)?;
                let mut replaced = false;
                while let Some((other, edit)) = edits.next_if(|(other, _)| **other <= key) {
                    replaced |= *other == key;
                    writer.edit(edit)?;
                }
                if !replaced {
                    writer.push(key, old.text(place))?;
                }
            }
            while let Some((_, edit)) = edits.next_if(|(other, _)| here(other)) {
                writer.edit(edit)?;
            }
        }
    }
    for (_, edit) in edits {
        writer.edit(edit)?;
    }
    writer.finish()
}

/// Cuts sorted records into chunks and these into pages.
struct Writer<'a> {
    objects: Objects<'a>,
    /// The chunk that is being filled.
    text: Vec<u8>,
    records: usize,
    first: Option<RecordKey>,
    /// The page that is being filled.
    chunks: Vec<Run<ChunkId>>,
    pages: Vec<Run<PageId>>,
}

impl<'a> Writer<'a> {
    fn new(objects: Objects<'a>) -> Self {
        Self { objects, text: Vec::new(), records: 0, first: None, chunks: Vec::new(), pages: Vec::new() }
    }

    fn is_between_chunks(&self) -> bool {
        self.first.is_none()
    }

    fn is_between_pages(&self) -> bool {
        self.is_between_chunks() && self.chunks.is_empty()
    }

    fn edit(&mut self, edit: &Edit) -> Result<(), StorageError> {
        match edit {
            Edit::Insert(record) => self.push(record.key().clone(), record.as_bytes()),
            Edit::Remove => Ok(()),
        }
    }

    fn push(&mut self, key: RecordKey, text: &[u8]) -> Result<(), StorageError> {
        if !self.text.is_empty() {
            self.text.push(b'\n');
        }
        self.text.extend_from_slice(text);
        self.records += 1;
        let ends = chunk::ends_behind(&key, self.records);
        self.first.get_or_insert(key);
        if ends { self.close_chunk() } else { Ok(()) }
    }

    fn close_chunk(&mut self) -> Result<(), StorageError> {
        let Some(first) = self.first.take() else { return Ok(()) };
        let records = std::mem::take(&mut self.records) as u64;
        let id = chunk::write(&self.objects, &self.text)?;
        self.text.clear();
        self.push_chunk(Run { id, records, first })
    }

    fn push_chunk(&mut self, chunk: Run<ChunkId>) -> Result<(), StorageError> {
        let ends = page::ends_behind(&chunk.first, self.chunks.len() + 1);
        self.chunks.push(chunk);
        if ends { self.close_page() } else { Ok(()) }
    }

    fn close_page(&mut self) -> Result<(), StorageError> {
        if let Some(first) = self.chunks.first() {
            let (first, records) = (first.first.clone(), self.chunks.iter().map(|chunk| chunk.records).sum());
            self.pages.push(Run { id: page::write(&self.objects, &self.chunks)?, records, first });
            self.chunks.clear();
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Snapshot, StorageError> {
        self.close_chunk()?;
        self.close_page()?;
        Ok(Snapshot::from_pages(self.pages))
    }
}

/// Returns whether two lists change the same in the same way.
pub(crate) fn are_same(first: &BTreeMap<RecordKey, Edit>, second: &BTreeMap<RecordKey, Edit>) -> bool {
    first.len() == second.len()
        && first.iter().zip(second).all(|((key, edit), (other_key, other))| {
            key == other_key
                && match (edit, other) {
                    (Edit::Insert(a), Edit::Insert(b)) => Arc::ptr_eq(a, b) || a == b,
                    (Edit::Remove, Edit::Remove) => true,
                    _ => false,
                }
        })
}

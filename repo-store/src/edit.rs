use std::collections::BTreeMap;
use std::sync::Arc;

use crate::objects::Objects;
use crate::snapshot::ChunkRef;
use crate::{Error, Record, RecordKey, Snapshot, chunk};

/// What to do with the record of one key.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    /// Put this one in.
    Insert(Arc<Record>),
    /// Take whatever is there out.
    Remove,
}

/// Applies `edits` to `snapshot`, writing only the chunks that change.
///
/// The result is cut as if it had been made from scratch: chunks are read again behind an edit until a border falls
/// where one was before.
pub(crate) fn apply(
    snapshot: &Snapshot,
    objects: &Objects<'_>,
    edits: &BTreeMap<RecordKey, Edit>,
) -> Result<Snapshot, Error> {
    let mut result = Vec::with_capacity(snapshot.chunks().len() + 1);
    let mut open: Vec<Arc<Record>> = Vec::new();
    let mut edits = edits.iter().peekable();
    let mut chunks = snapshot.chunks().iter().peekable();
    while let Some(reference) = chunks.next() {
        let end = chunks.peek().map(|next| next.first.clone());
        let here = |key: &RecordKey| end.as_ref().is_none_or(|end| key < end);
        let touched = edits.peek().is_some_and(|(key, _)| here(key));
        if open.is_empty() && !touched {
            result.push(reference.clone());
            continue;
        }
        let mut records = chunk::read(objects, reference.id)?.into_iter().peekable();
        loop {
            let edit_is_next = match (records.peek(), edits.peek()) {
                (_, Some((key, _))) if !here(key) => false,
                (Some(record), Some((key, _))) => *key <= record.key(),
                (None, Some(_)) => true,
                (_, None) => false,
            };
            let record = if edit_is_next {
                let Some((key, edit)) = edits.next() else { break };
                records.next_if(|record| record.key() == key);
                match edit {
                    Edit::Insert(record) => Some(Arc::clone(record)),
                    Edit::Remove => None,
                }
            } else {
                match records.next() {
                    Some(record) => Some(record),
                    None => break,
                }
            };
            if let Some(record) = record {
                push(&mut open, record, &mut result, objects)?;
            }
        }
    }
    for (_, edit) in edits {
        if let Edit::Insert(record) = edit {
            push(&mut open, Arc::clone(record), &mut result, objects)?;
        }
    }
    close(&mut open, &mut result, objects)?;
    Ok(Snapshot::from_chunks(result))
}

fn push(
    open: &mut Vec<Arc<Record>>,
    record: Arc<Record>,
    result: &mut Vec<ChunkRef>,
    objects: &Objects<'_>,
) -> Result<(), Error> {
    let ends = chunk::ends_behind(record.key(), open.len() + 1);
    open.push(record);
    if ends { close(open, result, objects) } else { Ok(()) }
}

fn close(
    open: &mut Vec<Arc<Record>>,
    result: &mut Vec<ChunkRef>,
    objects: &Objects<'_>,
) -> Result<(), Error> {
    let records = std::mem::take(open);
    if let Some(first) = records.first() {
        let (first, count) = (first.key().clone(), records.len() as u64);
        result.push(ChunkRef { id: chunk::write(objects, &records)?, records: count, first });
    }
    Ok(())
}

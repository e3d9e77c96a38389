use std::cmp::Ordering;
use std::collections::HashSet;
use std::iter::Peekable;
use std::sync::Arc;

use deb_parse::deb822::{self, Paragraph};

use crate::objects::Objects;
use crate::{ChunkId, Error, Record, RecordKey, Snapshot, chunk};

/// What one snapshot has and another has not.
///
/// Chunks that both have are skipped without being read, so the cost follows what differs.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// Records only the first has, and those it has with another content, in order.
    pub only_first: Vec<Arc<Record>>,
    /// Records only the second has, and those it has with another content, in order.
    pub only_second: Vec<Arc<Record>>,
}

impl Difference {
    /// Whether both hold the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.only_first.is_empty() && self.only_second.is_empty()
    }

    pub(crate) fn between(objects: &Objects<'_>, first: &Snapshot, second: &Snapshot) -> Result<Self, Error> {
        let ids = |snapshot: &Snapshot| snapshot.chunks().iter().map(|c| c.id).collect::<HashSet<ChunkId>>();
        let (in_first, in_second) = (ids(first), ids(second));
        let read = |snapshot: &Snapshot, skip: &HashSet<ChunkId>| {
            let own = snapshot.chunks().iter().map(|chunk| chunk.id).filter(|id| !skip.contains(id));
            own.map(|id| Ok((id, objects.read(&id)?))).collect::<Result<Vec<_>, Error>>()
        };
        let (first, second) = (read(first, &in_second)?, read(second, &in_first)?);
        let (mut first, mut second) = (Side::new(&first), Side::new(&second));
        let mut difference = Self::default();
        loop {
            // Nearly all records of two chunks are the same: only what differs is read for its key.
            if first.text().is_some() && first.text() == second.text() {
                first.skip();
                second.skip();
                continue;
            }
            let order = match (first.key()?, second.key()?) {
                (None, None) => return Ok(difference),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(first), Some(second)) => first.cmp(second),
            };
            if order.is_eq() && first.read == second.read {
                first.skip();
                second.skip();
                continue;
            }
            if order.is_le() {
                difference.only_first.extend(first.take());
            }
            if order.is_ge() {
                difference.only_second.extend(second.take());
            }
        }
    }
}

/// The records of some chunks, one after the other.
struct Side<'a, I: Iterator<Item = (ChunkId, Paragraph<'a>)>> {
    records: Peekable<I>,
    /// The next one, once it was read.
    read: Option<Arc<Record>>,
}

impl<'a> Side<'a, std::iter::Empty<(ChunkId, Paragraph<'a>)>> {
    fn new(chunks: &'a [(ChunkId, Vec<u8>)]) -> Side<'a, impl Iterator<Item = (ChunkId, Paragraph<'a>)>> {
        let records =
            chunks.iter().flat_map(|(id, text)| deb822::paragraphs(text).map(move |record| (*id, record)));
        Side { records: records.peekable(), read: None }
    }
}

impl<'a, I: Iterator<Item = (ChunkId, Paragraph<'a>)>> Side<'a, I> {
    fn text(&mut self) -> Option<&'a [u8]> {
        self.records.peek().map(|(_, record)| record.as_bytes())
    }

    fn skip(&mut self) {
        self.records.next();
        self.read = None;
    }

    fn key(&mut self) -> Result<Option<&RecordKey>, Error> {
        if self.read.is_none()
            && let Some((id, record)) = self.records.peek()
        {
            self.read = Some(chunk::record(*id, record)?);
        }
        Ok(self.read.as_ref().map(|record| record.key()))
    }

    /// The next one, after [`key`](Self::key) read it.
    fn take(&mut self) -> Option<Arc<Record>> {
        self.records.next();
        self.read.take()
    }
}

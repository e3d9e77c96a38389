use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

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
            let mut records: BTreeMap<RecordKey, Arc<Record>> = BTreeMap::new();
            for reference in snapshot.chunks().iter().filter(|chunk| !skip.contains(&chunk.id)) {
                let chunk = chunk::read(objects, reference.id)?;
                records.extend(chunk.into_iter().map(|record| (record.key().clone(), record)));
            }
            Ok::<_, Error>(records)
        };
        let (mut first, mut second) = (read(first, &in_second)?, read(second, &in_first)?);
        first.retain(|key, record| {
            let same = second.get(key) == Some(record);
            if same {
                second.remove(key);
            }
            !same
        });
        Ok(Self { only_first: first.into_values().collect(), only_second: second.into_values().collect() })
    }
}

use std::fmt;

use crate::model::id::{BaseIndexId, ChunkId, CommitId, HoldsId, PageId, SnapshotId};
use crate::storage::sealed::{compress, decompress, is_sealed};
use crate::storage::{Key, ObjectStore, StorageError};

/// The chunks, pages, snapshots, lists of holds, indices of bases and commits of a store: zstd-compressed text, named by the BLAKE3 of the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Objects<'a>(pub(crate) &'a dyn ObjectStore);

/// What can name such an object.
pub(crate) trait ObjectId: fmt::Display + PartialEq + Copy {
    const KIND: &'static str;
    fn of(text: &[u8]) -> Self;
}

macro_rules! object_id {
    ($($name:ident),*) => {$(
        impl ObjectId for $name {
            const KIND: &'static str = $name::KIND;
            fn of(text: &[u8]) -> Self {
                $name::of(text)
            }
        }
    )*};
}
object_id!(ChunkId, PageId, SnapshotId, HoldsId, BaseIndexId, CommitId);

pub(crate) const AREA: &str = "objects";
impl Objects<'_> {
    /// Returns the key of an object.
    pub(crate) fn key<I: ObjectId>(id: &I) -> Key {
        Key::object(AREA, id)
    }

    pub(crate) fn write<I: ObjectId>(&self, id: &I, text: &[u8]) -> Result<(), StorageError> {
        let key = Key::object(AREA, id);
        // Another repository or an earlier state often has the same. Compressing costs several times what reading does.
        let present = self.0.get(&key).ok().flatten();
        let same = |bytes: Vec<u8>| is_sealed(&bytes) && decompress(&bytes).is_ok_and(|found| found == text);
        if present.is_some_and(same) && self.0.touch(&key)? {
            return Ok(());
        }
        self.0.put(&key, &compress(text)?)
    }

    pub(crate) fn read<I: ObjectId>(&self, id: &I) -> Result<Vec<u8>, StorageError> {
        let damaged = |what: &str| StorageError::damaged(I::KIND, &id, what);
        let compressed = self
            .0
            .get(&Key::object(AREA, id))?
            .ok_or_else(|| StorageError::Missing { kind: I::KIND, id: id.to_string() })?;
        let text = decompress(&compressed).map_err(damaged)?;
        if I::of(&text) == *id { Ok(text) } else { Err(damaged("its content has another hash")) }
    }
}

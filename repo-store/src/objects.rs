use std::fmt;

use crate::storage::{Key, Storage};
use crate::{ChunkId, CommitId, Error, SnapshotId};

/// The chunks, snapshots and commits of a store: zstd-compressed text, named by the BLAKE3 of the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Objects<'a>(pub(crate) &'a dyn Storage);

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
object_id!(ChunkId, SnapshotId, CommitId);

const AREA: &str = "objects";
/// Text of one object; a chunk of the largest records stays far below.
const MAXIMUM: usize = 1 << 30;

impl Objects<'_> {
    pub(crate) fn write<I: ObjectId>(&self, id: &I, text: &[u8]) -> Result<(), Error> {
        let key = Key::object(AREA, id);
        let compressed = zstd::bulk::compress(text, 3).map_err(Error::io("compress", key.as_str()))?;
        self.0.put(&key, &compressed)
    }

    pub(crate) fn read<I: ObjectId>(&self, id: &I) -> Result<Vec<u8>, Error> {
        let damaged = |what: &str| Error::damaged(I::KIND, &id, what);
        let compressed = self
            .0
            .read(&Key::object(AREA, id))?
            .ok_or_else(|| Error::Missing { kind: I::KIND, id: id.to_string() })?;
        let size = zstd::zstd_safe::get_frame_content_size(&compressed).ok().flatten();
        let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= MAXIMUM);
        let size = size.ok_or_else(|| damaged("it is no zstd frame of a known size"))?;
        let text =
            zstd::bulk::decompress(&compressed, size).map_err(|_| damaged("it does not decompress"))?;
        if I::of(&text) == *id { Ok(text) } else { Err(damaged("its content has another hash")) }
    }
}

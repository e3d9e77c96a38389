use std::cell::RefCell;
use std::fmt;

use crate::storage::{Key, Storage};
use crate::{ChunkId, CommitId, Error, HoldsId, PageId, SnapshotId};

/// The chunks, pages, snapshots, lists of holds and commits of a store: zstd-compressed text, named by the BLAKE3 of the text.
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
object_id!(ChunkId, PageId, SnapshotId, HoldsId, CommitId);

pub(crate) const AREA: &str = "objects";
/// Text of one object; a chunk of the largest records stays far below.
const MAXIMUM: usize = 1 << 30;

/// What starts the frame behind the text's: a skippable one (RFC 8878, section 3.1.2) of 32 bytes. Every zstd passes over it.
const SEAL: [u8; 8] = [0x5e, 0x2a, 0x4d, 0x18, 32, 0, 0, 0];

/// Appends a digest of the compressed bytes.
///
/// The object's name guards its text. It cannot guard the file: zstd leaves bits that change the compressed form and not the
/// text, and a decaying disk should be noticed at the first of them.
fn seal(bytes: &mut Vec<u8>) {
    let digest = blake3::hash(bytes);
    bytes.extend_from_slice(&SEAL);
    bytes.extend_from_slice(digest.as_bytes());
}

/// What zstd needs to work, kept for each thread: making it anew costs more than a small object.
struct Codec {
    compressor: zstd::bulk::Compressor<'static>,
    decompressor: zstd::bulk::Decompressor<'static>,
}

thread_local! {
    static CODEC: RefCell<Option<Codec>> = const { RefCell::new(None) };
}

fn with_codec<T>(work: impl FnOnce(&mut Codec) -> std::io::Result<T>) -> std::io::Result<T> {
    CODEC.with_borrow_mut(|kept| {
        let codec = match kept {
            Some(codec) => codec,
            None => kept.insert(Codec {
                compressor: zstd::bulk::Compressor::new(3)?,
                decompressor: zstd::bulk::Decompressor::new()?,
            }),
        };
        work(codec)
    })
}

/// The bytes of the file of an object with this text.
pub(crate) fn compress(text: &[u8]) -> Result<Vec<u8>, Error> {
    let compress = |codec: &mut Codec| codec.compressor.compress(text);
    let mut bytes = with_codec(compress).map_err(Error::io("compress", "an object"))?;
    seal(&mut bytes);
    Ok(bytes)
}

/// Whether the bytes of an object's file are those that were written.
pub(crate) fn is_sealed(bytes: &[u8]) -> bool {
    bytes.split_last_chunk::<32>().is_some_and(|(rest, digest)| {
        rest.strip_suffix(&SEAL).is_some_and(|frame| blake3::hash(frame).as_bytes() == digest)
    })
}

/// The text of an object's file; in words what is wrong when it has none.
pub(crate) fn decompress(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let size = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten();
    let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= MAXIMUM);
    let size = size.ok_or("it is no zstd frame of a known size")?;
    with_codec(|codec| codec.decompressor.decompress(bytes, size)).map_err(|_| "it does not decompress")
}

impl Objects<'_> {
    pub(crate) fn write<I: ObjectId>(&self, id: &I, text: &[u8]) -> Result<(), Error> {
        let key = Key::object(AREA, id);
        // Another repository or an earlier state often has the same. Compressing costs several times what reading does.
        let present = self.0.read(&key).ok().flatten();
        let same = |bytes: Vec<u8>| is_sealed(&bytes) && decompress(&bytes).is_ok_and(|found| found == text);
        if present.is_some_and(same) && self.0.renew(&key)? {
            return Ok(());
        }
        self.0.put(&key, &compress(text)?)
    }

    pub(crate) fn read<I: ObjectId>(&self, id: &I) -> Result<Vec<u8>, Error> {
        let damaged = |what: &str| Error::damaged(I::KIND, &id, what);
        let compressed = self
            .0
            .read(&Key::object(AREA, id))?
            .ok_or_else(|| Error::Missing { kind: I::KIND, id: id.to_string() })?;
        let text = decompress(&compressed).map_err(damaged)?;
        if I::of(&text) == *id { Ok(text) } else { Err(damaged("its content has another hash")) }
    }
}

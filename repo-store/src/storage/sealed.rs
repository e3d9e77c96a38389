//! The form of the small files of a store: a zstd frame, and behind it a digest of the compressed bytes.

use std::cell::RefCell;
use std::io::Read as _;

use crate::storage::StorageError;

/// Text of one object; a chunk of the largest records stays far below.
const MAXIMUM: usize = 1 << 30;

/// Up to this size the room for an object is made at once, because its frame says that it needs it.
const AT_ONCE: usize = 16 << 20;

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

/// What zstd needs to work, kept for each thread: making it again costs more than a small object.
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
pub(crate) fn compress(text: &[u8]) -> Result<Vec<u8>, StorageError> {
    let compress = |codec: &mut Codec| codec.compressor.compress(text);
    let mut bytes = with_codec(compress).map_err(StorageError::io("compress", "an object"))?;
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
    let size = size.ok_or("it is not a zstd frame of a known size")?;
    let text = if size <= AT_ONCE {
        with_codec(|codec| codec.decompressor.decompress(bytes, size))
    } else {
        unpack_in_steps(bytes, size)
    };
    text.map_err(|_| "it does not decompress")
}

/// Decompresses a frame that says to hold so many bytes; memory follows what it really holds.
fn unpack_in_steps(bytes: &[u8], size: usize) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let decoder = zstd::Decoder::with_buffer(bytes)?;
    decoder.take(size as u64 + 1).read_to_end(&mut text)?;
    if text.len() == size { Ok(text) } else { Err(std::io::ErrorKind::InvalidData.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_with_less_than_it_says_is_refused() {
        // A frame whose head says 1 GiB, with one empty block.
        let frame = [&[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..], &(1_u64 << 30).to_le_bytes(), &[1, 0, 0]].concat();
        assert!(decompress(&frame).is_err());
    }

    #[test]
    fn a_large_object_comes_back() {
        let text = b"Package: hello\n".repeat(AT_ONCE / 15 + 1);
        assert!(decompress(&compress(&text).unwrap()).unwrap() == text);
    }
}

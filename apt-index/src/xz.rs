//! Splicing separately compressed xz blocks into ONE stream.
//!
//! apt hands a file to liblzma without the flag for concatenated streams: it would read the first stream and stop. So
//! each segment is compressed as a stream of its own, its block is cut out, and the blocks are joined below one stream
//! header with a new index and footer. The layout is that of the [xz file format](https://tukaani.org/xz/xz-file-format.txt):
//!
//! ```text
//! header(12) block… index footer(12)        block: header data padding check     all multiples of four
//! ```

use std::io::{Error, ErrorKind, Result};

use xz2::stream::{Action, Check, Filters, LzmaOptions, Status, Stream};

use crate::encoding::Piece;

/// Stream header: magic, flags (CRC64 as the integrity check), CRC32 of the flags.
pub(crate) const STREAM_HEADER: [u8; 12] =
    [0xfd, b'7', b'z', b'X', b'Z', 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46];

const FOOTER: usize = 12;
/// The flags as they stand in header and footer.
const FLAGS: [u8; 2] = [0x00, 0x04];
const PRESET: u32 = 6;
/// How far a match is searched for: a fifth less work than the preset's choice for a thousandth of the size.
const DEPTH: u32 = 24;
/// What decoding preset 6 needs is far below this; the limit is against a damaged header.
const DECODER_MEMORY: u64 = 256 << 20;

/// The room that is made at a time for a text to be decompressed.
const ROOM: usize = 4 << 20;

/// Compresses `text` to one block.
///
/// The dictionary is no larger than the text: preset 6 would clear tables for 8 MiB first, which costs more than
/// compressing a small segment.
pub(crate) fn encode_block(text: &[u8]) -> Result<Piece> {
    if text.is_empty() {
        return Ok(Piece { bytes: Vec::new(), size: 0 });
    }
    let mut options = LzmaOptions::new_preset(PRESET)?;
    let dictionary = text.len().next_power_of_two().clamp(4096, 8 << 20);
    options.dict_size(u32::try_from(dictionary).unwrap_or(8 << 20)).depth(DEPTH);
    let mut stream = Stream::new_stream_encoder(Filters::new().lzma2(&options), Check::Crc64)?;
    let mut bytes = Vec::with_capacity(text.len() / 3 + 1024);
    let mut consumed = 0;
    loop {
        bytes.reserve(64 << 10);
        let rest = text.get(consumed..).unwrap_or_default();
        let status = stream.process_vec(rest, &mut bytes, Action::Finish)?;
        consumed = usize::try_from(stream.total_in()).unwrap_or(usize::MAX);
        if status == Status::StreamEnd {
            break;
        }
    }
    let (blocks, records) = take_apart(&bytes).ok_or_else(|| malformed("the encoder's own output"))?;
    match records.as_slice() {
        [(unpadded, _)] => Ok(Piece { size: *unpadded, bytes: blocks.to_vec() }),
        _ => Err(malformed("more than one block")),
    }
}

/// Decompresses one block that held `plain` bytes.
pub(crate) fn decode_block(block: &[u8], plain: u64) -> Result<Vec<u8>> {
    if block.is_empty() {
        return Ok(Vec::new());
    }
    let mut stream = Stream::new_stream_decoder(DECODER_MEMORY, 0)?;
    let wanted = usize::try_from(plain).map_err(|_| malformed("a size"))?;
    // The decoder stops asking once the block's text is out; neither index nor footer is needed for that.
    let mut text = Vec::new();
    stream.process_vec(&STREAM_HEADER, &mut text, Action::Run)?;
    let mut consumed = 0;
    while consumed < block.len() {
        let rest = block.get(consumed..).unwrap_or_default();
        let (before_in, before_out) = (stream.total_in(), stream.total_out());
        // One byte more than wanted, so that a longer text is noticed; and in steps, as it may be much shorter.
        let room = wanted.saturating_add(1).saturating_sub(text.len()).min(ROOM);
        text.reserve(room);
        stream.process_vec(rest, &mut text, Action::Run)?;
        consumed += usize::try_from(stream.total_in() - before_in).unwrap_or(usize::MAX);
        if stream.total_in() == before_in && stream.total_out() == before_out {
            break;
        }
    }
    if text.len() == wanted && consumed == block.len() {
        Ok(text)
    } else {
        Err(malformed("a block of another size than recorded"))
    }
}

/// The index and footer that close a stream whose blocks have those (unpadded, uncompressed) sizes.
pub(crate) fn stream_trailer(sizes: impl Iterator<Item = (u64, u64)>) -> Vec<u8> {
    let mut count = 0_u64;
    let mut records = Vec::new();
    for (unpadded, plain) in sizes.filter(|(unpadded, _)| *unpadded > 0) {
        count += 1;
        push_varint(&mut records, unpadded);
        push_varint(&mut records, plain);
    }
    let mut trailer = vec![0];
    push_varint(&mut trailer, count);
    trailer.extend_from_slice(&records);
    trailer.resize(trailer.len().next_multiple_of(4), 0);
    let checksum = crc32fast::hash(&trailer);
    trailer.extend_from_slice(&checksum.to_le_bytes());

    // The footer stores the size of the index in units of four bytes, less one.
    let backward = u32::try_from(trailer.len() / 4).unwrap_or(u32::MAX).saturating_sub(1);
    let mut fields = backward.to_le_bytes().to_vec();
    fields.extend_from_slice(&FLAGS);
    trailer.extend_from_slice(&crc32fast::hash(&fields).to_le_bytes());
    trailer.extend_from_slice(&fields);
    trailer.extend_from_slice(b"YZ");
    trailer
}

/// The unpadded and the uncompressed size of a block.
type BlockSizes = (u64, u64);

/// The blocks of a stream and the sizes of each.
fn take_apart(stream: &[u8]) -> Option<(&[u8], Vec<BlockSizes>)> {
    let footer = stream.get(stream.len().checked_sub(FOOTER)?..)?;
    let backward: [u8; 4] = footer.get(4..8)?.try_into().ok()?;
    let index_size = (usize::try_from(u32::from_le_bytes(backward)).ok()? + 1) * 4;
    let index_start = stream.len().checked_sub(FOOTER + index_size)?;
    let mut index = stream.get(index_start + 1..)?;
    let count = take_varint(&mut index)?;
    let records = (0..count).map(|_| Some((take_varint(&mut index)?, take_varint(&mut index)?)));
    Some((stream.get(STREAM_HEADER.len()..index_start)?, records.collect::<Option<_>>()?))
}

fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_varint(input: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("not as expected: {what}"))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn splice(texts: &[&[u8]]) -> Vec<u8> {
        let pieces: Vec<Piece> = texts.iter().map(|text| encode_block(text).unwrap()).collect();
        let mut file = STREAM_HEADER.to_vec();
        for piece in &pieces {
            file.extend_from_slice(&piece.bytes);
        }
        file.extend(stream_trailer(pieces.iter().zip(texts).map(|(p, text)| (p.size, text.len() as u64))));
        file
    }

    /// A reader that, like apt's, stops at the end of the first stream.
    fn first_stream(file: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        let mut decoder = xz2::read::XzDecoder::new(file);
        decoder.read_to_end(&mut text).unwrap();
        assert_eq!(decoder.total_in(), file.len() as u64, "bytes behind the first stream");
        text
    }

    #[test]
    fn spliced_blocks_are_one_stream() {
        let large = b"Package: x\nDescription: y\n\n".repeat(9000);
        for texts in [&[][..], &[&b"one"[..]], &[b"one", b"two", &large, b"three"], &[b"", b"x", b""]] {
            assert_eq!(first_stream(&splice(texts)), texts.concat());
        }
    }

    #[test]
    fn xz_itself_accepts_two_hundred_blocks() {
        let texts: Vec<Vec<u8>> =
            (0..200).map(|n| format!("Package: p{n}\n\n").repeat(n).into_bytes()).collect();
        let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        assert_eq!(first_stream(&splice(&texts)), texts.concat());
    }
}

//! Whether a compressed stream is whole, seen while it goes by and without unpacking it.
//!
//! An upload that broke off mostly has a sound start, and its control archive is whole: only the end of the data archive is
//! missing. Each format has something that shows it. The old lzma format has nothing.

mod gzip;
mod xz;
mod zstd;

use super::compression::Compression;
use crate::limits::Limits;

const CUT_SHORT: &str = "the compressed data is cut short";
const DAMAGED: &str = "the compressed data is damaged";
/// For formats that do not show which of the two it is.
const NO_END: &str = "the compressed data is cut short, or something follows its end";
pub(super) const NOT_ALONE: &str =
    "something follows the end of the compressed data, which must be one compressed stream";
/// The most zeros behind a stream that dpkg surely passes over. It stops reading at the end of the stream, and what it then does not take
/// from a pipe of 16 pages must fit into 15: beyond that `dpkg-deb` fails sometimes, and with much more always.
pub(super) const MOST_ZEROS: u64 = 60 << 10;
pub(super) const TOO_MANY_ZEROS: &str =
    "more than 60 KiB of zeros follow the compressed data, which dpkg does not unpack reliably";

/// Watches the bytes of a stream.
pub(super) struct StreamEnd {
    format: Compression,
    size: u64,
    seen: u64,
    start: Vec<u8>,
    end: Vec<u8>,
    frame: zstd::Frame,
    members: gzip::Members,
    tail: xz::Tail,
}

impl StreamEnd {
    /// Bytes at the start that are kept.
    const START: usize = 12;
    /// Bytes at the end that are kept: the index of an xz stream of 8,000 blocks.
    const END: u64 = 64 << 10;

    pub(super) fn new(format: Compression, size: u64, limits: &Limits) -> Self {
        let frame = zstd::Frame::new(limits);
        Self {
            format,
            size,
            seen: 0,
            start: Vec::new(),
            end: Vec::new(),
            frame,
            members: gzip::Members::default(),
            tail: xz::Tail::default(),
        }
    }

    /// Takes the next bytes.
    pub(super) fn update(&mut self, piece: &[u8]) -> Result<(), &'static str> {
        let room = Self::START.saturating_sub(self.start.len());
        self.start.extend_from_slice(piece.get(..room).unwrap_or(piece));
        let before_end = self.size.saturating_sub(Self::END).saturating_sub(self.seen);
        let in_end = usize::try_from(before_end).ok().and_then(|at| piece.get(at..)).unwrap_or_default();
        self.end.extend_from_slice(in_end);
        self.seen += piece.len() as u64;
        match self.format {
            Compression::Zstd => self.frame.update(piece),
            Compression::Gzip => {
                self.members.update(piece);
                Ok(())
            }
            Compression::Xz => {
                self.tail.update(piece);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Returns what is wrong with the stream, once all of it was seen.
    pub(super) fn finish(self) -> Result<(), &'static str> {
        match self.format {
            Compression::None | Compression::Lzma => Ok(()),
            Compression::Gzip => self.members.finish(&self.end, self.size),
            Compression::Xz => self.tail.finish(&self.start, self.size),
            Compression::Zstd => self.frame.finish(),
            Compression::Bzip2 => check_bzip2(&self.end),
        }
    }
}

/// A stream ends with a mark of 48 bits, a checksum of 32, and up to seven bits to fill the last byte.
fn check_bzip2(end: &[u8]) -> Result<(), &'static str> {
    const MARK: u128 = 0x1772_4538_5090;
    const LENGTH: usize = 11;
    let has_mark = |bytes: &[u8]| {
        let bits = bytes.iter().fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
        (0..8).any(|filling| bits >> (filling + 32) & 0xffff_ffff_ffff == MARK)
    };
    if has_mark(end.get(end.len().saturating_sub(LENGTH)..).unwrap_or_default()) {
        return Ok(());
    }
    // Junk may be longer than what was kept.
    Err(if end.windows(LENGTH).any(has_mark) { NOT_ALONE } else { NO_END })
}

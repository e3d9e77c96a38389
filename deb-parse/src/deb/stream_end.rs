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
pub(super) const NOT_ALONE: &str = "must be one compressed stream, with nothing after it";

/// Watches the bytes of a stream.
pub(super) struct StreamEnd {
    format: Compression,
    size: u64,
    seen: u64,
    start: Vec<u8>,
    end: Vec<u8>,
    frame: zstd::Frame,
    members: gzip::Members,
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
            _ => Ok(()),
        }
    }

    /// Returns what is wrong with the stream, once all of it was seen.
    pub(super) fn finish(self) -> Result<(), &'static str> {
        match self.format {
            Compression::None | Compression::Lzma => Ok(()),
            Compression::Gzip => self.members.finish(&self.end, self.size),
            Compression::Xz => xz::check(&self.start, &self.end, self.size),
            Compression::Zstd => self.frame.finish(),
            Compression::Bzip2 => check_bzip2(&self.end),
        }
    }
}

/// A stream ends with a mark of 48 bits, a checksum of 32, and up to seven bits to fill the last byte.
fn check_bzip2(end: &[u8]) -> Result<(), &'static str> {
    const MARK: u128 = 0x1772_4538_5090;
    let last = end.get(end.len().saturating_sub(11)..).unwrap_or_default();
    let bits = last.iter().fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
    let has_mark = |filling: u32| bits >> (filling + 32) & 0xffff_ffff_ffff == MARK;
    if (0..8).any(has_mark) { Ok(()) } else { Err(CUT_SHORT) }
}

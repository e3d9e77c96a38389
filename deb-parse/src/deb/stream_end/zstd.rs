//! The headers of a zstd frame and of its blocks, which say where the frame ends (RFC 8878).

use super::{CUT_SHORT, DAMAGED, NOT_ALONE};
use crate::limits::Limits;

/// Goes from header to header through a frame.
pub(super) struct Frame {
    /// What is read when all bytes of it are here.
    next: Part,
    /// Bytes of it that are here.
    header: Vec<u8>,
    /// Content of the current block that was not seen yet.
    skip: u64,
    has_checksum: bool,
    largest_window: u64,
}

#[derive(Clone, Copy)]
enum Part {
    /// The mark of the format, and the byte that says what follows it.
    Descriptor,
    /// The rest of the frame's header, with this byte.
    Header(u8),
    Block,
    Checksum,
    End,
}

impl Frame {
    /// What a block may have at most.
    const LARGEST_BLOCK: u64 = 128 << 10;

    pub(super) fn new(limits: &Limits) -> Self {
        let largest_window = 1u64.checked_shl(limits.zstd_window_log()).unwrap_or(u64::MAX);
        Self { next: Part::Descriptor, header: Vec::new(), skip: 0, has_checksum: false, largest_window }
    }

    pub(super) fn update(&mut self, mut piece: &[u8]) -> Result<(), &'static str> {
        loop {
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(piece.len());
            self.skip -= skipped as u64;
            piece = piece.get(skipped..).unwrap_or_default();
            if self.skip > 0 {
                return Ok(());
            }
            let wanted = self.next.length();
            let taken = wanted.saturating_sub(self.header.len()).min(piece.len());
            let (more, rest) = piece.split_at_checked(taken).unwrap_or((piece, &[]));
            self.header.extend_from_slice(more);
            piece = rest;
            if self.header.len() < wanted {
                return Ok(());
            }
            if matches!(self.next, Part::End) {
                return if piece.is_empty() { Ok(()) } else { Err(NOT_ALONE) };
            }
            self.next = self.read()?;
            self.header.clear();
        }
    }

    /// Reads the part that is here; gives the one after it.
    fn read(&mut self) -> Result<Part, &'static str> {
        match (self.next, self.header.as_slice()) {
            (Part::Descriptor, [0x28, 0xb5, 0x2f, 0xfd, descriptor]) if descriptor & 8 == 0 => {
                Ok(Part::Header(*descriptor))
            }
            (Part::Header(descriptor), header) => {
                self.has_checksum = descriptor & 4 != 0;
                check_header(descriptor, header, self.largest_window)?;
                Ok(Part::Block)
            }
            (Part::Block, &[a, b, c]) => {
                let size = u64::from(u32::from_le_bytes([a, b, c, 0]) >> 3);
                self.skip = match a >> 1 & 3 {
                    // As it is, or compressed.
                    0 | 2 if size <= Self::LARGEST_BLOCK => size,
                    // A byte that is repeated.
                    1 => 1,
                    _ => return Err(DAMAGED),
                };
                Ok(match (a & 1 == 1, self.has_checksum) {
                    (false, _) => Part::Block,
                    (true, true) => Part::Checksum,
                    (true, false) => Part::End,
                })
            }
            (Part::Checksum | Part::End, _) => Ok(Part::End),
            _ => Err(DAMAGED),
        }
    }

    pub(super) fn finish(&self) -> Result<(), &'static str> {
        if self.skip == 0 && matches!(self.next, Part::End) { Ok(()) } else { Err(CUT_SHORT) }
    }
}

impl Part {
    fn length(self) -> usize {
        match self {
            Self::Descriptor => 5,
            Self::Header(descriptor) => {
                let [window, dictionary, content] = lengths(descriptor);
                window + dictionary + content
            }
            Self::Block => 3,
            Self::Checksum => 4,
            Self::End => 0,
        }
    }
}

/// The lengths of window, dictionary and content size in a frame's header.
fn lengths(descriptor: u8) -> [usize; 3] {
    let is_single_segment = descriptor & 0x20 != 0;
    let dictionary = match descriptor & 3 {
        3 => 4,
        length => length.into(),
    };
    let content = match descriptor >> 6 {
        0 => usize::from(is_single_segment),
        log => 1 << log,
    };
    [usize::from(!is_single_segment), dictionary, content]
}

/// A frame must need no dictionary, and no larger window than dpkg gives it.
fn check_header(descriptor: u8, header: &[u8], largest_window: u64) -> Result<(), &'static str> {
    let [window_length, dictionary_length, _] = lengths(descriptor);
    let (window, rest) = header.split_at_checked(window_length).ok_or(DAMAGED)?;
    let (dictionary, content) = rest.split_at_checked(dictionary_length).ok_or(DAMAGED)?;
    if dictionary.iter().any(|c| *c != 0) {
        return Err("the compressed data needs a dictionary");
    }
    let needed = match window {
        [byte] => {
            let base = 1u64.checked_shl(10 + u32::from(byte >> 3)).unwrap_or(u64::MAX);
            base.saturating_add(base / 8 * u64::from(byte & 7))
        }
        // All of it at once. A size in two bytes does not count the first 256.
        _ => content.iter().rev().fold(0, |size, byte| size << 8 | u64::from(*byte)),
    };
    if needed > largest_window {
        return Err("the compressed data needs a larger window than dpkg gives it");
    }
    Ok(())
}

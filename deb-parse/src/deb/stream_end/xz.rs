//! The end of an xz stream: an index of its blocks, a footer, and zeros that fill it up.

use super::{CUT_SHORT, DAMAGED, MOST_ZEROS, NO_END, NOT_ALONE, TOO_MANY_ZEROS};

const HEADER: u64 = 12;
const FOOTER: usize = 12;

/// Keeps the end of what goes by, without the zeros behind it: a footer ends with a letter.
#[derive(Default)]
pub(super) struct Tail {
    bytes: Vec<u8>,
    zeros: u64,
}

impl Tail {
    /// Bytes that are kept: the index of a stream of 8,000 blocks.
    const KEPT: usize = 64 << 10;

    pub(super) fn update(&mut self, piece: &[u8]) {
        let zeros = piece.iter().rev().take_while(|byte| **byte == 0).count();
        let piece_without = piece.get(..piece.len() - zeros).unwrap_or(piece);
        if piece_without.is_empty() {
            self.zeros += zeros as u64;
            return;
        }
        let before = usize::try_from(self.zeros).unwrap_or(usize::MAX).min(Self::KEPT);
        self.bytes.resize(self.bytes.len() + before, 0);
        let new = piece_without.get(piece_without.len().saturating_sub(Self::KEPT)..).unwrap_or_default();
        let excess = (self.bytes.len() + new.len()).saturating_sub(Self::KEPT);
        self.bytes.drain(..excess.min(self.bytes.len()));
        self.bytes.extend_from_slice(new);
        self.zeros = zeros as u64;
    }

    /// Checks the end of a stream of `size` bytes that starts with these.
    pub(super) fn finish(&self, start: &[u8], size: u64) -> Result<(), &'static str> {
        check(start, &self.bytes, size.saturating_sub(self.zeros))?;
        match self.zeros {
            zeros if zeros > MOST_ZEROS => Err(TOO_MANY_ZEROS),
            // The format fills up with units of four bytes.
            zeros if !zeros.is_multiple_of(4) => Err(NOT_ALONE),
            _ => Ok(()),
        }
    }
}

/// Checks footer and index of a stream of `size` bytes that starts and ends with these.
fn check(start: &[u8], end: &[u8], size: u64) -> Result<(), &'static str> {
    let (before, footer) = end.split_last_chunk::<FOOTER>().ok_or(CUT_SHORT)?;
    let [c0, c1, c2, c3, fields @ .., b'Y', b'Z'] = footer else { return Err(without_footer(end, size)) };
    let &[b0, b1, b2, b3, _, _] = fields;
    if crc32(fields) != u32::from_le_bytes([*c0, *c1, *c2, *c3]) {
        return Err(DAMAGED);
    }
    if start.get(6..8) != fields.get(4..) {
        return Err(DAMAGED);
    }
    let index_size = (u64::from(u32::from_le_bytes([b0, b1, b2, b3])) + 1) * 4;
    let blocks = size.checked_sub(HEADER + index_size + FOOTER as u64).ok_or(CUT_SHORT)?;
    let index_at = usize::try_from(index_size).ok().and_then(|length| before.len().checked_sub(length));
    // An index that is larger than what was kept is not looked at.
    let Some(index) = index_at.and_then(|at| before.get(at..)) else { return Ok(()) };
    match size_of_blocks(index).ok_or(DAMAGED)? {
        known if known == blocks => Ok(()),
        // Another stream, or something else, stands before this one.
        known if known < blocks => Err(NOT_ALONE),
        _ => Err(CUT_SHORT),
    }
}

/// What is wrong where no footer is at the end.
fn without_footer(end: &[u8], size: u64) -> &'static str {
    let is_footer = |bytes: &[u8]| match bytes {
        [c0, c1, c2, c3, fields @ .., b'Y', b'Z'] => {
            crc32(fields) == u32::from_le_bytes([*c0, *c1, *c2, *c3])
        }
        _ => false,
    };
    if end.windows(FOOTER).any(is_footer) {
        NOT_ALONE
    } else if end.len() as u64 == size {
        CUT_SHORT
    } else {
        // The stream may end before what was kept.
        NO_END
    }
}

/// How many bytes the blocks have that the index lists.
fn size_of_blocks(index: &[u8]) -> Option<u64> {
    let (rest, stored) = index.split_last_chunk::<4>()?;
    if crc32(rest) != u32::from_le_bytes(*stored) {
        return None;
    }
    let mut rest = rest.strip_prefix(&[0])?;
    let count = number(&mut rest)?;
    let mut size = 0u64;
    for _ in 0..count {
        let unpadded = number(&mut rest)?;
        let _unpacked = number(&mut rest)?;
        size = size.checked_add(unpadded.checked_next_multiple_of(4)?)?;
    }
    (rest.len() < 4 && rest.iter().all(|c| *c == 0)).then_some(size)
}

/// Seven bits in each byte, the lowest first; all but the last have the eighth bit.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The checksum of a few bytes; those of whole files are not computed here.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

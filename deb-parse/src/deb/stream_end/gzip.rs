//! The end of a gzip stream, which may have several members and zeros behind the last.

use memchr::memmem;

use super::{MOST_ZEROS, NO_END, TOO_MANY_ZEROS};

/// How a member starts: magic and method.
const START: &[u8] = b"\x1f\x8b\x08";
/// The length of the fixed part of the header of a member.
const HEADER: usize = 10;
/// The length of the checksum and the size at the end of a member.
const TRAILER: usize = 8;

/// Adds up what the members hold that end while the stream goes by.
///
/// Where a member starts is seen by its header. By chance, compressed data look like one once in a hundred gigabytes.
#[derive(Default)]
pub(super) struct Members {
    /// The last bytes seen, one less than a trailer and a header.
    last: Vec<u8>,
    unpacked: u64,
}

impl Members {
    const KEPT: usize = TRAILER + HEADER - 1;

    pub(super) fn update(&mut self, piece: &[u8]) {
        // What stands across the border of two pieces is in neither.
        let mut border = std::mem::take(&mut self.last);
        border.extend_from_slice(piece.get(..Self::KEPT).unwrap_or(piece));
        self.unpacked += ended_in(&border) + ended_in(piece);
        let rest = if piece.len() < Self::KEPT { &border } else { piece };
        self.last = rest.get(rest.len().saturating_sub(Self::KEPT)..).unwrap_or_default().to_vec();
    }

    /// Checks the end of a stream of `size` bytes.
    ///
    /// The last four bytes of a member are the size of what was compressed, modulo 2^32. Together the members hold an archive, which
    /// consists of blocks and is not empty, and which the format can pack into the bytes there are. The last bytes of a stream that was
    /// cut are as good as random.
    pub(super) fn finish(self, end: &[u8], size: u64) -> Result<(), &'static str> {
        const BLOCK: u64 = 512;
        const BEST_RATIO: u64 = 1032;
        let largest = size.saturating_mul(BEST_RATIO);
        let is_archive = |unpacked: u64| {
            unpacked.is_multiple_of(BLOCK)
                && (largest > u64::from(u32::MAX) || (1..=largest).contains(&unpacked))
        };
        let padding = end.iter().rev().take_while(|byte| **byte == 0).count();
        // The last bytes of a member may be zeros as well, ten of an empty one.
        if padding as u64 > MOST_ZEROS + 16 {
            return Err(TOO_MANY_ZEROS);
        }
        // Of zeros at the end some may belong to the last size. Where there is nothing else, that size is out of sight.
        let without = end.len() - padding;
        let is_whole = (without..=end.len().min(without + TRAILER)).any(|end_of_last| {
            let last = end.get(..end_of_last).and_then(|end| end.last_chunk::<4>());
            let last = last.map(|bytes| u64::from(u32::from_le_bytes(*bytes)));
            last.is_some_and(|last| is_archive(self.unpacked + last) || is_archive(last))
        });
        if is_whole { Ok(()) } else { Err(NO_END) }
    }
}

/// Returns how many bytes the members hold that end among these, with the header of the next behind them.
fn ended_in(bytes: &[u8]) -> u64 {
    let ends = memmem::find_iter(bytes, START).filter_map(|at| {
        let (before, next) = bytes.split_at_checked(at)?;
        let [_, _, _, flags, _, _, _, _, level, system] = *next.first_chunk::<HEADER>()?;
        let is_header = flags & 0xe0 == 0 && matches!(level, 0 | 2 | 4) && matches!(system, 0..=13 | 255);
        let trailer = before.last_chunk::<TRAILER>().filter(|_| is_header)?;
        let size = trailer.last_chunk::<4>()?;
        Some(u64::from(u32::from_le_bytes(*size)))
    });
    ends.sum()
}

//! Finds the lines of a text, 64 bytes at a time: each block's newlines become the bits of a word. That saves what a call
//! of `memchr` for each line costs, which for lines as short as those of control files is most of the time.

const BLOCK: usize = 64;

/// Iterator over the offsets just behind newlines: where lines start, but for the first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineStarts<'a> {
    text: &'a [u8],
    /// Offset of the first byte after the current block.
    next: usize,
    /// The newlines of the current block that were not given out.
    mask: u64,
}

impl<'a> LineStarts<'a> {
    #[inline]
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, next: 0, mask: 0 }
    }
}

impl Iterator for LineStarts<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.mask == 0 {
            let rest = self.text.get(self.next..).filter(|rest| !rest.is_empty())?;
            self.mask = match (rest.first_chunk(), self.text.last_chunk()) {
                (Some(block), _) => newlines(block),
                // The end of the text once more, without what was seen.
                (None, Some(block)) => newlines(block) >> (BLOCK - rest.len()),
                (None, None) => {
                    let mut block = [0; BLOCK];
                    block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                    newlines(&block)
                }
            };
            self.next += BLOCK;
        }
        let bit = self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        Some(self.next - BLOCK + bit + 1)
    }
}

/// One bit for each newline.
#[inline]
fn newlines(block: &[u8; BLOCK]) -> u64 {
    // Without a branch, this becomes vector code.
    let found = block.map(|c| u8::from(c == b'\n'));
    let (words, _) = found.as_chunks::<8>();
    // The factor collects the eight bits of a word in its highest byte. No step waits for the one before it.
    let bits = |word: &[u8; 8]| u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) & 0xff << 56;
    words.iter().zip([56, 48, 40, 32, 24, 16, 8, 0]).fold(0, |mask, (word, down)| mask | bits(word) >> down)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_newline_is_found_once(text in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300)) {
            let expected: Vec<usize> =
                text.iter().enumerate().filter(|(_, c)| **c == b'\n').map(|(at, _)| at + 1).collect();
            prop_assert_eq!(LineStarts::new(&text).collect::<Vec<_>>(), expected);
        }
    }
}

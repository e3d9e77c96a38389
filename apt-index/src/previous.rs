use std::ops::Range;

use deb_parse::checksum::Blake3;

use crate::index::Text;
use crate::item::Item;
use crate::layout::{Layout, Segment};
use crate::{Encoding, Error};

/// Gives access to the files of the index that was published before.
pub trait PreviousFiles {
    /// The bytes of that range of the file of that encoding.
    ///
    /// # Errors
    /// Whatever reading it says.
    fn read(&self, encoding: Encoding, range: Range<u64>) -> std::io::Result<Vec<u8>>;
}

/// No segment that holds more text is read back: the index is rendered again instead.
const MOST_TEXT: u64 = 256 << 20;

/// Where a segment stands in a file, and its bytes there.
pub(crate) type PlacedPiece = (Range<u64>, Vec<u8>);

/// A published index with its layout: what can be read back of it.
pub(crate) struct Previous<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) files: &'a dyn PreviousFiles,
}

impl<'a> Previous<'a> {
    /// What the layout says of a segment.
    pub(crate) fn segment(&self, number: usize) -> Result<&'a Segment, Error> {
        self.layout.segments.get(number).ok_or(Error::Diverged { what: "a segment is missing" })
    }

    /// A segment in each file, in the order of the encodings.
    pub(crate) fn pieces(&self, number: usize) -> Result<Vec<PlacedPiece>, Error> {
        (0..self.layout.encodings.len()).map(|nth| self.piece(number, nth)).collect()
    }

    /// A segment in the file of the `nth` encoding, known to be the bytes that were rendered: a user who can write to the published files
    /// must not decide what is signed next, so its BLAKE3 is compared and not only a check against damage.
    fn piece(&self, number: usize, nth: usize) -> Result<PlacedPiece, Error> {
        let range = self.layout.end_of(nth, number)..self.layout.end_of(nth, number + 1);
        let encoding =
            *self.layout.encodings.get(nth).ok_or(Error::Diverged { what: "an encoding is missing" })?;
        let bytes = self
            .files
            .read(encoding, range.clone())
            .map_err(|source| Error::Previous { encoding, source })?;
        if bytes.len() as u64 != range.end - range.start {
            return Err(Error::Diverged { what: "a file is shorter" });
        }
        if self.segment(number)?.hashes.get(nth) != Some(&Blake3::of(&bytes)) {
            return Err(Error::Diverged { what: "a segment is not what was written" });
        }
        Ok((range, bytes))
    }

    /// The text of a segment.
    pub(crate) fn text(&self, number: usize) -> Result<Vec<u8>, Error> {
        let nth = Encoding::CHEAPEST_FIRST
            .iter()
            .find_map(|encoding| self.layout.encodings.iter().position(|present| present == encoding))
            .ok_or(Error::Diverged { what: "it has no file" })?;
        let encoding = *self.layout.encodings.get(nth).ok_or(Error::Diverged { what: "it has no file" })?;
        let segment = self.segment(number)?;
        if segment.plain > MOST_TEXT {
            return Err(Error::Diverged { what: "a segment is too large to be read back" });
        }
        let damaged = |_| Error::Diverged { what: "a segment does not decompress" };
        let text = encoding.decode(&self.piece(number, nth)?.1, segment.plain).map_err(damaged)?;
        if text.len() as u64 != segment.plain {
            return Err(Error::Diverged { what: "a segment has another size" });
        }
        Ok(text)
    }

    /// The items of a segment that `keep` accepts, as a text to be changed.
    pub(crate) fn reopened<I: Item>(
        &self,
        number: usize,
        mut keep: impl FnMut(&[u8]) -> bool,
    ) -> Result<Text, Error> {
        let bytes = self.text(number)?;
        let mut text = Text::default();
        for item in I::split(&bytes) {
            let (package, item) = item.ok_or(Error::Diverged { what: "an item is broken" })?;
            if keep(item) {
                text.push::<I>(package, item);
            }
        }
        Ok(text)
    }

    /// The text from a line on, counted from 0.
    pub(crate) fn text_from(&self, line: u64) -> Result<Vec<u8>, Error> {
        let mut before = 0;
        let mut text = Vec::new();
        for (number, segment) in self.layout.segments.iter().enumerate() {
            let end = before + segment.lines;
            if end > line {
                let bytes = self.text(number)?;
                let skipped = usize::try_from(line.saturating_sub(before)).unwrap_or(usize::MAX);
                let start = skipped
                    .checked_sub(1)
                    .map_or(Some(0), |nth| memchr::memchr_iter(b'\n', &bytes).nth(nth).map(|end| end + 1));
                text.extend_from_slice(start.and_then(|start| bytes.get(start..)).unwrap_or_default());
            }
            before = end;
        }
        Ok(text)
    }
}

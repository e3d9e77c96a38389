//! The strict reader over a stream, a paragraph at a time.

use super::scan::Paragraph;
use super::strict::Checker;
use crate::error::Error;
use crate::limits::Limits;
use std::io::Read;

/// Reads paragraphs from a stream, as strictly as [`parse`](super::parse), in memory for one paragraph.
///
/// ```
/// use deb_parse::{Limits, deb822::Reader};
/// let mut reader = Reader::new(&b"Package: a\n\nPackage: b\n"[..], &Limits::default());
/// let mut names = Vec::new();
/// while let Some(paragraph) = reader.next()? {
///     names.extend(paragraph.get_str("Package").map(str::to_owned));
/// }
/// assert_eq!(names, ["a", "b"]);
/// # Ok::<(), deb_parse::Error>(())
/// ```
pub struct Reader<'l, R> {
    input: R,
    limits: &'l Limits,
    checker: Checker<'l>,
    buffer: Vec<u8>,
    start: usize,
    offset: usize,
    ended: bool,
}

impl<R> std::fmt::Debug for Reader<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("offset", &self.offset).finish_non_exhaustive()
    }
}

impl<'l, R: Read> Reader<'l, R> {
    const PIECE: usize = 64 * 1024;

    /// Starts to read `input`, which need not be buffered.
    pub fn new(input: R, limits: &'l Limits) -> Self {
        let checker = Checker::new(limits);
        Self { input, limits, checker, buffer: Vec::new(), start: 0, offset: 0, ended: false }
    }

    /// Reads the next paragraph; nothing at the end of the stream. Its offset counts from the start of the stream.
    // A paragraph borrows from the reader, which an `Iterator` cannot express.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Paragraph<'_>>, Error> {
        let mut searched = self.start;
        loop {
            if self.ended || self.has_paragraph(&mut searched) {
                break;
            }
            if self.buffer.len() - self.start > self.limits.stanza() + Self::PIECE {
                return Err(Error::Limit {
                    what: "bytes of a paragraph",
                    limit: self.limits.stanza() as u64,
                });
            }
            searched -= self.start;
            self.buffer.drain(..self.start);
            self.start = 0;
            let got = (&mut self.input).take(Self::PIECE as u64).read_to_end(&mut self.buffer)?;
            self.ended = got < Self::PIECE;
        }
        let Some((paragraph, end)) = self.checker.paragraph(&self.buffer, self.start)? else {
            return Ok(None);
        };
        let offset = self.offset + (paragraph.offset() - self.start);
        self.offset += end - self.start;
        self.start = end;
        Ok(Some(Paragraph::new(paragraph.as_bytes(), offset)))
    }

    /// Whether the buffer holds a whole paragraph and the start of the line after it. `searched` is how far it was
    /// looked at before.
    fn has_paragraph(&mut self, searched: &mut usize) -> bool {
        let mut in_paragraph = false;
        let mut at = self.start;
        while let Some(rest) = self.buffer.get(at..) {
            let Some(length) = memchr::memchr(b'\n', rest) else { break };
            match rest.get(..length) {
                Some(b"" | b"\r") if in_paragraph => return true,
                Some(b"" | b"\r") => {}
                Some([b'#', ..]) => {}
                _ => in_paragraph = true,
            }
            at += length + 1;
        }
        *searched = at;
        false
    }
}

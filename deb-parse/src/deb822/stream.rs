//! The strict reader over a stream, a paragraph at a time.

use super::scan::Paragraph;
use super::strict::Checker;
use crate::LimitKind;
use crate::error::Error;
use crate::limits::Limits;
use std::io::Read;

/// Reads paragraphs from a stream, as strictly as [`parse`](super::parse), in memory for one paragraph.
///
/// ```
/// use deb_parse::{Limits, deb822::Reader};
/// let limits = Limits::default();
/// let mut reader = Reader::new(&b"Package: a\n\nPackage: b\n"[..], &limits);
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
    ///
    /// # Errors
    /// As [`parse`](super::parse), but for [`Limits::text`], which a stream is free of; [`Error::Io`] for what the stream gives.
    // A paragraph borrows from the reader, which an `Iterator` cannot express.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Paragraph<'_>>, Error> {
        let mut searched = Search { at: self.start, in_paragraph: false };
        while !self.ended && !searched.finds_end(&self.buffer) {
            if self.buffer.len() - self.start > self.limits.stanza() + Self::PIECE {
                return Err(Error::Limit { what: LimitKind::Stanza, limit: self.limits.stanza() as u64 });
            }
            searched.at -= self.start;
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
        Ok(Some(Paragraph::new(paragraph.as_bytes(), offset, paragraph.line().unwrap_or_default())))
    }
}

/// How far the buffer was searched for the end of the paragraph that it starts with.
struct Search {
    at: usize,
    in_paragraph: bool,
}

impl Search {
    /// Goes on through the whole lines in `buffer`.
    fn finds_end(&mut self, buffer: &[u8]) -> bool {
        while let Some(rest) = buffer.get(self.at..)
            && let Some(length) = memchr::memchr(b'\n', rest)
        {
            match rest.get(..length) {
                Some(b"" | b"\r") if self.in_paragraph => return true,
                Some(b"" | b"\r" | [b'#', ..]) => {}
                _ => self.in_paragraph = true,
            }
            self.at += length + 1;
        }
        false
    }
}

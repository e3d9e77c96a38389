//! A file that comes in pieces.

use std::io::{self, Read, Write};

use crate::MORE;

/// Set in the length of the last piece of a file.
const LAST: u32 = 1 << 31;

/// What stands before a piece: its length, and whether it is the last one.
pub(crate) fn header(length: usize, is_last: bool) -> [u8; 4] {
    // No piece is as long as that.
    let length = u32::try_from(length).unwrap_or(u32::MAX) & !LAST;
    (if is_last { length | LAST } else { length }).to_le_bytes()
}

/// Reads a file that is sent in pieces, each behind its [`header`]. Asks for more when a piece is used up and was not the last one.
pub(crate) struct Pieces<R, W> {
    input: R,
    output: W,
    /// Bytes of the present piece that were not read.
    left: u64,
    is_begun: bool,
    is_last: bool,
}

impl<R: Read, W: Write> Pieces<R, W> {
    pub(crate) fn new(input: R, output: W) -> Self {
        Self { input, output, left: 0, is_begun: false, is_last: false }
    }

    fn next(&mut self) -> io::Result<()> {
        let mut header = [0; 4];
        self.input.read_exact(&mut header)?;
        let header = u32::from_le_bytes(header);
        self.left = (header & !LAST).into();
        self.is_last = header & LAST != 0;
        self.is_begun = true;
        Ok(())
    }

    /// Passes over what is under way of a file that nobody wants to know more of.
    pub(crate) fn pass_over(&mut self) -> io::Result<()> {
        loop {
            let skipped = io::copy(&mut self.input.by_ref().take(self.left), &mut io::sink())?;
            if skipped < self.left {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.left = 0;
            if self.is_last {
                return Ok(());
            }
            self.next()?;
        }
    }
}

impl<R: Read, W: Write> Read for Pieces<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 && !self.is_last {
            if self.is_begun {
                self.output.write_all(&[MORE])?;
            }
            self.next()?;
        }
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if wanted == 0 {
            // Not even nothing is read behind the end: that would wait for what comes after the answer.
            return Ok(0);
        }
        let length = self.input.read(buffer.get_mut(..wanted).unwrap_or_default())?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(pieces: &[&[u8]]) -> Vec<u8> {
        let frame = |(number, piece): (usize, &&[u8])| {
            [&header(piece.len(), number + 1 == pieces.len())[..], piece].concat()
        };
        pieces.iter().enumerate().flat_map(frame).collect()
    }

    #[test]
    fn a_file_is_put_together_and_the_next_one_begins_behind_it() {
        for (pieces, expected) in
            [(&[&b"ab"[..], b"c"][..], &b"m"[..]), (&[b"abc"], b""), (&[b"abc", b""], b"m")]
        {
            let sent = [&sent(pieces)[..], b"next"].concat();
            let (mut input, mut asked) = (&sent[..], Vec::new());
            let mut file = Vec::new();
            Pieces::new(&mut input, &mut asked).read_to_end(&mut file).unwrap();
            assert_eq!((file.as_slice(), asked.as_slice(), input), (&b"abc"[..], expected, &b"next"[..]));
        }
    }

    #[test]
    fn nothing_is_read_behind_the_end() {
        /// Fails where a process would wait for the next file.
        struct Last<'a>(&'a [u8]);
        impl Read for Last<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if self.0.is_empty() { Err(io::Error::other("it waits")) } else { self.0.read(buffer) }
            }
        }
        let sent = sent(&[b"ab"]);
        let mut pieces = Pieces::new(io::BufReader::new(Last(&sent)), io::sink());
        let mut file = [0; 4];
        assert_eq!([2, 0, 0].map(|_: i32| pieces.read(&mut file).unwrap()), [2, 0, 0]);
        pieces.pass_over().unwrap();
    }

    #[test]
    fn the_rest_of_a_file_is_passed_over_without_asking_for_more() {
        let sent = [&sent(&[b"ab", b"cd"])[..], b"next"].concat();
        let (mut input, mut asked) = (&sent[..], Vec::new());
        let mut pieces = Pieces::new(&mut input, &mut asked);
        pieces.read_exact(&mut [0]).unwrap();
        pieces.pass_over().unwrap();
        assert_eq!((input, asked.as_slice()), (&b"next"[..], &b""[..]));
    }

    #[test]
    fn a_file_that_is_cut_short_does_not_end_as_a_whole_one_does() {
        for whole in
            [&sent(&[b"ab", b"c"])[..6], &sent(&[b"ab", b"c"])[..8], &sent(&[b"abc"])[..5], b"", b"abc"]
        {
            let mut input = whole;
            let read = Pieces::new(&mut input, io::sink()).read_to_end(&mut Vec::new());
            assert_eq!(read.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}

//! The bytes of a package on their way through: read in big pieces, hashed where that is asked for, and handed on.

use crate::checksum::{HashKinds, Hasher, Hashes};
use crate::error::Error;
use std::io::{self, ErrorKind, Read};

/// Hashes what is read from `R`.
pub(super) struct Hashed<R> {
    input: R,
    hasher: Hasher,
}

impl<R: Read> Hashed<R> {
    pub(super) fn new(input: R, hashes: HashKinds) -> Result<Self, Error> {
        Ok(Self { input, hasher: Hasher::new(hashes)? })
    }

    /// The checksums of everything, which must have been read to its end.
    pub(super) fn finish(self) -> Hashes {
        self.hasher.finish()
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.hasher.update(buffer.get(..length).unwrap_or_default());
        Ok(length)
    }
}

/// Reads from `R` in big pieces.
pub(super) struct Source<R> {
    input: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    position: u64,
}

impl<R: Read> Source<R> {
    const PIECE: usize = 128 * 1024;

    pub(super) fn new(input: R) -> Self {
        Self { input, buffer: vec![0; Self::PIECE].into(), start: 0, end: 0, position: 0 }
    }

    /// Bytes consumed so far.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The bytes that were read and not consumed; none at the end of the file.
    pub(super) fn fill(&mut self) -> Result<&[u8], Error> {
        self.peek(1)
    }

    /// As [`fill`](Self::fill), and at least `length` of them unless the file ends before; `length` is far below a piece.
    pub(super) fn peek(&mut self, length: usize) -> Result<&[u8], Error> {
        if self.end - self.start < length {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            while self.end < length && self.read_more()? > 0 {}
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    /// Reads what the input has; gives its length.
    fn read_more(&mut self) -> Result<usize, Error> {
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        let length = loop {
            match self.input.read(free) {
                Ok(length) => break length.min(free.len()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        };
        self.end += length;
        Ok(length)
    }

    pub(super) fn consume(&mut self, length: usize) {
        self.start += length;
        self.position += length as u64;
    }

    /// Fills `out` as far as the file goes; gives how far.
    pub(super) fn read_full(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        let mut done = 0;
        while let Some(rest) = out.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let available = self.fill()?;
            let length = copy(rest, available);
            if length == 0 {
                break;
            }
            self.consume(length);
            done += length;
        }
        Ok(done)
    }

    /// Reads what is left and looks at none of it.
    pub(super) fn read_to_end(&mut self) -> Result<(), Error> {
        loop {
            let length = self.fill()?.len();
            if length == 0 {
                return Ok(());
            }
            self.consume(length);
        }
    }

    pub(super) fn into_input(self) -> R {
        self.input
    }
}

/// The bytes of one member.
pub(super) struct Member<'a, R> {
    source: &'a mut Source<R>,
    name: &'a str,
    left: u64,
}

impl<'a, R: Read> Member<'a, R> {
    pub(super) fn new(source: &'a mut Source<R>, name: &'a str, size: u64) -> Self {
        Self { source, name, left: size }
    }

    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    /// Bytes not consumed yet.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// The next bytes of the member; none at its end. A file that ends before the member does is an error.
    pub(super) fn fill(&mut self) -> Result<&[u8], Error> {
        self.peek(1)
    }

    /// As [`fill`](Self::fill), and at least `length` of them unless the member ends before.
    pub(super) fn peek(&mut self, length: usize) -> Result<&[u8], Error> {
        if self.left == 0 {
            return Ok(&[]);
        }
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let available = self.source.peek(length.min(left))?;
        if available.is_empty() {
            return Err(Error::archive(self.name, "is cut short: the file ends inside this member"));
        }
        Ok(available.get(..left.min(available.len())).unwrap_or(available))
    }

    pub(super) fn consume(&mut self, length: usize) {
        self.left -= length as u64;
        self.source.consume(length);
    }

    /// Reads the member to its end, and shows each piece of it to `look`.
    pub(super) fn read_to_end(
        mut self,
        mut look: impl FnMut(&[u8]) -> Result<(), &'static str>,
    ) -> Result<(), Error> {
        let name = self.name;
        loop {
            let piece = self.fill()?;
            if piece.is_empty() {
                return Ok(());
            }
            look(piece).map_err(|rule| Error::archive(name, rule))?;
            let length = piece.len();
            self.consume(length);
        }
    }
}

/// Copies as much as fits; gives how much.
pub(super) fn copy(to: &mut [u8], from: &[u8]) -> usize {
    let length = to.len().min(from.len());
    if let (Some(to), Some(from)) = (to.get_mut(..length), from.get(..length)) {
        to.copy_from_slice(from);
    }
    length
}

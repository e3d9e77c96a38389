//! What a compressed file unpacks to, such as a published index.

use super::codec::{self, Decode};
use super::compression::Compression;
use super::source::copy;
use crate::error::Error;
use crate::limits::Limits;
use std::fmt;
use std::io::{self, ErrorKind, Read};

/// The unpacked bytes of a compressed file; see [`Compression::reader`].
pub struct Decompressed<R> {
    input: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    format: Compression,
    limits: Limits,
    decoder: Box<dyn Decode>,
    ended: bool,
}

impl Compression {
    /// Unpacks what `input` gives, as `zcat`, `xz -dc` and their like do: streams that follow each other are one, and zeros
    /// between and behind them are passed over.
    ///
    /// How much comes out is limited by nothing but the caller: use [`Read::take`]. What it needs of memory is limited by
    /// [`Limits::xz_memory`] and [`Limits::zstd_window_log`].
    ///
    /// ```
    /// use deb_parse::{Limits, control::PackagesStanza, deb::Compression, deb822};
    /// use std::io::{Read as _, Write as _};
    /// # let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    /// # encoder.write_all(b"Package: hello\nVersion: 1.0\n")?;
    /// # let index = encoder.finish()?;
    /// let mut text = Vec::new();
    /// let limit = 1 << 30;
    /// Compression::Gzip.reader(&index[..], &Limits::default())?.take(limit).read_to_end(&mut text)?;
    /// let stanza = PackagesStanza::new(deb822::paragraphs(&text).next().unwrap());
    /// assert_eq!(stanza.version()?.as_str(), "1.0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a format that this build lacks. Reading gives [`ErrorKind::InvalidData`] for damaged data and
    /// [`ErrorKind::UnexpectedEof`] for data that are cut short.
    pub fn reader<R: Read>(self, input: R, limits: &Limits) -> Result<Decompressed<R>, Error> {
        const PIECE: usize = 64 * 1024;
        Ok(Decompressed {
            input,
            buffer: vec![0; PIECE].into(),
            start: 0,
            end: 0,
            format: self,
            limits: limits.clone(),
            decoder: codec::decoder(self, limits)?,
            ended: false,
        })
    }
}

impl<R: Read> Decompressed<R> {
    fn available(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Makes sure that there are `least` bytes, unless the input ends before.
    fn fill(&mut self, least: usize) -> io::Result<()> {
        if self.end - self.start >= least {
            return Ok(());
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        while self.end < least {
            match self.input.read(self.buffer.get_mut(self.end..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(length) => self.end += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Goes on behind the end of a stream. Returns whether there is another.
    fn next_stream(&mut self) -> io::Result<bool> {
        loop {
            self.fill(1)?;
            match self.available().first() {
                Some(0) => self.start += 1,
                Some(_) => break,
                None => return Ok(false),
            }
        }
        self.fill(Compression::MAGIC_LEN)?;
        if !self.format.matches(self.available()) {
            return Err(io::Error::new(ErrorKind::InvalidData, "something else follows the compressed data"));
        }
        self.decoder = codec::decoder(self.format, &self.limits).map_err(io::Error::other)?;
        self.ended = false;
        Ok(true)
    }
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            if self.ended && !self.next_stream()? {
                return Ok(0);
            }
            self.fill(1)?;
            if self.format == Compression::None {
                let length = copy(out, self.available());
                self.start += length;
                return Ok(length);
            }
            let input = self.buffer.get(self.start..self.end).unwrap_or_default();
            let at_end = input.is_empty();
            let step = self.decoder.step(input, out);
            let step = step.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            self.start += step.consumed;
            self.ended = step.ended;
            if step.produced > 0 {
                return Ok(step.produced);
            }
            if !self.ended && step.consumed == 0 {
                let kind = if at_end { ErrorKind::UnexpectedEof } else { ErrorKind::InvalidData };
                return Err(io::Error::new(kind, "the compressed data is damaged or cut short"));
            }
        }
    }
}

impl<R> fmt::Debug for Decompressed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressed").field("format", &self.format).finish_non_exhaustive()
    }
}

//! The unpacked bytes of a member, in bounded memory and mostly of one stream only.
//!
//! dpkg reads the first xz stream or zstd frame of a member and silently stops there, so whatever follows the first
//! stream is refused: another program might read on. Zeros that fill an xz stream up, four at a time, belong to it. A gzip stream may have
//! several members (RFC 1952), and zeros behind the last as gzip(1) allows: all programs read these alike. What else follows dpkg passes over and others refuse; so do we. The files of source
//! packages go through `xz` and its like, which read all streams.

use super::codec::{self, Decode};
use super::compression::Compression;
use super::source::{Member, copy};
use super::stream_end::{MOST_ZEROS, NOT_ALONE, TOO_MANY_ZEROS};
use crate::LimitKind;
use crate::error::Error;
use crate::limits::Limits;
use std::io::Read;

/// The unpacked bytes of a member.
pub(super) struct Unpacked<'a, R> {
    member: Member<'a, R>,
    decoder: Box<dyn Decode>,
    format: Compression,
    ended: bool,
    /// What may follow a stream.
    following: Following,
    /// What was looked at and not taken.
    ahead: Vec<u8>,
    unpacked: u64,
    limit: u64,
    limited: LimitKind,
}

/// What may follow the end of a stream.
enum Following {
    Nothing,
    /// Zeros to the end, four at a time.
    Padding,
    /// Another member of the same stream, which is read with these limits, or zeros to the end.
    Members(Limits),
    /// Another stream, which is read with these limits, or anything else.
    Anything(Limits),
}

impl<'a, R: Read> Unpacked<'a, R> {
    /// Starts to unpack `member`. More than `limit` bytes are an error that says `limited`.
    pub(super) fn new(
        mut member: Member<'a, R>,
        format: Compression,
        limits: &Limits,
        limit: u64,
        limited: LimitKind,
    ) -> Result<Self, Error> {
        let name = member.name();
        if format != Compression::None && !format.matches(member.peek(Compression::MAGIC_LEN)?) {
            return Err(Error::archive(name, "is not compressed as its name says"));
        }
        let decoder = codec::decoder(format, limits).map_err(|error| error.within(name))?;
        let following = match format {
            Compression::Gzip => Following::Members(limits.clone()),
            Compression::Xz => Following::Padding,
            _ => Following::Nothing,
        };
        Ok(Self {
            member,
            decoder,
            format,
            ended: false,
            following,
            ahead: Vec::new(),
            unpacked: 0,
            limit,
            limited,
        })
    }

    /// Lets several streams follow each other, and anything else behind them.
    pub(super) fn of_many_streams(mut self, limits: &Limits) -> Self {
        self.following = Following::Anything(limits.clone());
        self
    }

    /// The first `length` bytes, or all there are; they will be read again.
    pub(super) fn peek(&mut self, length: usize) -> Result<&[u8], Error> {
        let mut start = vec![0; length];
        let length = self.read_full(&mut start)?;
        start.truncate(length);
        self.ahead = start;
        Ok(&self.ahead)
    }

    pub(super) fn name(&self) -> &'a str {
        self.member.name()
    }

    /// Fills `out` as far as the member goes; gives how far.
    pub(super) fn read_full(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        let mut done = 0;
        while let Some(rest) = out.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let length = self.read(rest)?;
            if length == 0 {
                break;
            }
            done += length;
        }
        Ok(done)
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        if !self.ahead.is_empty() {
            let length = copy(out, &self.ahead);
            self.ahead.drain(..length);
            return Ok(length);
        }
        while !self.ended {
            let name = self.member.name();
            let input = self.member.fill()?;
            let at_end = input.is_empty();
            if at_end && self.format == Compression::None {
                self.ended = true;
                break;
            }
            let step = self
                .decoder
                .step(input, out)
                .map_err(|error| Error::archive(name, format!("the compressed data is damaged ({error})")))?;
            self.member.consume(step.consumed);
            self.unpacked += step.produced as u64;
            if self.unpacked > self.limit {
                return Err(Error::Limit { what: self.limited, limit: self.limit }.within(name));
            }
            self.ended = step.ended;
            if self.ended && self.member.left() > 0 {
                self.start_next_stream()?;
            }
            if step.produced > 0 {
                return Ok(step.produced);
            }
            if !self.ended && step.consumed == 0 {
                let rule = if at_end {
                    "the compressed data is cut short"
                } else {
                    "the compressed data is damaged"
                };
                return Err(Error::archive(name, rule));
            }
        }
        Ok(0)
    }

    /// Goes on behind the end of a stream that is not the end of the member.
    fn start_next_stream(&mut self) -> Result<(), Error> {
        let name = self.member.name();
        let limits = match &self.following {
            Following::Members(limits) => {
                if !self.format.matches(self.member.peek(Compression::MAGIC_LEN)?) {
                    return self.pass_over_zeros_to_the_end(1);
                }
                limits
            }
            Following::Anything(limits) => {
                // Streams may be filled up with zeros.
                while self.member.fill()?.first() == Some(&0) {
                    self.member.consume(1);
                }
                if !self.format.matches(self.member.peek(Compression::MAGIC_LEN)?) {
                    return Ok(());
                }
                limits
            }
            Following::Padding => return self.pass_over_zeros_to_the_end(4),
            Following::Nothing => return Err(Error::archive(name, NOT_ALONE)),
        };
        self.decoder = codec::decoder(self.format, limits).map_err(|error| error.within(name))?;
        self.ended = false;
        Ok(())
    }

    /// There must be nothing but zeros, so many at a time.
    fn pass_over_zeros_to_the_end(&mut self, unit: u64) -> Result<(), Error> {
        let name = self.member.name();
        let length = self.member.left();
        if !length.is_multiple_of(unit) {
            return Err(Error::archive(name, NOT_ALONE));
        }
        loop {
            let piece = self.member.fill()?;
            let taken = piece.len();
            if piece.iter().any(|byte| *byte != 0) {
                return Err(Error::archive(name, NOT_ALONE));
            }
            if taken == 0 {
                let rule = Err(Error::archive(name, TOO_MANY_ZEROS));
                return if length > MOST_ZEROS { rule } else { Ok(()) };
            }
            self.member.consume(taken);
        }
    }
}

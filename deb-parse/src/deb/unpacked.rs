//! The unpacked bytes of a member, in bounded memory and of one stream only.
//!
//! dpkg reads the first xz stream or zstd frame of a member and silently stops there, so whatever follows the first
//! stream is refused: another program might read on.

use super::codec::{self, Decode};
use super::compression::Compression;
use super::source::Member;
use crate::error::Error;
use crate::limits::Limits;
use std::io::Read;

/// The unpacked bytes of a member.
pub(super) struct Unpacked<'a, R> {
    member: Member<'a, R>,
    decoder: Box<dyn Decode>,
    plain: bool,
    ended: bool,
    unpacked: u64,
    limit: u64,
    limited: &'static str,
}

impl<'a, R: Read> Unpacked<'a, R> {
    /// Starts to unpack `member`. More than `limit` bytes are an error that says `limited`.
    pub(super) fn new(
        mut member: Member<'a, R>,
        format: Compression,
        limits: &Limits,
        limit: u64,
        limited: &'static str,
    ) -> Result<Self, Error> {
        let name = member.name();
        if format != Compression::None && !format.matches(member.peek(Compression::MAGIC_LEN)?) {
            return Err(Error::archive(name, "is not compressed as its name says"));
        }
        let decoder = codec::decoder(format, limits).map_err(|error| error.within(name))?;
        Ok(Self {
            member,
            decoder,
            plain: format == Compression::None,
            ended: false,
            unpacked: 0,
            limit,
            limited,
        })
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
        while !self.ended {
            let name = self.member.name();
            let input = self.member.fill()?;
            let at_end = input.is_empty();
            if at_end && self.plain {
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
                return Err(Error::archive(name, "must be one compressed stream, with nothing after it"));
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
}

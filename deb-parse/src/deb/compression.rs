//! The compression formats of a package's members (deb(5)), in bounded memory and one stream only.
//!
//! dpkg reads the first xz stream or zstd frame of a member and silently stops there, so whatever follows the first
//! stream is refused: another program might read on.

use super::source::{Member, copy};
use crate::error::Error;
use crate::limits::Limits;
use std::io::{Read, Write};

/// How a member is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all: `.tar`.
    None,
    /// gzip: `.tar.gz`.
    Gzip,
    /// xz: `.tar.xz`.
    Xz,
    /// zstd: `.tar.zst`.
    Zstd,
    /// bzip2: `.tar.bz2`, for the data archive only.
    Bzip2,
    /// The old lzma format: `.tar.lzma`, for the data archive only.
    Lzma,
}

impl Compression {
    /// What follows `.tar` in the name of the member.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Xz => ".xz",
            Self::Zstd => ".zst",
            Self::Bzip2 => ".bz2",
            Self::Lzma => ".lzma",
        }
    }

    pub(super) fn for_control(suffix: &str) -> Option<Self> {
        [Self::None, Self::Gzip, Self::Xz, Self::Zstd].into_iter().find(|format| format.suffix() == suffix)
    }

    pub(super) fn for_data(suffix: &str) -> Option<Self> {
        Self::for_control(suffix)
            .or_else(|| [Self::Bzip2, Self::Lzma].into_iter().find(|format| format.suffix() == suffix))
    }

    /// How many of the first bytes of a member tell its format.
    pub(super) const MAGIC_LEN: usize = 262;

    /// Whether `start`, the first bytes of a member, can be of this format.
    pub(super) fn matches(self, start: &[u8]) -> bool {
        match self {
            Self::None => start.get(257..262) == Some(b"ustar") || start.get(257..262) == Some(&[0; 5]),
            Self::Gzip => start.starts_with(b"\x1f\x8b\x08"),
            Self::Xz => start.starts_with(b"\xfd7zXZ\0"),
            Self::Zstd => start.starts_with(b"\x28\xb5\x2f\xfd"),
            Self::Bzip2 => start.starts_with(b"BZh"),
            Self::Lzma => start.first().is_some_and(|properties| *properties < 225),
        }
    }
}

impl Compression {
    /// Compresses `data` as dpkg-deb does by default; the same data give the same bytes.
    pub(super) fn compress(self, data: &[u8]) -> Result<Vec<u8>, Error> {
        match self {
            Self::None => Ok(data.to_vec()),
            #[cfg(feature = "gz")]
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
                encoder.write_all(data)?;
                Ok(encoder.finish()?)
            }
            #[cfg(not(feature = "gz"))]
            Self::Gzip => Err(Error::Unsupported { format: "gzip", feature: "gz" }),
            #[cfg(feature = "xz")]
            Self::Xz => {
                let mut encoder = xz2::write::XzEncoder::new(Vec::new(), 6);
                encoder.write_all(data)?;
                Ok(encoder.finish()?)
            }
            #[cfg(not(feature = "xz"))]
            Self::Xz => Err(Error::Unsupported { format: "xz", feature: "xz" }),
            #[cfg(feature = "zstd")]
            Self::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 19)?;
                encoder.include_checksum(true)?;
                encoder.write_all(data)?;
                Ok(encoder.finish()?)
            }
            #[cfg(not(feature = "zstd"))]
            Self::Zstd => Err(Error::Unsupported { format: "zstd", feature: "zstd" }),
            Self::Bzip2 | Self::Lzma => Err(Error::value(
                "compression",
                self.suffix(),
                "must be one that dpkg takes for the control archive",
            )),
        }
    }
}

/// One step of decoding.
struct Step {
    consumed: usize,
    produced: usize,
    ended: bool,
}

enum Codec {
    None,
    #[cfg(feature = "gz")]
    Gzip(Box<flate2::Decompress>),
    #[cfg(any(feature = "xz", feature = "lzma"))]
    Xz(Box<xz2::stream::Stream>),
    #[cfg(feature = "zstd")]
    Zstd(Box<zstd::stream::raw::Decoder<'static>>),
    #[cfg(feature = "bz2")]
    Bzip2(Box<bzip2::Decompress>),
}

impl Codec {
    fn new(format: Compression, limits: &Limits) -> Result<Self, Error> {
        match format {
            Compression::None => Ok(Self::None),
            #[cfg(feature = "gz")]
            Compression::Gzip => Ok(Self::Gzip(Box::new(flate2::Decompress::new_gzip(15)))),
            #[cfg(not(feature = "gz"))]
            Compression::Gzip => Err(Error::Unsupported { format: "gzip", feature: "gz" }),
            #[cfg(feature = "xz")]
            Compression::Xz => {
                let stream = xz2::stream::Stream::new_stream_decoder(limits.xz_memory(), 0);
                Ok(Self::Xz(Box::new(stream.map_err(std::io::Error::from)?)))
            }
            #[cfg(not(feature = "xz"))]
            Compression::Xz => Err(Error::Unsupported { format: "xz", feature: "xz" }),
            #[cfg(feature = "lzma")]
            Compression::Lzma => {
                let stream = xz2::stream::Stream::new_lzma_decoder(limits.xz_memory());
                Ok(Self::Xz(Box::new(stream.map_err(std::io::Error::from)?)))
            }
            #[cfg(not(feature = "lzma"))]
            Compression::Lzma => Err(Error::Unsupported { format: "lzma", feature: "lzma" }),
            #[cfg(feature = "zstd")]
            Compression::Zstd => {
                let mut decoder = zstd::stream::raw::Decoder::new()?;
                decoder.set_parameter(zstd::zstd_safe::DParameter::WindowLogMax(limits.zstd_window_log()))?;
                Ok(Self::Zstd(Box::new(decoder)))
            }
            #[cfg(not(feature = "zstd"))]
            Compression::Zstd => Err(Error::Unsupported { format: "zstd", feature: "zstd" }),
            #[cfg(feature = "bz2")]
            Compression::Bzip2 => Ok(Self::Bzip2(Box::new(bzip2::Decompress::new(false)))),
            #[cfg(not(feature = "bz2"))]
            Compression::Bzip2 => Err(Error::Unsupported { format: "bzip2", feature: "bz2" }),
        }
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, String> {
        match self {
            Self::None => {
                let length = copy(output, input);
                Ok(Step { consumed: length, produced: length, ended: false })
            }
            #[cfg(feature = "gz")]
            Self::Gzip(decoder) => {
                let (before_in, before_out) = (decoder.total_in(), decoder.total_out());
                let status = decoder
                    .decompress(input, output, flate2::FlushDecompress::None)
                    .map_err(|error| error.to_string())?;
                let done = |after: u64, before: u64| usize::try_from(after - before).unwrap_or_default();
                Ok(Step {
                    consumed: done(decoder.total_in(), before_in),
                    produced: done(decoder.total_out(), before_out),
                    ended: status == flate2::Status::StreamEnd,
                })
            }
            #[cfg(any(feature = "xz", feature = "lzma"))]
            Self::Xz(stream) => {
                let (before_in, before_out) = (stream.total_in(), stream.total_out());
                let status =
                    stream.process(input, output, xz2::stream::Action::Run).map_err(|e| e.to_string())?;
                let done = |after: u64, before: u64| usize::try_from(after - before).unwrap_or_default();
                Ok(Step {
                    consumed: done(stream.total_in(), before_in),
                    produced: done(stream.total_out(), before_out),
                    ended: status == xz2::stream::Status::StreamEnd,
                })
            }
            #[cfg(feature = "zstd")]
            Self::Zstd(decoder) => {
                use zstd::stream::raw::Operation;
                let status = decoder.run_on_buffers(input, output).map_err(|error| error.to_string())?;
                Ok(Step {
                    consumed: status.bytes_read,
                    produced: status.bytes_written,
                    ended: status.remaining == 0,
                })
            }
            #[cfg(feature = "bz2")]
            Self::Bzip2(decoder) => {
                let (before_in, before_out) = (decoder.total_in(), decoder.total_out());
                let status = decoder.decompress(input, output).map_err(|error| error.to_string())?;
                let done = |after: u64, before: u64| usize::try_from(after - before).unwrap_or_default();
                Ok(Step {
                    consumed: done(decoder.total_in(), before_in),
                    produced: done(decoder.total_out(), before_out),
                    ended: status == bzip2::Status::StreamEnd,
                })
            }
        }
    }
}

/// The unpacked bytes of a member.
pub(super) struct Unpacked<'a, R> {
    member: Member<'a, R>,
    codec: Codec,
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
        let codec = Codec::new(format, limits).map_err(|error| error.within(name))?;
        Ok(Self {
            member,
            codec,
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
                .codec
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

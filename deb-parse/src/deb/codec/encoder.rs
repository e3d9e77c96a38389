//! Compressing while writing. The same data give the same bytes, however they are cut into writes.

use std::io::{self, Write};

use super::Compression;
use crate::error::Error;

/// Compresses what is written to it, as dpkg-deb does by default.
pub(in crate::deb) enum Encoder<W: Write> {
    Plain(W),
    #[cfg(feature = "gz")]
    Gzip(flate2::write::GzEncoder<W>),
    #[cfg(feature = "xz")]
    Xz(xz2::write::XzEncoder<W>),
    #[cfg(feature = "zstd")]
    Zstd(::zstd::stream::write::Encoder<'static, W>),
}

impl<W: Write> Encoder<W> {
    /// # Errors
    /// [`Error::Unsupported`] if this build lacks the format, [`Error::Value`] if dpkg takes it for the data archive only.
    pub(in crate::deb) fn new(format: Compression, output: W) -> Result<Self, Error> {
        match format {
            Compression::None => Ok(Self::Plain(output)),
            #[cfg(feature = "gz")]
            Compression::Gzip => {
                Ok(Self::Gzip(flate2::write::GzEncoder::new(output, flate2::Compression::new(6))))
            }
            #[cfg(feature = "xz")]
            Compression::Xz => Ok(Self::Xz(xz2::write::XzEncoder::new(output, 6))),
            #[cfg(feature = "zstd")]
            Compression::Zstd => {
                let mut encoder = ::zstd::stream::write::Encoder::new(output, 19)?;
                encoder.include_checksum(true)?;
                Ok(Self::Zstd(encoder))
            }
            #[cfg(not(feature = "gz"))]
            Compression::Gzip => Err(Error::Unsupported { format: "gzip", feature: "gz" }),
            #[cfg(not(feature = "xz"))]
            Compression::Xz => Err(Error::Unsupported { format: "xz", feature: "xz" }),
            #[cfg(not(feature = "zstd"))]
            Compression::Zstd => Err(Error::Unsupported { format: "zstd", feature: "zstd" }),
            Compression::Bzip2 | Compression::Lzma => Err(Error::value(
                "compression",
                format.suffix(),
                "must be one that dpkg takes for the control archive",
            )),
        }
    }

    /// Ends the stream and returns what it was written to.
    pub(in crate::deb) fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(output) => Ok(output),
            #[cfg(feature = "gz")]
            Self::Gzip(encoder) => encoder.finish(),
            #[cfg(feature = "xz")]
            Self::Xz(encoder) => encoder.finish(),
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(output) => output.write(bytes),
            #[cfg(feature = "gz")]
            Self::Gzip(encoder) => encoder.write(bytes),
            #[cfg(feature = "xz")]
            Self::Xz(encoder) => encoder.write(bytes),
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(output) => output.flush(),
            #[cfg(feature = "gz")]
            Self::Gzip(encoder) => encoder.flush(),
            #[cfg(feature = "xz")]
            Self::Xz(encoder) => encoder.flush(),
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}

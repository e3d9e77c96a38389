//! Decoders and encoders of the compression formats, each in a module that its cargo feature turns on.

use super::compression::Compression;
use super::source::copy;
use crate::error::Error;
use crate::limits::Limits;
use std::io::Write as _;

pub(super) use encoder::Encoder;

/// Stands in for the module of a format that this build lacks.
#[allow(unused_macros)] // In a build that lacks nothing.
macro_rules! missing {
    ($module:ident, $feature:literal) => {
        mod $module {
            use super::{Decode, Error, Limits};

            const MISSING: Error = Error::Unsupported { format: stringify!($module), feature: $feature };

            pub(super) fn decoder(_: &Limits) -> Result<Box<dyn Decode>, Error> {
                Err(MISSING)
            }
        }
    };
}

mod encoder;

#[cfg(feature = "bz2")]
mod bzip2;
#[cfg(not(feature = "bz2"))]
missing!(bzip2, "bz2");

#[cfg(feature = "gz")]
mod gzip;
#[cfg(not(feature = "gz"))]
missing!(gzip, "gz");

#[cfg(feature = "lzma")]
mod lzma;
#[cfg(not(feature = "lzma"))]
missing!(lzma, "lzma");

#[cfg(feature = "xz")]
mod xz;
#[cfg(not(feature = "xz"))]
missing!(xz, "xz");

#[cfg(feature = "zstd")]
mod zstd;
#[cfg(not(feature = "zstd"))]
missing!(zstd, "zstd");

/// Unpacks one stream, a step at a time.
pub(super) trait Decode: Send + Sync {
    /// Takes from `input` and puts into `output` as much as it can; says what is wrong with the data.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, String>;
}

/// What one step did.
pub(super) struct Step {
    pub(super) consumed: usize,
    pub(super) produced: usize,
    /// The stream is at its end.
    pub(super) ended: bool,
}

impl Step {
    /// From the counts of all bytes before and after the step.
    #[cfg(any(feature = "gz", feature = "bz2", feature = "xz", feature = "lzma"))]
    fn between(before: (u64, u64), after: (u64, u64), ended: bool) -> Self {
        let difference = |before, after| usize::try_from(after - before).unwrap_or_default();
        Self { consumed: difference(before.0, after.0), produced: difference(before.1, after.1), ended }
    }
}

pub(super) fn decoder(format: Compression, limits: &Limits) -> Result<Box<dyn Decode>, Error> {
    match format {
        Compression::None => Ok(Box::new(Plain)),
        Compression::Gzip => gzip::decoder(limits),
        Compression::Xz => xz::decoder(limits),
        Compression::Zstd => zstd::decoder(limits),
        Compression::Bzip2 => bzip2::decoder(limits),
        Compression::Lzma => lzma::decoder(limits),
    }
}

/// Compresses `data` as dpkg-deb does by default; the same data give the same bytes.
pub(super) fn compress(format: Compression, data: &[u8]) -> Result<Vec<u8>, Error> {
    let mut encoder = Encoder::new(format, Vec::new())?;
    encoder.write_all(data)?;
    Ok(encoder.finish()?)
}

struct Plain;

impl Decode for Plain {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, String> {
        let length = copy(output, input);
        Ok(Step { consumed: length, produced: length, ended: false })
    }
}

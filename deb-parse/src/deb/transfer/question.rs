//! What is asked about a file, and how it is answered.

use std::io::{self, Read, Write};

use super::answer;
use super::wire::{Decoder, Encoder, invalid};
use crate::checksum::HashKinds;
use crate::deb::package::{self, Data, Options};
use crate::deb::source::Source;
use crate::deb::tarball;
use crate::error::Error;
use crate::limits::Limits;

/// What is to be found out about a file.
#[derive(Clone, Debug)]
pub enum Question {
    /// What [`deb::read`](crate::deb::read) finds out with these options, besides the size and the checksums of the file.
    Package(Options),
    /// Which files are in a tarball or a diff of that many bytes; see [`tarball::read`](crate::deb::tarball::read).
    Tarball {
        /// Size of the file.
        size: u64,
        /// How much of it is read before it is refused.
        limits: Limits,
    },
}

const PACKAGE: u8 = b'p';
const TARBALL: u8 = b't';

impl Question {
    /// Writes the question.
    ///
    /// # Errors
    /// Those of `output`.
    pub fn write(&self, output: impl Write) -> io::Result<()> {
        let mut out = Encoder(output);
        match self {
            Self::Package(options) => {
                out.byte(PACKAGE)?;
                limits(&mut out, &options.limits)?;
                out.byte(u8::from(options.data == Data::List))?;
                out.option(options.changelog, Encoder::length)?;
                out.option(options.file_hashes, |out, set| {
                    [set.md5, set.sha1, set.sha512].into_iter().try_for_each(|is| out.byte(u8::from(is)))
                })?;
                out.option(options.control_contents, Encoder::length)
            }
            Self::Tarball { size, limits: of_file } => {
                out.byte(TARBALL)?;
                out.number(*size)?;
                limits(&mut out, of_file)
            }
        }
    }

    /// Reads a question.
    ///
    /// # Errors
    /// Those of `input`. [`InvalidData`](io::ErrorKind::InvalidData) when the question is malformed.
    pub fn read(input: impl Read) -> io::Result<Self> {
        let mut input = Decoder(input);
        match input.byte()? {
            PACKAGE => {
                let limits = Limits::of_numbers(|| input.number())?;
                let data = if input.flag()? { Data::List } else { Data::Skip };
                let changelog = input.option(Decoder::length)?;
                let file_hashes = input.option(|input| {
                    Ok(HashKinds { md5: input.flag()?, sha1: input.flag()?, sha512: input.flag()? })
                })?;
                let control_contents = input.option(Decoder::length)?;
                let hashes = HashKinds::default();
                Ok(Self::Package(Options { limits, hashes, data, changelog, file_hashes, control_contents }))
            }
            TARBALL => {
                let size = input.number()?;
                Ok(Self::Tarball { size, limits: Limits::of_numbers(|| input.number())? })
            }
            _ => Err(invalid("it is about nothing that is known")),
        }
    }

    /// Reads the file, to its end if it is not refused before, and writes what was found out.
    ///
    /// # Errors
    /// Those of `file` and `output`.
    pub fn answer(&self, file: impl Read, output: impl Write) -> io::Result<()> {
        let mut source = Source::new(file);
        match self {
            Self::Package(options) => {
                let read = package::read_contents(&mut source, options, None);
                answer::write_contents(output, &only_refused(read)?)
            }
            Self::Tarball { size, limits } => {
                let listed = tarball::list_files(&mut source, *size, limits);
                answer::write_files(output, &only_refused(listed)?.and_then(|files| files))
            }
        }
    }
}

fn limits(out: &mut Encoder<impl Write>, limits: &Limits) -> io::Result<()> {
    limits.numbers().try_for_each(|number| out.number(number))
}

/// Takes the failures of the input out of what may be wrong with a file.
fn only_refused<T>(read: Result<T, Error>) -> io::Result<Result<T, Error>> {
    match read {
        Err(Error::Io(error)) => Err(error),
        read => Ok(read),
    }
}

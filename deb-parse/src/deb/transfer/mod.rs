//! Packages that one process reads for another.
//!
//! The libraries that unpack archives see every byte of a stranger's package. So a program can leave that to a process that may do nothing
//! else. It sends a [`Question`] and the bytes of the file, and gets what was found out as an answer.
//!
//! An answer is believed no more than the package itself: every length has its limit, every name is checked again, and the control file is
//! parsed once more. Checksums are never part of an answer about a whole file. The program computes them itself while it sends
//! the file, so a package cannot pass for another one.

mod answer;
mod question;
mod wire;

use std::io::{self, Read};

use super::package::{Options, Package};
use super::tarball::Tarball;
use crate::checksum::Hashes;
use crate::error::Error;
use crate::limits::Limits;

pub use question::Question;

/// Reads the answer to [`Question::Package`] with these options, of a file that has these checksums. The inner error is what reading the
/// package gave.
///
/// ```
/// use deb_parse::{Architecture, PackageName, Version, checksum::{HashKinds, Hasher}, deb};
/// let bytes = deb::Builder::new(PackageName::parse("hello")?, Version::parse("1.0")?, Architecture::parse("all")?).build()?;
/// let options = deb::Options::default();
/// // In the one process:
/// let mut answer = Vec::new();
/// deb::transfer::Question::Package(options.clone()).answer(&bytes[..], &mut answer)?;
/// // In the other one:
/// let mut hasher = Hasher::new(HashKinds::default())?;
/// hasher.update(&bytes);
/// let package = deb::transfer::read_package(&answer[..], &options, &hasher.finish())??;
/// assert_eq!(package.control.package().as_str(), "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Those of `input`. [`InvalidData`](io::ErrorKind::InvalidData) when the answer is malformed,
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when it ends too early.
pub fn read_package(
    input: impl Read,
    options: &Options,
    hashes: &Hashes,
) -> io::Result<Result<Package, Error>> {
    Ok(answer::read_contents(input, options)?.map(|contents| contents.with_hashes(hashes)))
}

/// Reads the answer to [`Question::Tarball`] with these limits, of a file that has these checksums.
///
/// # Errors
/// Those of [`read_package`].
pub fn read_tarball(input: impl Read, limits: &Limits, hashes: &Hashes) -> io::Result<Tarball> {
    Ok(Tarball { hashes: hashes.clone(), files: answer::read_files(input, limits)? })
}

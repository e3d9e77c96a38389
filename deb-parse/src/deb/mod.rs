//! Binary packages: `.deb` archives (deb(5)), read in one pass and written reproducibly.
//!
//! A package is an `ar` archive of `debian-binary`, `control.tar` and `data.tar`, the latter two mostly compressed. Formats
//! as old as these leave much room in which two programs read two different things out of one file. What [`read`] takes it
//! reads exactly as dpkg does; what dpkg or another tool could read otherwise is refused, with the rule that it breaks.
//!
//! The files of source packages, which are tar archives too and anything but strict, are listed by [`tarball`].

mod ar;
mod build;
mod codec;
mod compression;
mod conffiles;
mod content;
mod control_archive;
mod decompressed;
mod diff;
mod md5sums;
mod own_changelog;
mod package;
mod replaced_control;
mod source;
mod stream_end;
mod tar;
pub mod tarball;
pub mod transfer;
mod unpacked;
mod unpacking;
mod writer;

pub use build::Builder;
pub use compression::Compression;
pub use conffiles::Conffile;
pub use control_archive::ControlFile;
pub use decompressed::Decompressed;
pub use md5sums::Md5sumsProblem;
pub use own_changelog::OwnChangelog;
pub use package::{Data, FileEntry, Options, Package, read, read_with};
pub use replaced_control::replace_control;
pub use tar::{EntryKind, Owner};
pub use unpacking::UnpackProblem;
pub use writer::Writer;

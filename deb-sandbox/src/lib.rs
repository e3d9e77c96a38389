//! Reads Debian packages of strangers in a process that can do nothing else.
//!
//! ```text
//! this process                       a process that can do nothing else
//!   Readers ───── the file, hashed ─────▶ confine, read_packages
//!           ◀──── the package, or what is wrong with it ─────┘
//! ```
//!
//! [`read_packages`] is all that such a process does: it [confines](confine) itself, then reads one file after the other from its standard
//! input and answers on its standard output. [`Readers`] starts these processes and asks them. It hashes each file itself while it sends it,
//! and believes an answer no more than it would believe the package.
//!
//! What a package can reach when it takes over the process that reads it: the bytes of that package, what the process answers about
//! it, and about packages that the same process reads later. So a program that reads the packages of several parties gives each
//! party its own [`Readers`].
//!
//! The program that starts these processes has files of its own to write. [`keep_writes_to`] keeps a thread of it from writing any others.
#![forbid(unsafe_code)]

mod child;
mod confinement;
mod fault;
mod pieces;
mod process;
mod readers;
mod system_calls;
mod writes;

pub use child::read_packages;
pub use confinement::{Confinement, confine, memory};
pub use fault::{Fault, ReadError};
pub use process::Program;
pub use readers::Readers;
pub use writes::keep_writes_to;

/// The first byte of what a process sends when it has consumed a piece of the file and wants another.
const MORE: u8 = b'm';

/// The first byte of an answer.
const ANSWER: u8 = b'a';

/// So much of a file is sent at once, in bytes.
const PIECE: u64 = 128 << 10;

/// So many pieces are under way at most: the one process reads the file while the other one reads the package.
const PIECES_AHEAD: u32 = 4;

/// The example of the README, so that it keeps compiling.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

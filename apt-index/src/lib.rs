//! APT repository indices as pure values: stanzas and options in, a plan of files out.
//!
//! This crate knows how a published Debian repository looks, and nothing of where it is kept: no clock, no disk, no
//! signing key. It renders
//!
//! * the stanza of a `Packages` or `Sources` index from a control file or a `.dsc` ([`stanza`]),
//! * the lines of a package in a `Contents` index ([`contents`]),
//! * whole indices of either, cut into independently compressed [segments](index::Layout) so that a later change costs in
//!   proportion to the change and not to the index ([`index`]),
//! * the `Release` file that lists them ([`release`]),
//! * a whole suite, which is its indices and its `Release` ([`suite`]),
//! * the patches that lead from earlier states of an index to the present one ([`pdiff`]),
//! * and the paths they all live under ([`RelPath`], [`pool`]).
//!
//! ```text
//! control file ─▶ Stanza ─▶ Builder ─▶ Rendered ─▶ Release ─▶ signed text
//!  (deb-parse)      │                     ▲                    (apt-sign)
//!                   └──▶ SuiteIndices ────┴─▶ RenderedSuite ─▶ write_tree
//! ```
//!
//! ```
//! use apt_index::Encoding;
//! use apt_index::index::{Builder, IndexOptions};
//! use apt_index::stanza::Stanza;
//!
//! let options = IndexOptions::new(vec![Encoding::Xz, Encoding::Gz]);
//! let mut index = Builder::new(&options);
//! index.push(&Stanza::parse(b"Package: hello\nVersion: 2.10-3\nArchitecture: amd64\n")?)?;
//! let rendered = index.finish()?;
//! assert_eq!(rendered.files().len(), 2);
//! assert_eq!(rendered.layout().items(), 1);
//! # Ok::<(), apt_index::Error>(())
//! ```
//!
//! # Features
//!
//! - `fs` (off): `write_tree`, the one function that touches a disk.
//! - `serde` (off): paths, encodings, stanzas, `Release` and what is kept of an index are written by serde: as text where they have one, with names and
//!   digests as text and times as RFC 3339.
//!
//! The rules follow the [Debian repository format](https://wiki.debian.org/DebianRepository/Format) and what apt 2.6 to
//! 3.3 were seen to accept; each is named where it is applied.

#![forbid(unsafe_code)]

mod again;
mod canonical;
mod component_release;
pub mod contents;
mod description;
pub mod digest;
mod encoding;
mod error;
pub mod index;
mod item;
mod layout;
pub mod parallel;
mod path;
pub mod pdiff;
pub mod pool;
mod previous;
pub mod reading;
pub mod release;
#[cfg(feature = "serde")]
mod serialized;
mod source_stanza;
pub mod stanza;
pub mod suite;
#[cfg(feature = "fs")]
mod tree;
mod update;
mod whole;
mod xz;

pub use encoding::Encoding;
pub use error::Error;
pub use path::{LONGEST_NAME, RelPath};

// Crates whose types stand in the signatures above, in the versions that fit.
pub use {camino, deb_parse, jiff};

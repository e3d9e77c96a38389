//! APT repository indices as pure values: stanzas and options in, a plan of files out.
//!
//! This crate knows how a published Debian repository looks, and nothing of where it is kept: no clock, no disk, no
//! signing key. It renders
//!
//! * the stanza of a `Packages` or `Sources` index from a control file or a `.dsc` ([`Stanza`]),
//! * the lines of a package in a `Contents` index ([`ContentsLines`]),
//! * whole indices of either, cut into independently compressed [segments](Layout) so that a later change costs in
//!   proportion to the change and not to the index ([`Builder`], [`update`]),
//! * the `Release` file that lists them ([`Release`]),
//! * a whole suite, which is its indices and its `Release` ([`SuiteIndices`]),
//! * the patches that lead from earlier states of an index to the present one ([`PatchHistory`]),
//! * and the paths they all live under ([`RelPath`], [`pool_path`]).
//!
//! ```text
//! control file ─▶ Stanza ─▶ Builder ─▶ Rendered ─▶ Release ─▶ signed text
//!  (deb-parse)      │                     ▲                    (apt-sign)
//!                   └──▶ SuiteIndices ────┴─▶ RenderedSuite ─▶ write_tree
//! ```
//!
//! ```
//! use apt_index::{Builder, Encoding, IndexOptions, Stanza};
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
//! - `serde` (off): paths, encodings and `Release` are written by serde, with names and digests as text and times as RFC 3339.
//!
//! The rules follow the [Debian repository format](https://wiki.debian.org/DebianRepository/Format) and what apt 2.6 to
//! 3.3 were seen to accept; each is named where it is applied.

#![forbid(unsafe_code)]

mod again;
mod canonical;
mod component_release;
mod contents;
mod description;
mod digest;
mod encoding;
mod error;
mod index;
mod item;
mod layout;
mod parallel;
mod path;
mod pdiff;
mod pool;
mod previous;
mod reading;
mod release;
#[cfg(feature = "serde")]
mod serialized;
mod source_stanza;
mod stanza;
mod suite;
#[cfg(feature = "fs")]
mod tree;
mod update;
mod whole;
mod xz;

pub use component_release::ComponentRelease;
pub use contents::ContentsLines;
pub use digest::{HashState, ResumableSha256};
pub use encoding::Encoding;
pub use error::Error;
pub use index::{Builder, IndexOptions, Part, Rendered, RenderedFile};
pub use item::Item;
pub use layout::Layout;
pub use parallel::parallel_map;
pub use path::{LONGEST_NAME, RelPath};
pub use pdiff::{PatchHistory, Patches};
pub use pool::{PackageKind, pool_path, pool_prefix, source_directory};
pub use previous::PreviousFiles;
pub use reading::{read_items, read_text, text_of};
pub use release::{Release, ReleaseFile, redated};
pub use source_stanza::{IndexedFile, SourceFacts};
pub use stanza::{FileFacts, Stanza};
pub use suite::{RenderedSuite, SuiteIndices};
#[cfg(feature = "fs")]
pub use tree::{ReleaseSignatures, write_tree};
pub use update::{Change, update};

// Crates whose types stand in the signatures above, in the versions that fit.
pub use {camino, deb_parse, jiff};

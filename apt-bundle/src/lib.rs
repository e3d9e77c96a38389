//! Bundles: what changed in published APT repositories, as one file for a site without network.
//!
//! ```text
//! published files ─▶ Manifest ─▶ signed ─▶ write_bundle ─▶ FILE ─▶ Bundle::open ─▶ Tree::apply ─▶ apt
//!                                                       (carried)   every byte       one rename
//!                                                                   is verified
//! ```
//!
//! A bundle is a tar archive in one zstd frame. Its first member is a [`Manifest`], signed by the repository's keys; the files that the
//! receiver lacks follow in an order that the manifest determines. Behind the manifest no byte of the archive is free: the reader
//! computes each header from the manifest and compares. `docs/bundle-format.md` in the source repository has the format to the byte.
//!
//! [`Bundle`] reads one from any `Read`; [`Tree`](tree::Tree) keeps a directory that apt reads through `file:` or any web server. Encryption
//! lies around a bundle and is [`apt_sign::encryption`]'s work, and [`parts`] cuts one into pieces for media.
//!
//! ```
//! use apt_bundle::{Bundle, ListedFile, Manifest, Name, PublicationTime, RepositoryState, write_bundle};
//! use apt_sign::{Keyring, OpenPgpSigner, SecretKey, Signer};
//! use std::time::{Duration, SystemTime};
//!
//! let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
//! let key = SecretKey::generate("Example archive <archive@example.org>", now, None)?;
//! let keyring = Keyring::new(vec![key.certificate()]);
//!
//! let file = ListedFile::of_bytes("pool/main/h/hello/hello_1.0_all.deb", b"the package", true)?;
//! let state = RepositoryState {
//!     name: Name::parse("prod")?,
//!     commit: 42,
//!     publication: PublicationTime::parse("20261129T014000Z")?,
//!     since: None,
//!     links: Vec::new(),
//!     files: vec![file],
//! };
//! let manifest = Manifest::new(None, jiff::Timestamp::from_second(1_790_000_000)?, vec![state])?;
//! let signed = OpenPgpSigner::new(vec![key])?.sign(manifest.to_text().as_bytes(), now)?;
//! let mut bytes = Vec::new();
//! write_bundle(&manifest, signed.inline(), &mut |_| Ok(Box::new(&b"the package"[..])), &mut bytes)?;
//!
//! let mut bundle = Bundle::open(&bytes[..], &keyring, now)?;
//! assert_eq!(bundle.manifest(), &manifest);
//! let mut package = Vec::new();
//! bundle.receive(&mut package)?;
//! bundle.finish()?;
//! assert_eq!(package, b"the package");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

#[cfg(test)]
extern crate self as apt_bundle;

mod error;
#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a broken law ends the test"
)]
mod fuzz_replay;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod header;
mod manifest;
mod name;
mod order;
pub mod parts;
mod publication_time;
mod read;
pub mod receipt;
pub mod tree;
mod write;

pub use error::{Error, Part};
pub use manifest::{LinkedName, ListedFile, MAX_MANIFEST, Manifest, ManifestError, Member, RepositoryState};
pub use name::Name;
pub use order::Refusal;
pub use publication_time::PublicationTime;
pub use read::{Bundle, is_plain};
pub use write::write_bundle;

// Crates whose types stand in the signatures above, in the versions that fit.
pub use {apt_index, apt_sign, camino, deb_parse, jiff};

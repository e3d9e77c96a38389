//! The fetching half of an APT client: sources, Release files with their signatures, indices and packages, over `http:`, `https:`, `file:` and
//! `copy:`.
//!
//! ```text
//! sources ─▶ Source ─▶ Archive ─▶ Release ─▶ Index ─▶ FetchedIndex ─▶ Package ─▶ the file
//!                        │       signature,    by-hash,   unpacked,     digests   written as it
//!                      Client    dates, names  digests    digests                 comes, digests
//! ```
//!
//! Each arrow is a check. A [`Release`] exists only if a key vouches for it, unless the caller [trusts anything](Trust::Anything), a
//! [`FetchedIndex`] only with the bytes that the Release lists, and a file counts only when [`Archive::fetch_file`] returns its digests. Everything that a server sends has a limit ([`Limits`]).
//!
//! Calls block; threads can share a [`Client`]. The library reads no clock and no environment: time, proxies, passwords and keys come in as
//! values. It prints nothing.
//!
//! ```no_run
//! use apt_fetch::{Archive, Client, ClientOptions, FetchedRelease, Rules, Trust, parse_sources};
//! use apt_sign::Keyring;
//!
//! let entries = parse_sources("deb https://deb.debian.org/debian bookworm main\n")?;
//! let keys = Keyring::parse(&std::fs::read("/usr/share/keyrings/debian-archive-keyring.gpg")?)?;
//! let client = Client::new(ClientOptions::default());
//! for source in entries.iter().flat_map(|entry| entry.sources()) {
//!     let archive = Archive::new(&client, source);
//!     let rules = Rules::new(Trust::Keys(&keys), jiff::Timestamp::now());
//!     let FetchedRelease::New(release) = archive.fetch_release(&rules)? else { continue };
//!     let Some(index) = release.index("main/binary-amd64/Packages") else { continue };
//!     for package in archive.fetch_index(&release, &index)?.packages()? {
//!         match package? {
//!             Ok(package) => println!("{} {}", package.name, package.version),
//!             Err(refused) => eprintln!("{refused}"),
//!         }
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

// The laws of fuzzing are tests of this crate too, and name it.
#[cfg(test)]
extern crate self as apt_fetch;

mod archive;
mod auth;
mod client;
mod date;
mod digest;
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
mod index;
mod limits;
mod packages;
mod proxy;
mod release;
mod sources;
mod transport;
mod url;

pub use archive::Archive;
pub use auth::Logins;
pub use client::{Client, ClientOptions};
pub use digest::{Algorithm, Expected};
pub use error::{Error, Problem, RedirectRule};
pub use index::{FetchedIndex, Index, IndexForm};
pub use limits::Limits;
pub use packages::{Package, Packages, PoolFile, RefusedStanza, SourcePackage, Sources};
pub use proxy::{Proxies, Proxy};
pub use release::{FetchedRelease, Release, ReleaseError, ReleaseFiles, ReleaseForm, Rules, Seen, Trust};
pub use sources::{
    Address, ByHash, Entry, ListOption, Options, SignedBy, Source, Suite, SyntaxError, parse_sources,
};
pub use transport::{Answer, AnswerKind, Conditions};
pub use url::{Login, Scheme, Url, UrlError};

// Crates whose types stand in the signatures above, in the versions that fit.
pub use {apt_index, apt_sign, deb_parse, jiff};

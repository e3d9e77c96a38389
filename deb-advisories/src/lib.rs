//! Decides which source packages of Debian and Ubuntu have known vulnerabilities, by the data of their security teams.
//!
//! ```text
//! security tracker, OSV ─▶ Advisories ─▶ of(source, version, release) ─▶ Finding
//! ```
//!
//! Two kinds of data are read: the JSON of Debian's security tracker (`/tracker/data/json`), and records in the format of OSV
//! (<https://ossf.github.io/osv-schema/>), as Debian and Ubuntu both publish them. What is read of a large file is what is said of the sources that are
//! wanted.
//!
//! ```
//! use deb_advisories::{Advisories, Distribution, Release, Status};
//! use deb_parse::Version;
//!
//! let data = br#"{"hello": {"CVE-2026-1234": {"description": "Greets strangers.", "releases": {
//!     "bookworm": {"status": "resolved", "fixed_version": "2.10-3+deb12u1", "urgency": "medium"}
//! }}}}"#;
//! let mut advisories = Advisories::default();
//! advisories.read(&data[..], &|source| source == "hello")?;
//!
//! let bookworm = Release::new(Distribution::Debian, "bookworm", "12");
//! let found = advisories.of("hello", &Version::parse("2.10-3")?, &bookworm);
//! assert_eq!((found[0].id, &found[0].status), ("CVE-2026-1234", &Status::Affected));
//! assert_eq!(found[0].fixed.unwrap().as_str(), "2.10-3+deb12u1");
//! assert!(advisories.of("hello", &Version::parse("2.10-3+deb12u1")?, &bookworm).is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Rules
//!
//! - A version has a vulnerability when the data say so of that source in the release that it is for. It is compared as dpkg compares.
//! - A version that is made of a newer one for an older release (`1.5-2~bpo12+1`, `1.5-2~deb12u1`) has what that one has: where the data call the
//!   release vulnerable, the version before the last `~` counts as one of Debian's `sid` too.
//! - Of a source that Debian's tracker does not know in a release, what it says of `sid` counts.
//! - What the tracker calls undetermined, and a record of OSV that names no versions, is reported as [`Status::Undetermined`]: never as fine.
//! - A record of OSV for `Debian` or `Ubuntu` without a release counts for each of their releases that the record does not name. Where the tracker
//!   names no release for a vulnerability, it is undetermined in every release.
//! - Of a release that the data never name nothing can be found: [`Advisories::know`] tells such a release from one where all is well.
//! - Within one file a version is affected if anything in it says so. What is said first of a source, a vulnerability and a release counts, where
//!   several files say something. Records that were withdrawn do not count.
//!
//! The library uses no disk, network or clock.

mod advisory;
mod error;
mod osv;
mod range;
mod reading;
mod release;
mod tracker;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use advisory::{Advisories, Finding, Status};
pub use error::Error;
pub use release::{Distribution, Release};

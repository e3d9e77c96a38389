//! Decides which Debian packages can be installed together, and explains why others cannot.
//!
//! ```text
//! Packages of each source ─▶ Universe ─▶ Checker ─▶ Report ─▶ Verdict, Reason
//! ```
//!
//! A [`Universe`] holds the packages of several sources, such as a suite and the archives that its clients have besides.
//! A [`Checker`] looks at it in one of two ways ([`View`]) and answers three questions: is this package installable
//! ([`Checker::package`]), can these packages be installed together ([`Checker::set`]), and which packages of a source
//! cannot be installed ([`Checker::source`]). [`Universe::affected_by`] finds what a change can make worse,
//! [`Checker::dependents`] who needs a package, and [`upgrade::Archives`] what `apt-get dist-upgrade`
//! does on a machine, whose status file [`status`] reads. The answer to a package that cannot be installed is a [`Reason`]: a value
//! that a program can look into and that a person can read.
//!
//! ```
//! use apt_solve::{Checker, Limits, Universe, Verdict, View};
//! use deb_parse::Architecture;
//!
//! let mut builder = Universe::builder(&Architecture::parse("amd64")?);
//! let base = builder.add_source("bookworm");
//! let prod = builder.add_source("prod");
//! builder.read(base, &b"Package: libfoo\nVersion: 1.9\nArchitecture: amd64\n"[..])?;
//! let index = b"Package: hello\nVersion: 2.10\nArchitecture: amd64\nDepends: libfoo (>= 2)\n";
//! builder.read(prod, &index[..])?;
//! let universe = builder.build();
//!
//! let checker = Checker::new(&universe, View::Newest, Limits::default());
//! let report = checker.source(prod);
//! let Verdict::Broken(reason) = &report.findings[0].verdict else { unreachable!() };
//! let text = "hello 2.10 needs libfoo (>= 2), which nothing provides; libfoo 1.9 is there";
//! assert_eq!(reason.to_string(), text);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Rules
//!
//! What counts is dpkg's rule, and apt's where dpkg has none:
//!
//! - Alternatives, `Pre-Depends`, versioned `Provides` (a versioned relation needs one), `Conflicts` and `Breaks`, which do
//!   not apply to packages of the same name, epochs and `~` in versions.
//! - A relation without an architecture is met by a package of the same architecture as the one that has the relation, or by
//!   one with `Multi-Arch: foreign`; `:any` is met only by `Multi-Arch: allowed`; `:arm64` only by that architecture.
//!   `Architecture: all` counts as the native architecture. `Conflicts` without an architecture means all of them.
//! - Two packages of one name can be installed together only if both have `Multi-Arch: same`, different architectures and
//!   the same version.
//! - Essential packages are on every machine, unless [`Limits::without_essential`] leaves them out.
//!
//! # Limits
//!
//! The library uses no clock. It counts steps instead, and ends with [`Verdict::NotDecided`] after [`Limits::steps`] of
//! them. It never takes a package for installable that it has not proved to be.
//!
//! Not decided here: whether there is an order in which dpkg can unpack the packages, and pins.

mod affected;
mod build;
mod candidates;
mod checker;
mod closure;
mod core;
mod dead;
pub mod dependents;
mod encoding;
mod error;
mod graph;
mod intern;
mod limits;
mod package;
pub mod phasing;
mod reason;
mod relation;
mod slots;
pub mod status;
mod universe;
pub mod upgrade;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use checker::{Checker, Finding, Report, Verdict};
pub use error::Error;
pub use limits::Limits;
pub use package::{Link, PackageId, SourceId};
pub use reason::{Fact, Label, Reason};
pub use universe::{Builder, Universe, View};

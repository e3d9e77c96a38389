//! Reads and writes Debian's formats: control paragraphs, versions, relations and `.deb` archives.
//!
//! Everything works on bytes and on `Read` and `Write`; nothing here touches a disk, a clock or the environment. Errors
//! name the place and the rule that was broken, on one line that is safe to print. [`Limits`] bounds everything that an
//! input can claim. The crate has no unsafe code.
//!
//! # Tour
//!
//! ```text
//! text ─▶ deb822::Paragraph ─▶ control::BinaryControl … ─▶ PackageName, Version, Relations …
//! .deb ─▶ deb::read ─▶ deb::Package: control file, scripts, list of files, checksums
//!         deb::Builder ─▶ .deb
//! ```
//!
//! **Paragraphs** ([`deb822`]). Two readers agree on all valid text: a fast one that copies, allocates and checks nothing,
//! and a strict one for text that nobody has looked at yet.
//!
//! ```
//! use deb_parse::{Limits, deb822};
//!
//! let index = b"Package: hello\nVersion: 2.10-3\nDepends: libc6 (>= 2.34)\n\nPackage: world\nVersion: 1.0\n";
//! for paragraph in deb822::paragraphs(index) {
//!     let [package, version] = paragraph.get_many(["Package", "Version"]);
//!     assert!(package.is_some() && version.is_some());
//! }
//! let error = deb822::parse(b"Package: hello\nVersion\n", &Limits::default()).unwrap_err();
//! assert_eq!(error.to_string(), "line 2, column 8: a field name must be followed by a colon");
//! ```
//!
//! To write, build a [`deb822::ParagraphBuf`]; [`deb822::Reader`] reads a stream, a paragraph at a time.
//!
//! **Typed views** ([`control`]) of binary and source packages, uploads, indices and Release files, clear-signed or not
//! ([`clearsign`]), with an accessor for each field of Policy chapter 5. Errors name the field and where the wrong part of it
//! stands: line and column, or the byte of what the fast reader found; [`Error::in_text`] makes both of it.
//!
//! ```
//! use deb_parse::{Limits, control::{BinaryControl, Fields}};
//!
//! let text = b"Package: hello\nVersion: 2.10-3\nArchitecture: amd64\nDepends: libc6 (>= 2.34)\nDescription: greets\n";
//! let control = BinaryControl::parse(text, &Limits::default())?;
//! assert_eq!((control.version().epoch(), control.synopsis()), (0, Some("greets")));
//! assert_eq!(control.depends()?.all()[0][0].to_string(), "libc6 (>= 2.34)");
//! # Ok::<(), deb_parse::Error>(())
//! ```
//!
//! **Names and versions** are types that hold only what their rule allows: [`PackageName`], [`SourceName`],
//! [`Architecture`], [`Component`], [`SuiteName`]; [`Version`] has dpkg's order, and [`version::sort_by`] sorts many.
//! [`relation`] reads `Depends` and its like; [`checksum`] holds digests, [`changelog`] reads `debian/changelog`.
//!
//! ```
//! use deb_parse::{PackageName, Version, relation::Relations};
//!
//! assert!(PackageName::parse("../../etc/passwd").is_err());
//! assert!(Version::parse("1.0~rc1")? < Version::parse("1.0")?);
//! let depends: Relations = "libc6 (>= 2.34), mta | mail-transport-agent".parse()?;
//! assert_eq!(depends.all().len(), 2);
//! # Ok::<(), deb_parse::Error>(())
//! ```
//!
//! **Packages** ([`deb`]) are read in one pass and in constant memory: control file, scripts, file list, checksums and, if
//! asked for, the package's own [`changelog`]. What dpkg would read otherwise, or not install, is refused. [`deb::Builder`]
//! writes them, always to the same bytes.
//!
//! ```
//! use deb_parse::{Architecture, PackageName, Version, deb};
//!
//! let bytes = deb::Builder::new(PackageName::parse("hello")?, Version::parse("1.0")?, Architecture::parse("all")?)
//!     .description("greets the world")
//!     .file("usr/bin/hello", "#!/bin/sh\necho hello\n", 0o755)
//!     .build()?;
//! let package = deb::read(&bytes[..], &deb::Options::default())?;
//! println!("{} {}", package.control.package(), package.sha256);
//! # Ok::<(), deb_parse::Error>(())
//! ```
//!
//! # Features
//!
//! - `gz`, `xz`, `zstd`, `bz2`, `lzma` (all on by default): the compression formats of package members. Without one, a
//!   member in that format is an [`Error::Unsupported`].
//! - `serde` (off): names, versions, checksums and relations are written and read by serde, as the text that they are in Debian's files.
//! - `sha1` (off): this checksum besides SHA-256, SHA-512, BLAKE3 and MD5.
#![forbid(unsafe_code)]

pub mod changelog;
pub mod checksum;
pub mod clearsign;
pub mod control;
pub mod deb;
pub mod deb822;
mod error;
mod known_architecture;
mod limits;
mod name;
mod path;
mod place;
pub mod relation;
#[cfg(feature = "serde")]
mod serialized;
pub mod version;

pub use error::{Error, Quoted};
pub use limits::{LimitKind, Limits};
pub use name::{Architecture, Component, PackageName, SourceName, SuiteName};
pub use path::FilePath;
pub use place::Place;
pub use version::{Version, VersionRef};

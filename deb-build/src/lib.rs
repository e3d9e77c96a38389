//! Builds Debian packages from a folder and a short description of it.
//!
//! The description is TOML ([`Spec`]). Together with the folder, a version and a moment it makes a [`Plan`]: everything that will be in
//! the package, with sizes and checksums. The plan writes the package; the same input gives the same bytes on every machine.
//!
//! ```
//! use deb_build::{Plan, Release, Spec};
//!
//! let folder = tempfile::tempdir()?;
//! std::fs::write(folder.path().join("greet"), "#!/bin/sh\necho hello\n")?;
//! let spec = Spec::parse(r#"
//!     name = "hello"
//!     version = "1.0"
//!     maintainer = "Acme Operations <ops@acme.example>"
//!     summary = "greets the world"
//!
//!     [copyright]
//!     license = "MIT"
//!     holder = "2026 Acme Ltd"
//!
//!     [[file]]
//!     from = "greet"
//!     to = "/usr/bin/greet"
//!     mode = "0755"
//! "#)?;
//! let release = Release::new("1.0-1".parse()?, 1_700_000_000);
//! let plan = Plan::new(&spec, folder.path().try_into()?, &release)?;
//! assert_eq!(plan.file_name(), "hello_1.0-1_all.deb");
//! let package = plan.write_to(std::io::Cursor::new(Vec::new()))?.into_inner();
//! assert!(package.starts_with(b"!<arch>\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What debhelper does in a source package, a description does in a few lines: configuration files, systemd units, users, temporary
//! files, alternatives, triggers, manual pages, the changelog and the copyright file. The library reads the folder and nothing else: no
//! environment, no clock, no other program.
#![forbid(unsafe_code)]

mod changelog;
mod control;
mod copyright;
mod elf;
mod error;
mod folder;
mod gzip;
mod owner;
mod plan;
mod scripts;
mod spec;
mod target;
mod tree;

pub use changelog::Changelog;
pub use error::{Error, PathFault, Position};
pub use plan::{Plan, Release};
pub use spec::{ChangelogSource, Spec, VersionSource};

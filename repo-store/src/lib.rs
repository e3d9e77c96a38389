//! A content-addressed, versioned store for APT repositories.
//!
//! The store works like git: package files and everything known of them are immutable objects named by their hash, each
//! change of a repository is a commit, and going back is moving a pointer.
//!
//! ```text
//! files ─▶ add ─▶ records ─▶ snapshot of each suite ─▶ commit ─▶ publish ─▶ dists/, pool/ ─▶ apt
//!                   ▲                                     │
//!                   └── promote, remove, roll back, undo ─┘
//! ```
//!
//! At the root stands what every program meets:
//!
//! * [`Store`] opens a store; [`Store::add`] takes package files in, as [`AddOptions`] say.
//! * [`RepositorySettings`] and [`SuiteSettings`] are what the administrator decided about a repository.
//! * [`Revision`] is a repository as it was after a commit; [`Store::history`] and [`Store::resolve`], by a [`Selector`], find one.
//! * [`Store::publish`] renders a repository, has it signed, and switches clients over by one rename.
//! * [`Context`] is the world around: who asks, what time it is, who wants to know of the progress.
//!
//! Everything else stands in the module that is about it:
//!
//! * [`operations`] has a module for each way to change a repository, such as [`operations::promotion`] and [`operations::rollback`]. All of
//!   them are built on [`Store::transact`] and its [`transaction::Transaction`].
//! * [`model`] has names, ids, snapshots and records; [`history`] has commits, tags and the log.
//! * [`publish`] has what [`Store::publish`] and its plans return; [`settings`] has what settings are made of.
//! * [`maintenance`] checks, repairs, collects garbage, and makes backups.
//! * [`access`] knows who may read, [`manifest`] what is in package files, [`package_reader`] how they are read, and [`storage`] where
//!   everything is kept.
//! * [`error`] has what can go wrong, and [`progress`] what long operations tell.
//!
//! ```
//! use camino::Utf8Path;
//! use deb_parse::{Architecture, PackageName, SuiteName, Version, deb};
//! use repo_store::{AddOptions, Context, RepositoryName, RepositorySettings, Store, SuiteSettings};
//!
//! # let directory = tempfile::tempdir()?;
//! # let root = Utf8Path::from_path(directory.path()).unwrap();
//! let store = Store::create(root)?;
//! let amd64 = Architecture::parse("amd64")?;
//! let suite = SuiteSettings::new(SuiteName::parse("bookworm")?, vec![amd64.clone()]);
//! let preprod = RepositorySettings::new(RepositoryName::parse("preprod")?, vec![suite]);
//!
//! let file = root.join("hello.deb");
//! let package = deb::Builder::new(PackageName::parse("hello")?, Version::parse("1.0")?, amd64).build()?;
//! std::fs::write(&file, package)?;
//!
//! let context = Context::new("doc", jiff::Timestamp::now());
//! let added = store.add(&preprod, &[file], &AddOptions::default(), &context)?;
//! assert_eq!(added.added.len(), 1);
//! let head = store.head(&preprod.name)?.expect("something was committed");
//! assert_eq!(head.records(&SuiteName::parse("bookworm")?)?.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The library reads no environment, clock or terminal: those come in through [`Context`].

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests look at the disk themselves"))]

#[cfg(test)]
extern crate self as repo_store;

pub mod access;
mod context;
mod document;
pub mod error;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod history;
mod intent;
mod joint;
pub mod maintenance;
pub mod manifest;
pub mod model;
pub mod operations;
pub mod package_reader;
pub mod progress;
pub mod publish;
pub mod settings;
pub mod storage;
mod store;
#[cfg(test)]
mod tests;
pub mod transaction;

pub use context::Context;
pub use error::families::Error;
pub use history::revision::Revision;
pub use history::selector::Selector;
pub use model::name::RepositoryName;
pub use operations::import::options::AddOptions;
pub use publish::options::PublishOptions;
pub use settings::repository::{RepositorySettings, SuiteSettings};
pub use store::Store;

// Crates whose types stand in the signatures above, in the versions that fit.
pub use {apt_index, apt_sign, camino, deb_parse, jiff};

/// The examples of the workspace's README, so that they keep compiling.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

//! A content-addressed, versioned store for APT repositories.
//!
//! The store works like git: package files and everything known of them are immutable objects named by their hash, each
//! change of a repository is a commit, and going back is moving a pointer.
//!
//! * [`Store`] opens a store; [`Store::add`] takes package files in.
//! * [`Revision`] is a repository as it was after a commit; [`Store::history`] and [`Store::resolve`] find one.
//! * [`Store::transact`] is the only way to change a repository; [`Store::plan_promotion`], [`Store::plan_removal`] and
//!   [`Store::roll_back`] are built on it.
//! * [`Store::publish`] renders a repository, has it signed, and switches clients over by one rename.
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
//! let context = Context {
//!     actor: "doc".to_owned(),
//!     now: jiff::Timestamp::now(),
//!     threads: std::num::NonZeroUsize::MIN,
//! };
//! let report = store.add(&preprod, &[file], &AddOptions::default(), &context)?;
//! assert_eq!(report.added.len(), 1);
//! let head = store.head(&preprod.name)?.expect("something was committed");
//! assert_eq!(head.records(&SuiteName::parse("bookworm")?)?.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The library reads no environment, clock or terminal: those come in through [`Context`].

#![forbid(unsafe_code)]

mod backup;
mod beneath;
mod chunk;
mod class;
mod commit;
mod copy;
mod dates;
mod details;
mod difference;
mod edit;
mod error;
mod faults;
mod files;
mod format;
mod fsck;
mod gc;
mod history;
mod hold;
mod id;
mod import;
mod incoming;
mod lookup;
mod manifest;
mod name;
mod objects;
mod oplog;
mod page;
mod permissions;
mod placement;
mod promote;
mod publish;
mod record;
mod release_name;
mod removed;
mod retention;
mod revision;
mod route;
mod run;
mod select;
mod settings;
mod snapshot;
pub mod storage;
mod store;
mod tag;
mod transaction;
mod uploaders;

pub use backup::{BackupReport, NamedFile, NamedFileKind, OutsideFile, RestoreReport, UnsavedFile};
pub use beneath::PathFault;
pub use class::{PackageClass, WildPattern};
pub use commit::Commit;
pub use details::{
    Came, ChangelogEntry, ContentChange, PackageChange, PackageState, PrivilegedFile, SourceChange,
};
pub use difference::Difference;
pub use error::{Error, FileFault};
pub use format::Format;
pub use fsck::{
    Affected, Copies, CopySource, FsckOptions, FsckReport, KeyCheck, KeysFound, Problem, ProblemKind,
    Refusal, RepairReport, SignAgain, SignatureCheck, SignedSuite, Unhelpful,
};
pub use gc::{Garbage, GcOptions, GcReport, Why};
pub use history::KeepHistory;
pub use hold::{Hold, HoldCause, HoldKey};
pub use id::{BlobId, ChunkId, CommitId, HoldsId, PageId, SnapshotId};
pub use import::{AddOptions, AddReport, Added, Refused};
pub use incoming::{IncomingOptions, IncomingReport, Left};
pub use manifest::{Manifest, ManifestChangelog, ManifestConffile, ManifestFile, ManifestScript};
pub use name::RepositoryName;
pub use permissions::{EntryKind, ModeRule, OwnerRule, PERMISSIONS, Permission, mode};
pub use placement::RoutingRule;
pub use promote::{ChangePlan, PromoteOptions};
pub use publish::{MOST_AHEAD, PublicationId, PublishOptions, PublishReport, Unlisted};
pub use record::{Build, Digests, Record, RecordFile, RecordKey};
pub use release_name::{Distribution, ReleaseName};
pub use retention::{Reason, RetentionPlan, RetentionRule, Verdict};
pub use revision::Revision;
pub use route::{Markers, Route, route};
pub use select::Selector;
pub use settings::{ArchitectureAll, IndexKind, RepositorySettings, SuiteSettings, UnknownRelease};
pub use snapshot::Snapshot;
pub use store::Store;
pub use tag::{Tag, TagName};
pub use transaction::{Committed, Context, Inserted, Transaction};
pub use uploaders::Uploaders;

/// The examples of the workspace's README, so that they keep compiling.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

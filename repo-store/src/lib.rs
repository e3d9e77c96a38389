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
//! * [`Store`] opens a store; [`Store::add`] takes package files in.
//! * [`Revision`] is a repository as it was after a commit; [`Store::history`] and [`Store::resolve`] find one.
//! * [`Store::transact`] is the only way to change a repository; [`PromotionPlan`], [`RemovalPlan`], [`RollbackPlan`]
//!   and the other plans are built on it.
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

mod access;
mod context;
mod document;
mod error;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod fuzzing;
mod history;
mod intent;
mod joint;
mod maintenance;
mod manifest;
mod model;
mod operations;
mod package_reader;
pub mod progress;
mod publish;
mod settings;
pub mod storage;
mod store;
#[cfg(test)]
mod tests;
mod transaction;

pub use access::machines::{Machine, MachineKind, Machines, SuiteSeen};
pub use access::scope::{ScopeKind, TokenScope};
pub use access::sighting::{SeenRequest, Sighting};
pub use access::token::Token;
pub use access::tokens::{NewToken, TokenEntry, Tokens};
pub use context::{ActorSigner, ActorVerifier, Context};
pub use error::{
    AccessError, ChangeError, Error, HistoryError, ImportError, MaintenanceError, PublishError, ReissueError,
    RouteFault, RuleError, SettingsError,
};
pub use history::horizon::KeepHistory;
pub use history::keyring_versions::KeyringVersion;
pub use history::listing::{KeyInSuites, RecordInSuites};
pub use history::promotion_statement::{PROMOTION_PREDICATE, promotion_statement};
pub use history::revision::Revision;
pub use history::selector::{Selector, SelectorError};
pub use history::tags::Tag;
pub use history::verification::{CommitSignature, HistoryVerification, VerifiedCommit};
pub use maintenance::backup::{
    BackupPlan, BackupReport, NamedFile, NamedFileKind, OutsideFile, PlannedCopy, RestorePlan, RestoreReport,
    UnsavedFile,
};
pub use maintenance::fsck::{
    Affected, CopySource, FailedSource, FetchError, FsckOptions, FsckReport, KeyCheck, KeysFound, Problem,
    ProblemKind, RepairMeans, RepairPlan, RepairReport, RepairSource, RepairStep, SignAgain, SignTags,
    SignatureCheck, SignedSuite, Withdrawn,
};
pub use maintenance::gc::{Garbage, GarbageReason, GcOptions, GcPlan, GcReport};
pub use maintenance::hook_spool::{DeliveryState, HookDelivery, MOST_WAITING, RetryLock};
pub use maintenance::upkeep::{Upkeep, UpkeepKind, UpkeepRun};
pub use manifest::{Manifest, ManifestChangelog, ManifestConffile, ManifestFile, ManifestScript};
pub use model::approval::{Approval, Approved, Approver, ApproverId};
pub use model::candidates::is_newest;
pub use model::class::{PackageClass, WildPattern};
pub use model::commit::Commit;
pub use model::difference::Difference;
pub use model::freeze::{Freeze, WeeklyFreeze};
pub use model::gate_rule::{GateOverride, GateRule, GateViolation};
pub use model::hold::{Hold, HoldCause, HoldKey};
pub use model::id::{BlobId, ChunkId, CommitId, HoldsId, PageId, SnapshotId};
pub use model::in_words::{duration_in_words, size_in_words};
pub use model::index_kind::IndexKind;
pub use model::log_entry::LogEntry;
pub use model::name::{HolderName, HookName, NameError, RepositoryName, TagName};
pub use model::operation::{Operation, PackageSummary};
pub use model::publication_id::PublicationId;
pub use model::record::{Build, Digests, Provenance, ProvenanceKind, Record, RecordFile, RecordKey};
pub use model::reissue::{HazardKind, Reissue, ReissueVersion, Reissued, release_of};
pub use model::snapshot::Snapshot;
pub use model::suite_records::SuiteRecords;
pub use operations::approvals::{ApprovalPlan, Approvals};
pub use operations::details::{
    ChangelogEntry, ContentChange, PackageChange, PackageState, PrivilegedFile, SetChange, SourceChange,
};
pub use operations::import::{AddError, AddOptions, AddReport, Added, ImportPlan, Refused, RefusedFiles};
pub use operations::incoming::{IncomingOptions, IncomingReport, SkippedFile};
pub use operations::keyring::{KeyringContent, KeyringPlan, KeyringService};
pub use operations::machine_states::{MachineStanding, MachineState, SuiteStanding};
pub use operations::pipeline::{Blocker, InPipeline, PipelineOptions, Stage};
pub use operations::promotion::{PromoteOptions, PromotionPlan};
pub use operations::reissue::{Hazard, ReissuePlan, ReissueRequest, ReissuedPackage, Undone};
pub use operations::release::{ReleaseMove, ReleasePlan};
pub use operations::removal::RemovalPlan;
pub use operations::retention::{RetentionPlan, RetentionReason, RetentionRule, RetentionVerdict};
pub use operations::rollback::RollbackPlan;
pub use operations::undo::UndoPlan;
pub use operations::undo_removal::UndoRemovalPlan;
pub use package_reader::{InThisProcess, PackageError, PackageReader};
pub use progress::{Cancelled, Progress};
pub use publish::{
    CurrentPublication, DueSuite, Exported, LastPublication, MOST_AHEAD, PlannedSuite, PublicationPlan,
    PublicationReason, PublishOptions, PublishReport, Unlisted, UnsignedRelease,
};
pub use settings::gate::{Gate, GatePattern};
pub use settings::markers::Markers;
pub use settings::release_name::{Distribution, ReleaseName};
pub use settings::route::{Route, route};
pub use settings::uploaders::Uploaders;
pub use settings::{ArchitectureAll, RepositorySettings, RoutingRule, SuiteSettings, UnknownRelease};
pub use storage::beneath::PathFault;
pub use storage::format::Format;
pub use storage::obstacle::{Obstacle, ObstacleKind};
pub use storage::permissions::{EntryKind, ModeRule, OwnerRule, PERMISSIONS, Permission, mode};
pub use storage::{FileFault, StorageError};
pub use store::Store;
pub use transaction::{Committed, Inserted, Transaction};

// Crates whose types stand in the signatures above, in the versions that fit.
pub use {apt_index, apt_sign, camino, deb_parse, jiff};

/// The examples of the workspace's README, so that they keep compiling.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

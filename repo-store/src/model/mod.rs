//! What a repository consists of, as values: names, ids, records, snapshots, and what may not change.
//!
//! [`RepositoryName`](crate::RepositoryName) is at the root of the crate. The other names and ids are read with `parse` and written as the
//! text that they are. A [`Revision`](crate::Revision) gives its [`Snapshot`]s and [`record::Record`]s.

pub(crate) mod approval;
pub(crate) mod archive_origin;
pub(crate) mod attestation;
pub(crate) mod base_index;
pub(crate) mod candidates;
pub(crate) mod chunk;
pub(crate) mod class;
pub(crate) mod commit;
pub(crate) mod difference;
pub(crate) mod edit;
pub(crate) mod envelope;
pub(crate) mod freeze;
pub(crate) mod gate_rule;
pub(crate) mod hold;
pub(crate) mod id;
pub(crate) mod in_words;
pub(crate) mod index_kind;
pub(crate) mod log_entry;
pub(crate) mod lookup;
pub(crate) mod name;
pub(crate) mod objects;
pub(crate) mod operation;
pub(crate) mod page;
pub(crate) mod publication_id;
pub mod record;
pub(crate) mod reissue;
pub(crate) mod run;
pub(crate) mod serialized;
pub(crate) mod snapshot;
pub(crate) mod suite_differences;
pub(crate) mod suite_records;

pub use candidates::is_newest;
pub use difference::Difference;
pub use freeze::Freeze;
pub use hold::{Hold, HoldCause, HoldKey};
pub use id::{BaseIndexId, BlobId, ChunkId, CommitId, HoldsId, PageId, SnapshotId};
pub use in_words::{duration_in_words, size_in_words};
pub use name::{HolderName, HookName, NameError, ProfileName, TagName};
pub use publication_id::PublicationId;
pub use snapshot::Snapshot;
pub use suite_records::SuiteRecords;

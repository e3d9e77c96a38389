//! What a repository consists of, as values and as objects: names, records, snapshots, commits.

pub(crate) mod approval;
pub(crate) mod candidates;
pub(crate) mod chunk;
pub(crate) mod class;
pub(crate) mod commit;
pub(crate) mod difference;
pub(crate) mod edit;
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
pub(crate) mod record;
pub(crate) mod run;
pub(crate) mod serialized;
pub(crate) mod snapshot;
pub(crate) mod suite_differences;
pub(crate) mod suite_records;

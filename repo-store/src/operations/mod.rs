//! What changes a repository, and what is asked before that: a module for each operation, with its options, its plan and its report.
//!
//! A plan is made by a method of [`Store`](crate::Store), such as `plan_promotion`, tells what would change, and is done by its own method
//! `apply`. It is outdated when somebody else has changed the repository since.

mod age;
pub mod approvals;
mod arrivals;
pub mod bases;
pub mod details;
pub(crate) mod freezes;
pub mod import;
pub mod incoming;
pub(crate) mod installability;
pub mod keyring;
pub mod machine_states;
mod own_package;
pub(crate) mod passage;
pub mod phasing;
pub mod pipeline;
pub(crate) mod placement;
pub(crate) mod plan;
pub mod profiles;
pub mod promotion;
pub mod reissue;
pub mod release;
pub mod removal;
pub mod retention;
pub mod rollback;
pub mod shared_paths;
mod store_methods;
pub(crate) mod tagging;
pub mod undo;
pub mod undo_removal;

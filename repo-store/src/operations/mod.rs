//! What changes a repository: taking packages in, promoting, removing, going back, taking back, retention, naming states.

mod age;
pub(crate) mod approvals;
mod arrivals;
pub(crate) mod details;
pub(crate) mod freezes;
pub(crate) mod import;
pub(crate) mod incoming;
pub(crate) mod keyring;
pub(crate) mod machine_states;
pub(crate) mod passage;
pub(crate) mod pipeline;
pub(crate) mod placement;
pub(crate) mod plan;
pub(crate) mod promotion;
pub(crate) mod reissue;
pub(crate) mod release;
pub(crate) mod removal;
pub(crate) mod retention;
pub(crate) mod rollback;
mod store_methods;
pub(crate) mod tagging;
pub(crate) mod undo;
pub(crate) mod undo_removal;

//! What changes a repository: taking packages in, promoting, removing, going back, retention, naming states.

pub(crate) mod details;
pub(crate) mod import;
pub(crate) mod incoming;
pub(crate) mod placement;
pub(crate) mod promote;
pub(crate) mod retention;
pub(crate) mod tagging;
pub(crate) mod undo_removal;

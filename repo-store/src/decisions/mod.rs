//! What people decide about what may come into repositories.

pub(crate) mod approvals;
pub(crate) mod freezes;
mod store_methods;

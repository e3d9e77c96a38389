//! What people decide about what may come into repositories.

pub(crate) mod approvals;
mod store_methods;

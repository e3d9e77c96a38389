//! What keeps a store whole: checking, repairing, collecting garbage, saving, upgrading.

pub(crate) mod backup;
pub(crate) mod fsck;
pub(crate) mod gc;
pub(crate) mod hook_spool;
mod store_methods;
pub(crate) mod upgrade;
pub(crate) mod upkeep;

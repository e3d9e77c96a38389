//! What keeps a store whole: checking, repairing, collecting garbage, saving, upgrading.
//!
//! Each module has the options, plans and reports of some methods of [`Store`](crate::Store): `fsck` and `repair`, `collect_garbage`, `back_up` and
//! `restore`. [`upkeep`] tells when that was last done, and [`hook_spool`] keeps what is still to be delivered to other systems.

pub mod backup;
pub mod fsck;
pub mod gc;
pub mod hook_spool;
mod store_methods;
pub(crate) mod upgrade;
pub mod upkeep;

//! Telling other systems what happens.
//!
//! A verb only keeps its events in the store (`observer`), and never waits for a receiver. They are delivered (`delivery`) by a process that
//! the verb leaves behind, by the next verb, by `serve` and `incoming` while these run, and by `hooks retry`.

mod background;
mod delivery;
mod observer;

pub(crate) use background::{deliver_in_background, deliver_until_done};
pub(crate) use delivery::{Attempts, Deliverer, new_id, secret_of, sendmail};
pub(crate) use observer::{Note, Observer};

/// Set for commands that are hooks: what they run is told to no hook, or one could go on forever.
pub(crate) const IN_A_HOOK: &str = "REPO_HOOK";

/// Where it says `spool`, events are kept and nothing is sent: services without a network leave that to another one.
pub(crate) const DELIVERY: &str = "REPO_HOOKS";

/// Returns whether this process may deliver events.
fn delivers() -> bool {
    std::env::var_os(IN_A_HOOK).is_none() && std::env::var_os(DELIVERY).is_none_or(|value| value != "spool")
}

//! What a repository must do for its clients, as cases with names, and a runner that tries them on a manager of repositories.
//!
//! A case is one sentence and a check of it. The check reads what the manager published as any client would: files, HTTP, gpgv, apt;
//! nothing of the writers of this workspace takes part. `docs/conformance.md` tells how to run it and how to add a case or a manager.

mod case;
mod cases;
mod client;
mod desk;
mod digest;
pub mod manager;
mod managers;
mod published;
mod report;
mod runner;
mod server;
mod shell;
mod stanza;
mod worlds;

pub use case::Shortfall;
pub use managers::all as managers;
pub use report::{fill_in, json, summary, table};
pub use runner::{Report, Row, list, run};

//! What the store promises, seen through its public interface.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::disallowed_methods, reason = "tests look at the disk themselves")]

mod adding;
mod archive_import;
mod backup;
mod clocks;
mod details;
mod equal_indices;
mod every_entry;
mod fixture;
mod flat;
mod forgery;
mod fsck;
mod gates;
mod gc;
mod holds;
mod indices;
mod manifests;
mod newest;
mod older_publications;
mod permissions;
mod phasing;
mod planned_repairs;
mod plans;
mod progress;
mod provenance;
mod publication_plans;
mod publishing;
mod readers;
mod reissues;
mod retention;
mod sharing;
mod signing_keys;
mod sources;
mod tagging;
mod thinning;
mod undo;
mod wrong_settings;

//! Bundles as a whole: what comes out is what went in, and nothing else is ever taken for one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a broken law ends the test")]

mod format;
mod parts;
mod sample;

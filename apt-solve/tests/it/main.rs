//! Tests of `apt-solve` as its users see it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]

mod brute_force;
mod cases;
mod changes;
mod fuzz_replay;
mod limits;
mod universe_text;
mod upgrades;

//! Replays what fuzzing starts from and what it found (`fuzz/`), without a fuzzer and on stable.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]

#[allow(unreachable_pub)]
#[path = "../../fuzz/src/apt_index.rs"]
mod apt_index;
#[allow(unreachable_pub)]
#[path = "../../fuzz/src/checks.rs"]
mod checks;
#[macro_use]
#[path = "../../fuzz/src/replay.rs"]
mod replay;

replay_of!(apt_index damaged at 2000);

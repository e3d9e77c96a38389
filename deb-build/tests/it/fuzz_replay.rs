//! Replays what fuzzing starts from and what it found (`fuzz/`), without a fuzzer and on stable.

#[allow(unreachable_pub)]
#[path = "../../../fuzz/src/checks.rs"]
mod checks;
#[allow(unreachable_pub)]
#[path = "../../../fuzz/src/deb_build.rs"]
mod deb_build;
#[macro_use]
#[path = "../../../fuzz/src/replay.rs"]
mod replay;

replay_of!(deb_build damaged at 25);

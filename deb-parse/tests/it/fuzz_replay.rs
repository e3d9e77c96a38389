//! Replays what fuzzing starts from and what it found (`fuzz/`), without a fuzzer and on stable.

#[allow(unreachable_pub)]
#[path = "../../../fuzz/src/checks.rs"]
mod checks;
#[allow(unreachable_pub)]
#[path = "../../../fuzz/src/deb_built.rs"]
mod deb_built;
#[allow(unreachable_pub)]
#[path = "../../../fuzz/src/deb_parse.rs"]
mod deb_parse;
#[allow(unreachable_pub)]
#[path = "../../../fuzz/src/differential.rs"]
mod differential;
#[macro_use]
#[path = "../../../fuzz/src/replay.rs"]
mod replay;

replay_of!(deb_parse damaged at usize::MAX, deb_built damaged at 500, differential damaged at 50);

//! Replays what fuzzing starts from and what it found (`fuzz/`), without a fuzzer and on stable.

#[allow(unreachable_pub)]
#[path = "../../fuzz/src/apt_bundle.rs"]
mod apt_bundle;
#[allow(unreachable_pub)]
#[path = "../../fuzz/src/checks.rs"]
mod checks;
#[macro_use]
#[path = "../../fuzz/src/replay.rs"]
mod replay;

replay_of!(apt_bundle damaged at 400);

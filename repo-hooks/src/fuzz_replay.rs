//! Replays what fuzzing starts from and what it found (`fuzz/`), without a fuzzer and on stable.

#[allow(unreachable_pub)]
#[path = "../../fuzz/src/checks.rs"]
mod checks;
#[allow(unreachable_pub)]
#[path = "../../fuzz/src/repo_hooks.rs"]
mod repo_hooks;
#[macro_use]
#[path = "../../fuzz/src/replay.rs"]
mod replay;

replay_of!(repo_hooks damaged at 300);

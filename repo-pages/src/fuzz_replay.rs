//! Replays what fuzzing starts from and what it found (`fuzz/`), without a fuzzer and on stable.

#[allow(unreachable_pub, dead_code)]
#[path = "../../fuzz/src/checks.rs"]
mod checks;
#[allow(unreachable_pub)]
#[path = "../../fuzz/src/repo_pages.rs"]
mod repo_pages;
#[macro_use]
#[path = "../../fuzz/src/replay.rs"]
mod replay;

replay_of!(repo_pages damaged at 300);

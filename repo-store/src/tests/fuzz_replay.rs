//! Replays what fuzzing starts from and what it found (`fuzz/`), without a fuzzer and on stable.

#[allow(unreachable_pub)]
#[path = "../../../fuzz/src/checks.rs"]
mod checks;
#[allow(unreachable_pub)]
#[path = "../../../fuzz/src/repo_store.rs"]
mod repo_store;
#[allow(unreachable_pub)]
#[path = "../../../fuzz/src/store_actions.rs"]
mod store_actions;
#[macro_use]
#[path = "../../../fuzz/src/replay.rs"]
mod replay;

replay_of!(repo_store damaged at 200, store_actions damaged at 10);

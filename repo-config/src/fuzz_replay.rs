//! Replays what fuzzing starts from and what it found (`fuzz/`), without a fuzzer and on stable.

#[allow(unreachable_pub)]
#[path = "../../fuzz/src/checks.rs"]
mod checks;
#[allow(unreachable_pub)]
#[path = "../../fuzz/src/repo_config.rs"]
mod laws;
#[path = "../../fuzz/src/replay.rs"]
mod replay;

#[test]
fn the_laws_hold_for_seeds_and_regressions() {
    replay::seeds_and_regressions(laws::LAWS);
}

#[test]
fn the_laws_hold_for_damaged_seeds() {
    replay::damaged_seeds(laws::LAWS, 300);
}

#[test]
fn every_law_has_a_target() {
    replay::every_law_has_a_target(laws::LAWS, "repo_config");
}

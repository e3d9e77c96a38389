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
#[path = "../../../fuzz/src/replay.rs"]
mod replay;

#[test]
fn the_laws_hold_for_seeds_and_regressions() {
    for laws in [deb_parse::LAWS, deb_built::LAWS, differential::LAWS] {
        replay::seeds_and_regressions(laws);
    }
}

#[test]
fn the_laws_hold_for_damaged_seeds() {
    replay::damaged_seeds(deb_parse::LAWS, usize::MAX);
    replay::damaged_seeds(deb_built::LAWS, 500);
    replay::damaged_seeds(differential::LAWS, 50);
}

#[test]
fn every_law_has_a_target() {
    replay::every_law_has_a_target(deb_parse::LAWS, "deb_parse");
    replay::every_law_has_a_target(deb_built::LAWS, "deb_built");
    replay::every_law_has_a_target(differential::LAWS, "differential");
}

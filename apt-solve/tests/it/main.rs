//! Tests of `apt-solve` as its users see it.

mod brute_force;
mod cases;
mod fuzz_replay;
mod limits;
mod universe_text;

//! Packages that are built from folders, read again by deb-parse and by dpkg.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

mod folder;
mod fuzz_replay;
mod packages;
mod refusals;

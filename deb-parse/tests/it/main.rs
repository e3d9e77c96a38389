//! All integration tests, in one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]

mod ar_cases;
mod bomb_cases;
mod builder;
mod changelog_cases;
mod changelog_corpus;
mod contents;
mod control_archive_cases;
mod control_views;
mod deb822_laws;
mod differential;
mod dpkg;
mod field_cases;
mod fixture;
mod fuzz_replay;
mod member_cases;
mod package_details;
mod place_laws;
mod relation_laws;
mod replaced_control;
mod stream_ends;
mod tar_headers;
mod tarballs;
mod unpacking;
mod valid_cases;
mod version_laws;

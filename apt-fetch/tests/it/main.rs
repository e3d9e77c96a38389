//! The crate against servers that lie.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod connections;
mod files;
mod indices;
mod logins;
mod releases;
mod repository;
mod server;

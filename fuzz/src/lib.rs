//! What must hold for any bytes: modules of laws for each crate. The fuzz targets run them on nightly, and
//! `cargo test` replays them on stable over `seeds/` and `regressions/`.

pub mod apt_index;
pub mod apt_sign;
pub mod checks;
pub mod deb_built;
pub mod deb_parse;
pub mod differential;
pub mod repo_config;
pub mod repo_serve;
pub mod repo_store;
pub mod store_actions;

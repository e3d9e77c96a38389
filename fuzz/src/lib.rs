//! What must hold for any bytes: one module of laws for each crate. The fuzz targets run them on nightly, and
//! `cargo test` replays them on stable over `seeds/` and `regressions/`.

pub mod apt_index;
pub mod apt_sign;
pub mod checks;
pub mod deb_parse;

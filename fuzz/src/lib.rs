//! What must hold for any bytes: modules of laws for each crate. The fuzz targets run them on nightly, and
//! `cargo test` replays them on stable over `seeds/` and `regressions/`.

pub mod apt_bundle;
pub mod apt_fetch;
pub mod apt_index;
pub mod apt_sign;
pub mod apt_solve;
pub mod checks;
pub mod deb_advisories;
pub mod deb_build;
pub mod deb_built;
pub mod deb_parse;
pub mod differential;
pub mod repo_config;
pub mod repo_hooks;
pub mod repo_pages;
pub mod repo_serve;
pub mod repo_store;
pub mod store_actions;

/// Returns the law with that name.
pub fn law(name: &str) -> Option<checks::Law> {
    let all = [
        apt_bundle::LAWS,
        apt_fetch::LAWS,
        apt_index::LAWS,
        apt_sign::LAWS,
        apt_solve::LAWS,
        deb_advisories::LAWS,
        deb_build::LAWS,
        deb_built::LAWS,
        deb_parse::LAWS,
        differential::LAWS,
        repo_config::LAWS,
        repo_hooks::LAWS,
        repo_pages::LAWS,
        repo_serve::LAWS,
        repo_store::LAWS,
        store_actions::LAWS,
    ];
    all.into_iter().flatten().find(|(known, _)| *known == name).map(|(_, law)| *law)
}

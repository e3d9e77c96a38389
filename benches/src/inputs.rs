//! What a bench works on: real files where the environment names some, else synthetic ones.

use std::sync::LazyLock;

use crate::packages;

/// Whether the benches only have to show that they work, as `cargo bench -- --test` and `cargo test` ask.
pub static TRIAL: LazyLock<bool> =
    LazyLock::new(|| std::env::args().any(|a| a == "--test") || !std::env::args().any(|a| a == "--bench"));

/// The text of a Packages file: of the file that `PACKAGES` names, else of 65,000 synthetic stanzas (500 in a trial).
pub static INDEX: LazyLock<String> = LazyLock::new(|| match std::env::var_os("PACKAGES") {
    Some(path) => std::fs::read_to_string(path).unwrap_or_default(),
    None => packages::index(if *TRIAL { 500 } else { 65_000 }),
});

/// Package files, whole: of the folder that `DEBS` names the first 200, else as many synthetic ones (10 in a trial).
pub static ARCHIVES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| match std::env::var_os("DEBS") {
    Some(folder) => {
        let mut files: Vec<_> =
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        files.sort();
        files.iter().take(200).filter_map(|path| std::fs::read(path).ok()).collect()
    }
    None => (0..if *TRIAL { 10 } else { 200 }).filter_map(|number| packages::archive(number).ok()).collect(),
});

/// One of two values, the first in a trial.
pub fn in_trial_or<T>(trial: T, measured: T) -> T {
    if *TRIAL { trial } else { measured }
}

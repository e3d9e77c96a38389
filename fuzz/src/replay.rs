//! Replays what fuzzing starts from and what it found, without a fuzzer and on stable. The tests of each crate include this file.

use std::path::{Path, PathBuf};

use super::checks::Law;

/// The tests of modules of laws, which are included beside this one; the numbers say at how many bytes each seed is damaged.
macro_rules! replay_of {
    ($($module:ident damaged at $most:expr),+) => {
        #[test]
        fn the_laws_hold_for_seeds_and_regressions() {
            $(replay::seeds_and_regressions($module::LAWS);)+
        }

        #[test]
        fn the_laws_hold_for_damaged_seeds() {
            $(replay::damaged_seeds($module::LAWS, $most);)+
        }

        #[test]
        fn every_law_has_a_target() {
            $(replay::every_law_has_a_target($module::LAWS, stringify!($module));)+
        }
    };
}

/// Laws by the names of their fuzz targets.
type Laws = [(&'static str, Law)];

fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// Checks every law with its seeds and with what was found once.
pub(super) fn seeds_and_regressions(laws: &Laws) {
    for (name, law) in laws {
        let seeds = files(&fuzz().join("seeds").join(name));
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for file in seeds.into_iter().chain(files(&fuzz().join("regressions").join(name))) {
            eprintln!("{}", file.display());
            law(&std::fs::read(file).unwrap());
        }
    }
}

/// A little fuzzing of our own: every seed changed and cut at each of its bytes, or at as many of them as `most` says.
pub(super) fn damaged_seeds(laws: &Laws, most: usize) {
    for (name, law) in laws {
        for file in files(&fuzz().join("seeds").join(name)) {
            let seed = std::fs::read(file).unwrap();
            for at in (0..seed.len()).step_by(seed.len().div_ceil(most).max(1)) {
                // The zeros that tar fills up with are all alike.
                if at > 0 && seed[at - 1] == 0 && seed[at] == 0 && at % 64 != 0 {
                    continue;
                }
                for change in [1, 0x20, 0x80] {
                    let mut damaged = seed.clone();
                    damaged[at] ^= change;
                    law(&damaged);
                }
                law(&seed[..at]);
            }
        }
    }
}

/// Compares the laws with the targets that run those of `module`.
pub(super) fn every_law_has_a_target(laws: &Laws, module: &str) {
    let wanted = format!("fuzz::{module}::");
    let mut targets: Vec<String> = files(&fuzz().join("fuzz_targets"))
        .iter()
        .filter(|path| std::fs::read_to_string(path).unwrap().contains(&wanted))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    targets.sort();
    let mut names: Vec<&str> = laws.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(targets, names);
}

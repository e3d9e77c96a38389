//! Replays what fuzzing starts from and what it found (`fuzz/`), without a fuzzer and on stable.

use std::path::{Path, PathBuf};

#[allow(unreachable_pub)]
#[path = "../../../fuzz/src/deb_parse.rs"]
mod laws;

fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

#[test]
fn the_laws_hold_for_seeds_and_regressions() {
    for (name, law) in laws::LAWS {
        let seeds = files(&fuzz().join("seeds").join(name));
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for file in seeds.into_iter().chain(files(&fuzz().join("regressions").join(name))) {
            eprintln!("{}", file.display());
            law(&std::fs::read(file).unwrap());
        }
    }
}

/// A little fuzzing of our own: every seed with each of its bytes changed, and cut at each of them.
#[test]
fn the_laws_hold_for_damaged_seeds() {
    for (name, law) in laws::LAWS {
        for file in files(&fuzz().join("seeds").join(name)) {
            let seed = std::fs::read(file).unwrap();
            for at in 0..seed.len() {
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

#[test]
fn every_law_has_a_target() {
    let mut targets: Vec<String> = files(&fuzz().join("fuzz_targets"))
        .iter()
        .filter(|path| std::fs::read_to_string(path).unwrap().contains("fuzz::deb_parse::"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    targets.sort();
    let mut names: Vec<&str> = laws::LAWS.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(targets, names);
}

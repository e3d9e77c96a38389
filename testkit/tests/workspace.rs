//! The shape of the workspace: dependencies go one way, and no file grows past what can be held in the head.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// Each crate and those of ours it may use.
const ALLOWED: [(&str, &[&str]); 5] = [
    ("deb-parse", &[]),
    ("apt-sign", &[]),
    ("apt-index", &["deb-parse"]),
    ("repo-store", &["deb-parse", "apt-index", "apt-sign"]),
    ("repo-cli", &["deb-parse", "apt-index", "apt-sign", "repo-store"]),
];

/// What only the tool may use: libraries know no terminal and bring no runtime.
const TOOL_ONLY: [&str; 6] = ["clap", "anyhow", "tokio", "hyper", "indicatif", "ctrlc"];

const LINES: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The names under `[dependencies]` of a crate.
fn dependencies(name: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
    let table = text.split("[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let lines = table.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', ' ', ']', '"']));
    lines.map(|line| line.split(['.', ' ', '=']).next().unwrap().to_owned()).collect()
}

#[test]
fn dependencies_go_one_way() {
    for (name, allowed) in ALLOWED {
        let used = dependencies(name);
        for other in ALLOWED.map(|(other, _)| other) {
            assert!(
                !used.iter().any(|used| used == other) || allowed.contains(&other),
                "{name} uses {other}"
            );
        }
        if name != "repo-cli" {
            for tool in TOOL_ONLY {
                assert!(!used.iter().any(|used| used == tool), "{name} uses {tool}");
            }
        }
    }
}

#[test]
fn no_source_file_is_longer_than_it_should_be() {
    let mut directories = vec![root()];
    let mut seen = 0;
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with('.') && name != "target" {
                    directories.push(path);
                }
            } else if name.ends_with(".rs") {
                seen += 1;
                let lines = fs::read_to_string(&path).unwrap().lines().count();
                assert!(lines <= LINES, "{} has {lines} lines", path.display());
            }
        }
    }
    assert!(seen > 100, "only {seen} files were looked at");
}

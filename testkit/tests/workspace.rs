//! The shape of the workspace: dependencies go one way, and no file grows past what can be held in the head.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each crate and those of ours it may use.
const ALLOWED: [(&str, &[&str]); 15] = [
    ("deb-parse", &[]),
    ("deb-sandbox", &["deb-parse"]),
    ("deb-build", &["deb-parse"]),
    ("apt-sign", &[]),
    ("apt-index", &["deb-parse"]),
    ("apt-fetch", &["deb-parse", "apt-index", "apt-sign"]),
    ("deb-advisories", &["deb-parse"]),
    ("apt-bundle", &["deb-parse", "apt-index", "apt-sign"]),
    ("apt-solve", &["deb-parse"]),
    ("repo-store", &["deb-parse", "apt-index", "apt-sign", "apt-solve"]),
    ("repo-config", &["deb-parse", "apt-index", "apt-sign", "repo-store"]),
    ("repo-serve", &[]),
    ("repo-hooks", &[]),
    ("repo-pages", &[]),
    (
        "repo-cli",
        &[
            "deb-parse",
            "deb-sandbox",
            "deb-build",
            "apt-index",
            "apt-sign",
            "apt-fetch",
            "apt-bundle",
            "apt-solve",
            "deb-advisories",
            "repo-store",
            "repo-config",
            "repo-serve",
            "repo-hooks",
            "repo-pages",
        ],
    ),
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
            // A server has to serve.
            for tool in
                TOOL_ONLY.iter().filter(|tool| name != "repo-serve" || !["tokio", "hyper"].contains(*tool))
            {
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

/// The folders and files of repo-store from the ground up. Each uses only what stands before it.
const STORE_ORDER: [&str; 19] = [
    "progress",
    "context",
    "storage",
    "model",
    "package_reader",
    "error",
    "document",
    "settings",
    "store",
    "history",
    "access",
    "intent",
    "transaction",
    "joint",
    "manifest",
    "publish",
    "operations",
    "maintenance",
    "fuzzing",
];

/// The Rust files below a directory.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The code of a file, without comments and the tests at its end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_store_is_built_from_the_ground_up() {
    let source = root().join("repo-store/src");
    let mut arrows = 0;
    for path in sources(&source) {
        let relative = path.strip_prefix(&source).unwrap().to_str().unwrap().to_owned();
        let own = relative.split(['/', '.']).next().unwrap();
        if own == "lib" || own == "tests" || relative.ends_with("tests.rs") {
            continue;
        }
        let floor = |name: &str| STORE_ORDER.iter().position(|other| *other == name);
        let own_floor = floor(own).unwrap_or_else(|| panic!("{relative} has no place in the order"));
        let code = code(&fs::read_to_string(&path).unwrap());
        for used in code.split("crate::").skip(1) {
            let name = used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
            assert!(!name.is_empty(), "{relative} imports through the root of the crate");
            let used_floor =
                floor(name).unwrap_or_else(|| panic!("{relative}: import `{name}` from where it is defined"));
            assert!(used_floor <= own_floor, "{relative} uses {name}, which stands above it");
            arrows += 1;
        }
    }
    assert!(arrows > 300, "only {arrows} imports were looked at");
}

/// The most files that methods of `Store` may stand in.
const FILES_OF_STORE: usize = 8;

#[test]
fn what_the_store_offers_stands_in_one_file_per_folder() {
    let source = root().join("repo-store/src");
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for path in sources(&source) {
        let relative = path.strip_prefix(&source).unwrap().to_str().unwrap().to_owned();
        let code = code(&fs::read_to_string(&path).unwrap());
        let blocks = code.lines().filter(|line| line.starts_with("impl") && line.ends_with(" Store {"));
        let blocks = blocks.filter(|line| !line.contains(" for ")).count();
        if blocks > 0 {
            assert_eq!(blocks, 1, "{relative} has several blocks `impl Store`");
            let name = path.file_name().unwrap().to_str().unwrap();
            // The two files that stand in no folder are named for what they are.
            assert!(!relative.contains('/') || name == "store_methods.rs", "{relative} has methods of Store");
            let folder = relative.split(['/', '.']).next().unwrap().to_owned();
            let other = found.insert(folder, relative.clone());
            assert_eq!(other, None, "{relative} and another file of its folder have methods of Store");
        }
    }
    assert!(found.contains_key("store") && found.contains_key("publish"), "{found:?}");
    assert!(found.len() <= FILES_OF_STORE, "{found:?}");
}

/// The most kinds of errors that a family has, so that somebody can match on all of them.
const FAMILY: usize = 12;

/// Families that are larger so far. The numbers only ever go down.
const LARGE_FAMILIES: [(&str, usize); 4] = [
    ("apt-sign Error", 20),
    ("repo-config Contradiction", 26),
    ("repo-store SettingsError", 14),
    ("repo-store StorageError", 13),
];

#[test]
fn families_of_errors_are_small() {
    let mut large = Vec::new();
    for (name, _) in ALLOWED.iter().filter(|(name, _)| *name != "repo-cli") {
        for path in sources(&root().join(name).join("src")) {
            let code = code(&fs::read_to_string(&path).unwrap());
            for part in code.split("thiserror::Error").skip(1) {
                let Some((_, body)) = part.split_once("pub enum ") else { continue };
                let (head, body) = body.split_once("{\n").unwrap();
                let body = body.split("\n}\n").next().unwrap();
                let is_variant = |line: &&str| {
                    line.strip_prefix("    ")
                        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
                };
                let variants = body.lines().filter(is_variant).count();
                let family = format!("{name} {}", head.trim());
                let known = LARGE_FAMILIES.iter().find(|(known, _)| *known == family);
                let most = known.map_or(FAMILY, |(_, most)| *most);
                if variants > most || (variants < most && known.is_some()) {
                    large.push((family, variants));
                }
            }
        }
    }
    assert!(large.is_empty(), "{large:?}");
}

/// The most names at the root of each library besides its modules. The rest stands in the module that is about it, so that somebody who opens
/// the documentation sees what every program meets. The numbers only ever go down.
const NAMES_AT_ROOT: [(&str, usize); 12] = [
    ("deb-parse", 13),
    ("deb-sandbox", 9),
    ("deb-build", 9),
    ("apt-index", 7),
    ("apt-sign", 29),
    ("apt-bundle", 20),
    ("apt-solve", 15),
    ("repo-store", 15),
    ("repo-config", 17),
    ("repo-serve", 17),
    ("repo-hooks", 13),
    ("repo-pages", 24),
];

#[test]
fn the_root_of_a_library_is_small() {
    let mut wrong = Vec::new();
    for (name, most) in NAMES_AT_ROOT {
        let code = code(&fs::read_to_string(root().join(name).join("src/lib.rs")).unwrap());
        let uses = code.split("\npub use ").skip(1).map(|part| part.split(';').next().unwrap());
        // The last name of a path, and each of those in braces.
        let names: usize = uses
            .map(|tree| {
                tree.split(['{', '}', ','])
                    .filter(|name| !name.trim().is_empty() && !name.ends_with("::"))
                    .count()
            })
            .sum();
        let own = ["const", "enum", "fn", "static", "struct", "trait", "type"];
        let own: usize = own.iter().map(|kind| code.matches(&format!("\npub {kind} ")).count()).sum();
        if names + own != most {
            wrong.push((name, names + own));
        }
    }
    assert!(wrong.is_empty(), "more names than there may be, or fewer by now: {wrong:?}");
}

#[test]
fn every_document_has_a_type() {
    let source = root().join("repo-cli/src");
    let mut seen = 0;
    for path in sources(&source) {
        let relative = path.strip_prefix(&source).unwrap().to_str().unwrap().to_owned();
        // Only tests have schemas, and what schemars does not derive of them is written by hand.
        if relative.starts_with("json_schemas") || relative == "json_value/schema.rs" {
            continue;
        }
        let code = code(&fs::read_to_string(&path).unwrap());
        assert!(!code.contains("json!("), "{relative} makes JSON without a type");
        seen += code.matches("JsonDocument for ").count();
    }
    assert!(seen > 60, "only {seen} types of documents were found");
}

//! `docs/configuration.md`, written from the descriptions of the settings.

use crate::description::{Description, Kind, WhenUnset, settings};

const INTRODUCTION: &str = "\
# Configuration

<!-- Written from repo-config/src/file.rs: REPO_TEST_WRITE=1 cargo test -p repo-config documentation -->

Everything that a store publishes is decided in `repo.toml`. Files `repo.d/*.toml` are read on top of it in the order of their names: tables are
merged, lists are appended, and any other value replaces the one before. Unknown settings are refused. A relative path begins at the directory of
`repo.toml`. `repo-cli config check` finds all mistakes, `repo-cli config show` prints what counts and where each value comes from, and
`repo-cli config schema` prints a JSON Schema for editors.

Durations are written as `14d`, `36h`, `90m`, `30s` or `2w`, sizes as `512 MiB` or `4 GiB`.
";

/// Writes the whole document.
fn document() -> String {
    let mut text = INTRODUCTION.to_owned();
    write_table(&settings(), "Settings of the whole store", "", &mut text);
    text
}

fn write_table(settings: &[Description], title: &str, about: &str, text: &mut String) {
    text.push_str(&format!("\n## {title}\n\n"));
    if !about.is_empty() {
        text.push_str(&format!("{about}\n\n"));
    }
    text.push_str("| setting | value | default | meaning | example |\n|---|---|---|---|---|\n");
    let is_leaf = |setting: &&Description| !setting.example.is_empty();
    for setting in settings.iter().filter(is_leaf) {
        let default = match setting.when_unset() {
            WhenUnset::Nothing => "not set".to_owned(),
            WhenUnset::Value(value) => format!("`{value}`"),
            WhenUnset::SameAs(other) => format!("that of `{other}`"),
            WhenUnset::Words(words) => words.to_owned(),
        };
        let Description { key, meaning, example, .. } = setting;
        let cells = [
            format!("`{key}`"),
            setting.kind.words(),
            default,
            (*meaning).to_owned(),
            format!("`{example}`"),
        ];
        text.push_str(&format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | ")));
    }
    let path = title.trim_matches(['`', '[', ']']);
    let path = if text.matches("\n## ").count() == 1 { String::new() } else { format!("{path}.") };
    for Description { key, kind, meaning, .. } in settings {
        match kind {
            Kind::Table(inner) => write_table(inner, &format!("`[{path}{key}]`"), meaning, text),
            Kind::Named(what, kind) => {
                let Kind::Table(inner) = &**kind else { continue };
                write_table(inner, &format!("`[{path}{key}.{what}]`"), meaning, text);
            }
            Kind::List(kind) => {
                let Kind::Table(inner) = &**kind else { continue };
                write_table(inner, &format!("`[[{path}{key}]]`"), meaning, text);
            }
            _ => {}
        }
    }
}

#[test]
fn the_documentation_says_what_the_types_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    if std::env::var_os("REPO_TEST_WRITE").is_some_and(|value| value == "1") {
        std::fs::write(path, document()).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).is_ok_and(|text| text == document()),
        "docs/configuration.md is stale: REPO_TEST_WRITE=1 cargo test -p repo-config documentation"
    );
}

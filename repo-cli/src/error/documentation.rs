//! `docs/errors.md`, written from the types of the errors and from what this file says about each of their codes.

mod codes;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use self::codes::CODES;
use super::USAGE;
use crate::progress::INTERRUPTED;

const INTRODUCTION: &str = "\
# Error codes

<!-- Written from repo-cli/src/error/documentation.rs: REPO_TEST_WRITE=1 cargo test -p repo-cli error::documentation -->

Each error has a code. The code never changes its meaning, and a new version only adds codes; the text of a message may change at any time.
With `--json` the code stands in `error.code` ([json.md](json.md)), and the log of operations has it too.

The family is the type in the libraries that has the error. A program that uses the libraries matches on its variants; `code()` gives the code.
The exit status is that of a command that ends with the error. A command that ends with several errors exits with 1.

| code | family | meaning | what to do | exit status |
|---|---|---|---|---|
";

/// The crates that have errors, and the name under which a program uses each.
const CRATES: [(&str, &str); 6] = [
    ("repo-cli", ""),
    ("repo-serve", INTERFACE),
    ("repo-config", "repo_config::"),
    ("repo-hooks", "repo_hooks::"),
    ("repo-store", "repo_store::"),
    ("apt-sign", "apt_sign::"),
];

/// The family of the errors that only the server answers with. No type has them.
const INTERFACE: &str = "interface for programs";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

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

/// The codes in a text of Rust.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').filter(|word| {
        let rest = word.strip_prefix("E-").filter(|rest| *rest != "TEST").unwrap_or_default();
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
    })
}

/// Returns the path under which a program uses a type of one of the libraries, below the name of that library.
fn public_path(library: &str, name: &str) -> String {
    let listing = root().join("docs/public-api").join(library).join("types.txt");
    let listing = fs::read_to_string(listing).unwrap();
    let mut paths = listing.lines().filter_map(|line| Some(line.split_once("pub enum ")?.1));
    let path = paths.find(|path| path.rsplit("::").next() == Some(name));
    path.unwrap_or_else(|| panic!("the listing of {library} lacks {name}: .ci/public-api --accept"))
        .to_owned()
}

/// Each code in the sources, and the families that have it.
fn families() -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (directory, name) in CRATES {
        for path in sources(&root().join(directory).join("src")) {
            if path.ends_with("error/documentation.rs") || path.ends_with("error/documentation/codes.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            // The methods that give codes, each behind the head of its `impl`.
            let mut parts = text.split("fn code(&self) -> &'static str {\n");
            let mut before = parts.next().unwrap_or_default();
            let mut rest = before.to_owned();
            for part in parts {
                let (body, behind) = part.split_once("\n    }\n").unwrap();
                let head = before.rsplit("\nimpl ").next().unwrap().split([' ', '\n']).next().unwrap();
                let family = match name {
                    "" => "command line".to_owned(),
                    name => format!("`{name}{}`", public_path(directory, head)),
                };
                for code in codes(body) {
                    found.entry(code.to_owned()).or_default().insert(family.clone());
                }
                rest.push_str(behind);
                before = part;
            }
            // What no method gives: wrong usage, and what stands in the log alone.
            let alone = match name {
                "" => codes(&rest).map(|code| (code, "command line")).collect(),
                // It also has a table with the codes of the verbs that it runs.
                INTERFACE => {
                    codes(&rest).filter(|code| code.starts_with("E-API-")).map(|code| (code, name)).collect()
                }
                _ => Vec::new(),
            };
            for (code, family) in alone {
                found.entry(code.to_owned()).or_default().insert(family.to_owned());
            }
        }
    }
    found
}

/// Returns the exit status of a command that ends with an error of this code.
fn status(code: &str) -> u8 {
    match code {
        USAGE => 2,
        "E-CANCELLED" => INTERRUPTED,
        _ => 1,
    }
}

fn document() -> String {
    let mut text = INTRODUCTION.to_owned();
    let families = families();
    for (code, meaning, remedy) in CODES {
        let Some(families) = families.get(*code) else { panic!("no error has the code {code}") };
        let families: Vec<&str> = families.iter().map(String::as_str).collect();
        let cells = [format!("`{code}`"), families.join(", "), (*meaning).to_owned(), (*remedy).to_owned()];
        text.push_str(&format!("| {} | {} |\n", cells.join(" | "), status(code)));
    }
    text
}

#[test]
fn the_documentation_has_every_code_that_the_types_have() {
    let described: BTreeSet<&str> = CODES.iter().map(|(code, ..)| *code).collect();
    assert_eq!(described.len(), CODES.len(), "a code is described twice");
    let families = families();
    let missing: Vec<&String> = families.keys().filter(|code| !described.contains(code.as_str())).collect();
    assert!(missing.is_empty(), "not described: {missing:?}");
    let path = root().join("docs/errors.md");
    if std::env::var_os("REPO_TEST_WRITE").is_some_and(|value| value == "1") {
        fs::write(&path, document()).unwrap();
    }
    assert!(
        fs::read_to_string(path).is_ok_and(|text| text == document()),
        "docs/errors.md is stale: REPO_TEST_WRITE=1 cargo test -p repo-cli error::documentation"
    );
}

#[test]
fn the_status_in_the_documentation_is_that_of_the_program() {
    use super::Failure;
    use repo_store::progress::{Cancelled, Phase};
    let cancelled = repo_store::Error::Cancelled(Cancelled { during: Phase::Reading });
    for failure in [Failure::Usage("no"), Failure::Stopped, Failure::Store(cancelled)] {
        let (code, exit) = (failure.code(), failure.exit_code());
        assert_eq!(
            format!("{exit:?}"),
            format!("{:?}", std::process::ExitCode::from(status(code))),
            "{code}"
        );
    }
}

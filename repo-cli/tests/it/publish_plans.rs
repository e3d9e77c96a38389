//! `publish --dry-run` and `sign again --dry-run` say what would be published, and write nothing.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde_json::{Value, json};
use testkit::{Environment, Output};

use crate::{configure, store};

fn document(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
}

/// The state of every repository, and what clients see of it.
fn seen(environment: &Environment) -> BTreeMap<Utf8PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut directories = vec![environment.root().join("public"), environment.root().join("store")];
    while let Some(directory) = directories.pop() {
        for entry in directory.read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            if path.symlink_metadata().unwrap().is_dir() {
                directories.push(path);
            } else if !path.as_str().contains("/store/locks/") {
                let bytes =
                    std::fs::read(&path).unwrap_or_else(|_| path.read_link_utf8().unwrap().as_str().into());
                files.insert(path, bytes);
            }
        }
    }
    files
}

#[test]
fn what_would_be_published_is_shown_and_nothing_is_written() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let package = environment.package("world", "1.0", "all");
    let _ = environment.run(&["add", "prod", package.as_str(), "--no-publish"]).succeeds();
    let before = seen(&environment);

    let planned = environment.run(&["publish", "prod", "--dry-run"]).succeeds();
    insta::assert_snapshot!(planned.stdout, @"
    REPOSITORY  SUITE     ADDED  REMOVED  REASON
    prod        bookworm  1      0        its packages changed
    would publish prod: bookworm
    ");
    let planned = document(&environment.run(&["publish", "prod", "--dry-run", "--json"]).succeeds());
    assert_eq!(planned["dry_run"], true);
    let plan = &planned["published"][0];
    assert_eq!(plan["repository"], "prod");
    assert_eq!(plan["is_up_to_date"], false);
    assert_eq!(plan["suites"], json!([{ "directory": "bookworm", "reason": "its packages changed" }]));
    assert_eq!(plan["added"]["bookworm"][0]["package"], "world");
    assert_eq!(seen(&environment), before);

    let done = document(&environment.run(&["publish", "prod", "--json"]).succeeds());
    assert_eq!(done["dry_run"], false);
    assert_eq!(done["published"][0]["suites"], json!(["bookworm"]));
    let planned = environment.run(&["publish", "prod", "--dry-run"]).succeeds();
    assert_eq!(planned.stdout, "prod: already up to date\n");
}

#[test]
fn what_is_signed_again_is_shown_and_nothing_is_written() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let before = seen(&environment);
    let planned = environment.run(&["sign", "again", "prod", "--dry-run"]).succeeds();
    insta::assert_snapshot!(planned.stdout, @"
    REPOSITORY  SUITE     ADDED  REMOVED  REASON
    prod        bookworm  0      0        everything is made again from the records
    would publish prod: bookworm
    ");
    let planned = document(&environment.run(&["sign", "again", "prod", "--dry-run", "--json"]).succeeds());
    assert_eq!(planned["signed"][0]["suites"][0]["directory"], "bookworm");
    assert_eq!(seen(&environment), before);
}

#[test]
fn a_plan_ends_as_publishing_would() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    configure(&environment, "origin = 'another'\n");
    let planned = environment.run(&["publish", "--dry-run"]);
    let done = environment.run(&["publish"]);
    assert_eq!((planned.status, &planned.stderr), (done.status, &done.stderr), "{planned}{done}");
    assert!(planned.status != Some(0) && planned.stderr.contains("Origin"), "{planned}");
}

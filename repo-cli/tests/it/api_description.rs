//! The description of the interface is that of the table of routes.

use std::fs;

use camino::Utf8Path;
use repo_serve::api::{openapi, table_of_routes};

const BEGIN: &str = "<!-- Written from repo-serve/src/api/route.rs: REPO_TEST_WRITE=1 cargo test -p repo-cli --test it api_description -->\n";
const END: &str = "<!-- end -->";

/// Compares a file with what it should be, or writes it when that is asked for.
fn is_up_to_date(name: &str, text: &str) {
    let path = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(name);
    if std::env::var_os("REPO_TEST_WRITE").is_some_and(|value| value == "1") {
        fs::write(&path, text).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == text,
        "{name} is stale: REPO_TEST_WRITE=1 cargo test -p repo-cli --test it api_description"
    );
}

#[test]
fn the_description_for_programs_is_up_to_date() {
    let description = serde_json::to_string_pretty(&openapi("1")).unwrap() + "\n";
    is_up_to_date("docs/openapi.json", &description);
}

#[test]
fn the_table_for_people_is_up_to_date() {
    let path = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/api.md");
    let page = fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the place of the table");
    let (_, after) = rest.split_once(END).expect("the end of the table");
    is_up_to_date("docs/api.md", &format!("{before}{BEGIN}{}{END}{after}", table_of_routes()));
}

#[test]
fn every_status_is_one_of_a_documented_code() {
    let path = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/errors.md");
    let documented = fs::read_to_string(path).unwrap();
    for (status, codes) in repo_serve::api::statuses() {
        for code in *codes {
            assert!(documented.contains(&format!("`{code}`")), "{status} {code}");
        }
    }
}

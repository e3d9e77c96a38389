//! Everything the store makes has the mode that the table declares, and the documentation shows that table.

use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;

use camino::Utf8Path;
use repo_store::storage::permissions::{EntryKind, PERMISSIONS, Permission};

use crate::fixture::{Fixture, everything_below, publish, signer};

#[test]
fn the_documentation_shows_the_table() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/store-format.md");
    let page = std::fs::read_to_string(page).unwrap();
    let shown = page.split("<!-- permissions -->\n").nth(1).unwrap();
    let shown = shown.split("<!-- /permissions -->").next().unwrap();
    let mut table = "| path | kind | mode | owner |\n|---|---|---|---|\n".to_owned();
    for Permission { path, kind, mode, owner } in PERMISSIONS {
        writeln!(table, "| `{path}` | {kind} | {mode} | {owner} |").unwrap();
    }
    assert!(shown == table, "docs/store-format.md should show\n{table}");
}

#[test]
fn everything_the_store_makes_is_in_the_table() {
    let (mut fixture, signer) = (Fixture::new(), signer());
    fixture.preprod.contents = true;
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    let root = fixture.store.root();
    for path in everything_below(root) {
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_symlink() {
            continue;
        }
        let kind = if metadata.is_dir() { EntryKind::Directory } else { EntryKind::File };
        let relative: &Utf8Path = path.strip_prefix(root).unwrap();
        let line = Permission::of(relative, kind).unwrap_or_else(|| panic!("{relative}"));
        assert!(line.mode.allows(metadata.mode()), "{relative} {:o}", metadata.mode());
    }
}

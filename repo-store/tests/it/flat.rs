//! One suite published at the root of its repository as well.

use std::os::unix::fs::MetadataExt as _;

use camino::Utf8PathBuf;
use deb_parse::deb822;
use repo_store::maintenance::fsck::FsckOptions;
use repo_store::{PublishOptions, Store};

use crate::fixture::{Fixture, context, publish, signer, suite};

fn root(fixture: &Fixture) -> Utf8PathBuf {
    fixture.store.public(&fixture.preprod.name)
}

/// The names at the root, and what the links among them lead to.
fn names(fixture: &Fixture) -> String {
    let mut names: Vec<String> = root(fixture)
        .read_dir_utf8()
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name() != "dists")
        .map(|entry| match entry.path().read_link_utf8() {
            Ok(target) => format!("{} -> {target}", entry.file_name()),
            Err(_) => entry.file_name().to_owned(),
        })
        .collect();
    names.sort();
    names.join("\n")
}

/// The packages that a client of the flat form sees.
fn visible(directory: &Utf8PathBuf) -> Vec<String> {
    let file = std::fs::File::open(directory.join("Packages.xz")).unwrap();
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut xz2::read::XzDecoder::new(file), &mut text).unwrap();
    let mut found: Vec<String> = deb822::paragraphs(&text)
        .map(|stanza| {
            assert!(directory.join(stanza.get_str("Filename").unwrap()).is_file());
            ["Package", "Version", "Architecture"].map(|field| stanza.get_str(field).unwrap()).join(" ")
        })
        .collect();
    found.sort();
    found
}

fn problems(store: &Store) -> Vec<String> {
    let report = store.fsck(&FsckOptions::default(), &context(1000)).unwrap();
    report.problems.iter().map(ToString::to_string).collect()
}

fn flat() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.preprod.flat = Some(suite("bookworm"));
    fixture
}

#[test]
fn the_root_shows_every_architecture_in_one_index() {
    let (fixture, signer) = (flat(), signer());
    fixture.add(&[
        fixture.package("hello", "1.0", "amd64", "a"),
        fixture.package("hello", "1.0", "arm64", "b"),
        fixture.package("data", "1.0", "all", "c"),
        fixture.package("other", "1.0+deb13u1", "all", "d"),
    ]);
    let report = publish(&fixture, &signer, 0);
    assert_eq!(report.suites, [suite("bookworm"), suite("trixie")]);
    insta::assert_snapshot!(names(&fixture), @"
    .by-hash
    .publications
    InRelease -> dists/.flat/InRelease
    Packages.gz -> dists/.flat/Packages.gz
    Packages.xz -> dists/.flat/Packages.xz
    Release -> dists/.flat/Release
    Release.gpg -> dists/.flat/Release.gpg
    by-hash -> dists/.flat/by-hash
    key.asc -> dists/../keys/key.asc
    key.gpg -> dists/../keys/key.gpg
    pool
    snapshot
    ");
    assert_eq!(visible(&root(&fixture)), ["data 1.0 all", "hello 1.0 amd64", "hello 1.0 arm64"]);
    let release = std::fs::read_to_string(root(&fixture).join("Release")).unwrap();
    let fields = release.lines().filter(|line| !line.starts_with("Date:") && !line.starts_with("X-Content:"));
    // What is in the package files is not this test's business.
    let fields =
        fields.map(|line| if line.starts_with(' ') { line.rsplit(' ').next().unwrap() } else { line });
    insta::assert_snapshot!(fields.collect::<Vec<_>>().join("\n"), @"
    Suite: bookworm
    Codename: bookworm
    Acquire-By-Hash: yes
    No-Support-for-Architecture-all: Packages
    Architectures: amd64 arm64
    SHA256:
    Packages
    Packages.gz
    Packages.xz
    ");
    let line = release.lines().find(|line| line.ends_with(" Packages.xz")).unwrap();
    let digest = line.split_whitespace().next().unwrap();
    assert!(root(&fixture).join("by-hash/SHA256").join(digest).is_file());
    assert_eq!(problems(&fixture.store), [""; 0]);
    assert_eq!(publish(&fixture, &signer, 10).publication, None);
}

#[test]
fn both_forms_are_switched_by_one_rename_and_kept_together() {
    let (fixture, signer) = (flat(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    let first = publish(&fixture, &signer, 0).publication.unwrap();
    let release = || std::fs::metadata(root(&fixture).join("InRelease")).unwrap();
    let before = release();
    fixture.add(&[fixture.package("other", "1.0+deb13u1", "amd64", "b")]);
    publish(&fixture, &signer, 10);
    assert_eq!(release().ino(), before.ino(), "only the other suite changed");
    fixture.add(&[fixture.package("hello", "2.0", "amd64", "c")]);
    publish(&fixture, &signer, 20);
    assert!(release().mtime() > before.mtime());
    assert_eq!(visible(&root(&fixture)), ["hello 1.0 amd64", "hello 2.0 amd64"]);
    let snapshot = root(&fixture).join("snapshot").join(first.to_string());
    assert_eq!(visible(&snapshot), ["hello 1.0 amd64"]);
    assert_eq!(problems(&fixture.store), [""; 0]);
}

#[test]
fn a_lost_link_of_the_root_is_found_and_made_again() {
    let (fixture, signer) = (flat(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    std::fs::remove_file(root(&fixture).join("InRelease")).unwrap();
    assert_eq!(problems(&fixture.store), ["missing public/preprod/InRelease: clients are told of it"]);
    let report = fixture.store.repair(&FsckOptions::default(), &[], &context(10)).unwrap();
    assert_eq!(report.repaired.len(), 1);
    assert!(root(&fixture).join("InRelease").is_file());
    assert_eq!(problems(&fixture.store), [""; 0]);
}

#[test]
fn a_restored_store_shows_the_same_at_the_root() {
    let (fixture, signer) = (flat(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    let beside = |name: &str| fixture.store.root().parent().unwrap().join(name);
    fixture.store.backup(&beside("backup"), &context(10)).unwrap();
    let (store, _) = Store::restore(&beside("backup"), &beside("restored"), &context(20)).unwrap();
    assert_eq!(visible(&store.public(&fixture.preprod.name)), ["hello 1.0 amd64"]);
    assert_eq!(problems(&store), [""; 0]);
}

#[test]
fn without_the_setting_the_root_is_as_before() {
    let (mut fixture, signer) = (flat(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    fixture.preprod.flat = None;
    let options = PublishOptions { allow_removal: true, ..PublishOptions::default() };
    let report = fixture.store.publish_with(&fixture.preprod, &signer, options, &context(10)).unwrap();
    assert!(report.publication.is_some());
    insta::assert_snapshot!(names(&fixture), @"
    .by-hash
    .publications
    key.asc -> dists/../keys/key.asc
    key.gpg -> dists/../keys/key.gpg
    pool
    snapshot
    ");
    assert_eq!(problems(&fixture.store), [""; 0]);
}

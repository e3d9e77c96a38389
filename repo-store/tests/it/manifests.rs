//! What is inside packages is found out once, kept beside them, and lost with nothing but time.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Blake3;
use deb_parse::deb::{Builder, Compression, EntryKind};
use deb_parse::{Architecture, PackageName, Version};
use jiff::SignedDuration;
use repo_store::Store;
use repo_store::maintenance::fsck::FsckOptions;
use repo_store::maintenance::gc::GcOptions;
use repo_store::manifest::Manifest;
use repo_store::model::BlobId;

use crate::fixture::{Fixture, context};

const CHANGELOG: &str = "hello (1.0) bookworm; urgency=low

  * First. (Closes: #1)

 -- A <a@example.org>  Sat, 01 Jan 2022 10:00:00 +0000
";

fn builder() -> Builder {
    let name = PackageName::parse("hello").unwrap();
    Builder::new(name, Version::parse("1.0").unwrap(), Architecture::parse("amd64").unwrap())
        .file("usr/bin/hello", "#!/bin/sh\n", 0o4755)
        .symlink("usr/bin/hi", "hello")
        .file("etc/hello.conf", "a = b\n", 0o644)
        .conffile("etc/hello.conf")
        .maintainer_script("postinst", "#!/bin/sh\n")
        .compression(Compression::None)
}

fn with_changelog() -> Vec<u8> {
    builder().file("usr/share/doc/hello/changelog", CHANGELOG, 0o644).build().unwrap()
}

fn add(fixture: &Fixture, bytes: &[u8]) -> BlobId {
    let file = fixture.store.root().join("../hello.deb");
    fs::write(&file, bytes).unwrap();
    let report = fixture.try_add(&[file]);
    assert_eq!(report.refused.len(), 0, "{:?}", report.refused);
    BlobId::of(bytes)
}

/// A store with one package, and what is kept of what is inside it.
fn with_manifest() -> (Fixture, BlobId, Manifest) {
    let mut fixture = Fixture::new();
    fixture.preprod.contents = true;
    let blob = add(&fixture, &with_changelog());
    let manifest = fixture.store.manifest(blob).unwrap();
    (fixture, blob, manifest)
}

fn path_in(store: &Store, area: &str, blob: BlobId) -> Utf8PathBuf {
    let digits = blob.to_string();
    store.root().join("store").join(area).join(&digits[..2]).join(&digits[2..])
}

fn file_of(store: &Store, blob: BlobId) -> Utf8PathBuf {
    path_in(store, "manifests", blob)
}

fn write(path: &Utf8Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "").unwrap();
}

#[test]
fn a_manifest_says_what_is_inside() {
    let mut fixture = Fixture::new();
    fixture.preprod.contents = true;
    let blob = add(&fixture, &with_changelog());
    let kept = fs::read(file_of(&fixture.store, blob)).unwrap();
    let text = String::from_utf8(zstd::decode_all(&*kept).unwrap()).unwrap();
    insta::assert_snapshot!(text.replace(&blob.to_string(), "<BLOB>"), @"
    Manifest: 2
    Blob: <BLOB>
    Conffiles:
     83147372b31735878beba3926601373b33976d2e9775bdb9229cea0cf6fdff0b /etc/hello.conf
    Scripts:
     a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf postinst
    Changelog: complete
    Files:
     d 755 root:root 0 etc
     - 644 root:root 6 etc/hello.conf
     d 755 root:root 0 usr
     d 755 root:root 0 usr/bin
     - 4755 root:root 10 usr/bin/hello
     l 777 root:root 0 usr/bin/hi
     d 755 root:root 0 usr/share
     d 755 root:root 0 usr/share/doc
     d 755 root:root 0 usr/share/doc/hello
     - 644 root:root 115 usr/share/doc/hello/changelog

    hello (1.0) bookworm; urgency=low

      * First. (Closes: #1)

     -- A <a@example.org>  Sat, 01 Jan 2022 10:00:00 +0000
    ");

    let manifest = fixture.store.manifest(blob).unwrap();
    let modes: Vec<(String, EntryKind, u32, u64)> = manifest
        .files()
        .map(|file| (String::from_utf8_lossy(file.path).into_owned(), file.kind, file.mode, file.size))
        .collect();
    assert!(modes.contains(&("usr/bin/hello".to_owned(), EntryKind::File, 0o4755, 10)));
    assert!(modes.contains(&("usr/bin/hi".to_owned(), EntryKind::Symlink, 0o777, 0)));
    let conffiles = manifest.conffiles().map(|file| (file.line, file.sha256.map(str::len)));
    assert_eq!(conffiles.collect::<Vec<_>>(), [("/etc/hello.conf", Some(64))]);
    assert_eq!(manifest.scripts().map(|script| script.name).collect::<Vec<_>>(), ["postinst"]);
    let changelog = manifest.changelog().unwrap();
    assert_eq!((changelog.text, changelog.complete), (CHANGELOG, true));
}

#[test]
fn it_is_made_when_it_is_needed_first() {
    let fixture = Fixture::new();
    let blob = add(&fixture, &builder().build().unwrap());
    assert!(!file_of(&fixture.store, blob).exists(), "nobody asked for it");
    let manifest = fixture.store.manifest(blob).unwrap();
    assert_eq!(manifest.changelog(), None);
    assert_eq!(manifest.files().count(), 6);
    assert_eq!(fixture.store.manifest(blob).unwrap(), manifest);
}

#[test]
fn paths_that_are_no_text_and_end_in_blanks_are_kept_to_the_byte() {
    let fixture = Fixture::new();
    let bytes = builder().file("usr/zzzz ", "", 0o644).build().unwrap();
    // Four other bytes of the same sum, which is what a tar header is checked with.
    let place = bytes.windows(4).rposition(|window| window == b"zzzz").unwrap();
    let mut odd = bytes;
    odd[place..place + 4].copy_from_slice(b"\xffaa'");
    let blob = add(&fixture, &odd);
    let manifest = fixture.store.manifest(blob).unwrap();
    assert!(manifest.files().any(|file| file.path == b"usr/\xffaa' "));
}

#[test]
fn a_damaged_manifest_is_reported_and_made_anew() {
    let (fixture, blob, good) = with_manifest();
    let path = file_of(&fixture.store, blob);
    let bytes = fs::read(&path).unwrap();
    let damage = || {
        let mut damaged = bytes.clone();
        damaged[bytes.len() / 2] ^= 1;
        fs::remove_file(&path).unwrap();
        fs::write(&path, damaged).unwrap();
    };

    damage();
    let check = || fixture.store.fsck(&FsckOptions::default(), &context(0)).unwrap();
    let problems: Vec<String> = check().problems.iter().map(ToString::to_string).collect();
    assert!(problems.iter().any(|problem| problem.contains("store/manifests")), "{problems:?}");
    let repaired = fixture.store.repair(&FsckOptions::default(), &[], &context(0)).unwrap();
    assert!(repaired.remaining.is_clean(), "{repaired:?}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
    damage();
    assert_eq!(fixture.store.manifest(blob).unwrap(), good, "what is damaged is not believed");
}

#[test]
fn a_manifest_of_another_form_is_no_fault_and_made_anew_when_it_is_needed() {
    let (fixture, blob, good) = with_manifest();
    let path = file_of(&fixture.store, blob);
    let bytes = fs::read(&path).unwrap();
    let text = String::from_utf8(zstd::decode_all(&*bytes).unwrap()).unwrap();
    let check = || fixture.store.fsck(&FsckOptions::default(), &context(0)).unwrap();
    let keep = |form: &str| {
        let text = text.replacen("Manifest: 2", &format!("Manifest: {form}"), 1).replace(" 83147372", " ");
        fs::remove_file(&path).unwrap();
        fs::write(&path, sealed(text.as_bytes())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    };
    for form in ["1", "3"] {
        keep(form);
        assert!(check().is_clean(), "{:?}", check());
        assert_eq!(fixture.store.manifest(blob).unwrap(), good);
        // With the next change it gets its name.
        fixture.add(&[fixture.package("other", form, "all", "")]);
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    keep("x");
    assert!(!check().is_clean());
}

/// A file of the store as `docs/store-format.md` describes it.
fn sealed(text: &[u8]) -> Vec<u8> {
    let mut bytes = zstd::bulk::compress(text, 3).unwrap();
    let digest = Blake3::of(&bytes);
    bytes.extend([0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0]);
    bytes.extend(digest.as_bytes());
    bytes
}

#[test]
fn a_manifest_goes_with_its_package_file() {
    let mut fixture = Fixture::new();
    fixture.preprod.contents = true;
    let kept = add(&fixture, &with_changelog());
    let [orphan, unreached] = ["gone", "in no suite"].map(|text| BlobId::of(text.as_bytes()));
    for area in ["manifests", "blobs"] {
        write(&path_in(&fixture.store, area, unreached));
    }
    write(&file_of(&fixture.store, orphan));
    std::thread::sleep(std::time::Duration::from_millis(20));
    let options = GcOptions { grace: SignedDuration::ZERO, ..GcOptions::default() };
    let report = fixture.store.collect_garbage(&options, &context(10)).unwrap();
    assert_eq!(report.removed.len(), 3, "{report:?}");
    assert!(file_of(&fixture.store, kept).exists());
    assert!(!file_of(&fixture.store, orphan).exists() && !file_of(&fixture.store, unreached).exists());
}

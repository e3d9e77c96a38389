//! Which indices a suite has, what each lists, and that they follow the content step by step as they would from scratch.

use std::collections::BTreeMap;
use std::io::Read as _;

use apt_index::Encoding;
use camino::Utf8PathBuf;
use deb_parse::deb::Builder;
use deb_parse::{Architecture, Component, PackageName, Version, deb822};
use repo_store::RepositorySettings;
use repo_store::maintenance::fsck::FsckOptions;
use repo_store::settings::{ArchitectureAll, IndexKind};

use crate::fixture::{Fixture, context, files_below, publish, signer};

fn builder(name: &str, version: &str, architecture: &str) -> Builder {
    Builder::new(
        PackageName::parse(name).unwrap(),
        Version::parse(version).unwrap(),
        Architecture::parse(architecture).unwrap(),
    )
    .field("Maintainer", "Test <test@example.org>")
}

/// Writes a package for an installer. Those of Debian say so by their names alone.
fn udeb(fixture: &Fixture, name: &str, version: &str, architecture: &str) -> Utf8PathBuf {
    fixture.file(&format!("{name}-{version}.udeb"), &builder(name, version, architecture).build().unwrap())
}

fn described(fixture: &Fixture, name: &str, version: &str, description: &str) -> Utf8PathBuf {
    let package = builder(name, version, "all").description(description).build().unwrap();
    fixture.file(&format!("{name}-{version}.deb"), &package)
}

fn suite_directory(fixture: &Fixture) -> Utf8PathBuf {
    fixture.store.public(&fixture.preprod.name).join("dists/bookworm")
}

/// The paths of the files that the suite `bookworm` has, without the forms made of them.
fn indices(fixture: &Fixture) -> Vec<String> {
    let directory = suite_directory(fixture);
    let files = files_below(&directory);
    let names =
        files.iter().filter(|file| file.parent() != Some(&directory) && file.extension() != Some("gz"));
    names
        .filter(|file| !file.as_str().contains("by-hash"))
        .map(|file| file.strip_prefix(&directory).unwrap().to_string())
        .collect()
}

fn index(fixture: &Fixture, path: &str) -> String {
    let file = std::fs::File::open(suite_directory(fixture).join(format!("{path}.xz"))).unwrap();
    let mut text = String::new();
    xz2::read::XzDecoder::new(file).read_to_string(&mut text).unwrap();
    text
}

/// The packages of an index with their files.
fn listed(fixture: &Fixture, path: &str) -> Vec<String> {
    let text = index(fixture, path);
    let stanzas = deb822::paragraphs(text.as_bytes());
    let mut lines: Vec<String> = stanzas
        .map(|stanza| {
            let name =
                format!("{} {}", stanza.get_str("Package").unwrap(), stanza.get_str("Version").unwrap());
            format!("{name} {}", stanza.get_str("Filename").unwrap().rsplit('/').next().unwrap())
        })
        .collect();
    lines.sort();
    lines
}

/// The same content, published by a store that never published anything before, and sorted stanzas of each index.
fn from_scratch(fixture: &Fixture, settings: &RepositorySettings) -> BTreeMap<String, Vec<String>> {
    let other = Fixture::new();
    let mut settings = settings.clone();
    settings.name = other.preprod.name.clone();
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    let files: Vec<Utf8PathBuf> = head
        .records(&fixture.preprod.suites[0].name)
        .unwrap()
        .iter()
        .map(|record| {
            let name = record.pool_path().unwrap();
            let bytes = std::fs::read(fixture.store.blob_path(record.blob()).unwrap()).unwrap();
            other.file(name.as_path().file_name().unwrap(), &bytes)
        })
        .collect();
    other
        .store
        .add(&settings, &files, &repo_store::AddOptions::default(), &context(0))
        .unwrap()
        .into_result()
        .unwrap();
    other.store.publish(&settings, &signer(), &context(0)).unwrap();
    all_stanzas(&other)
}

fn all_stanzas(fixture: &Fixture) -> BTreeMap<String, Vec<String>> {
    let paths = indices(fixture).into_iter().filter_map(|path| path.strip_suffix(".xz").map(str::to_owned));
    paths
        .map(|path| {
            let text = index(fixture, &path);
            let mut stanzas: Vec<String> = text.split("\n\n").map(str::to_owned).collect();
            stanzas.sort();
            (path, stanzas)
        })
        .collect()
}

fn problems(fixture: &Fixture) -> Vec<String> {
    let report = fixture.store.fsck(&FsckOptions::default(), &context(1000)).unwrap();
    report.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn packages_for_installers_have_indices_of_their_own_once_there_are_any() {
    let (fixture, signer) = (Fixture::new(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    assert!(indices(&fixture).iter().all(|path| !path.contains("debian-installer")));
    let typed = builder("typed", "1", "all").field("Package-Type", "udeb").build().unwrap();
    fixture.add(&[udeb(&fixture, "anna", "1.91", "amd64"), fixture.file("typed.deb", &typed)]);
    publish(&fixture, &signer, 10);
    insta::assert_snapshot!(indices(&fixture).join("\n"), @"
    main/binary-amd64/Packages.xz
    main/binary-amd64/Release
    main/binary-arm64/Packages.xz
    main/binary-arm64/Release
    main/debian-installer/binary-amd64/Packages.xz
    main/debian-installer/binary-amd64/Release
    main/debian-installer/binary-arm64/Packages.xz
    main/debian-installer/binary-arm64/Release
    ");
    assert_eq!(listed(&fixture, "main/binary-amd64/Packages"), ["hello 1.0 hello_1.0_amd64.deb"]);
    let installer = "main/debian-installer/binary-amd64/Packages";
    assert_eq!(listed(&fixture, installer), ["anna 1.91 anna_1.91_amd64.udeb", "typed 1 typed_1_all.udeb"]);
    assert_eq!(listed(&fixture, "main/debian-installer/binary-arm64/Packages"), ["typed 1 typed_1_all.udeb"]);
    assert_eq!(all_stanzas(&fixture), from_scratch(&fixture, &fixture.preprod));
    // They stay when the last package goes, so that clients are told.
    let plan = ["anna", "typed"].map(|name| name.parse().unwrap());
    let plan = fixture.store.plan_removal(&fixture.preprod, &plan, &[]).unwrap();
    plan.apply(&fixture.store, &context(20)).unwrap();
    publish(&fixture, &signer, 20);
    assert_eq!(listed(&fixture, installer), [""; 0]);
    assert_eq!(problems(&fixture), [""; 0]);
}

#[test]
fn a_component_that_is_configured_later_shows_what_waited_for_it() {
    let (mut fixture, signer) = (Fixture::new(), signer());
    let settings = fixture.preprod.clone();
    for suite in &mut fixture.preprod.suites {
        suite.components.push(Component::parse("extra").unwrap());
    }
    let options = repo_store::AddOptions {
        component: Component::parse("extra").ok(),
        ..repo_store::AddOptions::default()
    };
    let files = [udeb(&fixture, "anna", "1.91", "amd64")];
    fixture.store.add(&fixture.preprod, &files, &options, &context(0)).unwrap().into_result().unwrap();
    fixture.store.publish(&settings, &signer, &context(0)).unwrap();
    publish(&fixture, &signer, 10);
    let installer = "extra/debian-installer/binary-amd64/Packages";
    assert_eq!(listed(&fixture, installer), ["anna 1.91 anna_1.91_amd64.udeb"]);
}

#[test]
fn each_index_has_a_release_file_beside_it() {
    let (mut fixture, signer) = (Fixture::new(), signer());
    fixture.preprod.origin = Some("Example".to_owned());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    let directory = suite_directory(&fixture).join("main/binary-arm64");
    let text = std::fs::read_to_string(directory.join("Release")).unwrap();
    insta::assert_snapshot!(text, @"
    Archive: bookworm
    Origin: Example
    Acquire-By-Hash: yes
    Component: main
    Architecture: arm64
    ");
    let digest = deb_parse::checksum::Sha256::of(text.as_bytes());
    let by_hash = directory.join("by-hash/SHA256").join(digest.to_string());
    assert_eq!(std::fs::read_to_string(by_hash).unwrap(), text);
    let release = std::fs::read_to_string(suite_directory(&fixture).join("Release")).unwrap();
    let line = format!(" {digest} {:>10} main/binary-arm64/Release", text.len());
    assert!(release.lines().any(|there| there == line), "{release}");
}

#[test]
fn packages_for_all_architectures_can_be_listed_apart() {
    let (mut fixture, signer) = (Fixture::new(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a"), fixture.package("data", "1.0", "all", "b")]);
    publish(&fixture, &signer, 0);
    let everything = listed(&fixture, "main/binary-amd64/Packages");
    for suite in &mut fixture.preprod.suites {
        suite.architecture_all = ArchitectureAll::Apart;
    }
    publish(&fixture, &signer, 10);
    let release = std::fs::read_to_string(suite_directory(&fixture).join("Release")).unwrap();
    assert!(release.contains("\nArchitectures: all amd64 arm64\n"), "{release}");
    assert!(!release.contains("No-Support-for-Architecture-all"), "{release}");
    assert_eq!(listed(&fixture, "main/binary-amd64/Packages"), ["hello 1.0 hello_1.0_amd64.deb"]);
    assert_eq!(listed(&fixture, "main/binary-all/Packages"), ["data 1.0 data_1.0_all.deb"]);
    fixture.add(&[fixture.package("more", "1.0", "all", "c")]);
    publish(&fixture, &signer, 20);
    assert_eq!(listed(&fixture, "main/binary-arm64/Packages"), [""; 0]);
    assert_eq!(all_stanzas(&fixture), from_scratch(&fixture, &fixture.preprod));
    let plan = fixture.store.plan_removal(&fixture.preprod, &["more".parse().unwrap()], &[]).unwrap();
    plan.apply(&fixture.store, &context(30)).unwrap();
    for suite in &mut fixture.preprod.suites {
        suite.architecture_all = ArchitectureAll::Folded;
    }
    publish(&fixture, &signer, 30);
    assert_eq!(listed(&fixture, "main/binary-amd64/Packages"), everything);
    assert_eq!(problems(&fixture), [""; 0]);
}

#[test]
fn translations_hold_each_description_of_a_package_once() {
    let (mut fixture, signer) = (Fixture::new(), signer());
    fixture.add(&[described(&fixture, "hello", "1.0", "greets\n At length.")]);
    publish(&fixture, &signer, 0);
    for suite in &mut fixture.preprod.suites {
        suite.translations = true;
    }
    fixture.add(&[
        described(&fixture, "hello", "1.1", "greets\n At length."),
        described(&fixture, "hello", "2.0", "greets\n At greater length."),
    ]);
    publish(&fixture, &signer, 10);
    let translation = "main/i18n/Translation-en";
    insta::assert_snapshot!(index(&fixture, translation), @"
    Package: hello
    Description-md5: b8ff527be41adae16d5de5ae4d959514
    Description-en: greets
     At length.

    Package: hello
    Description-md5: ad29c2289262fa402f61168285903786
    Description-en: greets
     At greater length.
    ");
    assert!(!index(&fixture, "main/binary-amd64/Packages").contains("length"));
    for (time, selector) in [(20, "hello=1.0"), (30, "hello=1.1")] {
        let plan = fixture.store.plan_removal(&fixture.preprod, &[selector.parse().unwrap()], &[]).unwrap();
        plan.apply(&fixture.store, &context(time)).unwrap();
        publish(&fixture, &signer, time);
        assert_eq!(all_stanzas(&fixture), from_scratch(&fixture, &fixture.preprod), "without {selector}");
    }
    assert!(!index(&fixture, translation).contains("At length."));
    for suite in &mut fixture.preprod.suites {
        suite.translations = false;
    }
    publish(&fixture, &signer, 40);
    assert!(index(&fixture, "main/binary-amd64/Packages").contains("At greater length."));
    assert!(!suite_directory(&fixture).join("main/i18n").exists());
    assert_eq!(problems(&fixture), [""; 0]);
}

#[test]
fn indices_of_a_kind_may_be_compressed_in_their_own_way() {
    let (mut fixture, signer) = (Fixture::new(), signer());
    for suite in &mut fixture.preprod.suites {
        suite.translations = true;
    }
    fixture.preprod.encodings_by_kind.insert(IndexKind::Translation, vec![Encoding::Bz2, Encoding::Xz]);
    for version in ["1.0", "2.0"] {
        fixture.add(&[described(&fixture, "hello", version, version)]);
        publish(&fixture, &signer, if version == "1.0" { 0 } else { 10 });
        let names: Vec<String> = files_below(&suite_directory(&fixture).join("main/i18n"))
            .iter()
            .filter_map(|path| path.file_name().filter(|name| name.starts_with("Translation")))
            .map(str::to_owned)
            .collect();
        assert_eq!(names, ["Translation-en.bz2", "Translation-en.xz"]);
    }
    let file = std::fs::File::open(suite_directory(&fixture).join("main/i18n/Translation-en.bz2")).unwrap();
    let mut text = String::new();
    bzip2::read::BzDecoder::new(file).read_to_string(&mut text).unwrap();
    assert_eq!(text, index(&fixture, "main/i18n/Translation-en"));
    assert_eq!(text.matches("Package: hello").count(), 2);
}

//! Packages that another archive lists are taken in where they stood there, all of them or none.

use camino::Utf8PathBuf;
use deb_parse::checksum::{HashKinds, Hasher, Sha256};
use deb_parse::{Architecture, Component, PackageName, Version};
use repo_store::Error;
use repo_store::error::ImportError;
use repo_store::history::{ArchiveOrigin, Operation};
use repo_store::maintenance::fsck::FsckOptions;
use repo_store::model::record::{Build, RecordKey};
use repo_store::operations::import::{AddError, AddReport, ArchiveOptions, ArchivePackage};

use crate::fixture::{Fixture, context, suite};

fn sha256(file: &Utf8PathBuf) -> Sha256 {
    let mut hasher = Hasher::new(HashKinds::default()).unwrap();
    hasher.update(&std::fs::read(file).unwrap());
    hasher.finish().sha256
}

fn listed(file: Utf8PathBuf, version: &str, component: &str, suites: &[&str]) -> ArchivePackage {
    ArchivePackage {
        key: RecordKey {
            package: PackageName::parse("hello").unwrap(),
            version: Version::parse(version).unwrap(),
            architecture: Build::For(Architecture::parse("amd64").unwrap()),
        },
        sha256: sha256(&file),
        component: Component::parse(component).unwrap(),
        suites: suites.iter().map(|name| suite(name)).collect(),
        file,
        links: false,
        listed_in: "Packages".to_owned(),
    }
}

fn import(fixture: &Fixture, packages: &[ArchivePackage]) -> Result<AddReport, AddError> {
    let date = "2026-11-28T10:00:00Z".parse().unwrap();
    let origin = ArchiveOrigin::new("https://old.example.org/", Some(date));
    let options = ArchiveOptions { origin, gate_override: None };
    fixture.store.import_archive(&fixture.preprod, packages, &options, &context(0))
}

#[test]
fn each_package_goes_to_the_suites_and_the_component_in_which_it_stood() {
    let mut fixture = Fixture::new();
    for suite in &mut fixture.preprod.suites {
        suite.components.push(Component::parse("contrib").unwrap());
    }
    let packages = [
        listed(fixture.package("hello", "1.0", "amd64", "x"), "1.0", "main", &["bookworm", "trixie"]),
        listed(fixture.package("hello", "2.0", "amd64", "x"), "2.0", "contrib", &["trixie"]),
    ];
    assert_eq!(fixture.store.has_packages(&packages).unwrap(), [false, false]);
    let report = import(&fixture, &packages).unwrap();
    let commit = report.committed.commit.unwrap();
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    assert_eq!(head.id(), commit);
    let Operation::Import { from, packages: named } = &head.commit().operation else {
        panic!("{:?}", head.commit().operation)
    };
    assert_eq!(from.to_string(), "https://old.example.org/ (2026-11-28T10:00:00Z)");
    assert_eq!(named.count(), 2);
    let stands = |name: &str| -> Vec<String> {
        let records = head.records(&suite(name)).unwrap();
        records.iter().map(|record| format!("{} {}", record.key().version, record.component())).collect()
    };
    assert_eq!(
        (stands("bookworm"), stands("trixie")),
        (vec!["1.0 main".to_owned()], vec!["1.0 main".to_owned(), "2.0 contrib".to_owned()])
    );

    // What the store has needs no file.
    assert_eq!(fixture.store.has_packages(&packages).unwrap(), [true, true]);
    let mut known = packages.clone();
    known[1].suites = vec![suite("bookworm")];
    known.iter_mut().for_each(|package| package.file = "/nowhere/hello.deb".into());
    let report = import(&fixture, &known).unwrap();
    assert!(report.committed.commit.is_some());
    assert!(import(&fixture, &known).unwrap().committed.commit.is_none(), "nothing is new");
}

#[test]
fn a_file_that_is_not_the_listed_one_keeps_all_out() {
    let fixture = Fixture::new();
    let good = listed(fixture.package("hello", "1.0", "amd64", "x"), "1.0", "main", &["bookworm"]);
    let mut bad = listed(fixture.package("hello", "2.0", "amd64", "x"), "2.0", "main", &["bookworm"]);
    bad.sha256 = good.sha256;
    let other = listed(fixture.package("hello", "3.0", "amd64", "x"), "4.0", "main", &["bookworm"]);
    for (wrong, what) in [(bad, "SHA-256"), (other, "name, version or architecture")] {
        let Err(AddError::Refused(files)) = import(&fixture, &[good.clone(), wrong]) else {
            panic!("nothing was refused")
        };
        let error = &files.first().error;
        assert!(
            matches!(error, Error::Import(ImportError::ChecksumMismatch { what: found, .. }) if *found == what),
            "{error}"
        );
        let head = fixture.store.head(&fixture.preprod.name).unwrap();
        assert!(head.is_none_or(|head| head.commit().sequence == 0));
    }
}

#[test]
fn a_file_that_only_its_owner_writes_to_is_shared_when_that_is_asked_for() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    let fixture = Fixture::new();
    let mut packages = Vec::new();
    for (version, mode, is_shared) in [("1.0", 0o644, true), ("2.0", 0o666, false)] {
        let file = fixture.package("hello", version, "amd64", version);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let package = ArchivePackage { links: true, ..listed(file, version, "main", &["bookworm"]) };
        packages.push((package, is_shared));
    }
    let all: Vec<ArchivePackage> = packages.iter().map(|(package, _)| package.clone()).collect();
    let _ = import(&fixture, &all).unwrap();
    // A file system that clones files shares none.
    let clone = all[0].file.with_extension("clone");
    let clones =
        std::process::Command::new("cp").arg("--reflink=always").args([&all[0].file, &clone]).output();
    let clones = clones.unwrap().status.success();
    for (package, is_shared) in &packages {
        let found = package.file.metadata().unwrap();
        assert_eq!(found.nlink() > 1, *is_shared && !clones, "{}", package.file);
        assert!(found.nlink() == 1 || found.mode() & 0o777 == 0o444, "{}", package.file);
    }
    let report = fixture.store.fsck(&FsckOptions::default(), &context(1)).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

//! Old versions that come out again above bad ones.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use deb_parse::deb::Builder;
use deb_parse::{Architecture, PackageName, SourceName, Version, deb};
use repo_store::error::{ChangeError, HistoryError, ReissueError};
use repo_store::history::Operation;
use repo_store::model::record::Record;
use repo_store::operations::reissue::{HazardKind, ReissuePlan, ReissueRequest};
use repo_store::{Error, Selector};

use crate::fixture::{Fixture, context, suite};

fn request(good: &str) -> ReissueRequest {
    ReissueRequest {
        source: SourceName::parse("foo").unwrap(),
        bad: None,
        good: Version::parse(good).unwrap(),
        suites: Vec::new(),
        accept: BTreeSet::new(),
        reason: None,
    }
}

fn plan(fixture: &Fixture, good: &str) -> Result<ReissuePlan, Error> {
    fixture.store.plan_reissue(&fixture.preprod, &request(good))
}

/// A library of the source foo that can be installed for several architectures.
fn library(fixture: &Fixture, version: &str, architecture: &str, source: &str) -> Utf8PathBuf {
    let bytes = Builder::new(
        PackageName::parse("libfoo").unwrap(),
        Version::parse(version).unwrap(),
        Architecture::parse(architecture).unwrap(),
    )
    .field("Source", source)
    .field("Multi-Arch", "same")
    .file("usr/share/libfoo/content", version, 0o644)
    .build()
    .unwrap();
    fixture.file(&format!("libfoo_{version}_{architecture}.deb"), &bytes)
}

fn planned(plan: &ReissuePlan) -> Vec<String> {
    plan.packages().iter().map(|package| format!("{} from {}", package.key(), package.good().key())).collect()
}

#[test]
fn all_builds_of_a_package_get_one_version_above_the_highest_of_the_bad_ones() {
    let fixture = Fixture::new();
    fixture.add(&[
        library(&fixture, "2.0-1", "amd64", "foo"),
        library(&fixture, "2.0-1+b1", "arm64", "foo (2.0-1)"),
        library(&fixture, "2.1-1+b2", "amd64", "foo (2.1-1)"),
        library(&fixture, "2.1-1", "arm64", "foo"),
    ]);
    let plan = plan(&fixture, "2.0-1").unwrap();
    assert_eq!(
        planned(&plan),
        [
            "libfoo 2.1-1+b2+0~reissue1 amd64 from libfoo 2.0-1 amd64",
            "libfoo 2.1-1+b2+0~reissue1 arm64 from libfoo 2.0-1+b1 arm64",
        ]
    );
    assert!(plan.hazards().is_empty(), "{:?}", plan.hazards());
    plan.apply(&fixture.store, &context(1)).unwrap();
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    let Operation::Reissue { sources, reason: None } = &head.commit().operation else { panic!() };
    assert_eq!(sources[0].to_string(), "foo 2.0-1 as 2.1-1+0~reissue1");
    let key = plan.packages()[1].key();
    let record = head.get(&suite("trixie"), key).unwrap().unwrap();
    assert_eq!(record.source().1.as_str(), "2.0-1");
    // The file is in the store as the record says, and holds the old content.
    let read = deb::read(fixture.store.open_blob(record.blob()).unwrap(), &deb::Options::default()).unwrap();
    assert_eq!(read.control.version(), &key.version);
    assert_eq!(read.blake3.to_string(), record.blob().to_string());
    let content = fixture.store.manifest(record.blob()).unwrap();
    assert!(content.files().any(|file| file.path == b"usr/share/libfoo/content"));
}

#[test]
fn a_build_that_the_old_version_lacks_keeps_the_plan_from_being_applied_unless_it_is_accepted() {
    let fixture = Fixture::new();
    fixture.add(&[
        library(&fixture, "2.0-1", "amd64", "foo"),
        library(&fixture, "2.1-1", "amd64", "foo"),
        library(&fixture, "2.1-1", "arm64", "foo"),
    ]);
    let refused = plan(&fixture, "2.0-1").unwrap();
    assert_eq!(refused.refused(), [HazardKind::Architectures]);
    let error = refused.apply(&fixture.store, &context(1)).unwrap_err();
    let Error::History(HistoryError::Reissue(ReissueError::Hazards { kinds, .. })) = error else { panic!() };
    assert_eq!(kinds, [HazardKind::Architectures]);
    let accepted = ReissueRequest { accept: kinds.into_iter().collect(), ..request("2.0-1") };
    let plan = fixture.store.plan_reissue(&fixture.preprod, &accepted).unwrap();
    assert!(plan.apply(&fixture.store, &context(2)).unwrap().commit.is_some());
}

#[test]
fn an_upper_bound_that_the_new_version_breaks_is_found_and_shown() {
    let fixture = Fixture::new();
    let range = |version: &str, bound: &str| {
        let bytes = Builder::new(
            PackageName::parse("foo-tool").unwrap(),
            Version::parse(version).unwrap(),
            Architecture::parse("amd64").unwrap(),
        )
        .field("Source", "foo")
        .field("Depends", format!("libfoo (>= {version}), libfoo (<< {bound})"))
        .build()
        .unwrap();
        fixture.file(&format!("foo-tool_{version}.deb"), &bytes)
    };
    fixture.add(&[library(&fixture, "2.0-1", "amd64", "foo"), range("2.0-1", "2.1")]);
    fixture.add(&[library(&fixture, "2.1-1", "amd64", "foo"), range("2.1-1", "2.2")]);
    let plan = plan(&fixture, "2.0-1").unwrap();
    assert_eq!(plan.refused(), [HazardKind::Relations]);
    assert_eq!(
        plan.hazards()[0].what,
        "Depends: libfoo (<< 2.1) of foo-tool 2.0-1 is true of 2.0-1, but not of 2.1-1+0~reissue1"
    );
}

#[test]
fn a_plan_is_for_one_state_and_a_signature_inside_is_dropped_and_told() {
    let fixture = Fixture::new();
    let plain = std::fs::read(library(&fixture, "2.0-1", "amd64", "foo")).unwrap();
    let mut signed = plain[..72].to_vec();
    signed.extend(format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "_gpgorigin", 0, 0, 0, 100_644, 4).bytes());
    signed.extend(b"sign");
    signed.extend_from_slice(&plain[72..]);
    fixture.add(&[fixture.file("signed.deb", &signed), library(&fixture, "2.1-1", "amd64", "foo")]);
    let plan = plan(&fixture, "2.0-1").unwrap();
    assert_eq!(plan.packages()[0].dropped(), ["_gpgorigin"]);
    assert_eq!(serde_json::to_value(&plan).unwrap()["version"], "2.1-1+0~reissue1");
    fixture.add(&[fixture.package("other", "1", "amd64", "x")]);
    let outdated = plan.apply(&fixture.store, &context(1));
    assert!(matches!(outdated, Err(Error::Change(ChangeError::Outdated { .. }))));
    plan.rebase(&fixture.store).unwrap().apply(&fixture.store, &context(2)).unwrap();
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    let libfoo = PackageName::parse("libfoo").unwrap();
    let newest = |records: &[std::sync::Arc<Record>]| records.last().unwrap().blob();
    let blob = newest(&head.versions(&suite("bookworm"), &libfoo).unwrap());
    let read = deb::read(fixture.store.open_blob(blob).unwrap(), &deb::Options::default()).unwrap();
    assert!(read.extra_members.is_empty());
}

#[test]
fn an_old_version_that_was_removed_comes_out_again_while_its_file_is_there() {
    let fixture = Fixture::new();
    fixture.add(&[library(&fixture, "2.0-1", "amd64", "foo"), library(&fixture, "2.1-1", "amd64", "foo")]);
    let selector: Selector = "libfoo=2.0-1".parse().unwrap();
    let removal = fixture.store.plan_removal(&fixture.preprod, &[selector], &[]).unwrap();
    removal.apply(&fixture.store, &context(1)).unwrap();
    assert_eq!(planned(&plan(&fixture, "2.0-1").unwrap()).len(), 1);

    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap().parent().unwrap().unwrap();
    let libfoo = PackageName::parse("libfoo").unwrap();
    let good = head.versions(&suite("bookworm"), &libfoo).unwrap()[0].blob();
    let path = fixture.store.blob_path(good).unwrap();
    std::fs::remove_file(path).unwrap();
    let error = plan(&fixture, "2.0-1").unwrap_err();
    assert_eq!(
        error.to_string(),
        "libfoo 2.0-1 amd64 is no longer in the store: change 2 took it out (remove libfoo 2.0-1 amd64)"
    );
    assert!(matches!(
        plan(&fixture, "1.0-1"),
        Err(Error::History(HistoryError::Reissue(ReissueError::UnknownVersion { .. })))
    ));
}

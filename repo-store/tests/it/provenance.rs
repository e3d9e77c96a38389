//! The record of a build is kept with the packages that it tells of, wherever they go, and for as long as they are there.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Sha256;
use repo_store::error::RuleError;
use repo_store::history::KeepHistory;
use repo_store::maintenance::fsck::{CopySource, FsckOptions};
use repo_store::maintenance::gc::GcOptions;
use repo_store::model::record::{Provenance, ProvenanceKind, Record};
use repo_store::operations::import::AddReport;
use repo_store::operations::promotion::PromoteOptions;
use repo_store::settings::gate::{Gate, GateRule};
use repo_store::storage::{Format, StorageError};
use repo_store::{AddOptions, Error, RepositorySettings, Store};

use crate::fixture::{Fixture, context, publish, settings, signer, suite};
use crate::sources::{Sources, lists, upload};

/// The records of a suite, each with the files that say how it was built.
fn provenance_in(store: &Store, of: &RepositorySettings, suite_name: &str) -> Vec<(String, Vec<Provenance>)> {
    let records = store.head(&of.name).unwrap().unwrap().records(&suite(suite_name)).unwrap();
    records.iter().map(|record| (record.key().to_string(), record.provenance().unwrap())).collect()
}

fn record(store: &Store, of: &RepositorySettings, key: &str) -> Option<std::sync::Arc<Record>> {
    let records = store.head(&of.name).unwrap()?.records(&suite("bookworm")).unwrap();
    records.into_iter().find(|record| record.key().to_string() == key)
}

fn format_of(store: &Store) -> String {
    fs::read_to_string(store.root().join("store/format")).unwrap()
}

fn is_clean(store: &Store) {
    let report = store.fsck(&FsckOptions::default(), &context(900)).unwrap();
    assert!(report.is_clean(), "{:?}", report.problems);
}

const HELLO: &str = "hello 2.10-3 amd64";

/// An upload of hello in bookworm, and the content of its record of the build.
fn uploaded(fixture: &Fixture) -> (Sources, Utf8PathBuf, Vec<u8>) {
    let sources = Sources::new(fixture);
    let changes = upload(fixture, &sources, "bookworm");
    fixture.add(std::slice::from_ref(&changes));
    let content = fs::read(sources.directory.join("hello_2.10-3_amd64.buildinfo")).unwrap();
    (sources, changes, content)
}

/// Where the record of the build lies below the public directory.
fn published_path(fixture: &Fixture) -> Utf8PathBuf {
    let files = record(&fixture.store, &fixture.preprod, HELLO).unwrap().provenance_files().unwrap();
    files[0].path.as_path().to_owned()
}

#[test]
fn the_record_of_a_build_is_kept_with_the_packages_that_it_lists() {
    let fixture = Fixture::new();
    let (_, changes, content) = uploaded(&fixture);
    let found = provenance_in(&fixture.store, &fixture.preprod, "bookworm");
    let told: Vec<(&str, usize)> = found.iter().map(|(key, told)| (key.as_str(), told.len())).collect();
    assert_eq!(told, [(HELLO, 1), ("hello 2.10-3 source", 0), ("hello-doc 2.10-3 all", 0)]);
    let kept = &found[0].1[0];
    assert_eq!((kept.name.as_str(), kept.size), ("hello_2.10-3_amd64.buildinfo", content.len() as u64));
    assert_eq!(kept.sha256, Sha256::of(&content));
    assert_eq!(fs::read(fixture.store.blob_path(kept.blob).unwrap()).unwrap(), content);

    publish(&fixture, &signer(), 1);
    let path = published_path(&fixture);
    let digest = kept.sha256.to_string();
    assert_eq!(path, format!("buildinfo/h/hello/{}/hello_2.10-3_amd64.buildinfo", &digest[..32]));
    assert_eq!(fs::read(fixture.store.public(&fixture.preprod.name).join(&path)).unwrap(), content);
    is_clean(&fixture.store);
    assert_eq!(fixture.try_add(&[changes]).committed.commit, None, "the same again changes nothing");
}

#[test]
fn only_a_store_that_keeps_the_record_of_a_build_is_refused_by_versions_that_know_none() {
    let fixture = Fixture::new();
    fixture.add(&[fixture.package("other", "1.0", "amd64", "x")]);
    assert_eq!(format_of(&fixture.store), "2\n");
    let before = record(&fixture.store, &fixture.preprod, "other 1.0 amd64").unwrap();
    uploaded(&fixture);
    assert_eq!(format_of(&fixture.store), "3\nrepo-cli 0.1.0 that keeps .buildinfo files\n");
    assert_eq!(Store::open(fixture.store.root()).unwrap().format(), Format::NEWEST);
    assert_eq!(record(&fixture.store, &fixture.preprod, "other 1.0 amd64").unwrap(), before);
    // What an older version says of it.
    fs::write(fixture.store.root().join("store/format"), "4\nrepo-cli 9\n").unwrap();
    let refused = Store::open(fixture.store.root()).unwrap_err();
    assert!(matches!(refused, Error::Storage(StorageError::NewerFormat { found: 4, known: 3, .. })));
}

#[test]
fn the_record_of_a_build_goes_wherever_the_package_goes() {
    let fixture = Fixture::new();
    uploaded(&fixture);
    let prod = settings("prod", &["bookworm"]);
    let options = PromoteOptions { everything: true, ..PromoteOptions::default() };
    let plan = fixture.store.plan_promotion(&fixture.preprod, &prod, &options).unwrap();
    plan.apply(&fixture.store, &context(10)).unwrap();
    assert_eq!(
        provenance_in(&fixture.store, &prod, "bookworm"),
        provenance_in(&fixture.store, &fixture.preprod, "bookworm")
    );
    fixture.store.publish(&prod, &signer(), &context(11)).unwrap();
    let path = published_path(&fixture);
    assert!(fixture.store.public(&prod.name).join(&path).is_file());
    is_clean(&fixture.store);

    let backup = fixture.store.root().with_file_name("backup");
    fixture.store.backup(&backup, &context(12)).unwrap();
    let (restored, report) =
        Store::restore(&backup, &fixture.store.root().with_file_name("restored"), &context(13)).unwrap();
    assert!(report.damaged.is_empty(), "{:?}", report.damaged);
    assert_eq!(format_of(&restored), format_of(&fixture.store));
    let content = |store: &Store| fs::read(store.public(&prod.name).join(&path)).unwrap();
    assert_eq!(content(&restored), content(&fixture.store));
    is_clean(&restored);

    // Lost in both places, it comes back from the backup.
    let kept = record(&fixture.store, &prod, HELLO).unwrap().provenance().unwrap();
    fs::remove_file(fixture.store.blob_path(kept[0].blob).unwrap()).unwrap();
    fs::remove_file(fixture.store.public(&prod.name).join(&path)).unwrap();
    let report = fixture.store.fsck(&FsckOptions::default(), &context(14)).unwrap();
    let affected: Vec<String> =
        report.problems.iter().flat_map(|problem| &problem.affects).map(ToString::to_string).collect();
    assert!(affected.iter().any(|text| text.ends_with(HELLO)), "{report:?}");
    let copies = [CopySource::Directory(&backup)];
    fixture.store.repair(&FsckOptions::default(), &copies, &context(15)).unwrap();
    is_clean(&fixture.store);
    assert_eq!(content(&restored), content(&fixture.store));
}

#[test]
fn the_record_of_a_build_is_collected_with_the_last_package_that_it_tells_of() {
    let fixture = Fixture::new();
    uploaded(&fixture);
    let signer = signer();
    publish(&fixture, &signer, 1);
    let kept = record(&fixture.store, &fixture.preprod, HELLO).unwrap().provenance().unwrap()[0].blob;
    let path = fixture.store.public(&fixture.preprod.name).join(published_path(&fixture));
    let collect = |seconds| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        let keep_history = [(fixture.preprod.name.clone(), KeepHistory::States(1))].into();
        let options = GcOptions { grace: jiff::SignedDuration::ZERO, keep_history };
        fixture.store.collect_garbage(&options, &context(seconds)).unwrap();
    };
    collect(100);
    assert!(path.is_file() && fixture.store.blob_path(kept).is_ok());

    let selectors = ["hello=2.10-3".parse().unwrap()];
    let plan = fixture.store.plan_removal(&fixture.preprod, &selectors, &[]).unwrap();
    plan.apply(&fixture.store, &context(200)).unwrap();
    publish(&fixture, &signer, 201);
    for round in 0..3 {
        collect(1000 + round);
    }
    assert!(!path.exists() && fixture.store.blob_path(kept).is_err());
    assert!(
        !fixture.store.public(&fixture.preprod.name).join("buildinfo/h").exists(),
        "nor is a directory left"
    );
    is_clean(&fixture.store);
}

#[test]
fn a_package_that_was_there_gains_the_record_of_its_build_and_keeps_the_first() {
    let fixture = Fixture::new();
    let sources = Sources::new(&fixture);
    let changes = upload(&fixture, &sources, "bookworm");
    // The package alone, as an earlier version kept it.
    fixture.add(&[sources.directory.join("hello_2.10-3_amd64.deb")]);
    let signer = signer();
    publish(&fixture, &signer, 1);
    assert!(!record(&fixture.store, &fixture.preprod, HELLO).unwrap().has_provenance());

    fixture.add(std::slice::from_ref(&changes));
    assert!(record(&fixture.store, &fixture.preprod, HELLO).unwrap().has_provenance());
    publish(&fixture, &signer, 2);
    let path = published_path(&fixture);
    assert!(fixture.store.public(&fixture.preprod.name).join(&path).is_file());
    is_clean(&fixture.store);

    // Somebody else builds the same package, to the byte, and tells of it in another way.
    let name = "hello_2.10-3_amd64.buildinfo";
    let again = format!(
        "Format: 1.0\nSource: hello\nVersion: 2.10-3\nArchitecture: amd64\nBuild-Origin: elsewhere\n{}",
        lists(&sources.directory, &["hello_2.10-3_amd64.deb"], "").split("Files:").next().unwrap()
    );
    sources.write(name, again);
    let files = ["hello_2.10-3_amd64.deb", name];
    let changes = sources.changes("hello", "2.10-3", "amd64", "bookworm", &files);
    assert_eq!(fixture.try_add(&[changes]).committed.commit, None);
    assert_eq!(published_path(&fixture), path);
}

#[test]
fn a_record_of_a_build_is_called_by_what_it_says() {
    let fixture = Fixture::new();
    let sources = Sources::new(&fixture);
    upload(&fixture, &sources, "bookworm");
    let text = fs::read(sources.directory.join("hello_2.10-3_amd64.buildinfo")).unwrap();
    sources.write("..%2fevil.buildinfo", &text);
    let files = ["hello_2.10-3_amd64.deb", "..%2fevil.buildinfo"];
    fixture.add(&[sources.changes("hello", "2.10-3", "amd64", "bookworm", &files)]);
    let path = published_path(&fixture);
    assert_eq!(Utf8Path::file_name(&path), Some("hello_2.10-3_amd64.buildinfo"));
}

/// An in-toto statement about package files.
fn statement(fixture: &Fixture, name: &str, files: &[&Utf8PathBuf]) -> Utf8PathBuf {
    let digest = |file: &&Utf8PathBuf| Sha256::of(&fs::read(file).unwrap());
    let subjects: Vec<String> = files
        .iter()
        .map(|file| format!(r#"{{"name":"x","digest":{{"sha256":"{}"}}}}"#, digest(file)))
        .collect();
    let text = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{{}}}}"#,
        subjects.join(",")
    );
    fixture.file(name, text.as_bytes())
}

fn attested(
    fixture: &Fixture,
    files: &[Utf8PathBuf],
    attestations: &[Utf8PathBuf],
) -> Result<AddReport, Error> {
    let options = AddOptions { attestations: attestations.to_vec(), ..AddOptions::default() };
    Ok(fixture.store.add(&fixture.preprod, files, &options, &context(0))?)
}

#[test]
fn a_statement_is_kept_with_every_package_that_it_names() {
    let fixture = Fixture::new();
    let [first, second, other] =
        ["one", "two", "other"].map(|name| fixture.package(name, "1.0", "amd64", name));
    let statement = statement(&fixture, "build.json", &[&first, &second]);
    let files = [first, second, other];
    let options = AddOptions { attestations: vec![statement.clone()], ..AddOptions::default() };
    let plan = fixture.store.plan_import(&fixture.preprod, &files, &options, &context(0)).unwrap();
    plan.apply(&fixture.store, &context(0)).unwrap().into_result().unwrap();
    let found = provenance_in(&fixture.store, &fixture.preprod, "bookworm");
    let told: Vec<(&str, Vec<&str>)> = found
        .iter()
        .map(|(key, told)| (key.as_str(), told.iter().map(|file| file.name.as_str()).collect()))
        .collect();
    assert_eq!(
        told,
        [
            ("one 1.0 amd64", vec!["one_1.0.intoto.json"]),
            ("other 1.0 amd64", vec![]),
            ("two 1.0 amd64", vec!["two_1.0.intoto.json"])
        ]
    );
    assert_eq!(found[0].1[0].kind(), ProvenanceKind::Statement);
    publish(&fixture, &signer(), 1);
    let record = record(&fixture.store, &fixture.preprod, "one 1.0 amd64").unwrap();
    let path = record.provenance_files().unwrap()[0].path.to_string();
    assert!(path.starts_with("attestations/o/one/") && path.ends_with("/one_1.0.intoto.json"), "{path}");
    let published = fixture.store.public(&fixture.preprod.name).join(&path);
    assert_eq!(fs::read(published).unwrap(), fs::read(&statement).unwrap());
    is_clean(&fixture.store);
    assert_eq!(attested(&fixture, &files, &[statement]).unwrap().committed.commit, None, "the same again");
}

#[test]
fn statements_can_be_added_to_a_package_that_is_there_up_to_a_limit() {
    let fixture = Fixture::new();
    let file = fixture.package("hello", "1.0", "amd64", "x");
    fixture.add(std::slice::from_ref(&file));
    let signer = signer();
    publish(&fixture, &signer, 1);
    let first = statement(&fixture, "first.json", &[&file]);
    for number in 0..40 {
        let mut text = fs::read_to_string(&first).unwrap();
        text.push_str(&" ".repeat(number));
        let next = fixture.file("next.json", text.as_bytes());
        let committed = attested(&fixture, std::slice::from_ref(&file), &[next]).unwrap().committed.commit;
        assert_eq!(committed.is_some(), number < 32, "{number}");
    }
    publish(&fixture, &signer, 2);
    let record = record(&fixture.store, &fixture.preprod, "hello 1.0 amd64").unwrap();
    let files = record.provenance_files().unwrap();
    assert_eq!(files.len(), 32);
    assert!(files.iter().all(|file| fixture.store.public(&fixture.preprod.name).join(&file.path).is_file()));
    is_clean(&fixture.store);
}

#[test]
fn a_file_that_is_no_statement_about_what_is_added_is_refused_and_nothing_is_added() {
    let fixture = Fixture::new();
    let [file, other] = ["one", "other"].map(|name| fixture.package(name, "1.0", "amd64", name));
    let about_other = statement(&fixture, "other.json", &[&other]);
    let no_statement = fixture.file("no.json", b"{}");
    let refused = |attestation: Utf8PathBuf| {
        let error = attested(&fixture, std::slice::from_ref(&file), &[attestation]).unwrap_err();
        assert!(fixture.store.head(&fixture.preprod.name).unwrap().is_none());
        let text = error.to_string();
        text.split_once(": ").unwrap().1.to_owned()
    };
    insta::assert_snapshot!(refused(about_other), @"it names none of the packages that are given by its SHA-256");
    insta::assert_snapshot!(refused(no_statement), @"it is neither an in-toto statement nor a DSSE envelope (JSON)");
}

#[test]
fn a_gate_takes_only_what_somebody_says_how_it_was_built() {
    let fixture = Fixture::new();
    let [told, untold] = ["told", "untold"].map(|name| fixture.package(name, "1.0", "amd64", name));
    let statement = statement(&fixture, "told.json", &[&told]);
    attested(&fixture, &[told, untold.clone()], &[statement]).unwrap().into_result().unwrap();
    let mut prod = settings("prod", &["bookworm"]);
    let mut gate = Gate::default();
    gate.number = 1;
    gate.attested_build = true;
    prod.gates.push(gate);
    let options = PromoteOptions { everything: true, ..PromoteOptions::default() };
    let plan = fixture.store.plan_promotion(&fixture.preprod, &prod, &options).unwrap();
    let coming: Vec<String> = plan.changes().iter().map(|(_, record)| record.key().to_string()).collect();
    assert_eq!(coming, ["told 1.0 amd64"]);
    let [(stopped, violations)] = plan.gated() else { panic!("{:?}", plan.gated()) };
    assert_eq!(
        (stopped.key().to_string().as_str(), violations[0].rule),
        ("untold 1.0 amd64", GateRule::Attested)
    );
    insta::assert_snapshot!(violations[0], @"no file says how it was built, and prod takes nothing without one (attested)");
    let error = fixture.store.add(&prod, &[untold], &AddOptions::default(), &context(1)).unwrap_err();
    assert!(matches!(error.into(), Error::Rule(RuleError::Gated { .. })));
}

//! Source packages and uploads go in whole or not at all, and every part of the store knows all their files.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::{HashKinds, Hasher, Sha256};
use repo_store::history::KeepHistory;
use repo_store::maintenance::fsck::{CopySource, FsckOptions};
use repo_store::maintenance::gc::GcOptions;
use repo_store::model::record::{Build, Record};
use repo_store::operations::import::AddReport;
use repo_store::operations::incoming::IncomingOptions;
use repo_store::operations::promotion::PromoteOptions;
use repo_store::operations::retention::RetentionRule;
use repo_store::settings::Route;
use repo_store::{AddOptions, Context, Error, Store};

use crate::fixture::{Fixture, context, files_below, publish, settings, signer, suite};

/// A directory in which a source package and uploads of it are made.
pub(crate) struct Sources {
    pub(crate) directory: Utf8PathBuf,
}

impl Sources {
    pub(crate) fn new(fixture: &Fixture) -> Self {
        let directory = fixture.store.root().with_file_name("built");
        fs::create_dir_all(&directory).unwrap();
        Self { directory }
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Utf8PathBuf {
        let path = self.directory.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Writes a `.dsc` that lists files which are there.
    fn dsc(&self, name: &str, version: &str, files: &[&str]) -> Utf8PathBuf {
        let version_in_name = version.split_once(':').map_or(version, |(_, rest)| rest);
        let text = format!(
            "Format: 3.0 (quilt)\nSource: {name}\nBinary: {name}\nArchitecture: any\nVersion: {version}\n\
             Maintainer: Test <test@example.org>\nBuild-Depends: debhelper-compat (= 13)\n{}",
            lists(&self.directory, files, "")
        );
        self.write(&format!("{name}_{version_in_name}.dsc"), text)
    }

    /// A source package of an upstream and a Debian tarball.
    fn quilt(&self, name: &str, version: &str, upstream: &str) -> Utf8PathBuf {
        let upstream_version = version.split_once('-').unwrap().0;
        let files =
            [format!("{name}_{upstream_version}.orig.tar.gz"), format!("{name}_{version}.debian.tar.xz")];
        self.write(&files[0], upstream);
        self.write(&files[1], format!("debian directory of {version}"));
        self.dsc(name, version, &files.each_ref().map(String::as_str))
    }

    /// Makes a package that was built from the source package `hello`.
    fn package(&self, fixture: &Fixture, name: &str, version: &str, architecture: &str) -> String {
        let file = fixture.package_of(name, version, architecture, "hello");
        let name = file.file_name().unwrap().to_owned();
        fs::rename(file, self.directory.join(&name)).unwrap();
        name
    }

    pub(crate) fn changes(
        &self,
        name: &str,
        version: &str,
        architectures: &str,
        distribution: &str,
        files: &[&str],
    ) -> Utf8PathBuf {
        let text = self.changes_text(name, version, architectures, distribution, files);
        self.write(&format!("{name}_{version}_upload.changes"), text)
    }

    fn changes_text(
        &self,
        name: &str,
        version: &str,
        architectures: &str,
        distribution: &str,
        files: &[&str],
    ) -> String {
        format!(
            "Format: 1.8\nDate: Sat, 21 Nov 2026 08:00:00 +0000\nSource: {name}\nBinary: {name}\n\
             Architecture: {architectures}\nVersion: {version}\nDistribution: {distribution}\nUrgency: medium\n\
             Maintainer: Test <test@example.org>\nDescription:\n {name} - a test\nChanges:\n {name}\n{}",
            lists(&self.directory, files, "misc optional ")
        )
    }
}

/// The lists of checksums of some files; `details` stand before the names in `Files`.
pub(crate) fn lists(directory: &Utf8Path, files: &[&str], details: &str) -> String {
    let mut lists = [String::new(), String::new(), String::new()];
    for name in files {
        let bytes = fs::read(directory.join(name)).unwrap();
        let mut hasher = Hasher::new(HashKinds { md5: true, sha1: true, sha512: false }).unwrap();
        hasher.update(&bytes);
        let hashes = hasher.finish();
        lists[0] += &format!("\n {} {} {name}", hashes.sha1.unwrap(), hashes.size);
        lists[1] += &format!("\n {} {} {name}", hashes.sha256, hashes.size);
        lists[2] += &format!("\n {} {} {details}{name}", hashes.md5.unwrap(), hashes.size);
    }
    let [sha1, sha256, md5] = lists;
    format!("Checksums-Sha1:{sha1}\nChecksums-Sha256:{sha256}\nFiles:{md5}\n")
}

fn sources_in(fixture: &Fixture, suite_name: &str) -> Vec<String> {
    let Some(head) = fixture.store.head(&fixture.preprod.name).unwrap() else { return Vec::new() };
    let records = head.records(&suite(suite_name)).unwrap();
    records.iter().map(|record| record.key().to_string()).collect()
}

fn refused(report: &AddReport) -> String {
    let error = &report.refused[0].error;
    let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    format!("{error}{source}").replace(report.refused[0].file.parent().unwrap().as_str(), "<DIR>")
}

fn source_record(fixture: &Fixture, suite_name: &str, version: &str) -> std::sync::Arc<Record> {
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    let records = head.records(&suite(suite_name)).unwrap();
    let wanted = |record: &&std::sync::Arc<Record>| {
        record.key().architecture == Build::Source && record.key().version.as_str() == version
    };
    records.iter().find(wanted).cloned().unwrap()
}

#[test]
fn a_source_package_is_taken_with_its_files() {
    let fixture = Fixture::new();
    let sources = Sources::new(&fixture);
    let dsc = sources.quilt("hello", "2.10-3+deb12u1", "upstream");
    let report = fixture.try_add(std::slice::from_ref(&dsc));
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    assert_eq!(sources_in(&fixture, "bookworm"), ["hello 2.10-3+deb12u1 source"]);
    assert_eq!(sources_in(&fixture, "trixie"), [""; 0]);
    let record = source_record(&fixture, "bookworm", "2.10-3+deb12u1");
    for file in record.files().unwrap() {
        let name = file.path.as_path().file_name().unwrap();
        let stored = fs::read(fixture.store.blob_path(file.blob).unwrap()).unwrap();
        assert_eq!(stored, fs::read(dsc.with_file_name(name)).unwrap(), "{name}");
        assert_eq!(stored.len() as u64, file.size);
    }
    assert_eq!(fixture.try_add(&[dsc]).committed.commit, None, "the same again changes nothing");
}

#[test]
fn a_tarball_that_is_not_beside_its_dsc_may_be_in_the_store() {
    let fixture = Fixture::new();
    let sources = Sources::new(&fixture);
    fixture.add(&[sources.quilt("hello", "2.10-3", "upstream")]);
    let next = sources.quilt("hello", "2.10-4", "upstream");
    let tarball = sources.directory.join("hello_2.10.orig.tar.gz");
    fs::remove_file(&tarball).unwrap();
    let report = fixture.try_add(std::slice::from_ref(&next));
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    let paths = |version| {
        let files = source_record(&fixture, "trixie", version).files().unwrap();
        files.iter().find(|file| file.path.as_str().ends_with("orig.tar.gz")).cloned().unwrap()
    };
    assert_eq!(paths("2.10-3"), paths("2.10-4"));

    let other = sources.quilt("hello", "2.11-1", "another upstream");
    fs::remove_file(sources.directory.join("hello_2.11.orig.tar.gz")).unwrap();
    let report = fixture.try_add(&[other]);
    assert_eq!(
        refused(&report),
        "<DIR>/hello_2.11-1.dsc lists \"hello_2.11.orig.tar.gz\", which is not beside it"
    );
}

#[test]
fn another_tarball_of_the_same_name_is_refused_before_anything_is_written() {
    let fixture = Fixture::new();
    let sources = Sources::new(&fixture);
    fixture.add(&[sources.quilt("hello", "2.10-3+deb12u1", "upstream")]);
    let before = files_below(fixture.store.root());
    let report = fixture.try_add(&[sources.quilt("hello", "2.10-3+deb13u1", "another upstream")]);
    insta::assert_snapshot!(refused(&report), @"hello 2.10-3+deb13u1 source has another `pool/main/h/hello/hello_2.10.orig.tar.gz` than hello 2.10-3+deb12u1 source, which is in preprod already");
    assert!(matches!(
        report.refused[0].error,
        Error::Change(repo_store::error::ChangeError::PathConflict { .. })
    ));
    assert_eq!(without_waiting_room(files_below(fixture.store.root())), without_waiting_room(before));

    // Nor when it is only in the pool any more.
    publish(&fixture, &signer(), 1);
    let plan = fixture.store.plan_removal(&fixture.preprod, &["hello".parse().unwrap()], &[]).unwrap();
    plan.apply(&fixture.store, &context(2)).unwrap();
    let report = fixture.try_add(&[sources.quilt("hello", "2.10-4", "another upstream")]);
    insta::assert_snapshot!(refused(&report), @"hello 2.10-4 source is already in preprod (no longer in a suite, but still in the pool as pool/main/h/hello/hello_2.10.orig.tar.gz) with different content");
}

fn without_waiting_room(files: Vec<Utf8PathBuf>) -> Vec<Utf8PathBuf> {
    files.into_iter().filter(|file| !file.as_str().contains("/store/tmp/")).collect()
}

#[test]
fn two_versions_with_different_tarballs_of_one_name_cannot_come_together() {
    let fixture = Fixture::new();
    let sources = Sources::new(&fixture);
    let first = sources.quilt("hello", "2.10-3", "upstream");
    let second_directory = Sources { directory: sources.directory.join("second") };
    fs::create_dir(&second_directory.directory).unwrap();
    let second = second_directory.quilt("hello", "2.10-4", "another upstream");
    let report = fixture.try_add(&[second, first]);
    assert_eq!((report.added.len(), report.refused.len(), report.committed.commit), (1, 1, None));
}

#[test]
fn a_file_that_is_not_what_is_listed_is_refused_by_name() {
    let fixture = Fixture::new();
    let sources = Sources::new(&fixture);
    let dsc = sources.quilt("hello", "2.10-3", "upstream");
    let text = fs::read_to_string(&dsc).unwrap();
    sources.write("hello_2.10.orig.tar.gz", "UPSTREAM");
    assert_eq!(
        refused(&fixture.try_add(std::slice::from_ref(&dsc))),
        "<DIR>/hello_2.10-3.dsc lists \"hello_2.10.orig.tar.gz\" with another SHA-256"
    );
    sources.write("hello_2.10.orig.tar.gz", "longer upstream");
    assert_eq!(
        refused(&fixture.try_add(std::slice::from_ref(&dsc))),
        "<DIR>/hello_2.10-3.dsc lists \"hello_2.10.orig.tar.gz\" with another size"
    );
    sources.write("hello_2.10.orig.tar.gz", "upstream");
    for (list, name) in [("Checksums-Sha1:\n ", "SHA-1"), ("Files:\n ", "MD5")] {
        let place = text.find(list).unwrap() + list.len();
        let mut wrong = text.clone();
        let digit = if text.as_bytes()[place] == b'0' { "1" } else { "0" };
        wrong.replace_range(place..=place, digit);
        fs::write(&dsc, wrong).unwrap();
        let report = fixture.try_add(std::slice::from_ref(&dsc));
        assert!(
            refused(&report).ends_with(&format!("\"hello_2.10.orig.tar.gz\" with another {name}")),
            "{}",
            refused(&report)
        );
    }
    let (start, end) = (text.find("Checksums-Sha256:").unwrap(), text.find("Files:").unwrap());
    fs::write(&dsc, format!("{}{}", &text[..start], &text[end..])).unwrap();
    insta::assert_snapshot!(refused(&fixture.try_add(std::slice::from_ref(&dsc))), @r#"<DIR>/hello_2.10-3.dsc: "hello_2.10.orig.tar.gz" must be listed in Checksums-Sha256 too: no other checksum is relied on"#);
}

#[test]
fn an_upload_goes_in_as_a_whole_to_the_suite_it_names() {
    let fixture = Fixture::new();
    let sources = Sources::new(&fixture);
    let changes = upload(&fixture, &sources, "bookworm");
    let everything = sources.directory.read_dir_utf8().unwrap().map(|entry| entry.unwrap().path().to_owned());
    let report = fixture.try_add(&everything.collect::<Vec<_>>());
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    let route = Route::Distribution { suites: vec![suite("bookworm")], foreign: None };
    assert!(report.added.iter().all(|added| added.route == route));
    assert_eq!(
        sources_in(&fixture, "bookworm"),
        ["hello 2.10-3 amd64", "hello 2.10-3 source", "hello-doc 2.10-3 all"]
    );
    assert_eq!(sources_in(&fixture, "trixie"), [""; 0]);
    assert_eq!(source_record(&fixture, "bookworm", "2.10-3").field("Section"), Some("misc"));
    assert_eq!(fixture.try_add(&[changes]).committed.commit, None, "the same again changes nothing");

    let other = upload_of(&fixture, &sources, "2.11-1", "unstable");
    let report = fixture.try_add(&[other]);
    assert!(report.added.iter().all(|added| matches!(added.route, Route::Everywhere { .. })), "{report:?}");
}

/// An upload with a source package, two packages and a record of the build.
pub(crate) fn upload(fixture: &Fixture, sources: &Sources, distribution: &str) -> Utf8PathBuf {
    upload_of(fixture, sources, "2.10-3", distribution)
}

fn upload_of(fixture: &Fixture, sources: &Sources, version: &str, distribution: &str) -> Utf8PathBuf {
    let dsc = sources.quilt("hello", version, "upstream");
    let binary = sources.package(fixture, "hello", version, "amd64");
    let doc = sources.package(fixture, "hello-doc", version, "all");
    let info = format!(
        "Format: 1.0\nSource: hello\nBinary: hello\nArchitecture: amd64\nVersion: {version}\n{}Build-Architecture: amd64\n",
        lists(&sources.directory, &[&binary], "").split("Files:").next().unwrap()
    );
    let buildinfo = format!("hello_{version}_amd64.buildinfo");
    sources.write(&buildinfo, info);
    let upstream = version.split_once('-').unwrap().0;
    let (orig, debian) = (format!("hello_{upstream}.orig.tar.gz"), format!("hello_{version}.debian.tar.xz"));
    let files = [dsc.file_name().unwrap(), &orig, &debian, &binary, &doc, &buildinfo];
    sources.changes("hello", version, "source amd64 all", distribution, &files)
}

/// Adds an upload that `spoil` changed; says why it was refused, and that nothing of it was taken.
fn spoilt(spoil: impl FnOnce(&Sources, &Utf8Path)) -> String {
    let fixture = Fixture::new();
    let sources = Sources::new(&fixture);
    let changes = upload(&fixture, &sources, "bookworm");
    spoil(&sources, &changes);
    let options = AddOptions { keep_going: true, ..AddOptions::default() };
    let other = fixture.package("other", "1.0", "all", "");
    let report = fixture.store.add(&fixture.preprod, &[changes, other], &options, &context(0)).unwrap();
    assert_eq!(sources_in(&fixture, "bookworm"), ["other 1.0 all"]);
    refused(&report)
}

#[test]
fn an_upload_is_refused_as_a_whole_with_the_name_of_what_does_not_fit() {
    insta::assert_snapshot!(spoilt(|sources, _| fs::remove_file(sources.directory.join("hello-doc_2.10-3_all.deb")).unwrap()), @r#"<DIR>/hello_2.10-3_upload.changes lists "hello-doc_2.10-3_all.deb", which is not beside it"#);
    insta::assert_snapshot!(spoilt(|sources, _| drop(sources.write("hello_2.10-3.debian.tar.xz", "other"))), @r#"<DIR>/hello_2.10-3_upload.changes lists "hello_2.10-3.debian.tar.xz" with another size"#);
    let edit = |from: &'static str, to: &'static str| {
        spoilt(move |_, changes| {
            let text = fs::read_to_string(changes).unwrap();
            assert!(text.contains(from));
            fs::write(changes, text.replacen(from, to, 1)).unwrap();
        })
    };
    insta::assert_snapshot!(edit("Source: hello", "Source: goodbye"), @r#"<DIR>/hello_2.10-3_upload.changes: "hello_2.10-3_amd64.buildinfo" is of hello 2.10-3, which it is not about"#);
    insta::assert_snapshot!(edit("Source: hello", "Source: hello (2.10-2)"), @r#"<DIR>/hello_2.10-3_upload.changes: "hello_2.10-3.dsc" is hello 2.10-3, which it is not about"#);
    insta::assert_snapshot!(edit("Architecture: source amd64 all", "Architecture: source amd64"), @r#"<DIR>/hello_2.10-3_upload.changes: "hello-doc_2.10-3_all.deb" is for all, which its field Architecture does not name"#);
    insta::assert_snapshot!(edit("Architecture: source amd64 all", "Architecture: amd64 all"), @r#"<DIR>/hello_2.10-3_upload.changes: "hello_2.10-3.dsc" is for source, which its field Architecture does not name"#);
    insta::assert_snapshot!(edit("Version: 2.10-3", "Version: 2.10-4"), @r#"<DIR>/hello_2.10-3_upload.changes: "hello_2.10-3_amd64.buildinfo" is of hello 2.10-3, which it is not about"#);
    let with = |name: &'static str, content: &'static str| {
        spoilt(move |sources, _| {
            sources.write(name, content);
            let files = ["hello_2.10-3.dsc", "hello_2.10.orig.tar.gz", "hello_2.10-3_amd64.deb", name];
            sources.changes("hello", "2.10-3", "source amd64", "bookworm", &files);
        })
    };
    insta::assert_snapshot!(with("hello_2.10-3_extra.tar.gz", "extra"), @r#"<DIR>/hello_2.10-3_upload.changes: "hello_2.10-3_extra.tar.gz" is not a package, and "hello_2.10-3.dsc" does not list it"#);
    insta::assert_snapshot!(with("another.deb", "no package"), @"<DIR>/another.deb: not a .deb file: no ar header (deb(5))");
    insta::assert_snapshot!(with("hello.buildinfo", "Source: hello\nVersion: 1\n"), @r#"<DIR>/hello_2.10-3_upload.changes: "hello.buildinfo" is of hello 1, which it is not about"#);
    let wrong_digest_in = |list: &'static str| {
        spoilt(move |sources, changes| {
            let path = sources.directory.join(list);
            let text = fs::read_to_string(&path).unwrap();
            let deb = Sha256::of(&fs::read(sources.directory.join("hello_2.10-3_amd64.deb")).unwrap());
            let other = Sha256::of(b"other").to_string();
            assert!(text.contains(&deb.to_string()));
            fs::write(&path, text.replace(&deb.to_string(), &other)).unwrap();
            if path != changes {
                let files = ["hello_2.10-3_amd64.deb", list];
                sources.changes("hello", "2.10-3", "amd64", "bookworm", &files);
            }
        })
    };
    insta::assert_snapshot!(wrong_digest_in("hello_2.10-3_upload.changes"), @r#"<DIR>/hello_2.10-3_upload.changes lists "hello_2.10-3_amd64.deb" with another SHA-256"#);
    insta::assert_snapshot!(wrong_digest_in("hello_2.10-3_amd64.buildinfo"), @r#"<DIR>/hello_2.10-3_amd64.buildinfo lists "hello_2.10-3_amd64.deb" with another SHA-256"#);
    insta::assert_snapshot!(with("hello_2.10-3.dsc.dsc", "Source: hello\nVersion: 1\n"), @"<DIR>/hello_2.10-3_upload.changes: it lists two source packages");
}

#[test]
fn a_conflict_in_one_package_of_an_upload_keeps_all_of_it_out() {
    let fixture = Fixture::new();
    let sources = Sources::new(&fixture);
    let changes = upload(&fixture, &sources, "bookworm");
    fixture.add(&[fixture.package("hello-doc", "2.10-3", "all", "another")]);
    let other = fixture.package("other", "1.0+deb12u1", "all", "");
    let options = AddOptions { keep_going: true, ..AddOptions::default() };
    let report = fixture.store.add(&fixture.preprod, &[changes, other], &options, &context(0)).unwrap();
    assert_eq!((report.added.len(), report.refused.len()), (1, 1));
    assert_eq!(sources_in(&fixture, "bookworm"), ["hello-doc 2.10-3 all", "other 1.0+deb12u1 all"]);
}

#[test]
fn the_files_of_a_source_package_stay_as_long_as_a_version_of_it_needs_them() {
    let fixture = Fixture::new();
    let sources = Sources::new(&fixture);
    fixture.add(&[sources.quilt("hello", "2.10-3", "upstream")]);
    fixture.add(&[sources.quilt("hello", "2.10-4", "upstream")]);
    let all: Vec<_> = ["2.10-3", "2.10-4"]
        .iter()
        .flat_map(|version| source_record(&fixture, "bookworm", version).files().unwrap())
        .collect();
    let signer = signer();
    publish(&fixture, &signer, 10);
    let selectors = ["hello=2.10-3".parse().unwrap()];
    let plan = fixture.store.plan_removal(&fixture.preprod, &selectors, &[]).unwrap();
    plan.apply(&fixture.store, &context(20)).unwrap();
    publish(&fixture, &signer, 30);
    std::thread::sleep(std::time::Duration::from_millis(20));
    let keep_history = [(fixture.preprod.name.clone(), KeepHistory::States(1))].into();
    let options = GcOptions { grace: jiff::SignedDuration::ZERO, keep_history };
    for round in 0..3 {
        fixture.store.collect_garbage(&options, &context(1000 + round)).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let there = |file: &repo_store::model::record::RecordFile| {
        let in_pool = fixture.store.public(&fixture.preprod.name).join(&file.path).exists();
        assert_eq!(in_pool, fixture.store.blob_path(file.blob).is_ok(), "{}", file.path);
        in_pool
    };
    let gone: Vec<&str> = all.iter().filter(|file| !there(file)).map(|file| file.path.as_str()).collect();
    assert_eq!(gone, ["pool/main/h/hello/hello_2.10-3.dsc", "pool/main/h/hello/hello_2.10-3.debian.tar.xz"]);
    assert!(fixture.store.fsck(&FsckOptions::default(), &context(2000)).unwrap().is_clean());
}

#[test]
fn a_check_finds_and_a_repair_brings_back_every_file_of_a_source_package() {
    let fixture = Fixture::new();
    let sources = Sources::new(&fixture);
    fixture.add(&[sources.quilt("hello", "2.10-3", "upstream")]);
    publish(&fixture, &signer(), 1);
    let backup = fixture.store.root().with_file_name("backup");
    fixture.store.backup(&backup, &context(2)).unwrap();
    let public = fixture.store.public(&fixture.preprod.name);
    let files = source_record(&fixture, "bookworm", "2.10-3").files().unwrap();
    for file in &files {
        let blob = fixture.store.blob_path(file.blob).unwrap();
        fs::remove_file(&blob).unwrap();
        let report = fixture.store.fsck(&FsckOptions::default(), &context(3)).unwrap();
        let affected: Vec<String> =
            report.problems.iter().flat_map(|problem| &problem.affects).map(ToString::to_string).collect();
        assert!(affected.iter().any(|text| text.ends_with("hello 2.10-3 source")), "{report:?}");
        fs::remove_file(public.join(&file.path)).unwrap();
        fixture
            .store
            .repair(&FsckOptions::default(), &[CopySource::Directory(&backup)], &context(4))
            .unwrap();
        assert!(fixture.store.fsck(&FsckOptions::default(), &context(5)).unwrap().is_clean());
        assert!(public.join(&file.path).exists());
    }
    let restored = fixture.store.root().with_file_name("restored");
    let (restored, report) = Store::restore(&backup, &restored, &context(6)).unwrap();
    assert!(report.damaged.is_empty(), "{:?}", report.damaged);
    for file in &files {
        let copy = fs::read(restored.public(&fixture.preprod.name).join(&file.path)).unwrap();
        assert_eq!(copy, fs::read(public.join(&file.path)).unwrap());
    }
    assert!(restored.fsck(&FsckOptions::default(), &context(7)).unwrap().is_clean());
}

#[test]
fn versions_of_a_source_package_and_of_a_binary_one_are_counted_apart() {
    let fixture = Fixture::new();
    let sources = Sources::new(&fixture);
    for version in ["2.10-1", "2.10-2"] {
        fixture.add(&[sources.quilt("hello", version, "upstream")]);
    }
    fixture.add(&[
        fixture.package("hello", "2.10-1", "amd64", ""),
        fixture.package("hello", "2.9-1", "amd64", ""),
    ]);
    let rule = RetentionRule { keep_versions: Some(1), ..RetentionRule::default() };
    let plan = fixture.store.plan_retention(&fixture.preprod, &[rule], context(9).now).unwrap();
    let going: Vec<String> = plan
        .going()
        .filter(|(name, _)| name.as_str() == "bookworm")
        .map(|(_, verdict)| verdict.record.key().to_string())
        .collect();
    assert_eq!(going, ["hello 2.9-1 amd64", "hello 2.10-1 source"]);

    let prod = settings("prod", &["bookworm"]);
    let options = PromoteOptions { selectors: vec!["hello".parse().unwrap()], ..PromoteOptions::default() };
    let plan = fixture.store.plan_promotion(&fixture.preprod, &prod, &options).unwrap();
    let promoted: Vec<String> =
        plan.changes().by_record().iter().map(|(record, _)| record.key().to_string()).collect();
    assert_eq!(promoted, ["hello 2.10-1 amd64", "hello 2.10-2 source"]);
}

#[test]
fn the_index_of_source_packages_follows_every_change() {
    let fixture = Fixture::new();
    let sources = Sources::new(&fixture);
    let signer = signer();
    fixture.add(&[fixture.package("hello", "2.10-1", "amd64", "")]);
    publish(&fixture, &signer, 1);
    let index = fixture.store.public(&fixture.preprod.name).join("dists/trixie/main/source/Sources.gz");
    let listed = || -> Vec<String> {
        let mut text = String::new();
        let file = fs::File::open(&index).unwrap();
        std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(file), &mut text).unwrap();
        let paragraphs = deb_parse::deb822::paragraphs(text.as_bytes());
        paragraphs
            .map(|p| format!("{} {}", p.get_str("Package").unwrap(), p.get_str("Version").unwrap()))
            .collect()
    };
    assert!(!index.exists());
    fixture.add(&[sources.quilt("hello", "2.10-1", "upstream")]);
    publish(&fixture, &signer, 2);
    assert_eq!(listed(), ["hello 2.10-1"]);
    fixture.add(&[sources.quilt("goodbye", "1.0-1", "upstream")]);
    publish(&fixture, &signer, 3);
    assert_eq!(listed(), ["hello 2.10-1", "goodbye 1.0-1"]);
    let plan = fixture.store.plan_removal(&fixture.preprod, &["*".parse().unwrap()], &[]).unwrap();
    plan.apply(&fixture.store, &context(4)).unwrap();
    publish(&fixture, &signer, 5);
    assert_eq!(listed(), [""; 0], "clients that asked for it once go on asking");
}

#[test]
fn an_upload_is_never_rejected_while_it_may_still_be_arriving() {
    let fixture = Fixture::new();
    let sources = Sources::new(&fixture);
    let changes = upload(&fixture, &sources, "bookworm");
    let text = fs::read(&changes).unwrap();
    let everything = files_below(&sources.directory);
    let context = Context { now: jiff::Timestamp::now(), ..context(0) };
    let take = || {
        let options = IncomingOptions::default();
        fixture.store.take_incoming(&fixture.preprod, &sources.directory, &options, &context).unwrap()
    };
    // What it lists arrives first, as `dput` sends it: it is the packages that would be taken alone.
    let packages: Vec<_> = everything.iter().filter(|file| file.extension() == Some("deb")).collect();
    let aside = |file: &Utf8Path| fixture.store.root().with_file_name(file.file_name().unwrap());
    packages.iter().for_each(|file| fs::rename(file, aside(file)).unwrap());
    for length in (0..text.len() - 1).step_by(5) {
        fs::write(&changes, &text[..length]).unwrap();
        let report = take();
        assert!(report.report.refused.is_empty(), "{length}: {:?}", report.report.refused);
        assert!(report.report.added.is_empty(), "{length}: {:?}", report.report.added);
    }
    fs::write(&changes, &text).unwrap();
    assert!(take().report.refused.is_empty());
    packages.iter().for_each(|file| fs::rename(aside(file), file).unwrap());
    assert_eq!(take().report.added.len(), 3);
    assert_eq!(files_below(&sources.directory), [""; 0]);
}

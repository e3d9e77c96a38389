//! Source packages and uploads go in whole or not at all, and every part of the store knows all their files.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::{HashSet, Hasher};
use repo_store::{AddReport, Build, Error, Record, Route};

use crate::fixture::{Fixture, context, files_below, publish, signer, suite};

/// A directory in which a source package and uploads of it are made.
struct Sources {
    directory: Utf8PathBuf,
}

impl Sources {
    fn new(fixture: &Fixture) -> Self {
        let directory = fixture.store.root().with_file_name("built");
        fs::create_dir_all(&directory).unwrap();
        Self { directory }
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Utf8PathBuf {
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

    fn changes(
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
fn lists(directory: &Utf8Path, files: &[&str], details: &str) -> String {
    let mut lists = [String::new(), String::new(), String::new()];
    for name in files {
        let bytes = fs::read(directory.join(name)).unwrap();
        let mut hasher = Hasher::new(HashSet { md5: true, sha1: true, sha512: false }).unwrap();
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
    let report = fixture.add(std::slice::from_ref(&dsc));
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
    assert_eq!(fixture.add(&[dsc]).committed.commit, None, "the same again changes nothing");
}

#[test]
fn a_tarball_that_is_not_beside_its_dsc_may_be_in_the_store() {
    let fixture = Fixture::new();
    let sources = Sources::new(&fixture);
    fixture.add(&[sources.quilt("hello", "2.10-3", "upstream")]);
    let next = sources.quilt("hello", "2.10-4", "upstream");
    let tarball = sources.directory.join("hello_2.10.orig.tar.gz");
    fs::remove_file(&tarball).unwrap();
    let report = fixture.add(std::slice::from_ref(&next));
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    let paths = |version| {
        let files = source_record(&fixture, "trixie", version).files().unwrap();
        files.iter().find(|file| file.path.as_str().ends_with("orig.tar.gz")).cloned().unwrap()
    };
    assert_eq!(paths("2.10-3"), paths("2.10-4"));

    let other = sources.quilt("hello", "2.11-1", "another upstream");
    fs::remove_file(sources.directory.join("hello_2.11.orig.tar.gz")).unwrap();
    let report = fixture.add(&[other]);
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
    let report = fixture.add(&[sources.quilt("hello", "2.10-3+deb13u1", "another upstream")]);
    insta::assert_snapshot!(refused(&report), @"hello 2.10-3+deb13u1 source has another `pool/main/h/hello/hello_2.10.orig.tar.gz` than hello 2.10-3+deb12u1 source, which is in preprod already");
    assert!(matches!(report.refused[0].error, Error::PathConflict { .. }));
    assert_eq!(without_waiting_room(files_below(fixture.store.root())), without_waiting_room(before));

    // Nor when it is only in the pool any more.
    publish(&fixture, &signer(), 1);
    let plan = fixture.store.plan_removal(&fixture.preprod, &["hello".parse().unwrap()], &[]).unwrap();
    fixture.store.remove(&plan, &fixture.preprod.name, &context(2)).unwrap();
    let report = fixture.add(&[sources.quilt("hello", "2.10-4", "another upstream")]);
    insta::assert_snapshot!(refused(&report), @"");
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
    let report = fixture.add(&[second, first]);
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
        refused(&fixture.add(std::slice::from_ref(&dsc))),
        "<DIR>/hello_2.10-3.dsc lists \"hello_2.10.orig.tar.gz\" with another SHA-256"
    );
    sources.write("hello_2.10.orig.tar.gz", "longer upstream");
    assert_eq!(
        refused(&fixture.add(std::slice::from_ref(&dsc))),
        "<DIR>/hello_2.10-3.dsc lists \"hello_2.10.orig.tar.gz\" with another size"
    );
    sources.write("hello_2.10.orig.tar.gz", "upstream");
    for (list, name) in [("Checksums-Sha1:\n ", "SHA-1"), ("Files:\n ", "MD5")] {
        let place = text.find(list).unwrap() + list.len();
        let mut wrong = text.clone();
        let digit = if text.as_bytes()[place] == b'0' { "1" } else { "0" };
        wrong.replace_range(place..=place, digit);
        fs::write(&dsc, wrong).unwrap();
        let report = fixture.add(std::slice::from_ref(&dsc));
        assert!(
            refused(&report).ends_with(&format!("\"hello_2.10.orig.tar.gz\" with another {name}")),
            "{}",
            refused(&report)
        );
    }
    let (start, end) = (text.find("Checksums-Sha256:").unwrap(), text.find("Files:").unwrap());
    fs::write(&dsc, format!("{}{}", &text[..start], &text[end..])).unwrap();
    insta::assert_snapshot!(refused(&fixture.add(std::slice::from_ref(&dsc))), @r#"<DIR>/hello_2.10-3.dsc: field Checksums-Sha256: file "hello_2.10.orig.tar.gz": must be listed in this field too: no other checksum is relied on"#);
}

#[test]
fn an_upload_goes_in_as_a_whole_to_the_suite_it_names() {
    let fixture = Fixture::new();
    let sources = Sources::new(&fixture);
    let changes = upload(&fixture, &sources, "bookworm");
    let everything = sources.directory.read_dir_utf8().unwrap().map(|entry| entry.unwrap().path().to_owned());
    let report = fixture.add(&everything.collect::<Vec<_>>());
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    assert!(report.added.iter().all(|added| added.route == Route::Distribution(vec![suite("bookworm")])));
    assert_eq!(
        sources_in(&fixture, "bookworm"),
        ["hello 2.10-3 amd64", "hello 2.10-3 source", "hello-doc 2.10-3 all"]
    );
    assert_eq!(sources_in(&fixture, "trixie"), [""; 0]);
    assert_eq!(source_record(&fixture, "bookworm", "2.10-3").field("Section"), Some("misc"));
    assert_eq!(fixture.add(&[changes]).committed.commit, None, "the same again changes nothing");

    let other = upload_of(&fixture, &sources, "2.11-1", "unstable");
    let report = fixture.add(&[other]);
    assert!(report.added.iter().all(|added| matches!(added.route, Route::Everywhere { .. })), "{report:?}");
}

/// An upload with a source package, two packages and a record of the build.
fn upload(fixture: &Fixture, sources: &Sources, distribution: &str) -> Utf8PathBuf {
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

//! A package file that a reader gives is added as one that lies on a disk.

use std::io::{self, Read};

use repo_store::error::ImportError;
use repo_store::{AddOptions, Error};

use crate::fixture::{Fixture, context, files_below, suite};

/// Text of that many bytes that hardly compresses.
fn noise(length: usize) -> String {
    let mut state = 1_u64;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(33 + u8::try_from((state >> 33) % 94).unwrap())
    };
    (0..length).map(next).collect()
}

#[test]
fn what_a_reader_gives_is_added_as_a_file_is() {
    // The second is more than is kept in memory while it is read.
    for content in ["a".to_owned(), noise(3 << 20)] {
        let (by_path, by_reader) = (Fixture::new(), Fixture::new());
        let file = by_path.package("hello", "1.0+deb12u1", "amd64", &content);
        let bytes = std::fs::read(&file).unwrap();
        let options = AddOptions::default();
        let expected = by_path.store.add(&by_path.preprod, &[file], &options, &context(0)).unwrap();
        let report =
            by_reader.store.add_reader(&by_reader.preprod, "hello.deb", &bytes[..], &options, &context(0));
        let report = report.unwrap();
        assert_eq!(report.committed, expected.committed);
        assert_eq!(report.added[0].suites, expected.added[0].suites);
        assert_eq!(report.added[0].file, "hello.deb");

        let of = |fixture: &Fixture| {
            let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
            let records = head.records(&suite("bookworm")).unwrap();
            let blob = std::fs::read(fixture.store.blob_path(records[0].blob()).unwrap()).unwrap();
            (records[0].stanza().to_vec(), blob)
        };
        assert_eq!(of(&by_reader), of(&by_path));
        assert_eq!(of(&by_reader).1, bytes);
    }
}

#[test]
fn a_report_is_written_as_values_and_texts() {
    let fixture = Fixture::new();
    let bytes = std::fs::read(fixture.package("hello", "1.0", "amd64", "a")).unwrap();
    let options = AddOptions { keep_going: true, ..AddOptions::default() };
    let report = fixture.store.add_reader(&fixture.preprod, "hello.deb", &bytes[..], &options, &context(0));
    let json = serde_json::to_value(report.unwrap()).unwrap();
    assert_eq!(json["added"][0]["key"]["architecture"], "amd64");
    assert_eq!(json["added"][0]["route"]["suites"], serde_json::json!(["bookworm", "trixie"]));
    assert_eq!(json["added"][0]["suites"][0], serde_json::json!(["bookworm", "new"]));
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    assert_eq!(json["committed"]["commit"], head.id().to_string());
    let commit = serde_json::to_value(head.commit()).unwrap();
    assert_eq!(commit["date"], context(0).now.to_string());
    assert_eq!(commit["operation"], head.commit().operation.to_string());

    let junk = fixture.file("junk.deb", b"junk");
    let report = fixture.store.add(&fixture.preprod, &[junk], &options, &context(1)).unwrap();
    let json = serde_json::to_value(report).unwrap();
    assert_eq!(json["refused"][0]["error"]["code"], "E-INVALID-PACKAGE");
}

/// Gives some bytes, and then no more than an error.
struct Broken<'a>(&'a [u8]);

impl Read for Broken<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "the client is gone"));
        }
        self.0.read(buffer)
    }
}

#[test]
fn a_refused_file_is_an_error_whatever_the_options_and_leaves_nothing() {
    let fixture = Fixture::new();
    let bytes = std::fs::read(fixture.package("hello", "1.0", "amd64", &noise(3 << 20))).unwrap();
    let other = std::fs::read(fixture.package("hello", "1.0", "amd64", "other")).unwrap();
    let add = |name: &str, input: &mut dyn Read| {
        let options = AddOptions { keep_going: true, ..AddOptions::default() };
        fixture.store.add_reader(&fixture.preprod, name, input, &options, &context(0))
    };
    assert_eq!(add("other.deb", &mut &other[..]).unwrap().added.len(), 1);
    let before = files_below(fixture.store.root());

    let error = add("hello.deb", &mut &bytes[..]).unwrap_err();
    assert!(matches!(error, Error::Change(repo_store::error::ChangeError::Conflict { .. })), "{error}");
    let error = add("junk.deb", &mut &b"junk"[..]).unwrap_err();
    assert!(
        matches!(&error, Error::Import(ImportError::Package { file, .. }) if file == "junk.deb"),
        "{error}"
    );
    for length in [100, bytes.len() - 1] {
        let error = add("broken.deb", &mut Broken(&bytes[..length])).unwrap_err();
        let told = serde_json::to_value(&error).unwrap().to_string();
        assert!(told.contains("the client is gone"), "{told}");
    }
    let error = add("hello_1.0.changes", &mut &bytes[..]).unwrap_err();
    assert!(matches!(error, Error::Import(ImportError::InconsistentUpload { .. })), "{error}");
    assert_eq!(files_below(fixture.store.root()), before, "nothing may be left");
}

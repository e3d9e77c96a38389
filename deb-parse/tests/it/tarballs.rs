//! The files of source packages, with GNU tar as the judge.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::symlink;
use std::path::Path;

use deb_parse::checksum::{HashKinds, Sha256};
use deb_parse::deb::{EntryKind, tarball};
use deb_parse::{Error, Limits};

use crate::dpkg::run;

fn read(bytes: &[u8]) -> tarball::Tarball {
    let read = tarball::read(bytes, bytes.len() as u64, HashKinds::default(), &Limits::default()).unwrap();
    assert_eq!((read.hashes.size, read.hashes.sha256), (bytes.len() as u64, Sha256::of(bytes)));
    read
}

fn paths(bytes: &[u8]) -> Result<Vec<String>, Error> {
    let files = read(bytes).files?;
    Ok(files.iter().map(|file| String::from_utf8_lossy(&file.path).into_owned()).collect())
}

/// A directory `hello-1` with everything that a tarball may hold.
fn tree(directory: &Path, long_names: bool) {
    let top = directory.join("hello-1");
    let deep = top.join("deep/".repeat(if long_names { 60 } else { 3 }));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("file"), "content").unwrap();
    fs::write(top.join("été with blank"), "x".repeat(3000)).unwrap();
    symlink("x".repeat(if long_names { 150 } else { 10 }), top.join("link")).unwrap();
    fs::hard_link(top.join("été with blank"), top.join("été-again")).unwrap();
    // More pieces than the first header has room for.
    let mut sparse = fs::File::create(top.join("sparse")).unwrap();
    for piece in 0..100 {
        sparse.seek(SeekFrom::Start(piece << 16)).unwrap();
        sparse.write_all(b"data").unwrap();
    }
    fs::write(top.join("zzz"), "").unwrap();
}

fn tar(directory: &Path, arguments: &[&str]) -> Option<Vec<u8>> {
    let archive = directory.join("archive");
    let fixed = ["-cf", archive.to_str().unwrap(), "-C", directory.to_str().unwrap(), "--sort=name"];
    let output = run("tar", &[&fixed, arguments, &["hello-1"]].concat())?;
    assert!(output.status.success(), "{output:?}");
    Some(fs::read(archive).unwrap())
}

#[test]
fn every_form_of_tar_is_listed_as_gnu_tar_lists_it() {
    for (format, long_names) in
        [("v7", false), ("ustar", false), ("oldgnu", true), ("gnu", true), ("posix", true)]
    {
        let directory = tempfile::tempdir().unwrap();
        tree(directory.path(), long_names);
        let format = format!("--format={format}");
        let sparse: &[&str] = if long_names { &["--sparse"] } else { &[] };
        let Some(bytes) = tar(directory.path(), &[&[format.as_str()], sparse].concat()) else { return };
        let archive = directory.path().join("archive");
        let listed =
            run("tar", &["-tf", archive.to_str().unwrap(), "--quoting-style=literal"]).unwrap().stdout;
        let listed = String::from_utf8(listed).unwrap();
        let listed: Vec<&str> = listed.lines().map(|line| line.trim_end_matches('/')).collect();
        assert_eq!(paths(&bytes).unwrap(), listed, "{format}");
        let files = read(&bytes).files.unwrap();
        let kind = |name: &str| {
            let path = format!("hello-1/{name}");
            files.iter().find(|file| file.path == path.as_bytes()).map(|file| file.kind)
        };
        assert_eq!(kind("deep"), Some(EntryKind::Directory), "{format}");
        assert_eq!(kind("link"), Some(EntryKind::Symlink), "{format}");
        assert_eq!(kind("été-again"), Some(EntryKind::HardLink), "{format}");
        assert_eq!(kind("sparse"), Some(EntryKind::File), "{format}");
    }
}

#[test]
fn every_compression_is_known_by_its_content() {
    let directory = tempfile::tempdir().unwrap();
    tree(directory.path(), true);
    let Some(plain) = tar(directory.path(), &[]) else { return };
    let wanted = paths(&plain).unwrap();
    for program in ["gzip", "bzip2", "xz", "lzma", "zstd"] {
        let Some(packed) = tar(directory.path(), &[&format!("--{program}")]) else { return };
        assert_eq!(paths(&packed).unwrap(), wanted, "{program}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn streams_may_follow_each_other_and_rubbish_the_last() {
    let directory = tempfile::tempdir().unwrap();
    tree(directory.path(), true);
    let Some(plain) = tar(directory.path(), &[]) else { return };
    let wanted = paths(&plain).unwrap();
    let (first, second) = plain.split_at(1000);
    for end in [&b""[..], b"\0\0\0\0", b"rubbish"] {
        let packed = [&gzip(first), &[0; 8][..], &gzip(second), end].concat();
        assert_eq!(paths(&packed).unwrap(), wanted);
    }
    assert_eq!(paths(&[&plain, &b"rubbish"[..]].concat()).unwrap(), wanted);
}

#[test]
fn a_diff_whose_paths_no_index_can_hold_is_not_listed() {
    let error = |path: &str| {
        let diff = format!("--- a-1.orig/x\n+++ {path}\n@@ -0,0 +1 @@\n+a\n");
        read(&gzip(diff.as_bytes())).files.unwrap_err().to_string()
    };
    insta::assert_snapshot!(error("a-1/\0/x"), @r#"tarball: "a-1/\u{0}/x": a path must not have a NUL"#);
    insta::assert_snapshot!(error("a-1/../../x"), @r#"tarball: "a-1/../../x": a path must not have `..`"#);
    insta::assert_snapshot!(error("./"), @r#"tarball: "./": a diff must not change a directory"#);
}

#[test]
fn what_cannot_be_listed_is_hashed_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    tree(directory.path(), false);
    let Some(plain) = tar(directory.path(), &["--format=v7"]) else { return };
    let mut errors = Vec::new();
    for bytes in [&gzip(&plain[..2000])[..], &gzip(&plain)[..200], b"no archive", b"", &gzip(b"some text\n")]
    {
        errors.push(read(bytes).files.unwrap_err().to_string());
    }
    insta::assert_snapshot!(errors.join("\n"), @"
    tarball: the tar archive is cut short
    tarball: the compressed data is cut short
    tarball: is neither a tar archive nor a diff
    tarball: is neither a tar archive nor a diff
    tarball: is neither a tar archive nor a diff
    ");
}

/// Where the compressed data is damaged, what is read in place of a header is anything.
#[test]
fn a_damaged_header_is_not_quoted() {
    let directory = tempfile::tempdir().unwrap();
    tree(directory.path(), false);
    let Some(archive) = tar(directory.path(), &[]) else { return };
    for (at, rule) in [
        (512, "damaged tar header (its checksum is wrong)"),
        (512 + 148, "damaged tar header (its checksum is not a number)"),
    ] {
        let mut damaged = archive.clone();
        damaged[at..at + 6].copy_from_slice(b"\x8c\xb9\xda\x07\x1b[");
        // The first header is a directory's, without content.
        let said = paths(&damaged).unwrap_err().to_string();
        assert!(said.ends_with(rule) && said.is_ascii() && !said.contains('\\'), "{said}");
    }
}

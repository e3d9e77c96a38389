//! Packages that were given another control file.

use crate::dpkg;
use deb_parse::deb::{self, Builder, Compression, Options};
use deb_parse::deb822::ParagraphBuf;
use deb_parse::{Architecture, Limits, PackageName, Version};

const FORMATS: [Compression; 4] = [Compression::None, Compression::Gzip, Compression::Xz, Compression::Zstd];

fn original(format: Compression) -> Vec<u8> {
    let [package, version, architecture] = ["probe", "2.0-1", "amd64"];
    Builder::new(
        PackageName::parse(package).unwrap(),
        Version::parse(version).unwrap(),
        Architecture::parse(architecture).unwrap(),
    )
    .description("greets\n A longer text.")
    .field("Maintainer", "A <a@example.org>")
    .file("usr/bin/probe", "#!/bin/sh\n", 0o755)
    .file("etc/probe.conf", "a = 1\n", 0o644)
    .conffile("/etc/probe.conf")
    .maintainer_script("postinst", "#!/bin/sh\nset -e\n")
    .mtime(1_700_000_000)
    .compression(format)
    .build()
    .unwrap()
}

/// The members of an ar archive: names, contents, and their places.
fn members(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut at = 8;
    while at + 60 <= bytes.len() {
        let text = |from: usize, to: usize| {
            std::str::from_utf8(&bytes[at + from..at + to]).unwrap().trim_end().to_owned()
        };
        let size: usize = text(48, 58).parse().unwrap();
        found.push((text(0, 16), bytes[at + 60..at + 60 + size].to_vec()));
        at += 60 + size.next_multiple_of(2);
    }
    found
}

/// Appends a member behind the first one, where signatures stand.
fn with_member(bytes: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    let first = 8 + 60 + 4;
    let mut out = bytes[..first].to_vec();
    out.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len()).bytes());
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(2), b'\n');
    out.extend_from_slice(&bytes[first..]);
    out
}

fn changed(bytes: &[u8], changes: &[(&str, &str)]) -> (Vec<u8>, Vec<String>) {
    let package = deb::read(bytes, &Options::default()).unwrap();
    let mut control = ParagraphBuf::from_paragraph(package.control.paragraph()).unwrap();
    changes.iter().for_each(|(name, value)| control.set(name, value).unwrap());
    let mut out = Vec::new();
    let dropped = deb::replace_control(bytes, &control, &mut out, &Limits::default()).unwrap();
    (out, dropped)
}

#[test]
fn only_the_control_archive_changes_and_the_same_input_gives_the_same_bytes() {
    for format in FORMATS {
        let before = original(format);
        // So long a field makes the control file take one more block.
        let long = "x".repeat(700);
        let changes =
            [("Version", "2.1-1+0~reissue1"), ("Source", "probe (2.0-1)"), ("X-Long", long.as_str())];
        let (after, dropped) = changed(&before, &changes);
        assert!(dropped.is_empty());
        assert_eq!(changed(&before, &changes).0, after);
        let (old, new) = (members(&before), members(&after));
        assert_eq!(
            old.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            new.iter().map(|(name, _)| name).collect::<Vec<_>>()
        );
        for ((name, old), (_, new)) in old.iter().zip(&new) {
            assert_eq!(old == new, !name.starts_with("control.tar"), "{format:?} {name}");
        }
        let (read_old, read_new) =
            (deb::read(&before[..], &Options::default()), deb::read(&after[..], &Options::default()));
        let (old, new) = (read_old.unwrap(), read_new.unwrap());
        assert_eq!(new.control.version().as_str(), "2.1-1+0~reissue1");
        assert_eq!(new.control.source().1.as_str(), "2.0-1");
        assert_eq!(new.control_compression, format);
        let others = |package: &deb::Package| {
            let files = package.control_files.iter().filter(|file| file.name != "control");
            files.cloned().collect::<Vec<_>>()
        };
        assert_eq!((others(&old), old.files), (others(&new), new.files));
    }
}

#[test]
fn dpkg_reads_what_was_rewritten() {
    for format in FORMATS {
        let (after, _) = changed(&original(format), &[("Version", "2.1-1+0~reissue1")]);
        let Some(reading) = dpkg::dpkg_deb(&after) else { return };
        assert_eq!(reading.unwrap().fields, ["probe", "2.1-1+0~reissue1", "amd64"], "{format:?}");
    }
}

#[test]
fn signatures_are_dropped_and_other_members_are_kept() {
    let signed = with_member(&original(Compression::Gzip), "_gpgorigin", b"signature");
    let (after, dropped) = changed(&with_member(&signed, "_note", b"odd"), &[("Version", "3")]);
    assert_eq!(dropped, ["_gpgorigin"]);
    let names: Vec<String> = members(&after).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["debian-binary", "_note", "control.tar.gz", "data.tar.gz"]);
}

#[test]
fn what_is_not_a_package_is_refused() {
    let control = ParagraphBuf::new();
    let original = original(Compression::None);
    let half = members(&original)[1].1.len() / 2;
    for bytes in [&b"nothing"[..], b"!<arch>\n", &original[..72], &original[..132 + half]] {
        assert!(deb::replace_control(bytes, &control, Vec::new(), &Limits::default()).is_err());
    }
}

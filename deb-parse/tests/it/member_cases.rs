//! Archives whose members are not those of a package, or damaged.

use crate::fixture::*;
use deb_parse::deb::{self, Data, Options};

fn control() -> Vec<u8> {
    gz(&control_tar(CONTROL))
}

fn data() -> Vec<u8> {
    gz(&data_tar())
}

fn with_version(version: &[u8]) -> Vec<u8> {
    ar(&[("debian-binary", version), ("control.tar.gz", &control()), ("data.tar.gz", &data())])
}

fn with_data(name: &str, content: &[u8]) -> Vec<u8> {
    ar(&[VERSION, ("control.tar.gz", &control()), (name, content)])
}

fn with_control_member(name: &str, content: &[u8]) -> Vec<u8> {
    ar(&[VERSION, (name, content), ("data.tar.gz", &data())])
}

#[test]
fn the_order_of_members_is_fixed() {
    let (c, d) = (control(), data());
    let (c, d): (Member<'_>, Member<'_>) = (("control.tar.gz", &c), ("data.tar.gz", &d));
    let plain = control_tar(CONTROL);
    assert_refused([
        ("no version", ar(&[c, d]), "first member must be `debian-binary`"),
        ("version second", ar(&[c, VERSION, d]), "first member must be `debian-binary`"),
        ("version last", ar(&[c, d, VERSION]), "first member must be `debian-binary`"),
        ("underscore first", ar(&[("_x", b""), VERSION, c, d]), "first member must be `debian-binary`"),
        ("version twice", ar(&[VERSION, VERSION, c, d]), "must come here"),
        ("version twice, at the end", ar(&[VERSION, c, d, VERSION]), "a second time"),
        ("no control", ar(&[VERSION, d]), "must come here"),
        ("no data", ar(&[VERSION, c]), "`data.tar` is missing"),
        ("version alone", ar(&[VERSION]), "`control.tar` is missing"),
        ("swapped", ar(&[VERSION, d, c]), "must come here"),
        ("control twice", ar(&[VERSION, c, c, d]), "must come here"),
        ("control after data", ar(&[VERSION, c, d, c]), "a second time"),
        (
            "control in another format after data",
            ar(&[VERSION, c, d, ("control.tar", &plain)]),
            "a second time",
        ),
        ("control in two formats", ar(&[VERSION, c, ("control.tar", &plain), d]), "must come here"),
        (
            "control in no known format after data",
            ar(&[VERSION, c, d, ("control.tar.foo", b"")]),
            "a second time",
        ),
        ("data twice", ar(&[VERSION, c, d, d]), "a second time"),
        ("data in two formats", ar(&[VERSION, c, d, ("data.tar", &data_tar())]), "a second time"),
        ("foreign member before control", ar(&[VERSION, ("x", b""), c, d]), "must come here"),
        ("foreign member before data", ar(&[VERSION, c, ("x", b""), d]), "must come here"),
    ]);
}

#[test]
fn the_format_version_is_two() {
    assert_refused([
        ("1.0", with_version(b"1.0\n"), "format version"),
        ("3.0", with_version(b"3.0\n"), "format version"),
        ("20.0", with_version(b"20.0\n"), "format version"),
        ("2", with_version(b"2\n"), "format version"),
        ("2.", with_version(b"2.\n"), "format version"),
        ("2.x", with_version(b"2.x\n"), "format version"),
        ("no newline", with_version(b"2.0"), "format version"),
        ("carriage return", with_version(b"2.0\r\n"), "format version"),
        ("empty", with_version(b""), "format version"),
        ("newline first", with_version(b"\n2.0\n"), "format version"),
        ("blank first", with_version(b" 2.0\n"), "format version"),
        ("NUL", with_version(b"2.0\0\n"), "format version"),
        ("24 MB", with_version(&[b'2'; 24_000_000]), "1024 bytes"),
    ]);
}

#[test]
fn formats_that_dpkg_does_not_know_are_refused() {
    let come = "must come here";
    assert_refused([
        ("control.tar.bz2", with_control_member("control.tar.bz2", &bz2(&control_tar(CONTROL))), come),
        ("control.tar.lzma", with_control_member("control.tar.lzma", &lzma(&control_tar(CONTROL))), come),
        ("control.tar.Z", with_control_member("control.tar.Z", b"\x1f\x9d"), come),
        ("control.tar.GZ", with_control_member("control.tar.GZ", &control()), come),
        ("control.tgz", with_control_member("control.tgz", &control()), come),
        ("control", with_control_member("control", CONTROL.as_bytes()), come),
        ("control.tar.", with_control_member("control.tar.", &control()), come),
        ("data.tar.lz4", with_data("data.tar.lz4", b"\x04\x22\x4d\x18"), come),
        ("data.tar.br", with_data("data.tar.br", b"abc"), come),
        ("data.tar.xz.gz", with_data("data.tar.xz.gz", &gz(&xz(&data_tar()))), come),
        ("data.zip", with_data("data.zip", b"PK"), come),
    ]);
}

#[test]
fn content_must_be_as_the_name_says_even_if_data_is_skipped() {
    let formats: [(&str, Vec<u8>); 5] = [
        (".gz", gz(&data_tar())),
        (".xz", xz(&data_tar())),
        (".zst", zst(&data_tar())),
        (".bz2", bz2(&data_tar())),
        ("", data_tar()),
    ];
    let skip = Options { data: Data::Skip, ..Options::default() };
    for (suffix, _) in &formats {
        for (other, content) in &formats {
            let bytes = with_data(&format!("data.tar{suffix}"), content);
            assert_eq!(read(&bytes).is_ok(), suffix == other, "{other} as {suffix}");
            assert_eq!(deb::read(&bytes[..], &skip).is_ok(), suffix == other, "{other} as {suffix}, skipped");
        }
    }
    assert_refused([
        (
            "control.tar.gz plain",
            with_control_member("control.tar.gz", &control_tar(CONTROL)),
            "as its name says",
        ),
        ("control.tar.xz gzip", with_control_member("control.tar.xz", &control()), "as its name says"),
        (
            "control.tar.zst xz",
            with_control_member("control.tar.zst", &xz(&control_tar(CONTROL))),
            "as its name says",
        ),
        ("control.tar gzip", with_control_member("control.tar", &control()), "control.tar"),
        ("control.tar.gz empty", with_control_member("control.tar.gz", b""), "as its name says"),
        ("control.tar empty", with_control_member("control.tar", b""), "cut short"),
        ("data.tar.gz empty", with_data("data.tar.gz", b""), "as its name says"),
        ("data.tar empty", with_data("data.tar", b""), "cut short"),
        ("data.tar text", with_data("data.tar", &[b'x'; 2048]), "checksum"),
    ]);
}

/// dpkg reads the first xz stream or zstd frame and drops the rest without a word. Zeros that fill up an xz stream belong to it.
#[test]
fn members_are_one_stream() {
    let rule = "one compressed stream";
    let tar = data_tar();
    let (first, second) = tar.split_at(1024);
    let control = control_tar(CONTROL);
    let (c1, c2) = control.split_at(512);
    let formats: [(&str, Pack); 5] =
        [(".gz", gz), (".xz", xz), (".zst", zst), (".bz2", bz2), (".lzma", lzma)];
    for (suffix, pack) in formats {
        let name = format!("data.tar{suffix}");
        let two = [pack(first), pack(second)].concat();
        let after = [pack(&tar), pack(b"")].concat();
        let junk = [&pack(&tar)[..], b"junk"].concat();
        let zeros = [&pack(&tar)[..], &[0; 8]].concat();
        assert_refused([(&name, with_data(&name, &junk), rule)]);
        // Members of gzip and zeros behind them are one stream.
        if suffix == ".gz" {
            continue;
        }
        let zeros = if suffix == ".xz" { [&pack(&tar)[..], &[0; 7]].concat() } else { zeros };
        for content in [two, after, zeros] {
            assert_refused([(&name, with_data(&name, &content), rule)]);
        }
        if !matches!(suffix, ".bz2" | ".lzma") {
            let name = format!("control.tar{suffix}");
            let two = [pack(c1), pack(c2)].concat();
            assert_refused([(&name, with_control_member(&name, &two), rule)]);
        }
    }
    let skippable = [b"\x50\x2a\x4d\x18\x04\0\0\0abcd", &zst(&tar)[..]].concat();
    assert_refused([
        ("skippable frame before", with_data("data.tar.zst", &skippable), "as its name says"),
        ("skippable frame after", with_data("data.tar.zst", &[zst(&tar), skippable.clone()].concat()), rule),
    ]);
}

#[test]
fn damage_is_found_wherever_it_is() {
    let formats: [(&str, Pack); 3] = [(".gz", gz), (".xz", xz), (".zst", zst)];
    for (suffix, pack) in formats {
        let packed = pack(&data_tar());
        let name = format!("data.tar{suffix}");
        for length in [1, 8, packed.len() / 2, packed.len() - 8, packed.len() - 1] {
            assert!(read(&with_data(&name, &packed[..length])).is_err(), "{name} cut to {length}");
        }
        for at in 0..packed.len() {
            let mut damaged = packed.clone();
            damaged[at] ^= 0x10;
            // Time and name in a gzip header mean nothing; everything else must be noticed, or change nothing.
            if let Ok(package) = read(&with_data(&name, &damaged)) {
                let sound = read(&with_data(&name, &packed)).unwrap();
                assert_eq!(package.files, sound.files, "{name}, byte {at}");
            }
        }
    }
}

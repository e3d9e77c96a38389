//! Small files that claim or unpack to a lot.

use crate::fixture::*;
use deb_parse::Limits;
use deb_parse::deb::{self, Options};
use std::io::{Read, Write};

/// Compresses `size` zeros after `start` without holding them.
fn zeros<W: Write>(mut encoder: W, start: &[u8], size: u64) -> W {
    encoder.write_all(start).unwrap();
    std::io::copy(&mut std::io::repeat(0).take(size), &mut encoder).unwrap();
    encoder
}

fn gz_zeros(start: &[u8], size: u64) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zeros(encoder, start, size).finish().unwrap()
}

fn zst_zeros(start: &[u8], size: u64) -> Vec<u8> {
    zeros(zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap(), start, size).finish().unwrap()
}

fn xz_zeros(start: &[u8], size: u64) -> Vec<u8> {
    zeros(xz2::write::XzEncoder::new(Vec::new(), 0), start, size).finish().unwrap()
}

/// What no format packs any smaller.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(&mut next).take(size).collect()
}

fn huge_file(path: &str, size: u64) -> Vec<u8> {
    let header = Header::new(path.as_bytes(), b'0', 0).with(124, format!("{size:012o}").as_bytes());
    Tar::new().raw(&header, b"").0
}

#[test]
fn a_control_archive_unpacks_to_64_mib_at_most() {
    const SIZE: u64 = 100 << 20;
    let control =
        |name: &str, content: Vec<u8>| ar(&[VERSION, (name, &content), ("data.tar.gz", &gz(&data_tar()))]);
    let start = [&Tar::new().file("./control", CONTROL).0[..], &huge_file("./x", SIZE)[512..]].concat();
    assert_refused([
        ("gz", control("control.tar.gz", gz_zeros(&start, SIZE)), "unpacked control archive"),
        ("zst", control("control.tar.zst", zst_zeros(&start, SIZE)), "unpacked control archive"),
        ("xz", control("control.tar.xz", xz_zeros(&start, SIZE)), "unpacked control archive"),
        (
            "plain",
            control("control.tar", [&start[..], &vec![0; SIZE as usize]].concat()),
            "unpacked control archive",
        ),
        (
            "control itself",
            control("control.tar.gz", gz_zeros(&huge_file("./control", SIZE), SIZE)),
            "more than 1048576 bytes of the control file",
        ),
        (
            "zeros after the end",
            control("control.tar.gz", gz_zeros(&start[..start.len() - 512], SIZE)),
            "unpacked control archive",
        ),
    ]);
}

#[test]
fn a_data_archive_unpacks_to_its_limit_at_most() {
    let options = Options { limits: Limits::default().with_data_unpacked(10 << 20), ..Options::default() };
    let start = huge_file("./x", 20 << 20);
    for (name, content) in [
        ("data.tar.gz", gz_zeros(&start, 20 << 20)),
        ("data.tar.xz", xz_zeros(&start, 20 << 20)),
        ("data.tar.zst", zst_zeros(&start, 20 << 20)),
    ] {
        let bytes = ar(&[VERSION, ("control.tar.gz", &gz(&control_tar(CONTROL))), (name, &content)]);
        let error = deb::read(&bytes[..], &options).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{name}: more than 10485760 bytes of the unpacked data archive, which is the limit")
        );
        assert!(read(&bytes).is_ok(), "{name} fits the default");
    }
    // Large, and honestly so.
    let noise = [&huge_file("./x", 12 << 20)[..], &noise(12 << 20), &[0; 1024]].concat();
    for (name, content) in [("data.tar", noise.clone()), ("data.tar.zst", zst(&noise))] {
        let bytes = ar(&[VERSION, ("control.tar.gz", &gz(&control_tar(CONTROL))), (name, &content)]);
        assert!(deb::read(&bytes[..], &options).is_ok(), "{name}");
    }
}

#[test]
fn claims_cost_nothing() {
    // A window of 2 GiB, a content size of 2^62.
    let window = b"\x28\xb5\x2f\xfd\x04\xa8\x01\0\0".to_vec();
    let content = [&b"\x28\xb5\x2f\xfd\xc0\x58"[..], &(1u64 << 62).to_le_bytes(), b"\x01\0\0"].concat();
    // A dictionary of 4 GiB - 1.
    let dictionary = [&b"\x5d\xff\xff\xff\xff"[..], &[0xff; 8], b"\0\0\0\0\0\0"].concat();
    let data = |name: &str, content: &[u8]| {
        ar(&[VERSION, ("control.tar.gz", &gz(&control_tar(CONTROL))), (name, content)])
    };
    assert_refused([
        ("zstd window", data("data.tar.zst", &window), "damaged"),
        ("zstd content size", data("data.tar.zst", &content), "data.tar.zst"),
        ("lzma dictionary", data("data.tar.lzma", &dictionary), "damaged"),
        ("xz dictionary", data("data.tar.xz", &xz_with_dictionary()), "damaged"),
    ]);
    let mut cut = with_data_tar(&[&Tar::new().0[..], &huge_file("./x", 8 << 30)[512..]].concat());
    cut.extend(member("_x", b""));
    assert_refused([("a file of 8 GiB that is not there", cut, "cut short inside an entry")]);
}

/// An xz stream whose block header asks for a dictionary of 4 GiB - 1.
fn xz_with_dictionary() -> Vec<u8> {
    let mut stream = xz(b"x");
    // Stream header of 12 bytes; block header: size, flags, filter 0x21, 1 byte of properties.
    assert_eq!(&stream[14..16], b"\x21\x01");
    stream[16] = 40;
    let mut crc = flate2::Crc::new();
    crc.update(&stream[12..20]);
    stream[20..24].copy_from_slice(&crc.sum().to_le_bytes());
    stream
}

#[test]
fn entries_and_names_are_limited() {
    let mut many = Tar::new();
    for number in 0..50_000 {
        many = many.file(&format!("./{number}"), "");
    }
    assert_refused([
        ("control files", with_control_tar(&many.clone().end()), "entries of the control archive"),
        (
            "long name",
            with_data_tar(
                &Tar::new().raw(&Header::new(b"././@LongLink", b'L', 1 << 20), &vec![b'a'; 1 << 20]).end(),
            ),
            "path name",
        ),
    ]);
    let options = Options { limits: Limits::default().with_data_entries(49_999), ..Options::default() };
    let bytes = with_data_tar(&many.end());
    assert!(deb::read(&bytes[..], &options).unwrap_err().to_string().contains("entries of the data archive"));
    let options = Options { limits: Limits::default().with_list_bytes(1000), ..Options::default() };
    assert!(deb::read(&bytes[..], &options).unwrap_err().to_string().contains("all path names"));
    assert_eq!(read(&bytes).unwrap().files.unwrap().len(), 50_000);
}

#[test]
fn fields_and_relations_are_limited() {
    let many_fields: String = (0..20_000).map(|number| format!("X-{number}: a\n")).collect();
    let many_relations = vec!["aa"; 20_000].join(" | ");
    let many_dependencies = vec!["aa"; 20_000].join(", ");
    assert_refused([
        ("fields", with_control(format!("{CONTROL}{many_fields}")), "fields of a paragraph"),
        (
            "alternatives",
            with_control(control_but("", &format!("Depends: {many_relations}"))),
            "relations in a field",
        ),
        (
            "relations",
            with_control(control_but("", &format!("Depends: {many_dependencies}"))),
            "relations in a field",
        ),
        (
            "a line of 100 MB",
            with_control(control_but("", &format!("X-Long: {}", "a".repeat(60_000_000)))),
            "bytes of the control file",
        ),
        (
            "control of 1 MiB and a byte",
            with_control(control_but("", &format!("X-Long: {}", "a".repeat(1 << 20)))),
            "bytes of the control file",
        ),
    ]);
}

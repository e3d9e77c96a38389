//! Data archives that are not unpacked: whether their streams are whole is seen all the same.

use std::io::Write as _;
use std::process::{Command, Stdio};

use deb_parse::deb::{self, Data, Options, Package};

use crate::fixture::*;

fn skip(bytes: &[u8]) -> Result<Package, deb_parse::Error> {
    deb::read(bytes, &Options { data: Data::Skip, ..Options::default() })
}

fn with_data(name: &str, content: &[u8]) -> Vec<u8> {
    ar(&[VERSION, ("control.tar.gz", &gz(&control_tar(CONTROL))), (name, content)])
}

/// Bytes that no compressor makes smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

fn tar_of(content: &[u8]) -> Vec<u8> {
    Tar::new().file("./x", content).end()
}

const FORMATS: [(&str, Pack); 4] = [(".gz", gz), (".xz", xz), (".zst", zst), (".bz2", bz2)];

#[test]
fn a_stream_that_was_cut_is_refused_without_unpacking_it() {
    let tars = [tar_of(b"hello"), tar_of(&noise(300_000)), tar_of(&vec![b'x'; 3_000_000])];
    for (suffix, pack) in FORMATS {
        let name = format!("data.tar{suffix}");
        for tar in &tars {
            let packed = pack(tar);
            skip(&with_data(&name, &packed)).unwrap();
            let step = packed.len() / 150 + 1;
            let lengths =
                (30..packed.len()).step_by(step).chain(packed.len().saturating_sub(20)..packed.len());
            let (mut cuts, mut taken) = (0, 0);
            for length in lengths {
                cuts += 1;
                taken += usize::from(skip(&with_data(&name, &packed[..length])).is_ok());
            }
            // What is left of a gzip stream can end in a size that is possible.
            let most = if suffix == ".gz" { cuts / 50 } else { 0 };
            assert!(taken <= most, "{taken} of {cuts} of {name}, {} bytes", packed.len());
        }
    }
}

#[test]
fn what_follows_the_stream_is_refused_without_unpacking_it() {
    let tar = tar_of(b"hello");
    for (suffix, pack) in [(".xz", xz as Pack), (".zst", zst)] {
        let name = format!("data.tar{suffix}");
        for more in [pack(&tar), pack(b""), b"junk".to_vec(), vec![0; 7], [&[0; 8][..], &pack(&tar)].concat()]
        {
            let bytes = with_data(&name, &[pack(&tar), more].concat());
            assert_follows(&skip(&bytes).unwrap_err(), &name);
            assert_follows(&read(&bytes).unwrap_err(), &name);
        }
    }
    // Whether gzip was cut cannot be seen, nor anything behind more than what is kept.
    let long = [b"j".repeat(70_000), b"junk".to_vec()];
    for (suffix, pack) in FORMATS {
        let name = format!("data.tar{suffix}");
        for junk in &long {
            let bytes = with_data(&name, &[pack(&tar), junk.clone()].concat());
            assert_follows(&skip(&bytes).unwrap_err(), &name);
            assert_follows(&read(&bytes).unwrap_err(), &name);
        }
    }
}

#[track_caller]
fn assert_follows(error: &deb_parse::Error, name: &str) {
    let said = error.to_string();
    assert!(said.contains("something follows"), "{name}: {said}");
}

/// The format allows zeros behind a stream, four at a time (section 2.2); dpkg passes over them.
#[test]
fn xz_streams_may_be_filled_up_with_zeros() {
    for tar in [tar_of(b"hello"), tar_of(&noise(300_000)), tar_of(&vec![b'x'; 3_000_000])] {
        let packed = xz(&tar);
        for zeros in [0, 4, 8, 512, 32_768, 61_440] {
            let filled = [&packed[..], &vec![0; zeros]].concat();
            let bytes = with_data("data.tar.xz", &filled);
            skip(&bytes).unwrap_or_else(|error| panic!("skip with {zeros} zeros: {error}"));
            read(&bytes).unwrap_or_else(|error| panic!("read with {zeros} zeros: {error}"));
            let control = [xz(&control_tar(CONTROL)), vec![0; zeros]].concat();
            let bytes = ar(&[VERSION, ("control.tar.xz", &control), ("data.tar.xz", &filled)]);
            read(&bytes).unwrap_or_else(|error| panic!("control with {zeros} zeros: {error}"));
            // Near the size of a pipe dpkg may fail, when the machine has many.
            if let Some(unpacked) = crate::dpkg::unpack(&bytes).filter(|_| zeros <= 512) {
                assert!(unpacked.is_ok(), "dpkg with {zeros} zeros");
            }
            // A file that was cut and filled up with zeros, as some programs leave it.
            let cut = [&packed[..packed.len() - 16], &vec![0; zeros + 16]].concat();
            assert!(skip(&with_data("data.tar.xz", &cut)).is_err(), "cut, with {zeros} zeros");
        }
    }
}

/// `dpkg-deb` feeds a pipe that nobody reads any more, and is killed when it is full.
#[test]
fn more_zeros_than_dpkg_passes_over_are_refused() {
    let tar = tar_of(b"hello");
    for (member, packed) in [("data.tar.xz", xz(&tar)), ("data.tar.gz", gz(&tar))] {
        for zeros in [61_480, 65_536, 200_000, 1 << 20] {
            let filled = [&packed[..], &vec![0; zeros]].concat();
            let bytes = with_data(member, &filled);
            for error in [skip(&bytes).unwrap_err(), read(&bytes).unwrap_err()] {
                assert!(error.to_string().contains("60 KiB of zeros"), "{member}, {zeros} zeros: {error}");
            }
            if let Some(unpacked) = crate::dpkg::unpack(&bytes).filter(|_| zeros == 1 << 20) {
                assert!(unpacked.is_err(), "dpkg takes {member} with {zeros} zeros");
            }
        }
    }
    let control = [xz(&control_tar(CONTROL)), vec![0; 1 << 20]].concat();
    let bytes = ar(&[VERSION, ("control.tar.xz", &control), ("data.tar.xz", &xz(&tar))]);
    assert!(read(&bytes).is_err());
}

/// zlib, with which dpkg reads, goes on with the next member. What dpkg refuses is refused where the archive is unpacked.
#[test]
fn gzip_members_and_zeros_are_read_whether_unpacked_or_not() {
    let tars = [tar_of(b"hello"), tar_of(&noise(300_000)), tar_of(&vec![b'x'; 3_000_000])];
    for tar in &tars {
        for at in [1, 512, 700, 1024, tar.len() - 1, tar.len()] {
            for zeros in [0, 1, 7, 8, 9, 600, 61_440] {
                let packed = [gz_members(tar, at), vec![0; zeros]].concat();
                let bytes = with_data("data.tar.gz", &packed);
                skip(&bytes).unwrap_or_else(|error| panic!("skip at {at} with {zeros} zeros: {error}"));
                read(&bytes).unwrap_or_else(|error| panic!("read at {at} with {zeros} zeros: {error}"));
            }
        }
        let whole = gz_members(tar, 700);
        for (case, packed) in [
            ("second member cut", whole[..whole.len() - 20].to_vec()),
            ("start of a member only", [gz(tar), b"\x1f\x8b\x08".to_vec()].concat()),
            ("junk", [gz(tar), b"junk".to_vec()].concat()),
            ("junk behind zeros", [gz(tar), vec![0; 20], b"j".to_vec()].concat()),
            ("member behind zeros", [gz(&tar[..1024]), vec![0; 8], gz(&tar[1024..])].concat()),
            ("another archive", [gz(tar), gz(tar)].concat()),
        ] {
            assert!(read(&with_data("data.tar.gz", &packed)).is_err(), "{case}");
        }
    }
    // A member may end wherever a piece of the file does.
    let many: Vec<u8> = tars[1].chunks(97).flat_map(gz).collect();
    let bytes = with_data("data.tar.gz", &many);
    skip(&bytes).unwrap();
    read(&bytes).unwrap();
    assert!(skip(&with_data("data.tar.gz", &many[..many.len() - 9])).is_err());
}

#[test]
fn damage_to_what_is_seen_is_found() {
    let small = tar_of(b"hello");
    let packed = xz(&small);
    for at in packed.len() - 24..packed.len() {
        let mut damaged = packed.clone();
        damaged[at] ^= 0x10;
        assert!(skip(&with_data("data.tar.xz", &damaged)).is_err(), "byte {at} from {}", packed.len());
    }
    let message = |bytes: &[u8]| skip(&with_data("data.tar.zst", bytes)).unwrap_err().to_string();
    let frame = |rest: &[u8]| [&b"\x28\xb5\x2f\xfd"[..], rest].concat();
    let empty_block = [1, 0, 0];
    insta::assert_snapshot!(message(&frame(&[&[1, 0, 5][..], &empty_block].concat())), @"data.tar.zst: the compressed data needs a dictionary");
    insta::assert_snapshot!(message(&frame(&[&[0, 0x90][..], &empty_block].concat())), @"data.tar.zst: the compressed data needs a larger window than dpkg gives it");
    insta::assert_snapshot!(message(&frame(&[&[8, 0][..], &empty_block].concat())), @"data.tar.zst: the compressed data is damaged");
    insta::assert_snapshot!(message(&frame(&[0, 0, 7, 0, 0])), @"data.tar.zst: the compressed data is damaged");
    insta::assert_snapshot!(message(&frame(&[0, 0, 0, 0, 0])), @"data.tar.zst: the compressed data is cut short");
}

/// An archive that is not compressed is checked as if it were to be listed.
#[test]
fn an_archive_that_is_not_compressed_is_checked() {
    let tar = tar_of(b"hello");
    assert!(skip(&with_data("data.tar", &tar)).unwrap().files.is_none());
    assert!(skip(&with_data("data.tar", &tar[..1100])).is_err());
    assert!(skip(&with_data("data.tar", &tar_of(b"x").repeat(2))).is_err());
}

/// Has a program compress; nothing if it is not installed.
fn piped(words: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut command = Command::new(words[0]);
    let child = command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: {} is not installed", words[0]);
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    output.status.success().then_some(output.stdout)
}

/// Nothing that is whole is refused: streams of the real programs, with the settings that builders use.
#[test]
fn streams_of_the_real_programs_are_taken() {
    let commands: [&[&str]; 17] = [
        &["gzip", "-c"],
        &["gzip", "-1cn"],
        &["pigz", "-c9"],
        &["pigz", "-c0"],
        &["xz", "-c"],
        &["xz", "-c0", "--check=crc32"],
        &["xz", "-c9e", "--check=none"],
        &["xz", "-cT2", "--block-size=64KiB"],
        &["xz", "-c", "--check=sha256", "--block-list=1000,2000,0"],
        &["zstd", "-c"],
        &["zstd", "-c1", "--no-check"],
        &["zstd", "-c19", "-T2"],
        &["zstd", "-c", "--long=27"],
        &["zstd", "-c", "--fast=5"],
        &["zstd", "-c", "--no-compress-literals"],
        &["bzip2", "-c1"],
        &["bzip2", "-c9"],
    ];
    for content in [
        vec![],
        b"hello".to_vec(),
        noise(700_000),
        vec![0; 5_000_000],
        [noise(1000), vec![7; 1_000_000]].concat(),
    ] {
        let tar = tar_of(&content);
        for words in commands {
            let Some(packed) = piped(words, &tar) else { continue };
            let suffix = match words[0] {
                "gzip" | "pigz" => "gz",
                "bzip2" => "bz2",
                "zstd" => "zst",
                _ => "xz",
            };
            let bytes = with_data(&format!("data.tar.{suffix}"), &packed);
            skip(&bytes).unwrap_or_else(|error| panic!("{words:?}, {} bytes: {error}", content.len()));
            read(&bytes)
                .unwrap_or_else(|error| panic!("{words:?}, {} bytes, listed: {error}", content.len()));
        }
    }
}

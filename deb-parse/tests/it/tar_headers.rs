//! Headers of tar entries in every form that builders and attackers write, with `dpkg --unpack` as the judge.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::PermissionsExt as _;

use deb_parse::Limits;
use deb_parse::checksum::HashKinds;
use deb_parse::deb::tarball;

use crate::dpkg;
use crate::fixture::*;

/// Where the numbers of a header start, and their length.
const NUMBERS: [(&str, usize, usize); 5] =
    [("mode", 100, 8), ("uid", 108, 8), ("gid", 116, 8), ("size", 124, 12), ("mtime", 136, 12)];

/// Fields of `length` bytes, with the octal digits of `value` in most of them.
fn forms(value: u64, length: usize) -> Vec<Vec<u8>> {
    let digits = format!("{value:0width$o}", width = length - 1);
    let base_256 = |first: u8, rest: i128| {
        let bytes = rest.to_be_bytes();
        [&[first], &bytes[bytes.len() - (length - 1)..]].concat()
    };
    let mut forms = vec![
        [digits.as_bytes(), b"\0"].concat(),
        [digits.as_bytes(), b" "].concat(),
        [b"0", digits.as_bytes()].concat(),
        format!("{value:>width$o} ", width = length - 1).into_bytes(),
        format!("{value:>width$o}\0", width = length - 1).into_bytes(),
        format!("{value:<length$o}").into_bytes(),
        [&format!("{value:o} \0").into_bytes()[..], &vec![b' '; length]].concat()[..length].to_vec(),
        [&format!("{value:o}").into_bytes()[..], &vec![0; length]].concat()[..length].to_vec(),
        vec![0; length],
        vec![b' '; length],
        [&b"  "[..], &vec![0; length - 2]].concat(),
        [&b"\0"[..], &vec![b' '; length - 1]].concat(),
        [b"\0", digits.as_bytes()].concat(),
        [b"\t", digits.as_bytes()].concat(),
        [b"-", digits.as_bytes()].concat(),
        [b"+", digits.as_bytes()].concat(),
        [&b"0x10"[..], &vec![0; length - 4]].concat(),
        [&b"8"[..], &vec![0; length - 1]].concat(),
        [&b"0 1"[..], &vec![0; length - 3]].concat(),
        [&b"0\x001"[..], &vec![0; length - 3]].concat(),
        [&b"0\n"[..], &vec![0; length - 2]].concat(),
        base_256(0x80, i128::from(value)),
        base_256(0x80, i128::from(u32::MAX - 1)),
        base_256(0x80, i128::from(u32::MAX) + 1),
        base_256(0xff, -1),
        base_256(0xff, -1000),
        base_256(0x81, i128::from(value)),
        base_256(0xc0, i128::from(value)),
        base_256(0xfe, -1),
        vec![b'7'; length],
    ];
    if length == 12 {
        forms.push(base_256(0x80, i128::from(i64::MAX)));
        forms.push(base_256(0x80, i128::from(i64::MAX) + 1));
        forms.push(base_256(0xff, i128::from(i64::MIN)));
        forms.push(base_256(0xff, i128::from(i64::MIN) - 1));
        forms.push(base_256(0x80, 1 << 80));
    }
    forms
}

/// A header as a builder could write it, which belongs to nobody by name.
fn header(path: &[u8], kind: u8, size: usize) -> Header {
    Header::new(path, kind, size).with(265, &[0; 64])
}

fn variants(path: &[u8], content: &[u8]) -> Vec<(String, Vec<u8>)> {
    let size = content.len();
    let mut variants = Vec::new();
    for (name, at, length) in NUMBERS {
        let value = match name {
            "mode" => 0o640,
            "size" => size as u64,
            _ => 7,
        };
        for form in forms(value, length) {
            let tar = Tar::new().raw(&header(path, b'0', size).with(at, &form), content);
            variants.push((format!("{name} {}", form.escape_ascii()), tar.end()));
        }
    }
    let magics: [&[u8]; 9] = [
        b"ustar\x0000",
        b"ustar  \0",
        b"\0\0\0\0\0\0\0\0",
        b"ustar\x0001",
        b"ustar\0\0\0",
        b"ustar   ",
        b"ustar00\0",
        b"abcdefgh",
        b"        ",
    ];
    for magic in magics {
        for prefix in [&b""[..], b"./usr"] {
            let header = header(path, b'0', size).with(257, magic).with(345, prefix).with(265, b"nobody");
            let directory = if path == b"./x" { Tar::new().dir("./usr/") } else { Tar::new() };
            let tar = directory.raw(&header, content);
            variants.push((
                format!("magic {}, prefix {}", magic.escape_ascii(), prefix.escape_ascii()),
                tar.end(),
            ));
        }
    }
    for kind in [b'\0', b'0', b'7', b'x', b'g', b'S', b'V', b'M', b'D', b'A', b'X', b'8', b'Z'] {
        let tar = Tar::new().raw(&header(path, kind, size), content);
        variants.push((format!("type {}", kind.escape_ascii()), tar.end()));
    }
    let sealed = header(path, b'0', size).sealed();
    let sum = u64::from_str_radix(std::str::from_utf8(&sealed[148..154]).unwrap(), 8).unwrap();
    let signed = Header(sealed).with(329, b"\xff").sealed();
    let signed_sum = u64::from_str_radix(std::str::from_utf8(&signed[148..154]).unwrap(), 8).unwrap() - 256;
    let mut sums: Vec<(Vec<u8>, [u8; 512])> = forms(sum, 8).into_iter().map(|form| (form, sealed)).collect();
    sums.push((format!("{signed_sum:06o}\0 ").into_bytes(), signed));
    for (form, mut block) in sums {
        block[148..156].copy_from_slice(&form);
        let mut tar = Tar::new();
        tar.0.extend(block);
        tar.0.extend(content);
        tar.0.resize(tar.0.len().next_multiple_of(512), 0);
        variants.push((format!("checksum {}", form.escape_ascii()), tar.end()));
    }
    variants
}

/// What is taken is unpacked by dpkg as it was read, and what is refused is refused by dpkg.
#[test]
fn every_form_of_a_header_is_read_as_dpkg_reads_it() {
    let content = b"content of a file";
    let mut wrong = Vec::new();
    for (name, tar) in variants(b"./x", content) {
        let bytes = with_data_tar(&tar);
        let Some(theirs) = dpkg::unpack(&bytes) else { return };
        match (read(&bytes), theirs) {
            (Err(_), Err(_)) => {}
            (Ok(_), Err(error)) => wrong.push(format!("{name}: taken, but dpkg says {error}")),
            (Err(error), Ok(_)) => wrong.push(format!("{name}: dpkg takes it, but {error}")),
            (Ok(package), Ok(root)) => {
                let file = package.files.unwrap().pop().unwrap();
                let path = root.directory.path().join(String::from_utf8(file.path).unwrap());
                let Ok(data) = std::fs::symlink_metadata(&path) else {
                    wrong.push(format!("{name}: {} is missing", path.display()));
                    continue;
                };
                let owner = match file.owner.user.as_str() {
                    "nobody" => (data.uid(), file.owner.gid),
                    _ => (file.owner.uid, file.owner.gid),
                };
                let ours = (file.size, file.mode, owner);
                let theirs = (data.len(), data.permissions().mode() & 0o7777, (data.uid(), data.gid()));
                if ours != theirs {
                    wrong.push(format!("{name}: read as {ours:?}, unpacked as {theirs:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The tarballs of source packages are unpacked by GNU tar: what it lists without a complaint is listed alike.
#[test]
fn every_form_of_a_header_that_gnu_tar_reads_is_read_in_tarballs() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.tar");
    let (mut wrong, mut listed) = (Vec::new(), 0);
    let record = b"12 path=yyy\n";
    let with_record = |kind: u8| {
        let tar = Tar::new().raw(&header(b"./r", kind, record.len()), record).file("./x", "");
        (format!("record of type {}", kind.escape_ascii()), tar.end())
    };
    let mut archives = variants(b"./x", b"content of a file");
    // Their content is not a record, and the name of a volume is not a file.
    archives.retain(|(name, _)| !matches!(name.as_str(), "type x" | "type X" | "type V"));
    archives.extend([b'x', b'X'].map(with_record));
    for (name, tar) in archives {
        std::fs::write(&path, &tar).unwrap();
        let Some(output) = dpkg::run("tar", &["-tf", path.to_str().unwrap()]) else { return };
        if !output.status.success() {
            continue;
        }
        listed += 1;
        let theirs = String::from_utf8(output.stdout).unwrap();
        let plain =
            |path: &str| path.trim_start_matches("./").replace("/./", "/").trim_matches('/').to_owned();
        let theirs: Vec<String> = theirs.lines().map(plain).filter(|path| !path.is_empty()).collect();
        let read =
            tarball::read(&tar[..], tar.len() as u64, HashKinds::default(), &Limits::default()).unwrap();
        match read.files {
            Ok(files) => {
                let ours: Vec<String> =
                    files.iter().map(|file| String::from_utf8_lossy(&file.path).into_owned()).collect();
                if ours != theirs {
                    wrong.push(format!("{name}: {ours:?}, GNU tar: {theirs:?}"));
                }
            }
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(listed > 50, "{listed}");
}

/// The control archive is unpacked by GNU tar, which is more lenient in forms that no builder writes.
#[test]
fn no_header_of_the_control_archive_is_taken_that_dpkg_refuses() {
    let mut wrong = Vec::new();
    let mut taken = 0;
    for (name, tar) in variants(b"./control", CONTROL.as_bytes()) {
        let bytes = with_control_tar(&tar);
        let Some(theirs) = dpkg::dpkg_deb(&bytes) else { return };
        match (read(&bytes), theirs) {
            (Err(_), _) => assert!(
                !name.starts_with("magic") && !name.starts_with("type 7") || name.ends_with("./usr"),
                "{name}"
            ),
            (Ok(_), Err(error)) => wrong.push(format!("{name}: taken, but dpkg says {error}")),
            (Ok(_), Ok(theirs)) => {
                taken += 1;
                assert_eq!(theirs.fields[0], "probe");
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(taken > 50, "{taken}");
}

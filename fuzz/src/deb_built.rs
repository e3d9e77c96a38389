//! A law of the crate `deb-parse` for packages that are built from what a fuzzer says: archives in archives with every field to
//! choose, and headers that are right as often as wrong.

use std::io::Write as _;

use arbitrary::{Result, Unstructured};

use super::checks::Law;
use super::deb_parse;

/// All laws by the names of their fuzz targets.
pub const LAWS: &[(&str, Law)] = &[("deb_built", deb_built), ("tarball_built", tarball_built)];

/// A package made of members, entries and compressions keeps the law for any package.
pub fn deb_built(bytes: &[u8]) {
    if let Ok(package) = package(&mut Unstructured::new(bytes)) {
        deb_parse::deb_read(&package);
        deb_parse::deb_transfer(&package);
    }
}

/// A tarball made of entries, compressed in any way, keeps the law for any tarball.
pub fn tarball_built(bytes: &[u8]) {
    let mut input = Unstructured::new(bytes);
    if let Ok(packed) =
        tar(&mut input, false).and_then(|tar| compressed(&mut input, &tar).map(|(_, packed)| packed))
    {
        deb_parse::tarball_read(&packed);
    }
}

fn package(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut out = b"!<arch>\n".to_vec();
    // As a package is, with something odd here and there.
    for name in ["debian-binary", "control.tar", "data.tar"] {
        if input.ratio(1, 8)? {
            let (name, content) = (text(input)?, input.arbitrary::<Vec<u8>>()?);
            member(input, &mut out, &name, &content)?;
        }
        if input.ratio(1, 32)? {
            continue;
        }
        let (suffix, content) = match name {
            "debian-binary" => {
                let choices = [&b"2.0\n"[..], b"2.1\n", b"3.0\n", b"2.0", b"2.0\nmore\n", b""];
                ("", if input.ratio(7, 8)? { choices[0] } else { *input.choose(&choices)? }.to_vec())
            }
            _ => {
                let tar = tar(input, name == "control.tar")?;
                compressed(input, &tar)?
            }
        };
        member(input, &mut out, &format!("{name}{suffix}"), &content)?;
    }
    Ok(out)
}

/// A text compressed in some way, and the ending of its name, which mostly says how.
fn compressed(input: &mut Unstructured<'_>, text: &[u8]) -> Result<(&'static str, Vec<u8>)> {
    const ALL: [&str; 6] = ["", ".gz", ".xz", ".zst", ".bz2", ".lzma"];
    let way = *input.choose(&ALL)?;
    let mut packed = match way {
        ".gz" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text).and_then(|()| encoder.finish()).unwrap()
        }
        ".xz" => {
            let mut encoder = xz2::write::XzEncoder::new(Vec::new(), 0);
            encoder.write_all(text).and_then(|()| encoder.finish()).unwrap()
        }
        ".lzma" => {
            let options = xz2::stream::LzmaOptions::new_preset(0).unwrap();
            let stream = xz2::stream::Stream::new_lzma_encoder(&options).unwrap();
            let mut encoder = xz2::write::XzEncoder::new_stream(Vec::new(), stream);
            encoder.write_all(text).and_then(|()| encoder.finish()).unwrap()
        }
        ".zst" => zstd::bulk::compress(text, 1).unwrap(),
        ".bz2" => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(text).and_then(|()| encoder.finish()).unwrap()
        }
        _ => text.to_vec(),
    };
    if input.ratio(1, 16)? && !packed.is_empty() {
        let at = input.choose_index(packed.len())?;
        packed[at] ^= input.arbitrary::<u8>()?;
    }
    if input.ratio(1, 16)? {
        packed.extend(input.arbitrary::<Vec<u8>>()?);
    }
    Ok((if input.ratio(15, 16)? { way } else { input.choose(&ALL)? }, packed))
}

fn member(input: &mut Unstructured<'_>, out: &mut Vec<u8>, name: &str, content: &[u8]) -> Result<()> {
    let size = if input.ratio(31, 32)? { content.len().to_string() } else { text(input)? };
    let end = if input.ratio(31, 32)? { "`\n" } else { "\n`" };
    let header = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}{end}", 0, 0, 0, 100_644);
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(content);
    if content.len() % 2 == 1 && input.ratio(31, 32)? {
        out.push(b'\n');
    }
    Ok(())
}

fn tar(input: &mut Unstructured<'_>, is_control: bool) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    if is_control && input.ratio(31, 32)? {
        let mut control = "Package: hello\nVersion: 1.0-1\nArchitecture: amd64\nMaintainer: A <a@example.org>\nDescription: x\n".to_owned();
        if input.ratio(1, 4)? {
            control.push_str(&text(input)?);
        }
        entry(input, &mut out, "./control", b'0', control.as_bytes())?;
    }
    while input.ratio(3, 4)? && !input.is_empty() && out.len() < 1 << 16 {
        const NAMES: [&str; 14] = [
            "./",
            "./usr/",
            "./usr/bin/hello",
            "./conffiles",
            "./md5sums",
            "./postinst",
            "../up",
            "/absolute",
            "./etc/hello.conf",
            "a//b",
            "./usr/share/doc/hello/changelog.Debian.gz",
            "./templates",
            ".",
            "debian/changelog",
        ];
        let name = if input.ratio(3, 4)? { (*input.choose(&NAMES)?).to_owned() } else { text(input)? };
        let kinds = b"00005521346789gLKxXSVDNM\0";
        let kind = if input.ratio(15, 16)? { *input.choose(kinds)? } else { input.arbitrary()? };
        let content = match kind {
            b'x' | b'g' => pax(input)?,
            b'L' | b'K' => [text(input)?.as_bytes(), &[0]].concat(),
            b'5' | b'2' | b'1' if input.ratio(15, 16)? => Vec::new(),
            _ => input.arbitrary::<Vec<u8>>()?,
        };
        entry(input, &mut out, &name, kind, &content)?;
    }
    let zeros = if input.ratio(15, 16)? { 1024 } else { input.int_in_range(0..=2048)? };
    out.resize(out.len() + zeros, 0);
    Ok(out)
}

/// Records of a pax header (pax(1)): each with its own length before it.
fn pax(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    while input.ratio(1, 2)? && !input.is_empty() {
        let keys =
            ["path", "linkpath", "size", "uid", "mtime", "GNU.sparse.size", "SCHILY.xattr.x", "hdrcharset"];
        let (key, value) = (*input.choose(&keys)?, text(input)?);
        let rest = format!(" {key}={value}\n");
        let mut length = rest.len() + 1;
        while length.to_string().len() + rest.len() != length {
            length += 1;
        }
        if input.ratio(1, 16)? {
            length = input.arbitrary::<u32>()? as usize;
        }
        out.extend_from_slice(format!("{length}{rest}").as_bytes());
    }
    Ok(out)
}

fn entry(
    input: &mut Unstructured<'_>,
    out: &mut Vec<u8>,
    name: &str,
    kind: u8,
    content: &[u8],
) -> Result<()> {
    let mut header = [0; 512];
    let name = &name.as_bytes()[..name.len().min(100)];
    header[..name.len()].copy_from_slice(name);
    for (at, length, value) in [
        (100, 8, if input.ratio(7, 8)? { 0o644 } else { input.arbitrary()? }),
        (108, 8, 0),
        (116, 8, 0),
        (124, 12, content.len() as u64),
        (136, 12, 1_700_000_000),
    ] {
        let field: &mut [u8] = &mut header[at..at + length];
        match input.int_in_range(0..=47)? {
            // A number of the GNU form.
            0 => {
                field.fill(0);
                field[0] = 0x80;
                let start = length - 8;
                field[start..].copy_from_slice(&value.to_be_bytes());
                field[0] |= 0x80;
            }
            1 => input.fill_buffer(field)?,
            _ => {
                let digits = format!("{value:0width$o}", width = length - 1);
                let digits = &digits.as_bytes()[digits.len() - (length - 1)..];
                field[..length - 1].copy_from_slice(digits);
            }
        }
    }
    header[156] = kind;
    if input.ratio(1, 4)? {
        let target = text(input)?;
        let target = &target.as_bytes()[..target.len().min(100)];
        header[157..157 + target.len()].copy_from_slice(target);
    }
    match input.int_in_range(0..=7)? {
        0 => {}
        1..=3 => header[257..265].copy_from_slice(b"ustar\x0000"),
        _ => header[257..265].copy_from_slice(b"ustar  \0"),
    }
    if input.ratio(1, 8)? {
        let prefix = text(input)?;
        let prefix = &prefix.as_bytes()[..prefix.len().min(155)];
        header[345..345 + prefix.len()].copy_from_slice(prefix);
    }
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    if input.ratio(63, 64)? {
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    out.extend_from_slice(&header);
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
    Ok(())
}

fn text(input: &mut Unstructured<'_>) -> Result<String> {
    let text: String = input.arbitrary()?;
    Ok(text.chars().take(300).collect())
}

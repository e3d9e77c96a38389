//! Reads all packages of a folder, one after the other: `debs WORK FOLDER`. `compare` runs it.
//!
//! `control` and `files` are our work, with and without the list of files. `hashes`, `control-limit` and `files-limit` are
//! what it costs at the least: the checksums of the file alone, and those with nothing but the decoder run over the
//! members that must be unpacked.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use deb_parse::checksum::{HashKinds, Hasher};
use deb_parse::deb::{self, Data, Options};
use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::path::Path;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [work, folder, ..] = arguments.as_slice() else {
        return Err("usage: debs control|files|hashes|control-limit|files-limit FOLDER".into());
    };
    let unpacked: &[&str] = match work.as_str() {
        "control" | "files" | "hashes" => &[],
        "control-limit" => &["control.tar"],
        "files-limit" => &["control.tar", "data.tar"],
        _ => return Err(format!("no work is named {work}").into()),
    };
    let data = if work == "files" { Data::List } else { Data::Skip };
    let options = Options { data, ..Options::default() };
    let (mut packages, mut bytes) = (0, 0);
    let mut buffer = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            packages += 1;
            bytes += match work.as_str() {
                "control" | "files" => {
                    deb::read(File::open(&path)?, &options)
                        .map_err(|error| format!("{}: {error}", path.display()))?
                        .size
                }
                _ => least(&path, &mut buffer, unpacked)?,
            };
        }
    }
    println!("{packages} packages, {bytes} bytes");
    Ok(())
}

/// Hashes a package and unpacks the members whose names start so.
fn least(path: &Path, buffer: &mut Vec<u8>, unpacked: &[&str]) -> Result<u64, Failure> {
    buffer.clear();
    File::open(path)?.read_to_end(buffer)?;
    let mut hasher = Hasher::new(HashKinds::default())?;
    hasher.update(buffer);
    let size = black_box(hasher.finish()).size;
    let mut rest = buffer.get(8..).ok_or("no archive")?;
    while let Some((header, after)) = rest.split_first_chunk::<60>() {
        let name = std::str::from_utf8(&header[..16])?.trim_end();
        let length: usize = std::str::from_utf8(&header[48..58])?.trim_end().parse()?;
        let (member, after) = after.split_at_checked(length).ok_or("cut short")?;
        if unpacked.iter().any(|start| name.starts_with(start)) {
            let mut decoder: Box<dyn Read> = match name.rsplit('.').next() {
                Some("xz") => Box::new(xz2::bufread::XzDecoder::new(member)),
                Some("gz") => Box::new(flate2::bufread::GzDecoder::new(member)),
                _ => return Err(format!("{}: {name}", path.display()).into()),
            };
            let mut piece = [0; 32 * 1024];
            while decoder.read(&mut piece)? > 0 {
                black_box(&piece);
            }
        }
        rest = after.get(length % 2..).unwrap_or_default();
    }
    Ok(size)
}

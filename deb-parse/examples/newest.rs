//! Prints the newest version of each package in `Packages` files, compressed or not.
//!
//! ```console
//! $ cargo run --release --example newest -- Packages.xz
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{Read, Write};

use deb_parse::{Limits, Version, deb::Compression, deb822};

fn main() -> Result<(), Box<dyn Error>> {
    let mut newest = BTreeMap::new();
    for path in std::env::args().skip(1) {
        let mut index = Vec::new();
        Compression::of_name(&path)
            .reader(File::open(&path)?, &Limits::default())?
            .read_to_end(&mut index)?;
        note_newest(&index, &mut newest)?;
    }
    let mut output = std::io::stdout().lock();
    for (package, version) in newest {
        writeln!(output, "{package} {version}")?;
    }
    Ok(())
}

/// Notes the versions of an index that are newer than those known.
fn note_newest(index: &[u8], newest: &mut BTreeMap<String, Version>) -> Result<(), deb_parse::Error> {
    for paragraph in deb822::paragraphs(index) {
        let [Some(package), Some(version)] = paragraph.get_many(["Package", "Version"]) else { continue };
        let version = Version::parse(&String::from_utf8_lossy(version))?;
        let package = String::from_utf8_lossy(package).into_owned();
        match newest.get_mut(&package) {
            Some(known) if *known >= version => {}
            Some(known) => *known = version,
            None => drop(newest.insert(package, version)),
        }
    }
    Ok(())
}

#[cfg(test)]
#[test]
fn the_newest_version_is_found() {
    let index = b"Package: a\nVersion: 1.0\n\nPackage: a\nVersion: 1:0.5\n\nPackage: a\nVersion: 2.0\n";
    let mut newest = BTreeMap::new();
    note_newest(index, &mut newest).expect("every version is valid");
    assert_eq!(newest["a"].as_str(), "1:0.5");
}

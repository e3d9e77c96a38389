//! Prints what a package is, the files in it, and whether these are what its `md5sums` say.
//!
//! ```console
//! $ cargo run --release --example inspect_package -- hello_2.10-3_amd64.deb
//! ```

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Read, Write};

use deb_parse::{checksum::HashKinds, deb};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: inspect_package FILE")?;
    let told = inspect(BufReader::new(File::open(path)?))?;
    Ok(std::io::stdout().write_all(told.as_bytes())?)
}

fn inspect(package: impl Read) -> Result<String, deb_parse::Error> {
    let file_hashes = Some(HashKinds { md5: true, ..HashKinds::default() });
    let package = deb::read(package, &deb::Options { file_hashes, ..deb::Options::default() })?;
    let control = &package.control;
    let mut told = format!(
        "{} {} for {}, {} bytes, SHA-256 {}\n",
        control.package(),
        control.version(),
        control.architecture(),
        package.size,
        package.sha256
    );
    for file in package.files.iter().flatten() {
        let path = String::from_utf8_lossy(&file.path);
        told += &format!("{:o} {:>9} {path}\n", file.mode, file.size);
    }
    match package.md5sums_problems() {
        None => told += "it has no md5sums\n",
        Some(problems) if problems.is_empty() => told += "all files are as md5sums says\n",
        Some(problems) => {
            for problem in problems {
                told += &format!("{problem}\n");
            }
        }
    }
    Ok(told)
}

#[cfg(test)]
#[test]
fn a_package_that_was_just_built_is_as_it_says() {
    use deb_parse::{Architecture, PackageName, Version};

    let name = PackageName::parse("hello").expect("a name");
    let version = Version::parse("1.0").expect("a version");
    let bytes = deb::Builder::new(name, version, Architecture::parse("all").expect("an architecture"))
        .file("usr/bin/hello", "#!/bin/sh\necho hello\n", 0o755)
        .build()
        .expect("a package");
    let told = inspect(&bytes[..]).expect("it can be read");
    assert!(told.starts_with("hello 1.0 for all, "), "{told}");
    assert!(told.contains("755        21 usr/bin/hello\n"), "{told}");
    assert!(told.ends_with("all files are as md5sums says\n"), "{told}");
}

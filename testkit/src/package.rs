//! Small package files, good ones and broken ones.

use deb_parse::deb::{Builder, Compression};
use deb_parse::{Architecture, PackageName, Version};

/// A package with one file.
///
/// # Panics
/// When a name is not valid.
#[must_use]
pub fn builder(name: &str, version: &str, architecture: &str) -> Builder {
    let package = PackageName::parse(name).expect("a package name");
    let version = Version::parse(version).expect("a version");
    let architecture = Architecture::parse(architecture).expect("an architecture");
    let content = format!("{name} {version} {architecture}\n");
    Builder::new(package, version, architecture)
        .field("Maintainer", "Test <test@example.org>")
        .field("Section", "misc")
        .field("Priority", "optional")
        .description("a package of the tests")
        .file(format!("usr/share/{name}/content"), content, 0o644)
        .compression(Compression::Gzip)
}

/// A package whose control file is just this text, valid or not.
#[must_use]
pub fn with_control(control: &str) -> Vec<u8> {
    with_control_members(&[("./control", control)])
}

/// A package whose control archive has these members.
#[must_use]
pub fn with_control_members(members: &[(&str, &str)]) -> Vec<u8> {
    let control: Vec<u8> =
        members.iter().flat_map(|(name, text)| tar_member(name, text.as_bytes())).collect();
    archive(&[("debian-binary", b"2.0\n"), ("control.tar", &tar(control)), ("data.tar", &tar(Vec::new()))])
}

/// An `ar` archive of these members.
#[must_use]
pub fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        let header = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len());
        bytes.extend(header.as_bytes());
        bytes.extend(*content);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    }
    bytes
}

/// Ends a tar archive of these entries.
#[must_use]
pub fn tar(mut members: Vec<u8>) -> Vec<u8> {
    members.resize(members.len() + 1024, 0);
    members
}

/// An entry of a tar archive that is a file.
#[must_use]
pub fn tar_member(name: &str, content: &[u8]) -> Vec<u8> {
    let (size, blank) = (content.len(), " ");
    // Name, mode, owner, group, size, time, a blank checksum, type, link, magic: see tar(5).
    let mut header =
        format!("{name:\0<100}0000644\0{:07o}\0{:07o}\0{size:011o}\0{:011o}\0", 0, 0, 0).into_bytes();
    header.extend(blank.repeat(8).as_bytes());
    header.push(b'0');
    header.resize(257, 0);
    header.extend(b"ustar\x0000");
    header.resize(512, 0);
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header.splice(148..156, format!("{sum:06o}\0 ").into_bytes());
    header.extend(content);
    header.resize(header.len().next_multiple_of(512), 0);
    header
}

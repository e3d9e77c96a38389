//! Package files and uploads to take in.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::{Md5, Sha256};
use deb_parse::deb::Builder;
use deb_parse::{Architecture, PackageName, Version};

/// Writes a package for amd64 unless it is there.
pub(super) fn package(directory: &Utf8Path, name: &str, version: &str) -> Utf8PathBuf {
    let file = directory.join(format!("{name}_{version}.deb"));
    if !file.exists() {
        let architecture = Architecture::parse("amd64").unwrap();
        let (name, version) = (PackageName::parse(name).unwrap(), Version::parse(version).unwrap());
        fs::write(&file, Builder::new(name, version, architecture).build().unwrap()).unwrap();
    }
    file
}

/// Writes an upload of a source package and a package built from it, with the record of the build.
pub(super) fn upload(directory: &Utf8Path) -> Utf8PathBuf {
    let write = |name: &str, text: &str| fs::write(directory.join(name), text).unwrap();
    let lists = |names: &[&str], details: &str| {
        let [mut sha256, mut md5] = [const { String::new() }; 2];
        for name in names {
            let bytes = fs::read(directory.join(name)).unwrap();
            let size = bytes.len();
            sha256 += &format!("\n {} {size} {name}", Sha256::of(&bytes));
            md5 += &format!("\n {} {size} {details}{name}", Md5::of(&bytes));
        }
        format!("Checksums-Sha256:{sha256}\nFiles:{md5}\n")
    };
    package(directory, "greeter", "1.0");
    write("greeter_1.0.tar.xz", "sources");
    let head = "Source: greeter\nVersion: 1.0\n";
    let listed = lists(&["greeter_1.0.tar.xz"], "");
    write("greeter_1.0.dsc", &format!("Format: 3.0 (native)\n{head}{listed}"));
    let listed = lists(&["greeter_1.0.deb"], "");
    write("greeter_1.0.buildinfo", &format!("Format: 1.0\n{head}{listed}"));
    let all = ["greeter_1.0.dsc", "greeter_1.0.tar.xz", "greeter_1.0.deb", "greeter_1.0.buildinfo"];
    let listed = lists(&all, "misc optional ");
    write("greeter.changes", &format!("Format: 1.8\n{head}Architecture: source amd64\n{listed}"));
    directory.join("greeter.changes")
}

//! The packages of `quickstart`: small, real, and enough to see versions and releases at work.

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::deb::Builder;
use deb_parse::{Architecture, PackageName, Version};

use crate::error::Failure;

/// Name, version, and what it prints when it is run.
const EXAMPLES: [(&str, &str, &str); 4] = [
    ("example-greeter", "1.0-1", "Hello from version 1.0."),
    ("example-greeter", "1.1-1", "Hello from version 1.1, which is newer."),
    ("example-clock", "2.4-1", "It is time to look at the clock."),
    ("example-agent", "0.9-1+deb12u1", "Built for Debian 12 only."),
];

/// Writes the packages into a directory and returns their paths.
pub(crate) fn write(directory: &Utf8Path) -> Result<Vec<Utf8PathBuf>, Failure> {
    std::fs::create_dir_all(directory).map_err(Failure::io("create", directory))?;
    EXAMPLES
        .iter()
        .map(|(name, version, message)| {
            let path = directory.join(format!("{name}_{version}_all.deb"));
            let bytes = build(name, version, message)
                .map_err(|source| Failure::Argument { argument: (*name).to_owned(), source })?;
            std::fs::write(&path, bytes).map_err(Failure::io("write", &path))?;
            Ok(path)
        })
        .collect()
}

fn build(name: &str, version: &str, message: &str) -> Result<Vec<u8>, deb_parse::Error> {
    let script = format!("#!/bin/sh\necho '{message}'\n");
    Builder::new(PackageName::parse(name)?, Version::parse(version)?, Architecture::parse("all")?)
        .field("Section", "misc")
        .field("Priority", "optional")
        .field("Maintainer", "Example <example@example.org>")
        .description(format!("example package of repo-cli\n It installs one command that says: {message}"))
        .file(format!("usr/bin/{name}"), script, 0o755)
        .build()
}

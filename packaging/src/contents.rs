//! What is in the package.

use std::io::Write as _;

use deb_parse::deb::Builder;
use deb_parse::{Architecture, PackageName, Version};
use flate2::{Compression, GzBuilder};
use jiff::Timestamp;

use crate::program::Program;
use crate::scripts;
use crate::units;

const DESCRIPTION: &str = "manager of APT repositories
 Keeps repositories of Debian packages, such as preprod and prod: every version
 stays, a change is published in one step and can be undone in one, metadata is
 signed, and keys are replaced without a gap. Packages come from build servers,
 from drop folders or by hand, and are promoted from one repository to the next.
 .
 It brings a server for the repositories and systemd units for what is done from
 time to time. To begin, run `repo-cli init /var/lib/repo-cli` as its user.";

const SYSUSERS: &str = "u repo-cli - \"APT repositories\" /var/lib/repo-cli /usr/sbin/nologin\n";
const TMPFILES: &str = "d /var/lib/repo-cli 0755 repo-cli repo-cli -\n";
const COPYRIGHT: &str = include_str!("../files/copyright");
const CHANGELOG: &str = include_str!("../../CHANGELOG.md");
const README: &str = include_str!("../files/README.Debian");
const OVERRIDES: &str = include_str!("../files/lintian-overrides");

/// Describes the package.
pub(crate) fn package(
    name: PackageName,
    version: Version,
    architecture: Architecture,
    program: &Program,
    time: u64,
) -> Builder {
    let doc = format!("usr/share/doc/{name}");
    let changelog = format!(
        "{name} ({version}) unstable; urgency=medium\n\n  * New version: see changelog.gz.\n\n -- {MAINTAINER}  {}\n",
        date(time)
    );
    let depends = format!("{}, adduser, init-system-helpers (>= 1.54~)", program.depends);
    let mut builder = Builder::new(name, version, architecture)
        .mtime(time)
        .description(DESCRIPTION)
        .field("Maintainer", MAINTAINER)
        .field("Section", "admin")
        .field("Priority", "optional")
        .field("Depends", depends)
        .field("Suggests", "gpgv")
        .file("usr/bin/repo-cli", program.bytes.clone(), 0o755)
        .file(format!("{doc}/copyright"), COPYRIGHT, 0o644)
        .file(format!("{doc}/changelog.gz"), gzip(CHANGELOG.as_bytes()), 0o644)
        .file(format!("{doc}/changelog.Debian.gz"), gzip(changelog.as_bytes()), 0o644)
        .file(format!("{doc}/README.Debian"), README, 0o644)
        .file("usr/share/lintian/overrides/repo-cli", OVERRIDES, 0o644)
        .file("usr/lib/sysusers.d/repo-cli.conf", SYSUSERS, 0o644)
        .file("usr/lib/tmpfiles.d/repo-cli.conf", TMPFILES, 0o644)
        .maintainer_script("postinst", scripts::postinst())
        .maintainer_script("prerm", scripts::prerm())
        .maintainer_script("postrm", scripts::postrm());
    for (page, text) in &program.manual {
        builder = builder.file(format!("usr/share/man/man1/{page}.gz"), gzip(text), 0o644);
    }
    for (shell, text) in &program.completions {
        let path = match *shell {
            "fish" => "usr/share/fish/vendor_completions.d/repo-cli.fish",
            "zsh" => "usr/share/zsh/vendor-completions/_repo-cli",
            _ => "usr/share/bash-completion/completions/repo-cli",
        };
        builder = builder.file(path, text.clone(), 0o644);
    }
    for (unit, text) in units::units() {
        builder = builder.file(format!("usr/lib/systemd/system/{unit}"), text, 0o644);
    }
    builder
}

const MAINTAINER: &str = "The repo-cli developers <repo-cli@example.org>";

/// A time as changelogs have it (deb-changelog(5)).
fn date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.unwrap_or_default().strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// Compresses as Policy 12.7 wants it, without a name and a time.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

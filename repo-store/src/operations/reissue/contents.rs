//! Configuration files and services that only one of two versions has.

use std::collections::BTreeMap;

use deb_parse::PackageName;
use deb_parse::deb::Package;

use super::hazard::{Hazard, Undone};
use crate::manifest::Manifest;
use crate::model::reissue::HazardKind;

/// The endings of the files that systemd reads as units.
const UNITS: [&str; 6] = [".service", ".socket", ".timer", ".path", ".mount", ".target"];

/// What is inside the packages of a version, as far as it matters on machines that go back.
#[derive(Default)]
pub(super) struct Contents {
    /// The configuration files by their paths, each with its package, and the digest of its text where it is known.
    conffiles: BTreeMap<String, (PackageName, Option<String>)>,
    /// The names of units and boot scripts, wherever they lie, each with its package.
    units: BTreeMap<String, PackageName>,
}

impl Contents {
    /// Adds a package by its manifest.
    pub(super) fn add_manifest(&mut self, package: &PackageName, manifest: &Manifest) {
        for conffile in manifest.conffiles() {
            self.add_conffile(package, conffile.line, conffile.sha256.map(str::to_owned));
        }
        manifest.files().for_each(|file| self.add_file(package, file.path));
    }

    /// Adds a package by its control archive, and returns whether that lists the files: unpacking the data archive takes long.
    pub(super) fn add_listed(&mut self, name: &PackageName, package: &Package) -> bool {
        let Some(md5sums) = &package.md5sums else { return false };
        for conffile in &package.conffiles {
            self.add_conffile(name, &conffile.line, conffile.sha256.map(|digest| digest.to_string()));
        }
        for line in md5sums.split(|byte| *byte == b'\n') {
            // The digest, two blanks, and the path.
            self.add_file(name, line.get(34..).unwrap_or_default());
        }
        true
    }

    /// A line with a flag is about a file that the package removes.
    fn add_conffile(&mut self, package: &PackageName, line: &str, digest: Option<String>) {
        if line.starts_with('/') {
            self.conffiles.insert(line.to_owned(), (package.clone(), digest));
            self.add_file(package, line.trim_start_matches('/').as_bytes());
        }
    }

    fn add_file(&mut self, package: &PackageName, path: &[u8]) {
        let Some((directory, name)) = std::str::from_utf8(path).ok().and_then(|path| path.rsplit_once('/'))
        else {
            return;
        };
        let is_unit = (directory.ends_with("systemd/system") || directory.ends_with("systemd/user"))
            && UNITS.iter().any(|ending| name.ends_with(ending));
        if is_unit || directory == "etc/init.d" {
            self.units.insert(name.to_owned(), package.clone());
        }
    }
}

/// Returns what the files of the two versions leave behind.
pub(super) fn hazards(good: &Contents, bad: &Contents) -> Vec<Hazard> {
    let mut found = Vec::new();
    let mut note = |undone, kind, package: &PackageName, what: String| {
        found.push(Hazard { undone, kind, package: package.clone(), what });
    };
    for (path, (package, digest)) in &bad.conffiles {
        match good.conffiles.get(path) {
            None => {
                let what =
                    format!("{path} is new in it, and stays on machines as an obsolete configuration file");
                note(Undone::Cannot, HazardKind::Conffiles, package, what);
            }
            Some((_, other)) if digest.is_none() || other != digest => {
                let what = format!(
                    "{path} goes back where nobody changed it; where somebody did, dpkg asks, and unattended-upgrades skips the package"
                );
                note(Undone::May, HazardKind::Conffiles, package, what);
            }
            Some(_) => {}
        }
    }
    for (unit, package) in bad.units.iter().filter(|(unit, _)| !good.units.contains_key(*unit)) {
        let what = format!("{unit} is new in it: its file goes, and what it started runs on");
        note(Undone::Cannot, HazardKind::Units, package, what);
    }
    found
}

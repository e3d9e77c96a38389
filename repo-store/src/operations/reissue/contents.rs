//! Configuration files and services that only one of two versions has.

use std::collections::{BTreeMap, BTreeSet};

use deb_parse::PackageName;

use super::hazard::{Hazard, Undone};
use crate::manifest::Manifest;
use crate::model::reissue::HazardKind;

/// What is inside the packages of a version.
pub(super) type Manifests = Vec<(PackageName, Manifest)>;

/// The endings of the files that systemd reads as units.
const UNITS: [&str; 6] = [".service", ".socket", ".timer", ".path", ".mount", ".target"];

/// Returns what the files of the two versions leave behind.
pub(super) fn hazards(good: &Manifests, bad: &Manifests) -> Vec<Hazard> {
    let mut found = Vec::new();
    let mut note = |undone, kind, package: &PackageName, what: String| {
        found.push(Hazard { undone, kind, package: package.clone(), what });
    };
    let (old, new) = (conffiles(good), conffiles(bad));
    for (path, (package, digest)) in &new {
        match old.get(path) {
            None => {
                let what =
                    format!("{path} is new in it, and stays on machines as an obsolete configuration file");
                note(Undone::Cannot, HazardKind::Conffiles, package, what);
            }
            Some((_, other)) if other != digest => {
                let what = format!(
                    "{path} goes back where nobody changed it; where somebody did, dpkg asks, and unattended-upgrades skips the package"
                );
                note(Undone::May, HazardKind::Conffiles, package, what);
            }
            Some(_) => {}
        }
    }
    let known: BTreeSet<String> = good.iter().flat_map(|(_, manifest)| units(manifest)).collect();
    for (package, manifest) in bad {
        for unit in units(manifest).difference(&known) {
            let what = format!("{unit} is new in it: its file goes, and what it started runs on");
            note(Undone::Cannot, HazardKind::Units, package, what);
        }
    }
    found
}

/// Returns the configuration files by their paths, each with its package and its digest.
fn conffiles(manifests: &Manifests) -> BTreeMap<&str, (&PackageName, Option<&str>)> {
    let all = manifests.iter().flat_map(|(package, manifest)| {
        // A line with a flag is about a file that the package removes.
        let lines = manifest.conffiles().filter(|conffile| conffile.line.starts_with('/'));
        lines.map(move |conffile| (conffile.line, (package, conffile.sha256)))
    });
    all.collect()
}

/// Returns the names of the units and boot scripts of a package, wherever they lie.
fn units(manifest: &Manifest) -> BTreeSet<String> {
    let unit = |path: &[u8]| {
        let path = std::str::from_utf8(path).ok()?;
        let (directory, name) = path.rsplit_once('/')?;
        let is_unit = (directory.ends_with("systemd/system") || directory.ends_with("systemd/user"))
            && UNITS.iter().any(|ending| name.ends_with(ending));
        (is_unit || directory == "etc/init.d").then(|| name.to_owned())
    };
    manifest.files().filter_map(|file| unit(file.path)).collect()
}

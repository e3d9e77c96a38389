//! How two versions of a package differ.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::deb::EntryKind;
use deb_parse::relation::Relations;
use deb_parse::{Version, changelog};

use super::pairs::Pair;
use super::{ContentChange, PackageChange, PackageState, PrivilegedFile, SetChange};
use crate::error::{Error, ImportError};
use crate::manifest::Manifest;
use crate::model::record::Record;
use crate::store::Store;

/// The set-user-id and set-group-id bits.
const PRIVILEGED: u32 = 0o6000;

const RELATIONS: [&str; 9] = [
    "Pre-Depends",
    "Depends",
    "Recommends",
    "Suggests",
    "Enhances",
    "Breaks",
    "Conflicts",
    "Replaces",
    "Provides",
];

/// A package's change, and the changelog of its version after.
pub(super) struct Compared {
    pub(super) change: PackageChange,
    pub(super) changelog: Option<Changelog>,
    /// What the changelog of its version before has entries for: sources, and versions of them.
    pub(super) told: BTreeSet<(String, Version)>,
}

pub(super) struct Changelog {
    pub(super) text: String,
    pub(super) complete: bool,
}

pub(super) fn compare(store: &Store, pair: &Pair) -> Result<Compared, Error> {
    let state = |record: &Record| PackageState {
        version: record.key().version.clone(),
        size: record.size(),
        installed_size: record.field("Installed-Size").and_then(|size| size.trim().parse().ok()),
        maintainer: record.field("Maintainer").map(str::to_owned),
    };
    let mut compared = Compared {
        change: PackageChange {
            package: pair.package.clone(),
            architecture: pair.architecture.clone(),
            before: pair.before.as_deref().map(state),
            after: pair.after.as_deref().map(state),
            also_added: pair.also_added.clone(),
            also_removed: pair.also_removed.clone(),
            contents: ContentChange::default(),
            contents_unknown: None,
        },
        changelog: None,
        told: BTreeSet::new(),
    };
    if pair.is_same() {
        return Ok(compared);
    }
    // What is inside a source package is the business of those who build it.
    let manifest = |side: &Option<Arc<Record>>| {
        let binary = side.as_deref().filter(|record| !record.key().architecture.is_source());
        binary.map(|record| store.manifest(record.blob())).transpose()
    };
    compared.change.contents.relations = relations(pair.before.as_deref(), pair.after.as_deref());
    let sides = manifest(&pair.before).and_then(|before| Ok((before, manifest(&pair.after)?)));
    let (before, after) = match sides {
        Ok(sides) => sides,
        // One package that cannot be unpacked does not keep the others from being compared.
        Err(Error::Import(ImportError::Package { source, .. })) => {
            compared.change.contents_unknown = Some(source.to_string());
            return Ok(compared);
        }
        Err(error) => return Err(error),
    };
    let relations = std::mem::take(&mut compared.change.contents.relations);
    compared.change.contents = ContentChange { relations, ..contents(before.as_ref(), after.as_ref()) };
    if let Some(found) = before.as_ref().and_then(Manifest::changelog) {
        let versions = changelog::entries(found.text)
            .filter_map(|entry| Some((entry.source.to_owned(), Version::parse(entry.version).ok()?)));
        compared.told = versions.collect();
    }
    let changelog = after.as_ref().and_then(Manifest::changelog);
    compared.changelog =
        changelog.map(|found| Changelog { text: found.text.to_owned(), complete: found.complete });
    Ok(compared)
}

/// What is in one and not in the other, in order.
fn came<T: Ord, U>(before: &BTreeSet<T>, after: &BTreeSet<T>, show: impl Fn(&T) -> U) -> SetChange<U> {
    SetChange {
        added: after.difference(before).map(&show).collect(),
        removed: before.difference(after).map(&show).collect(),
    }
}

fn contents(before: Option<&Manifest>, after: Option<&Manifest>) -> ContentChange {
    let lossy = |path: &&[u8]| String::from_utf8_lossy(path).into_owned();
    let paths = |side: Option<&'_ Manifest>| -> BTreeSet<Vec<u8>> {
        let files = side.into_iter().flat_map(Manifest::files);
        files.filter(|file| file.kind != EntryKind::Directory).map(|file| file.path.to_vec()).collect()
    };
    let scripts = |side: Option<&'_ Manifest>| -> BTreeMap<String, Option<String>> {
        let scripts = side.into_iter().flat_map(Manifest::scripts);
        scripts.map(|script| (script.name.to_owned(), Some(script.sha256.to_owned()))).collect()
    };
    let conffiles = |side: Option<&'_ Manifest>| -> BTreeMap<String, Option<String>> {
        let conffiles = side.into_iter().flat_map(Manifest::conffiles);
        conffiles.map(|file| (file.line.to_owned(), file.sha256.map(str::to_owned))).collect()
    };
    let (scripts, scripts_changed) = by_digest(&scripts(before), &scripts(after));
    let (conffiles, conffiles_changed) = by_digest(&conffiles(before), &conffiles(after));
    ContentChange {
        files: came(&paths(before), &paths(after), |path| lossy(&path.as_slice())),
        privileged: privileged(before, after),
        scripts,
        scripts_changed,
        conffiles,
        conffiles_changed,
        relations: BTreeMap::new(),
    }
}

/// Which names came or went, and which stayed and have another digest, where both are known.
fn by_digest(
    before: &BTreeMap<String, Option<String>>,
    after: &BTreeMap<String, Option<String>>,
) -> (SetChange<String>, Vec<String>) {
    let names = |side: &BTreeMap<String, Option<String>>| side.keys().cloned().collect::<BTreeSet<String>>();
    let differs = |name: &String, new: &Option<String>| {
        before.get(name).and_then(Option::as_ref).zip(new.as_ref()).is_some_and(|(old, new)| old != new)
    };
    let changed = after.iter().filter(|(name, digest)| differs(name, digest));
    let changed = changed.map(|(name, _)| name.clone()).collect();
    (came(&names(before), &names(after), String::clone), changed)
}

/// The files of `after` with bits that they did not have, or for another owner.
fn privileged(before: Option<&Manifest>, after: Option<&Manifest>) -> Vec<PrivilegedFile> {
    let marked = |side: Option<&'_ Manifest>| -> BTreeMap<Vec<u8>, (u32, String)> {
        let files = side.into_iter().flat_map(Manifest::files).filter(|file| file.mode & PRIVILEGED != 0);
        files.map(|file| (file.path.to_vec(), (file.mode, file.owner.to_owned()))).collect()
    };
    let old = marked(before);
    let is_new = |path: &[u8], mode: u32, owner: &str| {
        old.get(path).is_none_or(|(was, whose)| mode & PRIVILEGED & !was != 0 || whose != owner)
    };
    let files = marked(after).into_iter().filter(|(path, (mode, owner))| is_new(path, *mode, owner));
    files
        .map(|(path, (mode, owner))| PrivilegedFile {
            path: String::from_utf8_lossy(&path).into_owned(),
            mode,
            owner,
        })
        .collect()
}

/// The fields in which relations differ.
fn relations(before: Option<&Record>, after: Option<&Record>) -> BTreeMap<&'static str, SetChange<String>> {
    let list = |side: Option<&Record>, field| -> BTreeSet<String> {
        let text = side.and_then(|record| record.field(field)).unwrap_or_default();
        let relations: Relations = text.parse().unwrap_or_default();
        let one = |alternatives: &Vec<deb_parse::relation::Relation>| {
            alternatives.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
        };
        relations.all().iter().map(one).collect()
    };
    let fields = RELATIONS.iter().map(|field| {
        let came = came(&list(before, field), &list(after, field), String::clone);
        (*field, came)
    });
    fields.filter(|(_, came)| !came.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_that_is_not_known_says_nothing_of_a_change() {
        let side = |digests: [Option<&str>; 4]| -> BTreeMap<String, Option<String>> {
            ["a", "b", "c", "d"]
                .map(str::to_owned)
                .into_iter()
                .zip(digests.map(|d| d.map(str::to_owned)))
                .collect()
        };
        let before = side([Some("1"), Some("1"), None, Some("1")]);
        let after = side([Some("1"), Some("2"), Some("1"), None]);
        assert_eq!(by_digest(&before, &after), (SetChange::default(), vec!["b".to_owned()]));
    }
}

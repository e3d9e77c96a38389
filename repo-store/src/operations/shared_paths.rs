//! Files that several packages have at one path.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use deb_parse::deb::EntryKind;
use deb_parse::relation::{Relation, Relations};

use super::reissue::{Scripts, read_with_scripts};
use crate::error::Error;
use crate::manifest::keep;
use crate::model::record::Record;
use crate::store::Store;

/// Two packages with files at the same paths, and neither may overwrite those of the other: dpkg refuses to unpack the second one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SharedPaths {
    /// One package.
    pub first: Arc<Record>,
    /// The other one.
    pub second: Arc<Record>,
    /// The first such path below the root.
    pub path: String,
    /// How many there are.
    pub paths: usize,
}

/// Directories at the root that are symbolic links to those below `usr` on merged systems.
const MERGED: [&[u8]; 6] = [b"bin/", b"sbin/", b"lib/", b"lib32/", b"lib64/", b"libx32/"];

/// See [`Store::shared_paths`].
pub(crate) fn shared_paths(store: &Store, records: &[Arc<Record>]) -> Result<Vec<SharedPaths>, Error> {
    let mut entries: Vec<(u64, usize)> = Vec::new();
    for (at, record) in records.iter().enumerate() {
        entries.extend(paths(store, record)?.iter().map(|path| (hash(path), at)));
    }
    // Equal paths stand beside each other then, and no two packages are compared that have none in common.
    entries.sort_unstable();
    entries.dedup();
    let mut pairs = BTreeSet::new();
    for group in entries.chunk_by(|(a, _), (b, _)| a == b).filter(|group| group.len() > 1) {
        for (at, (_, first)) in group.iter().enumerate() {
            for (_, second) in group.iter().skip(at + 1) {
                pairs.insert((*first, *second));
            }
        }
    }
    drop(entries);
    let mut known: HashMap<usize, Vec<Vec<u8>>> = HashMap::new();
    let mut found = Vec::new();
    for (first, second) in pairs {
        let (Some(one), Some(other)) = (records.get(first), records.get(second)) else { continue };
        if one.key().package == other.key().package || replaces(one, other) || replaces(other, one) {
            continue;
        }
        for (at, record) in [(first, one), (second, other)] {
            if let Entry::Vacant(place) = known.entry(at) {
                place.insert(paths(store, record)?);
            }
        }
        let mut left = common(known.get(&first), known.get(&second));
        for record in [one, other] {
            if !left.is_empty() {
                let scripts = Scripts::of(&read_with_scripts(store, record)?);
                left.retain(|path| !scripts.diverts(path));
            }
        }
        if let Some(path) = left.first() {
            let (first, second) = (Arc::clone(one), Arc::clone(other));
            found.push(SharedPaths { first, second, path: path.clone(), paths: left.len() });
        }
    }
    Ok(found)
}

/// Returns the paths of what a package has besides directories, sorted, as they are on merged systems.
fn paths(store: &Store, record: &Record) -> Result<Vec<Vec<u8>>, Error> {
    let manifest = keep::manifest(store, record.blob())?;
    let files = manifest.files().filter(|file| file.kind != EntryKind::Directory);
    let mut paths: Vec<Vec<u8>> = files.map(|file| merged(file.path)).collect();
    paths.sort_unstable();
    paths.dedup();
    Ok(paths)
}

fn merged(path: &[u8]) -> Vec<u8> {
    let is_merged = MERGED.iter().any(|directory| path.starts_with(directory));
    if is_merged { [b"usr/", path].concat() } else { path.to_vec() }
}

fn hash(path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

/// Returns the paths that both lists have.
fn common(first: Option<&Vec<Vec<u8>>>, second: Option<&Vec<Vec<u8>>>) -> Vec<String> {
    let (Some(first), Some(second)) = (first, second) else { return Vec::new() };
    let both = first.iter().filter(|path| second.binary_search(path).is_ok());
    both.map(|path| String::from_utf8_lossy(path).into_owned()).collect()
}

/// Returns whether a package may overwrite files of another one. Only the real name counts (Policy 7.6.1).
fn replaces(one: &Record, other: &Record) -> bool {
    let Some(Ok(relations)) = one.field("Replaces").map(str::parse::<Relations>) else { return false };
    let key = other.key();
    let allows = |relation: &Relation| {
        let version = relation.version.as_ref();
        *relation.name == *key.package.as_str()
            && version.is_none_or(|(operator, wanted)| operator.allows(key.version.cmp(wanted)))
    };
    relations.all().iter().flatten().any(allows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_merged_systems() {
        let merged = |path: &str| String::from_utf8(merged(path.as_bytes())).unwrap();
        assert_eq!(merged("bin/sh"), "usr/bin/sh");
        assert_eq!(merged("lib64/ld.so"), "usr/lib64/ld.so");
        assert_eq!(merged("library/x"), "library/x");
        assert_eq!(merged("usr/lib/x"), "usr/lib/x");
    }
}

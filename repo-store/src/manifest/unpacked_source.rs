//! Which files a source package has when `dpkg-source` unpacked it, from the manifests of its tarballs.

use std::collections::BTreeSet;

use deb_parse::deb::EntryKind;

use super::{Manifest, ManifestFile};
use crate::error::Error;
use crate::model::id::BlobId;
use crate::model::record::Record;

/// A file of a source package that is unpacked, by where its files go. See `dpkg-source(1)`, "Source package formats".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// The upstream tarball, or the only one: what is in its one directory goes to the top.
    Main,
    /// A further upstream tarball: the same goes to the directory of that name.
    Component(String),
    /// A diff to the main tarball.
    Diff,
    /// The directory `debian`, in place of what else there is of it.
    Debian,
}

impl Part {
    /// What a file of a source package is by its name; `None` when it is not unpacked, as a signature.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let compressed = |infix: &str| {
            let (stem, compression) = name.rsplit_once(infix)?;
            (!compression.contains('.')).then_some(stem)
        };
        if compressed(".diff.").is_some() {
            return Some(Self::Diff);
        }
        let stem = compressed(".tar.")?;
        if stem.ends_with(".debian") {
            return Some(Self::Debian);
        }
        Some(stem.rsplit_once(".orig-").map_or(Self::Main, |(_, name)| Self::Component(name.to_owned())))
    }

    /// All of a source package, in the order in which they are unpacked.
    pub(crate) fn all_of(record: &Record) -> Result<Vec<(Self, BlobId)>, Error> {
        let files = record.files()?;
        let part = |file: &crate::model::record::RecordFile| {
            Self::of(file.path.as_path().file_name()?).zip(Some(file.blob))
        };
        let mut parts: Vec<_> = files.iter().filter_map(part).collect();
        parts.sort();
        Ok(parts)
    }
}

/// The files of a source package that are no directories, below the directory that it is unpacked to; `manifest` has those of each file.
/// What the patches in `debian/patches` add or take away is not known.
pub(crate) fn unpacked_paths(
    record: &Record,
    manifest: impl Fn(BlobId) -> Result<Manifest, Error>,
) -> Result<BTreeSet<Vec<u8>>, Error> {
    let mut paths = BTreeSet::new();
    for (part, blob) in Part::all_of(record)? {
        let manifest = manifest(blob)?;
        let (below, top) = match &part {
            Part::Main | Part::Diff => (String::new(), only_directory(&manifest)),
            Part::Component(name) => (format!("{name}/"), only_directory(&manifest)),
            Part::Debian => {
                paths.retain(|path: &Vec<u8>| !path.starts_with(b"debian/"));
                (String::new(), None)
            }
        };
        for file in manifest.files().filter(|file| file.kind != EntryKind::Directory) {
            let path = top.map_or(Some(file.path), |top| file.path.get(top.len() + 1..));
            paths.extend(path.map(|path| [below.as_bytes(), path].concat()));
        }
    }
    Ok(paths)
}

/// The directory in which all of an archive lies, if there is one: it is not part of what is unpacked.
fn only_directory(manifest: &Manifest) -> Option<&[u8]> {
    let mut top = None;
    for ManifestFile { path, kind, .. } in manifest.files() {
        let first = path.split(|c| *c == b'/').next()?;
        let is_directory = kind == EntryKind::Directory || first.len() < path.len();
        if !is_directory || *top.get_or_insert(first) != first {
            return None;
        }
    }
    top
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_source_package_are_known_by_their_names() {
        let names = [
            "hello_2.10.orig.tar.gz",
            "hello_2.10.orig.tar.gz.asc",
            "hello_2.10.orig-extra-fonts.tar.xz",
            "hello_2.10-3.debian.tar.xz",
            "hello_2.10-3.diff.gz",
            "hello_2.10.tar.xz",
            "hello_2.10-3.dsc",
        ];
        let main = Some(Part::Main);
        let extra = Some(Part::Component("extra-fonts".to_owned()));
        let parts = [main.clone(), None, extra, Some(Part::Debian), Some(Part::Diff), main, None];
        assert_eq!(names.map(Part::of), parts);
    }

    #[test]
    fn a_directory_is_taken_away_only_when_all_lies_in_it() {
        let top = |files: &[&str]| {
            let lines: String = files.iter().map(|file| format!(" - 644 root:root 0 {file}\n")).collect();
            let manifest = Manifest { text: format!("Manifest: 1\nFiles:\n{lines}").into_bytes() };
            only_directory(&manifest).map(|top| String::from_utf8_lossy(top).into_owned())
        };
        assert_eq!(top(&["hello-1/a", "hello-1/b/c"]).as_deref(), Some("hello-1"));
        for other in [&["a"][..], &["hello-1/a", "b"], &["a/b", "c/d"], &["a/b", "ab/c"], &[]] {
            assert_eq!(top(other), None, "{other:?}");
        }
    }
}

//! Whether the patches of publications lead to what their indices list.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use apt_index::Encoding;
use apt_index::index::PreviousFiles;
use apt_index::reading::text_of;
use apt_index::release::ReleaseFile;
use camino::Utf8Path;
use deb_parse::checksum::Sha256;

use super::layout;
use super::proof::Forged;
use super::publication::{Publication, PublishedDiff, PublishedIndex};
use super::target::target_of;
use crate::model::name::RepositoryName;
use crate::store::Store;

/// Compares the patches of some publications of one repository with the indices that they lead to. Files that are not what their names
/// say (`is_whole` is false) are skipped: they are problems of their own.
///
/// Patches are compared by their texts: another version of this program may compress them in another way.
pub(crate) fn forged_patches<'p>(
    store: &Store,
    repository: &RepositoryName,
    publications: impl Iterator<Item = &'p Publication>,
    is_whole: impl Fn(&Utf8Path) -> bool,
) -> Vec<Forged> {
    let target = &*target_of(store, repository);
    let read = |digest: &Sha256| {
        let path = layout::index(digest);
        let file = is_whole(&path).then(|| target.open(&path).ok()).flatten().flatten();
        file.and_then(|file| file.read().ok())
    };
    let mut found: BTreeMap<Sha256, Forged> = BTreeMap::new();
    // Publications that follow each other often have the same.
    let mut seen = BTreeSet::new();
    for publication in publications {
        for (place, suite) in &publication.suites {
            for (path, index) in &suite.indices {
                let Some(diff) = &index.diff else { continue };
                let named: Vec<Sha256> = diff.patches.values().map(|file| file.sha256).collect();
                if !seen.insert((diff.index.sha256, named)) {
                    continue;
                }
                for digest in wrong(index, diff, &read) {
                    let what = format!("a patch in {path}.diff does not lead to what {path} lists");
                    let forged = Forged { path: layout::index(&digest), digest, place: place.clone(), what };
                    found.entry(digest).or_insert(forged);
                }
            }
        }
    }
    found.into_values().collect()
}

/// The digests of the files that are not what the present index gives.
fn wrong(
    index: &PublishedIndex,
    diff: &PublishedDiff,
    read: &dyn Fn(&Sha256) -> Option<Vec<u8>>,
) -> Vec<Sha256> {
    let Some((to, _)) =
        diff.patches.keys().next().and_then(|name| name.strip_prefix("T-")?.split_once("-F-"))
    else {
        return Vec::new();
    };
    let present: Option<BTreeMap<Encoding, Vec<u8>>> =
        index.files.iter().map(|(encoding, file)| Some((*encoding, read(&file.sha256)?))).collect();
    let Some(present) = present.map(InMemory) else { return Vec::new() };
    // What cannot be made from the present index says nothing of the patches.
    let Ok(Some(made)) = diff.history.patches(to, index.plain, &index.layout, &present) else {
        return Vec::new();
    };
    let made_patches: BTreeMap<&str, &Vec<u8>> =
        made.patches.iter().map(|(name, bytes)| (name.as_str(), bytes)).collect();
    let mut wrong = Vec::new();
    for (name, ReleaseFile { sha256, .. }) in &diff.patches {
        let Some(published) = read(sha256) else { continue };
        let is_right = made_patches.get(name.as_str()).is_some_and(|made| same_text(made, &published));
        if !is_right {
            wrong.push(*sha256);
        }
    }
    if read(&diff.index.sha256).is_some_and(|published| described(&published) != described(&made.index)) {
        wrong.push(diff.index.sha256);
    }
    wrong
}

fn same_text(made: &[u8], published: &[u8]) -> bool {
    if made == published {
        return true;
    }
    let Ok(text) = text_of(Encoding::Gz, made, u64::MAX) else { return false };
    text_of(Encoding::Gz, published, text.len() as u64).is_ok_and(|published| published == text)
}

/// The list of patches without the digests of the compressed ones.
fn described(index: &[u8]) -> (&[u8], &[u8]) {
    let find = |field: &[u8]| memchr::memmem::find(index, field).unwrap_or(index.len());
    let (start, end) = (find(b"SHA256-Download:"), find(b"X-Patch-Precedence:"));
    (index.get(..start).unwrap_or_default(), index.get(end..).unwrap_or_default())
}

/// The files of an index, read to their ends.
pub(super) struct InMemory(pub(super) BTreeMap<Encoding, Vec<u8>>);

impl PreviousFiles for InMemory {
    fn read(&self, encoding: Encoding, range: Range<u64>) -> std::io::Result<Vec<u8>> {
        let place = |number| usize::try_from(number).ok();
        let bytes = place(range.start)
            .zip(place(range.end))
            .and_then(|(start, end)| self.0.get(&encoding)?.get(start..end));
        bytes.map(<[u8]>::to_vec).ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
    }
}

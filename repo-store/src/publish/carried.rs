//! Whether the files are whole that a publication takes over from the one before.
//!
//! An index that did not change costs a hard link, and hashing all of them each time would make every publication as dear as the
//! repository is large. So each publication reads a bounded share of them, another one each time: small files whole, and one segment of
//! a large one, whose BLAKE3 is in its layout. A publication that goes back to an older state reads all that it takes over instead: see
//! [`Draft::check_all`](super::draft::Draft::check_all).

use std::collections::{BTreeMap, BTreeSet};

use apt_index::Encoding;
use apt_index::index::Layout;
use apt_index::release::ReleaseFile;
use deb_parse::checksum::{Blake3, Sha256};

use super::layout;
use super::publication::Publication;
use super::target::{PublicationTarget, PublishedFile};
use crate::model::publication_id::PublicationId;

/// So many bytes of files are read each time.
const SHARE: u64 = 1 << 20;

/// What was found of the files of a publication.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The digests of those that are not what they were.
    pub(super) broken: BTreeSet<Sha256>,
    /// How many bytes were read.
    pub(super) read: u64,
}

/// A file of an index, and how it is cut where that is known.
type Known<'a> = (ReleaseFile, Option<(Encoding, &'a Layout)>);

/// Reads a share of the files of the indices of a publication, for the next one, which has the id `next`.
pub(super) fn look_at_some(
    target: &dyn PublicationTarget,
    publication: &Publication,
    next: PublicationId,
) -> Found {
    let turn = drawn(next.seconds());
    let (large, small): (Vec<_>, Vec<_>) =
        files_of(publication).into_iter().partition(|(file, _)| file.size > SHARE);
    let mut found = Found::default();
    if let Some((file, cut)) = in_turn(&large, turn).next()
        && let Some((encoding, layout)) = cut
        && let Some((range, hash)) = layout.segment_of(*encoding, turn >> 32)
    {
        found.read += range.end - range.start;
        if !has_segment(target, file, (range.start, range.end), hash) {
            found.broken.insert(file.sha256);
        }
    }
    let mut left = SHARE;
    for (file, _) in in_turn(&small, turn) {
        let Some(rest) = left.checked_sub(file.size) else { break };
        left = rest;
        found.read += file.size;
        if !is_whole(target, file) {
            found.broken.insert(file.sha256);
        }
    }
    found
}

/// Every file once, in the order of digests.
fn files_of(publication: &Publication) -> Vec<Known<'_>> {
    let mut files: BTreeMap<Sha256, Known<'_>> = BTreeMap::new();
    for index in publication.suites.values().flat_map(|suite| suite.indices.values()) {
        for (encoding, file) in &index.files {
            files.insert(file.sha256, (*file, Some((*encoding, &index.layout))));
        }
        for (_, file) in index.files_at("") {
            files.entry(file.sha256).or_insert((file, None));
        }
    }
    files.into_values().collect()
}

/// A number drawn by a time. The seconds themselves will not do: who publishes every hour would always get the same files.
pub(super) fn drawn(seconds: i64) -> u64 {
    let hash = blake3::hash(&seconds.to_le_bytes());
    hash.as_bytes().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// All of them, beginning with another one each time.
pub(super) fn in_turn<T>(all: &[T], turn: u64) -> impl Iterator<Item = &T> {
    let start = usize::try_from(turn).ok().and_then(|turn| turn.checked_rem(all.len())).unwrap_or(0);
    all.iter().cycle().skip(start).take(all.len())
}

/// Opens a file of an index; `None` when it is not there as it was published.
fn open(target: &dyn PublicationTarget, file: &ReleaseFile) -> Option<Box<dyn PublishedFile>> {
    let opened = target.open(&layout::index(&file.sha256)).ok().flatten()?;
    (opened.size() == file.size).then_some(opened)
}

fn is_whole(target: &dyn PublicationTarget, file: &ReleaseFile) -> bool {
    let digest = open(target, file).and_then(|opened| opened.sha256().ok());
    digest.is_some_and(|digest| digest == file.sha256)
}

fn has_segment(
    target: &dyn PublicationTarget,
    file: &ReleaseFile,
    (start, end): (u64, u64),
    hash: Blake3,
) -> bool {
    let found = open(target, file).and_then(|opened| opened.blake3_of(start..end).ok());
    found == Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_its_turn() {
        let first: Vec<_> = (0..4).map(|turn| *in_turn(&['a', 'b', 'c'], turn).next().unwrap()).collect();
        assert_eq!(first, ['a', 'b', 'c', 'a']);
        assert_eq!(in_turn(&['a', 'b', 'c'], 2).collect::<String>(), "cab");
        assert_eq!(in_turn::<char>(&[], 2).count(), 0);
    }
}

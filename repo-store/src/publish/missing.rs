//! What clients miss of a publication: others may have removed a part of the published tree, or put something else in its place.
//!
//! Only names, kinds, sizes and owners are looked at, with one call for each name, and the content of signed files. Whether the content
//! of the others is right is for [`carried`](super::carried) and for a check.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::carried::{drawn, in_turn};
use super::entry::{File, Source, TreeEntry};
use super::layout;
use super::place::Place;
use super::publication::{Publication, PublishedSuite};
use super::target::{DirectoryTarget, PublicationTarget, is_whole};
use crate::error::{ChangeError, Error};
use crate::model::chunk::Chunk;
use crate::model::id::{ChunkId, PageId};
use crate::model::page;
use crate::model::publication_id::PublicationId;
use crate::model::snapshot::Snapshot;
use crate::storage::beneath::{At, StorePaths};
use crate::storage::{StorageError, files};
use crate::store::Store;

/// The entries of a publication that are missing, below the public directory.
#[derive(Debug, Default)]
pub(crate) struct Missing(BTreeSet<Utf8PathBuf>);

impl Missing {
    /// Looks in a target for all that a publication consists of, besides the pool.
    ///
    /// # Errors
    /// When something cannot be looked at.
    pub(super) fn of<T: PublicationTarget + ?Sized>(
        target: &T,
        publication: &Publication,
    ) -> Result<Self, Error> {
        let mut missing = BTreeSet::new();
        for TreeEntry { path, source, .. } in
            publication.entries().into_iter().chain(publication.root_entries())
        {
            let is_there = match &source {
                Source::Link { target: leads_to } => {
                    target.leads_to(&path)?.as_deref() == Some(Utf8Path::new(leads_to))
                }
                Source::Blob { size, .. } => target.has(&path, *size)?,
                Source::Index(file) | Source::Name { file, .. } => target.has(&path, file.size)?,
                Source::Signed { file, .. } => {
                    let found = if target.has(&path, file.size)? { target.open(&path)? } else { None };
                    found.is_some_and(|found| found.sha256().is_ok_and(|found| found == file.sha256))
                }
            };
            if !is_there {
                missing.insert(path);
            }
        }
        Ok(Self(missing))
    }

    /// Looks in a directory as [`of`](Self::of) does, and opens each directory of the tree once.
    ///
    /// # Errors
    /// [`StorageError::UnsafePath`] when a link or a file lies where a directory belongs that all publications share.
    pub(super) fn in_directory(
        public: &DirectoryTarget<'_>,
        publication: &Publication,
    ) -> Result<Self, Error> {
        let mut by_directory: BTreeMap<Utf8PathBuf, Vec<TreeEntry>> = BTreeMap::new();
        for entry in publication.entries().into_iter().chain(publication.root_entries()) {
            let parent = entry.path.parent().unwrap_or(Utf8Path::new("")).to_owned();
            by_directory.entry(parent).or_default().push(entry);
        }
        let mut missing = BTreeSet::new();
        for (directory, entries) in by_directory {
            let opened = match public.at(&directory).open_if_present() {
                // The next publication has a directory of its own there.
                Err(_) if directory.starts_with(layout::PUBLICATIONS) => None,
                opened => opened.map_err(Error::io("open", &*public.at(&directory).full()))?,
            };
            for TreeEntry { path, source, .. } in entries {
                let at = opened.as_ref().zip(path.file_name()).map(|(opened, name)| opened.at(name));
                if !at.map_or(Ok(false), |at| is_there(public.paths(), &at, &source))? {
                    missing.insert(path);
                }
            }
        }
        Ok(Self(missing))
    }

    /// Takes out the links of archive roots, and returns how many there were.
    pub(super) fn take_archive_roots(&mut self) -> u64 {
        let before = self.count();
        self.0.retain(|path| !path.starts_with(layout::SNAPSHOTS));
        before - self.count()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// Whether all is there that a suite is made of again without signing it: its signed files, and those of its indices under
    /// their digests.
    pub(super) fn leaves_files_of(&self, id: PublicationId, place: &Place, suite: &PublishedSuite) -> bool {
        let directory = layout::suite_directory(id, place);
        let mut signed = suite.signed.by_name().into_iter().map(|(name, _)| directory.join(name));
        let mut files = suite.indices.values().flat_map(|index| index.files_at(""));
        self.0.is_empty()
            || (signed.all(|path| !self.0.contains(&path))
                && files.all(|(_, file)| !self.0.contains(&layout::index(&file.sha256))))
    }
}

fn is_there(paths: &StorePaths, at: &At<'_>, source: &Source) -> Result<bool, Error> {
    match source {
        Source::Index(File { size, .. })
        | Source::Name { file: File { size, .. }, .. }
        | Source::Blob { size, .. } => is_whole(paths, at, *size),
        // Small, and clients refuse everything when one byte of them is another.
        Source::Signed { file: File { size, sha256 }, .. } => {
            Ok(is_whole(paths, at, *size)? && files::sha256(at.clone()).is_ok_and(|found| found == *sha256))
        }
        Source::Link { target } => {
            let leads_to = at.read_link_if_present().map_err(Error::io("read", &*at.full()))?;
            Ok(leads_to.as_deref() == Some(Utf8Path::new(target)))
        }
    }
}

/// The number of chunks whose files are checked at each publication. A smaller repository is checked as a whole.
const LOOKED_AT: usize = 2;

/// What was found of the packages of a publication in the pool.
#[derive(Debug, Default)]
pub(super) struct PoolLook {
    /// How many files were put there again.
    pub(super) filled: u64,
    /// The files that clients cannot fetch as the index lists them, since the store does not have them whole either.
    pub(super) lacking: Vec<Utf8PathBuf>,
}

/// Links what is missing of the packages of a publication into the pool again, durably.
///
/// Checking every file would cost more than the rest of a publication. So the files of a few chunks are checked, chosen by `now`, and all
/// files if one of these is missing. A removed pool is noticed at once, a single missing file after some publications or by a check.
/// Only the pages with these chunks are read.
///
/// # Errors
/// When the records cannot be read, or a link or a file lies where a directory of the pool belongs.
pub(super) fn fill_pool(
    (store, target): (&Store, &dyn PublicationTarget),
    publication: Option<&Publication>,
    now: Timestamp,
) -> Result<PoolLook, Error> {
    let Some(publication) = publication else { return Ok(PoolLook::default()) };
    let objects = store.objects();
    let snapshots: BTreeSet<_> = publication.suites.values().filter_map(|suite| suite.snapshot).collect();
    // Suites share most of their pages.
    let mut pages = BTreeSet::new();
    for snapshot in snapshots {
        pages.extend(Snapshot::page_ids(&objects, snapshot)?);
    }
    let pages: Vec<PageId> = pages.into_iter().collect();
    let turn = drawn(now.as_second());
    let (mut look, mut left) = (PoolLook::default(), LOOKED_AT);
    for id in in_turn(&pages, turn) {
        let chunks = page::chunk_ids(&objects, *id)?;
        for id in in_turn(&chunks, turn >> 32).take(left) {
            fill_chunk((store, target), *id, &mut look)?;
        }
        left = left.saturating_sub(chunks.len());
        if left == 0 {
            break;
        }
    }
    if look.filled > 0 || !look.lacking.is_empty() {
        let mut chunks = BTreeSet::new();
        for id in &pages {
            chunks.extend(page::chunk_ids(&objects, *id)?);
        }
        for id in &chunks {
            fill_chunk((store, target), *id, &mut look)?;
        }
        target.sync()?;
        // Suites share chunks, and some were looked at first.
        look.lacking.sort();
        look.lacking.dedup();
    }
    Ok(look)
}

/// Links what is missing of the packages of a chunk into the pool again.
fn fill_chunk(
    (store, target): (&Store, &dyn PublicationTarget),
    id: ChunkId,
    look: &mut PoolLook,
) -> Result<(), Error> {
    for record in Chunk::read(&store.objects(), id)?.records() {
        let record = record?;
        for TreeEntry { path, source, .. } in TreeEntry::of_record(&record)? {
            let Source::Blob { blob, size } = source else { continue };
            if target.has_in_pool(&path, size)? {
                continue;
            }
            match target.put_pool(record.key(), &path, (blob, size)) {
                Ok(true) => look.filled += 1,
                // It is the file of the store, and that is not whole.
                Ok(false)
                | Err(Error::Storage(StorageError::Missing { .. } | StorageError::Damaged { .. })) => {
                    look.lacking.push(path);
                }
                // This is for a check to tell.
                Err(Error::Change(ChangeError::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

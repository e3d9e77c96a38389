//! Which files the packages have: the items of `Contents` indices.

use std::collections::BTreeSet;
use std::sync::Arc;

use apt_index::ContentsLines;
use deb_parse::deb::EntryKind;

use super::kind::Packages;
use crate::{Error, Record, Store};

/// The files of the packages that an index lists.
#[derive(Clone, Debug)]
pub(super) struct Contents<'a>(pub(super) Packages<'a>);

/// The files that any of some versions of a package has.
pub(super) struct Files {
    /// The highest of them; `None` when none is listed.
    newest: Option<Arc<Record>>,
    paths: BTreeSet<Vec<u8>>,
}

impl Contents<'_> {
    /// The files of some records of one package. Clients do not ask for directories.
    pub(super) fn files(&self, store: &Store, records: &[Arc<Record>]) -> Result<Files, Error> {
        let mut files = Files { newest: None, paths: BTreeSet::new() };
        for record in records.iter().filter(|record| self.0.lists(record)) {
            files.newest = Some(Arc::clone(record));
            let manifest = store.manifest(record.blob())?;
            for file in manifest.files().filter(|file| file.kind != EntryKind::Directory) {
                if !files.paths.contains(file.path) {
                    files.paths.insert(file.path.to_vec());
                }
            }
        }
        Ok(files)
    }
}

impl Files {
    /// Their lines, under the section of the highest version.
    pub(super) fn lines(&self) -> Result<Vec<ContentsLines>, apt_index::Error> {
        let Some(newest) = &self.newest else { return Ok(Vec::new()) };
        let is_one_word = |section: &&str| section.chars().all(|c| c.is_ascii_graphic() && c != ',');
        let section = newest.field("Section").filter(is_one_word);
        let paths = self.paths.iter().map(Vec::as_slice);
        Ok(ContentsLines::new(&newest.key().package, section, paths)?.into_iter().collect())
    }
}

//! Which files the packages have: the items of `Contents` indices.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use apt_index::ContentsLines;
use deb_parse::deb::EntryKind;

use super::kind::{Packages, Sources};
use crate::manifest::unpacked_paths;
use crate::{BlobId, Error, Manifest, Record, RecordKey};

/// The files of the packages that an index lists.
#[derive(Clone, Debug)]
pub(super) enum Contents<'a> {
    Packages(Packages<'a>),
    /// Source packages, as they are when they were unpacked.
    Sources(Sources<'a>),
}

/// Where is known what is inside a package file.
pub(super) type Manifests<'a> = dyn Fn(BlobId) -> Result<Manifest, Error> + Sync + 'a;

/// The files that any of some versions of a package has.
pub(super) struct Files {
    /// The highest of them; `None` when none is listed.
    newest: Option<Arc<Record>>,
    paths: BTreeSet<Vec<u8>>,
}

/// A published package whose files no `Contents` index lists, as they cannot be known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unlisted {
    /// The package.
    pub package: RecordKey,
    /// Why not.
    pub reason: String,
}

/// Takes note, from several threads, of the packages whose files cannot be listed.
#[derive(Default)]
pub(super) struct UnlistedPackages(Mutex<BTreeMap<RecordKey, String>>);

impl UnlistedPackages {
    fn note(&self, key: &RecordKey, source: &deb_parse::Error) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.insert(key.clone(), source.to_string());
    }

    pub(super) fn finish(self) -> Vec<Unlisted> {
        let noted = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        noted.into_iter().map(|(package, reason)| Unlisted { package, reason }).collect()
    }
}

impl Contents<'_> {
    /// The files of some records of one package. Clients do not ask for directories.
    pub(super) fn files(
        &self,
        manifest: &Manifests<'_>,
        records: &[Arc<Record>],
        unlisted: &UnlistedPackages,
    ) -> Result<Files, Error> {
        let mut files = Files { newest: None, paths: BTreeSet::new() };
        for record in records.iter().filter(|record| self.lists(record)) {
            files.newest = Some(Arc::clone(record));
            match self.paths(manifest, record) {
                Ok(mut paths) => files.paths.append(&mut paths),
                // One package that cannot be unpacked does not keep the others from being published.
                Err(Error::Package { source, .. }) => unlisted.note(record.key(), &source),
                Err(error) => return Err(error),
            }
        }
        Ok(files)
    }

    fn lists(&self, record: &Record) -> bool {
        match self {
            Self::Packages(packages) => packages.lists(record),
            Self::Sources(sources) => sources.lists(record),
        }
    }

    fn paths(&self, manifest: &Manifests<'_>, record: &Record) -> Result<BTreeSet<Vec<u8>>, Error> {
        match self {
            Self::Packages(_) => {
                let manifest = manifest(record.blob())?;
                let files = manifest.files().filter(|file| file.kind != EntryKind::Directory);
                Ok(files.map(|file| file.path.to_vec()).collect())
            }
            Self::Sources(_) => unpacked_paths(record, manifest),
        }
    }
}

impl Files {
    /// Their lines, under the section of the highest version; source packages have none there.
    pub(super) fn lines(&self) -> Result<Vec<ContentsLines>, apt_index::Error> {
        let Some(newest) = &self.newest else { return Ok(Vec::new()) };
        let is_one_word = |section: &&str| section.chars().all(|c| c.is_ascii_graphic() && c != ',');
        let is_source = newest.key().architecture.is_source();
        let section = newest.field("Section").filter(is_one_word).filter(|_| !is_source);
        let paths = self.paths.iter().map(Vec::as_slice);
        Ok(ContentsLines::new(&newest.key().package, section, paths)?.into_iter().collect())
    }
}

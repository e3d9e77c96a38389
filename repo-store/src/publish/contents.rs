//! Which files the packages have: the items of `Contents` indices.

use std::collections::BTreeSet;
use std::sync::Arc;

use apt_index::contents::ContentsLines;
use deb_parse::FilePath;
use deb_parse::deb::EntryKind;

use super::kind::{Packages, Sources};
use super::unlisted::UnlistedPackages;
use crate::error::{Error, ImportError};
use crate::manifest::{Manifest, unpacked_paths};
use crate::model::id::BlobId;
use crate::model::index_kind::IndexKind;
use crate::model::record::Record;
use crate::package_reader::PackageError;

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
struct Files {
    /// The highest of them; `None` when none is listed.
    newest: Option<Arc<Record>>,
    paths: BTreeSet<FilePath<'static>>,
}

impl Contents<'_> {
    /// The lines of some records of one package. Clients do not ask for directories.
    pub(super) fn items(
        &self,
        manifest: &Manifests<'_>,
        records: &[Arc<Record>],
        unlisted: &UnlistedPackages,
    ) -> Result<Vec<ContentsLines>, Error> {
        let mut files = Files { newest: None, paths: BTreeSet::new() };
        for record in records.iter().filter(|record| self.lists(record)) {
            files.newest = Some(Arc::clone(record));
            match self.paths(manifest, record) {
                Ok(mut paths) => files.paths.append(&mut paths),
                // One package whose files are not known does not keep the others from being published. That a reader failed says
                // nothing certain of a package, and what is listed must not depend on it.
                Err(Error::Import(ImportError::Package { source: PackageError::Invalid(error), .. })) => {
                    unlisted.note(record.key(), IndexKind::Contents, &error);
                }
                Err(error) => return Err(error),
            }
        }
        let Some(newest) = &files.newest else { return Ok(Vec::new()) };
        let lines = unlisted.listed(newest.key(), IndexKind::Contents, files.lines(newest));
        Ok(lines.flatten().into_iter().collect())
    }

    pub(super) fn lists(&self, record: &Record) -> bool {
        match self {
            Self::Packages(packages) => packages.lists(record),
            Self::Sources(sources) => sources.lists(record),
        }
    }

    /// The paths of a package's files. A manifest made by an earlier version may hold some that no index can.
    fn paths(&self, manifest: &Manifests<'_>, record: &Record) -> Result<BTreeSet<FilePath<'static>>, Error> {
        let listable = |path: &[u8]| FilePath::parse(path).map(FilePath::into_owned);
        let paths: Result<_, deb_parse::Error> = match self {
            Self::Packages(_) => {
                let manifest = manifest(record.blob())?;
                let files = manifest.files().filter(|file| file.kind != EntryKind::Directory);
                files.map(|file| listable(file.path)).collect()
            }
            Self::Sources(_) => unpacked_paths(record, manifest)?.iter().map(|path| listable(path)).collect(),
        };
        paths.or_else(|source| Err(Error::package(record.pool_path()?.as_path(), source)))
    }
}

impl Files {
    /// Their lines, under the section of the highest version; source packages have none there.
    fn lines(&self, newest: &Record) -> Result<Option<ContentsLines>, apt_index::Error> {
        let is_one_word = |section: &&str| section.chars().all(|c| c.is_ascii_graphic() && c != ',');
        let is_source = newest.key().architecture.is_source();
        let section = newest.field("Section").filter(is_one_word).filter(|_| !is_source);
        ContentsLines::new(&newest.key().package, section, &self.paths)
    }
}

//! All files of a publication, for those that carry them elsewhere.

use std::collections::BTreeMap;
use std::io::Read;

use apt_index::RelPath;
use camino::Utf8PathBuf;
use deb_parse::checksum::Sha256;
use deb_parse::control::SourcesStanza;
use deb_parse::{SuiteName, deb822};

use super::entry::{File, Source};
use super::layout;
use super::place::Place;
use super::public_keys::PublishedKeys;
use super::publication::Publication;
use super::tagged::newest_publication_of;
use super::target::{Reader, target_of};
use crate::error::Error;
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::model::record::Record;
use crate::storage::StorageError;
use crate::store::Store;

/// Which publication of a repository is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicationOf {
    /// The one that clients see.
    Present,
    /// The newest one of a state.
    Commit(CommitId),
    /// The one with this id.
    Id(PublicationId),
}

/// All files of a publication, as far as its suites were chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishedFiles {
    /// The publication.
    pub publication: PublicationId,
    /// The number of the state that it shows; 0 when nothing was ever committed.
    pub sequence: u64,
    /// The suites.
    pub suites: Vec<SuiteName>,
    /// Other names of suites, each with the name of the directory beside it.
    pub links: Vec<(RelPath, String)>,
    /// The files, ordered by path.
    pub files: Vec<TreeFile>,
}

/// A file of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeFile {
    /// Where clients find it below the root of the repository.
    pub path: RelPath,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256,
    /// Where it lies in the published tree.
    stored: Utf8PathBuf,
}

/// See [`Store::published_files`].
pub(crate) fn published_files(
    store: &Store,
    repository: &RepositoryName,
    which: PublicationOf,
    suites: &[SuiteName],
) -> Result<Option<PublishedFiles>, Error> {
    let target = &*target_of(store, repository);
    let id = match which {
        PublicationOf::Present => Publication::shown(target)?,
        PublicationOf::Commit(commit) => newest_publication_of(store, target, repository, commit)?,
        PublicationOf::Id(id) => Some(id),
    };
    let Some(id) = id else { return Ok(None) };
    let Some(mut publication) = Publication::read(store, repository, id)? else { return Ok(None) };
    // A flat form lists the same packages once more.
    publication.suites.retain(
        |place, _| matches!(place, Place::Suite(suite) if suites.is_empty() || suites.contains(suite)),
    );
    let mut files = BTreeMap::new();
    add_indices(&publication, &mut files)?;
    let mut sequence = 0;
    if let Some(commit) = publication.commit {
        let state = store.revision(repository, commit)?;
        sequence = state.commit().sequence;
        for record in state.records_in(publication.suites.keys().map(Place::suite))? {
            add_package(&record?.0, &mut files)?;
        }
    }
    let links =
        publication.aliases().map(|(alias, target)| Ok((path_of(&format!("dists/{alias}"))?, target)));
    Ok(Some(PublishedFiles {
        publication: id,
        sequence,
        suites: publication.suites.keys().map(|place| place.suite().clone()).collect(),
        links: links.collect::<Result<_, Error>>()?,
        files: files.into_values().collect(),
    }))
}

/// See [`Store::open_published`].
pub(crate) fn open_published(
    store: &Store,
    repository: &RepositoryName,
    file: &TreeFile,
) -> std::io::Result<Box<dyn Read>> {
    let target = target_of(store, repository);
    Ok(Box::new(Reader::open(&*target, &file.stored)?))
}

type ByPath = BTreeMap<String, TreeFile>;

fn path_of(path: &str) -> Result<RelPath, Error> {
    RelPath::parse(path)
        .map_err(|error| StorageError::damaged("record of a publication", &path, error.to_string()).into())
}

fn add(files: &mut ByPath, path: &str, file: File, stored: Utf8PathBuf) -> Result<(), Error> {
    let listed = TreeFile { path: path_of(path)?, size: file.size, sha256: file.sha256, stored };
    files.insert(path.to_owned(), listed);
    Ok(())
}

/// Adds what lies below `dists`, and the public keys.
fn add_indices(publication: &Publication, files: &mut ByPath) -> Result<(), Error> {
    let root = layout::publication(publication.id);
    for entry in publication.entries() {
        let Ok(path) = entry.path.strip_prefix(&root) else { continue };
        let Some(file) = entry.source.file().filter(|_| path.starts_with(layout::DISTS)) else { continue };
        let stored = match &entry.source {
            Source::Name { of, .. } => of.clone(),
            _ => entry.path.clone(),
        };
        add(files, path.as_str(), *file, stored)?;
    }
    for (name, file) in publication.public_keys.iter().flat_map(PublishedKeys::by_name) {
        add(files, name, file.into(), layout::index(&file.sha256))?;
    }
    Ok(())
}

/// Adds the files of a package. One that no index can list has none.
fn add_package(record: &Record, files: &mut ByPath) -> Result<(), Error> {
    if record.check_paths().is_err() {
        return Ok(());
    }
    let lacks = || Error::from(StorageError::damaged("record", record.key(), "it has no SHA-256 of a file"));
    for file in record.files()? {
        let name = file.path.as_path().file_name().unwrap_or_default();
        let sha256 = if record.key().architecture.is_source() {
            let stanza = deb822::paragraphs(record.stanza()).next().map(SourcesStanza::new);
            let listed = stanza.and_then(|stanza| stanza.files().ok()).unwrap_or_default();
            listed.into_iter().find(|listed| listed.path == name).and_then(|listed| listed.sha256)
        } else {
            record.sha256()
        };
        let content = File { size: file.size, sha256: sha256.ok_or_else(lacks)? };
        add(files, file.path.as_str(), content, file.path.as_path().to_owned())?;
    }
    Ok(())
}

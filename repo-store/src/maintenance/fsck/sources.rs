//! Where true copies may be found: the store itself, backups, mirrors, and any directory with package files.

use std::collections::HashMap;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Blake3;

use super::contents::{blake3_of, sha256_of};
use super::graph::Wanted;
use super::journal;
use super::remote::{FailedSource, Remote, RepairSource};
use crate::document::{self, Document};
use crate::error::Error;
use crate::model::id::{BlobId, CommitId};
use crate::model::name::RepositoryName;
use crate::model::objects;
use crate::model::publication_id::PublicationId;
use crate::publish::{File, Publication};
use crate::storage::beneath::{At, StorePaths};
use crate::storage::{Key, files, sealed};
use crate::store::Store;

/// A place where a repair looks for true copies.
#[derive(Clone, Copy)]
pub enum CopySource<'a> {
    /// A directory: a backup, another root, or any with package files in it.
    Directory(&'a Utf8Path),
    /// A place reached by other means. Only what a hash proves is taken from there: package files, objects, published
    /// files; no reference, no record of a publication, no line of the operation log.
    Remote(&'a dyn RepairSource),
}

impl std::fmt::Debug for CopySource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory(path) => f.debug_tuple("Directory").field(path).finish(),
            Self::Remote(copies) => f.debug_tuple("Remote").field(&copies.name()).finish(),
        }
    }
}

enum Place<'a> {
    Directory(&'a Utf8Path),
    Remote(Remote<'a>),
}

/// A true copy.
pub(super) enum Found {
    /// To be copied from there.
    At(Utf8PathBuf),
    /// A new temporary file of the store, which came from that place.
    Fetched { file: Utf8PathBuf, place: String },
    /// That place was not asked for it yet.
    Hoped { place: String },
}

impl Found {
    /// Returns where the copy is, in words.
    pub(super) fn place(&self) -> String {
        match self {
            Self::At(path) => path.to_string(),
            Self::Fetched { place, .. } | Self::Hoped { place } => place.clone(),
        }
    }
}

/// Places to look in, and what was learnt of the files there.
pub(super) struct Sources<'a> {
    store: &'a Store,
    paths: StorePaths,
    /// In the order in which they are asked.
    places: Vec<Place<'a>>,
    /// What the store itself publishes.
    own: Utf8PathBuf,
    loose: Loose,
    /// Whether nothing may be written, and so nothing fetched.
    is_dry: bool,
}

/// Every file that may be a package or a part of a source package, wherever it lies in a directory.
#[derive(Default)]
struct Loose {
    by_size: HashMap<u64, Vec<Utf8PathBuf>>,
    hashes: HashMap<Utf8PathBuf, Option<Blake3>>,
}

impl<'a> Sources<'a> {
    /// `given` are named by the user; the store's own pools are looked through as well.
    pub(super) fn new(store: &'a Store, given: &[CopySource<'a>], is_dry: bool) -> Self {
        let own = store.root().join("public");
        let places = given.iter().map(|source| match source {
            CopySource::Directory(path) => Place::Directory(path),
            CopySource::Remote(copies) => Place::Remote(Remote::new(*copies)),
        });
        let (paths, places) = (store.paths(), places.collect());
        let mut sources = Self { store, paths, places, own, loose: Loose::default(), is_dry };
        sources.loose.collect(&sources.paths.at("public"));
        let directories: Vec<&Utf8Path> = sources.directories().collect();
        directories.into_iter().for_each(|directory| sources.loose.collect(&At::from(directory)));
        sources
    }

    /// The places that were of no help with something, and why.
    pub(super) fn unhelpful(&self) -> Vec<FailedSource> {
        let remotes = self.places.iter().filter_map(|place| match place {
            Place::Remote(remote) => remote.unhelpful(),
            Place::Directory(_) => None,
        });
        remotes.collect()
    }

    fn directories(&self) -> impl Iterator<Item = &'a Utf8Path> {
        self.places.iter().filter_map(|place| match place {
            Place::Directory(path) => Some(*path),
            Place::Remote(_) => None,
        })
    }

    /// A file with the content of a blob. `wanted` is what the records say, if one of them can be read.
    pub(super) fn blob(&mut self, id: BlobId, wanted: Option<&Wanted>) -> Result<Option<Found>, Error> {
        let Self { store, paths, places, own, loose, is_dry } = self;
        let size = wanted.map(|wanted| wanted.size);
        if let Some(path) = loose.find(paths, id, size, |path| path.starts_with(&*own)) {
            return Ok(Some(Found::At(path)));
        }
        for place in places {
            let found = match place {
                Place::Directory(root) => {
                    let kept = root.join("store").join(Store::blob_key(id).as_str());
                    let is_it = blake3_of(&kept).is_ok_and(|found| found == id.0);
                    let is_there = |path: &Utf8Path| path.starts_with(*root) && !path.starts_with(&*own);
                    let path = if is_it { Some(kept) } else { loose.find(paths, id, size, is_there) };
                    path.map(Found::At)
                }
                // What no record names is needed by nobody, or its record can be had first.
                Place::Remote(remote) => match wanted {
                    Some(_) if *is_dry => Some(Found::Hoped { place: remote.name() }),
                    Some(wanted) => {
                        let file = remote.blob(store, id, wanted)?;
                        file.map(|file| Found::Fetched { file, place: remote.name() })
                    }
                    None => None,
                },
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The text of an object, and where it was found.
    pub(super) fn object(&mut self, id: Blake3) -> Option<(Vec<u8>, String)> {
        let key = Key::object(objects::AREA, &id);
        self.places.iter_mut().find_map(|place| match place {
            Place::Directory(root) => {
                let bytes = read_in(root, &store_path(&key))?;
                let text = sealed::decompress(&bytes).ok()?;
                (blake3::hash(&text).as_bytes() == id.as_bytes()).then(|| (text, root.to_string()))
            }
            Place::Remote(remote) => remote.object(id).map(|text| (text, remote.name())),
        })
    }

    /// The record of a publication, and where it was found.
    pub(super) fn record(&self, repository: &RepositoryName, id: PublicationId) -> Option<(Vec<u8>, String)> {
        let key = Publication::key(repository, id);
        self.directories().find_map(|root| {
            let bytes = read_in(root, &store_path(&key))?;
            Publication::parse(&bytes).filter(|found| found.id == id).map(|_| (bytes, root.to_string()))
        })
    }

    /// A published file of that digest: under the same name in another root, or where clients find it. `path` and `names` are
    /// below the repository's public directory.
    pub(super) fn published(
        &mut self,
        repository: &RepositoryName,
        path: &Utf8Path,
        names: &[String],
        file: File,
    ) -> Result<Option<Found>, Error> {
        let relative = Utf8Path::new("public").join(repository.as_str()).join(path);
        for place in &mut self.places {
            let found = match place {
                Place::Directory(root) => {
                    let path = root.join(&relative);
                    sha256_of(&path).is_ok_and(|found| found == file.sha256).then_some(Found::At(path))
                }
                Place::Remote(remote) if self.is_dry => Some(Found::Hoped { place: remote.name() }),
                Place::Remote(remote) => {
                    let file = remote.published(self.store, repository, names, file)?;
                    file.map(|file| Found::Fetched { file, place: remote.name() })
                }
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// A document of another root, if that is whole, and which root has it.
    pub(super) fn document<D: Document>(&self, path: &Utf8Path) -> Option<(D, String)> {
        self.directories().find_map(|root| Some((document::parse(&read_in(root, path)?)?, root.to_string())))
    }

    /// The operation logs of other roots.
    pub(super) fn logs(&self) -> impl Iterator<Item = Vec<u8>> {
        let key = crate::storage::log::key();
        self.directories().filter_map(move |root| read_in(root, &store_path(&key)))
    }

    /// What other roots know as the current commit of a repository.
    pub(super) fn heads(&self, repository: &RepositoryName) -> impl Iterator<Item = CommitId> {
        let key = Store::ref_key(repository);
        self.directories().filter_map(move |root| journal::head(&read_in(root, &store_path(&key))?))
    }
}

fn is_named_like_a_package(path: &Utf8Path) -> bool {
    path.extension().is_some_and(|ending| ending.ends_with("deb"))
}

fn store_path(key: &Key) -> Utf8PathBuf {
    Utf8Path::new("store").join(key.as_str())
}

/// The bytes of a regular file of another root. Nothing there is reached through a link, and no pipe is waited for.
fn read_in(root: &Utf8Path, path: &Utf8Path) -> Option<Vec<u8>> {
    files::read(StorePaths::of_backup(root).at(path)).ok()
}

impl Loose {
    /// What cannot be listed holds nothing that can be used.
    fn collect(&mut self, directory: &At<'_>) {
        let Ok(opened) = directory.open_directory() else { return };
        for name in files::names_in(opened.at("")).unwrap_or_default() {
            let at = opened.at(&name);
            let Ok(status) = at.status() else { continue };
            if status.is_directory() {
                self.collect(&at);
                continue;
            }
            let path = at.full().into_owned();
            if status.is_file() {
                self.by_size.entry(status.size).or_default().push(path);
            }
        }
    }

    fn find(
        &mut self,
        paths: &StorePaths,
        id: BlobId,
        size: Option<u64>,
        is_there: impl Fn(&Utf8Path) -> bool,
    ) -> Option<Utf8PathBuf> {
        let mut candidates: Vec<Utf8PathBuf> = match size {
            Some(size) => self.by_size.get(&size).cloned().unwrap_or_default(),
            // Nothing tells which of all files is read to its end.
            None => self
                .by_size
                .values()
                .flatten()
                .filter(|path| is_named_like_a_package(path))
                .cloned()
                .collect(),
        };
        candidates.retain(|path| is_there(path));
        candidates.into_iter().find(|path| {
            let hash = self.hashes.entry(path.clone()).or_insert_with(|| blake3_of(paths.place(path)).ok());
            *hash == Some(id.0)
        })
    }
}

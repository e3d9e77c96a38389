//! Where true copies may be found: the store itself, backups, mirrors, and any directory with package files.

use std::collections::HashMap;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::{Blake3, Sha256};

use super::contents::{blake3_of, sha256_of};
use super::journal;
use crate::history::Ends;
use crate::publish::Publication;
use crate::storage::Key;
use crate::{BlobId, CommitId, PublicationId, RepositoryName, Store, files, objects};

/// Places to look in, and what was learnt of the files there.
pub(super) struct Sources {
    /// Other roots: backups, replicas.
    roots: Vec<Utf8PathBuf>,
    /// What the store itself publishes.
    own: Utf8PathBuf,
    /// Every file that may be a package, by size.
    loose: HashMap<u64, Vec<Utf8PathBuf>>,
    hashes: HashMap<Utf8PathBuf, Option<Blake3>>,
}

impl Sources {
    /// `given` are directories named by the user; the store's own pools are looked through as well.
    pub(super) fn new(store: &Store, given: &[Utf8PathBuf]) -> Self {
        let own = store.root().join("public");
        let mut sources =
            Self { roots: given.to_vec(), own: own.clone(), loose: HashMap::new(), hashes: HashMap::new() };
        sources.collect(&own);
        for directory in given {
            sources.collect(directory);
        }
        sources
    }

    /// What cannot be listed holds nothing that can be used.
    fn collect(&mut self, directory: &Utf8Path) {
        for name in files::names_in(directory).unwrap_or_default() {
            let path = directory.join(&name);
            let Ok(metadata) = path.symlink_metadata() else { continue };
            if metadata.is_dir() {
                self.collect(&path);
            } else if metadata.is_file() && path.extension().is_some_and(|ending| ending.ends_with("deb")) {
                self.loose.entry(metadata.len()).or_default().push(path);
            }
        }
    }

    /// A file with the content of a blob. `size` is what the records say, if one of them can be read.
    pub(super) fn blob(&mut self, id: BlobId, size: Option<u64>) -> Option<Utf8PathBuf> {
        if let Some(path) = self.loose(id, size, true) {
            return Some(path);
        }
        let key = Store::blob_key(id);
        let kept = self.roots.iter().map(|root| root.join("store").join(key.as_str()));
        if let Some(path) = kept.into_iter().find(|path| blake3_of(path).is_ok_and(|found| found == id.0)) {
            return Some(path);
        }
        self.loose(id, size, false)
    }

    fn loose(&mut self, id: BlobId, size: Option<u64>, own: bool) -> Option<Utf8PathBuf> {
        let mut candidates: Vec<Utf8PathBuf> = match size {
            Some(size) => self.loose.get(&size).cloned().unwrap_or_default(),
            None => self.loose.values().flatten().cloned().collect(),
        };
        candidates.retain(|path| path.starts_with(&self.own) == own);
        candidates.into_iter().find(|path| {
            let hash = self.hashes.entry(path.clone()).or_insert_with(|| blake3_of(path).ok());
            *hash == Some(id.0)
        })
    }

    /// The text of an object.
    pub(super) fn object(&self, id: Blake3) -> Option<Vec<u8>> {
        let key = Key::object(objects::AREA, &id);
        self.roots.iter().find_map(|root| {
            let bytes = std::fs::read(root.join("store").join(key.as_str())).ok()?;
            let text = objects::decompress(&bytes).ok()?;
            (blake3::hash(&text).as_bytes() == id.as_bytes()).then_some(text)
        })
    }

    /// The record of a publication.
    pub(super) fn record(&self, repository: &RepositoryName, id: PublicationId) -> Option<Vec<u8>> {
        let key = Publication::key(repository, id);
        self.roots.iter().find_map(|root| {
            let bytes = std::fs::read(root.join("store").join(key.as_str())).ok()?;
            Publication::parse(&bytes).filter(|found| found.id == id).map(|_| bytes)
        })
    }

    /// A published file of that digest: under the same name in another root.
    pub(super) fn published(&self, path: &Utf8Path, digest: Sha256) -> Option<Utf8PathBuf> {
        let paths = self.roots.iter().map(|root| root.join(path));
        paths.into_iter().find(|path| sha256_of(path).is_ok_and(|found| found == digest))
    }

    /// Where another root says that a history ends.
    pub(super) fn ends(&self, path: &Utf8Path) -> Option<String> {
        self.roots.iter().find_map(|root| Some(Ends::parse(&std::fs::read(root.join(path)).ok()?)?.to_text()))
    }

    /// The operation logs of other roots.
    pub(super) fn logs(&self) -> impl Iterator<Item = Vec<u8>> {
        let key = Store::log_key();
        self.roots.iter().filter_map(move |root| std::fs::read(root.join("store").join(key.as_str())).ok())
    }

    /// What other roots know as the current commit of a repository.
    pub(super) fn heads(&self, repository: &RepositoryName) -> impl Iterator<Item = CommitId> {
        let key = Store::ref_key(repository);
        self.roots.iter().filter_map(move |root| {
            journal::head(&std::fs::read(root.join("store").join(key.as_str())).ok()?)
        })
    }
}

//! How a check looks at what lies in published trees.

use std::io::{self, ErrorKind};

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::{Blake3, Sha256};

use super::contents::{Fault, blake3_of, sha256_of};
use crate::error::Error;
use crate::model::name::RepositoryName;
use crate::publish::{PublicationTarget, target_of};
use crate::storage::beneath::StorePaths;
use crate::storage::files;
use crate::store::Store;

/// Looks at published trees, at paths below the root of the store.
#[derive(Clone, Copy)]
pub(super) enum View<'a> {
    /// In the directory `public/`.
    Local(&'a StorePaths),
    /// Where a store keeps them that is in no local directory.
    Stored(&'a Store),
}

impl<'a> View<'a> {
    pub(super) fn of(store: &'a Store, paths: &'a StorePaths) -> Self {
        if store.storage().is_local() { Self::Local(paths) } else { Self::Stored(store) }
    }

    /// Returns whether anything lies at a path.
    pub(super) fn exists(self, path: &Utf8Path) -> io::Result<bool> {
        match self {
            Self::Local(paths) => paths.at(path).exists(),
            Self::Stored(store) => in_tree(store, path, |target, path| target.exists(path)),
        }
    }

    /// Returns whether a directory lies at a path.
    pub(super) fn is_directory(self, path: &Utf8Path) -> io::Result<bool> {
        match self {
            Self::Local(paths) => paths.at(path).is_directory(),
            Self::Stored(store) => in_tree(store, path, |target, path| target.is_directory(path)),
        }
    }

    /// Returns where a link leads.
    pub(super) fn read_link(self, path: &Utf8Path) -> io::Result<Utf8PathBuf> {
        match self {
            Self::Local(paths) => paths.at(path).read_link(),
            Self::Stored(store) => {
                let leads_to = in_tree(store, path, |target, path| target.leads_to(path))?;
                leads_to.ok_or_else(|| ErrorKind::NotFound.into())
            }
        }
    }

    /// Reads a file.
    pub(super) fn read(self, path: &Utf8Path) -> io::Result<Vec<u8>> {
        match self {
            Self::Local(paths) => files::read(paths.at(path)),
            Self::Stored(store) => {
                let file = in_tree(store, path, |target, path| target.open(path))?;
                file.ok_or(ErrorKind::NotFound)?.read()
            }
        }
    }

    /// Returns the SHA-256 of a file.
    pub(super) fn sha256(self, path: &Utf8Path) -> Result<Sha256, Fault> {
        match self {
            Self::Local(paths) => sha256_of(paths.at(path)),
            Self::Stored(_) => {
                self.read(path).map(|bytes| Sha256::of(&bytes)).map_err(|error| Fault::read(&error))
            }
        }
    }

    /// Returns the BLAKE3 of a file.
    pub(super) fn blake3(self, path: &Utf8Path) -> Result<Blake3, Fault> {
        match self {
            Self::Local(paths) => blake3_of(paths.at(path)),
            Self::Stored(_) => {
                self.read(path).map(|bytes| Blake3::of(&bytes)).map_err(|error| Fault::read(&error))
            }
        }
    }
}

/// Asks the tree of the repository that a path is of.
fn in_tree<T>(
    store: &Store,
    path: &Utf8Path,
    ask: impl Fn(&dyn PublicationTarget, &Utf8Path) -> Result<T, Error>,
) -> io::Result<T> {
    let mut names = path.iter().skip(1);
    let repository = names.next().and_then(|name| RepositoryName::parse(name).ok());
    let repository = repository.ok_or(ErrorKind::NotFound)?;
    let below: Utf8PathBuf = names.collect();
    ask(&*target_of(store, &repository), &below).map_err(io::Error::other)
}

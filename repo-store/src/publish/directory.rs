//! Making files and links in the directory that clients of a repository see.

use std::sync::{Arc, Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{ChangeError, Error};
use crate::model::name::RepositoryName;
use crate::model::record::{RecordFile, RecordKey};
use crate::storage::beneath::{At, DirectoryHandle, StorePaths};
use crate::storage::files;
use crate::store::{InPool, Store};

/// The public directory of a repository, and what was changed in it and not yet synced.
pub(super) struct PublicDirectory<'a> {
    pub(super) store: &'a Store,
    pub(super) repository: RepositoryName,
    pub(super) paths: StorePaths,
    pub(super) path: Utf8PathBuf,
    /// The directory that something was made in last: most often the next thing is made there too.
    last: Mutex<Option<Arc<DirectoryHandle>>>,
    /// Files and directories that were made or changed and not yet synced.
    changed: Mutex<Vec<Utf8PathBuf>>,
}

impl<'a> PublicDirectory<'a> {
    pub(super) fn new(store: &'a Store, repository: &RepositoryName) -> Self {
        Self {
            store,
            repository: repository.clone(),
            paths: store.paths(),
            path: store.public(repository),
            last: Mutex::default(),
            changed: Mutex::default(),
        }
    }

    /// A directory to make something in. It is made too if need be.
    pub(super) fn directory(&self, path: &Utf8Path) -> Result<Arc<DirectoryHandle>, Error> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.path() == path) {
            return Ok(Arc::clone(last));
        }
        let (made, changed) = self.paths.place(path).make()?;
        self.note(changed);
        Ok(Arc::clone(last.insert(Arc::new(made))))
    }

    /// Something below the public directory, whose directory is there.
    pub(super) fn at(&self, path: &Utf8Path) -> At<'_> {
        self.paths.place(path)
    }

    /// Takes note of files and directories that were made or changed.
    pub(super) fn note(&self, paths: impl IntoIterator<Item = Utf8PathBuf>) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).extend(paths);
    }

    /// Makes everything durable that was noted.
    pub(super) fn sync(&self) -> Result<(), Error> {
        let changed = std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner));
        // What was put aside lies below `store`, on the same file system.
        Ok(self.paths.sync_all(changed)?)
    }

    /// Makes `path` another name of a file. Returns whether it was new; an existing name is left alone.
    pub(super) fn link<'o>(&self, original: impl Into<At<'o>>, path: &Utf8Path) -> Result<bool, Error> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(false) };
        let directory = self.directory(parent)?;
        self.note([parent.to_owned()]);
        Ok(files::link_or_copy(original, directory.at(name))?)
    }

    /// Makes `link` a new symbolic link.
    pub(super) fn symlink(&self, target: &str, link: &Utf8Path) -> Result<(), Error> {
        let (Some(parent), Some(name)) = (link.parent(), link.file_name()) else { return Ok(()) };
        let directory = self.directory(parent)?;
        files::symlink(target, directory.at(name)).map_err(Error::io("create", link))
    }

    /// Gives a finished temporary file its name, in place of whatever has that name.
    pub(super) fn give_name(&self, temporary: &Utf8Path, at: &At<'_>) -> Result<(), Error> {
        self.note(self.store.give_name(&self.paths, temporary, at)?);
        Ok(())
    }

    /// Makes `link` a symbolic link, in place of whatever has that name.
    pub(super) fn point(&self, link: &Utf8Path, target: &str) -> Result<(), Error> {
        self.note(self.store.point(&self.paths, link, target)?);
        self.note(link.parent().map(Utf8Path::to_owned));
        Ok(())
    }

    /// Links a file of a package into the pool. What is no file of the store is put aside.
    ///
    /// # Errors
    /// [`Error::Conflict`] when another file of the store has that path.
    pub(super) fn link_into_pool(&self, key: &RecordKey, file: &RecordFile) -> Result<bool, Error> {
        let RecordFile { blob, path, .. } = file;
        let (original, public) = (self.store.blob_path(*blob)?, self.path.join(path));
        if self.link(&original, &public)? {
            return Ok(true);
        }
        match self.store.found_in_pool(&self.repository, path.as_path(), *blob)? {
            InPool::Itself => return Ok(false),
            InPool::Nothing => {}
            InPool::Stranger => self.note(self.store.move_aside(&self.paths, &public)?),
            InPool::Another => {
                return Err(Error::Change(ChangeError::Conflict {
                    key: key.clone(),
                    repository: self.repository.clone(),
                    place: format!(" (as {path} in the pool)"),
                }));
            }
        }
        self.link(&original, &public)
    }
}

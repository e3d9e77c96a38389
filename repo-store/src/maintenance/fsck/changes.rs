//! What a repair does to files, and what it would do.
//!
//! Nothing is overwritten: what lies in a place already is moved to `store/damaged/`. A plan goes the same way as the repair, and its
//! changes are not made: so the one cannot say what the other does not do.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::sources;
use crate::error::Error;
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::publish::aside::{move_aside, point};
use crate::publish::tagged::mend_tags;
use crate::publish::target_of;
use crate::storage::beneath::{At, StorePaths};
use crate::storage::copy::{Digest, copy};
use crate::storage::files::Lock;
use crate::storage::files::mode;
use crate::storage::{HeldLock, Key, files};
use crate::store::Store;

/// A file that is ready to be given its place.
#[must_use = "a file without a place is removed with what other processes left behind"]
pub(super) enum Ready {
    /// It has all its content, under a temporary name.
    At(Utf8PathBuf),
    /// It was not made, as nothing is to be changed.
    Foreseen,
}

/// The changes that a repair makes, or none.
pub(super) struct Changes<'a> {
    store: &'a Store,
    paths: &'a StorePaths,
    is_dry: bool,
    /// The directories whose entries changed and that are not yet synced.
    unsynced: Vec<Utf8PathBuf>,
    /// The files that would be in their places.
    foreseen: BTreeSet<Utf8PathBuf>,
}

impl<'a> Changes<'a> {
    pub(super) fn new(store: &'a Store, paths: &'a StorePaths, is_dry: bool) -> Self {
        Self { store, paths, is_dry, unsynced: Vec::new(), foreseen: BTreeSet::new() }
    }

    /// Returns the store that is changed, and its paths.
    pub(super) fn of(&self) -> (&'a Store, &'a StorePaths) {
        (self.store, self.paths)
    }

    /// Returns whether nothing is changed.
    pub(super) fn is_dry(&self) -> bool {
        self.is_dry
    }

    /// Returns whether a true file would be in its place by now, if anything were changed.
    pub(super) fn is_foreseen(&self, path: &Utf8Path) -> bool {
        self.foreseen.contains(path)
    }

    /// Makes all changes durable.
    pub(super) fn sync(self) -> Result<(), Error> {
        Ok(self.paths.sync_all(self.unsynced)?)
    }

    /// Keeps others from publishing the repository until the lock is dropped.
    pub(super) fn lock(&self, repository: &RepositoryName) -> Result<Option<Box<dyn HeldLock>>, Error> {
        if self.is_dry { Ok(None) } else { self.store.publishing_lock(repository).map(Some) }
    }

    /// Keeps others from writing a reference or a log until the lock is dropped.
    pub(super) fn lock_key(&self, key: &Key) -> Result<Option<Lock>, Error> {
        let directory = self.store.storage().directory()?;
        if self.is_dry { Ok(None) } else { Ok(Some(directory.lock_key(key)?)) }
    }

    /// Moves what lies at `path` to `store/damaged/`.
    pub(super) fn move_aside(&mut self, path: &Utf8Path) -> Result<(), Error> {
        if !self.is_dry {
            self.unsynced.extend(move_aside(self.store.root(), self.paths, path)?);
        }
        Ok(())
    }

    /// Writes a file under a temporary name.
    pub(super) fn written(&self, content: &[u8], mode: u32) -> Result<Ready, Error> {
        if self.is_dry {
            return Ok(Ready::Foreseen);
        }
        let temporary = self.store.storage().temporary()?;
        files::write_new(&temporary, content, mode)?;
        Ok(Ready::At(temporary))
    }

    /// Copies a file under a temporary name; `None` when it changed since it was found.
    pub(super) fn copied(&self, source: &sources::Found, digest: Digest) -> Result<Option<Ready>, Error> {
        let source = match source {
            sources::Found::Fetched { file, .. } => return Ok(Some(Ready::At(file.clone()))),
            sources::Found::Hoped { .. } => return Ok(Some(Ready::Foreseen)),
            sources::Found::At(_) if self.is_dry => return Ok(Some(Ready::Foreseen)),
            sources::Found::At(source) => source,
        };
        let temporary = self.store.storage().temporary()?;
        let is_good = copy(self.paths.place(source), &At::from(&temporary), digest, mode::IMMUTABLE)?;
        Ok(is_good.then_some(Ready::At(temporary)))
    }

    /// Gives a finished file its place, and moves aside what lies there.
    pub(super) fn place(&mut self, ready: Ready, path: &Utf8Path) -> Result<(), Error> {
        let Ready::At(temporary) = ready else {
            self.foreseen.insert(path.to_owned());
            return Ok(());
        };
        files::sync_path(&temporary)?;
        let parent = path.parent().unwrap_or(path);
        self.make_directories(parent)?;
        if self.paths.place(path).exists().map_err(Error::io("look at", path))? {
            self.move_aside(path)?;
        }
        files::rename(&temporary, self.paths.place(path)).map_err(Error::io("create", path))?;
        self.unsynced.push(parent.to_owned());
        Ok(())
    }

    /// Writes a file in its place, and moves aside what lies there.
    pub(super) fn write(&mut self, path: &Utf8Path, content: &[u8], mode: u32) -> Result<(), Error> {
        let ready = self.written(content, mode)?;
        self.place(ready, path)
    }

    /// Makes `path` a name of `original`, in place of what is there.
    pub(super) fn link(&mut self, original: &Utf8Path, path: &Utf8Path) -> Result<(), Error> {
        if self.is_dry {
            self.foreseen.insert(path.to_owned());
            return Ok(());
        }
        let parent = path.parent().unwrap_or(path);
        self.make_directories(parent)?;
        let temporary = self.store.storage().temporary()?;
        files::link(self.paths.place(original), &temporary)?;
        files::rename(&temporary, self.paths.place(path)).map_err(Error::io("replace", path))?;
        // A rename between two names of one file does nothing.
        files::remove_if_present(&temporary)?;
        self.unsynced.push(parent.to_owned());
        Ok(())
    }

    /// Makes a path below `public` a symbolic link, in place of what is there.
    pub(super) fn point(&mut self, link: &Utf8Path, target: &str) -> Result<(), Error> {
        if self.is_dry {
            return Ok(());
        }
        let parent = link.parent().unwrap_or(link);
        self.make_directories(parent)?;
        self.unsynced.extend(point(self.store, self.paths, link, target)?);
        self.unsynced.push(parent.to_owned());
        Ok(())
    }

    /// Makes a directory, and those above it.
    pub(super) fn make_directories(&mut self, path: &Utf8Path) -> Result<(), Error> {
        if !self.is_dry {
            self.unsynced.extend(files::create_directories(self.paths.place(path))?);
        }
        Ok(())
    }

    /// Removes another name of a file that is moved aside.
    pub(super) fn remove_name(&self, path: &Utf8Path) -> Result<(), Error> {
        if self.is_dry { Ok(()) } else { Ok(files::remove_if_present(self.paths.place(path))?) }
    }

    pub(super) fn set_mode(&mut self, path: &Utf8Path, mode: u32) -> Result<(), Error> {
        if !self.is_dry {
            files::set_mode(self.paths.place(path), mode)?;
            self.unsynced.push(path.to_owned());
        }
        Ok(())
    }

    /// Sets the time of a file that is not in its place yet.
    pub(super) fn set_time_of(&self, ready: &Ready, modified: i64) -> Result<(), Error> {
        match ready {
            // Clients ask for files of a pool by their time too.
            Ready::At(temporary) => Ok(files::set_modified(temporary, modified)?),
            Ready::Foreseen => Ok(()),
        }
    }

    pub(super) fn set_time(&mut self, path: &Utf8Path, modified: i64) -> Result<(), Error> {
        if !self.is_dry {
            files::set_modified(self.paths.place(path), modified)?;
            self.unsynced.push(path.to_owned());
        }
        Ok(())
    }

    /// Moves a publication aside with its record. The caller holds the publishing lock.
    pub(super) fn withdraw(&mut self, repository: &RepositoryName, id: PublicationId) -> Result<(), Error> {
        if !self.is_dry {
            self.unsynced.extend(super::withdrawal::withdraw(self.store, self.paths, repository, id)?);
        }
        Ok(())
    }

    /// Lets each tag lead to a publication that shows its state, where there is one.
    pub(super) fn mend_tags(&self, repository: &RepositoryName) -> Result<(), Error> {
        if self.is_dry {
            return Ok(());
        }
        mend_tags(self.store, &*target_of(self.store, repository), repository)
    }
}

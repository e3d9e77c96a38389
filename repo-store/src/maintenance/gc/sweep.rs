//! Removing files, and keeping account of what that frees.

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::{Garbage, Why};
use crate::error::Error;
use crate::storage::beneath::{At, Status, StorePaths};
use crate::storage::{Key, Storage as _, beneath, files};
use crate::store::Store;

/// A file as it was found.
pub(super) struct Found {
    pub(super) path: Utf8PathBuf,
    status: Status,
}

impl Found {
    pub(super) fn look(at: &At<'_>) -> Result<Self, Error> {
        let path = at.full().into_owned();
        let status = at.status().map_err(Error::io("look at", &path))?;
        Ok(Self { path, status })
    }

    /// What all names of one file share.
    pub(super) fn identity(&self) -> (u64, u64) {
        self.status.identity
    }

    /// How many names the file has.
    pub(super) fn links(&self) -> u64 {
        self.status.links
    }

    fn size(&self) -> u64 {
        if self.status.is_file() { self.status.size } else { 0 }
    }
}

/// Every file and link below a directory; none when it does not exist.
pub(super) fn files_below(directory: &At<'_>) -> Result<Vec<Found>, Error> {
    let found = beneath::files_below(directory)?;
    Ok(found.into_iter().map(|(path, status)| Found { path, status }).collect())
}

/// A collection at work.
pub(super) struct Sweep<'a> {
    store: &'a Store,
    paths: &'a StorePaths,
    /// What came to the store at that moment or later is left alone.
    settled: Timestamp,
    now: Timestamp,
    dry_run: bool,
    removed: Vec<Garbage>,
    freed: u64,
    /// How many names of each file went so far.
    gone: HashMap<(u64, u64), u64>,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(
        store: &'a Store,
        paths: &'a StorePaths,
        (settled, now): (Timestamp, Timestamp),
        dry_run: bool,
    ) -> Self {
        Self { store, paths, settled, now, dry_run, removed: Vec::new(), freed: 0, gone: HashMap::new() }
    }

    /// Whether nothing is changed.
    pub(super) fn is_dry(&self) -> bool {
        self.dry_run
    }

    /// Those of the store's files that did not come lately.
    ///
    /// When one came that changed in the future nobody can tell: the clock was ahead then. From now on it counts as changed now.
    pub(super) fn settled(&self, keys: impl Iterator<Item = Key>) -> Result<Vec<Found>, Error> {
        let mut settled = Vec::new();
        for path in keys.filter_map(|key| self.store.storage().local_path(&key)) {
            let file = Found::look(&At::from(&path))?;
            let changed = file.status.changed_at();
            if changed > self.now && !self.dry_run {
                files::touch(&file.path)?;
            } else if changed < self.settled {
                settled.push(file);
            }
        }
        Ok(settled)
    }

    /// Removes those of these files in pools that are no links of `blobs`, and returns the others: they go with their blobs.
    pub(super) fn pool_files_of_others(
        &mut self,
        unlisted: Vec<Found>,
        blobs: &[Found],
    ) -> Result<HashMap<(u64, u64), Vec<Found>>, Error> {
        let going: HashSet<(u64, u64)> = blobs.iter().map(Found::identity).collect();
        let mut with_blobs: HashMap<(u64, u64), Vec<Found>> = HashMap::new();
        for file in unlisted {
            if going.contains(&file.identity()) {
                with_blobs.entry(file.identity()).or_default().push(file);
            } else {
                self.remove(&file, Why::Unlisted)?;
                self.remove_empty_directories(&file.path);
            }
        }
        Ok(with_blobs)
    }

    /// Removes an object or a blob together with its names in pools, unless somebody wants it after all.
    pub(super) fn remove_settled(&mut self, file: &Found, names: &[Found]) -> Result<(), Error> {
        let others: Vec<At<'_>> = names.iter().map(|name| self.paths.place(&name.path)).collect();
        if !self.dry_run && !files::remove_settled(&file.path, &others, self.settled)? {
            return Ok(());
        }
        for name in names {
            self.note(name, Why::Unlisted);
            self.remove_empty_directories(&name.path);
        }
        self.note(file, Why::Unreachable);
        Ok(())
    }

    /// Removes a published file.
    pub(super) fn remove(&mut self, file: &Found, why: Why) -> Result<(), Error> {
        if !self.dry_run {
            files::remove_if_present(self.paths.place(&file.path))?;
        }
        self.note(file, why);
        Ok(())
    }

    /// Removes a directory with all that is in it, in one step as others see it; it is no error when there is none.
    pub(super) fn remove_tree(&mut self, directory: &Utf8Path, why: Why) -> Result<(), Error> {
        let at = self.paths.place(directory);
        for file in files_below(&at)? {
            self.note(&file, why);
        }
        if self.dry_run {
            return Ok(());
        }
        let aside = self.store.storage().temporary()?;
        let removed = match files::rename(at.clone(), &aside) {
            Ok(()) => files::remove_tree(&aside),
            Err(error) if error.kind() == ErrorKind::CrossesDevices => files::remove_tree(at),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", directory)(error)),
            _ => Ok(()),
        }
    }

    fn note(&mut self, file: &Found, why: Why) {
        let gone = self.gone.entry(file.identity()).or_default();
        *gone += 1;
        if *gone == file.links() {
            self.freed += file.size();
        }
        let path = file.path.strip_prefix(self.store.root()).unwrap_or(&file.path).to_owned();
        self.removed.push(Garbage { path, size: file.size(), why });
    }

    /// Removes the directories of a pool that a file leaves empty. The publishing lock keeps others from filling them.
    fn remove_empty_directories(&self, file: &Utf8Path) {
        let up_to_the_pool = file.ancestors().skip(1).take_while(|above| above.file_name() != Some("pool"));
        for directory in up_to_the_pool {
            if self.dry_run || files::remove_directory(self.paths.place(directory)).is_err() {
                return;
            }
        }
    }

    /// What went, and how many bytes that frees.
    pub(super) fn finish(self) -> (Vec<Garbage>, u64) {
        (self.removed, self.freed)
    }
}

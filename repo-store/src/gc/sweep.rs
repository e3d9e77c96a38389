//! Removing files, and keeping account of what that frees.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::{Garbage, Why};
use crate::storage::{Key, Storage as _};
use crate::{Error, Store, files};

/// A file as it was found.
pub(super) struct Found {
    pub(super) path: Utf8PathBuf,
    metadata: Metadata,
}

impl Found {
    pub(super) fn look(path: Utf8PathBuf) -> Result<Self, Error> {
        let metadata = fs::symlink_metadata(&path).map_err(Error::io("look at", &path))?;
        Ok(Self { path, metadata })
    }

    /// What all names of one file share.
    pub(super) fn identity(&self) -> (u64, u64) {
        (self.metadata.dev(), self.metadata.ino())
    }

    /// How many names the file has.
    pub(super) fn links(&self) -> u64 {
        self.metadata.nlink()
    }

    fn size(&self) -> u64 {
        if self.metadata.is_file() { self.metadata.len() } else { 0 }
    }
}

/// Every file and link below a directory; none when it does not exist.
pub(super) fn files_below(directory: &Utf8Path) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    for name in files::names_in(directory)? {
        let file = Found::look(directory.join(name))?;
        if file.metadata.is_dir() {
            found.extend(files_below(&file.path)?);
        } else {
            found.push(file);
        }
    }
    Ok(found)
}

/// A collection at work.
pub(super) struct Sweep<'a> {
    store: &'a Store,
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
    pub(super) fn new(store: &'a Store, (settled, now): (Timestamp, Timestamp), dry_run: bool) -> Self {
        Self { store, settled, now, dry_run, removed: Vec::new(), freed: 0, gone: HashMap::new() }
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
            let file = Found::look(path)?;
            let changed = files::changed(&file.metadata);
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
        let others: Vec<&Utf8Path> = names.iter().map(|name| name.path.as_path()).collect();
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
            files::remove_if_present(&file.path)?;
        }
        self.note(file, why);
        Ok(())
    }

    /// Removes a directory with all that is in it, in one step as others see it; it is no error when there is none.
    pub(super) fn remove_tree(&mut self, directory: &Utf8Path, why: Why) -> Result<(), Error> {
        for file in files_below(directory)? {
            self.note(&file, why);
        }
        if self.dry_run {
            return Ok(());
        }
        let aside = self.store.storage().temporary()?;
        let removed = match files::rename(directory, &aside) {
            Ok(()) => files::remove_tree(&aside),
            Err(error) if error.kind() == ErrorKind::CrossesDevices => files::remove_tree(directory),
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
            if self.dry_run || files::remove_directory(directory).is_err() {
                return;
            }
        }
    }

    /// What went, and how many bytes that frees.
    pub(super) fn finish(self) -> (Vec<Garbage>, u64) {
        (self.removed, self.freed)
    }
}

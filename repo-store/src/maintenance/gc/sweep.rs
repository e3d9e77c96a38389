//! Removing files, and keeping account of what that frees.

use std::collections::{HashMap, HashSet};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::{Garbage, Why};
use crate::error::Error;
use crate::progress::Running;
use crate::publish::aside::put_away;
use crate::publish::layout;
use crate::storage::beneath::{At, Status, StorePaths};
use crate::storage::{Key, beneath, files};
use crate::store::Store;

/// A file as it was found.
pub(super) struct Found {
    pub(super) path: Utf8PathBuf,
    size: u64,
    changed: Timestamp,
    /// What all names of one file share, and how many there are. `None` for objects that are not files.
    names: Option<((u64, u64), u64)>,
}

/// An object that may go.
pub(super) struct Unreached {
    key: Key,
    found: Found,
}

impl Unreached {
    /// What all names of its file share.
    pub(super) fn identity(&self) -> Option<(u64, u64)> {
        self.found.identity()
    }

    /// How many names its file has.
    pub(super) fn links(&self) -> u64 {
        self.found.names.map_or(1, |(_, links)| links)
    }
}

impl Found {
    pub(super) fn look(at: &At<'_>) -> Result<Self, Error> {
        let path = at.full().into_owned();
        let status = at.status().map_err(Error::io("look at", &path))?;
        Ok(Self::of(path, &status))
    }

    fn of(path: Utf8PathBuf, status: &Status) -> Self {
        let size = if status.is_file() { status.size } else { 0 };
        Self { path, size, changed: status.changed_at(), names: Some((status.identity, status.links)) }
    }

    fn identity(&self) -> Option<(u64, u64)> {
        self.names.map(|(identity, _)| identity)
    }
}

/// Every file and link below a directory; none when it does not exist.
pub(super) fn files_below(directory: &At<'_>) -> Result<Vec<Found>, Error> {
    let found = beneath::files_below(directory)?;
    Ok(found.into_iter().map(|(path, status)| Found::of(path, &status)).collect())
}

/// A collection at work.
pub(super) struct Sweep<'a> {
    store: &'a Store,
    paths: &'a StorePaths,
    /// What came to the store at that moment or later is left alone.
    settled: Timestamp,
    now: Timestamp,
    phase: &'a Running<'a>,
    dry_run: bool,
    removed: Vec<Garbage>,
    freed: u64,
    /// How many names of each file went so far, and how many it had before the first went.
    gone: HashMap<(u64, u64), (u64, u64)>,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(
        store: &'a Store,
        paths: &'a StorePaths,
        (settled, now): (Timestamp, Timestamp),
        phase: &'a Running<'a>,
        dry_run: bool,
    ) -> Self {
        let (removed, gone) = (Vec::new(), HashMap::new());
        Self { store, paths, settled, now, phase, dry_run, removed, freed: 0, gone }
    }

    /// Tells that one of the things that may go was dealt with.
    pub(super) fn advance(&self) -> Result<(), Error> {
        Ok(self.phase.advance(1, 0)?)
    }

    /// Whether nothing is changed.
    pub(super) fn is_dry(&self) -> bool {
        self.dry_run
    }

    /// Those of the store's files that did not come lately.
    ///
    /// When one came that changed in the future nobody can tell: the clock was ahead then. From now on it counts as changed now.
    pub(super) fn settled(&self, keys: impl Iterator<Item = Key>) -> Result<Vec<Unreached>, Error> {
        let mut settled = Vec::new();
        for key in keys {
            match self.look(&key)? {
                Some(found) if found.changed > self.now && !self.dry_run => {
                    self.store.storage().objects().touch(&key)?;
                }
                Some(found) if found.changed < self.settled => {
                    settled.push(Unreached { key, found });
                    continue;
                }
                _ => {}
            }
            self.advance()?;
        }
        Ok(settled)
    }

    /// Looks at an object; `None` when it is gone.
    fn look(&self, key: &Key) -> Result<Option<Found>, Error> {
        let objects = self.store.storage().objects();
        if let Some(path) = objects.local_file(key) {
            let at = At::from(&path);
            let status = at.status_if_present().map_err(Error::io("look at", &path))?;
            return Ok(status.map(|status| Found::of(path.clone(), &status)));
        }
        let path = self.store.root().join("store").join(key.as_str());
        let found = objects.head(key)?;
        Ok(found.map(|info| Found { path, size: info.size, changed: info.changed, names: None }))
    }

    /// Removes those of these files in pools that are no links of `blobs`, and returns the others: they go with their blobs.
    pub(super) fn pool_files_of_others(
        &mut self,
        unlisted: Vec<Found>,
        blobs: &[Unreached],
    ) -> Result<HashMap<(u64, u64), Vec<Found>>, Error> {
        let going: HashSet<(u64, u64)> = blobs.iter().filter_map(Unreached::identity).collect();
        let mut with_blobs: HashMap<(u64, u64), Vec<Found>> = HashMap::new();
        for file in unlisted {
            if let Some(identity) = file.identity().filter(|identity| going.contains(identity)) {
                with_blobs.entry(identity).or_default().push(file);
            } else {
                self.remove(&file, Why::Unlisted)?;
                self.remove_empty_directories(&file.path);
            }
        }
        Ok(with_blobs)
    }

    /// Removes an object or a blob together with its names in pools, unless somebody wants it after all.
    pub(super) fn remove_settled(&mut self, object: &Unreached, names: &[Found]) -> Result<(), Error> {
        self.advance()?;
        // An object in a pool goes from there first: no pool ever shows what the store does not have.
        let mut from_pools =
            || names.iter().try_for_each(|name| files::remove_if_present(self.paths.place(&name.path)));
        let objects = self.store.storage().objects();
        if !self.dry_run && !objects.delete_if_older(&object.key, self.settled, &mut from_pools)? {
            return Ok(());
        }
        for name in names {
            self.note(name, Why::Unlisted);
            self.remove_empty_directories(&name.path);
        }
        self.note(&object.found, Why::Unreachable);
        Ok(())
    }

    /// Removes an object, however young, if it is there.
    pub(super) fn remove_object(&mut self, key: &Key, why: Why) -> Result<(), Error> {
        let Some(found) = self.look(key)? else { return Ok(()) };
        if !self.dry_run {
            self.store.storage().objects().delete(key)?;
        }
        self.note(&found, why);
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
        let aside = put_away(self.store, at)?;
        aside.map_or(Ok(()), |aside| files::remove_tree(&aside).map_err(Error::io("remove", directory)))
    }

    fn note(&mut self, file: &Found, why: Why) {
        let is_last = file.names.is_none_or(|(identity, links)| {
            let (gone, all) = self.gone.entry(identity).or_insert((0, links));
            *gone += 1;
            gone == all
        });
        if is_last {
            self.freed += file.size;
        }
        let path = file.path.strip_prefix(self.store.root()).unwrap_or(&file.path).to_owned();
        self.removed.push(Garbage { path, size: file.size, why });
    }

    /// Removes the directories of a pool that a file leaves empty. The publishing lock keeps others from filling them.
    fn remove_empty_directories(&self, file: &Utf8Path) {
        let is_below =
            |above: &&Utf8Path| !above.file_name().is_some_and(|name| layout::OF_RECORDS.contains(&name));
        for directory in file.ancestors().skip(1).take_while(is_below) {
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

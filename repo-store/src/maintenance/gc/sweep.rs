//! Removing files, and keeping account of what that frees.

use std::collections::{HashMap, HashSet};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::{Garbage, GarbageReason};
use crate::error::Error;
use crate::model::name::RepositoryName;
use crate::progress::Running;
use crate::publish::{FileNames, InTree, PublicationTarget, layout, target_of};
use crate::storage::beneath::At;
use crate::storage::{Key, StorageError, files};
use crate::store::Store;

/// The published tree of a repository.
pub(super) struct Tree<'a> {
    pub(super) target: Box<dyn PublicationTarget + 'a>,
    /// Below the root of the store.
    public: Utf8PathBuf,
}

impl<'a> Tree<'a> {
    pub(super) fn of(store: &'a Store, repository: &'a RepositoryName) -> Self {
        let public = Utf8Path::new("public").join(repository.as_str());
        Self { target: target_of(store, repository), public }
    }
}

/// A file of a published tree.
pub(super) struct Published<'a> {
    pub(super) tree: &'a Tree<'a>,
    pub(super) file: InTree,
}

impl Published<'_> {
    fn remove(&self) -> Result<(), StorageError> {
        self.tree.target.remove(&self.file.path)
    }
}

/// An object as it was found.
struct Found {
    size: u64,
    changed: Timestamp,
    /// `None` for objects that are not files.
    names: Option<FileNames>,
}

/// An object that may go.
pub(super) struct Unreached {
    key: Key,
    found: Found,
}

impl Unreached {
    /// What all names of its file share.
    pub(super) fn identity(&self) -> Option<(u64, u64)> {
        self.found.names.map(|(identity, _)| identity)
    }

    /// Whether a pool may have it. What is not a file of a local disk has no other names to count.
    pub(super) fn may_be_published(&self) -> bool {
        self.found.names.is_none_or(|(_, links)| links > 1)
    }
}

/// A collection at work.
pub(super) struct Sweep<'a> {
    store: &'a Store,
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
        (settled, now): (Timestamp, Timestamp),
        phase: &'a Running<'a>,
        dry_run: bool,
    ) -> Self {
        let (removed, gone) = (Vec::new(), HashMap::new());
        Self { store, settled, now, phase, dry_run, removed, freed: 0, gone }
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
            return Ok(status.map(|status| Found {
                size: if status.is_file() { status.size } else { 0 },
                changed: status.changed_at(),
                names: Some((status.identity, status.links)),
            }));
        }
        let found = objects.head(key)?;
        Ok(found.map(|info| Found { size: info.size, changed: info.changed, names: None }))
    }

    /// Removes those of these files in pools that are no links of `blobs`, and returns the others: they go with their blobs.
    pub(super) fn pool_files_of_others<'t>(
        &mut self,
        unlisted: Vec<Published<'t>>,
        blobs: &[Unreached],
    ) -> Result<HashMap<(u64, u64), Vec<Published<'t>>>, Error> {
        let going: HashSet<(u64, u64)> = blobs.iter().filter_map(Unreached::identity).collect();
        let mut with_blobs: HashMap<(u64, u64), Vec<Published<'t>>> = HashMap::new();
        for published in unlisted {
            let identity = published.file.names.map(|(identity, _)| identity);
            if let Some(identity) = identity.filter(|identity| going.contains(identity)) {
                with_blobs.entry(identity).or_default().push(published);
            } else {
                self.remove(&published, GarbageReason::Unlisted)?;
                self.remove_empty_directories(&published);
            }
        }
        Ok(with_blobs)
    }

    /// Removes an object or a blob together with its names in pools, unless somebody wants it after all.
    pub(super) fn remove_settled(
        &mut self,
        object: &Unreached,
        names: &[Published<'_>],
    ) -> Result<(), Error> {
        self.advance()?;
        // An object in a pool goes from there first: no pool ever shows what the store does not have.
        let mut from_pools = || names.iter().try_for_each(Published::remove);
        let objects = self.store.storage().objects();
        if !self.dry_run && !objects.delete_if_older(&object.key, self.settled, &mut from_pools)? {
            return Ok(());
        }
        for name in names {
            self.note_published(name, GarbageReason::Unlisted);
            self.remove_empty_directories(name);
        }
        self.note_object(object, GarbageReason::Unreachable);
        Ok(())
    }

    /// Removes an object, however young, if it is there.
    pub(super) fn remove_object(&mut self, key: &Key, why: GarbageReason) -> Result<(), Error> {
        let Some(found) = self.look(key)? else { return Ok(()) };
        if !self.dry_run {
            self.store.storage().objects().delete(key)?;
        }
        self.note_object(&Unreached { key: key.clone(), found }, why);
        Ok(())
    }

    /// Removes a published file.
    pub(super) fn remove(&mut self, published: &Published<'_>, why: GarbageReason) -> Result<(), Error> {
        if !self.dry_run {
            published.remove()?;
        }
        self.note_published(published, why);
        Ok(())
    }

    /// Removes a directory with all that is in it, in one step as others see it; it is no error when there is none.
    pub(super) fn remove_tree(
        &mut self,
        tree: &Tree<'_>,
        directory: &Utf8Path,
        why: GarbageReason,
    ) -> Result<(), Error> {
        for file in tree.target.below(directory)? {
            self.note_published(&Published { tree, file }, why);
        }
        if self.dry_run {
            return Ok(());
        }
        let aside = tree.target.put_away(directory)?;
        aside.map_or(Ok(()), |aside| files::remove_tree(&aside).map_err(Error::io("remove", directory)))
    }

    fn note_object(&mut self, Unreached { key, found }: &Unreached, why: GarbageReason) {
        let path = Utf8Path::new("store").join(key.as_str());
        self.note(path, (found.size, found.names), why);
    }

    fn note_published(&mut self, Published { tree, file }: &Published<'_>, why: GarbageReason) {
        self.note(tree.public.join(&file.path), (file.size, file.names), why);
    }

    fn note(&mut self, path: Utf8PathBuf, (size, names): (u64, Option<FileNames>), why: GarbageReason) {
        let is_last = names.is_none_or(|(identity, links)| {
            let (gone, all) = self.gone.entry(identity).or_insert((0, links));
            *gone += 1;
            gone == all
        });
        if is_last {
            self.freed += size;
        }
        self.removed.push(Garbage { path, size, why });
    }

    /// Removes the directories of a pool that a file leaves empty. The publishing lock keeps others from filling them.
    fn remove_empty_directories(&self, Published { tree, file }: &Published<'_>) {
        let is_below =
            |above: &&Utf8Path| !above.file_name().is_some_and(|name| layout::OF_RECORDS.contains(&name));
        for directory in file.path.ancestors().skip(1).take_while(is_below) {
            if self.dry_run || !tree.target.remove_if_empty(directory) {
                return;
            }
        }
    }

    /// What went, and how many bytes that frees.
    pub(super) fn finish(self) -> (Vec<Garbage>, u64) {
        (self.removed, self.freed)
    }
}

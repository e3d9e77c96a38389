//! How an older store comes to the format that is written, and the way back.

use camino::Utf8Path;

use crate::error::{Error, MaintenanceError};
use crate::storage::format::{self, Format};
use crate::storage::{Directory, ObjectStore as _, StorageError, files};
use crate::store::Store;

/// See [`Store::upgrade`].
pub(crate) fn upgrade(store: &mut Store) -> Result<Format, Error> {
    let _lock = store.storage().directory()?.lock("format")?;
    // Another process may have done it meanwhile.
    let before = Format::of(store.root())?;
    if before < Format::WRITTEN {
        change_format(store.root(), Format::WRITTEN, |root, temporary| {
            Ok(files::replace(&format::way_back(root), &before.to_file(), temporary)?)
        })?;
    }
    let after = before.max(Format::WRITTEN);
    store.set_directory(Directory::open(&store.root().join("store"), after)?, after);
    Ok(before)
}

/// See [`Store::undo_upgrade`].
pub(crate) fn undo_upgrade(store: &mut Store) -> Result<Format, Error> {
    let _lock = store.storage().directory()?.lock("format")?;
    let path = format::way_back(store.root());
    let text = files::read_if_present(&path)?;
    let text = text
        .ok_or_else(|| Error::Maintenance(MaintenanceError::NoWayBack { format: store.format().number() }))?;
    let before = Format::parse(&text, &path)?;
    change_format(store.root(), before, |_, _| Ok(()))?;
    files::remove_if_present(&path)?;
    files::sync_path(&store.root().join("store"))?;
    store.set_directory(Directory::open(&store.root().join("store"), before)?, before);
    Ok(before)
}

/// Writes another format, after `prepare`. The caller holds the lock.
fn change_format(
    root: &Utf8Path,
    format: Format,
    prepare: impl FnOnce(&Utf8Path, &Utf8Path) -> Result<(), Error>,
) -> Result<(), Error> {
    // Not the storage of this store: that one may not be written to yet.
    let storage = Directory::at(&root.join("store"));
    if storage.oldest_other_writer()?.is_some() {
        return Err(Error::Storage(StorageError::InUse { path: root.to_owned() }));
    }
    let temporary = storage.unguarded_temporary()?;
    prepare(root, &temporary)?;
    Ok(files::replace(&format::file(root), &format.to_file(), &temporary)?)
}

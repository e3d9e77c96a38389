//! How a store comes to the newest format, and the way back.

use camino::Utf8Path;

use crate::error::{Error, MaintenanceError};
use crate::storage::format::{self, Format};
use crate::storage::{Directory, ObjectStore as _, StorageError, files};
use crate::store::Store;

impl Store {
    /// Brings the store to [the newest format](Format::NEWEST), durably. Versions that do not know that format refuse the store from
    /// then on. Returns the format before.
    ///
    /// Until something is written, [`undo_upgrade`](Self::undo_upgrade) leads back.
    ///
    /// # Errors
    /// [`StorageError::InUse`] when another process is writing: it may be an older version, which would go on in the old format.
    pub fn upgrade(&mut self) -> Result<Format, Error> {
        let _lock = self.storage().directory()?.lock("format")?;
        // Another process may have done it meanwhile.
        let before = Format::of(self.root())?;
        if before < Format::NEWEST {
            self.change_format(Format::NEWEST, |root, temporary| {
                Ok(files::replace(&format::way_back(root), &before.to_file(), temporary)?)
            })?;
        }
        let directory = Directory::open(&self.root().join("store"), Format::NEWEST)?;
        self.set_directory(directory, Format::NEWEST);
        Ok(before)
    }

    /// Takes an upgrade back, durably, and returns the format that the store has again.
    ///
    /// # Errors
    /// [`MaintenanceError::NoWayBack`] when something was written since the upgrade, or there was none.
    pub fn undo_upgrade(&mut self) -> Result<Format, Error> {
        let _lock = self.storage().directory()?.lock("format")?;
        let path = format::way_back(self.root());
        let text = files::read_if_present(&path)?;
        let text = text.ok_or_else(|| {
            Error::Maintenance(MaintenanceError::NoWayBack { format: self.format().number() })
        })?;
        let before = Format::parse(&text, &path)?;
        self.change_format(before, |_, _| Ok(()))?;
        files::remove_if_present(&path)?;
        files::sync_path(&self.root().join("store"))?;
        self.set_directory(Directory::open(&self.root().join("store"), before)?, before);
        Ok(before)
    }

    /// Writes another format, after `prepare`. The caller holds the lock.
    fn change_format(
        &self,
        format: Format,
        prepare: impl FnOnce(&Utf8Path, &Utf8Path) -> Result<(), Error>,
    ) -> Result<(), Error> {
        // Not the storage of this store: that one may not be written to yet.
        let storage = Directory::at(&self.root().join("store"));
        if storage.oldest_other_writer()?.is_some() {
            return Err(Error::Storage(StorageError::InUse { path: self.root().to_owned() }));
        }
        let temporary = storage.unguarded_temporary()?;
        prepare(self.root(), &temporary)?;
        Ok(files::replace(&format::file(self.root()), &format.to_file(), &temporary)?)
    }
}

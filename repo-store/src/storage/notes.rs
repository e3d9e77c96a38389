//! Notes that make work easier and may be lost at any time.
//!
//! On a local disk each is a file in `cache/`. Elsewhere it is a reference.

use super::files::{self, mode};
use super::{Key, Storage, StorageError};

/// When a note has to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Before anything else is done.
    Now,
    /// Whenever the system writes it: a note that is lost costs nothing.
    Later,
}

/// The area of notes.
const AREA: &str = "cache";

impl Storage {
    /// Returns the content of a note. One that cannot be read is none.
    pub(crate) fn note(&self, name: &str) -> Option<Vec<u8>> {
        match self.directory() {
            Ok(directory) => files::read_if_present(&directory.path_of(AREA).join(name)).ok()?,
            Err(_) => self.refs().get(&Key::named(AREA, name)).ok()?.map(|(content, _)| content),
        }
    }

    /// Returns the names of all notes, in order.
    pub(crate) fn notes(&self) -> Vec<String> {
        match self.directory() {
            Ok(directory) => files::names_in(&directory.path_of(AREA)).unwrap_or_default(),
            Err(_) => {
                let keys = self.refs().list(AREA).unwrap_or_default();
                keys.iter()
                    .filter_map(|key| key.as_str().split_once('/'))
                    .map(|(_, name)| name.to_owned())
                    .collect()
            }
        }
    }

    /// Replaces a note.
    ///
    /// # Errors
    /// When it may not have been kept.
    pub(crate) fn write_note(
        &self,
        name: &str,
        content: &[u8],
        durability: Durability,
    ) -> Result<(), StorageError> {
        let Ok(directory) = self.directory() else { return self.set(&Key::named(AREA, name), Some(content)) };
        let (temporary, area) = (self.temporary()?, directory.path_of(AREA));
        let mut changed = files::create_directories(&area)?;
        drop(files::write_new(&temporary, content, mode::MUTABLE)?);
        let path = area.join(name);
        if durability == Durability::Now {
            files::sync_path(&temporary)?;
            changed.push(area);
        }
        files::rename(&temporary, &path).map_err(StorageError::io("replace", path))?;
        if durability == Durability::Now { files::sync_all(changed) } else { Ok(()) }
    }

    /// Removes a note. It is not an error when there is none.
    ///
    /// # Errors
    /// When it may still be there.
    pub(crate) fn remove_note(&self, name: &str) -> Result<(), StorageError> {
        match self.directory() {
            Ok(directory) => files::remove_if_present(&directory.path_of(AREA).join(name)),
            Err(_) => self.set(&Key::named(AREA, name), None),
        }
    }
}

//! What [`Store`] offers of the insides of package files.

use crate::error::Error;
use crate::manifest::Manifest;
use crate::model::id::BlobId;
use crate::store::Store;

impl Store {
    /// What is inside a package file, or a tarball or diff of a source package.
    ///
    /// It is read if the store has it in the form of today, or else made from the package file and kept. Keeping it may fail,
    /// when there is no right to write or no room: then it is made again the next time.
    ///
    /// # Errors
    /// [`StorageError::Missing`](crate::storage::StorageError::Missing) when the store lacks the file, [`ImportError::Package`](crate::error::ImportError::Package) when that cannot be unpacked.
    pub fn manifest(&self, blob: BlobId) -> Result<Manifest, Error> {
        super::keep::manifest(self, blob)
    }

    /// Returns what is inside a package file if the store knows it already; nothing is unpacked.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn kept_manifest(&self, blob: BlobId) -> Result<Option<Manifest>, Error> {
        super::keep::kept_manifest(self.storage(), blob)
    }
}

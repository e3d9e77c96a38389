//! Where manifests are kept, and how one is made that is not.

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;

use apt_index::parallel_map;
use deb_parse::deb;

use super::Manifest;
use crate::storage::{Key, Staged, Storage as _};
use crate::{BlobId, Context, Error, Record, Store, files};

/// The area of the storage.
pub(crate) const AREA: &str = "manifests";

impl Store {
    pub(crate) fn manifest_key(blob: BlobId) -> Key {
        Key::object(AREA, &blob)
    }

    /// What is inside a package file.
    ///
    /// It is read if the store has it, or else made from the package file and kept. Keeping it may fail, when there is no right
    /// to write or no room: then it is made again the next time.
    ///
    /// # Errors
    /// [`Error::Missing`] when the store lacks the package file, [`Error::Package`] when that cannot be unpacked.
    pub fn manifest(&self, blob: BlobId) -> Result<Manifest, Error> {
        let key = Self::manifest_key(blob);
        if let Some(bytes) = self.storage().read(&key)?
            && let Ok(manifest) = Manifest::read(&bytes, blob)
        {
            return Ok(manifest);
        }
        let manifest = self.make_manifest(blob)?;
        // Whoever may not write still may read.
        drop(self.keep_manifest(&key, &manifest));
        Ok(manifest)
    }

    /// Keeps a manifest in place of one that cannot be read. It has its name after the next sync.
    fn keep_manifest(&self, key: &Key, manifest: &Manifest) -> Result<(), Error> {
        let unreadable = self.storage().local_path(key);
        unreadable.map_or(Ok(()), |path| files::remove_if_present(&path))?;
        self.storage().put(key, &manifest.to_file()?)
    }

    /// A manifest on its way to the store.
    pub(crate) fn stage_manifest(&self, manifest: &Manifest) -> Result<Box<dyn Staged + '_>, Error> {
        let mut staged = self.storage().stage()?;
        staged.write_all(&manifest.to_file()?).map_err(Error::io("write", "a manifest"))?;
        staged.finish()?;
        Ok(staged)
    }

    /// Makes the manifests of the package files of these records that are not kept yet, on all threads.
    pub(crate) fn make_missing_manifests(
        &self,
        records: impl Iterator<Item = Result<Arc<Record>, Error>>,
        context: &Context,
    ) -> Result<(), Error> {
        let mut missing = Vec::new();
        for record in records {
            let record = record?;
            let blob = record.blob();
            if !record.key().architecture.is_source()
                && !self.storage().contains(&Self::manifest_key(blob))?
            {
                missing.push(blob);
            }
        }
        let made = parallel_map(&missing, context.threads, |blob| {
            self.keep_manifest(&Self::manifest_key(*blob), &self.make_manifest(*blob)?)
        });
        made.into_iter().collect()
    }

    /// The manifest of a package file, made by unpacking it.
    pub(crate) fn make_manifest(&self, blob: BlobId) -> Result<Manifest, Error> {
        let path = self.blob_path(blob)?;
        let file = File::open(&path).map_err(Error::io("open", &path))?;
        let package =
            deb::read(file, &Manifest::options()).map_err(|source| Error::Package { file: path, source })?;
        if package.blake3 == blob.0 {
            Ok(Manifest::of(&package))
        } else {
            Err(Error::damaged(BlobId::KIND, &blob, "its content has another hash"))
        }
    }
}

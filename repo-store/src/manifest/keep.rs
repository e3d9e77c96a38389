//! Where manifests are kept, and how one is made that is not.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use apt_index::parallel_map;
use deb_parse::checksum::HashSet;
use deb_parse::deb::{self, tarball};

use super::{Manifest, Part};
use crate::context::Context;
use crate::error::{Error, ImportError};
use crate::model::id::BlobId;
use crate::model::record::Record;
use crate::progress::{Amount, Phase};
use crate::storage::{Key, Staged, StorageError};
use crate::store::Store;

/// The area of the storage.
pub(crate) const AREA: &str = "manifests";

impl Store {
    pub(crate) fn manifest_key(blob: BlobId) -> Key {
        Key::object(AREA, &blob)
    }

    /// What is inside a package file, or a tarball or diff of a source package.
    ///
    /// It is read if the store has it in the form of today, or else made from the package file and kept. Keeping it may fail,
    /// when there is no right to write or no room: then it is made again the next time.
    ///
    /// # Errors
    /// [`StorageError::Missing`] when the store lacks the file, [`ImportError::Package`] when that cannot be unpacked.
    pub fn manifest(&self, blob: BlobId) -> Result<Manifest, Error> {
        let key = Self::manifest_key(blob);
        if let Some(manifest) = self.kept_manifest(blob)? {
            return Ok(manifest);
        }
        let manifest = self.make_manifest(blob)?;
        // Whoever may not write still may read.
        drop(self.keep_manifest(&key, &manifest));
        Ok(manifest)
    }

    /// The same for who only looks: what has to be made is not kept.
    pub(crate) fn manifest_unkept(&self, blob: BlobId) -> Result<Manifest, Error> {
        self.kept_manifest(blob)?.map_or_else(|| self.make_manifest(blob), Ok)
    }

    /// Returns what is inside a package file if the store knows it already; nothing is unpacked.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn kept_manifest(&self, blob: BlobId) -> Result<Option<Manifest>, Error> {
        let bytes = self.storage().objects().get(&Self::manifest_key(blob))?;
        Ok(bytes.and_then(|bytes| Manifest::read(&bytes, blob).ok().flatten()))
    }

    /// Keeps a manifest in place of one that cannot be read or has another form. It has its name after the next sync.
    fn keep_manifest(&self, key: &Key, manifest: &Manifest) -> Result<(), Error> {
        self.storage().objects().delete(key)?;
        Ok(self.storage().objects().put(key, &manifest.to_file()?)?)
    }

    /// A manifest on its way to the store.
    pub(crate) fn stage_manifest(&self, manifest: &Manifest) -> Result<Box<dyn Staged + '_>, Error> {
        let mut staged = self.storage().objects().stage()?;
        staged.write_all(&manifest.to_file()?).map_err(Error::io("write", "a manifest"))?;
        staged.finish()?;
        Ok(staged)
    }

    /// Makes the manifests of the files of these records that are not kept yet, on all threads. Those that cannot be unpacked are
    /// passed over.
    pub(crate) fn make_missing_manifests(
        &self,
        records: impl Iterator<Item = Result<Arc<Record>, StorageError>>,
        context: &Context,
    ) -> Result<(), Error> {
        let mut missing = BTreeSet::new();
        for record in records {
            for blob in unpacked_blobs(&*record?)? {
                if !self.storage().objects().contains(&Self::manifest_key(blob))? {
                    missing.insert(blob);
                }
            }
        }
        let missing: Vec<BlobId> = missing.into_iter().collect();
        let phase = context.progress.begin(Phase::Unpacking, Amount::items(missing.len()));
        let made = parallel_map(&missing, context.threads, |blob| {
            match self.make_manifest(*blob) {
                Ok(manifest) => self.keep_manifest(&Self::manifest_key(*blob), &manifest)?,
                Err(Error::Import(ImportError::Package { .. })) => {}
                Err(error) => return Err(error),
            }
            Ok(phase.advance(1, 0)?)
        });
        let made = made.into_iter().collect::<Result<(), Error>>();
        made.map(|()| phase.finish())
    }

    /// The manifest of a package file, or of a file of a source package, made by unpacking it.
    pub(crate) fn make_manifest(&self, blob: BlobId) -> Result<Manifest, Error> {
        let mut file = self.open_blob(blob)?;
        let key = Self::blob_key(blob);
        let path = self.storage().objects().local_file(&key).unwrap_or_else(|| key.as_str().into());
        let size = || {
            let gone = || std::io::Error::from(std::io::ErrorKind::NotFound);
            let info = self.storage().objects().head(&key).map_err(std::io::Error::other)?;
            info.map(|info| info.size).ok_or_else(gone)
        };
        let read = || {
            let mut start = Vec::new();
            (&mut file).take(MAGIC.len() as u64).read_to_end(&mut start)?;
            let file = start.as_slice().chain(file);
            if start == MAGIC {
                let package = deb::read(file, &Manifest::options(self.limits()))?;
                return Ok((package.blake3, Manifest::of(&package)));
            }
            let size = size()?;
            let tarball = tarball::read(file, size, HashSet::default(), self.limits())?;
            Ok((tarball.hashes.blake3, Manifest::of_tarball(blob, &tarball.files?)))
        };
        let (hash, manifest) = read().map_err(|source| match source {
            deb_parse::Error::Io(error) => Error::io("read", &path)(error),
            source => Error::Import(ImportError::Package { file: path.clone(), source }),
        })?;
        if hash == blob.0 {
            Ok(manifest)
        } else {
            Err(Error::damaged(BlobId::KIND, &blob, "its content has another hash"))
        }
    }
}

/// How package files start, and no file of a source package.
const MAGIC: &[u8] = b"!<arch>\n";

/// The files that are unpacked to know which files a package has.
fn unpacked_blobs(record: &Record) -> Result<Vec<BlobId>, Error> {
    if !record.key().architecture.is_source() {
        return Ok(vec![record.blob()]);
    }
    Ok(Part::all_of(record)?.into_iter().map(|(_, blob)| blob).collect())
}

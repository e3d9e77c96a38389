//! Where manifests are kept, and how one is made that is not.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use apt_index::parallel::parallel_map;
use deb_parse::checksum::HashKinds;

use super::{Manifest, Part};
use crate::context::Context;
use crate::error::{Error, ImportError};
use crate::model::id::BlobId;
use crate::model::record::Record;
use crate::package_reader::PackageError;
use crate::progress::{Amount, Phase};
use crate::storage::{Key, Staged, Storage, StorageError};
use crate::store::Store;

/// The area of the storage.
pub(crate) const AREA: &str = "manifests";

pub(crate) fn manifest_key(blob: BlobId) -> Key {
    Key::object(AREA, &blob)
}

/// See [`Store::manifest`].
pub(crate) fn manifest(store: &Store, blob: BlobId) -> Result<Manifest, Error> {
    let key = manifest_key(blob);
    if let Some(manifest) = kept_manifest(store.storage(), blob)? {
        return Ok(manifest);
    }
    let manifest = make_manifest(store, blob)?;
    // A user who may not write may still read.
    drop(keep_manifest(store.storage(), &key, &manifest));
    Ok(manifest)
}

/// The same for who only looks: what has to be made is not kept.
pub(crate) fn manifest_unkept(store: &Store, blob: BlobId) -> Result<Manifest, Error> {
    kept_manifest(store.storage(), blob)?.map_or_else(|| make_manifest(store, blob), Ok)
}

/// See [`Store::kept_manifest`].
pub(crate) fn kept_manifest(storage: &Storage, blob: BlobId) -> Result<Option<Manifest>, Error> {
    let bytes = storage.objects().get(&manifest_key(blob))?;
    Ok(bytes.and_then(|bytes| Manifest::read(&bytes, blob).ok().flatten()))
}

/// Keeps a manifest in place of one that cannot be read or has another form. It has its name after the next sync.
fn keep_manifest(storage: &Storage, key: &Key, manifest: &Manifest) -> Result<(), Error> {
    storage.objects().delete(key)?;
    Ok(storage.objects().put(key, &manifest.to_file()?)?)
}

/// A manifest on its way to the store.
pub(crate) fn stage_manifest<'a>(
    storage: &'a Storage,
    manifest: &Manifest,
) -> Result<Box<dyn Staged + 'a>, Error> {
    let mut staged = storage.objects().stage()?;
    staged.write_all(&manifest.to_file()?).map_err(Error::io("write", "a manifest"))?;
    staged.finish()?;
    Ok(staged)
}

/// Makes the manifests of the files of these records that are not kept yet, on all threads. Those that cannot be unpacked are
/// passed over.
pub(crate) fn make_missing_manifests(
    store: &Store,
    records: impl Iterator<Item = Result<Arc<Record>, StorageError>>,
    context: &Context,
) -> Result<(), Error> {
    let mut missing = BTreeSet::new();
    for record in records {
        for blob in unpacked_blobs(&*record?)? {
            if !store.storage().objects().contains(&manifest_key(blob))? {
                missing.insert(blob);
            }
        }
    }
    let missing: Vec<BlobId> = missing.into_iter().collect();
    let phase = context.progress.begin(Phase::Unpacking, Amount::items(missing.len()));
    let made = parallel_map(&missing, context.threads, |blob| {
        match make_manifest(store, *blob) {
            Ok(manifest) => keep_manifest(store.storage(), &manifest_key(*blob), &manifest)?,
            Err(Error::Import(ImportError::Package { source: PackageError::Invalid(_), .. })) => {}
            Err(error) => return Err(error),
        }
        Ok(phase.advance(1, 0)?)
    });
    let made = made.into_iter().collect::<Result<(), Error>>();
    made.map(|()| phase.finish())
}

/// The manifest of a package file, or of a file of a source package, made by unpacking it.
pub(crate) fn make_manifest(store: &Store, blob: BlobId) -> Result<Manifest, Error> {
    let mut file = store.open_blob(blob)?;
    let (reader, limits) = (store.package_reader(), store.limits());
    let key = Store::blob_key(blob);
    let path = store.storage().objects().local_file(&key).unwrap_or_else(|| key.as_str().into());
    let size = || {
        let gone = || std::io::Error::from(std::io::ErrorKind::NotFound);
        let info = store.storage().objects().head(&key).map_err(std::io::Error::other)?;
        info.map(|info| info.size).ok_or_else(gone)
    };
    let read = || {
        let mut start = Vec::new();
        (&mut file).take(MAGIC.len() as u64).read_to_end(&mut start).map_err(deb_parse::Error::from)?;
        let mut file = start.as_slice().chain(file);
        if start == MAGIC {
            let package = reader.read_package(&mut file, &Manifest::options(limits))?;
            return Ok((package.blake3, Manifest::of(&package)));
        }
        let size = size().map_err(deb_parse::Error::from)?;
        let tarball = reader.read_tarball(&mut file, size, HashKinds::default(), limits)?;
        Ok((tarball.hashes.blake3, Manifest::of_tarball(blob, &tarball.files?)))
    };
    let (hash, manifest) = read().map_err(|source| match source {
        PackageError::Invalid(deb_parse::Error::Io(error)) => Error::io("read", &path)(error),
        source => Error::package(&path, source),
    })?;
    if hash == blob.0 {
        Ok(manifest)
    } else {
        Err(Error::damaged(BlobId::KIND, &blob, "its content has another hash"))
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

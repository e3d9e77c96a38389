//! The package file that comes out again: read as it is in the store, and written with its new control file.

use std::io::Write;
use std::sync::Arc;

use deb_parse::checksum::{HashKinds, Hasher, Hashes};
use deb_parse::control::BinaryControl;
use deb_parse::deb822::ParagraphBuf;
use deb_parse::{Component, deb};

use crate::error::{Error, HistoryError, ReissueError};
use crate::model::id::BlobId;
use crate::model::record::{Digests, Record, RecordKey};
use crate::package_reader::PackageError;
use crate::storage::Staged;
use crate::store::Store;

/// The longest maintainer script that is looked at, in bytes.
const LONGEST_SCRIPT: usize = 1 << 20;

/// Reads a package file of the store to its end, with the texts of its scripts.
pub(in crate::operations) fn read(store: &Store, record: &Record) -> Result<deb::Package, Error> {
    let options = deb::Options {
        limits: store.limits().clone(),
        data: deb::Data::Skip,
        control_contents: Some(LONGEST_SCRIPT),
        ..deb::Options::default()
    };
    let mut file = store.open_blob(record.blob())?;
    let read = store.package_reader().read_package(&mut file, &options);
    let package = read.map_err(|source| failed(record.key(), source))?;
    if package.blake3 == record.blob().0 {
        return Ok(package);
    }
    Err(Error::damaged(BlobId::KIND, &record.blob(), "its content has another hash"))
}

/// A package file on its way into the store.
pub(super) struct NewFile<'s> {
    pub(super) staged: Box<dyn Staged + 's>,
    control: BinaryControl,
    hashes: Hashes,
}

impl NewFile<'_> {
    pub(super) fn blob(&self) -> BlobId {
        BlobId(self.hashes.blake3)
    }

    /// Returns its record in a component. It is for whom the old file was for: the installer or dpkg.
    pub(super) fn record(&self, good: &Record, component: &Component) -> Result<Arc<Record>, Error> {
        let digests = Digests { sha256: self.hashes.sha256, md5: None, sha1: None };
        let (kind, size) = (good.kind(), self.hashes.size);
        let record = Record::new(&self.control, component.clone(), kind, self.blob(), size, &digests);
        let key = || Box::new(good.key().clone());
        record.map(Arc::new).map_err(|source| reissue_error(ReissueError::Stanza { key: key(), source }))
    }
}

/// Writes the file of a record with another control file.
pub(super) fn write<'s>(
    store: &'s Store,
    good: &Record,
    control: &ParagraphBuf,
) -> Result<NewFile<'s>, Error> {
    let failed = |source: deb_parse::Error| failed(good.key(), source);
    let mut staged = store.storage().objects().stage()?;
    let hasher = Hasher::new(HashKinds::default()).map_err(failed)?;
    let mut output = HashedOutput { staged: &mut *staged, hasher };
    deb::replace_control(store.open_blob(good.blob())?, control, &mut output, store.limits())
        .map_err(failed)?;
    let hashes = output.hasher.finish();
    staged.finish()?;
    let control = BinaryControl::parse(&control.to_bytes(), store.limits()).map_err(failed)?;
    Ok(NewFile { staged, control, hashes })
}

/// Hashes what is written.
struct HashedOutput<'a, 's> {
    staged: &'a mut (dyn Staged + 's),
    hasher: Hasher,
}

impl Write for HashedOutput<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let length = self.staged.write(bytes)?;
        self.hasher.update(bytes.get(..length).unwrap_or_default());
        Ok(length)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.staged.flush()
    }
}

/// Returns the error for a package file that was not read.
fn failed(key: &RecordKey, source: impl Into<PackageError>) -> Error {
    match source.into() {
        PackageError::Invalid(deb_parse::Error::Io(error)) | PackageError::NoReader(error) => {
            Error::io("copy", key.to_string())(error)
        }
        source => reissue_error(ReissueError::File { key: Box::new(key.clone()), source }),
    }
}

pub(super) fn reissue_error(error: ReissueError) -> Error {
    HistoryError::from(error).into()
}

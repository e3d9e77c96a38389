//! The published tree of a store that is in no local directory: its files are objects and its links references of the same storage.
//!
//! An object cannot be a second name of another one, so what is put twice is there twice. Directories are there as long as something lies
//! below them; one that has to be there without that is a reference that leads nowhere.

use std::collections::BTreeSet;
use std::io;

use apt_index::index::Part;
use camino::{Utf8Path, Utf8PathBuf};

use super::{InTree, IndexContent, PublicationTarget, PublishedFile};
use crate::error::{ChangeError, Error};
use crate::model::id::BlobId;
use crate::model::name::RepositoryName;
use crate::model::record::RecordKey;
use crate::publish::entry::File;
use crate::publish::layout;
use crate::storage::{Key, ObjectStore, RefStore, StorageError};
use crate::store::{InPool, Store};

/// A piece of a package file is copied at a time.
const COPIED_AT_ONCE: usize = 256 << 10;

/// The tree of one repository.
pub(super) struct StoredTarget<'a> {
    store: &'a Store,
    repository: &'a RepositoryName,
}

impl<'a> StoredTarget<'a> {
    /// Returns the tree of a repository of a store. Nothing is read yet.
    pub(super) fn new(store: &'a Store, repository: &'a RepositoryName) -> Self {
        Self { store, repository }
    }

    fn objects(&self) -> &'a dyn ObjectStore {
        self.store.storage().objects()
    }

    fn refs(&self) -> &'a dyn RefStore {
        self.store.storage().refs()
    }

    fn key(&self, path: &Utf8Path) -> Key {
        Key::published(self.repository.as_str(), path)
    }

    fn path_of(&self, key: &str) -> Option<Utf8PathBuf> {
        Key::published_path(key, self.repository.as_str())
    }

    /// The files below a directory.
    fn files_below(&self, directory: &Utf8Path) -> Result<Vec<InTree>, Error> {
        let mut found = Vec::new();
        self.objects().each(self.key(directory).as_str(), &mut |key, info| {
            found.extend(self.path_of(key).map(|path| (path, info)));
        })?;
        let mut files = Vec::with_capacity(found.len());
        for (path, info) in found {
            let info = match info {
                Some(info) => Some(info),
                None => self.objects().head(&self.key(&path))?,
            };
            // What went since is not there.
            files.extend(info.map(|info| InTree { path, is_link: false, size: info.size, names: None }));
        }
        Ok(files)
    }

    /// The paths of links, and of directories that were made by name, below a directory.
    fn references_below(&self, directory: &Utf8Path) -> Result<Vec<Utf8PathBuf>, Error> {
        let keys = self.refs().list(self.key(directory).as_str())?;
        Ok(keys.iter().filter_map(|key| self.path_of(key.as_str())).collect())
    }

    /// Where the reference at a path leads; empty for a directory that was made by name.
    fn reference(&self, path: &Utf8Path) -> Result<Option<Utf8PathBuf>, Error> {
        let Some((content, _)) = self.refs().get(&self.key(path))? else { return Ok(None) };
        let malformed = || Error::damaged("link", &path, "it is malformed");
        Ok(Some(String::from_utf8(content).map_err(|_| malformed())?.into()))
    }

    /// Puts a file in place of what has its path.
    fn replace(
        &self,
        path: &Utf8Path,
        write: impl Fn(&mut dyn io::Write) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let key = self.key(path);
        let mut staged = self.objects().stage()?;
        write(&mut staged)?;
        staged.finish()?;
        // An object is never overwritten.
        self.objects().delete(&key)?;
        Ok(staged.keep(&key)?)
    }

    fn put_bytes(&self, path: &Utf8Path, bytes: &[u8]) -> Result<(), Error> {
        self.replace(path, |output| output.write_all(bytes).map_err(Error::io("write", path)))
    }

    /// The bytes of a rendered file. `None` when the file that a part is taken over from is not there as it was.
    fn rendered(&self, parts: &[Part], previous: Option<&Utf8Path>) -> Result<Option<Vec<u8>>, Error> {
        let mut bytes = Vec::new();
        for part in parts {
            match part {
                Part::Bytes(content) => bytes.extend_from_slice(content),
                Part::Previous { range, crc32 } => {
                    let previous = previous.map(|path| self.open(path)).transpose()?.flatten();
                    let Some(previous) = previous else { return Ok(None) };
                    let Ok(part) = previous.read_range(range.start, range.end) else { return Ok(None) };
                    if crc32fast::hash(&part) != *crc32 {
                        return Ok(None);
                    }
                    bytes.extend(part);
                }
            }
        }
        Ok(Some(bytes))
    }
}

impl PublicationTarget for StoredTarget<'_> {
    fn begin(&self) -> Result<(), Error> {
        Ok(())
    }

    fn make_directory(&self, path: &Utf8Path) -> Result<(), Error> {
        Ok(self.store.storage().set(&self.key(path), Some(b""))?)
    }

    fn put_index(&self, file: &File, content: IndexContent<'_>) -> Result<bool, Error> {
        let path = layout::index(&file.sha256);
        match content {
            IndexContent::Bytes(bytes) => self.put_bytes(&path, bytes)?,
            IndexContent::Rendered { file, previous } => {
                let previous = previous.map(|previous| layout::index(&previous));
                match self.rendered(file.parts(), previous.as_deref())? {
                    Some(bytes) => self.put_bytes(&path, &bytes)?,
                    None => return Ok(false),
                }
            }
        }
        Ok(true)
    }

    fn take_index(&self, path: &Utf8Path, from: &RepositoryName) -> Result<bool, Error> {
        if self.objects().contains(&self.key(path))? {
            return Ok(false);
        }
        let Some(bytes) = self.objects().get(&Key::published(from.as_str(), path))? else { return Ok(false) };
        self.objects().put(&self.key(path), &bytes)?;
        Ok(true)
    }

    /// What lies at the path and is not of the store is replaced.
    fn put_pool(&self, key: &RecordKey, path: &Utf8Path, (blob, size): (BlobId, u64)) -> Result<bool, Error> {
        match self.store.found_in_pool(self.repository, path, blob)? {
            InPool::Itself => return Ok(false),
            InPool::Nothing | InPool::Stranger => {}
            InPool::Another => {
                return Err(Error::Change(ChangeError::Conflict {
                    key: key.clone(),
                    repository: self.repository.clone(),
                    place: format!(" (as {path} in the pool)"),
                }));
            }
        }
        self.put_blob(path, (blob, size))?;
        Ok(true)
    }

    fn put_blob(&self, path: &Utf8Path, (blob, size): (BlobId, u64)) -> Result<(), Error> {
        self.store.check_blob_size(blob, size)?;
        self.replace(path, |output| {
            let mut blob = self.store.open_blob(blob)?;
            let mut buffer = vec![0; COPIED_AT_ONCE];
            loop {
                let count = blob.read(&mut buffer).map_err(Error::io("read", path))?;
                if count == 0 {
                    return Ok(());
                }
                output
                    .write_all(buffer.get(..count).unwrap_or_default())
                    .map_err(Error::io("write", path))?;
            }
        })
    }

    /// The time is not kept: who serves the tree tells when a file was put.
    fn put_signed(&self, path: &Utf8Path, bytes: &[u8], _modified: i64) -> Result<(), Error> {
        self.put_bytes(path, bytes)
    }

    fn put_name(&self, path: &Utf8Path, of: &Utf8Path) -> Result<(), Error> {
        let bytes = self.objects().get(&self.key(of))?;
        let bytes = bytes.ok_or(io::ErrorKind::NotFound.into()).map_err(Error::io("copy", of))?;
        Ok(self.objects().put(&self.key(path), &bytes)?)
    }

    fn put_link(&self, path: &Utf8Path, target: &str) -> Result<(), Error> {
        if self.exists(path)? {
            return Err(Error::io("create", path)(io::ErrorKind::AlreadyExists.into()));
        }
        self.switch(path, target)
    }

    fn switch(&self, path: &Utf8Path, target: &str) -> Result<(), Error> {
        Ok(self.store.storage().set(&self.key(path), Some(target.as_bytes()))?)
    }

    fn keep(&self, _: &Utf8Path) {}

    fn sync(&self) -> Result<(), Error> {
        Ok(self.objects().sync()?)
    }

    fn list(&self, directory: &Utf8Path) -> Result<Vec<String>, Error> {
        let files = self.files_below(directory)?.into_iter().map(|file| file.path);
        let paths = files.chain(self.references_below(directory)?);
        let names =
            paths.filter_map(|path| Some(path.strip_prefix(directory).ok()?.iter().next()?.to_owned()));
        Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn leads_to(&self, path: &Utf8Path) -> Result<Option<Utf8PathBuf>, Error> {
        Ok(self.reference(path)?.filter(|target| !target.as_str().is_empty()))
    }

    fn is_directory(&self, path: &Utf8Path) -> Result<bool, Error> {
        Ok(self.reference(path)?.is_some_and(|target| target.as_str().is_empty())
            || self.store.storage().has_any(self.key(path).as_str())?)
    }

    fn exists(&self, path: &Utf8Path) -> Result<bool, Error> {
        Ok(self.objects().contains(&self.key(path))?
            || self.reference(path)?.is_some()
            || self.is_directory(path)?)
    }

    fn size(&self, path: &Utf8Path) -> Result<Option<u64>, Error> {
        Ok(self.objects().head(&self.key(path))?.map(|info| info.size))
    }

    fn has(&self, path: &Utf8Path, size: u64) -> Result<bool, Error> {
        Ok(self.size(path)? == Some(size))
    }

    fn open(&self, path: &Utf8Path) -> Result<Option<Box<dyn PublishedFile>>, Error> {
        let bytes = self.objects().get(&self.key(path))?;
        Ok(bytes.map(|bytes| Box::new(Fetched(bytes)) as Box<dyn PublishedFile>))
    }

    fn below(&self, directory: &Utf8Path) -> Result<Vec<InTree>, Error> {
        let mut found = self.files_below(directory)?;
        for path in self.references_below(directory)? {
            // Not a directory that was made by name.
            if self.leads_to(&path)?.is_some() {
                found.push(InTree { path, is_link: true, size: 0, names: None });
            }
        }
        found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn look(&self, path: &Utf8Path) -> Result<Option<InTree>, Error> {
        let found = |is_link, size| InTree { path: path.to_owned(), is_link, size, names: None };
        if let Some(size) = self.size(path)? {
            return Ok(Some(found(false, size)));
        }
        Ok(self.leads_to(path)?.map(|_| found(true, 0)))
    }

    fn remove(&self, path: &Utf8Path) -> Result<(), StorageError> {
        self.objects().delete(&self.key(path))?;
        self.store.storage().set(&self.key(path), None)
    }

    fn remove_tree(&self, path: &Utf8Path) -> Result<(), Error> {
        for file in self.files_below(path)? {
            self.objects().delete(&self.key(&file.path))?;
        }
        for link in self.references_below(path)? {
            self.store.storage().set(&self.key(&link), None)?;
        }
        Ok(self.remove(path)?)
    }
}

/// A file that was read.
struct Fetched(Vec<u8>);

impl PublishedFile for Fetched {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let bytes = self.0.get(start..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

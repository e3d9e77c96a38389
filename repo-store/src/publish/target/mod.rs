//! Where publications go.
//!
//! Publishing renders and signs; a target holds what clients fetch. The target of a store on a local disk is its [directory](directory)
//! `public/`; a store that is kept elsewhere keeps the tree [there as well](stored). A target knows no records and no settings: it is given
//! the entries of a [tree](super::entry) in the order of their ranks. Another kind of target would keep pool and index files as they
//! come, copy where the directory makes another name of a file, and put the `InRelease` of each suite last when it is told to
//! [switch](PublicationTarget::switch).

mod directory;
#[cfg(test)]
mod recording;
mod stored;
#[cfg(test)]
mod tests;

use std::io;
use std::ops::Range;

use apt_index::index::RenderedFile;
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::{Blake3, Sha256};
pub(crate) use directory::DirectoryTarget;
pub(super) use directory::is_whole;
use sha2::Digest as _;
use stored::StoredTarget;

use super::entry::{File, Source, TreeEntry};
use super::missing::Missing;
use super::publication::Publication;
use crate::error::Error;
use crate::model::id::BlobId;
use crate::model::name::RepositoryName;
use crate::model::record::RecordKey;
use crate::storage::StorageError;
use crate::store::Store;

/// Returns what holds the published tree of a repository of a store.
pub(crate) fn target_of<'a>(
    store: &'a Store,
    repository: &'a RepositoryName,
) -> Box<dyn PublicationTarget + 'a> {
    if store.storage().is_local() {
        Box::new(DirectoryTarget::new(store, repository))
    } else {
        Box::new(StoredTarget::new(store, repository))
    }
}

/// What holds the published tree of one repository. All paths are those of [`layout`](super::layout), below the root of the repository.
///
/// A writer holds the publishing lock of the repository. What is put becomes durable with the next
/// [`sync`](Self::sync).
pub(crate) trait PublicationTarget: Send + Sync {
    /// Makes the target ready for publications.
    ///
    /// # Errors
    /// When something lies in the place of a directory that all publications share.
    fn begin(&self) -> Result<(), Error>;

    /// Makes a directory though nothing may be put there. Targets without directories have nothing to do.
    ///
    /// # Errors
    /// When something else lies there.
    fn make_directory(&self, path: &Utf8Path) -> Result<(), Error>;

    /// Puts an index file under the name of its digest, in place of what has that name. Returns whether it could be made: `false` when
    /// a part that is [taken over](IndexContent::Rendered) from an earlier file is damaged.
    ///
    /// # Errors
    /// When the target cannot be written to.
    fn put_index(&self, file: &File, content: IndexContent<'_>) -> Result<bool, Error>;

    /// Makes an index file of another repository of the store one of this target, unless something has its path already. Returns whether it
    /// is new. Its content is not looked at.
    ///
    /// # Errors
    /// When the target cannot be written to.
    fn take_index(&self, path: &Utf8Path, from: &RepositoryName) -> Result<bool, Error>;

    /// Puts a file of a package, of that size, into the pool. Returns whether it was new.
    ///
    /// # Errors
    /// [`ChangeError::Conflict`](crate::error::ChangeError::Conflict) when another file of the store has that path; [`StorageError::Missing`]
    /// and [`StorageError::Damaged`] when the store does not have the file, or not all of it.
    fn put_pool(&self, key: &RecordKey, path: &Utf8Path, blob: (BlobId, u64)) -> Result<bool, Error>;

    /// Puts a file of the store, of that size, that belongs to no package, at a path that nothing has.
    ///
    /// # Errors
    /// [`StorageError::Missing`] and [`StorageError::Damaged`] when the store does not have the file, or not all of it.
    fn put_blob(&self, path: &Utf8Path, blob: (BlobId, u64)) -> Result<(), Error>;

    /// Puts a signed file. `modified` is its time in seconds since 1970.
    ///
    /// # Errors
    /// When the target cannot be written to.
    fn put_signed(&self, path: &Utf8Path, bytes: &[u8], modified: i64) -> Result<(), Error>;

    /// Puts a file a second time, at another path. What has that path stays.
    ///
    /// # Errors
    /// When the file does not exist, or the target cannot be written to.
    fn put_name(&self, path: &Utf8Path, of: &Utf8Path) -> Result<(), Error>;

    /// Puts a link at a path that nothing has.
    ///
    /// # Errors
    /// When something lies there, or the target cannot be written to.
    fn put_link(&self, path: &Utf8Path, target: &str) -> Result<(), Error>;

    /// Lets a link lead to `target` from now on, in one step and in place of whatever has its path.
    ///
    /// # Errors
    /// When the target cannot be written to.
    fn switch(&self, path: &Utf8Path, target: &str) -> Result<(), Error>;

    /// Makes what was there already durable with the next [`sync`](Self::sync): the content of a file, or the names in a directory.
    fn keep(&self, path: &Utf8Path);

    /// Makes everything durable that was put, switched or removed.
    ///
    /// # Errors
    /// When that cannot be promised.
    fn sync(&self) -> Result<(), Error>;

    /// Returns the names of what lies in a directory, in order. None when the directory does not exist.
    ///
    /// # Errors
    /// When the directory cannot be read.
    fn list(&self, directory: &Utf8Path) -> Result<Vec<String>, Error>;

    /// Returns where a link leads. `None` when nothing lies there, or something else.
    ///
    /// # Errors
    /// When that cannot be told.
    fn leads_to(&self, path: &Utf8Path) -> Result<Option<Utf8PathBuf>, Error>;

    /// Returns whether a directory lies at a path.
    ///
    /// # Errors
    /// When that cannot be told.
    fn is_directory(&self, path: &Utf8Path) -> Result<bool, Error>;

    /// Returns whether anything lies at a path.
    ///
    /// # Errors
    /// When that cannot be told.
    fn exists(&self, path: &Utf8Path) -> Result<bool, Error>;

    /// Returns the size of the file at a path. `None` when nothing lies there, or something else.
    ///
    /// # Errors
    /// When that cannot be told.
    fn size(&self, path: &Utf8Path) -> Result<Option<u64>, Error>;

    /// Returns whether a file of that size lies at a path and nobody else can change it. A file with the wrong content passes.
    ///
    /// # Errors
    /// When that cannot be told.
    fn has(&self, path: &Utf8Path, size: u64) -> Result<bool, Error>;

    /// Returns what [`has`](Self::has) does, for many files of the pool after each other. The directories that they belong into may be
    /// made.
    ///
    /// # Errors
    /// When that cannot be told, or a link or a file lies where a directory of the pool belongs.
    fn has_in_pool(&self, path: &Utf8Path, size: u64) -> Result<bool, Error> {
        self.has(path, size)
    }

    /// Opens a file. `None` when nothing lies there.
    ///
    /// # Errors
    /// When something lies there that cannot be read as a file.
    fn open(&self, path: &Utf8Path) -> Result<Option<Box<dyn PublishedFile>>, Error>;

    /// Returns the entries of a publication that are missing, besides the pool.
    ///
    /// # Errors
    /// When a link or a file lies where a directory belongs that all publications share.
    fn missing(&self, publication: &Publication) -> Result<Missing, Error> {
        Missing::of(self, publication)
    }

    /// Returns every file and link below a directory; none when it does not exist.
    ///
    /// # Errors
    /// When not all can be listed.
    fn below(&self, directory: &Utf8Path) -> Result<Vec<InTree>, Error>;

    /// Returns the file or the link at a path. `None` when nothing lies there, or a directory.
    ///
    /// # Errors
    /// When that cannot be told.
    fn look(&self, path: &Utf8Path) -> Result<Option<InTree>, Error>;

    /// Refuses what lies in the place of a directory. It is not an error when nothing does.
    ///
    /// # Errors
    /// [`StorageError::UnsafePath`](crate::storage::StorageError::UnsafePath) for a link, and when the directory cannot be opened.
    fn must_be_directory(&self, _path: &Utf8Path) -> Result<(), Error> {
        Ok(())
    }

    /// Removes a directory if nothing lies in it, and returns whether it did. Targets without directories have nothing to remove.
    fn remove_if_empty(&self, _path: &Utf8Path) -> bool {
        false
    }

    /// Removes a file or a link. It is not an error when nothing lies there.
    ///
    /// # Errors
    /// When the target refuses.
    fn remove(&self, path: &Utf8Path) -> Result<(), StorageError>;

    /// Removes a directory with everything below it, or whatever lies there. It is not an error when nothing does.
    ///
    /// # Errors
    /// When the target refuses.
    fn remove_tree(&self, path: &Utf8Path) -> Result<(), Error>;

    /// Takes a directory out of the tree, in one step where the target can do that. Returns where it lies now, for the caller to remove;
    /// `None` when nothing is left of it, or nothing was there.
    ///
    /// # Errors
    /// When the target refuses.
    fn put_away(&self, path: &Utf8Path) -> Result<Option<Utf8PathBuf>, Error> {
        self.remove_tree(path).map(|()| None)
    }
}

impl dyn PublicationTarget + '_ {
    /// [Switches](PublicationTarget::switch) the link that an entry is.
    ///
    /// # Errors
    /// When the target cannot be written to.
    pub(crate) fn switch_to(&self, entry: &TreeEntry) -> Result<(), Error> {
        match &entry.source {
            Source::Link { target } => self.switch(&entry.path, target),
            _ => Ok(()),
        }
    }

    /// Returns whether the link that an entry is leads where it must.
    ///
    /// # Errors
    /// When that cannot be told.
    pub(crate) fn shows(&self, entry: &TreeEntry) -> Result<bool, Error> {
        let Source::Link { target } = &entry.source else { return Ok(false) };
        Ok(self.leads_to(&entry.path)?.as_deref() == Some(Utf8Path::new(target)))
    }
}

/// What all names of one file share, and how many there are.
pub(crate) type FileNames = ((u64, u64), u64);

/// A file or a link of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InTree {
    pub(crate) path: Utf8PathBuf,
    pub(crate) is_link: bool,
    /// Its size in bytes; 0 for a link.
    pub(crate) size: u64,
    /// `None` where a file has one name.
    pub(crate) names: Option<FileNames>,
}

/// The bytes of an index file.
#[derive(Clone, Copy)]
pub(crate) enum IndexContent<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// A rendered file that shares parts with the index file `previous`.
    Rendered { file: &'a RenderedFile, previous: Option<Sha256> },
}

/// A file of a target that was opened.
pub(crate) trait PublishedFile: Send + Sync {
    /// Returns the size in bytes.
    fn size(&self) -> u64;

    /// Reads exactly as many bytes as fit into `buffer`, from `offset` on.
    ///
    /// # Errors
    /// When there are not as many, or they cannot be read.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl dyn PublishedFile + '_ {
    /// Reads the bytes between two offsets.
    pub(crate) fn read_range(&self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        if start > end || end > self.size() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let length = usize::try_from(end - start).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut bytes = vec![0; length];
        self.read_exact_at(&mut bytes, start)?;
        Ok(bytes)
    }

    /// Reads the whole file.
    pub(crate) fn read(&self) -> io::Result<Vec<u8>> {
        self.read_range(0, self.size())
    }

    /// Returns the SHA-256 of the file.
    pub(crate) fn sha256(&self) -> io::Result<Sha256> {
        let mut hasher = sha2::Sha256::new();
        self.each_piece(0..self.size(), |piece| hasher.update(piece))?;
        Ok(Sha256::from_bytes(hasher.finalize().into()))
    }

    /// Returns the BLAKE3 of the bytes between two offsets.
    pub(crate) fn blake3_of(&self, range: Range<u64>) -> io::Result<Blake3> {
        let mut hasher = blake3::Hasher::new();
        self.each_piece(range, |piece| {
            hasher.update(piece);
        })?;
        Ok(Blake3::from_bytes(*hasher.finalize().as_bytes()))
    }

    fn each_piece(&self, range: Range<u64>, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        if range.end > self.size() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let length =
            |offset: u64| usize::try_from(range.end.saturating_sub(offset)).unwrap_or(PIECE).min(PIECE);
        let mut buffer = vec![0; length(range.start)];
        let mut offset = range.start;
        while offset < range.end {
            let piece = buffer.get_mut(..length(offset)).unwrap_or_default();
            self.read_exact_at(piece, offset)?;
            take(piece);
            offset += piece.len() as u64;
        }
        Ok(())
    }
}

/// Reads a file of a target from its beginning.
pub(crate) struct Reader {
    file: Box<dyn PublishedFile>,
    offset: u64,
}

impl Reader {
    /// Opens a file.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound) when nothing lies there, and when it cannot be opened.
    pub(crate) fn open(target: &dyn PublicationTarget, path: &Utf8Path) -> io::Result<Self> {
        let file = target.open(path).map_err(io::Error::other)?;
        Ok(Self { file: file.ok_or(io::ErrorKind::NotFound)?, offset: 0 })
    }
}

impl io::Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.file.size().saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let count = left.min(buffer.len());
        self.file.read_exact_at(buffer.get_mut(..count).unwrap_or_default(), self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// The bytes that are hashed at a time: they fit into the cache, and the allocator keeps room of this size instead of giving it back to the
/// system, which would have to clear it again.
const PIECE: usize = 64 << 10;

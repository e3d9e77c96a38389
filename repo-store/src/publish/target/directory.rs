//! The local directory that clients of a repository see: hard links, symbolic links, and one rename that shows all of them.
//!
//! Others may write there, by mistake too. So nothing is reached through a link, what lies in the way is put aside, and what is found is
//! looked at before it is used.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use apt_index::index::{Part, RenderedFile};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Sha256;

use super::{InTree, IndexContent, PublicationTarget, PublishedFile};
use crate::error::{ChangeError, Error};
use crate::model::id::BlobId;
use crate::model::name::RepositoryName;
use crate::model::record::RecordKey;
use crate::publish::aside::give_name;
use crate::publish::aside::move_aside;
use crate::publish::aside::point;
use crate::publish::aside::put_away;
use crate::publish::entry::File;
use crate::publish::layout;
use crate::publish::missing::Missing;
use crate::publish::publication::Publication;
use crate::storage::beneath::{At, DirectoryHandle, Status, StorePaths, files_below};
use crate::storage::files::mode;
use crate::storage::{StorageError, faults, files};
use crate::store::{InPool, Store};

/// An index is copied in pieces of so many bytes.
const COPIED_AT_ONCE: u64 = 64 << 10;

/// The public directory of a repository, and what was changed in it and not yet synced.
pub(crate) struct DirectoryTarget<'a> {
    store: &'a Store,
    repository: RepositoryName,
    paths: StorePaths,
    path: Utf8PathBuf,
    /// The directory of index files, once it is there for certain.
    indices: OnceLock<DirectoryHandle>,
    /// The directory that something was made in last: most often the next thing is made there too.
    last: Mutex<Option<Arc<DirectoryHandle>>>,
    changed: Mutex<Changed>,
}

/// What was done and not yet synced.
#[derive(Default)]
struct Changed {
    /// Files and directories that were made or changed.
    paths: Vec<Utf8PathBuf>,
    /// Directories that were removed: they cannot be synced.
    removed: BTreeSet<Utf8PathBuf>,
}

impl<'a> DirectoryTarget<'a> {
    /// Returns the directory of a repository of a store. Nothing is opened yet.
    pub(crate) fn new(store: &'a Store, repository: &RepositoryName) -> Self {
        Self {
            store,
            repository: repository.clone(),
            paths: store.paths(),
            path: store.public(repository),
            indices: OnceLock::new(),
            last: Mutex::default(),
            changed: Mutex::default(),
        }
    }

    /// Returns how paths of the store are reached.
    pub(in crate::publish) fn paths(&self) -> &StorePaths {
        &self.paths
    }

    /// Returns a full path.
    fn full(&self, path: &Utf8Path) -> Utf8PathBuf {
        // Joining nothing would leave a slash at the end.
        if path.as_str().is_empty() { self.path.clone() } else { self.path.join(path) }
    }

    /// Returns a name for what lies at a path.
    pub(in crate::publish) fn at(&self, path: &Utf8Path) -> At<'_> {
        match (self.indices.get(), path.strip_prefix(layout::INDICES)) {
            (Some(indices), Ok(name)) => indices.at(name),
            _ => self.paths.place(self.full(path)),
        }
    }

    /// Opens a directory to make something in, and makes what is missing on the way.
    fn directory(&self, path: &Utf8Path) -> Result<Arc<DirectoryHandle>, Error> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let full = self.full(path);
        // As text, since both are made alike: to compare component by component takes as long as to open it.
        if let Some(last) = last.as_ref().filter(|last| last.path().as_str() == full.as_str()) {
            return Ok(Arc::clone(last));
        }
        let (made, changed) = self.paths.place(&full).make()?;
        self.note(changed);
        Ok(Arc::clone(last.insert(Arc::new(made))))
    }

    /// Takes note of files and directories that were made or changed.
    fn note(&self, paths: impl IntoIterator<Item = Utf8PathBuf>) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let from = changed.paths.len();
        changed.paths.extend(paths);
        if !changed.removed.is_empty() {
            let Changed { paths, removed } = &mut *changed;
            paths.iter().skip(from).for_each(|path| {
                removed.remove(path);
            });
        }
    }

    /// Makes `path` another name of a file. Returns whether it was new; an existing name is left alone.
    fn link<'o>(&self, path: &Utf8Path, original: impl Into<At<'o>>) -> Result<bool, Error> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(false) };
        let directory = self.directory(parent)?;
        self.note([directory.path().to_owned()]);
        Ok(files::link_or_copy(original, directory.at(name))?)
    }

    /// Gives a finished temporary file its name, in place of whatever has that name.
    fn give_name(&self, temporary: &Utf8Path, at: &At<'_>) -> Result<(), Error> {
        self.note(give_name(self.store, &self.paths, temporary, at)?);
        Ok(())
    }

    /// Writes a rendered file to a temporary one. `None` when the file that a part is taken over from is damaged.
    fn write_rendered(
        &self,
        file: &RenderedFile,
        previous: Option<Sha256>,
    ) -> Result<Option<Utf8PathBuf>, Error> {
        let temporary = self.store.storage().temporary()?;
        let mut output = files::create_new(&temporary, mode::IMMUTABLE)?;
        for part in file.parts() {
            match part {
                Part::Bytes(bytes) => output.write_all(bytes).map_err(Error::io("write", &temporary))?,
                Part::Previous { range, crc32 } => {
                    let Some(previous) = previous else { return Ok(None) };
                    let source = layout::index(&previous);
                    let source = self.at(&source);
                    let is_sound = take_over(&source, range, *crc32, &mut output)
                        .map_err(Error::io("copy a part of", &*source.full()))?;
                    if !is_sound {
                        files::remove_if_present(&temporary)?;
                        return Ok(None);
                    }
                }
            }
        }
        files::sync_path(&temporary)?;
        Ok(Some(temporary))
    }
}

impl PublicationTarget for DirectoryTarget<'_> {
    fn begin(&self) -> Result<(), Error> {
        let (indices, changed) = self.paths.place(self.full(layout::INDICES.into())).make()?;
        self.note(changed);
        drop(self.indices.set(indices));
        for directory in [layout::PUBLICATIONS, layout::SNAPSHOTS, layout::POOL] {
            self.note(files::create_directories(self.paths.place(self.full(directory.into())))?);
        }
        Ok(())
    }

    fn make_directory(&self, path: &Utf8Path) -> Result<(), Error> {
        let made = self.directory(path)?;
        self.note([made.path().to_owned()]);
        Ok(())
    }

    fn put_index(&self, file: &File, content: IndexContent<'_>) -> Result<bool, Error> {
        let path = layout::index(&file.sha256);
        let temporary = match content {
            IndexContent::Bytes(bytes) => {
                let temporary = self.store.storage().temporary()?;
                files::write_new(&temporary, bytes, mode::IMMUTABLE)?;
                self.note([self.full(&path)]);
                temporary
            }
            IndexContent::Rendered { file, previous } => match self.write_rendered(file, previous)? {
                Some(temporary) => temporary,
                None => return Ok(false),
            },
        };
        self.give_name(&temporary, &self.at(&path))?;
        self.note([self.full(layout::INDICES.into())]);
        Ok(true)
    }

    fn take_index(&self, path: &Utf8Path, from: &RepositoryName) -> Result<bool, Error> {
        let theirs = self.paths.place(self.store.public(from).join(path));
        let look = || match theirs.status_if_present()? {
            Some(found) => Ok(found.is_file() && self.paths.is_ours(&found)?),
            None => Ok(false),
        };
        if !look().map_err(Error::io("look at", &*theirs.full()))? {
            return Ok(false);
        }
        match files::link_or_copy(theirs, self.at(path)) {
            // The other repository may be losing it at this moment.
            Err(StorageError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(false),
            result => Ok(result?),
        }
    }

    /// What lies at the path and is not a file of the store is put aside.
    fn put_pool(&self, key: &RecordKey, path: &Utf8Path, (blob, size): (BlobId, u64)) -> Result<bool, Error> {
        let original = match self.store.whole_blob_path(blob, size) {
            // Clients are told of it already, so nothing gets worse, and the rest of the repository can be published.
            Err(Error::Storage(StorageError::Damaged { .. }))
                if matches!(self.store.found_in_pool(&self.repository, path, blob)?, InPool::Itself) =>
            {
                return Ok(false);
            }
            whole => whole?,
        };
        if self.link(path, &original)? {
            return Ok(true);
        }
        match self.store.found_in_pool(&self.repository, path, blob)? {
            InPool::Itself => return Ok(false),
            InPool::Nothing => {}
            InPool::Stranger => {
                self.note(move_aside(self.store.root(), &self.paths, &self.full(path))?);
            }
            InPool::Another => {
                return Err(Error::Change(ChangeError::Conflict {
                    key: key.clone(),
                    repository: self.repository.clone(),
                    place: format!(" (as {path} in the pool)"),
                }));
            }
        }
        self.link(path, &original)
    }

    fn put_blob(&self, path: &Utf8Path, (blob, size): (BlobId, u64)) -> Result<(), Error> {
        let original = self.store.whole_blob_path(blob, size)?;
        self.link(path, &original).map(drop)
    }

    fn put_signed(&self, path: &Utf8Path, bytes: &[u8], modified: i64) -> Result<(), Error> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
        let directory = self.directory(parent)?;
        // A check may look at any moment: a name there is of a file with its right mode and content.
        let temporary = self.store.storage().temporary()?;
        files::write_new(&temporary, bytes, mode::IMMUTABLE)?;
        files::set_modified(&temporary, modified)?;
        self.give_name(&temporary, &directory.at(name))?;
        self.note([self.full(path), directory.path().to_owned()]);
        Ok(())
    }

    fn put_name(&self, path: &Utf8Path, of: &Utf8Path) -> Result<(), Error> {
        self.link(path, self.at(of)).map(drop)
    }

    fn put_link(&self, path: &Utf8Path, target: &str) -> Result<(), Error> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
        let directory = self.directory(parent)?;
        self.note([directory.path().to_owned()]);
        files::symlink(target, directory.at(name)).map_err(Error::io("create", self.full(path)))
    }

    fn switch(&self, path: &Utf8Path, target: &str) -> Result<(), Error> {
        let link = self.full(path);
        self.note(point(self.store, &self.paths, &link, target)?);
        self.note(link.parent().map(Utf8Path::to_owned));
        Ok(())
    }

    fn keep(&self, path: &Utf8Path) {
        self.note([self.full(path)]);
    }

    fn sync(&self) -> Result<(), Error> {
        let changed = std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner));
        let Changed { mut paths, removed } = changed;
        paths.retain(|path| !removed.contains(path));
        // What was put aside lies below `store`, on the same file system.
        Ok(self.paths.sync_all(paths)?)
    }

    fn list(&self, directory: &Utf8Path) -> Result<Vec<String>, Error> {
        Ok(files::names_in(self.at(directory))?)
    }

    fn leads_to(&self, path: &Utf8Path) -> Result<Option<Utf8PathBuf>, Error> {
        self.at(path).read_link_if_present().map_err(Error::io("read", self.full(path)))
    }

    fn is_directory(&self, path: &Utf8Path) -> Result<bool, Error> {
        self.at(path).is_directory().map_err(Error::io("look at", self.full(path)))
    }

    fn exists(&self, path: &Utf8Path) -> Result<bool, Error> {
        self.at(path).exists().map_err(Error::io("look at", self.full(path)))
    }

    fn size(&self, path: &Utf8Path) -> Result<Option<u64>, Error> {
        let found = self.at(path).status_if_present().map_err(Error::io("look at", self.full(path)))?;
        Ok(found.filter(Status::is_file).map(|found| found.size))
    }

    fn has(&self, path: &Utf8Path, size: u64) -> Result<bool, Error> {
        is_whole(&self.paths, &self.at(path), size)
    }

    fn has_in_pool(&self, path: &Utf8Path, size: u64) -> Result<bool, Error> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(false) };
        is_whole(&self.paths, &self.directory(parent)?.at(name), size)
    }

    fn open(&self, path: &Utf8Path) -> Result<Option<Box<dyn PublishedFile>>, Error> {
        let at = self.at(path);
        let open = || {
            faults::before("read", &at.full())?;
            let file = at.open_file()?;
            let size = file.metadata()?.len();
            io::Result::Ok(LocalFile { file, size })
        };
        match open() {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", self.full(path))(error)),
        }
    }

    fn missing(&self, publication: &Publication) -> Result<Missing, Error> {
        Missing::in_directory(self, publication)
    }

    fn below(&self, directory: &Utf8Path) -> Result<Vec<InTree>, Error> {
        let found = files_below(&self.at(directory))?;
        let below = found.iter().filter_map(|(path, status)| {
            let path = path.strip_prefix(&self.path).ok()?.to_owned();
            Some(in_tree(path, status))
        });
        Ok(below.collect())
    }

    fn look(&self, path: &Utf8Path) -> Result<Option<InTree>, Error> {
        let found = self.at(path).status_if_present().map_err(Error::io("look at", self.full(path)))?;
        Ok(found.filter(|found| !found.is_directory()).map(|found| in_tree(path.to_owned(), &found)))
    }

    fn must_be_directory(&self, path: &Utf8Path) -> Result<(), Error> {
        self.at(path).open_if_present().map(drop).map_err(Error::io("open", self.full(path)))
    }

    fn remove_if_empty(&self, path: &Utf8Path) -> bool {
        if files::remove_directory(self.at(path)).is_err() {
            return false;
        }
        let full = self.full(path);
        self.note(full.parent().map(Utf8Path::to_owned));
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).removed.insert(full);
        true
    }

    fn remove(&self, path: &Utf8Path) -> Result<(), StorageError> {
        files::remove_if_present(self.at(path))?;
        self.note(self.full(path).parent().map(Utf8Path::to_owned));
        Ok(())
    }

    fn remove_tree(&self, path: &Utf8Path) -> Result<(), Error> {
        match files::remove_tree(self.at(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", self.full(path))(error))
            }
            _ => Ok(()),
        }
    }

    fn put_away(&self, path: &Utf8Path) -> Result<Option<Utf8PathBuf>, Error> {
        self.note(self.full(path).parent().map(Utf8Path::to_owned));
        put_away(self.store, self.at(path))
    }
}

fn in_tree(path: Utf8PathBuf, status: &Status) -> InTree {
    let size = if status.is_file() { status.size } else { 0 };
    InTree { path, is_link: status.is_link(), size, names: Some((status.identity, status.links)) }
}

/// Returns whether that file lies there, and nobody else can change it. A file with the wrong content passes.
pub(in crate::publish) fn is_whole(paths: &StorePaths, at: &At<'_>, size: u64) -> Result<bool, Error> {
    let look = || match at.status_if_present()? {
        Some(found) => Ok(found.is_file() && found.size == size && paths.is_ours(&found)?),
        None => Ok(false),
    };
    look().map_err(Error::io("look at", &*at.full()))
}

/// A file that was opened.
struct LocalFile {
    file: fs::File,
    size: u64,
}

impl PublishedFile for LocalFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

/// Continues `output` with a range of a file, and says whether that is all there and has this CRC32.
///
/// Where the file system can do that (XFS, btrfs), the beginning of a file is not copied: the new file shares the blocks of the
/// old one, which are then not read either.
fn take_over(source: &At<'_>, range: &Range<u64>, crc32: u32, output: &mut fs::File) -> io::Result<bool> {
    let mut input = source.open_file()?;
    if input.metadata()?.len() < range.end {
        return Ok(false);
    }
    let is_beginning = range.start == 0 && output.stream_position()? == 0;
    if is_beginning && rustix::fs::ioctl_ficlone(&*output, &input).is_ok() {
        output.set_len(range.end)?;
        output.seek(SeekFrom::End(0))?;
        return Ok(true);
    }
    let length = range.end - range.start;
    files::reserve(output, length)?;
    input.seek(SeekFrom::Start(range.start))?;
    let mut input = input.take(length);
    let mut buffer = vec![0; length.min(COPIED_AT_ONCE) as usize];
    let mut hasher = crc32fast::Hasher::new();
    loop {
        let count = input.read(&mut buffer)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(input.limit() == 0 && hasher.finalize() == crc32);
        }
        hasher.update(bytes);
        output.write_all(bytes)?;
    }
}

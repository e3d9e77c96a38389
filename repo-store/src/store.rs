use std::collections::BTreeSet;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::Limits;
use deb_parse::checksum::Blake3;

use crate::document::Area;
use crate::error::Error;
use crate::model::difference::Difference;
use crate::model::id::BlobId;
use crate::model::name::RepositoryName;
use crate::model::objects::Objects;
use crate::model::snapshot::Snapshot;
use crate::package_reader::{InThisProcess, PackageReader};
use crate::storage::beneath::{At, StorePaths};
use crate::storage::format::{self, Format};
use crate::storage::{Directory, HeldLock, Key, PUBLISHED, Storage, StorageError, files};

/// The directory of package files in a published tree.
pub(crate) const POOL: &str = "pool";

/// What lies at the path of a package file in a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InPool {
    Nothing,
    /// The file, or a copy of it.
    Itself,
    /// Another file of the store, which was published under that path.
    Another,
    /// Nothing of the store.
    Stranger,
}

/// Everything one installation keeps.
///
/// ```text
/// <root>/store/format       the number of the format
/// <root>/store/blobs/       package files by BLAKE3
/// <root>/store/objects/     chunks, pages, snapshots, commits by BLAKE3 of their text
/// <root>/store/manifests/   what is inside package files, by BLAKE3 of these; can be made again
/// <root>/store/refs/        one small file for each repository: the id of its current commit
/// <root>/store/tags/        the same for each tag of each repository
/// <root>/store/history/     where the history of a repository ends, if it was shortened
/// <root>/store/keyrings/    the versions of a repository's keyring package, if there are any
/// <root>/store/tokens/      the tokens that may read a repository, if there are any
/// <root>/store/machines/    the machines that were seen reading a repository
/// <root>/store/upkeep/      what was last done to look after the store
/// <root>/store/hooks/       events that are still to be delivered
/// <root>/store/intents/     changes of several repositories that are not complete
/// <root>/store/ops/log      who did what when, one line each
/// <root>/store/publications/ what was published when, and how it is laid out
/// <root>/store/tmp, locks   see [`Directory`](crate::storage::Directory)
/// <root>/public/<name>/     what clients of the repository `name` see
/// ```
///
/// Nothing but references is ever overwritten. Reading takes no lock; changing a repository locks its reference for the
/// moment of the swap.
#[derive(Debug)]
pub struct Store {
    root: Utf8PathBuf,
    storage: Storage,
    format: Format,
    limits: Limits,
    package_reader: Arc<dyn PackageReader>,
}

impl Store {
    /// Makes an empty store in `root`, which is created if need be.
    ///
    /// # Errors
    /// [`StorageError::StoreExists`] when there is one already, [`StorageError::OtherFileSystem`] when `public` leads to another file system.
    pub fn create(root: &Utf8Path) -> Result<Self, Error> {
        let directory = root.join("store");
        if files::metadata(&directory.join("format")).is_ok() {
            return Err(Error::Storage(StorageError::StoreExists { path: root.to_owned() }));
        }
        let storage = Directory::create(&directory)?;
        for area in
            ["store/blobs", "store/objects", "store/refs", "store/ops", "store/publications", "public"]
        {
            files::sync_all(files::create_directories(&root.join(area))?)?;
        }
        check_file_systems(&root.join("public"), &directory)?;
        // Last, so that a store that was not made to the end is not taken for one.
        files::replace(&directory.join("format"), &Format::WRITTEN.to_file(), &storage.temporary()?)?;
        Self::open(root)
    }

    /// Opens the store in `root`.
    ///
    /// # Errors
    /// [`StorageError::NoStore`] when there is none, [`StorageError::NewerFormat`] when a newer version wrote it. A store of an
    /// [older format](Self::format) opens; what changes it fails with [`StorageError::OlderFormat`] until it is
    /// [upgraded](Self::upgrade).
    pub fn open(root: &Utf8Path) -> Result<Self, Error> {
        let format = Format::of(root)?;
        let storage = Directory::open(&root.join("store"), format)?;
        Ok(Self { format, ..Self::with_storage(root, storage) })
    }

    /// Returns the store that keeps its bytes in `storage`: an empty one makes an empty store. What clients see of its repositories is kept
    /// there too; only where `storage` is a [`Directory`] is it a tree of files below `root`. Backups, repairs and upgrades of the format
    /// are those of a directory, and end with [`StorageError::NotLocal`] elsewhere.
    ///
    /// ```
    /// use repo_store::{Store, storage::Memory};
    ///
    /// let store = Store::with_storage("archive".into(), Memory::default());
    /// assert!(store.operations()?.is_empty());
    /// # Ok::<(), repo_store::Error>(())
    /// ```
    #[must_use]
    pub fn with_storage(root: &Utf8Path, storage: impl Into<Storage>) -> Self {
        let (root, storage) = (root.to_owned(), storage.into());
        let (limits, package_reader) = (Limits::default(), Arc::new(InThisProcess));
        Self { root, storage, format: Format::WRITTEN, limits, package_reader }
    }

    /// The store in `root`, whether it was made to its end or not.
    pub(crate) fn at(root: &Utf8Path) -> Self {
        Self::with_storage(root, Directory::at(&root.join("store")))
    }

    /// Sets how much of a package file is read before it is refused.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Returns how much of a package file is read before it is refused.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Sets who reads package files, which are those of strangers; otherwise this process does.
    #[must_use]
    pub fn with_package_reader(mut self, reader: Arc<dyn PackageReader>) -> Self {
        self.package_reader = reader;
        self
    }

    /// Returns who reads package files.
    pub(crate) fn package_reader(&self) -> &dyn PackageReader {
        &*self.package_reader
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The directory that clients of a repository see.
    #[must_use]
    pub fn public(&self, repository: &RepositoryName) -> Utf8PathBuf {
        self.root.join("public").join(repository.as_str())
    }

    /// Returns the repositories that the store knows anything of, whether settings for them exist or not.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub fn repositories(&self) -> Result<BTreeSet<RepositoryName>, Error> {
        let mut names = self.published()?;
        let repository = |key: &str| RepositoryName::parse(key.split('/').nth(1)?).ok();
        let documents = Area::ALL.into_iter().filter(|area| area.is_by_repository()).map(Area::as_str);
        for area in ["refs", "tags"].into_iter().chain(documents) {
            names.extend(self.storage().refs().list(area)?.iter().filter_map(|key| repository(key.as_str())));
        }
        self.storage().objects().each("publications", &mut |key, _| names.extend(repository(key)))?;
        Ok(names)
    }

    /// The repositories that clients may see anything of.
    pub(crate) fn published(&self) -> Result<BTreeSet<RepositoryName>, Error> {
        let mut names = BTreeSet::new();
        if self.storage.is_local() {
            let found = files::names_in(self.paths().at(PUBLISHED))?;
            names.extend(found.iter().filter_map(|name| RepositoryName::parse(name).ok()));
        } else {
            let name = |key: &str| RepositoryName::parse(key.split('/').nth(1)?).ok();
            self.storage.objects().each(PUBLISHED, &mut |key, _| names.extend(name(key)))?;
            names.extend(self.storage.refs().list(PUBLISHED)?.iter().filter_map(|key| name(key.as_str())));
        }
        Ok(names)
    }

    /// Returns whether anything lies where clients of a repository look.
    pub(crate) fn has_tree(&self, repository: &RepositoryName) -> Result<bool, Error> {
        if self.storage.is_local() {
            return Ok(files::is_taken(&self.public(repository)));
        }
        Ok(self.storage.has_any(Key::published(repository.as_str(), "".into()).as_str())?)
    }

    /// Returns whether anything lies in the pool of a repository.
    pub(crate) fn has_pool(&self, repository: &RepositoryName) -> Result<bool, Error> {
        if self.storage.is_local() {
            let pool = self.public(repository).join(POOL);
            return Ok(!files::names_in(self.paths().place(pool))?.is_empty());
        }
        Ok(self.storage.has_any(Key::published(repository.as_str(), POOL.into()).as_str())?)
    }

    /// Checks that what clients of a repository see lies on the file system of the store: published files are hard links. A store that is
    /// kept elsewhere than in a directory has no hard links.
    ///
    /// # Errors
    /// [`StorageError::OtherFileSystem`] names both places.
    pub fn check_file_systems(&self, repository: &RepositoryName) -> Result<(), Error> {
        if !self.storage.is_local() {
            return Ok(());
        }
        let store = self.root.join("store");
        check_file_systems(&self.root.join("public"), &store)?;
        check_file_systems(&self.public(repository), &store)
    }

    /// The paths of the store, for one operation: `public` is opened once.
    pub(crate) fn paths(&self) -> StorePaths {
        StorePaths::new(&self.root)
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.storage
    }

    pub(crate) fn set_directory(&mut self, directory: Directory, format: Format) {
        self.storage = directory.into();
        self.format = format;
    }

    /// Brings the store to a later format, durably: something is about to be kept that earlier ones do not have, and versions that know
    /// only those refuse the store from then on. A store that is kept elsewhere than in a directory has no format.
    pub(crate) fn need(&self, format: Format) -> Result<(), Error> {
        if !self.storage.is_local() || Format::of(&self.root)? >= format {
            return Ok(());
        }
        let directory = self.storage.directory()?;
        let _lock = directory.lock("format")?;
        if Format::of(&self.root)? < format {
            // This also closes the way back from an upgrade.
            let temporary = directory.temporary()?;
            files::replace(&format::file(&self.root), &format.to_file(), &temporary)?;
        }
        Ok(())
    }

    /// Returns the format that the store had when it was opened.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn objects(&self) -> Objects<'_> {
        Objects(self.storage.objects())
    }

    pub(crate) fn blob_key(blob: BlobId) -> Key {
        Key::object("blobs", &blob)
    }

    pub(crate) fn ref_key(repository: &RepositoryName) -> Key {
        Key::named("refs", repository.as_str())
    }

    /// Waits for the right to publish a repository.
    pub(crate) fn publishing_lock(&self, repository: &RepositoryName) -> Result<Box<dyn HeldLock>, Error> {
        Ok(self.storage.locks().acquire(&publishing(repository))?)
    }

    /// Returns whether somebody has the right to publish a repository now.
    pub(crate) fn is_publishing(&self, repository: &RepositoryName) -> bool {
        self.storage.locks().state(&publishing(repository)).is_held
    }

    /// Returns the file that holds a package, for reading.
    ///
    /// # Errors
    /// [`StorageError::Missing`] when the store does not have the package, [`StorageError::NotLocal`] when its packages are not
    /// files of a local disk: [`open_blob`](Self::open_blob) reads those too.
    pub fn blob_path(&self, blob: BlobId) -> Result<Utf8PathBuf, Error> {
        let key = Self::blob_key(blob);
        let path = self.storage.objects().local_file(&key).ok_or(StorageError::NotLocal)?;
        if self.storage.objects().contains(&key)? { Ok(path) } else { Err(Self::missing_blob(blob)) }
    }

    /// Returns the path of a package file whose size is known. Costs no more than [`blob_path`](Self::blob_path).
    ///
    /// # Errors
    /// Those of [`blob_path`](Self::blob_path); [`StorageError::Damaged`] when the file has another size.
    pub(crate) fn whole_blob_path(&self, blob: BlobId, size: u64) -> Result<Utf8PathBuf, Error> {
        let path = self.storage.objects().local_file(&Self::blob_key(blob)).ok_or(StorageError::NotLocal)?;
        match self.check_blob_size(blob, size) {
            Ok(()) => Ok(path),
            Err(error) => {
                // What is not a file has an error of its own.
                self.blob_path(blob)?;
                Err(error)
            }
        }
    }

    /// Checks that the store has a package file of that size.
    ///
    /// # Errors
    /// [`StorageError::Missing`] when it does not have it, [`StorageError::Damaged`] when it has another size.
    pub(crate) fn check_blob_size(&self, blob: BlobId, size: u64) -> Result<(), Error> {
        match self.storage.objects().head(&Self::blob_key(blob))? {
            None => Err(Self::missing_blob(blob)),
            Some(found) if found.size == size => Ok(()),
            Some(found) => {
                let what = format!("it has {} bytes, and should have {size}", found.size);
                Err(Error::Storage(StorageError::damaged(BlobId::KIND, &blob, what)))
            }
        }
    }

    /// Returns a reader of a package file.
    ///
    /// # Errors
    /// [`StorageError::Missing`] when the store does not have the package.
    pub fn open_blob(&self, blob: BlobId) -> Result<Box<dyn Read + Send>, Error> {
        self.storage.objects().open(&Self::blob_key(blob))?.ok_or_else(|| Self::missing_blob(blob))
    }

    pub(crate) fn missing_blob(blob: BlobId) -> Error {
        Error::Storage(StorageError::Missing { kind: BlobId::KIND, id: blob.to_string() })
    }

    /// Returns the size of all package files together, in bytes.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub fn size_of_package_files(&self) -> Result<u64, Error> {
        let objects = self.storage.objects();
        let (mut size, mut unknown) = (0_u64, Vec::new());
        objects.each("blobs", &mut |key, info| match info {
            Some(info) => size = size.saturating_add(info.size),
            None => unknown.extend(Key::parse(key)),
        })?;
        for key in unknown {
            // One that was removed since takes no space.
            size = size.saturating_add(objects.head(&key)?.map_or(0, |info| info.size));
        }
        Ok(size)
    }

    /// What one suite at one moment has that another has not, and the other way round.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn difference(&self, first: &Snapshot, second: &Snapshot) -> Result<Difference, Error> {
        Ok(Difference::between(&self.objects(), first, second)?)
    }

    /// What lies at the path of a package file in the pool of a repository.
    ///
    /// Every file that was published there is a blob. So what is none was put there by somebody else, and says nothing: it is read
    /// only when it belongs to whom the store's own files belong to.
    pub(crate) fn found_in_pool(
        &self,
        repository: &RepositoryName,
        path: &Utf8Path,
        blob: BlobId,
    ) -> Result<InPool, Error> {
        if !self.storage.is_local() {
            return self.found_in_stored_pool(&Key::published(repository.as_str(), path), blob);
        }
        let paths = self.paths();
        let published = paths.place(self.public(repository).join(path));
        let full = published.full();
        let look = || published.status_if_present().map_err(Error::io("look at", &*full));
        let Some(found) = look()? else { return Ok(InPool::Nothing) };
        let own = self.storage.objects().local_file(&Self::blob_key(blob)).map(At::trusted);
        let look_at_own = |own: At<'_>| own.status_if_present().map_err(Error::io("look at", &*own.full()));
        let own = own.map(look_at_own).transpose()?.flatten();
        if own.is_some_and(|own| own.identity == found.identity) {
            return Ok(InPool::Itself);
        }
        if !found.is_file() || !paths.is_ours(&found).map_err(Error::io("look at", &*full))? {
            return Ok(InPool::Stranger);
        }
        let mut hasher = blake3::Hasher::new();
        let hash = |piece: &[u8]| {
            hasher.update(piece);
        };
        match files::each_piece(published.clone(), hash) {
            Ok(()) => {}
            // Garbage collection removes first the one in the pool and then its own.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(InPool::Nothing),
            Err(error) => return Err(Error::io("read", &*full)(error)),
        }
        let content = BlobId(Blake3::from_bytes(*hasher.finalize().as_bytes()));
        if content == blob {
            return Ok(InPool::Itself);
        }
        if self.storage.objects().contains(&Self::blob_key(content))? {
            return Ok(InPool::Another);
        }
        Ok(if look()?.is_some() { InPool::Stranger } else { InPool::Nothing })
    }

    /// What an object of a published tree is: nobody else can write there, but it may be damaged.
    fn found_in_stored_pool(&self, key: &Key, blob: BlobId) -> Result<InPool, Error> {
        let Some(mut file) = self.storage.objects().open(key)? else { return Ok(InPool::Nothing) };
        let mut hasher = blake3::Hasher::new();
        std::io::copy(&mut file, &mut hasher).map_err(Error::io("read", key.as_str()))?;
        let content = BlobId(Blake3::from_bytes(*hasher.finalize().as_bytes()));
        if content == blob {
            return Ok(InPool::Itself);
        }
        let is_another = self.storage.objects().contains(&Self::blob_key(content))?;
        Ok(if is_another { InPool::Another } else { InPool::Stranger })
    }

    /// The suites a commit of `repository` knows, for messages and lookups.
    pub(crate) fn empty_or(&self, snapshot: Option<crate::model::id::SnapshotId>) -> Result<Snapshot, Error> {
        Ok(snapshot.map_or_else(|| Ok(Snapshot::default()), |id| Snapshot::read(&self.objects(), id))?)
    }
}

fn check_file_systems(public: &Utf8Path, store: &Utf8Path) -> Result<(), Error> {
    // Below `public`, what is no directory is refused where it matters.
    let device = |path: &Utf8Path| files::metadata(path).map(|found| found.dev());
    let theirs = match device(public) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        device => device.map_err(Error::io("look at", public))?,
    };
    if theirs == device(store).map_err(Error::io("look at", store))? {
        return Ok(());
    }
    Err(StorageError::OtherFileSystem { public: public.to_owned(), store: store.to_owned() }.into())
}

/// The name of the lock.
fn publishing(repository: &RepositoryName) -> String {
    format!("publish.{repository}")
}

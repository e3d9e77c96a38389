//! The published tree on disk: everything is written aside, made durable, and shown by one rename.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use apt_index::{Part, ReleaseFile, Rendered, RenderedFile};
use apt_sign::Signed;
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Sha256;
use jiff::Timestamp;
use sha2::Digest as _;

use super::place::{Place, is_flat_link};
use super::publication::{Publication, PublishedIndex, PublishedSuite};
use crate::error::{ChangeError, Error};
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::model::record::{Record, RecordFile};
use crate::storage::beneath::{At, DirectoryHandle, PathFault, StorePaths};
use crate::storage::files::mode;
use crate::storage::{Key, Storage as _, StorageError, files};
use crate::store::Store;

/// The directory of a repository with its publications.
pub(crate) const PUBLICATIONS: &str = ".publications";
/// The directory of a repository with an archive root for each publication.
pub(crate) const SNAPSHOTS: &str = "snapshot";
/// The directory of a repository with the index files of all its publications.
pub(crate) const BY_HASH: &str = ".by-hash";

/// In pieces of so many bytes an index is copied.
const COPIED_AT_ONCE: u64 = 256 << 10;

/// Whether that file lies there, and nobody else can change it. One of which only the content is wrong passes.
fn is_whole(paths: &StorePaths, at: &At<'_>, size: u64) -> Result<bool, Error> {
    let look = || match at.status_if_present()? {
        Some(found) => Ok(found.is_file() && found.size == size && paths.is_ours(&found)?),
        None => Ok(false),
    };
    look().map_err(Error::io("look at", &*at.full()))
}

/// The path of an index file under the name of its digest, below the public directory of its repository.
pub(super) fn by_hash(digest: &Sha256) -> Utf8PathBuf {
    Utf8Path::new(BY_HASH).join("SHA256").join(digest.to_string())
}

/// Whether all files of an index are in that directory, under their digests. One of which only the content is wrong passes:
/// finding these, and putting them aside, is for a check.
fn holds(paths: &StorePaths, by_hash: &DirectoryHandle, index: &PublishedIndex) -> Result<bool, Error> {
    for (_, file) in index.files_at("") {
        if !is_whole(paths, &by_hash.at(file.sha256.to_string()), file.size)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether clients find the signed file of a suite in a publication and, under their digests, all of its indices.
pub(super) fn shows_all(
    paths: &StorePaths,
    public: &Utf8Path,
    id: PublicationId,
    place: &Place,
    suite: &PublishedSuite,
) -> Result<bool, Error> {
    let signed = suite_directory(public, id, place).join("InRelease");
    let look = || match paths.place(&signed).status_if_present()? {
        Some(found) if found.is_file() => paths.place(public.join(BY_HASH).join("SHA256")).open_if_present(),
        _ => Ok(None),
    };
    let Some(by_hash) = look().map_err(Error::io("look at", &signed))? else { return Ok(false) };
    for index in suite.indices.values() {
        if !holds(paths, &by_hash, index)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn suite_directory(public: &Utf8Path, id: PublicationId, place: &Place) -> Utf8PathBuf {
    public.join(PUBLICATIONS).join(id.to_string()).join("dists").join(place.directory())
}

/// A signed file of a suite as the record has it; `None` when what lies there is another file, or nothing.
pub(super) fn signed_file(
    (paths, public): (&StorePaths, &Utf8Path),
    publication: &Publication,
    place: &Place,
    (name, expected): (&str, ReleaseFile),
) -> Result<Option<Vec<u8>>, Error> {
    let path = public.join(publication.dists_target()).join(place.directory()).join(name);
    if !is_whole(paths, &paths.place(&path), expected.size)? {
        return Ok(None);
    }
    let bytes = files::read_if_present(paths.place(&path))?;
    Ok(bytes.filter(|bytes| Sha256::of(bytes) == expected.sha256))
}

/// A publication that is being built.
pub(super) struct Tree<'a> {
    store: &'a Store,
    repository: RepositoryName,
    paths: StorePaths,
    public: Utf8PathBuf,
    /// The directory of index files.
    by_hash: DirectoryHandle,
    /// The directory that something was made in last: most often the next thing is made there too.
    last: Mutex<Option<Arc<DirectoryHandle>>>,
    id: PublicationId,
    /// Files and directories that were made or changed and not yet synced.
    changed: Mutex<Vec<Utf8PathBuf>>,
    /// Bytes that were hashed for it.
    hashed: AtomicU64,
    /// Published files that were read to see whether they are whole.
    checked: AtomicU64,
    /// Files of indices known to be what their names say: they were written for this publication, or read.
    whole: Mutex<BTreeSet<Sha256>>,
    /// Files of indices known not to be what their names say.
    broken: BTreeSet<Sha256>,
}

impl<'a> Tree<'a> {
    /// Starts a publication newer than `last`, the one that clients see. The caller holds the publishing lock.
    pub(super) fn new(
        store: &'a Store,
        repository: &RepositoryName,
        (now, last): (Timestamp, Option<PublicationId>),
    ) -> Result<Self, Error> {
        let (paths, public) = (store.paths(), store.public(repository));
        let (by_hash, mut changed) = paths.place(public.join(BY_HASH).join("SHA256")).make()?;
        for directory in [PUBLICATIONS, SNAPSHOTS, "pool"] {
            changed.extend(files::create_directories(paths.place(public.join(directory)))?);
        }
        // A power cut may have left the one directory and not the other. Tags have links beside the archive roots.
        let mut names: BTreeSet<String> =
            files::names_in(paths.place(public.join(PUBLICATIONS)))?.into_iter().collect();
        let roots = files::names_in(paths.place(public.join(SNAPSHOTS)))?.into_iter();
        names.extend(roots.filter(|name| PublicationId::parse(name).is_some()));
        // What a crash left half built has no record yet, and what others put there has none at all: neither says anything of the ids
        // to come. What clients see stays, should its record be lost.
        let shown = Publication::shown(&paths, &public)?;
        let mut taken = BTreeSet::new();
        for name in &names {
            let id = PublicationId::parse(name);
            let record = Key::named("publications", &format!("{repository}/{name}"));
            if (id.is_some() && id == shown) || store.storage().contains(&record)? {
                taken.extend(id);
            } else {
                super::discard(&paths.place(public.join(SNAPSHOTS).join(name)))?;
                super::discard(&paths.place(public.join(PUBLICATIONS).join(name)))?;
            }
        }
        Ok(Self {
            store,
            repository: repository.clone(),
            paths,
            public,
            by_hash,
            last: Mutex::default(),
            id: PublicationId::next(now, last, &taken),
            changed: Mutex::new(changed),
            hashed: AtomicU64::new(0),
            checked: AtomicU64::new(0),
            whole: Mutex::default(),
            broken: BTreeSet::new(),
        })
    }

    /// Files of indices that are not what their names say: nothing is made of them, and no index that has one is taken for whole.
    pub(super) fn distrust(&mut self, broken: BTreeSet<Sha256>) {
        self.broken = broken;
    }

    /// Adds to the count of bytes that were read to see whether published files are whole.
    pub(super) fn count_checked(&self, bytes: u64) {
        self.checked.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Of how many bytes of published files is known by reading them that they are what they were.
    pub(super) fn checked(&self) -> u64 {
        self.checked.load(Ordering::Relaxed)
    }

    /// Whether a file of an index was found not to be what its name says.
    pub(super) fn is_broken(&self, digest: &Sha256) -> bool {
        self.broken.contains(digest)
    }

    /// Whether the file of that size and digest is there. It is read to its end, unless this publication wrote it: whoever shows it
    /// vouches for it.
    fn is_there(&self, at: &At<'_>, size: u64, digest: &Sha256) -> Result<bool, Error> {
        if !is_whole(&self.paths, at, size)? {
            return Ok(false);
        }
        if self.whole.lock().unwrap_or_else(PoisonError::into_inner).contains(digest) {
            return Ok(true);
        }
        self.count_checked(size);
        Ok(files::sha256(at.clone()).is_ok_and(|found| found == *digest))
    }

    fn vouch(&self, digest: Sha256) {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
    }

    pub(super) fn id(&self) -> PublicationId {
        self.id
    }

    /// Of how many bytes of indices and of what lies beside them SHA-256 was computed so far.
    pub(super) fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::Relaxed)
    }

    /// Where an index file lies under the name of its digest.
    pub(super) fn by_hash(&self, digest: &Sha256) -> At<'_> {
        self.by_hash.at(digest.to_string())
    }

    /// Whether all files of an index are there.
    pub(super) fn holds(&self, index: &PublishedIndex) -> Result<bool, Error> {
        let is_broken = index.files_at("").any(|(_, file)| self.is_broken(&file.sha256));
        Ok(!is_broken && holds(&self.paths, &self.by_hash, index)?)
    }

    /// Whether all files of all indices of a suite are there; of one that clients never saw, there are none.
    pub(super) fn holds_all(&self, suite: Option<&PublishedSuite>) -> Result<bool, Error> {
        for index in suite.iter().flat_map(|suite| suite.indices.values()) {
            if !self.holds(index)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Where the files of indices lie under the names of their digests.
    pub(super) fn by_hash_directory(&self) -> &DirectoryHandle {
        &self.by_hash
    }

    fn suite_directory(&self, id: PublicationId, place: &Place) -> Utf8PathBuf {
        suite_directory(&self.public, id, place)
    }

    /// A directory to make something in. It is made too if need be.
    fn directory(&self, path: &Utf8Path) -> Result<Arc<DirectoryHandle>, Error> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.path() == path) {
            return Ok(Arc::clone(last));
        }
        let (made, changed) = self.paths.place(path).make()?;
        self.note(changed);
        Ok(Arc::clone(last.insert(Arc::new(made))))
    }

    /// Something below the public directory, whose directory is there.
    fn at(&self, path: &Utf8Path) -> At<'_> {
        self.paths.place(path)
    }

    fn note(&self, paths: impl IntoIterator<Item = Utf8PathBuf>) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).extend(paths);
    }

    fn link<'o>(&self, original: impl Into<At<'o>>, path: &Utf8Path) -> Result<bool, Error> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(false) };
        let directory = self.directory(parent)?;
        self.note([parent.to_owned()]);
        Ok(files::link_or_copy(original, directory.at(name))?)
    }

    fn symlink(&self, target: &str, link: &Utf8Path) -> Result<(), Error> {
        let (Some(parent), Some(name)) = (link.parent(), link.file_name()) else { return Ok(()) };
        let directory = self.directory(parent)?;
        files::symlink(target, directory.at(name)).map_err(Error::io("create", link))
    }

    /// Links the files of a package into the pool.
    pub(super) fn link_pool(&self, record: &Record) -> Result<(), Error> {
        for RecordFile { blob, path, .. } in record.files()? {
            let new = self.link(&self.store.blob_path(blob)?, &self.public.join(&path))?;
            if !new && self.store.pool_path_is_taken(&self.repository, path.as_path(), blob)? {
                return Err(Error::Change(ChangeError::Conflict {
                    key: record.key().clone(),
                    repository: self.repository.clone(),
                    place: format!(" (as {path} in the pool)"),
                }));
            }
        }
        Ok(())
    }

    /// Writes the files of an index under the names of their digests. `previous` is the index it was made from; `None` comes
    /// back when a file of that one is damaged.
    pub(super) fn write_index(
        &self,
        rendered: Rendered,
        previous: Option<&PublishedIndex>,
    ) -> Result<Option<PublishedIndex>, Error> {
        self.hashed.fetch_add(rendered.hashed(), Ordering::Relaxed);
        let mut files = BTreeMap::new();
        for file in rendered.files() {
            let before = previous.and_then(|previous| previous.files.get(&file.encoding()));
            if !self.write_by_hash(file, before)? {
                return Ok(None);
            }
            files.insert(file.encoding(), ReleaseFile { size: file.size(), sha256: file.sha256() });
        }
        let (size, sha256) = rendered.plain();
        Ok(Some(PublishedIndex {
            plain: ReleaseFile { size, sha256 },
            files,
            layout: rendered.into_layout(),
            diff: None,
        }))
    }

    /// Writes a file under the name of its digest.
    pub(super) fn write_small(&self, bytes: &[u8]) -> Result<ReleaseFile, Error> {
        let sha256 = Sha256::from_bytes(sha2::Sha256::digest(bytes).into());
        self.hashed.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let path = self.by_hash(&sha256);
        let is_whole = is_whole(&self.paths, &path, bytes.len() as u64)?;
        if !is_whole || files::read(path.clone()).ok().as_deref() != Some(bytes) {
            let temporary = self.store.storage().temporary()?;
            files::write_new(&temporary, bytes, mode::IMMUTABLE)?;
            files::rename(&temporary, path.clone()).map_err(Error::io("create", &*path.full()))?;
        }
        self.note([path.full().into_owned(), self.public.join(BY_HASH).join("SHA256")]);
        Ok(ReleaseFile { size: bytes.len() as u64, sha256 })
    }

    /// Writes one file; `false` when what it was to be made from is damaged.
    fn write_by_hash(&self, file: &RenderedFile, previous: Option<&ReleaseFile>) -> Result<bool, Error> {
        let path = self.by_hash(&file.sha256());
        // It can be there already: after going back, or because somebody was killed before showing it. It was whole when it got that
        // name, and need not be by now.
        if self.is_there(&path, file.size(), &file.sha256())? {
            self.vouch(file.sha256());
            self.note([self.public.join(BY_HASH).join("SHA256")]);
            return Ok(true);
        }
        let temporary = self.store.storage().temporary()?;
        let mut output = files::create_new(&temporary, mode::IMMUTABLE)?;
        for part in file.parts() {
            match part {
                Part::Bytes(bytes) => output.write_all(bytes).map_err(Error::io("write", &temporary))?,
                Part::Previous { range, crc32 } => {
                    let Some(previous) = previous else { return Ok(false) };
                    let source = self.by_hash(&previous.sha256);
                    let is_sound = take_over(&source, range, *crc32, &mut output)
                        .map_err(Error::io("copy a part of", &*source.full()))?;
                    if !is_sound {
                        files::remove_if_present(&temporary)?;
                        return Ok(false);
                    }
                }
            }
        }
        files::sync_path(&temporary)?;
        files::rename(&temporary, path.clone()).map_err(Error::io("create", &*path.full()))?;
        self.vouch(file.sha256());
        self.note([self.public.join(BY_HASH).join("SHA256")]);
        Ok(true)
    }

    /// Writes the directory of a suite that was rendered.
    pub(super) fn write_suite(
        &self,
        place: &Place,
        indices: &BTreeMap<String, PublishedIndex>,
        signed: &Signed,
    ) -> Result<(), Error> {
        let directory = self.suite_directory(self.id, place);
        self.directory(&directory)?;
        let mut parents = BTreeSet::new();
        for (path, file) in indices.iter().flat_map(|(path, index)| index.files_at(path)) {
            self.link(self.by_hash(&file.sha256), &directory.join(&path))?;
            parents.extend(Utf8Path::new(&path).parent().map(Utf8Path::to_owned));
        }
        for parent in parents {
            let link = directory.join(&parent).join("by-hash");
            let target = super::by_hash_from(&parent);
            self.symlink(&target, &link)?;
        }
        let made = self.directory(&directory)?;
        for (name, bytes) in
            [("Release", signed.text()), ("Release.gpg", signed.detached()), ("InRelease", signed.inline())]
        {
            let path = directory.join(name);
            // A check may look at any moment: a name there is of a file with its right mode and content.
            let temporary = self.store.storage().temporary()?;
            files::write_new(&temporary, bytes, mode::IMMUTABLE)?;
            files::set_modified(&temporary, self.id.seconds())?;
            files::rename(&temporary, made.at(name)).map_err(Error::io("create", &path))?;
            self.note([path]);
        }
        self.note([directory]);
        Ok(())
    }

    /// Shows a suite as it stands in the publication before.
    pub(super) fn keep_suite(&self, place: &Place, previous: Option<PublicationId>) -> Result<(), Error> {
        let Some(previous) = previous else { return Ok(()) };
        let from = self.suite_directory(previous, place);
        let opened = self.at(&from).open_directory().map_err(Error::io("open", &from))?;
        self.copy_by_links(&opened, &self.suite_directory(self.id, place), Utf8Path::new(""))
    }

    /// `below` is the path of both from the directory of the suite.
    fn copy_by_links(&self, from: &DirectoryHandle, to: &Utf8Path, below: &Utf8Path) -> Result<(), Error> {
        let made = self.directory(to)?;
        self.note([to.to_owned()]);
        for name in files::names_in(from.at(""))? {
            let (original, copy) = (from.at(&name), made.at(&name));
            let path = original.full();
            let found = original.status().map_err(Error::io("look at", &*path))?;
            if found.is_directory() {
                let inner = original.open_directory().map_err(Error::io("open", &*path))?;
                self.copy_by_links(&inner, &to.join(&name), &below.join(&name))?;
            } else if found.is_link() {
                let target = super::by_hash_from(below);
                let is_ours = original.read_link().map_err(Error::io("read", &*path))? == target;
                if name != "by-hash" || !is_ours {
                    let fault = PathFault::SymbolicLink;
                    return Err(Error::Storage(StorageError::UnsafePath { path: path.into_owned(), fault }));
                }
                files::symlink(&target, copy.clone()).map_err(Error::io("create", &*copy.full()))?;
            } else {
                files::link_or_copy(original.clone(), copy)?;
            }
        }
        Ok(())
    }

    /// Names the publication after the tags of its state.
    fn point_tags(&self, publication: &Publication) -> Result<(), Error> {
        self.store.mend_tags(&self.repository)?;
        for tag in self.store.tag_names(&self.repository)? {
            // A damaged tag is for a check to tell.
            let Ok(Some(commit)) = self.store.tagged(&self.repository, &tag) else { continue };
            if publication.commit == Some(commit) {
                self.store.point_tag(&self.repository, &tag, publication.id)?;
            }
        }
        self.note([self.public.join(SNAPSHOTS)]);
        Ok(())
    }

    /// Makes everything durable, announces it in the operation log, and switches clients over.
    pub(super) fn show(self, publication: &Publication, announcement: &str) -> Result<(), Error> {
        let id = self.id.to_string();
        // A repository without suites still has a directory to point at.
        let dists = self.public.join(PUBLICATIONS).join(&id).join("dists");
        self.directory(&dists)?;
        for (alias, directory) in publication.aliases() {
            let link = dists.join(alias.as_str());
            self.symlink(&directory, &link)?;
        }
        self.note([dists]);
        let snapshot = self.public.join(SNAPSHOTS).join(&id);
        self.directory(&snapshot)?;
        let links = [
            ("dists", format!("{}/dists", super::way_up(2, &format!("{PUBLICATIONS}/{id}")))),
            ("pool", super::way_up(2, "pool")),
        ];
        let flat = publication.flat_links();
        let links = links.into_iter().map(|(name, target)| (name.to_owned(), target));
        for (name, target) in links.chain(flat.clone()) {
            let link = snapshot.join(name);
            self.symlink(&target, &link)?;
        }
        // Those of the root lead through `dists`: they are there before it leads to where they are needed.
        for (name, target) in &flat {
            let link = self.public.join(name);
            let now = self.at(&link).read_link_if_present().map_err(Error::io("read", &link))?;
            if now.as_deref() != Some(Utf8Path::new(target)) {
                files::point(self.at(&link), target, &self.store.storage().temporary()?)?;
                self.note([self.public.clone()]);
            }
        }
        self.note([snapshot]);
        self.point_tags(publication)?;
        let changed = std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner));
        self.paths.sync_all(changed)?;
        publication.write(self.store, &self.repository)?;
        self.store.storage().append_line(&Store::log_key(), announcement)?;
        // Not beside it: whoever can write there could put a directory in the way.
        let temporary = self.store.storage().temporary()?;
        let dists = self.public.join("dists");
        files::point(self.at(&dists), &format!("{PUBLICATIONS}/{id}/dists"), &temporary)?;
        let names = files::names_in(self.at(&self.public))?;
        for name in names.into_iter().filter(|name| !flat.contains_key(name)) {
            let link = self.public.join(&name);
            let target = self.at(&link).read_link_if_present().map_err(Error::io("read", &link))?;
            if target.is_some_and(|target| is_flat_link(&name, &target)) {
                files::remove_if_present(self.at(&link))?;
            }
        }
        Ok(files::sync_path(self.at(&self.public))?)
    }
}

/// Continues `output` with a range of a file, and says whether that is all there and has this CRC32.
///
/// Where the file system can do that (XFS, btrfs), the beginning of a file is not copied: the new file shares the blocks of the
/// old one, which are then not read either.
fn take_over(source: &At<'_>, range: &Range<u64>, crc32: u32, output: &mut File) -> std::io::Result<bool> {
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

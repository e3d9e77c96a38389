//! The published tree on disk: everything is written aside, made durable, and shown by one rename.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use apt_index::{Part, ReleaseFile, Rendered, RenderedFile};
use apt_sign::Signed;
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Sha256;
use jiff::Timestamp;
use sha2::Digest as _;

use super::place::{Place, leads_to_flat};
use super::publication::{Publication, PublicationId, PublishedIndex, PublishedSuite};
use crate::files::{self, mode};
use crate::storage::{Key, Storage as _};
use crate::{Error, Record, RecordFile, RepositoryName, Store};

/// The directory of a repository with its publications.
pub(crate) const PUBLICATIONS: &str = ".publications";
/// The directory of a repository with an archive root for each publication.
pub(crate) const SNAPSHOTS: &str = "snapshot";
/// The directory of a repository with the index files of all its publications.
pub(crate) const BY_HASH: &str = ".by-hash";

/// In pieces of so many bytes an index is copied.
const COPIED_AT_ONCE: u64 = 256 << 10;

pub(super) fn by_hash(public: &Utf8Path, digest: &Sha256) -> Utf8PathBuf {
    public.join(BY_HASH).join("SHA256").join(digest.to_string())
}

/// Whether all files of an index are below the public directory of its repository. One of which only the content is wrong passes:
/// finding these, and putting them aside, is for a check.
fn holds(public: &Utf8Path, index: &PublishedIndex) -> bool {
    index.files_at("").all(|(_, file)| {
        fs::metadata(by_hash(public, &file.sha256)).is_ok_and(|found| found.len() == file.size)
    })
}

/// Whether clients find the signed file of a suite and, under their digests, all of its indices.
pub(super) fn shows_all(public: &Utf8Path, place: &Place, suite: &PublishedSuite) -> bool {
    public.join("dists").join(place.directory()).join("InRelease").is_file()
        && suite.indices.values().all(|index| holds(public, index))
}

/// A signed file of a suite as the record has it; `None` when what lies there is another file, or nothing.
pub(super) fn signed_file(
    public: &Utf8Path,
    publication: &Publication,
    place: &Place,
    (name, expected): (&str, ReleaseFile),
) -> Result<Option<Vec<u8>>, Error> {
    let path = public.join(publication.dists_target()).join(place.directory()).join(name);
    if !fs::symlink_metadata(&path).is_ok_and(|found| found.is_file() && found.len() == expected.size) {
        return Ok(None);
    }
    let bytes = files::read_if_present(&path)?;
    Ok(bytes.filter(|bytes| Sha256::of(bytes) == expected.sha256))
}

/// A publication that is being built.
pub(super) struct Tree<'a> {
    store: &'a Store,
    repository: RepositoryName,
    public: Utf8PathBuf,
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
        let public = store.public(repository);
        let mut changed = files::create_directories(&public.join(BY_HASH).join("SHA256"))?;
        for directory in [PUBLICATIONS, SNAPSHOTS, "pool"] {
            changed.extend(files::create_directories(&public.join(directory))?);
        }
        // A power cut may have left the one directory and not the other. Tags have links beside the archive roots.
        let mut names: BTreeSet<String> = files::names_in(&public.join(PUBLICATIONS))?.into_iter().collect();
        let roots = files::names_in(&public.join(SNAPSHOTS))?.into_iter();
        names.extend(roots.filter(|name| PublicationId::parse(name).is_some()));
        // What a crash left half built has no record yet, and what others put there has none at all: neither says anything of the ids
        // to come. What clients see stays, should its record be lost.
        let shown = Publication::shown(&public);
        let mut taken = BTreeSet::new();
        for name in &names {
            let id = PublicationId::parse(name);
            let record = Key::named("publications", &format!("{repository}/{name}"));
            if (id.is_some() && id == shown) || store.storage().contains(&record)? {
                taken.extend(id);
            } else {
                super::discard(&public.join(SNAPSHOTS).join(name))?;
                super::discard(&public.join(PUBLICATIONS).join(name))?;
            }
        }
        Ok(Self {
            store,
            repository: repository.clone(),
            public,
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
    fn is_there(&self, path: &Utf8Path, size: u64, digest: &Sha256) -> bool {
        if !fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.len() == size) {
            return false;
        }
        if self.whole.lock().unwrap_or_else(PoisonError::into_inner).contains(digest) {
            return true;
        }
        self.count_checked(size);
        files::sha256(path).is_ok_and(|found| found == *digest)
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
    pub(super) fn by_hash(&self, digest: &Sha256) -> Utf8PathBuf {
        by_hash(&self.public, digest)
    }

    /// Whether all files of an index are there.
    pub(super) fn holds(&self, index: &PublishedIndex) -> bool {
        index.files_at("").all(|(_, file)| !self.is_broken(&file.sha256)) && holds(&self.public, index)
    }

    fn suite_directory(&self, id: PublicationId, place: &Place) -> Utf8PathBuf {
        self.public.join(PUBLICATIONS).join(id.to_string()).join("dists").join(place.directory())
    }

    fn note(&self, paths: impl IntoIterator<Item = Utf8PathBuf>) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).extend(paths);
    }

    fn link(&self, original: &Utf8Path, path: &Utf8Path) -> Result<bool, Error> {
        if let Some(parent) = path.parent() {
            self.note(files::create_directories(parent)?);
            self.note([parent.to_owned()]);
        }
        files::link_or_copy(original, path)
    }

    /// Links the files of a package into the pool.
    pub(super) fn link_pool(&self, record: &Record) -> Result<(), Error> {
        for RecordFile { blob, path, .. } in record.files()? {
            let new = self.link(&self.store.blob_path(blob)?, &self.public.join(&path))?;
            if !new && self.store.pool_path_is_taken(&self.repository, path.as_path(), blob)? {
                return Err(Error::Conflict {
                    key: record.key().clone(),
                    repository: self.repository.clone(),
                    place: format!(" (as {path} in the pool)"),
                });
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
        let is_there = fs::symlink_metadata(&path).is_ok_and(|found| found.len() == bytes.len() as u64);
        if !is_there || fs::read(&path).ok().as_deref() != Some(bytes) {
            let temporary = self.store.storage().temporary()?;
            files::write_new(&temporary, bytes, mode::IMMUTABLE)?;
            fs::rename(&temporary, &path).map_err(Error::io("create", &path))?;
        }
        self.note([path, self.public.join(BY_HASH).join("SHA256")]);
        Ok(ReleaseFile { size: bytes.len() as u64, sha256 })
    }

    /// Writes one file; `false` when what it was to be made from is damaged.
    fn write_by_hash(&self, file: &RenderedFile, previous: Option<&ReleaseFile>) -> Result<bool, Error> {
        let path = self.by_hash(&file.sha256());
        // It can be there already: after going back, or because somebody was killed before showing it. It was whole when it got that
        // name, and need not be by now.
        if self.is_there(&path, file.size(), &file.sha256()) {
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
                        .map_err(Error::io("copy a part of", &source))?;
                    if !is_sound {
                        files::remove_if_present(&temporary)?;
                        return Ok(false);
                    }
                }
            }
        }
        files::sync_path(&temporary)?;
        files::rename(&temporary, &path).map_err(Error::io("create", &path))?;
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
        self.note(files::create_directories(&directory)?);
        let mut parents = BTreeSet::new();
        for (path, file) in indices.iter().flat_map(|(path, index)| index.files_at(path)) {
            self.link(&self.by_hash(&file.sha256), &directory.join(&path))?;
            parents.extend(Utf8Path::new(&path).parent().map(Utf8Path::to_owned));
        }
        for parent in parents {
            let link = directory.join(&parent).join("by-hash");
            let target = super::by_hash_from(&parent);
            files::symlink(&target, &link).map_err(Error::io("create", &link))?;
        }
        for (name, bytes) in
            [("Release", signed.text()), ("Release.gpg", signed.detached()), ("InRelease", signed.inline())]
        {
            let path = directory.join(name);
            // A check may look at any moment: a name there is of a file with its right mode and content.
            let temporary = self.store.storage().temporary()?;
            files::write_new(&temporary, bytes, mode::IMMUTABLE)?;
            files::set_modified(&temporary, self.id.seconds())?;
            files::rename(&temporary, &path).map_err(Error::io("create", &path))?;
            self.note([path]);
        }
        self.note([directory]);
        Ok(())
    }

    /// Shows a suite as it stands in the publication before.
    pub(super) fn keep_suite(&self, place: &Place, previous: Option<PublicationId>) -> Result<(), Error> {
        let Some(previous) = previous else { return Ok(()) };
        self.copy_by_links(&self.suite_directory(previous, place), &self.suite_directory(self.id, place))
    }

    fn copy_by_links(&self, from: &Utf8Path, to: &Utf8Path) -> Result<(), Error> {
        self.note(files::create_directories(to)?);
        self.note([to.to_owned()]);
        for name in files::names_in(from)? {
            let (original, copy) = (from.join(&name), to.join(&name));
            let kind = fs::symlink_metadata(&original).map_err(Error::io("look at", &original))?;
            if kind.is_dir() {
                self.copy_by_links(&original, &copy)?;
            } else if kind.is_symlink() {
                let target = original.read_link_utf8().map_err(Error::io("read", &original))?;
                files::symlink(target.as_str(), &copy).map_err(Error::io("create", &copy))?;
            } else {
                files::link_or_copy(&original, &copy)?;
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
        self.note(files::create_directories(&dists)?);
        for (alias, directory) in publication.aliases() {
            let link = dists.join(alias.as_str());
            files::symlink(&directory, &link).map_err(Error::io("create", &link))?;
        }
        self.note([dists]);
        let snapshot = self.public.join(SNAPSHOTS).join(&id);
        self.note(files::create_directories(&snapshot)?);
        let links = [
            ("dists", format!("{}/dists", super::way_up(2, &format!("{PUBLICATIONS}/{id}")))),
            ("pool", super::way_up(2, "pool")),
        ];
        let flat = publication.flat_links();
        let links = links.into_iter().map(|(name, target)| (name.to_owned(), target));
        for (name, target) in links.chain(flat.clone()) {
            let link = snapshot.join(name);
            files::symlink(&target, &link).map_err(Error::io("create", &link))?;
        }
        // Those of the root lead through `dists`: they are there before it leads to where they are needed.
        for (name, target) in &flat {
            let link = self.public.join(name);
            if link.read_link_utf8().ok().as_deref() != Some(Utf8Path::new(target)) {
                files::point(&link, target, &self.store.storage().temporary()?)?;
                self.note([self.public.clone()]);
            }
        }
        self.note([snapshot]);
        self.point_tags(publication)?;
        files::sync_all(self.changed.into_inner().unwrap_or_else(PoisonError::into_inner))?;
        publication.write(self.store, &self.repository)?;
        self.store.storage().append_line(&Store::log_key(), announcement)?;
        let temporary = self.public.join(".dists.new");
        files::point(&self.public.join("dists"), &format!("{PUBLICATIONS}/{id}/dists"), &temporary)?;
        for name in files::names_in(&self.public)?.into_iter().filter(|name| !flat.contains_key(name)) {
            let link = self.public.join(name);
            if link.read_link_utf8().is_ok_and(|target| leads_to_flat(&target)) {
                files::remove_if_present(&link)?;
            }
        }
        files::sync_path(&self.public)
    }
}

/// Continues `output` with a range of a file, and says whether that is all there and has this CRC32.
///
/// Where the file system can do that (XFS, btrfs), the beginning of a file is not copied: the new file shares the blocks of the
/// old one, which are then not read either.
fn take_over(source: &Utf8Path, range: &Range<u64>, crc32: u32, output: &mut File) -> std::io::Result<bool> {
    let mut input = File::open(source)?;
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

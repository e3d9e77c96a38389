//! The published tree on disk: everything is written aside, made durable, and shown by one rename.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use apt_index::{Part, ReleaseFile, Rendered, RenderedFile};
use apt_sign::{PublicKeys, Signed};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Sha256;
use jiff::Timestamp;
use sha2::Digest as _;

use super::directory::PublicDirectory;
use super::entry::{Rank, Source, TreeEntry};
use super::layout::{self, PUBLICATIONS, SNAPSHOTS};
use super::place::{Place, is_flat_link};
use super::public_keys::{PublishedKeys, is_key_link};
use super::publication::{Publication, PublishedIndex, PublishedSuite};
use crate::error::Error;
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::model::record::Record;
use crate::storage::beneath::{At, DirectoryHandle, StorePaths};
use crate::storage::files::mode;
use crate::storage::{Key, StorageError, files};
use crate::store::Store;

/// In pieces of so many bytes an index is copied.
const COPIED_AT_ONCE: u64 = 256 << 10;

/// Whether that file lies there, and nobody else can change it. One of which only the content is wrong passes.
pub(super) fn is_whole(paths: &StorePaths, at: &At<'_>, size: u64) -> Result<bool, Error> {
    let look = || match at.status_if_present()? {
        Some(found) => Ok(found.is_file() && found.size == size && paths.is_ours(&found)?),
        None => Ok(false),
    };
    look().map_err(Error::io("look at", &*at.full()))
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

/// Removes what is no publication from where publications lie, and returns the ids that are not free.
///
/// What a crash left half built has no record yet, and what others put there has none at all: neither says anything of the ids to
/// come. What clients see stays, should its record be lost.
fn clear_away(public: &PublicDirectory<'_>) -> Result<BTreeSet<PublicationId>, Error> {
    let PublicDirectory { store, repository, path, .. } = public;
    // A power cut may have left the one directory and not the other. Tags have links beside the archive roots.
    let mut names: BTreeSet<String> =
        files::names_in(public.at(&path.join(PUBLICATIONS)))?.into_iter().collect();
    let roots = files::names_in(public.at(&path.join(SNAPSHOTS)))?.into_iter();
    names.extend(roots.filter(|name| PublicationId::parse(name).is_some()));
    let shown = Publication::shown(&public.paths, path)?;
    let mut taken = BTreeSet::new();
    for name in &names {
        let id = PublicationId::parse(name);
        let record = Key::named("publications", &format!("{repository}/{name}"));
        if (id.is_some() && id == shown) || store.storage().objects().contains(&record)? {
            taken.extend(id);
            continue;
        }
        // What is called otherwise has no archive root: a link of that name is a tag's.
        let roots = if id.is_some() { &[SNAPSHOTS, PUBLICATIONS][..] } else { &[PUBLICATIONS] };
        for above in roots {
            match super::discard(&public.at(&path.join(above).join(name))) {
                // What belongs to another user may stay: no publication gets that id.
                Err(error) if is_denied(&error) => taken.extend(id),
                result => result?,
            }
        }
    }
    Ok(taken)
}

fn is_denied(error: &Error) -> bool {
    matches!(error, Error::Storage(StorageError::Io { source, .. }) if source.kind() == std::io::ErrorKind::PermissionDenied)
}

/// A signed file of a suite as the record has it; `None` when what lies there is another file, or nothing.
pub(super) fn signed_file(
    (paths, public): (&StorePaths, &Utf8Path),
    publication: &Publication,
    place: &Place,
    (name, expected): (&str, ReleaseFile),
) -> Result<Option<Vec<u8>>, Error> {
    let path = public.join(layout::suite_directory(publication.id, place)).join(name);
    if !is_whole(paths, &paths.place(&path), expected.size)? {
        return Ok(None);
    }
    let bytes = files::read_if_present(paths.place(&path))?;
    Ok(bytes.filter(|bytes| Sha256::of(bytes) == expected.sha256))
}

/// A publication that is being built.
pub(super) struct Tree<'a> {
    public: PublicDirectory<'a>,
    /// The directory of index files.
    by_hash: DirectoryHandle,
    id: PublicationId,
    /// Bytes that were hashed for it.
    hashed: AtomicU64,
    /// Published files that were read to see whether they are whole.
    checked: AtomicU64,
    /// Files of indices known to be what their names say: they were written for this publication, or read.
    whole: Mutex<BTreeSet<Sha256>>,
    /// Files of indices known not to be what their names say.
    broken: BTreeSet<Sha256>,
    /// Whether every file that is taken over is read first.
    checks_all: bool,
}

impl<'a> Tree<'a> {
    /// Starts a publication newer than `last`, the one that clients see. The caller holds the publishing lock.
    pub(super) fn new(
        store: &'a Store,
        repository: &RepositoryName,
        (now, last): (Timestamp, Option<PublicationId>),
    ) -> Result<Self, Error> {
        let public = PublicDirectory::new(store, repository);
        let (by_hash, changed) = public.at(&public.path.join(layout::INDICES)).make()?;
        public.note(changed);
        for directory in [PUBLICATIONS, SNAPSHOTS, layout::POOL] {
            public.note(files::create_directories(public.at(&public.path.join(directory)))?);
        }
        let taken = clear_away(&public)?;
        Ok(Self {
            public,
            by_hash,
            id: PublicationId::next(now, last, &taken),
            hashed: AtomicU64::new(0),
            checked: AtomicU64::new(0),
            whole: Mutex::default(),
            broken: BTreeSet::new(),
            checks_all: false,
        })
    }

    /// Files of indices that are not what their names say: nothing is made of them, and no index that has one is taken for whole.
    pub(super) fn distrust(&mut self, broken: BTreeSet<Sha256>) {
        self.broken = broken;
    }

    /// Reads each file to its end before it, or a part of it, is taken over.
    pub(super) fn check_all(&mut self) {
        self.checks_all = true;
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
        if !is_whole(&self.public.paths, at, size)? {
            return Ok(false);
        }
        if self.whole.lock().unwrap_or_else(PoisonError::into_inner).contains(digest) {
            return Ok(true);
        }
        self.count_checked(size);
        let is_sound = files::sha256(at.clone()).is_ok_and(|found| found == *digest);
        if is_sound {
            self.vouch(*digest);
        }
        Ok(is_sound)
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
        if is_broken || !holds(&self.public.paths, &self.by_hash, index)? {
            return Ok(false);
        }
        for (_, file) in index.files_at("").filter(|_| self.checks_all) {
            if !self.is_there(&self.by_hash(&file.sha256), file.size, &file.sha256)? {
                return Ok(false);
            }
        }
        Ok(true)
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
        self.public.path.join(layout::suite_directory(id, place))
    }

    /// Links the files of a package into the pool. Of a package whose files cannot be there, nothing is: no index lists it.
    pub(super) fn link_pool(&self, record: &Record) -> Result<(), Error> {
        if record.check_paths().is_err() {
            return Ok(());
        }
        for file in record.files()? {
            self.public.link_into_pool(record.key(), &file)?;
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
        self.write_named(bytes, &sha256)?;
        Ok(ReleaseFile { size: bytes.len() as u64, sha256 })
    }

    /// Writes a file of that digest.
    fn write_named(&self, bytes: &[u8], sha256: &Sha256) -> Result<(), Error> {
        let path = self.by_hash(sha256);
        let is_whole = is_whole(&self.public.paths, &path, bytes.len() as u64)?;
        if !is_whole || files::read(path.clone()).ok().as_deref() != Some(bytes) {
            let temporary = self.public.store.storage().temporary()?;
            files::write_new(&temporary, bytes, mode::IMMUTABLE)?;
            self.public.give_name(&temporary, &path)?;
        }
        self.public.note([path.full().into_owned(), self.public.path.join(layout::INDICES)]);
        Ok(())
    }

    /// Writes one file; `false` when what it was to be made from is damaged.
    fn write_by_hash(&self, file: &RenderedFile, previous: Option<&ReleaseFile>) -> Result<bool, Error> {
        let path = self.by_hash(&file.sha256());
        // It can be there already: after going back, or because somebody was killed before showing it. It was whole when it got that
        // name, and need not be by now.
        if self.is_there(&path, file.size(), &file.sha256())? {
            self.public.note([self.public.path.join(layout::INDICES)]);
            return Ok(true);
        }
        if let Some(previous) = previous.filter(|_| self.checks_all && takes_over(file)) {
            let source = self.by_hash(&previous.sha256);
            if !self.is_there(&source, previous.size, &previous.sha256)? {
                return Ok(false);
            }
        }
        let temporary = self.public.store.storage().temporary()?;
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
        self.public.give_name(&temporary, &path)?;
        self.vouch(file.sha256());
        self.public.note([self.public.path.join(layout::INDICES)]);
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
        self.public.directory(&directory)?;
        self.link_indices(&directory, indices)?;
        let made = self.public.directory(&directory)?;
        for (name, bytes) in
            [("Release", signed.text()), ("Release.gpg", signed.detached()), ("InRelease", signed.inline())]
        {
            let path = directory.join(name);
            // A check may look at any moment: a name there is of a file with its right mode and content.
            let temporary = self.public.store.storage().temporary()?;
            files::write_new(&temporary, bytes, mode::IMMUTABLE)?;
            files::set_modified(&temporary, self.id.seconds())?;
            self.public.give_name(&temporary, &made.at(name))?;
            self.public.note([path]);
        }
        self.public.note([directory]);
        Ok(())
    }

    /// Makes the names of the files of indices in the directory of a suite.
    fn link_indices(
        &self,
        directory: &Utf8Path,
        indices: &BTreeMap<String, PublishedIndex>,
    ) -> Result<(), Error> {
        let mut parents = BTreeSet::new();
        for (path, file) in indices.iter().flat_map(|(path, index)| index.files_at(path)) {
            self.public.link(self.by_hash(&file.sha256), &directory.join(&path))?;
            parents.extend(Utf8Path::new(&path).parent().map(Utf8Path::to_owned));
        }
        for parent in parents {
            let link = directory.join(&parent).join("by-hash");
            self.public.symlink(&layout::by_hash_link_target(&parent), &link)?;
        }
        Ok(())
    }

    /// Shows a suite as the publication `previous` has it. Everything but the signed files is made from its record: others may have put
    /// anything into its directory, or taken something away.
    pub(super) fn keep_suite(
        &self,
        place: &Place,
        (suite, previous): (&PublishedSuite, PublicationId),
    ) -> Result<(), Error> {
        let (from, to) = (self.suite_directory(previous, place), self.suite_directory(self.id, place));
        self.public.directory(&to)?;
        self.link_indices(&to, &suite.indices)?;
        for (name, _) in suite.signed.by_name() {
            self.public.link(self.public.at(&from.join(name)), &to.join(name))?;
        }
        self.public.note([to]);
        Ok(())
    }

    /// Writes the public keys of those that sign.
    pub(super) fn write_keys(&self, keys: &PublicKeys) -> Result<PublishedKeys, Error> {
        let published = PublishedKeys::of(keys);
        self.write_named(keys.armored.as_bytes(), &published.armored.sha256)?;
        self.write_named(&keys.binary, &published.binary.sha256)?;
        for (name, file) in published.by_name() {
            let path = self.public.path.join(layout::key(self.id, name));
            self.public.link(self.by_hash(&file.sha256), &path)?;
        }
        Ok(published)
    }

    /// Names the publication after the tags of its state.
    fn point_tags(&self, publication: &Publication) -> Result<(), Error> {
        let PublicDirectory { store, repository, .. } = &self.public;
        store.mend_tags(repository)?;
        for tag in store.tag_names(repository)? {
            // A damaged tag is for a check to tell.
            let Ok(Some(commit)) = store.tagged(repository, &tag) else { continue };
            if publication.commit == Some(commit) {
                store.point_tag(repository, &tag, publication.id)?;
            }
        }
        self.public.note([self.public.path.join(SNAPSHOTS)]);
        Ok(())
    }

    /// Makes the publication and its archive root durable, points the tags of its state to it, and announces it in the operation log.
    /// Clients do not see it under `dists`.
    pub(super) fn keep(&self, publication: &Publication, announcement: &str) -> Result<(), Error> {
        // A repository without suites still has a directory to point at.
        let dists = self.public.path.join(layout::dists_of(self.id));
        self.public.directory(&dists)?;
        for (alias, directory) in publication.aliases() {
            self.public.symlink(&directory, &dists.join(alias.as_str()))?;
        }
        self.public.note([dists]);
        let snapshot = self.public.path.join(layout::archive_root(self.id));
        self.public.directory(&snapshot)?;
        for TreeEntry { rank, path, source } in publication.entries() {
            if let (Rank::Archive, Source::Link { target }) = (rank, source) {
                self.public.symlink(&target, &self.public.path.join(path))?;
            }
        }
        self.public.note([snapshot]);
        self.point_tags(publication)?;
        self.public.sync()?;
        publication.write(self.public.store, &self.public.repository)?;
        Ok(self.public.store.storage().log().append(announcement)?)
    }

    /// Makes everything durable, announces it in the operation log, and switches clients over.
    pub(super) fn show(self, publication: &Publication, announcement: &str) -> Result<(), Error> {
        let root = publication.root_links();
        // Those of the root lead through `dists`: they are there before it leads to where they are needed.
        for (name, target) in &root {
            let link = self.public.path.join(name);
            let now = self.public.at(&link).read_link_if_present().map_err(Error::io("read", &link))?;
            if now.as_deref() != Some(Utf8Path::new(target)) {
                self.public.point(&link, target)?;
            }
        }
        self.keep(publication, announcement)?;
        let dists = TreeEntry::of_dists(self.id);
        if let Source::Link { target } = &dists.source {
            self.public.point(&self.public.path.join(&dists.path), target)?;
        }
        let names = files::names_in(self.public.at(&self.public.path))?;
        for name in names.into_iter().filter(|name| !root.contains_key(name)) {
            let link = self.public.path.join(&name);
            let target = self.public.at(&link).read_link_if_present().map_err(Error::io("read", &link))?;
            if target.is_some_and(|target| is_flat_link(&name, &target) || is_key_link(&name, &target)) {
                files::remove_if_present(self.public.at(&link))?;
            }
        }
        self.public.sync()
    }
}

/// Whether a part of the file is taken from the one before.
fn takes_over(file: &RenderedFile) -> bool {
    file.parts().iter().any(|part| matches!(part, Part::Previous { .. }))
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

//! A publication in the making: everything is put aside, made durable, and shown by switching one link.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use apt_index::index::{Part, Rendered, RenderedFile};
use apt_index::release::ReleaseFile;
use apt_sign::{PublicKeys, Signed};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Sha256;
use jiff::Timestamp;

use super::entry::{File, Source, TreeEntry};
use super::layout;
use super::place::{Place, is_flat_link};
use super::public_keys::{PublishedKeys, is_key_link};
use super::publication::{Publication, PublishedIndex, PublishedSuite, SignedFiles};
use super::target::{IndexContent, PublicationTarget};
use crate::error::Error;
use crate::history::announced::Announced;
use crate::history::tags::tag_names;
use crate::history::tags::tagged;
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::model::record::Record;
use crate::publish::tagged::mend_tags;
use crate::storage::StorageError;
use crate::store::Store;

/// Removes what is no publication from where publications lie, and returns the ids that are not free.
///
/// What a crash left half built has no record yet, and what others put there has none at all: neither says anything of the ids to
/// come. What clients see stays, should its record be lost.
fn clear_away(
    store: &Store,
    repository: &RepositoryName,
    target: &dyn PublicationTarget,
) -> Result<BTreeSet<PublicationId>, Error> {
    // A power cut may have left the one directory and not the other. Tags have links beside the archive roots.
    let mut names: BTreeSet<String> = target.list(layout::PUBLICATIONS.into())?.into_iter().collect();
    let roots = target.list(layout::SNAPSHOTS.into())?.into_iter();
    names.extend(roots.filter(|name| PublicationId::parse(name).is_some()));
    let shown = Publication::shown(target)?;
    // Read at once: many are kept, and a look at each would cost more than the publication.
    let recorded = Publication::recorded(store, repository)?;
    let (mut taken, mut announced) = (BTreeSet::new(), None);
    for name in &names {
        let id = PublicationId::parse(name);
        if id.is_some_and(|id| Some(id) == shown || recorded.contains(&id)) {
            taken.extend(id);
            continue;
        }
        // One that lost its record may be what clients have.
        if let Some(id) = id
            && target.exists(&layout::publication(id))?
        {
            let told = match &announced {
                Some(told) => told,
                None => announced.insert(Announced::read(store)?),
            };
            let is_logged = shown.is_none_or(|shown| told.tells_of(repository, shown));
            if !is_logged || told.tells_of(repository, id) {
                taken.insert(id);
                continue;
            }
        }
        // What is called otherwise has no archive root: a link of that name is a tag's.
        let roots = if id.is_some() {
            &[layout::SNAPSHOTS, layout::PUBLICATIONS][..]
        } else {
            &[layout::PUBLICATIONS]
        };
        for above in roots {
            match target.remove_tree(&Utf8Path::new(above).join(name)) {
                // What belongs to another user may stay: no publication gets that id.
                Err(error) if is_denied(&error) => taken.extend(id),
                result => result?,
            }
        }
    }
    Ok(taken)
}

/// Returns whether an operation was refused because something belongs to another user.
fn is_denied(error: &Error) -> bool {
    matches!(error, Error::Storage(StorageError::Io { source, .. }) if source.kind() == std::io::ErrorKind::PermissionDenied)
}

/// Returns a signed file of a suite as the record has it; `None` when another file lies there, or nothing.
pub(super) fn signed_file(
    target: &dyn PublicationTarget,
    publication: &Publication,
    place: &Place,
    (name, expected): (&str, ReleaseFile),
) -> Result<Option<Vec<u8>>, Error> {
    let path = layout::suite_directory(publication.id, place).join(name);
    if !target.has(&path, expected.size)? {
        return Ok(None);
    }
    let Some(file) = target.open(&path)? else { return Ok(None) };
    let bytes = file.read().map_err(Error::io("read", &path))?;
    Ok(Some(bytes).filter(|bytes| Sha256::of(bytes) == expected.sha256))
}

/// Where the signed files of a suite come from.
pub(super) enum Signatures {
    /// They were made for this publication.
    New(Signed),
    /// They are those of an earlier publication.
    Of(PublicationId),
}

/// A signed file of a suite.
enum SignedFile<'a> {
    Bytes(&'a [u8]),
    At(Utf8PathBuf),
}

impl Signatures {
    fn by_name(&self, place: &Place) -> [(&'static str, SignedFile<'_>); 3] {
        match self {
            Self::New(signed) => {
                let [in_release, release, release_gpg] = SignedFiles::NAMES;
                [
                    (in_release, SignedFile::Bytes(signed.inline())),
                    (release, SignedFile::Bytes(signed.text())),
                    (release_gpg, SignedFile::Bytes(signed.detached())),
                ]
            }
            Self::Of(id) => {
                let directory = layout::suite_directory(*id, place);
                SignedFiles::NAMES.map(|name| (name, SignedFile::At(directory.join(name))))
            }
        }
    }
}

/// A publication that is being built.
pub(super) struct Draft<'a> {
    store: &'a Store,
    repository: &'a RepositoryName,
    target: &'a dyn PublicationTarget,
    id: PublicationId,
    /// Bytes that were hashed for it.
    hashed: AtomicU64,
    /// Indices that were rendered.
    rendered: AtomicU64,
    /// Pieces of files that were compressed.
    compressed: AtomicU64,
    /// Published files that were read to see whether they are whole.
    checked: AtomicU64,
    /// Files of indices known to be what their names say: they were written for this publication, or read.
    whole: Mutex<BTreeSet<Sha256>>,
    /// Files of indices known not to be what their names say.
    broken: BTreeSet<Sha256>,
    /// Whether every file that is taken over is read first.
    checks_all: bool,
}

impl<'a> Draft<'a> {
    /// Starts a publication newer than `last`, the one that clients see. The caller holds the publishing lock.
    pub(super) fn new(
        (store, repository): (&'a Store, &'a RepositoryName),
        target: &'a dyn PublicationTarget,
        (now, last): (Timestamp, Option<PublicationId>),
    ) -> Result<Self, Error> {
        target.begin()?;
        let taken = clear_away(store, repository, target)?;
        Ok(Self {
            store,
            repository,
            target,
            id: PublicationId::next(now, last, &taken),
            hashed: AtomicU64::new(0),
            rendered: AtomicU64::new(0),
            compressed: AtomicU64::new(0),
            checked: AtomicU64::new(0),
            whole: Mutex::default(),
            broken: BTreeSet::new(),
            checks_all: false,
        })
    }

    /// Takes note of files of indices that are not what their names say: nothing is made of them, and no index that has one is taken
    /// for whole.
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

    /// Returns how many bytes of published files were read and found to be what they were.
    pub(super) fn checked(&self) -> u64 {
        self.checked.load(Ordering::Relaxed)
    }

    /// Returns whether a file of an index was found not to be what its name says.
    pub(super) fn is_broken(&self, digest: &Sha256) -> bool {
        self.broken.contains(digest)
    }

    /// Returns whether the file of that size and digest is there. It is read to its end, unless this publication wrote it: a
    /// publication vouches for what it shows.
    fn is_there(&self, path: &Utf8Path, size: u64, digest: &Sha256) -> Result<bool, Error> {
        if !self.target.has(path, size)? {
            return Ok(false);
        }
        if self.whole.lock().unwrap_or_else(PoisonError::into_inner).contains(digest) {
            return Ok(true);
        }
        self.count_checked(size);
        let file = self.target.open(path).ok().flatten();
        let is_sound = file.and_then(|file| file.sha256().ok()).is_some_and(|found| found == *digest);
        if is_sound {
            self.vouch(*digest);
        }
        Ok(is_sound)
    }

    fn vouch(&self, digest: Sha256) {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
    }

    /// Returns the id of the publication.
    pub(super) fn id(&self) -> PublicationId {
        self.id
    }

    /// Returns where the publication goes.
    pub(super) fn target(&self) -> &'a dyn PublicationTarget {
        self.target
    }

    /// Returns of how many bytes of indices and of what lies beside them SHA-256 was computed so far.
    pub(super) fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::Relaxed)
    }

    /// Returns how many indices were rendered so far, as a whole or from the one before.
    pub(super) fn rendered(&self) -> u64 {
        self.rendered.load(Ordering::Relaxed)
    }

    /// Returns how many pieces of indices were compressed so far.
    pub(super) fn compressed(&self) -> u64 {
        self.compressed.load(Ordering::Relaxed)
    }

    /// Makes the files of an index that a repository of the store has published those of an index of this publication. Returns whether
    /// they are all here: each is read to its end, and none with another content is used.
    pub(super) fn take_over(&self, index: &PublishedIndex, from: &RepositoryName) -> Result<bool, Error> {
        for file in index.files.values() {
            let path = layout::index(&file.sha256);
            if self.is_broken(&file.sha256) {
                return Ok(false);
            }
            let is_new = from != self.repository && self.target.take_index(&path, from)?;
            if !self.is_there(&path, file.size, &file.sha256)? {
                if is_new {
                    self.target.remove(&path)?;
                }
                return Ok(false);
            }
            self.target.keep(&path);
            self.target.keep(layout::INDICES.into());
        }
        Ok(true)
    }

    /// Returns whether all files of an index are there. A file with the wrong content passes unless that was noticed: to find these, and
    /// to put them aside, is for a check. When [all are checked](Self::check_all), each file is read.
    pub(super) fn holds(&self, index: &PublishedIndex) -> Result<bool, Error> {
        for (_, file) in index.files_at("") {
            if self.is_broken(&file.sha256) || !self.target.has(&layout::index(&file.sha256), file.size)? {
                return Ok(false);
            }
        }
        for (_, file) in index.files_at("").filter(|_| self.checks_all) {
            if !self.is_there(&layout::index(&file.sha256), file.size, &file.sha256)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns whether all files of all indices of a suite are there; of one that clients never saw, there are none.
    pub(super) fn holds_all(&self, suite: Option<&PublishedSuite>) -> Result<bool, Error> {
        for index in suite.iter().flat_map(|suite| suite.indices.values()) {
            if !self.holds(index)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Puts the files of a package into the pool. Of a package whose files cannot be there, nothing is: no index lists it.
    pub(super) fn put_pool(&self, record: &Record) -> Result<(), Error> {
        for TreeEntry { path, source, .. } in TreeEntry::of_record(record)? {
            if let Source::Blob { blob, size } = source {
                self.target.put_pool(record.key(), &path, (blob, size))?;
            }
        }
        Ok(())
    }

    /// Puts the files of an index under the names of their digests. `previous` is the index it was made from; `None` comes
    /// back when a file of that one is damaged.
    pub(super) fn put_index(
        &self,
        rendered: Rendered,
        previous: Option<&PublishedIndex>,
    ) -> Result<Option<PublishedIndex>, Error> {
        self.hashed.fetch_add(rendered.hashed(), Ordering::Relaxed);
        self.rendered.fetch_add(1, Ordering::Relaxed);
        self.compressed.fetch_add(rendered.compressed(), Ordering::Relaxed);
        let mut files = BTreeMap::new();
        for file in rendered.files() {
            let before = previous.and_then(|previous| previous.files.get(&file.encoding()));
            if !self.put_rendered(file, before)? {
                return Ok(None);
            }
            files.insert(file.encoding(), ReleaseFile { size: file.size(), sha256: file.sha256() });
        }
        let (size, sha256) = rendered.plain();
        Ok(Some(PublishedIndex {
            plain: ReleaseFile { size, sha256 },
            files,
            layout: rendered.into_layout(),
            made_from: None,
            diff: None,
        }))
    }

    /// Puts one file of an index; `false` when what it was to be made from is damaged.
    fn put_rendered(&self, file: &RenderedFile, previous: Option<&ReleaseFile>) -> Result<bool, Error> {
        let (size, sha256) = (file.size(), file.sha256());
        let path = layout::index(&sha256);
        // It can be there already: after going back, or because somebody was killed before showing it. It was whole when it got that
        // name, and need not be by now.
        if self.is_there(&path, size, &sha256)? {
            // A rendered file is durable before it gets its name.
            self.target.keep(layout::INDICES.into());
        } else {
            if let Some(previous) = previous.filter(|_| self.checks_all && takes_over(file)) {
                let source = layout::index(&previous.sha256);
                if !self.is_there(&source, previous.size, &previous.sha256)? {
                    return Ok(false);
                }
            }
            let previous = previous.map(|previous| previous.sha256);
            if !self.target.put_index(&File { size, sha256 }, IndexContent::Rendered { file, previous })? {
                return Ok(false);
            }
        }
        self.vouch(sha256);
        Ok(true)
    }

    /// Puts a small file under the name of its digest.
    pub(super) fn put_small(&self, bytes: &[u8]) -> Result<ReleaseFile, Error> {
        let file = ReleaseFile { size: bytes.len() as u64, sha256: Sha256::of(bytes) };
        self.hashed.fetch_add(file.size, Ordering::Relaxed);
        self.put_bytes(bytes, file.into())?;
        Ok(file)
    }

    /// Puts a file of that digest.
    fn put_bytes(&self, bytes: &[u8], file: File) -> Result<(), Error> {
        let path = layout::index(&file.sha256);
        if self.target.has(&path, file.size)?
            && let Some(found) = self.target.open(&path).ok().flatten()
            && found.read().is_ok_and(|found| found == bytes)
        {
            self.target.keep(&path);
            self.target.keep(layout::INDICES.into());
            return Ok(());
        }
        self.target.put_index(&file, IndexContent::Bytes(bytes)).map(drop)
    }

    /// Puts the public keys of those that sign.
    pub(super) fn put_keys(&self, keys: &PublicKeys) -> Result<PublishedKeys, Error> {
        let published = PublishedKeys::of(keys);
        self.put_bytes(keys.armored.as_bytes(), published.armored.into())?;
        self.put_bytes(&keys.binary, published.binary.into())?;
        Ok(published)
    }

    /// Puts everything that has a name of its own in this publication, in the order of ranks. Package and index files were put while the
    /// indices were rendered. Everything but the signed files is made from the record, for suites that did not change as well: others
    /// may have put anything into their directories, or taken something away.
    fn put_entries(
        &self,
        publication: &Publication,
        signatures: &BTreeMap<Place, Signatures>,
    ) -> Result<(), Error> {
        let mut signed = BTreeMap::new();
        for (place, signatures) in signatures {
            for (name, source) in signatures.by_name(place) {
                signed.insert(layout::suite_directory(self.id, place).join(name), source);
            }
        }
        // A repository without suites still has a directory to point at.
        self.target.make_directory(&layout::dists_of(self.id))?;
        for TreeEntry { path, source, .. } in publication.entries() {
            match source {
                Source::Blob { .. } | Source::Index(_) => {}
                Source::Name { of, .. } => self.target.put_name(&path, &of)?,
                Source::Link { target } => self.target.put_link(&path, &target)?,
                Source::Signed { .. } => match signed.remove(&path) {
                    Some(SignedFile::Bytes(bytes)) => {
                        self.target.put_signed(&path, bytes, self.id.seconds())?;
                    }
                    Some(SignedFile::At(of)) => self.target.put_name(&path, &of)?,
                    None => return Err(Error::damaged("signature", &path, "it was not made")),
                },
            }
        }
        Ok(())
    }

    /// Names the publication after the tags of its state.
    fn point_tags(&self, publication: &Publication) -> Result<(), Error> {
        mend_tags(self.store, self.target, self.repository)?;
        for tag in tag_names(self.store.storage(), self.repository)? {
            // A damaged tag is for a check to tell.
            let Ok(Some(commit)) = tagged(self.store.storage(), self.repository, &tag) else { continue };
            if publication.commit == Some(commit) {
                self.target.switch_to(&TreeEntry::of_tag(&tag, publication.id))?;
            }
        }
        Ok(())
    }

    /// Makes the publication and its archive root durable, points the tags of its state to it, and announces it in the operation log.
    /// Clients do not see it under `dists`.
    pub(super) fn keep(
        &self,
        publication: &Publication,
        signatures: &BTreeMap<Place, Signatures>,
        announcement: &str,
    ) -> Result<(), Error> {
        self.put_entries(publication, signatures)?;
        self.point_tags(publication)?;
        self.target.sync()?;
        publication.write(self.store, self.repository)?;
        Ok(self.store.storage().log().append(announcement)?)
    }

    /// Makes everything durable, announces it in the operation log, and switches clients over.
    pub(super) fn show(
        self,
        publication: &Publication,
        signatures: &BTreeMap<Place, Signatures>,
        announcement: &str,
    ) -> Result<(), Error> {
        let root = publication.root_entries();
        // These lead through `dists`: they are there before it leads to where they are needed.
        for entry in &root {
            if !self.target.shows(entry)? {
                self.target.switch_to(entry)?;
            }
        }
        self.keep(publication, signatures, announcement)?;
        self.target.switch_to(&TreeEntry::of_dists(publication.id))?;
        let stays = |name: &str| root.iter().any(|entry| entry.path == name);
        for name in self.target.list("".into())?.into_iter().filter(|name| !stays(name)) {
            let target = self.target.leads_to(name.as_str().into())?;
            if target.is_some_and(|target| is_flat_link(&name, &target) || is_key_link(&name, &target)) {
                self.target.remove(name.as_str().into())?;
            }
        }
        self.target.sync()
    }
}

/// Returns whether a part of the file is taken from the one before.
fn takes_over(file: &RenderedFile) -> bool {
    file.parts().iter().any(|part| matches!(part, Part::Previous { .. }))
}

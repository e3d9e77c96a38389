//! Which files a backup holds, and the references as they stood at one moment.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Blake3;

use super::{INCOMPLETE, NamedFile, NamedFileKind};
use crate::document::{self, Area};
use crate::error::Error;
use crate::history::horizon::Ends;
use crate::history::lost::is_reference_lost;
use crate::intent::Intent;
use crate::model::id::CommitId;
use crate::model::name::{RepositoryName, TagName};
use crate::model::publication_id::PublicationId;
use crate::publish::{Publication, Source, layout};
use crate::storage::beneath::{self, PathFault, StorePaths};
use crate::storage::copy::Digest;
use crate::storage::{StorageError, files};
use crate::store::Store;

/// Areas of `store/` with small files that refer to others and change, in the order in which they are read: a change of several repositories
/// that the references show in part is among the intents, which were there before.
pub(super) fn mutable_areas() -> impl Iterator<Item = Utf8PathBuf> {
    let documents = Area::ALL.into_iter().filter(|area| area.is_saved()).map(Area::as_str);
    let (first, documents): (Vec<_>, Vec<_>) = documents.partition(|area| *area == Area::Intents.as_str());
    first.into_iter().chain(["refs", "tags"]).chain(documents).map(|area| Utf8Path::new("store").join(area))
}

/// All paths are from the root.
pub(super) struct Plan {
    /// Files that a digest names. An object's name is the digest of its text, so it is known by its seal.
    pub(super) named: Vec<Original>,
    /// What the administrator wrote, and the keys.
    pub(super) plain: Vec<Utf8PathBuf>,
    pub(super) publications: Vec<PublishedFiles>,
    /// References, the operation log and the format, with their content.
    pub(super) captured: Vec<(Utf8PathBuf, Vec<u8>)>,
    /// What `dists` of each repository leads to.
    pub(super) links: Vec<(Utf8PathBuf, Utf8PathBuf)>,
    /// The repositories of the store whose reference existed and has no file now.
    pub(super) lost: BTreeSet<RepositoryName>,
    /// Records of publications that are not what was written.
    pub(super) damaged: Vec<Utf8PathBuf>,
}

/// A file that a digest names.
pub(super) struct Original {
    pub(super) path: Utf8PathBuf,
    pub(super) digest: Digest,
    pub(super) size: u64,
}

/// A publication, and the files that cannot be made again from its record.
pub(super) struct PublishedFiles {
    pub(super) repository: RepositoryName,
    pub(super) id: PublicationId,
    pub(super) record: (Utf8PathBuf, Vec<u8>),
    pub(super) files: Vec<Original>,
}

impl Plan {
    /// Of a store that others may be changing.
    pub(super) fn of(store: &Store) -> Result<Self, Error> {
        Self::make(&store.paths(), store.root(), Some(store))
    }

    /// Of a backup, which may lie on a medium that cannot be written.
    ///
    /// # Errors
    /// [`StorageError::UnsafePath`] when something in its store is a link or no regular file.
    pub(super) fn of_backup(root: &Utf8Path) -> Result<Self, Error> {
        Self::make(&StorePaths::of_backup(root), root, None)
    }

    /// Leaves out what the configuration names as something that no backup may hold, such as the key of the server.
    pub(super) fn leave_out(&mut self, root: &Utf8Path, named: &[NamedFile]) {
        let is_secret = |path: &Utf8PathBuf| {
            let names_it = |file: &NamedFile| root.join(&file.path) == root.join(path);
            named.iter().any(|file| file.kind == NamedFileKind::NamedOnly && names_it(file))
        };
        self.plain.retain(|path| !is_secret(path));
    }

    /// The commits that the captured references and intents name, with the number of the oldest one before them that is kept.
    pub(super) fn heads(&self) -> Vec<(CommitId, Option<u64>)> {
        let content = |wanted: &Utf8Path| {
            let found = self.captured.iter().find(|(path, _)| path == wanted);
            found.map(|(_, bytes)| bytes.as_slice()).unwrap_or_default()
        };
        let of_reference = |(path, bytes): &(Utf8PathBuf, Vec<u8>)| {
            let id = std::str::from_utf8(bytes).ok()?.trim().parse().ok()?;
            if path.starts_with("store/tags") {
                return Some((id, Some(u64::MAX)));
            }
            let name = path.strip_prefix("store/refs").ok()?;
            Some((id, document::parse::<Ends>(content(&Utf8Path::new("store/history").join(name)))?.oldest()))
        };
        let intents = self.captured.iter().filter(|(path, _)| Area::of(path) == Some(Area::Intents));
        let intents = intents.filter_map(|(_, bytes)| document::parse::<Intent>(bytes));
        // The states before are those of the reference, where there is one.
        let to_come = intents.flat_map(|intent| intent.changes);
        let to_come = to_come.flat_map(|change| {
            let oldest = change.before.map(|_| u64::MAX);
            change.commits().map(move |commit| (commit, oldest))
        });
        self.captured.iter().filter_map(of_reference).chain(to_come).collect()
    }

    /// The tags among the captured references.
    pub(super) fn tags(&self) -> impl Iterator<Item = (RepositoryName, TagName, CommitId)> {
        self.captured.iter().filter_map(|(path, bytes)| {
            let mut names = path.strip_prefix("store/tags").ok()?.iter();
            let repository = RepositoryName::parse(names.next()?).ok()?;
            let tag = TagName::parse(names.next()?).ok()?;
            Some((repository, tag, std::str::from_utf8(bytes).ok()?.trim().parse().ok()?))
        })
    }

    /// `changing` is the store, if this is one that others may be changing.
    fn make(paths: &StorePaths, root: &Utf8Path, changing: Option<&Store>) -> Result<Self, Error> {
        let mut captured = Vec::new();
        let mut links = Vec::new();
        let mut records = Vec::new();
        let mut lost = BTreeSet::new();
        {
            // Nothing is announced while this is held. A publication is recorded after the commit it shows, so it is read
            // before the references; these never are ahead of the log.
            let _lock = changing.map(|store| store.storage().log().hold()).transpose()?;
            for name in files::names_in(paths.at("public"))? {
                let Ok(repository) = RepositoryName::parse(&name) else { continue };
                // A file beside the repositories, such as a key, is none of ours.
                let at = paths.at(Utf8Path::new("public").join(&name));
                if at
                    .status_if_present()
                    .map_err(Error::io("look at", &*at.full()))?
                    .is_some_and(|found| found.is_file())
                {
                    continue;
                }
                let dists = Utf8Path::new("public").join(&name).join(layout::DISTS);
                let target = paths.at(&dists).read_link_if_present();
                let target = target.map_err(Error::io("read", root.join(&dists)))?;
                links.extend(target.map(|target| (dists, target)));
                let area = Utf8Path::new("store/publications").join(&name);
                let ids = files::names_in(paths.at(area))?;
                records.extend(
                    ids.iter().filter_map(|id| PublicationId::parse(id)).map(|id| (repository.clone(), id)),
                );
            }
            for area in mutable_areas() {
                for path in files_below(paths, &area)? {
                    captured.extend(files::read_if_present(paths.at(&path))?.map(|bytes| (path, bytes)));
                }
            }
            if let Some(store) = changing {
                lost = lost_references(store, &captured)?;
            }
            for path in ["store/ops/log", "store/format"] {
                captured.extend(files::read_if_present(paths.at(path))?.map(|bytes| (path.into(), bytes)));
            }
        }
        let (mut publications, mut damaged) = (Vec::new(), Vec::new());
        for (repository, id) in records {
            let key = Publication::key(&repository, id);
            let record = Utf8Path::new("store").join(key.as_str());
            let Some(bytes) = files::read_if_present(paths.at(&record))? else { continue };
            // A damaged record has nothing to tell; what it recorded is rendered again by the next publication.
            let Some(publication) = Publication::parse(&bytes) else {
                damaged.push(record);
                continue;
            };
            let public = Utf8Path::new("public").join(repository.as_str());
            let mut of_publication = Vec::new();
            for expected in publication.entries() {
                if let Source::Index(file) | Source::Signed { file, .. } = expected.source {
                    let (path, digest) = (public.join(expected.path), Digest::Sha256(file.sha256));
                    of_publication.push(Original { path, digest, size: file.size });
                }
            }
            publications.push(PublishedFiles {
                repository,
                id,
                record: (record, bytes),
                files: of_publication,
            });
        }
        let known: BTreeSet<Utf8PathBuf> =
            publications.iter().map(|publication| publication.record.0.clone()).collect();
        links.retain(|(path, target)| leads_to_known(path, target, &known));

        let mut named = Vec::new();
        for area in ["store/objects", "store/blobs"] {
            for (path, size) in sizes_below(paths, Utf8Path::new(area))? {
                let digits = path.as_str().trim_start_matches(area).replace('/', "");
                let Ok(id) = digits.parse::<Blake3>() else { continue };
                let digest = if area == "store/blobs" { Digest::Blake3(id) } else { Digest::Sealed(id) };
                named.push(Original { path, digest, size });
            }
        }
        let plain = if changing.is_some() { of_administrator(root)? } else { beside_the_store(paths)? };
        Ok(Self { named, plain, publications, captured, links, lost, damaged })
    }
}

/// The repositories whose reference existed and was not captured: it is gone, or something else than a file lies there.
fn lost_references(
    store: &Store,
    captured: &[(Utf8PathBuf, Vec<u8>)],
) -> Result<BTreeSet<RepositoryName>, Error> {
    let mut known = store.repositories()?;
    known.extend(store.operations()?.into_iter().map(|entry| entry.repository));
    let names = files::names_in(&store.root().join("store/refs"))?;
    known.extend(names.iter().filter_map(|name| RepositoryName::parse(name).ok()));
    let mut lost = BTreeSet::new();
    for repository in known {
        let path = reference_of(&repository);
        if captured.iter().any(|(captured, _)| *captured == path) {
            continue;
        }
        // A file that came since it was looked for is that of a repository that was new.
        if is_reference_lost(store, &repository)?
            && !files::metadata_of_itself(&store.root().join(&path)).is_ok_and(|found| found.is_file())
        {
            lost.insert(repository);
        }
    }
    Ok(lost)
}

/// Where the reference of a repository is, from the root.
pub(super) fn reference_of(repository: &RepositoryName) -> Utf8PathBuf {
    Utf8Path::new("store").join(Store::ref_key(repository).as_str())
}

/// How the files of keys end that sign, and of those that were set aside.
const KEY_FILES: [&str; 2] = ["asc", "retired"];

/// The files that the administrator wrote into a root, and the keys, by their paths from the root.
fn of_administrator(root: &Utf8Path) -> Result<Vec<Utf8PathBuf>, Error> {
    let mut found = Vec::new();
    for area in ["", "repo.d", "keys"] {
        for name in files::names_in(&root.join(area))? {
            let path = Utf8Path::new(area).join(name);
            let is_file =
                files::metadata_of_itself(&root.join(&path)).is_ok_and(|metadata| metadata.is_file());
            // What stands in the place of a key is named by the copy: no key is left out without a word.
            let is_key = area == "keys" && path.extension().is_some_and(|end| KEY_FILES.contains(&end));
            if is_file || is_key {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// Every file of a backup but those of `store` and `public`, whatever the configuration named when it was made. What is no regular file is
/// named when it is copied.
fn beside_the_store(paths: &StorePaths) -> Result<Vec<Utf8PathBuf>, Error> {
    let mut found = Vec::new();
    for name in files::names_in(paths.at(""))? {
        if ["store", "public", INCOMPLETE].contains(&name.as_str()) {
            continue;
        }
        let at = paths.at(&name);
        let status = at.status().map_err(Error::io("look at", &*at.full()))?;
        if status.is_directory() {
            let below = beneath::files_below(&at)?.into_iter();
            found
                .extend(below.filter_map(|(path, _)| Some(path.strip_prefix(paths.root()).ok()?.to_owned())));
        } else {
            found.push(Utf8PathBuf::from(name));
        }
    }
    Ok(found)
}

/// Whether the record of the publication that a `dists` leads to is among those.
fn leads_to_known(dists: &Utf8Path, target: &Utf8Path, known: &BTreeSet<Utf8PathBuf>) -> bool {
    let repository = dists.parent().and_then(Utf8Path::file_name).unwrap_or_default();
    layout::id_of_dists(target).is_some_and(|id| {
        known.contains(&Utf8Path::new("store/publications").join(repository).join(id.to_string()))
    })
}

/// Every regular file below a directory that may not exist, by its path from the root. In a backup, others may have put links and
/// pipes there: these are refused by name.
pub(super) fn files_below(paths: &StorePaths, directory: &Utf8Path) -> Result<Vec<Utf8PathBuf>, Error> {
    Ok(sizes_below(paths, directory)?.into_iter().map(|(path, _)| path).collect())
}

/// The same, with their sizes.
fn sizes_below(paths: &StorePaths, directory: &Utf8Path) -> Result<Vec<(Utf8PathBuf, u64)>, Error> {
    let mut found = Vec::new();
    let at = paths.at(directory);
    // What a link leads to is not below: in a backup it would be removed as something that the store no longer has.
    let status = at.status_if_present().map_err(Error::io("look at", &*at.full()))?;
    if !paths.is_backup() && status.is_some_and(|status| status.is_link()) {
        return Ok(found);
    }
    for (path, status) in beneath::files_below(&at)? {
        if status.is_file() {
            found.extend(path.strip_prefix(paths.root()).map(|path| (path.to_owned(), status.size)));
        } else if paths.is_backup() {
            let fault = if status.is_link() { PathFault::SymbolicLink } else { PathFault::NotAFile };
            return Err(StorageError::UnsafePath { path, fault }.into());
        }
    }
    Ok(found)
}

//! Putting right what a check found: from what the store has twice, and from true copies elsewhere.
//!
//! Nothing is overwritten: a damaged file is moved to `store/damaged/`. A pool file is a hard link to its blob, shares its
//! bytes and so its damage; when a blob is replaced its names in the pools are too.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::{Blake3, Sha256};

use super::contents::{blake3_of, sha256_of};
use super::inventory::Found;
use super::last_seen::LastSeen;
use super::published::Remedy;
use super::remote::{Unhelpful, names_for_clients};
use super::sources::{self, CopySource, Sources};
use super::withdrawal::Withdrawn;
use super::{Finding, Findings, Fix, FsckOptions, FsckReport, Problem, ProblemKind};
use crate::access::tokens::Tokens;
use crate::context::Context;
use crate::document::{self, Area, Kept};
use crate::error::Error;
use crate::history::horizon::{End, Ends};
use crate::history::keyring_versions::KeyringVersions;
use crate::intent::Intent;
use crate::maintenance::fsck::examine;
use crate::maintenance::fsck::linked_directories;
use crate::maintenance::fsck::republish::publish_lost;
use crate::maintenance::fsck::withdrawal::{withdraw, withdraw_damaged};
use crate::maintenance::upkeep::Upkeep;
use crate::manifest::keep::make_manifest;
use crate::model::commit::Commit;
use crate::model::id::{BlobId, CommitId};
use crate::model::name::{RepositoryName, TagName};
use crate::model::objects::AREA;
use crate::model::publication_id::PublicationId;
use crate::progress::Phase;
use crate::publish::aside::{move_aside, point};
use crate::publish::tagged::mend_tags;
use crate::publish::{DirectoryTarget, File, MakeAgain, Publication, Source, TreeEntry, layout};
use crate::storage::beneath::{At, StorePaths, files_below};
use crate::storage::copy::{Digest, copy};
use crate::storage::files::mode;
use crate::storage::obstacle::Obstacle;
use crate::storage::permissions::Permission;
use crate::storage::{COLLECTION, Key, StorageError, files, sealed};
use crate::store::Store;

/// What a repair did.
#[derive(Clone, Debug, Default)]
pub struct RepairReport {
    /// What was put right, in the order in which it was.
    pub repaired: Vec<Problem>,
    /// The publications that clients no longer see and that were withdrawn, because a part of them is damaged and cannot be made again.
    pub withdrawn: Vec<Withdrawn>,
    /// The state after it: what is left needs a true copy or a person.
    pub remaining: FsckReport,
    /// Places that could not give what was hoped for, each with the first reason.
    pub unhelpful: Vec<Unhelpful>,
}

/// See [`Store::repair`].
pub(crate) fn repair(
    store: &Store,
    options: &FsckOptions<'_>,
    sources: &[CopySource<'_>],
    context: &Context,
) -> Result<RepairReport, Error> {
    let linked = linked_directories(store, options)?;
    if !linked.is_empty() {
        let remaining = FsckReport { problems: linked, ..FsckReport::default() };
        return Ok(RepairReport { remaining, ..RepairReport::default() });
    }
    // What garbage collection takes away meanwhile would be taken for damage.
    let directory = store.storage().directory()?;
    // Nobody holds a lock there.
    let locks = store.root().join("store/locks");
    if Obstacle::at(&locks).is_some() {
        let changed = move_aside(store.root(), &store.paths(), &locks)?;
        store.paths().sync_all(changed)?;
    }
    let _no_collection = directory.lock(COLLECTION)?;
    let mut report = RepairReport::default();
    let mut sources = Sources::new(store, sources);
    let mut seen = BTreeSet::new();
    let mut forged = BTreeSet::new();
    let mut left_out = Vec::new();
    let mut published = BTreeSet::new();
    loop {
        let found = examine(store, options, context)?;
        let paths = store.paths();
        let mut repair = Repair {
            store,
            paths: &paths,
            found: &found,
            sources: &mut sources,
            options,
            forged: &mut forged,
            left_out: &mut left_out,
            now: context.now,
            changed: Vec::new(),
        };
        context.progress.check(Phase::Checking)?;
        let repaired = repair.run()?;
        paths.sync_all(repair.changed)?;
        // What was put right may lead to more that is missing: a commit to its snapshots, these to pages, chunks and files.
        // What lay in the place of a file hid what else is wrong there.
        let was_hidden = |problem: &Problem| {
            let of = |finding: &&Finding| finding.problem.path == problem.path;
            found.findings.iter().find(of).is_some_and(|finding| matches!(finding.remedy, Fix::Obstacle))
        };
        let progress = repaired.iter().filter(|problem| {
            seen.insert((problem.kind, problem.path.clone(), problem.what.clone(), was_hidden(problem)))
        });
        let is_done = progress.count() == 0;
        report.repaired.extend(repaired);
        if is_done && !publish_lost(store, &found, options, &mut published)? {
            let (gone, withdrawn) = withdraw_damaged(store, &found, options)?;
            if withdrawn.is_empty() {
                report.remaining = found.report;
                // What the check finds of it by itself is told once.
                let problems = &mut report.remaining.problems;
                left_out.retain(|problem| !problems.contains(problem));
                problems.append(&mut left_out);
                break;
            }
            report.repaired.extend(gone);
            report.withdrawn.extend(withdrawn);
        }
    }
    report.unhelpful = sources.unhelpful();
    Ok(report)
}

pub(super) struct Repair<'a, 's> {
    pub(super) store: &'a Store,
    paths: &'a StorePaths,
    pub(super) found: &'a Findings,
    pub(super) sources: &'a mut Sources<'s>,
    options: &'a FsckOptions<'a>,
    /// Digests of files that must not come back, though publications name them.
    forged: &'a mut BTreeSet<Sha256>,
    /// States that the repair took out of a history.
    left_out: &'a mut Vec<Problem>,
    now: jiff::Timestamp,
    changed: Vec<Utf8PathBuf>,
}

impl Repair<'_, '_> {
    fn run(&mut self) -> Result<Vec<Problem>, Error> {
        let mut done = Vec::new();
        let mut findings: Vec<&Finding> = self.found.findings.iter().collect();
        // What others are made from comes first.
        findings.sort_by_key(|finding| match &finding.remedy {
            Fix::Area | Fix::Obstacle => -1,
            Fix::Blob(_) | Fix::Object(_) => 0,
            // Something may have to be signed below.
            Fix::Mode if finding.problem.path.starts_with("keys") => 0,
            Fix::Manifest(_) | Fix::Record | Fix::Reference(_) | Fix::Tag | Fix::Document(_) => 1,
            Fix::Published(Remedy::Entry(
                _,
                TreeEntry { source: Source::Index(_) | Source::Signed { .. }, .. },
            )) => 2,
            Fix::Log | Fix::Forged(..) | Fix::Index => 3,
            Fix::Published(_) | Fix::Mode | Fix::Unpublished | Fix::Nothing => 4,
        });
        for Finding { problem, remedy } in findings {
            let path = self.store.root().join(&problem.path);
            let repaired = match remedy {
                Fix::Blob(id) => self.blob(*id, &path, problem),
                Fix::Object(id) => self.object(*id, &path, problem),
                Fix::Manifest(id) => self.manifest(*id, &path),
                Fix::Record => self.record(&problem.path),
                Fix::Reference(repository) => self.reference(repository, problem),
                Fix::Tag => self.tag(&problem.path),
                Fix::Document(area) => self.document(*area, &problem.path),
                Fix::Published(remedy) => self.published(remedy),
                Fix::Forged(repository, digest) => self.take_away_forged(repository, *digest),
                Fix::Index => self.unnamed(&problem.path),
                Fix::Log => self.log(),
                Fix::Mode => self.mode(&problem.path),
                Fix::Area => self.area(&path),
                Fix::Obstacle => self.obstacle(&path),
                // Publishing is for after everything else.
                Fix::Unpublished | Fix::Nothing => Ok(false),
            };
            match repaired {
                Ok(true) => done.push(problem.clone()),
                // What lies where a directory belongs is a problem of its own. The rest is repaired.
                Ok(false) | Err(Error::Storage(StorageError::UnsafePath { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// Moves what lies at `path` to `store/damaged/`.
    fn move_aside(&mut self, path: &Utf8Path) -> Result<(), Error> {
        self.changed.extend(move_aside(self.store.root(), self.paths, path)?);
        Ok(())
    }

    /// Whether anything lies at a path.
    fn exists(&self, path: &Utf8Path) -> Result<bool, Error> {
        self.paths.place(path).exists().map_err(Error::io("look at", path))
    }

    /// Whether a directory lies there, in the place of something else.
    fn is_directory(&self, path: &Utf8Path) -> Result<bool, Error> {
        self.paths.place(path).is_directory().map_err(Error::io("look at", path))
    }

    /// Gives a finished temporary file its place, and moves aside what lies there.
    pub(super) fn place(&mut self, temporary: &Utf8Path, path: &Utf8Path) -> Result<(), Error> {
        files::sync_path(temporary)?;
        let parent = path.parent().unwrap_or(path);
        self.changed.extend(files::create_directories(self.paths.place(parent))?);
        if self.exists(path)? {
            self.move_aside(path)?;
        }
        files::rename(temporary, self.paths.place(path)).map_err(Error::io("create", path))?;
        self.changed.push(parent.to_owned());
        Ok(())
    }

    fn blob(&mut self, id: BlobId, path: &Utf8Path, problem: &Problem) -> Result<bool, Error> {
        if blake3_of(path).is_ok_and(|found| found == id.0) {
            return Ok(false);
        }
        let Some(source) = self.sources.blob(id, self.found.wanted.get(&id))? else {
            return self.forget(path, problem);
        };
        let is_missing = !files::is_taken(path);
        if let sources::Found::At(source) = &source
            && is_missing
            && source.starts_with(self.store.root().join("public"))
            && self.is_ours(source)?
        {
            // The pool kept the very file.
            self.link(source, path)?;
            return Ok(true);
        }
        let Some(temporary) = self.copied(source, Digest::Blake3(id.0))? else { return Ok(false) };
        let damaged = self.paths.place(path).status().ok().map(|status| Found::of(&status));
        if let Some(damaged) = &damaged {
            // Clients ask for pool files by their time too.
            files::set_modified(&temporary, damaged.modified)?;
        }
        self.place(&temporary, path)?;
        if let Some(damaged) = damaged.filter(Found::is_file) {
            self.point_pools_at(path, damaged.identity)?;
        }
        Ok(true)
    }

    /// Whether nobody else can change a file in a pool after its hash was looked at.
    fn is_ours(&self, path: &Utf8Path) -> Result<bool, Error> {
        let look = || {
            let status = self.paths.place(path).status()?;
            Ok(status.is_file() && self.paths.is_ours(&status)?)
        };
        look().map_err(Error::io("look at", path))
    }

    /// The copy as a finished temporary file; `None` when it changed since it was found.
    fn copied(&self, source: sources::Found, digest: Digest) -> Result<Option<Utf8PathBuf>, Error> {
        match source {
            sources::Found::Fetched(temporary) => Ok(Some(temporary)),
            sources::Found::At(source) => {
                let temporary = self.store.storage().temporary()?;
                let is_good =
                    copy(self.paths.place(&source), &At::from(&temporary), digest, mode::IMMUTABLE)?;
                Ok(is_good.then_some(temporary))
            }
        }
    }

    /// Every name that a damaged file has in the pools becomes one of the file that replaced it.
    fn point_pools_at(&mut self, blob: &Utf8Path, damaged: (u64, u64)) -> Result<(), Error> {
        let repositories = files::names_in(self.paths.at("public"))?;
        let pools = |name| layout::OF_RECORDS.map(|pool| Utf8Path::new("public").join(name).join(pool));
        for pool in repositories.iter().flat_map(pools) {
            let pool = self.paths.at(pool);
            let found = match files_below(&pool) {
                // That a directory on the way is a link is a problem of its own.
                Err(StorageError::UnsafePath { .. }) => continue,
                found => found?,
            };
            for (path, _) in found.iter().filter(|(_, status)| status.identity == damaged) {
                self.link(blob, path)?;
            }
        }
        Ok(())
    }

    /// Makes `path` a name of `original`, in place of what is there.
    fn link(&mut self, original: &Utf8Path, path: &Utf8Path) -> Result<(), Error> {
        let parent = path.parent().unwrap_or(path);
        self.changed.extend(files::create_directories(self.paths.place(parent))?);
        let temporary = self.store.storage().temporary()?;
        files::link(self.paths.place(original), &temporary)?;
        files::rename(&temporary, self.paths.place(path)).map_err(Error::io("replace", path))?;
        // A rename between two names of one file does nothing.
        files::remove_if_present(&temporary)?;
        self.changed.push(parent.to_owned());
        Ok(())
    }

    /// Moves a damaged file aside that nothing refers to, when that is certain.
    fn forget(&mut self, path: &Utf8Path, problem: &Problem) -> Result<bool, Error> {
        let is_there = files::is_taken(path);
        let certain = self.found.is_complete && problem.affects.is_empty() && is_there;
        if certain {
            self.move_aside(path)?;
        }
        Ok(certain)
    }

    fn object(&mut self, id: Blake3, path: &Utf8Path, problem: &Problem) -> Result<bool, Error> {
        let own = files::read_kept(path).ok().flatten().and_then(|bytes| sealed::decompress(&bytes).ok());
        let own = own.filter(|text| blake3::hash(text).as_bytes() == id.as_bytes());
        let Some(text) = own.or_else(|| self.sources.object(id)) else {
            return self.forget(path, problem);
        };
        let temporary = self.store.storage().temporary()?;
        files::write_new(&temporary, &sealed::compress(&text)?, mode::IMMUTABLE)?;
        self.place(&temporary, path)?;
        Ok(true)
    }

    /// Made again from the package file. Without that file it is removed too.
    fn manifest(&mut self, id: BlobId, path: &Utf8Path) -> Result<bool, Error> {
        match make_manifest(self.store, id) {
            Ok(manifest) => {
                let temporary = self.store.storage().temporary()?;
                files::write_new(&temporary, &manifest.to_file()?, mode::IMMUTABLE)?;
                self.place(&temporary, path)?;
            }
            Err(_) => self.move_aside(path)?,
        }
        Ok(true)
    }

    /// A record from elsewhere; or else a publication that nobody is shown is given up with its record.
    fn record(&mut self, path: &Utf8Path) -> Result<bool, Error> {
        let mut names = path.iter().skip(2);
        let repository = names.next().and_then(|name| RepositoryName::parse(name).ok());
        let Some((repository, id)) = repository.zip(names.next().and_then(PublicationId::parse)) else {
            return Ok(false);
        };
        let path = self.store.root().join(path);
        if let Some(bytes) = self.sources.record(&repository, id) {
            let temporary = self.store.storage().temporary()?;
            files::write_new(&temporary, &bytes, mode::IMMUTABLE)?;
            self.place(&temporary, &path)?;
            return Ok(true);
        }
        let _lock = self.store.publishing_lock(&repository)?;
        let shown = Publication::shown(&DirectoryTarget::new(self.store, &repository))?;
        let records = super::published::Records::read(self.store, &repository);
        let last_seen = LastSeen::of(self.store, &repository, (&self.found.journal, &records));
        let is_whole = shown.is_some_and(|shown| records.readable.contains_key(&shown));
        if shown == Some(id) || (!is_whole && last_seen.lost == Some(id)) {
            // The next publication renders what clients see without it.
            self.move_aside(&path)?;
            return Ok(false);
        }
        self.changed.extend(withdraw(self.store, self.paths, &repository, id)?);
        Ok(true)
    }

    /// Moves a forged file of an index aside, with all publications that name it and that clients do not see. What they see is made again
    /// before, if that can be done here.
    fn take_away_forged(&mut self, repository: &RepositoryName, digest: Sha256) -> Result<bool, Error> {
        let public = self.store.public(repository);
        let current = || Publication::current(self.store, repository);
        let is_shown =
            |current: &Option<Publication>| current.as_ref().is_some_and(|current| current.names(&digest));
        if is_shown(&current()?)
            && let Some(sign_again) = self.options.sign_again
        {
            sign_again(repository);
        }
        let _lock = self.store.publishing_lock(repository)?;
        let shown = current()?;
        let id = shown.as_ref().map(|shown| shown.id);
        let records = super::published::Records::read(self.store, repository);
        for publication in records.readable.values().filter(|publication| Some(publication.id) != id) {
            if publication.names(&digest) {
                self.changed.extend(withdraw(self.store, self.paths, repository, publication.id)?);
            }
        }
        // Its other names are hard links, or copies of the same content.
        for TreeEntry { path, source, .. } in shown.iter().flat_map(Publication::entries) {
            if matches!(source, Source::Name { file, .. } if file.sha256 == digest) {
                files::remove_if_present(self.paths.place(public.join(path)))?;
            }
        }
        self.move_aside(&public.join(layout::index(&digest)))?;
        mend_tags(self.store, &DirectoryTarget::new(self.store, repository), repository)?;
        self.forged.insert(digest);
        Ok(true)
    }

    /// The newest commit that the log, a publication or another root tells of.
    fn reference(&mut self, repository: &RepositoryName, problem: &Problem) -> Result<bool, Error> {
        let found = self.found;
        let current = found.journal.heads.get(repository).copied();
        let logged = found.journal.commits.get(repository).map(Vec::as_slice).unwrap_or_default();
        let elsewhere: Vec<CommitId> = self.sources.heads(repository).collect();
        let next = logged.iter().filter(|(before, _)| Some(*before) == current).map(|(_, after)| *after);
        let objects = self.store.objects();
        let sequence = |id| Commit::read(&objects, id).ok().map(|commit| (commit.sequence, id));
        // Nothing here leads to these any more.
        for id in elsewhere.iter().copied().chain(next).filter(|id| sequence(*id).is_none()) {
            let path = self.store.root().join("store").join(Key::object(AREA, &id).as_str());
            let _ = self.object(id.0, &path, problem)?;
        }
        let candidates = logged.iter().map(|(_, after)| *after).chain(elsewhere);
        let candidates: BTreeSet<CommitId> = candidates.chain(self.told_of(repository)).collect();
        let Some((number, newest)) = candidates.into_iter().filter_map(sequence).max() else {
            return Ok(false);
        };
        let readable = current.and_then(sequence);
        if readable.is_some_and(|(current, _)| current >= number) {
            return Ok(false);
        }
        let what = match (current, readable) {
            (None, _) => None,
            // Every commit is in a whole log, so this was none. Otherwise what is undone must be known.
            (Some(id), None) if !found.journal.tells_of(id) => {
                if found.report.problems.iter().any(|problem| problem.path == "store/ops/log") {
                    return Ok(false);
                }
                None
            }
            (Some(lost), None) => Some(found.journal.undone(lost)),
            (Some(id), Some((before, _))) => {
                let newest = self.store.revision(repository, newest)?;
                let is_kept = newest.is_built_on(id, before).unwrap_or_default();
                let name = found.journal.name(id);
                (!is_kept)
                    .then(|| format!("{name} is left out: it led to that, and the history has it no more"))
            }
        };
        let key = Store::ref_key(repository);
        let path = self.store.root().join("store").join(key.as_str());
        let _lock = self.store.storage().directory()?.lock_key(&key)?;
        let line = format!("{newest}\n");
        if files::read_kept(&path).is_ok_and(|bytes| bytes.as_deref() == Some(line.as_bytes())) {
            return Ok(false);
        }
        let temporary = self.store.storage().temporary()?;
        files::write_new(&temporary, line.as_bytes(), mode::MUTABLE)?;
        self.place(&temporary, &path)?;
        self.left_out.extend(what.map(|what| Problem {
            kind: ProblemKind::Missing,
            what,
            ..problem.clone()
        }));
        Ok(true)
    }

    /// The states of a repository that publications and tags tell of.
    fn told_of(&self, repository: &RepositoryName) -> BTreeSet<CommitId> {
        let journal = &self.found.journal;
        let records = super::published::Records::read(self.store, repository);
        let recorded = records.readable.values().filter_map(|known| known.commit);
        let tagged = journal.tags.iter().filter(|((of, _), _)| of == repository).map(|(_, id)| *id);
        recorded.chain(tagged).chain(journal.shown_commits(repository)).collect()
    }

    /// What the operation log says it stands for.
    fn tag(&mut self, path: &Utf8Path) -> Result<bool, Error> {
        let mut names = path.iter().skip(2);
        let repository = names.next().and_then(|name| RepositoryName::parse(name).ok());
        let tag = names.next().and_then(|name| TagName::parse(name).ok());
        let Some(name) = repository.zip(tag) else { return Ok(false) };
        let Some(commit) = self.found.journal.logged_tags.get(&name).copied().flatten() else {
            return Ok(false);
        };
        let temporary = self.store.storage().temporary()?;
        files::write_new(&temporary, format!("{commit}\n").as_bytes(), mode::MUTABLE)?;
        self.place(&temporary, &self.store.root().join(path))?;
        Ok(true)
    }

    /// Nothing says any more where a history ends: it ends where it does.
    fn history(&mut self, path: &Utf8Path) -> Option<Ends> {
        let repository = RepositoryName::parse(path.file_name()?).ok()?;
        let mut next = self.found.journal.heads.get(&repository).copied();
        let mut last = None;
        while let Some(commit) = next.and_then(|id| Commit::read(&self.store.objects(), id).ok()) {
            last = next.map(|id| (id, commit.sequence));
            next = commit.parent;
        }
        let (commit, sequence) = last?;
        Some(Ends(vec![End { commit, sequence, since: self.now }]))
    }

    /// Brings back a document, from elsewhere or from what it is about.
    fn document(&mut self, area: Area, path: &Utf8Path) -> Result<bool, Error> {
        let text = match area {
            Area::Histories => {
                let elsewhere = self.sources.document::<Ends>(path);
                elsewhere.or_else(|| self.history(path)).as_ref().map(document::to_text)
            }
            // Nothing else tells which packages are keyrings of ours.
            Area::Keyrings => self.sources.document::<KeyringVersions>(path).as_ref().map(document::to_text),
            // Who has lost a token gets another one; one that was revoked since the backup stays so.
            Area::Tokens => {
                let repository = path.file_name().and_then(|name| RepositoryName::parse(name).ok());
                let saved = self.sources.document::<Tokens>(path).zip(repository);
                let log = self.store.operations()?;
                saved.map(|(saved, repository)| document::to_text(&saved.brought_up_to(&log, &repository)))
            }
            // The events themselves are in the history.
            Area::Hooks => Some(String::new()),
            Area::Intents => {
                let intent = path.file_name().map(|name| Kept::<Intent>::load(self.store.storage(), name));
                let is_whole = intent.is_some_and(|intent| {
                    intent.is_ok_and(|intent| !intent.changes.is_empty() && intent.check(self.store).is_ok())
                });
                // Its commits were brought back.
                if is_whole {
                    return Ok(true);
                }
                // What was begun cannot be known: each repository stays as it is.
                Some(String::new())
            }
            // One that was withdrawn must not come back: what is not promoted yet is approved again.
            Area::Approvals => Some(String::new()),
            // Who wants it frozen hears of the damage, and freezes it again.
            Area::Freezes => Some(String::new()),
            // Machines that go on reading are seen again.
            Area::Machines => Some(String::new()),
            // Who knows nothing of the last backup makes another one.
            Area::Upkeep => {
                Some(document::to_text(&self.sources.document::<Upkeep>(path).unwrap_or_default()))
            }
        };
        let Some(text) = text else { return Ok(false) };
        let path = self.store.root().join(path);
        if text.is_empty() {
            self.move_aside(&path)?;
            return Ok(true);
        }
        let temporary = self.store.storage().temporary()?;
        files::write_new(&temporary, text.as_bytes(), mode::MUTABLE)?;
        self.place(&temporary, &path)?;
        Ok(true)
    }

    fn published(&mut self, remedy: &Remedy) -> Result<bool, Error> {
        match remedy {
            Remedy::Pool(path, blob) => {
                let blob_path = self.store.root().join("store").join(Store::blob_key(*blob).as_str());
                let path = self.store.root().join(path);
                if !blake3_of(&blob_path).is_ok_and(|found| found == blob.0) {
                    return Ok(false);
                }
                if self.is_directory(&path)? {
                    self.move_aside(&path)?;
                }
                self.link(&blob_path, &path)?;
                Ok(true)
            }
            Remedy::Dists(repository, target) => {
                let public = self.store.public(repository);
                let dists = public.join(layout::DISTS);
                let found =
                    self.paths.place(&dists).status_if_present().map_err(Error::io("look at", &dists))?;
                if found.is_some_and(|found| !found.is_link()) {
                    self.move_aside(&dists)?;
                }
                self.changed.extend(point(self.store, self.paths, &dists, target)?);
                self.changed.push(public);
                Ok(true)
            }
            Remedy::Entry(repository, expected) => self.entry(repository, expected),
            Remedy::Stray(repository, path) => {
                let _lock = self.store.publishing_lock(repository)?;
                self.move_aside(&self.store.root().join(path))?;
                Ok(true)
            }
            Remedy::Directory(repository, path) => {
                let _lock = self.store.publishing_lock(repository)?;
                let path = self.store.root().join(path);
                // Somebody may have put the directory back.
                if self.is_directory(&path)? {
                    return Ok(false);
                }
                self.move_aside(&path)?;
                self.changed.extend(files::create_directories(self.paths.place(&path))?);
                Ok(true)
            }
        }
    }

    fn entry(&mut self, repository: &RepositoryName, expected: &TreeEntry) -> Result<bool, Error> {
        let public = self.store.public(repository);
        let path = public.join(&expected.path);
        let paths = self.paths;
        let is = |path: &Utf8Path, file: &File| {
            sha256_of(paths.place(path)).is_ok_and(|digest| digest == file.sha256)
        };
        if self.is_directory(&path)? {
            self.move_aside(&path)?;
        }
        match &expected.source {
            // Package files have a remedy of their own.
            Source::Blob { .. } => Ok(false),
            Source::Link { target } => {
                let parent = path.parent().unwrap_or(&path);
                self.changed.extend(files::create_directories(paths.place(parent))?);
                self.changed.extend(point(self.store, paths, &path, target)?);
                self.changed.push(parent.to_owned());
                Ok(true)
            }
            Source::Index(file) | Source::Name { file, .. } if self.forged.contains(&file.sha256) => {
                Ok(false)
            }
            Source::Name { of: to, file } => {
                let original = public.join(to);
                let good = is(&original, file);
                if good {
                    self.link(&original, &path)?;
                }
                Ok(good)
            }
            Source::Index(file) | Source::Signed { file, .. } => {
                let made_in = match &expected.source {
                    Source::Signed { made_in, .. } => Some(*made_in),
                    _ => None,
                };
                let good = is(&path, file);
                if !good {
                    let twins = self.twins(repository, file);
                    let mut own = twins.iter().map(|twin| public.join(twin));
                    let source = match own.find(|twin| is(twin, file)) {
                        Some(own) => Some(sources::Found::At(own)),
                        None => {
                            let names = names_for_clients(&expected.path, &twins, made_in.is_none(), file);
                            self.sources.published(repository, &expected.path, &names, *file)?
                        }
                    };
                    let temporary = match source {
                        Some(source) => self.copied(source, Digest::Sha256(file.sha256))?,
                        None if made_in.is_none() => self.made_again(repository, file)?,
                        None => return Ok(false),
                    };
                    let Some(temporary) = temporary else {
                        // What is gone is made again by the next publication; damage would be built upon.
                        if made_in.is_none() && self.exists(&path)? {
                            let _lock = self.store.publishing_lock(repository)?;
                            self.move_aside(&path)?;
                        }
                        return Ok(false);
                    };
                    self.place(&temporary, &path)?;
                }
                if let Some(made_in) = made_in {
                    files::set_modified(paths.place(&path), made_in.seconds())?;
                    self.changed.push(path);
                }
                Ok(made_in.is_some() || !good)
            }
        }
    }

    /// A file of an index that was rendered again, as a finished temporary file.
    fn made_again(&self, repository: &RepositoryName, file: &File) -> Result<Option<Utf8PathBuf>, Error> {
        let records = super::published::Records::read(self.store, repository);
        let made = MakeAgain::new(self.store, repository).file(records.readable.values(), &file.sha256);
        let Some(bytes) = made else { return Ok(None) };
        let temporary = self.store.storage().temporary()?;
        files::write_new(&temporary, &bytes, mode::IMMUTABLE)?;
        Ok(Some(temporary))
    }

    /// Moves a damaged file of an index aside that no publication names, when that is certain.
    fn unnamed(&mut self, path: &Utf8Path) -> Result<bool, Error> {
        let mut names = path.iter();
        let repository = names.nth(1).and_then(|name| RepositoryName::parse(name).ok());
        let digest = path.file_name().and_then(|name| name.parse::<Sha256>().ok());
        let Some((repository, digest)) = repository.zip(digest) else { return Ok(false) };
        let _lock = self.store.publishing_lock(&repository)?;
        let records = super::published::Records::read(self.store, &repository);
        let is_named = records.readable.values().any(|publication| {
            publication
                .entries()
                .iter()
                .any(|entry| entry.source.file().is_some_and(|file| file.sha256 == digest))
        });
        let is_unnamed = records.problems.is_empty() && !is_named;
        if is_unnamed {
            self.move_aside(&self.store.root().join(path))?;
        }
        Ok(is_unnamed)
    }

    /// Every place of a repository's tree where a file of that content should lie, below the public directory.
    fn twins(&self, repository: &RepositoryName, file: &File) -> Vec<Utf8PathBuf> {
        let records = super::published::Records::read(self.store, repository);
        let entries = records.readable.values().flat_map(Publication::entries);
        let same = entries.filter(|expected| expected.source.file() == Some(file));
        same.map(|expected| expected.path.clone()).collect()
    }

    /// Moves aside what lies where a directory of the store belongs, and makes the directory.
    fn area(&mut self, path: &Utf8Path) -> Result<bool, Error> {
        if files::is_directory(path) || !files::is_taken(path) {
            return Ok(false);
        }
        if path.file_name() == Some("damaged") {
            // It cannot be moved anywhere.
            return Ok(false);
        }
        self.move_aside(path)?;
        self.changed.extend(files::create_directories(path)?);
        Ok(true)
    }

    /// Moves aside what lies where a file of the store belongs. The next round finds the file missing.
    fn obstacle(&mut self, path: &Utf8Path) -> Result<bool, Error> {
        if Obstacle::in_place_of_file(path).is_none() {
            return Ok(false);
        }
        self.move_aside(path)?;
        Ok(true)
    }

    fn mode(&mut self, path: &Utf8Path) -> Result<bool, Error> {
        let full = self.store.root().join(path);
        let Ok(status) = self.paths.place(&full).status() else { return Ok(false) };
        let found = Found::of(&status);
        let Some(line) = found.kind.and_then(|kind| Permission::of(path, kind)) else { return Ok(false) };
        files::set_mode(self.paths.place(&full), line.mode.corrected(found.mode & 0o777))?;
        self.changed.push(full);
        Ok(true)
    }
}

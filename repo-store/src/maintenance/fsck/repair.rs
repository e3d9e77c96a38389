//! Putting right what a check found: from what the store has twice, and from true copies elsewhere.
//!
//! Nothing is overwritten: a damaged file is moved to `store/damaged/`. A pool file is a hard link to its blob, shares its
//! bytes and so its damage; when a blob is replaced its names in the pools are too.

use std::collections::{BTreeSet, HashMap};

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::{Blake3, Sha256};
use jiff::Timestamp;

use super::changes::{Changes, Ready};
use super::contents::{blake3_of, sha256_of};
use super::inventory::{Found, in_place};
use super::last_seen::LastSeen;
use super::plan::{RepairMeans, RepairPlan, RepairStep};
use super::published::Remedy;
use super::remote::{FailedSource, names_for_clients};
use super::sources::{self, CopySource, Sources};
use super::withdrawal::Withdrawn;
use super::{Finding, Findings, Fix, FsckOptions, FsckReport, Problem, ProblemKind};
use crate::access::tokens::Tokens;
use crate::context::Context;
use crate::document::{self, Area, Kept};
use crate::error::Error;
use crate::history::horizon::{End, Ends};
use crate::history::keyring_versions::KeyringVersions;
use crate::history::revision::Revision;
use crate::intent::Intent;
use crate::maintenance::fsck::republish::{lost, publish_lost};
use crate::maintenance::fsck::withdrawal::{damaged_publications, withdraw_damaged};
use crate::maintenance::fsck::{examine, examine_whole, linked_directories};
use crate::maintenance::upkeep::Upkeep;
use crate::manifest::keep::make_manifest;
use crate::model::commit::Commit;
use crate::model::id::{BlobId, CommitId};
use crate::model::name::{RepositoryName, TagName};
use crate::model::objects::AREA;
use crate::model::publication_id::PublicationId;
use crate::progress::Phase;
use crate::publish::aside::move_aside;
use crate::publish::promotion_attestations::restored;
use crate::publish::{File, MakeAgain, Publication, Source, TreeEntry, layout, target_of};
use crate::storage::beneath::{Status, StorePaths, files_below};
use crate::storage::copy::Digest;
use crate::storage::files::mode;
use crate::storage::obstacle::Obstacle;
use crate::storage::permissions::Permission;
use crate::storage::{COLLECTION, Key, StorageError, files, sealed};
use crate::store::Store;

/// What a repair did.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct RepairReport {
    /// What was put right, in the order in which it was.
    pub repaired: Vec<Problem>,
    /// The publications that clients no longer see and that were withdrawn, because a part of them is damaged and cannot be made again.
    pub withdrawn: Vec<Withdrawn>,
    /// The state after it: what is left needs a true copy or a person.
    pub remaining: FsckReport,
    /// Places that could not give what was hoped for, each with the first reason.
    pub unhelpful: Vec<FailedSource>,
}

/// See [`Store::repair`] and [`RepairPlan::apply`].
pub(crate) fn repair(
    store: &Store,
    options: &FsckOptions<'_>,
    sources: &[CopySource<'_>],
    planned: Option<&RepairPlan>,
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
    let mut report = RepairReport::default();
    let locks = Utf8Path::new("store/locks");
    if let Some(obstacle) = Obstacle::at(&store.root().join(locks)) {
        let changed = move_aside(store.root(), &store.paths(), &store.root().join(locks))?;
        store.paths().sync_all(changed)?;
        report.repaired.push(in_place(ProblemKind::InTheWay, locks, &obstacle));
    }
    let _no_collection = directory.lock(COLLECTION)?;
    let mut sources = Sources::new(store, sources, false);
    let mut seen = BTreeSet::new();
    let mut forged = BTreeSet::new();
    let mut left_out = Vec::new();
    let mut published = BTreeSet::new();
    let mut planned = planned;
    loop {
        let found = examine(store, options, context)?;
        // Later rounds find what comes to light.
        if let Some(plan) = planned.take() {
            plan.check(found.report.problems.iter())?;
        }
        let paths = store.paths();
        let changes = Changes::new(store, &paths, false);
        context.progress.check(Phase::Checking)?;
        let repair = Repair::new(&found, &mut sources, options, (&mut forged, &mut left_out), changes);
        let repaired = repair.run(context.now)?.into_iter().map(|step| step.problem).collect::<Vec<_>>();
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

/// See [`Store::plan_repair`].
pub(crate) fn plan_repair(
    store: &Store,
    options: &FsckOptions<'_>,
    sources: &[CopySource<'_>],
    context: &Context,
) -> Result<RepairPlan, Error> {
    let linked = linked_directories(store, options)?;
    if !linked.is_empty() {
        return Ok(RepairPlan::new(Vec::new(), linked));
    }
    let mut found = examine_whole(store, options, context)?;
    let mut sources = Sources::new(store, sources, true);
    let (mut forged, mut left_out) = (BTreeSet::new(), Vec::new());
    let paths = store.paths();
    let changes = Changes::new(store, &paths, true);
    let repair = Repair::new(&found, &mut sources, options, (&mut forged, &mut left_out), changes);
    let mut steps = repair.run(context.now)?;
    found.leave_out(&steps);
    // As a repair does it when nothing else helps.
    let to_publish =
        if options.publish.is_some() { lost(store, &found, &BTreeSet::new())? } else { Vec::new() };
    for repository in to_publish.iter().filter(|lost| lost.is_present).map(|lost| &lost.repository) {
        let of = |finding: &&Finding| finding.repository_of_a_loss().as_ref() == Some(repository);
        let problems = found.findings.iter().filter(of).map(|finding| finding.problem.clone());
        steps.extend(problems.map(|problem| RepairStep { problem, means: RepairMeans::Publish }));
    }
    found.leave_out(&steps);
    for (_, publication, problems) in damaged_publications(store, &found)? {
        let means = RepairMeans::Withdraw { publication };
        let step = |problem: &Problem| RepairStep { problem: problem.clone(), means: means.clone() };
        steps.extend(problems.into_iter().map(step));
    }
    found.leave_out(&steps);
    let left = found.findings.into_iter().map(|finding| finding.problem).chain(left_out);
    Ok(RepairPlan::new(steps, left.collect()))
}

impl Findings {
    /// Takes out what is put right by steps of a plan.
    fn leave_out(&mut self, steps: &[RepairStep]) {
        let planned: BTreeSet<_> = steps.iter().map(|step| step.problem.key()).collect();
        self.findings.retain(|finding| !planned.contains(&finding.problem.key()));
    }
}

/// One round of a repair, over all that a check found.
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
    pub(super) changes: Changes<'a>,
    /// The numbers of states that a plan brings back.
    foreseen: HashMap<CommitId, u64>,
}

impl<'a, 's> Repair<'a, 's> {
    fn new(
        found: &'a Findings,
        sources: &'a mut Sources<'s>,
        options: &'a FsckOptions<'a>,
        (forged, left_out): (&'a mut BTreeSet<Sha256>, &'a mut Vec<Problem>),
        changes: Changes<'a>,
    ) -> Self {
        let (store, paths) = changes.of();
        Self { store, paths, found, sources, options, forged, left_out, changes, foreseen: HashMap::new() }
    }

    /// Puts right what can be, durably, or finds out what that is.
    fn run(mut self, now: Timestamp) -> Result<Vec<RepairStep>, Error> {
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
                Fix::Document(area) => self.document((*area, now), &problem.path),
                Fix::Published(remedy) => self.published(remedy),
                Fix::Forged(repository, digest) => self.take_away_forged(repository, *digest),
                Fix::Index => self.unnamed(&problem.path),
                Fix::Log => self.log(),
                Fix::Mode => self.mode(&problem.path),
                Fix::Area => self.area(&path),
                Fix::Obstacle => self.obstacle(&path),
                // Publishing is for after everything else.
                Fix::Unpublished | Fix::Nothing => Ok(None),
            };
            match repaired {
                Ok(Some(means)) => done.push(RepairStep { problem: problem.clone(), means }),
                // What lies where a directory belongs is a problem of its own. The rest is repaired.
                Ok(None) | Err(Error::Storage(StorageError::UnsafePath { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        self.changes.sync()?;
        Ok(done)
    }

    /// Whether anything lies at a path.
    fn exists(&self, path: &Utf8Path) -> Result<bool, Error> {
        self.paths.place(path).exists().map_err(Error::io("look at", path))
    }

    /// Whether a directory lies there, in the place of something else.
    fn is_directory(&self, path: &Utf8Path) -> Result<bool, Error> {
        self.paths.place(path).is_directory().map_err(Error::io("look at", path))
    }

    fn blob(&mut self, id: BlobId, path: &Utf8Path, problem: &Problem) -> Result<Option<RepairMeans>, Error> {
        if blake3_of(path).is_ok_and(|found| found == id.0) {
            return Ok(None);
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
            self.changes.link(source, path)?;
            return Ok(Some(RepairMeans::Link));
        }
        let Some(ready) = self.changes.copied(&source, Digest::Blake3(id.0))? else { return Ok(None) };
        let damaged = self.paths.place(path).status().ok();
        if let Some(damaged) = &damaged {
            // Clients ask for pool files by their time too.
            self.changes.set_time_of(&ready, damaged.modified.0)?;
        }
        self.changes.place(ready, path)?;
        if let Some(damaged) = damaged.filter(Status::is_file) {
            self.point_pools_at(path, damaged.identity)?;
        }
        Ok(Some(RepairMeans::Copy { from: source.place() }))
    }

    /// Whether nobody else can change a file in a pool after its hash was looked at.
    fn is_ours(&self, path: &Utf8Path) -> Result<bool, Error> {
        let look = || {
            let status = self.paths.place(path).status()?;
            Ok(status.is_file() && self.paths.is_ours(&status)?)
        };
        look().map_err(Error::io("look at", path))
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
                self.changes.link(blob, path)?;
            }
        }
        Ok(())
    }

    /// Moves a damaged file aside that nothing refers to, when that is certain.
    fn forget(&mut self, path: &Utf8Path, problem: &Problem) -> Result<Option<RepairMeans>, Error> {
        let is_there = files::is_taken(path);
        let certain = self.found.is_complete && problem.affects.is_empty() && is_there;
        if certain {
            self.changes.move_aside(path)?;
        }
        Ok(certain.then_some(RepairMeans::MoveAside))
    }

    fn object(
        &mut self,
        id: Blake3,
        path: &Utf8Path,
        problem: &Problem,
    ) -> Result<Option<RepairMeans>, Error> {
        let own = files::read_kept(path).ok().flatten().and_then(|bytes| sealed::decompress(&bytes).ok());
        let own = own.filter(|text| blake3::hash(text).as_bytes() == id.as_bytes());
        let own = own.map(|text| (text, RepairMeans::MakeAgain));
        let elsewhere = || self.sources.object(id).map(|(text, from)| (text, RepairMeans::Copy { from }));
        let Some((text, means)) = own.or_else(elsewhere) else {
            return self.forget(path, problem);
        };
        self.changes.write(path, &sealed::compress(&text)?, mode::IMMUTABLE)?;
        if let Some(commit) = Commit::parse(&text).filter(|_| self.changes.is_dry()) {
            self.foreseen.insert(CommitId(id), commit.sequence);
        }
        Ok(Some(means))
    }

    /// Made again from the package file. Without that file it is removed too.
    fn manifest(&mut self, id: BlobId, path: &Utf8Path) -> Result<Option<RepairMeans>, Error> {
        let blob = self.store.root().join("store").join(Store::blob_key(id).as_str());
        if self.changes.is_foreseen(&blob) {
            return Ok(Some(RepairMeans::MakeAgain));
        }
        match make_manifest(self.store, id) {
            Ok(manifest) => {
                self.changes.write(path, &manifest.to_file()?, mode::IMMUTABLE)?;
                Ok(Some(RepairMeans::MakeAgain))
            }
            Err(_) => {
                self.changes.move_aside(path)?;
                Ok(Some(RepairMeans::MoveAside))
            }
        }
    }

    /// A record from elsewhere; or else a publication that nobody is shown is given up with its record.
    fn record(&mut self, path: &Utf8Path) -> Result<Option<RepairMeans>, Error> {
        let mut names = path.iter().skip(2);
        let repository = names.next().and_then(|name| RepositoryName::parse(name).ok());
        let Some((repository, id)) = repository.zip(names.next().and_then(PublicationId::parse)) else {
            return Ok(None);
        };
        let path = self.store.root().join(path);
        if let Some((bytes, from)) = self.sources.record(&repository, id) {
            self.changes.write(&path, &bytes, mode::IMMUTABLE)?;
            return Ok(Some(RepairMeans::Copy { from }));
        }
        let _lock = self.changes.lock(&repository)?;
        let shown = Publication::shown(&*target_of(self.store, &repository))?;
        let records = super::published::Records::read(self.store, &repository);
        let last_seen = LastSeen::of(self.store, &repository, (&self.found.journal, &records));
        let is_whole = shown.is_some_and(|shown| records.readable.contains_key(&shown));
        if shown == Some(id) || (!is_whole && last_seen.lost == Some(id)) {
            // The next publication renders what clients see without it.
            self.changes.move_aside(&path)?;
            return Ok(None);
        }
        self.changes.withdraw(&repository, id)?;
        Ok(Some(RepairMeans::Withdraw { publication: id }))
    }

    /// Moves a forged file of an index aside, with all publications that name it and that clients do not see. What they see is made again
    /// before, if that can be done here.
    fn take_away_forged(
        &mut self,
        repository: &RepositoryName,
        digest: Sha256,
    ) -> Result<Option<RepairMeans>, Error> {
        let public = self.store.public(repository);
        let current = || Publication::current(self.store, repository);
        let is_shown =
            |current: &Option<Publication>| current.as_ref().is_some_and(|current| current.names(&digest));
        if is_shown(&current()?)
            && let Some(sign_again) = self.options.sign_again.filter(|_| !self.changes.is_dry())
        {
            sign_again(repository);
        }
        let _lock = self.changes.lock(repository)?;
        let shown = current()?;
        let id = shown.as_ref().map(|shown| shown.id);
        let records = super::published::Records::read(self.store, repository);
        for publication in records.readable.values().filter(|publication| Some(publication.id) != id) {
            if publication.names(&digest) {
                self.changes.withdraw(repository, publication.id)?;
            }
        }
        // Its other names are hard links, or copies of the same content.
        for TreeEntry { path, source, .. } in shown.iter().flat_map(Publication::entries) {
            if matches!(source, Source::Name { file, .. } if file.sha256 == digest) {
                self.changes.remove_name(&public.join(path))?;
            }
        }
        self.changes.move_aside(&public.join(layout::index(&digest)))?;
        self.changes.mend_tags(repository)?;
        self.forged.insert(digest);
        Ok(Some(RepairMeans::MoveAside))
    }

    /// The newest commit that the log, a publication or another root tells of.
    fn reference(
        &mut self,
        repository: &RepositoryName,
        problem: &Problem,
    ) -> Result<Option<RepairMeans>, Error> {
        let found = self.found;
        let current = found.journal.heads.get(repository).copied();
        let logged = found.journal.commits.get(repository).map(Vec::as_slice).unwrap_or_default();
        let elsewhere: Vec<CommitId> = self.sources.heads(repository).collect();
        let next = logged.iter().filter(|(before, _)| Some(*before) == current).map(|(_, after)| *after);
        // Nothing here leads to these any more.
        for id in elsewhere.iter().copied().chain(next) {
            if self.sequence(id).is_none() {
                let path = self.store.root().join("store").join(Key::object(AREA, &id).as_str());
                let _ = self.object(id.0, &path, problem)?;
            }
        }
        let sequence = |id| self.sequence(id).map(|number| (number, id));
        let candidates = logged.iter().map(|(_, after)| *after).chain(elsewhere);
        let candidates: BTreeSet<CommitId> = candidates.chain(self.told_of(repository)).collect();
        let Some((number, newest)) = candidates.into_iter().filter_map(sequence).max() else {
            return Ok(None);
        };
        let readable = current.and_then(sequence);
        if readable.is_some_and(|(current, _)| current >= number) {
            return Ok(None);
        }
        let what = match (current, readable) {
            (None, _) => None,
            // Every commit is in a whole log, so this was none. Otherwise what is undone must be known.
            (Some(id), None) if !found.journal.tells_of(id) => {
                if found.report.problems.iter().any(|problem| problem.path == "store/ops/log") {
                    return Ok(None);
                }
                None
            }
            (Some(lost), None) => Some(found.journal.undone(lost)),
            (Some(id), Some((before, _))) => {
                let is_built_on = |newest: Revision<'_>| newest.is_built_on(id, before).unwrap_or_default();
                // What a plan brings back cannot be followed yet.
                let is_kept = self.foreseen.contains_key(&newest)
                    || is_built_on(self.store.revision(repository, newest)?);
                let name = found.journal.name(id);
                (!is_kept)
                    .then(|| format!("{name} is left out: it led to that, and the history has it no more"))
            }
        };
        let key = Store::ref_key(repository);
        let path = self.store.root().join("store").join(key.as_str());
        let _lock = self.changes.lock_key(&key)?;
        let line = format!("{newest}\n");
        if files::read_kept(&path).is_ok_and(|bytes| bytes.as_deref() == Some(line.as_bytes())) {
            return Ok(None);
        }
        self.changes.write(&path, line.as_bytes(), mode::MUTABLE)?;
        self.left_out.extend(what.map(|what| Problem {
            kind: ProblemKind::Missing,
            what,
            ..problem.clone()
        }));
        Ok(Some(RepairMeans::PointAt { state: number }))
    }

    /// Returns the number of a state, also of one that a plan brings back.
    fn sequence(&self, id: CommitId) -> Option<u64> {
        let kept = Commit::read(&self.store.objects(), id).ok().map(|commit| commit.sequence);
        kept.or_else(|| self.foreseen.get(&id).copied())
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
    fn tag(&mut self, path: &Utf8Path) -> Result<Option<RepairMeans>, Error> {
        let mut names = path.iter().skip(2);
        let repository = names.next().and_then(|name| RepositoryName::parse(name).ok());
        let tag = names.next().and_then(|name| TagName::parse(name).ok());
        let Some(name) = repository.zip(tag) else { return Ok(None) };
        let Some(commit) = self.found.journal.logged_tags.get(&name).copied().flatten() else {
            return Ok(None);
        };
        let path = self.store.root().join(path);
        self.changes.write(&path, format!("{commit}\n").as_bytes(), mode::MUTABLE)?;
        Ok(Some(RepairMeans::MakeAgain))
    }

    /// Nothing says any more where a history ends: it ends where it does.
    fn history(&self, path: &Utf8Path, since: Timestamp) -> Option<Ends> {
        let repository = RepositoryName::parse(path.file_name()?).ok()?;
        let mut next = self.found.journal.heads.get(&repository).copied();
        let mut last = None;
        while let Some(commit) = next.and_then(|id| Commit::read(&self.store.objects(), id).ok()) {
            last = next.map(|id| (id, commit.sequence));
            next = commit.parent;
        }
        let (commit, sequence) = last?;
        Some(Ends(vec![End { commit, sequence, since }]))
    }

    /// Brings back a document, from elsewhere or from what it is about.
    fn document(
        &mut self,
        (area, now): (Area, Timestamp),
        path: &Utf8Path,
    ) -> Result<Option<RepairMeans>, Error> {
        let copied = |text: String, from: String| (text, RepairMeans::Copy { from });
        let moved_aside = || Some((String::new(), RepairMeans::MoveAside));
        let text = match area {
            Area::Histories => match self.sources.document::<Ends>(path) {
                Some((ends, from)) => Some(copied(document::to_text(&ends), from)),
                None => {
                    self.history(path, now).map(|ends| (document::to_text(&ends), RepairMeans::MakeAgain))
                }
            },
            // Nothing else tells which packages are keyrings of ours.
            Area::Keyrings => {
                let saved = self.sources.document::<KeyringVersions>(path);
                saved.map(|(versions, from)| copied(document::to_text(&versions), from))
            }
            // Each statement says which promotion it is about.
            Area::Attestations => {
                let copy = self.sources.document(path).map(|(saved, _)| saved);
                Some((restored(self.store, path, copy.unwrap_or_default())?, RepairMeans::MakeAgain))
            }
            // Who has lost a token gets another one; one that was revoked since the backup stays so.
            Area::Tokens => {
                let repository = path.file_name().and_then(|name| RepositoryName::parse(name).ok());
                let saved = self.sources.document::<Tokens>(path).zip(repository);
                let log = self.store.operations()?;
                saved.map(|((saved, from), repository)| {
                    copied(document::to_text(&saved.brought_up_to(&log, &repository)), from)
                })
            }
            // The events themselves are in the history.
            Area::Hooks => moved_aside(),
            Area::Intents => {
                let intent = path.file_name().map(|name| Kept::<Intent>::load(self.store.storage(), name));
                let is_whole = intent.is_some_and(|intent| {
                    intent.is_ok_and(|intent| !intent.changes.is_empty() && intent.check(self.store).is_ok())
                });
                // Its commits were brought back.
                if is_whole {
                    return Ok(Some(RepairMeans::MakeAgain));
                }
                // What was begun cannot be known: each repository stays as it is.
                moved_aside()
            }
            // One that was withdrawn must not come back: what is not promoted yet is approved again.
            Area::Approvals => moved_aside(),
            // Who wants it frozen hears of the damage, and freezes it again.
            Area::Freezes => moved_aside(),
            // The next update fetches them again.
            Area::Bases => moved_aside(),
            // Machines that go on reading are seen again.
            Area::Machines => moved_aside(),
            // Who knows nothing of the last backup makes another one.
            Area::Upkeep => Some(match self.sources.document::<Upkeep>(path) {
                Some((upkeep, from)) => copied(document::to_text(&upkeep), from),
                None => (document::to_text(&Upkeep::default()), RepairMeans::MakeAgain),
            }),
        };
        let Some((text, means)) = text else { return Ok(None) };
        let path = self.store.root().join(path);
        if text.is_empty() {
            self.changes.move_aside(&path)?;
        } else {
            self.changes.write(&path, text.as_bytes(), mode::MUTABLE)?;
        }
        Ok(Some(means))
    }

    fn published(&mut self, remedy: &Remedy) -> Result<Option<RepairMeans>, Error> {
        match remedy {
            Remedy::Pool(path, blob) => {
                let blob_path = self.store.root().join("store").join(Store::blob_key(*blob).as_str());
                let path = self.store.root().join(path);
                let is_there = blake3_of(&blob_path).is_ok_and(|found| found == blob.0);
                if !is_there && !self.changes.is_foreseen(&blob_path) {
                    return Ok(None);
                }
                if self.is_directory(&path)? {
                    self.changes.move_aside(&path)?;
                }
                self.changes.link(&blob_path, &path)?;
                Ok(Some(RepairMeans::Link))
            }
            Remedy::Dists(repository, target) => {
                let dists = self.store.public(repository).join(layout::DISTS);
                let found =
                    self.paths.place(&dists).status_if_present().map_err(Error::io("look at", &dists))?;
                if found.is_some_and(|found| !found.is_link()) {
                    self.changes.move_aside(&dists)?;
                }
                self.changes.point(&dists, target)?;
                Ok(Some(RepairMeans::Link))
            }
            Remedy::Entry(repository, expected) => self.entry(repository, expected),
            Remedy::Stray(repository, path) => {
                let _lock = self.changes.lock(repository)?;
                self.changes.move_aside(&self.store.root().join(path))?;
                Ok(Some(RepairMeans::MoveAside))
            }
            Remedy::Directory(repository, path) => {
                let _lock = self.changes.lock(repository)?;
                let path = self.store.root().join(path);
                // Somebody may have put the directory back.
                if self.is_directory(&path)? {
                    return Ok(None);
                }
                self.changes.move_aside(&path)?;
                self.changes.make_directories(&path)?;
                Ok(Some(RepairMeans::MoveAside))
            }
        }
    }

    fn entry(
        &mut self,
        repository: &RepositoryName,
        expected: &TreeEntry,
    ) -> Result<Option<RepairMeans>, Error> {
        let public = self.store.public(repository);
        let path = public.join(&expected.path);
        let paths = self.paths;
        let is = |path: &Utf8Path, file: &File| {
            sha256_of(paths.place(path)).is_ok_and(|digest| digest == file.sha256)
        };
        if self.is_directory(&path)? {
            self.changes.move_aside(&path)?;
        }
        match &expected.source {
            // Package files have a remedy of their own.
            Source::Blob { .. } => Ok(None),
            Source::Link { target } => {
                self.changes.point(&path, target)?;
                Ok(Some(RepairMeans::Link))
            }
            Source::Index(file) | Source::Name { file, .. } if self.forged.contains(&file.sha256) => Ok(None),
            Source::Name { of: to, file } => {
                let original = public.join(to);
                let good = is(&original, file) || self.changes.is_foreseen(&original);
                if good {
                    self.changes.link(&original, &path)?;
                }
                Ok(good.then_some(RepairMeans::Link))
            }
            Source::Index(file) | Source::Signed { file, .. } => {
                let made_in = match &expected.source {
                    Source::Signed { made_in, .. } => Some(*made_in),
                    _ => None,
                };
                let mut means = made_in.map(|_| RepairMeans::SetTime);
                if !is(&path, file) {
                    let twins = self.twins(repository, file);
                    let mut own = twins.iter().map(|twin| public.join(twin));
                    let source = match own.find(|twin| is(twin, file)) {
                        Some(own) => Some(sources::Found::At(own)),
                        None => {
                            let names = names_for_clients(&expected.path, &twins, made_in.is_none(), file);
                            self.sources.published(repository, &expected.path, &names, *file)?
                        }
                    };
                    let ready = match &source {
                        Some(source) => self.changes.copied(source, Digest::Sha256(file.sha256))?,
                        None if made_in.is_none() => self.made_again(repository, file)?,
                        None => return Ok(None),
                    };
                    let Some(ready) = ready else {
                        // What is gone is made again by the next publication; damage would be built upon.
                        if made_in.is_none() && self.exists(&path)? {
                            let _lock = self.changes.lock(repository)?;
                            self.changes.move_aside(&path)?;
                        }
                        return Ok(None);
                    };
                    self.changes.place(ready, &path)?;
                    means = Some(match source {
                        Some(source) => RepairMeans::Copy { from: source.place() },
                        None => RepairMeans::MakeAgain,
                    });
                }
                if let Some(made_in) = made_in {
                    self.changes.set_time(&path, made_in.seconds())?;
                }
                Ok(means)
            }
        }
    }

    /// A file of an index that was rendered again.
    fn made_again(&self, repository: &RepositoryName, file: &File) -> Result<Option<Ready>, Error> {
        let records = super::published::Records::read(self.store, repository);
        let made = MakeAgain::new(self.store, repository).file(records.readable.values(), &file.sha256);
        made.map(|bytes| self.changes.written(&bytes, mode::IMMUTABLE)).transpose()
    }

    /// Moves a damaged file of an index aside that no publication names, when that is certain.
    fn unnamed(&mut self, path: &Utf8Path) -> Result<Option<RepairMeans>, Error> {
        let mut names = path.iter();
        let repository = names.nth(1).and_then(|name| RepositoryName::parse(name).ok());
        let digest = path.file_name().and_then(|name| name.parse::<Sha256>().ok());
        let Some((repository, digest)) = repository.zip(digest) else { return Ok(None) };
        let _lock = self.changes.lock(&repository)?;
        let records = super::published::Records::read(self.store, &repository);
        let is_named = records.readable.values().any(|publication| {
            publication
                .entries()
                .iter()
                .any(|entry| entry.source.file().is_some_and(|file| file.sha256 == digest))
        });
        let is_unnamed = records.problems.is_empty() && !is_named;
        if is_unnamed {
            self.changes.move_aside(&self.store.root().join(path))?;
        }
        Ok(is_unnamed.then_some(RepairMeans::MoveAside))
    }

    /// Every place of a repository's tree where a file of that content should lie, below the public directory.
    fn twins(&self, repository: &RepositoryName, file: &File) -> Vec<Utf8PathBuf> {
        let records = super::published::Records::read(self.store, repository);
        let entries = records.readable.values().flat_map(Publication::entries);
        let same = entries.filter(|expected| expected.source.file() == Some(file));
        same.map(|expected| expected.path.clone()).collect()
    }

    /// Moves aside what lies where a directory of the store belongs, and makes the directory.
    fn area(&mut self, path: &Utf8Path) -> Result<Option<RepairMeans>, Error> {
        if files::is_directory(path) || !files::is_taken(path) {
            return Ok(None);
        }
        if path.file_name() == Some("damaged") {
            // It cannot be moved anywhere.
            return Ok(None);
        }
        self.changes.move_aside(path)?;
        self.changes.make_directories(path)?;
        Ok(Some(RepairMeans::MoveAside))
    }

    /// Moves aside what lies where a file of the store belongs. The next round finds the file missing.
    fn obstacle(&mut self, path: &Utf8Path) -> Result<Option<RepairMeans>, Error> {
        if Obstacle::in_place_of_file(path).is_none() {
            return Ok(None);
        }
        self.changes.move_aside(path)?;
        Ok(Some(RepairMeans::MoveAside))
    }

    fn mode(&mut self, path: &Utf8Path) -> Result<Option<RepairMeans>, Error> {
        let full = self.store.root().join(path);
        let Ok(status) = self.paths.place(&full).status() else { return Ok(None) };
        let found = Found::of(&status);
        let Some(line) = found.kind.and_then(|kind| Permission::of(path, kind)) else { return Ok(None) };
        self.changes.set_mode(&full, line.mode.corrected(found.mode & 0o777))?;
        Ok(Some(RepairMeans::SetMode))
    }
}

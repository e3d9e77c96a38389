//! Backups: every file that cannot be made again, as copies that share nothing with the store; and a store from a backup.
//!
//! A backup is laid out like the root of a store, so it is also what [`Store::repair`] takes copies from. `docs/backup.md`
//! has the list of paths for people.
//!
//! What refers is read first, in one moment, and written last: a backup that is cut short, or made while others add and
//! publish, never refers to anything it does not hold. Files named by their hash are copied once and never removed.

mod complete;
mod configured;
pub(super) mod foreseen;
mod kept;
mod plan;
pub(super) mod restore;

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use apt_index::parallel::parallel_map;
use camino::{Utf8Path, Utf8PathBuf};
use configured::OUTSIDE;
pub use configured::{NamedFile, NamedFileKind, OutsideFile, UnsavedFile};
pub use foreseen::{BackupPlan, PlannedCopy, RestorePlan};
use plan::{Original, Plan, PublishedFiles};
pub use restore::RestoreReport;

use crate::context::Context;
use crate::error::{Error, MaintenanceError};
use crate::progress::{Amount, Phase, Running};
use crate::publish::going::going;
use crate::storage::beneath::{At, PathFault, Status, StorePaths};
use crate::storage::copy::{Digest, Tell, copy_told};
use crate::storage::files::mode;
use crate::storage::own_directories;
use crate::storage::permissions::{EntryKind, ModeRule, Permission};
use crate::storage::{StorageError, files};
use crate::store::Store;

/// What a backup did.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct BackupReport {
    /// Files that were copied.
    pub copied: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Files that were there already.
    pub kept: u64,
    /// Files of the store that are lost or damaged, those that are reached only through a symbolic link, and those that their names tell the
    /// content of and of which the backup has no true copy. Of all others the backup keeps the copy that it has.
    pub damaged: Vec<Utf8PathBuf>,
    /// Files outside the root that the configuration names, as far as the backup holds them.
    pub outside: Vec<OutsideFile>,
    /// Files that the configuration names and that no backup holds: [`NamedFileKind::NamedOnly`].
    pub named_only: Vec<NamedFile>,
    /// Files that the configuration names and that could not be read.
    pub unsaved: Vec<UnsavedFile>,
}

/// See [`Store::lost_references`].
pub(crate) fn lost_references(store: &Store) -> Result<Vec<Utf8PathBuf>, Error> {
    Ok(Plan::of(store)?.lost.iter().map(plan::reference_of).collect())
}

/// See [`Store::backup_files`].
pub(crate) fn backup_files(store: &Store, named: &[NamedFile]) -> Result<Vec<Utf8PathBuf>, Error> {
    refuse_all_linked(store)?;
    let mut plan = Plan::of(store)?;
    plan.leave_out(store.root(), named);
    let configured = configured::configured(store.root(), named, &plan.plain)?.into_iter();
    let configured =
        configured.map(|one| OutsideFile::of(&one.saved_as).map_or(one.saved_as, |outside| outside.path));
    let digests = plan.named.into_iter().map(|original| original.path);
    let published = plan.publications.into_iter().flat_map(|publication| {
        let record = publication.record.0;
        publication.files.into_iter().map(|original| original.path).chain([record])
    });
    let captured = plan.captured.into_iter().map(|(path, _)| path);
    let links = plan.links.into_iter().map(|(path, _)| path);
    let mut seen = std::collections::BTreeSet::new();
    let all = digests.chain(plan.plain).chain(configured).chain(published).chain(captured).chain(links);
    Ok(all.filter(|path| seen.insert(path.clone())).collect())
}

/// See [`Store::backup_with`].
pub(crate) fn backup_with(
    store: &Store,
    to: &Utf8Path,
    named: &[NamedFile],
    context: &Context,
) -> Result<BackupReport, Error> {
    check_backup_place(store, to)?;
    refuse_all_linked(store)?;
    let mut plan = Plan::of(store)?;
    plan.leave_out(store.root(), named);
    kept::keep_lost(store, &mut plan, &StorePaths::of_backup(to))?;
    let configured = configured::configured(store.root(), named, &plan.plain)?;
    let target = Target::new((store.root(), store.paths()), to)?;
    let mut total = Amount::default();
    let published = plan.publications.iter().flat_map(|publication| &publication.files);
    plan.named.iter().chain(published).for_each(|original| total.add(original.size));
    let phase = context.progress.begin(Phase::Copying, total);
    let mut damaged = target.copy_all(&plan.named, (context, &phase))?;
    damaged.extend(plan.damaged.iter().cloned());
    let spoiled = configured::spoiled(named);
    damaged.extend(spoiled.iter().map(|path| path.to_path_buf()));
    for path in &plan.plain {
        // The copy from earlier may be the only good one.
        let is_kept = spoiled.contains(path.as_path()) && target.has(path)?;
        if !is_kept && !target.copy_changed(path)? {
            damaged.push(path.clone());
        }
    }
    let (unsaved, emptied) = target.copy_configured(&configured)?;
    damaged.extend(emptied);
    let mut records = Vec::new();
    for publication in &plan.publications {
        let mut missing = target.copy_all(&publication.files, (context, &phase))?;
        // A record without its files would be restored as damage.
        let Some(gone) = target.gone(store, publication)? else { continue };
        missing.extend(gone);
        if missing.is_empty() {
            records.push(publication.record.clone());
        }
        damaged.extend(missing);
    }
    phase.finish();
    target.sync()?;
    let missing = complete::missing(&Store::at(to), plan.heads())?;
    if missing.is_empty() {
        target.write_captured(&plan, &records)?;
        target.write_format(&plan)?;
    }
    damaged.extend(missing);
    let places = configured::places(store.root(), named)?;
    let kept = plan.plain.iter().chain(&places);
    let is_of_configuration = |path: &&Utf8Path| path.starts_with("repo.d") || *path == "repo.toml";
    let is_whole = !damaged.iter().map(Utf8PathBuf::as_path).any(|path| is_of_configuration(&path));
    target.forget_all_but(&kept.map(Utf8PathBuf::as_path).collect::<Vec<_>>(), is_whole)?;
    target.sync()?;
    let mut report = target.finish(damaged)?;
    report.outside = configured
        .iter()
        .filter(|one| unsaved.iter().all(|unsaved| unsaved.file != one.file))
        .filter_map(|one| OutsideFile::of(&one.saved_as))
        .collect();
    report.named_only = named.iter().filter(|file| file.kind == NamedFileKind::NamedOnly).cloned().collect();
    report.unsaved = unsaved;
    Ok(report)
}

/// Refuses a store of which a directory is a link: what lies there would be left out, and be removed from a backup that has it.
fn refuse_all_linked(store: &Store) -> Result<(), Error> {
    Ok(own_directories::refuse_all_linked(&store.root().join("store"))?)
}

/// Refuses a place for a backup that would harm: the store itself, whose `public` is served to everybody, and the backup of
/// another store, whose references would be replaced by those of this one.
fn check_backup_place(store: &Store, to: &Utf8Path) -> Result<(), Error> {
    let root = store.root();
    let real = |path: &Utf8Path| files::canonical(path).map_err(Error::io("find", path));
    let real_root = real(root)?;
    // What is still to be made lies below the nearest directory that is there.
    let absolute = camino::absolute_utf8(to).map_err(Error::io("find", to))?;
    let there = absolute.ancestors().find(|path| files::metadata(path).is_ok());
    let place = there.map(real).transpose()?.unwrap_or_default();
    // `public` may be a link to another place.
    let public = files::canonical(&real_root.join("public")).unwrap_or_else(|_| real_root.join("public"));
    if place.starts_with(&real_root) || place.starts_with(&public) || real_root.starts_with(&absolute) {
        return Err(Error::Maintenance(MaintenanceError::BackupInStore {
            path: to.to_owned(),
            root: root.to_owned(),
        }));
    }
    // The log only grows: that of a backup and that of its store begin alike.
    let backup = StorePaths::of_backup(to);
    let theirs = files::read_if_present(backup.at(LOG))?.unwrap_or_default();
    let ours = files::read_if_present(&root.join(LOG))?.unwrap_or_default();
    if !kept::is_of_one_store(store, &ours, (&theirs, &backup)) {
        return Err(Error::Maintenance(MaintenanceError::OtherBackup { path: to.to_owned() }));
    }
    Ok(())
}

const FORMAT: &str = "store/format";
const LOG: &str = "store/ops/log";

/// Where files lie on their way, in the directory that is written to; as long as it is there the work is not done.
const INCOMPLETE: &str = ".incomplete";

/// The directory a backup or a store is written to.
struct Target<'a> {
    from: &'a Utf8Path,
    to: &'a Utf8Path,
    /// The paths of both: nothing in a backup is reached through a link, and nothing in the `public` of a store.
    original: StorePaths,
    copy: StorePaths,
    next: AtomicU64,
    changed: Mutex<Vec<Utf8PathBuf>>,
    /// Directories that are as they should be.
    made: Mutex<HashSet<Utf8PathBuf>>,
    /// Files of publications, and whether they are there: several publications have the same.
    looked_at: Mutex<HashMap<Utf8PathBuf, bool>>,
    copied: AtomicU64,
    bytes: AtomicU64,
    kept: AtomicU64,
}

impl<'a> Target<'a> {
    fn new((from, original): (&'a Utf8Path, StorePaths), to: &'a Utf8Path) -> Result<Self, Error> {
        let mut changed = files::create_directories(to)?;
        let copy = StorePaths::of_backup(to);
        // It stays while it is emptied: it says that the work was begun.
        for name in files::names_in(copy.at(INCOMPLETE))? {
            files::remove_if_present(copy.at(Utf8Path::new(INCOMPLETE).join(name)))?;
        }
        changed.extend(files::create_directories(copy.at(INCOMPLETE))?);
        // Keys pass through it.
        files::set_mode(copy.at(INCOMPLETE), mode::SECRET_DIRECTORY)?;
        Ok(Self {
            from,
            to,
            original,
            copy,
            next: AtomicU64::new(0),
            changed: Mutex::new(changed),
            made: Mutex::default(),
            looked_at: Mutex::default(),
            copied: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            kept: AtomicU64::new(0),
        })
    }

    fn note(&self, paths: impl IntoIterator<Item = Utf8PathBuf>) {
        let mut changed = self.changed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        changed.extend(paths);
    }

    fn temporary(&self) -> At<'_> {
        let name = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        self.copy.at(Utf8Path::new(INCOMPLETE).join(name))
    }

    /// Makes the directories of a path from the root, with the modes of the table.
    fn parent(&self, path: &Utf8Path) -> Result<(), Error> {
        let Some(parent) = path.parent().filter(|parent| !parent.as_str().is_empty()) else { return Ok(()) };
        let full = self.to.join(parent);
        // One that is there may be what a backup that was cut short had made and not yet closed to others.
        let is_new = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(full.clone());
        let at = self.copy.at(parent);
        if !is_new && at.is_directory().map_err(Error::io("look at", &full))? {
            return Ok(());
        }
        let changed = files::create_directories(self.copy.at(parent))?;
        for directory in parent.ancestors().filter(|directory| !directory.as_str().is_empty()) {
            if let Some(mode) = self.mode_of_directory(directory) {
                files::set_mode(self.copy.at(directory), mode)?;
            }
        }
        self.note(changed);
        Ok(())
    }

    /// The mode of a directory: that of the table, or of the original, which may be closed because of what is in it.
    fn mode_of_directory(&self, directory: &Utf8Path) -> Option<u32> {
        if directory == OUTSIDE {
            // What lies in it may come from directories that others could not enter.
            return Some(mode::SECRET_DIRECTORY);
        }
        match Permission::of(directory, EntryKind::Directory).map(|line| line.mode) {
            Some(ModeRule::Exactly(mode)) => Some(mode),
            Some(ModeRule::AtMost(_)) => None,
            None if directory.starts_with(OUTSIDE) => None,
            None => {
                let original = files::metadata(&self.from.join(directory)).ok()?;
                Some(original.permissions().mode() & mode::ADMINISTRATION_DIRECTORY | 0o700)
            }
        }
    }

    /// The mode of a copy: that of the table, or the original's as far as the table lets it.
    fn mode_of_copy(&self, path: &Utf8Path, original: u32) -> u32 {
        let line = Permission::of(path, EntryKind::File);
        let own = original & 0o777;
        line.map_or(own & mode::ADMINISTRATION, |line| line.mode.corrected(own))
    }

    fn mode(&self, path: &Utf8Path) -> Result<u32, Error> {
        let status = self.original.at(path).status().map_err(Error::io("look at", self.from.join(path)))?;
        Ok(self.mode_of_copy(path, status.mode))
    }

    /// Whether the copy has something at a path.
    fn has(&self, path: &Utf8Path) -> Result<bool, Error> {
        let at = self.copy.at(path);
        at.exists().map_err(Error::io("look at", &*at.full()))
    }

    fn note_kept(&self) {
        self.kept.fetch_add(1, Ordering::Relaxed);
    }

    fn place(&self, temporary: At<'_>, path: &Utf8Path) -> Result<(), Error> {
        let full = self.to.join(path);
        files::rename(temporary, self.copy.at(path)).map_err(Error::io("create", &full))?;
        let size = self.copy.at(path).status().map_err(Error::io("look at", &full))?.size;
        self.copied.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(size, Ordering::Relaxed);
        let parent = full.parent().map(Utf8Path::to_owned);
        self.note(parent.into_iter().chain([full]));
        Ok(())
    }

    /// Copies a file whose content its digest names, unless it is there. Says whether it is there in the end.
    fn copy_named(&self, path: &Utf8Path, digest: Digest, tell: &Tell<'_>) -> Result<bool, Error> {
        let looked_at = || self.looked_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(there) = looked_at().get(path) {
            return Ok(*there);
        }
        let there = self.copy_named_once(path, digest, tell)?;
        // Of blobs and objects each is named once, and there are very many.
        if path.starts_with("public") {
            looked_at().insert(path.to_owned(), there);
        }
        Ok(there)
    }

    fn copy_named_once(&self, path: &Utf8Path, digest: Digest, tell: &Tell<'_>) -> Result<bool, Error> {
        let from = self.from.join(path);
        let size = |at: &At<'_>| match at.status_if_present() {
            Ok(found) => Ok(found.filter(Status::is_file).map(|found| found.size)),
            Err(error) => Err(Error::io("look at", &*at.full())(error)),
        };
        let there = size(&self.copy.at(path))?;
        if size(&self.original.at(path))? == there && there.is_some() {
            self.note_kept();
            return Ok(true);
        }
        self.parent(path)?;
        let temporary = self.temporary();
        let mode = self.mode(path).unwrap_or(mode::IMMUTABLE);
        match copy_told(self.original.at(path), &temporary, digest, mode, tell) {
            Ok(true) => self.place(temporary, path).map(|()| true),
            Ok(false) => Ok(false),
            // Collected since it was listed; if it was needed, the next look at the backup shows.
            Err(StorageError::Io { path, source, .. })
                if path == from && source.kind() == std::io::ErrorKind::NotFound =>
            {
                Ok(false)
            }
            // Others put something else in the place of a published file.
            Err(StorageError::UnsafePath { fault: PathFault::NotAFile, .. })
                if path.starts_with("public") =>
            {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Copies files that their digests name, and returns those that are damaged.
    fn copy_all(
        &self,
        named: &[Original],
        (context, phase): (&Context, &Running<'_>),
    ) -> Result<Vec<Utf8PathBuf>, Error> {
        let results = parallel_map(named, context.threads, |Original { path, digest, size }| {
            phase.check()?;
            let told = Cell::new(0);
            let there = self.copy_named(path, *digest, &|bytes| {
                told.set(told.get() + bytes);
                phase.advance(0, bytes).map_err(std::io::Error::other)
            });
            // What a cancelled copy fails with is no fault of the file.
            phase.advance(1, size.saturating_sub(told.get()))?;
            there
        });
        let mut damaged = Vec::new();
        for (Original { path, .. }, result) in named.iter().zip(results) {
            let at = self.original.at(path);
            if !result? && at.exists().map_err(Error::io("look at", &*at.full()))? {
                damaged.push(path.clone());
            }
        }
        Ok(damaged)
    }

    /// Returns the files of a publication that neither the store nor the backup has; `None` when the publication is being taken away: that
    /// is noted before, and its record goes last.
    fn gone(&self, store: &Store, publication: &PublishedFiles) -> Result<Option<Vec<Utf8PathBuf>>, Error> {
        let mut gone = Vec::new();
        let is_there = |at: At<'_>| at.exists().map_err(Error::io("look at", &*at.full()));
        for Original { path, .. } in &publication.files {
            if !is_there(self.copy.at(path))? && !is_there(self.original.at(path))? {
                gone.push(path.clone());
            }
        }
        let is_going = || going(store, &publication.repository).contains(&publication.id);
        let is_taken_away =
            !gone.is_empty() && (is_going() || !is_there(self.original.at(&publication.record.0))?);
        Ok((!is_taken_away).then_some(gone))
    }

    /// Writes what refers to other files, and removes what does not exist any more.
    fn write_captured(&self, plan: &Plan, records: &[(Utf8PathBuf, Vec<u8>)]) -> Result<(), Error> {
        let captured = plan.captured.iter().filter(|(path, _)| path != FORMAT);
        for (path, bytes) in records.iter().chain(captured) {
            self.write(path, bytes)?;
        }
        for (path, target) in &plan.links {
            let full = self.to.join(path);
            let at = self.copy.at(path);
            let found = at.read_link_if_present().map_err(Error::io("read", &full))?;
            if found.is_some_and(|found| found == *target) {
                continue;
            }
            self.parent(path)?;
            files::point(at, target.as_str(), self.temporary())?;
            self.note(full.parent().map(Utf8Path::to_owned));
        }
        for area in plan::mutable_areas() {
            for path in plan::files_below(&self.copy, &area)? {
                if !plan.captured.iter().any(|(kept, _)| *kept == path) {
                    files::remove_if_present(self.copy.at(&path))?;
                }
            }
        }
        Ok(())
    }

    /// Writes the number of the format, durably: after all else is, for this makes it a store.
    fn write_format(&self, plan: &Plan) -> Result<(), Error> {
        self.sync()?;
        for (path, bytes) in plan.captured.iter().filter(|(path, _)| path == FORMAT) {
            self.write(path, bytes)?;
        }
        self.sync()
    }

    /// Writes a file in one step, unless it is as it should be.
    fn write(&self, path: &Utf8Path, bytes: &[u8]) -> Result<(), Error> {
        if files::read_if_present(self.copy.at(path)).ok().flatten().as_deref() == Some(bytes) {
            self.note_kept();
            return Ok(());
        }
        self.parent(path)?;
        let temporary = self.temporary();
        let line = Permission::of(path, EntryKind::File).map(|line| line.mode.corrected(0));
        files::write_new(temporary.clone(), bytes, line.unwrap_or(mode::MUTABLE))?;
        self.place(temporary, path)
    }

    fn sync(&self) -> Result<(), Error> {
        let changed =
            std::mem::take(&mut *self.changed.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        Ok(self.copy.sync_all(changed)?)
    }

    fn finish(self, mut damaged: Vec<Utf8PathBuf>) -> Result<BackupReport, Error> {
        damaged.sort_unstable();
        damaged.dedup();
        files::remove_tree(self.copy.at(INCOMPLETE))
            .map_err(Error::io("remove", self.to.join(INCOMPLETE)))?;
        Ok(BackupReport {
            copied: self.copied.into_inner(),
            bytes: self.bytes.into_inner(),
            kept: self.kept.into_inner(),
            damaged,
            ..BackupReport::default()
        })
    }
}

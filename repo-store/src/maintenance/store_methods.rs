//! What [`Store`] offers to look after a store. Each method calls the file that is about it.

use camino::{Utf8Path, Utf8PathBuf};

use crate::context::Context;
use crate::error::Error;
use crate::maintenance::backup::{BackupPlan, BackupReport, NamedFile, RestorePlan, RestoreReport};
use crate::maintenance::fsck::{CopySource, FsckOptions, FsckReport, RepairPlan, RepairReport};
use crate::maintenance::gc::{GcOptions, GcPlan, GcReport};
use crate::maintenance::hook_spool::{HookDelivery, RetryLock};
use crate::maintenance::upkeep::{Upkeep, UpkeepKind, UpkeepRun};
use crate::storage::format::Format;
use crate::store::Store;

impl Store {
    /// Finds out what [`backup_with`](Self::backup_with) would copy to a directory, and writes nothing.
    ///
    /// # Errors
    /// When the store or the backup cannot be read, and for a place that no backup can be in.
    pub fn plan_backup(&self, to: &Utf8Path, named: &[NamedFile]) -> Result<BackupPlan, Error> {
        super::backup::foreseen::plan_backup(self, to, named)
    }

    /// Finds out what [`restore`](Self::restore) would copy, and writes nothing.
    ///
    /// # Errors
    /// Those of `restore` that can be known before.
    pub fn plan_restore(from: &Utf8Path, to: &Utf8Path) -> Result<RestorePlan, Error> {
        super::backup::foreseen::plan_restore(from, to)
    }

    /// Returns the references that the store lost: a backup made now would lack them, or keep them as they were.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn lost_references(&self) -> Result<Vec<Utf8PathBuf>, Error> {
        super::backup::lost_references(self)
    }

    /// Returns the files that a backup must hold, those first that others refer to: from the root, but those outside it, which
    /// the configuration names, by their absolute paths.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn backup_files(&self, named: &[NamedFile]) -> Result<Vec<Utf8PathBuf>, Error> {
        super::backup::backup_files(self, named)
    }

    /// Brings the backup in the directory `to` up to date, as [`backup_with`](Self::backup_with) does, without any file that a
    /// configuration names.
    ///
    /// # Errors
    /// As those of `backup_with`.
    pub fn backup(&self, to: &Utf8Path, context: &Context) -> Result<BackupReport, Error> {
        self.backup_with(to, &[], context)
    }

    /// Brings the backup in the directory `to`, which is made if need be, up to date.
    ///
    /// `named` are the files that the configuration names. Those outside the root are held in `outside`, by their absolute paths. One
    /// that cannot be read is named in the report; a copy of it from earlier stays.
    ///
    /// Every file is compared with its hash while it is copied. What is damaged is left out and named in the report; if the
    /// backup has no true copy from earlier, then its references stay as they were. When this returns, the backup is durable.
    ///
    /// # Errors
    /// When the store cannot be read or the backup not written.
    pub fn backup_with(
        &self,
        to: &Utf8Path,
        named: &[NamedFile],
        context: &Context,
    ) -> Result<BackupReport, Error> {
        super::backup::backup_with(self, to, named, context)
    }

    /// Makes a store in `to`, a new or empty directory, from the backup in `from`, which may be any copy of the files that
    /// [`backup_files`](Self::backup_files) names. When this returns, the store is durable.
    ///
    /// The published trees are as they were, to the byte and the second: names that are links are made again. A restoration that
    /// was cut short goes on when it is begun again. Nothing is written but below `to`: files from outside the root of the first
    /// store go to `outside` in there. No link in the backup is followed for them, nor for the configuration and the keys.
    ///
    /// # Errors
    /// `NoStore` when `from` is not a backup, `StoreExists` when `to` is the root of a store, `NotEmpty` when something else is in it, and
    /// `UnsafePath` when something in the store of the backup is a link or not a regular file, all of [`StorageError`](crate::storage::StorageError).
    pub fn restore(
        from: &Utf8Path,
        to: &Utf8Path,
        context: &Context,
    ) -> Result<(Self, RestoreReport), Error> {
        super::backup::restore::restore(from, to, context)
    }

    /// Checks everything.
    ///
    /// ```no_run
    /// # fn f(store: &repo_store::Store, context: &repo_store::Context) -> Result<(), repo_store::Error> {
    /// let report = store.fsck(&repo_store::maintenance::fsck::FsckOptions::default(), context)?;
    /// for problem in &report.problems {
    ///     eprintln!("{problem}");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When not even the references can be listed. Everything else that cannot be read is part of the report.
    pub fn fsck(&self, options: &FsckOptions<'_>, context: &Context) -> Result<FsckReport, Error> {
        super::fsck::fsck(self, options, context)
    }

    /// Checks everything and puts right what can be: modes; names in the published trees; damaged and missing files with
    /// a true copy in one of `sources`, which are asked in that order; files of indices that can be made again to the byte.
    ///
    /// A copy is taken only when its hash is that of the file it replaces. A publication that clients no longer see under `dists`, and that
    /// has lost a file for good, is withdrawn: its files move to `store/damaged/`, and its archive root goes. What clients see
    /// under `dists` is never withdrawn; when a part of it is lost and it is the present state, it is
    /// [published](FsckOptions::publish) again first.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn repair(
        &self,
        options: &FsckOptions<'_>,
        sources: &[CopySource<'_>],
        context: &Context,
    ) -> Result<RepairReport, Error> {
        super::fsck::repair::repair(self, options, sources, None, context)
    }

    /// Finds out what [`repair`](Self::repair) would do, and changes nothing. Places that are [reached by other means](CopySource::Remote)
    /// are asked for nothing that would have to be kept.
    ///
    /// ```
    /// use repo_store::{Context, Store};
    /// use repo_store::maintenance::fsck::FsckOptions;
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let store = Store::create(camino::Utf8Path::from_path(directory.path()).unwrap())?;
    /// let (options, context) = (FsckOptions::default(), Context::new("doc", jiff::Timestamp::now()));
    /// let plan = store.plan_repair(&options, &[], &context)?;
    /// for step in plan.steps() {
    ///     println!("{}: {}", step.problem, step.means);
    /// }
    /// let report = plan.apply(&store, &options, &[], &context)?;
    /// assert!(report.remaining.is_clean());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`fsck`](Self::fsck).
    pub fn plan_repair(
        &self,
        options: &FsckOptions<'_>,
        sources: &[CopySource<'_>],
        context: &Context,
    ) -> Result<RepairPlan, Error> {
        super::fsck::repair::plan_repair(self, options, sources, context)
    }

    /// Returns whether somebody is collecting garbage at the moment.
    #[must_use]
    pub fn is_collecting_garbage(&self) -> bool {
        super::gc::is_collecting_garbage(self)
    }

    /// Finds out what [`collect_garbage`](Self::collect_garbage) would remove, and changes nothing.
    ///
    /// ```
    /// use repo_store::{Context, Store};
    /// use repo_store::maintenance::gc::GcOptions;
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let store = Store::create(camino::Utf8Path::from_path(directory.path()).unwrap())?;
    /// let context = Context::new("doc", jiff::Timestamp::now());
    /// let plan = store.plan_gc(&GcOptions::default(), &context)?;
    /// println!("{} files, {} bytes", plan.removed().len(), plan.freed());
    /// let report = plan.apply(&store, &context)?;
    /// assert_eq!(report.removed, plan.removed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Files that a process left behind in the store's waiting room when it died are removed all the same.
    ///
    /// # Errors
    /// When anything cannot be read that says what is kept.
    pub fn plan_gc(&self, options: &GcOptions, context: &Context) -> Result<GcPlan, Error> {
        super::gc::plan::plan_gc(self, options, context)
    }

    /// Removes what nothing refers to and nothing under way may need.
    ///
    /// Safe while others add, publish and read: see the source of `maintenance/gc`. With a grace period of zero nobody may be rolling
    /// back or reading old publications.
    ///
    /// # Errors
    /// When anything cannot be read that says what is kept; nothing is removed then. When a file cannot be removed; what was
    /// removed before was garbage, and the next collection goes on.
    pub fn collect_garbage(&self, options: &GcOptions, context: &Context) -> Result<GcReport, Error> {
        super::gc::collect_garbage(self, options, context)
    }

    /// Brings the store to [the format that is written](Format::WRITTEN), durably, unless it has a later one. Versions that do not know that format refuse the store from
    /// then on. Returns the format before.
    ///
    /// Until something is written, [`undo_upgrade`](Self::undo_upgrade) leads back.
    ///
    /// # Errors
    /// [`StorageError::InUse`](crate::storage::StorageError::InUse) when another process is writing: it may be an older version, which would go on in the old format.
    pub fn upgrade(&mut self) -> Result<Format, Error> {
        super::upgrade::upgrade(self)
    }

    /// Takes an upgrade back, durably, and returns the format that the store has again.
    ///
    /// # Errors
    /// [`MaintenanceError::NoWayBack`](crate::error::MaintenanceError::NoWayBack) when something was written since the upgrade, or there was none.
    pub fn undo_upgrade(&mut self) -> Result<Format, Error> {
        super::upgrade::undo_upgrade(self)
    }

    /// Returns what was last done to look after the store.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn upkeep(&self) -> Result<Upkeep, Error> {
        super::upkeep::upkeep(self)
    }

    /// Notes a run that looked after the store, in place of the one before.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn note_upkeep(&self, kind: UpkeepKind, run: &UpkeepRun) -> Result<(), Error> {
        super::upkeep::note_upkeep(self, kind, run)
    }

    /// Returns the events that are to be delivered to hooks, and those that are remembered, by hook and from the oldest on.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn hook_deliveries(&self) -> Result<Vec<HookDelivery>, Error> {
        super::hook_spool::hook_deliveries(self)
    }

    /// Keeps events durably until they are delivered to their hooks, but none that a hook has already. Returns how many older events had to
    /// be dropped: [`MOST_WAITING`](crate::maintenance::hook_spool::MOST_WAITING) wait for one hook at most.
    ///
    /// # Errors
    /// When the store cannot be read or written. Some of the events may be kept then.
    pub fn spool_for_hooks(&self, new: &[HookDelivery]) -> Result<usize, Error> {
        super::hook_spool::spool(self, new)
    }

    /// Replaces or removes a delivery if it is still as it was `seen`, and returns whether it was: of several who want to make it one does.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn replace_hook_delivery(
        &self,
        seen: &HookDelivery,
        new: Option<&HookDelivery>,
    ) -> Result<bool, Error> {
        super::hook_spool::replace(self, seen, new)
    }

    /// Makes this process the one that tries again what could not be delivered; `None` when another one does.
    ///
    /// # Errors
    /// When the lock cannot be had.
    pub fn lock_hook_retries(&self) -> Result<Option<RetryLock>, Error> {
        super::hook_spool::lock_retries(self)
    }
}

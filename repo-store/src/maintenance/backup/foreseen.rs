//! What a backup or a restoration would copy, found out without writing anything.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::complete;
use super::configured::{NamedFile, configured, is_emptied, spoiled};
use super::kept::keep_lost;
use super::plan::{Original, Plan};
use super::{BackupReport, RestoreReport};
use crate::context::Context;
use crate::error::Error;
use crate::maintenance::backup::{check_backup_place, refuse_all_linked};
use crate::publish::{Publication, Source, TreeEntry};
use crate::storage::beneath::{At, Status, StorePaths};
use crate::storage::files;
use crate::storage::format::Format;
use crate::storage::obstacle::Obstacle;
use crate::store::Store;

/// A file that would be copied.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct PlannedCopy {
    /// Where the copy would lie in the backup, or in the restored store.
    pub path: Utf8PathBuf,
    /// Its size in bytes.
    pub size: u64,
}

/// What a backup would copy. [`Store::plan_backup`] makes it.
///
/// Package files, objects and published files are compared by their names and sizes: which of them are damaged is found out when they are
/// copied.
#[derive(Clone, Debug, serde::Serialize)]
#[must_use = "a plan changes nothing until it is applied"]
pub struct BackupPlan {
    to: Utf8PathBuf,
    copies: Vec<PlannedCopy>,
    kept: u64,
    damaged: Vec<Utf8PathBuf>,
    #[serde(skip)]
    named: Vec<NamedFile>,
}

impl BackupPlan {
    /// Returns the files that would be copied, in order.
    #[must_use]
    pub fn copies(&self) -> &[PlannedCopy] {
        &self.copies
    }

    /// Returns how many bytes would be copied.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.copies.iter().map(|copy| copy.size).sum()
    }

    /// Returns how many files are in the backup already.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// Returns the files of the store that are lost or damaged, and that the backup would therefore lack or keep as they were.
    #[must_use]
    pub fn damaged(&self) -> &[Utf8PathBuf] {
        &self.damaged
    }

    /// Makes the backup: of the state that the store has then, which may be a later one than that of the plan.
    ///
    /// # Errors
    /// Those of [`Store::backup_with`].
    pub fn apply(&self, store: &Store, context: &Context) -> Result<BackupReport, Error> {
        store.backup_with(&self.to, &self.named, context)
    }
}

/// What a restoration would copy. [`Store::plan_restore`] makes it.
///
/// Files of the backup are not read, but for what refers to others.
#[derive(Clone, Debug, serde::Serialize)]
#[must_use = "a plan changes nothing until it is applied"]
pub struct RestorePlan {
    from: Utf8PathBuf,
    to: Utf8PathBuf,
    copies: Vec<PlannedCopy>,
    publications: u64,
}

impl RestorePlan {
    /// Returns the files that would be copied, in order.
    #[must_use]
    pub fn copies(&self) -> &[PlannedCopy] {
        &self.copies
    }

    /// Returns how many bytes would be copied.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.copies.iter().map(|copy| copy.size).sum()
    }

    /// Returns how many publications would be made again.
    #[must_use]
    pub fn publications(&self) -> u64 {
        self.publications
    }

    /// Restores the store.
    ///
    /// # Errors
    /// Those of [`Store::restore`].
    pub fn apply(&self, context: &Context) -> Result<(Store, RestoreReport), Error> {
        Store::restore(&self.from, &self.to, context)
    }
}

/// The files that would be copied, sorted out while they are gone through.
struct Copies {
    copy: StorePaths,
    copies: Vec<PlannedCopy>,
    kept: u64,
    /// Several publications have the same files.
    seen: BTreeSet<Utf8PathBuf>,
}

impl Copies {
    fn new(to: &Utf8Path) -> Self {
        let copy = StorePaths::of_backup(to);
        Self { copy, copies: Vec::new(), kept: 0, seen: BTreeSet::new() }
    }

    fn note(&mut self, path: Utf8PathBuf, size: u64, is_there: bool) {
        if is_there {
            self.kept += 1;
        } else {
            self.copies.push(PlannedCopy { path, size });
        }
    }

    /// A file whose content its digest names.
    fn named(&mut self, path: &Utf8Path, size: u64) -> Result<(), Error> {
        if self.seen.insert(path.to_owned()) {
            let at = self.copy.at(path);
            let found = at.status_if_present().map_err(Error::io("look at", &*at.full()))?;
            let is_there = found.filter(Status::is_file).is_some_and(|found| found.size == size);
            self.note(path.to_owned(), size, is_there);
        }
        Ok(())
    }

    /// A file with that content.
    fn content(&mut self, path: &Utf8Path, bytes: &[u8]) {
        let there = files::read_if_present(self.copy.at(path)).ok().flatten();
        self.note(path.to_owned(), bytes.len() as u64, there.as_deref() == Some(bytes));
    }

    /// A file below the root of the original, where no link is followed; what cannot be read is not copied.
    /// Returns whether it can be read, or is gone.
    fn plain(&mut self, root: &Utf8Path, path: &Utf8Path) -> bool {
        let read = files::read_kept(&root.join(path));
        if let Ok(Some(bytes)) = &read {
            if is_emptied(bytes, self.copy.at(path)) {
                return false;
            }
            self.content(path, bytes);
        }
        read.is_ok()
    }

    /// A file of the original that may have changed. Returns whether it would be copied: what cannot be read would not, nor what has lost its
    /// content.
    fn changing(&mut self, source: &Utf8Path, path: &Utf8Path) -> bool {
        let Ok(Some(bytes)) = files::read_if_present(source) else { return false };
        let is_sound = !is_emptied(&bytes, self.copy.at(path));
        if is_sound {
            self.content(path, &bytes);
        }
        is_sound
    }

    /// Refuses what lies where a directory of the copy belongs.
    fn check_directories(&self) -> Result<(), Error> {
        let parents: BTreeSet<&Utf8Path> = self.copies.iter().filter_map(|copy| copy.path.parent()).collect();
        for parent in parents {
            let at = self.copy.at(parent);
            at.open_if_present().map_err(Error::io("open", &*at.full()))?;
        }
        Ok(())
    }

    fn finish(mut self) -> (Vec<PlannedCopy>, u64) {
        self.copies.sort_by(|a, b| a.path.cmp(&b.path));
        (self.copies, self.kept)
    }
}

/// Refuses a place in which no directory can be made, or nothing in the directory that is there.
fn check_can_be_made(to: &Utf8Path) -> Result<(), Error> {
    if let Some(obstacle) = Obstacle::at(to) {
        let path = obstacle.path.clone();
        return Err(Error::io("create", path)(obstacle.into_error()));
    }
    files::check_writable(to).map_err(Error::io("create", to))
}

/// See [`Store::plan_backup`].
pub(crate) fn plan_backup(store: &Store, to: &Utf8Path, named: &[NamedFile]) -> Result<BackupPlan, Error> {
    check_backup_place(store, to)?;
    refuse_all_linked(store)?;
    check_can_be_made(to)?;
    let mut plan = Plan::of(store)?;
    plan.leave_out(store.root(), named);
    let copy = StorePaths::of_backup(to);
    keep_lost(store, &mut plan, &copy)?;
    let mut found = Copies::new(to);
    let published = plan.publications.iter().flat_map(|publication| &publication.files);
    for original in plan.named.iter().chain(published) {
        found.named(&original.path, original.size)?;
    }
    let exists = |at: At<'_>| at.exists().map_err(Error::io("look at", &*at.full()));
    let spoiled = spoiled(named);
    let mut damaged: BTreeSet<Utf8PathBuf> = plan.damaged.iter().cloned().collect();
    damaged.extend(spoiled.iter().map(|path| path.to_path_buf()));
    for path in &plan.plain {
        if spoiled.contains(path.as_path()) && exists(copy.at(path))? {
            continue;
        }
        if !found.plain(store.root(), path) {
            damaged.insert(path.clone());
        }
    }
    for one in configured(store.root(), named, &plan.plain)? {
        let is_file = files::open_regular(&one.source).is_ok();
        if !is_file || !found.changing(&one.source, &one.saved_as) {
            damaged.insert(one.file.path.clone());
        }
    }
    for publication in &plan.publications {
        for Original { path, .. } in &publication.files {
            if !exists(copy.at(path))?
                && !exists(store.paths().at(path))?
                && exists(store.paths().at(&publication.record.0))?
            {
                damaged.insert(path.clone());
            }
        }
    }
    for path in complete::missing(store, plan.heads())? {
        if !exists(copy.at(&path))? {
            damaged.insert(path);
        }
    }
    let records = plan.publications.iter().map(|publication| &publication.record);
    records.chain(&plan.captured).for_each(|(path, bytes)| found.content(path, bytes));
    found.check_directories()?;
    let (copies, kept) = found.finish();
    let damaged = damaged.into_iter().collect();
    Ok(BackupPlan { to: to.to_owned(), copies, kept, damaged, named: named.to_vec() })
}

/// See [`Store::plan_restore`].
pub(crate) fn plan_restore(from: &Utf8Path, to: &Utf8Path) -> Result<RestorePlan, Error> {
    super::restore::check_place(to)?;
    check_can_be_made(to)?;
    Format::of(from)?;
    let plan = Plan::of_backup(from)?;
    let mut found = Copies::new(to);
    for original in &plan.named {
        found.named(&original.path, original.size)?;
    }
    for path in &plan.plain {
        let _ = found.plain(from, path);
    }
    for published in &plan.publications {
        let (path, bytes) = &published.record;
        found.content(path, bytes);
        let repository = path.parent().and_then(Utf8Path::file_name).unwrap_or_default();
        let public = Utf8Path::new("public").join(repository);
        let entries = Publication::parse(bytes).map(|publication| publication.entries());
        for TreeEntry { path, source, .. } in entries.into_iter().flatten() {
            match source {
                Source::Index(file) => found.named(&public.join(path), file.size)?,
                // One name after the first is a link.
                Source::Signed { file, first, .. } => found.named(&public.join(first), file.size)?,
                _ => {}
            }
        }
    }
    plan.captured.iter().for_each(|(path, bytes)| found.content(path, bytes));
    found.check_directories()?;
    let (copies, _) = found.finish();
    let publications = plan.publications.len() as u64;
    Ok(RestorePlan { from: from.to_owned(), to: to.to_owned(), copies, publications })
}

//! Folders into which others drop packages: a build server, `scp` or `dput` from a CI job, people.

mod archive;
mod rejected;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use archive::Archive;
use rejected::{REJECTED, reject};

use crate::context::Context;
use crate::error::{Error, ImportError};
use crate::manifest::Part;
use crate::operations::import::{
    AddOptions, AddReport, DropFolder, Files, Origin, Refused, add_from, foresee_from, is_whole, members,
};
use crate::operations::incoming::told::mark_known;
use crate::progress::Amount;
use crate::settings::RepositorySettings;
use crate::storage::beneath::{Kind, Status};
use crate::storage::{FileFault, StorageError, files};
use crate::store::Store;

/// How drop folders are emptied.
#[derive(Clone, Debug)]
pub struct IncomingOptions {
    /// A file that is no valid package is taken for one that is still being written until it has not changed for that
    /// long.
    pub patience: Duration,
    /// Take also what a removal or a rollback [took out](crate::model::Hold), which ends its hold.
    pub despite_hold: bool,
    /// Take only files of these users; `None` for those of anybody. The files of others are left, and not read.
    pub owners: Option<BTreeSet<u32>>,
    /// Copy what was taken to this directory before it is removed from the folder.
    pub archive: Option<Utf8PathBuf>,
    /// Find out what would be done, and change nothing.
    pub dry_run: bool,
    /// How packages are added. Links are never followed and data archives always checked: anybody may write here.
    pub add: AddOptions,
}

impl Default for IncomingOptions {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(60),
            despite_hold: false,
            owners: None,
            archive: None,
            dry_run: false,
            add: AddOptions::default(),
        }
    }
}

/// What became of the files in a drop folder.
#[derive(Debug, serde::Serialize)]
#[non_exhaustive]
pub struct IncomingReport {
    /// What was taken and what was refused. Refused files lie in the folder `rejected`, each with a file that says why.
    pub report: AddReport,
    /// Files left alone, and why.
    pub left: Vec<SkippedFile>,
    /// Why refused files could not be moved to `rejected` and still lie in the folder: the first reason. What was taken is taken all
    /// the same.
    pub not_moved: Option<Error>,
}

/// A file left where it is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct SkippedFile {
    /// The file.
    pub file: Utf8PathBuf,
    /// Why.
    pub why: &'static str,
    /// Whether the last look at the folder found it just like this.
    pub is_known: bool,
}

impl SkippedFile {
    fn new(file: Utf8PathBuf, why: &'static str) -> Self {
        Self { file, why, is_known: false }
    }
}

/// See [`Store::take_incoming`].
pub(crate) fn take_incoming(
    store: &Store,
    repository: &RepositorySettings,
    folder: &Utf8Path,
    options: &IncomingOptions,
    context: &Context,
) -> Result<IncomingReport, Error> {
    repository.check()?;
    // An unreadable or missing folder must not pass for an empty one.
    let opened = DropFolder::open(folder).map_err(Error::io("list", folder))?;
    let opened = opened.of_owners(options.owners.clone());
    let names = files::names_in(opened.handle().at(""))?;
    let Found { candidates, mut left } =
        Found::sort(&opened, &names, repository.uploaders.is_some(), context.now.as_second());
    let no_text = opened.handle().at("").names_that_are_no_text().map_err(Error::io("list", folder))?;
    let no_text = no_text.into_iter().map(|name| opened.handle().path().join(name));
    left.extend(no_text.map(|file| SkippedFile::new(file, "has a name that is not UTF-8")));
    let add = AddOptions {
        keep_going: true,
        check_data: true,
        refuse_links: true,
        refuse_held: true,
        despite_hold: options.despite_hold,
        ..options.add.clone()
    };
    let mut files = Files { paths: candidates.keys().cloned().collect(), total: Amount::default() };
    let seen: BTreeMap<&Utf8PathBuf, u64> =
        candidates.values().flatten().filter_map(|(file, seen)| Some((file, seen.as_ref()?.size))).collect();
    seen.into_values().for_each(|size| files.total.add(size));
    let take = if options.dry_run { foresee_from } else { add_from };
    let mut report = take(store, Origin::folder(&opened), repository, &files, &add, context)?;
    let mut arriving = BTreeSet::new();
    let mut refused = Vec::new();
    for one in std::mem::take(&mut report.refused) {
        let seen = candidates.get(&one.file).map(Vec::as_slice).unwrap_or_default();
        let why = if is_unreadable(&one.error) {
            Some("may not be read by the user who runs this")
        } else if is_arriving(&opened, &one, seen, options.patience, context) {
            Some("is not complete yet")
        } else {
            None
        };
        if let Some(why) = why {
            arriving.insert(one.file.clone());
            left.push(SkippedFile::new(one.file, why));
        } else {
            refused.push(one);
        }
    }
    let mut not_moved = None;
    if !options.dry_run {
        let others_need: BTreeSet<&Utf8PathBuf> = candidates
            .iter()
            .filter(|(file, _)| arriving.contains(*file))
            .flat_map(|(_, seen)| seen.iter().map(|(file, _)| file))
            .collect();
        for one in &mut refused {
            let seen = candidates.get(&one.file).into_iter().flatten().map(|(file, _)| file);
            let members = seen.filter(|file| **file != one.file);
            let members = members.filter(|member| !others_need.contains(member));
            match reject(&opened, one, members) {
                Ok(moved_to) => one.moved_to = moved_to,
                Err(error) => drop(not_moved.get_or_insert(error)),
            }
        }
        let added = report.added.iter().map(|added| &added.file).collect();
        let mut emptying = Emptying { folder: &opened, added, others_need, left: &mut left };
        let is_settled =
            |file: &Utf8PathBuf| !arriving.contains(file) && !refused.iter().any(|one| one.file == *file);
        let settled = candidates.iter().filter(|(file, _)| is_settled(file));
        let kept = emptying.run(settled.map(|(_, seen)| &**seen), options.archive.as_deref())?;
        not_moved = not_moved.or(kept);
    }
    report.refused = refused;
    mark_known(store, &repository.name, &opened, &mut left, options.dry_run)?;
    Ok(IncomingReport { report, left, not_moved })
}

/// Takes out of a folder what is in the store now.
struct Emptying<'a> {
    folder: &'a DropFolder,
    added: BTreeSet<&'a Utf8PathBuf>,
    /// What an upload lists that is not complete yet.
    others_need: BTreeSet<&'a Utf8PathBuf>,
    left: &'a mut Vec<SkippedFile>,
}

impl Emptying<'_> {
    /// Removes what was taken, behind a copy in the archive if there is one. Returns why something could not be archived: it stays in the
    /// folder, and is known when it is looked at again.
    fn run<'c>(
        &mut self,
        settled: impl Iterator<Item = &'c [Seen]>,
        archive: Option<&Utf8Path>,
    ) -> Result<Option<Error>, Error> {
        let archive = match archive.map(Archive::open).transpose() {
            Ok(archive) => archive,
            Err(error) => return Ok(Some(error)),
        };
        let mut not_archived = None;
        for seen in settled {
            // Nothing goes that was not taken, and nothing of an upload whose list is no longer the one that was read first.
            let is_taken = seen.iter().any(|(file, _)| self.added.contains(file));
            if !is_taken || seen.first().is_none_or(|first| !is_unchanged(self.folder, first)) {
                continue;
            }
            let taken: Vec<&Seen> = seen.iter().filter(|one| !self.others_need.contains(&one.0)).collect();
            let kept = archive.as_ref().map_or(Ok(()), |archive| keep_all(archive, self.folder, &taken));
            if let Err(error) = kept {
                not_archived.get_or_insert(error);
                continue;
            }
            match remove_taken(self.folder, taken) {
                // That keeps nothing else from being taken out, and what was taken is in the store.
                Err(Error::Storage(StorageError::Io { path, source, .. })) if is_forbidden(&source) => {
                    let why = "was taken and may not be removed by the user who runs this";
                    self.left.push(SkippedFile::new(path, why));
                }
                result => result?,
            }
        }
        Ok(not_archived)
    }
}

/// Copies what was taken and is still what it was into an archive.
fn keep_all(archive: &Archive, folder: &DropFolder, taken: &[&Seen]) -> Result<(), Error> {
    taken.iter().filter(|one| is_unchanged(folder, one)).try_for_each(|(file, _)| archive.keep(folder, file))
}

/// Removes what was taken and is still what it was. The lists go last, and when the rest is gone for good: what is left when this
/// is cut short is found again by them, and known to be in the store.
fn remove_taken(folder: &DropFolder, mut taken: Vec<&Seen>) -> Result<(), Error> {
    let rank = |(file, _): &&Seen| match file.extension() {
        Some("changes") => 2,
        Some("dsc") => 1,
        _ => 0,
    };
    taken.sort_by_key(rank);
    for (place, one) in taken.iter().enumerate() {
        if place > 0 && rank(one) > 0 {
            files::sync_path(folder.handle().at(""))?;
        }
        if is_unchanged(folder, one) {
            files::remove_if_present(folder.at(&one.0))?;
        }
    }
    Ok(())
}

/// What lies in a drop folder.
#[derive(Default)]
struct Found {
    /// Packages and uploads to add, each with what it looked like and behind it the files that come with it.
    candidates: BTreeMap<Utf8PathBuf, Vec<Seen>>,
    left: Vec<SkippedFile>,
}

impl Found {
    /// Sorts the files at the time `now`, in seconds.
    fn sort(folder: &DropFolder, names: &[String], only_uploads: bool, now: i64) -> Self {
        let mut found = Self::default();
        // Whose lists are not known in full: what they will list is not to be taken alone.
        let mut unread_lists = BTreeSet::new();
        let names = || names.iter().filter(|name| *name != REJECTED);
        for name in names().filter(|name| matches!(Name::of(name), Name::Upload)) {
            let file = folder.handle().path().join(name);
            let first = look(folder, &file);
            if let Some(why) = why_left(folder, &first) {
                found.left.push(SkippedFile::new(file, why));
                continue;
            }
            let mut seen = Vec::new();
            // What else a list names is not its business: it is nothing that comes with an upload.
            let members = members(&file, Origin::folder(folder)).into_iter();
            let members = members.filter(|member| member.file_name().is_some_and(comes_with_an_upload));
            let owner = first.1.map(|first| first.owner);
            if !is_whole(&file, Origin::folder(folder)) {
                unread_lists.extend(owner);
            }
            seen.push(first);
            let members = members.map(|member| look(folder, &member));
            // Where others write too, a list says nothing of their files.
            seen.extend(members.filter(|(_, member)| {
                !folder.is_shared() || member.is_none_or(|member| Some(member.owner) == owner)
            }));
            found.candidates.insert(file, seen);
        }
        let arriving =
            names().filter(|name| name.contains(".changes") && matches!(Name::of(name), Name::Unfinished));
        let arriving = arriving.filter_map(|name| look(folder, &folder.handle().path().join(name)).1);
        unread_lists.extend(arriving.map(|status| status.owner));
        let may_be_listed = |seen: &Seen| {
            seen.1.as_ref().is_some_and(|status| unread_lists.contains(&status.owner))
                || !folder.is_shared() && !unread_lists.is_empty()
        };
        let in_uploads: BTreeSet<Utf8PathBuf> =
            found.candidates.values().flatten().map(|(file, _)| file.clone()).collect();
        for name in names() {
            let file = folder.handle().path().join(name);
            if in_uploads.contains(&file) {
                continue;
            }
            let why = match Name::of(name) {
                Name::Upload => continue,
                Name::Package if !only_uploads => {
                    let seen = look(folder, &file);
                    if let Some(why) = why_left(folder, &seen) {
                        why
                    } else if may_be_listed(&seen) {
                        "may belong to a .changes file that cannot be read in full yet"
                    } else {
                        found.candidates.insert(file, vec![seen]);
                        continue;
                    }
                }
                Name::Package | Name::Part => "belongs to no .changes file",
                Name::Unfinished if is_abandoned(&look(folder, &file), now) => {
                    "has the name of an unfinished copy and has not changed for a day: it is ignored"
                }
                Name::Unfinished => "is still being written",
                Name::Other => why_no_file(&look(folder, &file)).unwrap_or("is not a package or an upload"),
            };
            found.left.push(SkippedFile::new(file, why));
        }
        found
    }
}

/// Why something of the right name is left where it is, before it is read.
fn why_left(folder: &DropFolder, seen: &Seen) -> Option<&'static str> {
    let is_foreign = seen.1.as_ref().is_some_and(|status| !folder.takes_files_of(status.owner));
    why_no_file(seen).or(is_foreign.then_some("belongs to a user who may not drop files here"))
}

/// Why something of the right name is left where it is: only regular files are packages or lists.
fn why_no_file((_, seen): &Seen) -> Option<&'static str> {
    match seen.as_ref()?.kind {
        Kind::File => None,
        Kind::Link => Some("is a symbolic link"),
        Kind::Directory => Some("is a directory"),
        Kind::Other => Some("is not a regular file"),
    }
}

/// Whether a file has not changed for so long that no copy can be going on. The name stays one that is never taken.
fn is_abandoned((_, seen): &Seen, now: i64) -> bool {
    const DAY: i64 = 24 * 3600;
    seen.as_ref().is_some_and(|status| now.saturating_sub(status.modified.0) >= DAY)
}

/// Whether a file of that name can come with an upload: a package, a record of the build, a `.dsc`, a part of a source package or the
/// signature of one.
fn comes_with_an_upload(name: &str) -> bool {
    let is_part = |name: &str| {
        let compressions = [".gz", ".xz", ".bz2", ".lzma", ".zst"];
        Part::of(name).is_some() && compressions.iter().any(|compression| name.ends_with(compression))
    };
    match Name::of(name) {
        Name::Package | Name::Part => true,
        Name::Other => is_part(name.strip_suffix(".asc").unwrap_or(name)),
        Name::Upload | Name::Unfinished => false,
    }
}

/// What a file's name says of it.
enum Name {
    Package,
    Upload,
    /// What comes with an upload or not at all.
    Part,
    /// A name under which copying tools write until they are done.
    Unfinished,
    Other,
}

impl Name {
    fn of(name: &str) -> Self {
        // rsync writes `.name.` and six characters, lftp `.in.name.`, WinSCP `name.filepart`, wget2 and browsers `name.part` and `name.crdownload`.
        // scp, sftp and curl write under the name itself: a file that is cut short is waited for.
        let endings = [".part", ".filepart", ".partial", ".crdownload", ".tmp"];
        if name.starts_with('.') || endings.iter().any(|ending| name.ends_with(ending)) {
            Self::Unfinished
        } else if [".deb", ".udeb", ".ddeb"].iter().any(|ending| name.ends_with(ending)) {
            Self::Package
        } else if name.ends_with(".changes") {
            Self::Upload
        } else if name.ends_with(".dsc") || name.ends_with(".buildinfo") {
            Self::Part
        } else {
            Self::Other
        }
    }
}

/// A file, and what it looked like before it was read; nothing when it was not there.
type Seen = (Utf8PathBuf, Option<Status>);

fn look(folder: &DropFolder, file: &Utf8Path) -> Seen {
    (file.to_owned(), folder.at(file).status().ok())
}

/// Whether a user may not change a directory, or nobody may.
fn is_forbidden(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

/// Whether nothing is known of a file because the system does not let this user read it: that says nothing of the file, and a build
/// server may open it to others later.
fn is_unreadable(error: &Error) -> bool {
    matches!(error, Error::Import(ImportError::Unreadable { source, .. }) if source.kind() == ErrorKind::PermissionDenied)
}

/// Whether what could not be read may have arrived only in part: none of its files changed lately.
fn is_arriving(
    folder: &DropFolder,
    refused: &Refused,
    seen: &[Seen],
    patience: Duration,
    context: &Context,
) -> bool {
    let unreadable = match &refused.error {
        Error::Import(ImportError::Package { .. })
        | Error::Import(ImportError::Incomplete { .. })
        | Error::Import(ImportError::ChecksumMismatch { .. }) => true,
        // A .changes that was cut short can be one all the same, and list other files than it will.
        Error::Import(ImportError::InconsistentUpload { .. }) => true,
        Error::Import(ImportError::NotSigned { source, .. }) => {
            matches!(source, apt_sign::Error::Framing { .. } | apt_sign::Error::Malformed { .. })
        }
        // Some who copy a file make its name as a second one, and remove the first.
        Error::Storage(StorageError::NotAFile { fault, .. }) => {
            matches!(fault, FileFault::Changed | FileFault::HardLinks)
        }
        _ => false,
    };
    let modified = |file: &Utf8PathBuf| folder.at(file).status().ok().map(|status| status.modified.0);
    let last = seen.iter().filter_map(|(file, _)| modified(file)).max();
    let patience = i64::try_from(patience.as_secs()).unwrap_or(i64::MAX);
    unreadable && last.is_some_and(|last| context.now.as_second().saturating_sub(last) < patience)
}

/// Whether a file still is the one that was looked at: something else may have been moved to that name since.
fn is_unchanged(folder: &DropFolder, (file, seen): &Seen) -> bool {
    let now = folder.at(file).status().ok();
    seen.as_ref().zip(now.as_ref()).is_some_and(|(seen, now)| seen == now)
}

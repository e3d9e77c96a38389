//! `restore --drill`: shows that a backup can be restored, and what would be lost by it.

mod temporary;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};

use camino::{Utf8Path, Utf8PathBuf};
use repo_store::{RepositoryName, Store};
use serde::Serialize;

use self::temporary::Temporary;
use super::{RestoredJson, restore};
use crate::args::Global;
use crate::error::{Failure, Outcome};
use crate::json_value::JsonDocument;
use crate::output::{Output, count};
use crate::session;

/// How a repository that was restored compares with that of the store.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ComparedRepository {
    /// The repository
    repository: String,
    /// How many changes of the store the backup lacks; null when the store does not have the state of the backup
    missing_changes: Option<usize>,
    /// How many published files are the same; null when the backup lacks changes or what was published last
    same_files: Option<usize>,
    /// Published files that are not the same, or are in one of both only
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    different_files: Vec<Utf8PathBuf>,
}

/// The document of `restore --drill`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DrillJson<'a> {
    #[serde(flatten)]
    restored: RestoredJson<'a>,
    /// Whether there was a store to compare with
    compared: bool,
    /// How the repositories compare
    repositories: Vec<ComparedRepository>,
}

impl JsonDocument for DrillJson<'_> {}

pub(super) fn run(
    backup: &Utf8Path,
    within: Option<&Utf8Path>,
    global: &Global,
    output: &Output,
) -> Result<Outcome, Failure> {
    let parent = match within {
        Some(parent) => parent.to_owned(),
        None => Utf8PathBuf::from_path_buf(std::env::temp_dir())
            .map_err(|path| Failure::NotUtf8 { path: path.display().to_string() })?,
    };
    // A drill on another machine has nothing to compare with.
    let current = session::find_store_root(global).ok().filter(|root| root.join("store/format").exists());
    if current.as_deref().is_some_and(|root| lies_within(&parent, root)) {
        return Err(Failure::Usage("a drill takes place outside of the store: name another directory"));
    }
    let temporary = Temporary::within(&parent)?;
    let directory = temporary.path().join("store");
    let restored = restore(backup, &directory, global, output)?;
    let (store, is_whole) = (&restored.store, restored.is_whole);
    let mut repositories = Vec::new();
    if let Some(root) = &current {
        let of_store = Store::open(root)?;
        let mut names = store.repositories()?;
        names.extend(of_store.repositories()?);
        for name in names {
            // What is published may have other directories beside those of repositories.
            if store.head(&name)?.is_some() || of_store.head(&name)?.is_some() {
                repositories.push(compare(&name, (store, &directory), (&of_store, root))?);
            }
        }
    }
    repositories.iter().for_each(|compared| output.say(&sentence(compared)));
    let is_of_store = |one: &ComparedRepository| one.missing_changes.is_some();
    let is_same = repositories.iter().all(|one| one.different_files.is_empty() && is_of_store(one));
    let is_good = is_whole && is_same;
    output.say(&match (is_good, &current) {
        (false, _) => format!("{backup} cannot be relied on: see above"),
        (true, Some(_)) => format!("{backup} can be restored"),
        (true, None) => format!("{backup} can be restored; it was compared with no store"),
    });
    let document = DrillJson { restored: restored.document(), compared: current.is_some(), repositories };
    output.result(&document, || {});
    Ok(Outcome::of(is_good))
}

/// Whether a directory is another one or lies in it. What cannot be looked up is refused when it is used.
fn lies_within(directory: &Utf8Path, other: &Utf8Path) -> bool {
    match (directory.canonicalize(), other.canonicalize()) {
        (Ok(directory), Ok(other)) => directory.starts_with(other),
        _ => false,
    }
}

fn sentence(compared: &ComparedRepository) -> String {
    let ComparedRepository { repository, missing_changes, same_files, different_files } = compared;
    match (different_files.first(), missing_changes, same_files) {
        (Some(path), ..) => {
            let files = count(different_files.len(), "published file");
            format!("{repository}: would not come back as now: {files}, such as {path}")
        }
        (None, Some(0), Some(same)) => {
            format!("{repository}: would come back as now, with {}", count(*same, "published file"))
        }
        (None, Some(0), None) => format!("{repository}: what was published last would be lost"),
        (None, Some(changes), _) => format!("{repository}: {} would be lost", count(*changes, "change")),
        (None, None, _) => format!("{repository}: the backup has a state that the store does not have"),
    }
}

fn compare(
    repository: &RepositoryName,
    (restored, restored_root): (&Store, &Utf8Path),
    (current, root): (&Store, &Utf8Path),
) -> Result<ComparedRepository, Failure> {
    let saved = restored.head(repository)?.map(|head| head.id());
    let ids = current.history(repository).map(|revision| revision.map(|revision| revision.id()));
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    let missing_changes = match saved {
        None => Some(ids.len()),
        Some(saved) => ids.iter().position(|id| *id == saved),
    };
    let mut compared = ComparedRepository {
        repository: repository.to_string(),
        missing_changes,
        same_files: None,
        different_files: Vec::new(),
    };
    // What was published since is not in the backup.
    let shown =
        |store: &Store| store.current_publication(repository).map(|shown| shown.map(|shown| shown.id));
    if missing_changes != Some(0) || shown(current)? != shown(restored)? {
        return Ok(compared);
    }
    let public = Utf8Path::new("public").join(repository.as_str());
    let (before, after) = (root.join(&public), restored_root.join(&public));
    let (mut files, others) = (tree(&before)?, tree(&after)?);
    let mut same_files = 0;
    for (path, found) in others {
        let is_same = match files.remove(&path) {
            Some(Entry::File(size)) => {
                found == Entry::File(size) && is_equal(&before.join(&path), &after.join(&path))?
            }
            Some(link) => link == found,
            None => false,
        };
        if is_same {
            same_files += 1;
        } else {
            compared.different_files.push(public.join(path));
        }
    }
    compared.different_files.extend(files.into_keys().map(|path| public.join(path)));
    compared.same_files = Some(same_files);
    Ok(compared)
}

/// A file, by its size, or where a link leads to.
#[derive(PartialEq, Eq)]
enum Entry {
    File(u64),
    Link(String),
}

/// Returns the files and links below a directory, by their paths from there.
fn tree(root: &Utf8Path) -> Result<BTreeMap<Utf8PathBuf, Entry>, Failure> {
    let (mut found, mut directories) = (BTreeMap::new(), vec![Utf8PathBuf::new()]);
    while let Some(directory) = directories.pop() {
        let place = root.join(&directory);
        let entries = match place.read_dir_utf8() {
            Err(error) if error.kind() == ErrorKind::NotFound && directory.as_str().is_empty() => {
                return Ok(found);
            }
            entries => entries.map_err(Failure::io("list", &place))?,
        };
        for entry in entries {
            let entry = entry.map_err(Failure::io("list", &place))?;
            let path = directory.join(entry.file_name());
            let look = Failure::io("look at", entry.path());
            let status = match entry.metadata() {
                Ok(status) => status,
                Err(error) => return Err(look(error)),
            };
            if status.is_dir() {
                directories.push(path);
            } else if status.is_symlink() {
                let target = entry.path().read_link_utf8().map_err(look)?;
                found.insert(path, Entry::Link(target.into_string()));
            } else {
                found.insert(path, Entry::File(status.len()));
            }
        }
    }
    Ok(found)
}

/// Compares the contents of two files.
fn is_equal(one: &Utf8Path, other: &Utf8Path) -> Result<bool, Failure> {
    let open = |path: &Utf8Path| File::open(path).map(BufReader::new).map_err(Failure::io("read", path));
    same_bytes(open(one)?, open(other)?).map_err(Failure::io("read", other))
}

fn same_bytes(mut one: impl Read, mut other: impl Read) -> io::Result<bool> {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    loop {
        left.clear();
        right.clear();
        one.by_ref().take(1 << 20).read_to_end(&mut left)?;
        other.by_ref().take(1 << 20).read_to_end(&mut right)?;
        if left != right {
            return Ok(false);
        }
        if left.is_empty() {
            return Ok(true);
        }
    }
}

//! Every file, link and directory of a store with what the file system knows of it, taken in one walk.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use camino::{Utf8Path, Utf8PathBuf};

use super::report::{Problem, ProblemKind};
use crate::error::Error;
use crate::publish::{InTree, target_of};
use crate::storage::beneath::{At, DirectoryHandle, Kind, Status, StorePaths};
use crate::storage::obstacle::Obstacle;
use crate::storage::own_directories::{FOLDERS, FOLDERS_OF_FOLDERS};
use crate::storage::permissions::{EntryKind, OwnerRule, Permission};
use crate::storage::{StorageError, files, object_store};
use crate::store::Store;

/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// `None` for symbolic links, and for what no store has: sockets, devices.
    pub(super) kind: Option<EntryKind>,
    pub(super) is_link: bool,
    pub(super) mode: u32,
    pub(super) owner: u32,
    pub(super) size: u64,
    /// Device and inode: two paths with the same are one file. `None` for what is not a file of a local disk.
    pub(super) identity: Option<(u64, u64)>,
    /// Seconds since 1970, where that is kept.
    pub(super) modified: Option<i64>,
}

impl Found {
    pub(super) fn of(status: &Status) -> Self {
        let kind = match status.kind {
            Kind::Directory => Some(EntryKind::Directory),
            Kind::File => Some(EntryKind::File),
            Kind::Link | Kind::Other => None,
        };
        Self {
            kind,
            is_link: status.is_link(),
            mode: status.mode,
            owner: status.owner,
            size: status.size,
            identity: Some(status.identity),
            modified: Some(status.modified.0),
        }
    }

    /// An object that is not a file.
    fn of_object(size: u64) -> Self {
        let kind = Some(EntryKind::File);
        Self { kind, is_link: false, mode: 0, owner: 0, size, identity: None, modified: None }
    }

    /// A file or a link of a published tree that is kept elsewhere than in a directory.
    fn in_tree(file: &InTree) -> Self {
        let kind = (!file.is_link).then_some(EntryKind::File);
        Self { kind, is_link: file.is_link, ..Self::of_object(file.size) }
    }

    /// Whether both are names of one file.
    pub(super) fn is_same_file_as(&self, other: &Self) -> bool {
        self.identity.is_some() && self.identity == other.identity
    }

    pub(super) fn is_file(&self) -> bool {
        self.kind == Some(EntryKind::File)
    }

    pub(super) fn is_directory(&self) -> bool {
        self.kind == Some(EntryKind::Directory)
    }
}

/// All entries by their path from the root.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    entries: BTreeMap<Utf8PathBuf, Found>,
    /// Whether the store lies in a local directory: what lies below `store` and `public` has modes and an owner.
    is_local: bool,
    pub(super) problems: Vec<Problem>,
}

/// What of the root belongs to a store.
const AREAS: [&str; 5] = ["repo.toml", "repo.d", "keys", "store", "public"];
/// What of it the storage keeps.
const KEPT: [&str; 2] = ["store", "public"];
/// The areas of objects.
const OBJECTS: [&str; 4] = ["blobs", "objects", "manifests", "publications"];
/// What comes and goes, and is nobody's loss.
const PASSING: [&str; 4] = ["store/tmp", "store/damaged", "store/trash", "store/cache"];

impl Inventory {
    /// `public` may be a link to another place. Nothing else is reached through one.
    ///
    /// # Errors
    /// When the objects of a store that is not in a local directory cannot be listed.
    pub(super) fn take(store: &Store, paths: &StorePaths) -> Result<Self, Error> {
        let is_local = store.storage().is_local();
        let mut inventory = Self { is_local, ..Self::default() };
        let opened = DirectoryHandle::new(store.root().to_owned());
        inventory.visit(&opened.at(""), Utf8Path::new(""), false);
        for area in AREAS.into_iter().filter(|area| is_local || !KEPT.contains(area)) {
            let at = if area == "public" { paths.at(area) } else { opened.at(area) };
            inventory.visit(&at, Utf8Path::new(area), true);
        }
        if !is_local {
            let objects = store.storage().objects();
            for area in OBJECTS {
                for (key, info) in object_store::list(objects, area)? {
                    let size = info.map_or_else(
                        || Ok(objects.head(&key)?.map_or(0, |info| info.size)),
                        |info| Ok::<_, StorageError>(info.size),
                    )?;
                    inventory.entries.insert(format!("store/{key}").into(), Found::of_object(size));
                }
            }
            for repository in store.published()? {
                let public = Utf8Path::new("public").join(repository.as_str());
                for file in target_of(store, &repository).below("".into())? {
                    inventory.entries.insert(public.join(&file.path), Found::in_tree(&file));
                }
            }
        }
        Ok(inventory)
    }

    pub(super) fn get(&self, path: &Utf8Path) -> Option<&Found> {
        self.entries.get(path)
    }

    /// Everything below a directory, in the order of paths.
    pub(super) fn below<'a, 'd>(
        &'a self,
        directory: &'d Utf8Path,
    ) -> impl Iterator<Item = (&'a Utf8Path, &'a Found)> + use<'a, 'd> {
        self.entries
            .range::<Utf8PathBuf, _>(directory.to_owned()..)
            .take_while(move |(path, _)| path.starts_with(directory))
            .filter(move |(path, _)| *path != directory)
            .map(|(path, found)| (path.as_path(), found))
    }

    fn visit(&mut self, at: &At<'_>, path: &Utf8Path, descend: bool) {
        let unreadable = |error: std::io::Error| Problem {
            kind: ProblemKind::Unreadable,
            path: path.to_owned(),
            what: error.to_string(),
            affects: Vec::new(),
        };
        let found = match at.status() {
            Ok(status) => Found::of(&status),
            // It was never there, or went while others worked: what must be there is looked for by name later.
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) => {
                self.problems.push(unreadable(error));
                return;
            }
        };
        self.entries.insert(path.to_owned(), found);
        if !descend || !found.is_directory() || PASSING.contains(&path.as_str()) {
            return;
        }
        let opened = match at.open_if_present() {
            Ok(Some(opened)) => opened,
            Ok(None) => return,
            Err(error) => {
                self.problems.push(unreadable(error));
                return;
            }
        };
        match files::names_in(opened.at("")) {
            Ok(names) => {
                names.iter().for_each(|name| self.visit(&opened.at(name), &path.join(name), true));
            }
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                let what = source.unwrap_or_else(|| error.to_string());
                self.problems.push(unreadable(std::io::Error::other(what)));
            }
        }
    }

    /// Finds what lies where a directory of the store belongs, besides links to directories: nothing is checked where there are any.
    pub(super) fn check_areas(&self, root: &Utf8Path) -> Vec<Problem> {
        let is_area = |path: &Utf8Path| {
            let mut names = path.iter().skip(1);
            let (area, below) = (names.next(), names.next());
            let (area, is_deeper) = (area.unwrap_or_default(), names.next().is_some());
            match below {
                None => FOLDERS.contains(&area),
                Some(name) if is_deeper || name.is_empty() => false,
                Some(_) => FOLDERS_OF_FOLDERS.contains(&area),
            }
        };
        let other = self
            .below(Utf8Path::new("store"))
            .filter(|(path, found)| self.is_local && !found.is_directory() && is_area(path));
        let obstacles = other.filter_map(|(path, _)| Some((path, Obstacle::at(&root.join(path))?)));
        obstacles.map(|(path, obstacle)| in_place(ProblemKind::InTheWay, path, &obstacle)).collect()
    }

    /// Finds what lies where a file of the store belongs. No link is followed there.
    pub(super) fn check_files(&self, root: &Utf8Path) -> Vec<Problem> {
        let is_file = |path: &Utf8Path| {
            let names: Vec<&str> = path.iter().skip(1).collect();
            match names.as_slice() {
                ["format" | "format.before"] => true,
                [area, _] => {
                    FOLDERS.contains(area)
                        && !FOLDERS_OF_FOLDERS.contains(area)
                        && !PASSING.iter().any(|passing| path.starts_with(passing))
                }
                [area, _, _] => FOLDERS_OF_FOLDERS.contains(area),
                _ => false,
            }
        };
        let other = self
            .below(Utf8Path::new("store"))
            .filter(|(path, found)| self.is_local && !found.is_file() && is_file(path));
        let obstacles =
            other.filter_map(|(path, _)| Some((path, Obstacle::in_place_of_file(&root.join(path))?)));
        obstacles.map(|(path, obstacle)| in_place(ProblemKind::Damaged, path, &obstacle)).collect()
    }

    /// Compares modes and owners with the table.
    pub(super) fn check_permissions(&self, paths: &StorePaths) -> Vec<Problem> {
        let owner = self.get(Utf8Path::new("store")).map(|found| found.owner);
        let mut problems = Vec::new();
        for (path, found) in &self.entries {
            if !self.is_local && KEPT.iter().any(|kept| path.starts_with(kept)) {
                continue;
            }
            let Some(line) = found.kind.and_then(|kind| Permission::of(path, kind)) else { continue };
            let mut report = |kind, what| {
                problems.push(Problem { kind, path: path.clone(), what, affects: Vec::new() });
            };
            if !line.mode.allows(found.mode) {
                // Seen between its creation and the setting of its mode, by a process that works right now?
                let again = paths.at(path).status().map(|status| status.mode);
                if again.is_ok_and(|mode| !line.mode.allows(mode)) {
                    let is = found.mode & 0o777;
                    report(ProblemKind::Mode, format!("its mode is {is:04o} and should be {}", line.mode));
                }
            }
            if line.owner == OwnerRule::Store && owner.is_some_and(|owner| owner != found.owner) {
                let what = format!("it belongs to uid {} and not to the {}", found.owner, line.owner);
                report(ProblemKind::Owner, what);
            }
        }
        problems
    }
}

/// The problem that something lies where something else belongs.
pub(super) fn in_place(
    sort: ProblemKind,
    path: &Utf8Path,
    Obstacle { kind, belongs, .. }: &Obstacle,
) -> Problem {
    let what = format!("it is {kind}; a {} belongs there", belongs.name());
    Problem { kind: sort, path: path.to_owned(), what, affects: Vec::new() }
}

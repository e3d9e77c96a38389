//! The directories of a storage, in place of which no link is followed.
//!
//! A storage on several volumes is none that a backup, a check or a repair could take for one, so whoever writes refuses it.

use camino::{Utf8Path, Utf8PathBuf};

use crate::storage::beneath::PathFault;
use crate::storage::{StorageError, files};

/// The directories of a storage, where there is something in them.
pub(crate) const FOLDERS: [&str; 21] = [
    "approvals",
    "blobs",
    "cache",
    "damaged",
    "freezes",
    "history",
    "hooks",
    "intents",
    "keyrings",
    "locks",
    "machines",
    "manifests",
    "objects",
    "ops",
    "publications",
    "refs",
    "tags",
    "tmp",
    "tokens",
    "trash",
    "upkeep",
];

/// Those that have only directories in them.
pub(crate) const FOLDERS_OF_FOLDERS: [&str; 5] = ["blobs", "manifests", "objects", "publications", "tags"];

/// Whether a link to a directory lies at a path.
fn is_link_to_directory(path: &Utf8Path) -> bool {
    files::metadata_of_itself(path).is_ok_and(|found| found.is_symlink()) && files::is_directory(path)
}

/// Returns the links that lie where directories of the storage in `root` belong, the root itself among them, and in a store that of the keys.
fn linked(root: &Utf8Path) -> impl Iterator<Item = Utf8PathBuf> {
    let folders = FOLDERS.iter().map(|name| root.join(name));
    let keys = (root.file_name() == Some("store")).then(|| root.with_file_name("keys"));
    [root.to_owned()].into_iter().chain(keys).chain(folders).filter(|path| is_link_to_directory(path))
}

/// Returns the links that lie where directories of the store in `root` belong: the same, and the directories in them.
pub(crate) fn all_linked(root: &Utf8Path) -> Result<Vec<Utf8PathBuf>, StorageError> {
    all_linked_of(&root.join("store"))
}

fn all_linked_of(root: &Utf8Path) -> Result<Vec<Utf8PathBuf>, StorageError> {
    let mut found: Vec<Utf8PathBuf> = linked(root).collect();
    for folder in FOLDERS_OF_FOLDERS.map(|name| root.join(name)) {
        // What lies there may be something else, which is a problem of its own.
        if found.iter().any(|linked| folder.starts_with(linked)) || !files::is_directory(&folder) {
            continue;
        }
        let below = files::names_of_links(&folder)?.into_iter().map(|name| folder.join(name));
        found.extend(below.filter(|path| is_link_to_directory(path)));
    }
    Ok(found)
}

fn refused(path: Utf8PathBuf) -> StorageError {
    StorageError::UnsafePath { path, fault: PathFault::LinkedDirectory }
}

/// Refuses a storage of which one of the directories is a link.
///
/// # Errors
/// [`StorageError::UnsafePath`] names the first.
pub(crate) fn refuse_linked(root: &Utf8Path) -> Result<(), StorageError> {
    linked(root).next().map_or(Ok(()), |path| Err(refused(path)))
}

/// The same, and the directories in them.
///
/// # Errors
/// As [`refuse_linked`], and when a directory cannot be listed.
pub(crate) fn refuse_all_linked(root: &Utf8Path) -> Result<(), StorageError> {
    all_linked_of(root)?.into_iter().next().map_or(Ok(()), |path| Err(refused(path)))
}

/// Refuses a file of a storage that a link leads to in place of the directory that holds it.
///
/// # Errors
/// [`StorageError::UnsafePath`] names the link.
pub(crate) fn refuse_in_linked(file: &Utf8Path) -> Result<(), StorageError> {
    let linked = file.parent().filter(|directory| is_link_to_directory(directory));
    linked.map_or(Ok(()), |path| Err(refused(path.to_owned())))
}

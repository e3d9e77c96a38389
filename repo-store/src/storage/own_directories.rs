//! The directories of a storage, in place of which no link is followed.
//!
//! A storage on several volumes is none that a backup, a check or a repair could take for one, so whoever writes refuses it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::{SignedDuration, Timestamp};

use crate::storage::beneath::PathFault;
use crate::storage::{StorageError, files};

/// The directories of a storage, where there is something in them.
pub(crate) const FOLDERS: [&str; 23] = [
    "approvals",
    "attestations",
    "bases",
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
    [root.to_owned()]
        .into_iter()
        .chain(keys_of(root))
        .chain(folders)
        .filter(|path| is_link_to_directory(path))
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

/// A look at the directories of a storage that found no link in place of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// Which directory the root was, and when an entry of it changed last: to exchange one for a link is such a change.
    root: (u64, u64, Timestamp),
}

/// The time of a change is no finer than this on any file system: what changed so lately may change again and have the same time.
const FINEST: SignedDuration = SignedDuration::from_secs(2);

impl Look {
    /// `None` when the root changed so lately that the next change would not show. `recent` changed before this, the later the better.
    fn at(root: &Utf8Path, recent: &Utf8Path) -> Option<Self> {
        let look = Self { root: Self::state_of(root)? };
        let passed = files::changed(&files::metadata_of_itself(recent).ok()?);
        let (_, _, changed) = look.root;
        (passed.duration_since(changed) > FINEST).then_some(look)
    }

    fn state_of(root: &Utf8Path) -> Option<(u64, u64, Timestamp)> {
        let found = files::metadata_of_itself(root).ok().filter(Metadata::is_dir)?;
        Some((found.dev(), found.ino(), files::changed(&found)))
    }

    /// Whether nothing changed since.
    fn holds(&self, root: &Utf8Path) -> bool {
        Self::state_of(root).as_ref() == Some(&self.root)
    }
}

/// Refuses a storage when one of its directories is a link. `last` is what was found the last time, and `recent` something on its file
/// system that changed lately; returned is what counts the next time.
///
/// # Errors
/// [`StorageError::UnsafePath`] names the first.
pub(crate) fn refuse_linked(
    root: &Utf8Path,
    last: Option<Look>,
    recent: &Utf8Path,
) -> Result<Option<Look>, StorageError> {
    if last.as_ref().is_some_and(|last| last.holds(root)) {
        return keys_of(root)
            .filter(|keys| is_link_to_directory(keys))
            .map_or(Ok(last), |keys| Err(refused(keys)));
    }
    let look = Look::at(root, recent);
    linked(root).next().map_or(Ok(look), |path| Err(refused(path)))
}

/// Where the keys of a store lie, beside its storage.
fn keys_of(root: &Utf8Path) -> Option<Utf8PathBuf> {
    (root.file_name() == Some("store")).then(|| root.with_file_name("keys"))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn storage() -> (tempfile::TempDir, Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::try_from(directory.path().join("store")).unwrap();
        std::fs::create_dir_all(root.join("tags")).unwrap();
        (directory, root)
    }

    #[test]
    fn a_look_counts_until_an_entry_is_exchanged() {
        let (_guard, root) = storage();
        let look = Look { root: Look::state_of(&root).unwrap() };
        assert!(look.holds(&root));
        std::fs::write(root.join("tags/one"), b"").unwrap();
        assert!(look.holds(&root), "what lies in a directory is not looked at");
        // Some file systems have coarse times.
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::rename(root.join("tags"), root.with_file_name("elsewhere")).unwrap();
        std::os::unix::fs::symlink("../elsewhere", root.join("tags")).unwrap();
        assert!(!look.holds(&root));
        assert!(
            matches!(refuse_linked(&root, Some(look), &root), Err(StorageError::UnsafePath { path, .. }) if path == root.join("tags"))
        );
    }

    #[test]
    fn a_change_of_this_moment_is_looked_at_again() {
        let (_guard, root) = storage();
        assert_eq!(refuse_linked(&root, None, &root).unwrap(), None);
        std::fs::rename(root.join("tags"), root.with_file_name("keys.elsewhere")).unwrap();
        std::os::unix::fs::symlink("../keys.elsewhere", root.join("tags")).unwrap();
        assert!(refuse_linked(&root, None, &root).is_err());
    }

    #[test]
    fn a_link_in_place_of_the_keys_is_found_whatever_was_found_before() {
        let (_guard, root) = storage();
        let look = Look { root: Look::state_of(&root).unwrap() };
        std::os::unix::fs::symlink("store", root.with_file_name("keys")).unwrap();
        assert!(refuse_linked(&root, Some(look), &root).is_err());
    }
}

//! Putting what lies in the way into `store/damaged/`.
//!
//! Others may write to `public/`, by mistake too: a directory with the name of a file of the store must not stop publication.
//! Nothing of it is deleted, as nobody knows whether it is needed.

use std::io::ErrorKind;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Error;
use crate::storage::beneath::{At, PathFault, StorePaths};
use crate::storage::files::mode;
use crate::storage::{StorageError, files};
use crate::store::Store;

/// The longest name that something is given there, so that a number fits behind it.
const LONGEST_NAME: usize = 200;

/// Moves what lies at a path of the store to `store/damaged/`. Returns the directories whose entries changed and that are not
/// yet synced. It is no error when nothing lies there.
///
/// # Errors
/// [`StorageError::UnsafePath`] when it belongs to another user who does not allow that.
pub(crate) fn move_aside(
    root: &Utf8Path,
    paths: &StorePaths,
    path: &Utf8Path,
) -> Result<Vec<Utf8PathBuf>, Error> {
    let directory = root.join("store/damaged");
    let mut changed = Vec::new();
    if !files::is_directory(&directory) {
        changed.extend(files::create_directories(&directory)?);
        files::set_mode(&directory, mode::SECRET_DIRECTORY)?;
    }
    let name = path.strip_prefix(root).unwrap_or(path).as_str().replace('/', ".");
    let name = end_of(&name, LONGEST_NAME);
    let free = (0_u32..).map(|number| directory.join(format!("{name}.{number}")));
    let Some(aside) = free.into_iter().find(|aside| !files::is_taken(aside)) else {
        return Ok(changed);
    };
    match files::rename(paths.place(path), &aside) {
        Ok(()) => changed.push(directory),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        // A directory of another user, or one in which only its owner may remove it.
        Err(error) if error.kind() == ErrorKind::PermissionDenied && paths.is_public(path) => {
            return Err(StorageError::UnsafePath { path: path.to_owned(), fault: PathFault::InTheWay }.into());
        }
        Err(error) => return Err(Error::io("move aside", path)(error)),
    }
    Ok(changed)
}

/// Takes a directory out of sight in one step. Returns where it lies now, for the caller to remove; `None` when nothing is left of it,
/// or nothing was there.
///
/// # Errors
/// When the file system refuses.
pub(crate) fn put_away(store: &Store, at: At<'_>) -> Result<Option<Utf8PathBuf>, Error> {
    let path = at.full().into_owned();
    let aside = store.storage().temporary()?;
    let result = match files::rename(at.clone(), &aside) {
        Ok(()) => return Ok(Some(aside)),
        Err(error) if error.kind() == ErrorKind::CrossesDevices => files::remove_tree(at),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(None),
    }
}

/// Gives a finished temporary file or link its name below `public`, in place of what has that name; a directory there is put
/// aside. Returns the directories whose entries changed besides the one that it lies in.
///
/// # Errors
/// Those of [`move_aside`](Store::move_aside), and when the file system refuses.
pub(crate) fn give_name(
    store: &Store,
    paths: &StorePaths,
    temporary: &Utf8Path,
    at: &At<'_>,
) -> Result<Vec<Utf8PathBuf>, Error> {
    let failed = |error| Error::io("create", &*at.full())(error);
    match files::rename(temporary, at.clone()) {
        Err(error) if is_directory_in_the_way(&error) => {
            let changed = move_aside(store.root(), paths, &at.full())?;
            files::rename(temporary, at.clone()).map_err(failed)?;
            Ok(changed)
        }
        result => result.map(|()| Vec::new()).map_err(failed),
    }
}

/// Makes a path below `public` a symbolic link, in one step and in place of whatever has that name. The directory is not yet
/// synced.
///
/// # Errors
/// Those of [`give_name`](Store::give_name).
pub(crate) fn point(
    store: &Store,
    paths: &StorePaths,
    link: &Utf8Path,
    target: &str,
) -> Result<Vec<Utf8PathBuf>, Error> {
    let temporary = store.storage().temporary()?;
    files::symlink(target, &temporary).map_err(Error::io("create", &temporary))?;
    give_name(store, paths, &temporary, &paths.place(link))
}

/// Whether a rename failed because a directory has the new name.
fn is_directory_in_the_way(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::IsADirectory | ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists)
}

/// The end of a text, `most` bytes at the most.
pub(crate) fn end_of(text: &str, most: usize) -> &str {
    let start = text.len().saturating_sub(most);
    let start = (start..=text.len()).find(|start| text.is_char_boundary(*start));
    start.and_then(|start| text.get(start..)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shortened_between_its_characters() {
        assert_eq!(end_of("ab", 5), "ab");
        assert_eq!(end_of("aéb", 2), "b");
        assert_eq!(end_of("aéb", 3), "éb");
        assert_eq!(end_of("", 3), "");
    }
}

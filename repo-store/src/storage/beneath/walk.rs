//! All that lies below a directory.

use std::io::ErrorKind;

use camino::Utf8PathBuf;

use super::{At, MOST_LEVELS, Status};
use crate::storage::{StorageError, files};

/// Every file and link below a directory that is no directory itself; none when it does not exist. What goes meanwhile is passed
/// over.
pub(crate) fn files_below(directory: &At<'_>) -> Result<Vec<(Utf8PathBuf, Status)>, StorageError> {
    let mut found = Vec::new();
    visit(directory, MOST_LEVELS, &mut found)?;
    Ok(found)
}

fn visit(
    directory: &At<'_>,
    levels: usize,
    found: &mut Vec<(Utf8PathBuf, Status)>,
) -> Result<(), StorageError> {
    if levels == 0 {
        return Err(StorageError::io("list", &*directory.full())(rustix::io::Errno::NAMETOOLONG.into()));
    }
    let opened = directory.open_if_present().map_err(StorageError::io("list", &*directory.full()))?;
    let Some(opened) = opened else { return Ok(()) };
    for name in files::names_in(opened.at(""))? {
        let at = opened.at(name);
        let path = at.full().into_owned();
        match at.status() {
            Ok(status) if status.is_directory() => visit(&at, levels - 1, found)?,
            Ok(status) => found.push((path, status)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(StorageError::io("look at", path)(error)),
        }
    }
    Ok(())
}

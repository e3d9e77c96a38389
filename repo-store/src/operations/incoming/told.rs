//! What was left in a drop folder when it was last looked at.
//!
//! A folder is emptied by a timer, and a line in the log at each run about the same file would hide what is new. The notes may
//! be lost at any time.

use std::collections::BTreeSet;

use super::SkippedFile;
use crate::error::Error;
use crate::model::name::RepositoryName;
use crate::operations::import::DropFolder;
use crate::storage::Durability;
use crate::store::Store;

/// Finds out which of the files are left as they were at the last look, and takes note of them for the next one unless this is a
/// `dry_run`.
pub(super) fn mark_known(
    store: &Store,
    repository: &RepositoryName,
    folder: &DropFolder,
    left: &mut [SkippedFile],
    dry_run: bool,
) -> Result<(), Error> {
    let status = folder.handle().status().map_err(Error::io("look at", folder.handle().path()))?;
    let (device, inode) = status.identity;
    let note = format!("left.{repository}.{device}.{inode}");
    let known = store.storage().note(&note).unwrap_or_default();
    let known = String::from_utf8_lossy(&known);
    let known: BTreeSet<&str> = known.lines().collect();
    let mut lines = BTreeSet::new();
    for one in left.iter_mut() {
        let status = folder.at(&one.file).status().ok();
        let status = status.map(|status| (status.identity, status.size, status.changed));
        let name = one.file.file_name().unwrap_or_default().escape_debug();
        let line = format!("{name} {status:?} {}", one.why);
        one.is_known = known.contains(line.as_str());
        lines.insert(line);
    }
    if dry_run || known.iter().copied().eq(lines.iter().map(String::as_str)) {
        return Ok(());
    }
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    Ok(store.storage().write_note(&note, text.as_bytes(), Durability::Later)?)
}

//! What is removed after a switch: the states before the last one, and the files that only they list.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::TreeError;
use super::disk::{Disk, INCOMING};
use super::state::{self, INDICES, NEW_STATE, STATES, State};

/// Removes all but the present state and the one before it. Returns how many files of older states went.
///
/// A package goes only if a state that goes lists it, so a file that others put into the pool stays. The files go before the state that
/// lists them: what a crash leaves is found by the next run.
pub(super) fn prune(disk: &Disk, present: &State) -> Result<usize, TreeError> {
    let kept = kept(disk, Some(present));
    let mut removed = remove_unfinished(disk, &kept)?;
    for id in disk.list(STATES.into())? {
        if id == present.id || present.previous.as_deref() == Some(&id) {
            continue;
        }
        // A state that cannot be read lists nothing.
        let listed = state::is_id(&id).then(|| state::read(disk, &id)).and_then(Result::ok);
        removed += remove_listed(disk, listed.as_ref(), &kept)?;
        disk.remove_tree(&state::directory(&id))?;
    }
    for name in disk.list(INDICES.into())? {
        let path = Utf8Path::new(INDICES).join(name);
        if !kept.contains(&path) {
            removed += usize::from(disk.remove(&path)?);
        }
    }
    Ok(removed)
}

/// Removes what a process received and put into the pool before it ended, whichever bundle it had.
pub(super) fn clear(disk: &Disk, present: Option<&State>) -> Result<(), TreeError> {
    remove_unfinished(disk, &kept(disk, present)).map(drop)
}

fn remove_unfinished(disk: &Disk, kept: &BTreeSet<Utf8PathBuf>) -> Result<usize, TreeError> {
    disk.remove_tree(INCOMING.into())?;
    let removed = remove_listed(disk, state::unfinished(disk).as_ref(), kept)?;
    disk.remove_tree(NEW_STATE.into())?;
    Ok(removed)
}

/// Removes the files of a state but for those that are kept. Returns how many those were.
fn remove_listed(
    disk: &Disk,
    state: Option<&State>,
    kept: &BTreeSet<Utf8PathBuf>,
) -> Result<usize, TreeError> {
    let mut removed = 0;
    for path in state.into_iter().flat_map(stored).filter(|path| !kept.contains(path)) {
        removed += usize::from(disk.remove(&path)?);
        disk.remove_if_empty(path.parent().unwrap_or(Utf8Path::new("")));
    }
    Ok(removed)
}

/// Returns where the files of the present state and of the one before it lie.
fn kept(disk: &Disk, present: Option<&State>) -> BTreeSet<Utf8PathBuf> {
    let previous = present.and_then(|present| state::previous(disk, present));
    [present, previous.as_ref()].into_iter().flatten().flat_map(stored).collect()
}

/// Returns where the files of a state lie.
fn stored(state: &State) -> impl Iterator<Item = Utf8PathBuf> {
    state.manifest.files().map(|(repository, file)| state::stored_at(&repository.name, file))
}

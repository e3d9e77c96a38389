//! What is removed after a switch: the states before the last one, and the files that only they list.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::TreeError;
use super::disk::Disk;
use super::state::{self, INCOMING, INDICES, NEW_STATE, STATES, State};

/// Removes all but the present state and the one before it. Returns how many files of older states went.
///
/// A package goes only if a state that goes lists it, so a file that others put into the pool stays. The files go before the state that
/// lists them: what a crash leaves is found by the next run.
pub(super) fn prune(disk: &Disk, present: &State) -> Result<usize, TreeError> {
    disk.remove_tree(INCOMING.into())?;
    disk.remove_tree(NEW_STATE.into())?;
    let mut kept = BTreeSet::new();
    let previous = state::previous(disk, present);
    for state in [Some(present), previous.as_ref()].into_iter().flatten() {
        kept.extend(stored(state));
    }
    let mut removed = 0;
    for id in disk.list(STATES.into())? {
        if id == present.id || present.previous.as_deref() == Some(&id) {
            continue;
        }
        // A state that cannot be read lists nothing.
        let listed = state::is_id(&id).then(|| state::read(disk, &id)).and_then(Result::ok);
        for path in listed.iter().flat_map(stored).filter(|path| !kept.contains(path)) {
            removed += usize::from(disk.remove(&path)?);
            disk.remove_if_empty(path.parent().unwrap_or(Utf8Path::new("")));
        }
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

/// Returns where the files of a state lie.
fn stored(state: &State) -> impl Iterator<Item = Utf8PathBuf> {
    state.manifest.files().map(|(repository, file)| state::stored_at(&repository.name, file))
}

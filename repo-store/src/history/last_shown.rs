//! The note of what clients were shown last, which publishing leaves. It may be lost at any time.

use std::collections::BTreeSet;

use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::storage::Durability;
use crate::store::Store;

/// What the names of the notes begin with.
const NOTE: &str = "shown.";

/// Returns the repositories with a note of what clients were shown last.
pub(crate) fn noted_repositories(store: &Store) -> BTreeSet<RepositoryName> {
    let names = store.storage().notes();
    names.iter().filter_map(|name| RepositoryName::parse(name.strip_prefix(NOTE)?).ok()).collect()
}

/// Returns the publication that clients were shown last, as far as that was noted.
pub(crate) fn last_shown(store: &Store, repository: &RepositoryName) -> Option<PublicationId> {
    let bytes = store.storage().note(&format!("{NOTE}{repository}"))?;
    PublicationId::parse(std::str::from_utf8(&bytes).ok()?.strip_suffix('\n')?)
}

/// Notes that clients see a publication, durably switched to. What cannot be noted is not known later, and no more than that.
pub(crate) fn note_shown(store: &Store, repository: &RepositoryName, id: PublicationId) {
    if last_shown(store, repository) != Some(id) {
        let (name, content) = (format!("{NOTE}{repository}"), format!("{id}\n"));
        let _ = store.storage().write_note(&name, content.as_bytes(), Durability::Later);
    }
}

//! The note of what clients were shown last, which publishing leaves in `store/cache/`. It may be deleted at any time.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::storage::files;
use crate::store::Store;

/// Returns the path of the note of a repository.
pub(crate) fn last_shown_path(root: &Utf8Path, repository: &RepositoryName) -> Utf8PathBuf {
    root.join("store/cache").join(format!("shown.{repository}"))
}

/// Returns the repositories with a note of what clients were shown last.
pub(crate) fn noted_repositories(store: &Store) -> BTreeSet<RepositoryName> {
    let names = files::names_in(&store.root().join("store/cache")).unwrap_or_default();
    names.iter().filter_map(|name| RepositoryName::parse(name.strip_prefix("shown.")?).ok()).collect()
}

/// Returns the publication that clients were shown last, as far as that was noted.
pub(crate) fn last_shown(store: &Store, repository: &RepositoryName) -> Option<PublicationId> {
    let bytes = files::read_if_present(&last_shown_path(store.root(), repository)).ok()??;
    PublicationId::parse(std::str::from_utf8(&bytes).ok()?.strip_suffix('\n')?)
}

//! Names that people give to states of a repository: `release-2026.11`, `before-the-move`.

use crate::error::Error;
use crate::model::id::CommitId;
use crate::model::name::{RepositoryName, TagName};
use crate::storage::{Key, Storage, Version};
use crate::store::Store;

/// A name and the state it stands for. What a tag names is kept whatever retention and garbage collection remove.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Tag {
    /// The name.
    pub name: TagName,
    /// The state.
    pub commit: CommitId,
}

const AREA: &str = "tags";

/// See [`Store::tags`].
pub(crate) fn tags(store: &Store, repository: &RepositoryName) -> Result<Vec<Tag>, Error> {
    let mut tags = Vec::new();
    for name in tag_names(store.storage(), repository)? {
        // One that was deleted since it was listed is no tag any more.
        if let Some(commit) = tagged(store.storage(), repository, &name)? {
            tags.push(Tag { name, commit });
        }
    }
    Ok(tags)
}

/// The names of the tags of a repository, in order.
pub(crate) fn tag_names(storage: &Storage, repository: &RepositoryName) -> Result<Vec<TagName>, Error> {
    let area = format!("{AREA}/{repository}");
    let keys = storage.refs().list(&area)?;
    let names = keys.iter().filter_map(|key| key.as_str().strip_prefix(&area)?.strip_prefix('/'));
    // Nobody else writes here; a file of another kind is none of ours.
    Ok(names.filter_map(|name| TagName::parse(name).ok()).collect())
}

/// The state a tag stands for; `None` when the tag does not exist.
pub(crate) fn tagged(
    storage: &Storage,
    repository: &RepositoryName,
    name: &TagName,
) -> Result<Option<CommitId>, Error> {
    Ok(versioned_tag(storage, repository, name)?.map(|(commit, _)| commit))
}

/// The state a tag stands for and the version of the reference.
pub(crate) fn versioned_tag(
    storage: &Storage,
    repository: &RepositoryName,
    name: &TagName,
) -> Result<Option<(CommitId, Version)>, Error> {
    let found = storage.refs().get(&tag_key(repository, name))?;
    let Some((bytes, version)) = found else { return Ok(None) };
    let id = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok());
    id.map(|id| Some((id, version))).ok_or_else(|| Error::damaged("tag", name, "it holds no commit id"))
}

pub(crate) fn tag_key(repository: &RepositoryName, name: &TagName) -> Key {
    Key::named(AREA, &format!("{repository}/{name}"))
}

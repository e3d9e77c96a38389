//! Names that people give to states of a repository: `release-2026.11`, `before-the-move`.

use crate::error::Error;
use crate::model::id::CommitId;
use crate::model::name::{RepositoryName, TagName};
use crate::storage::{Key, Storage as _};
use crate::store::Store;

/// A name and the state it stands for. What a tag names is kept whatever retention and garbage collection remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The name.
    pub name: TagName,
    /// The state.
    pub commit: CommitId,
}

const AREA: &str = "tags";

impl Store {
    /// The tags of a repository, by name.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn tags(&self, repository: &RepositoryName) -> Result<Vec<Tag>, Error> {
        let mut tags = Vec::new();
        for name in self.tag_names(repository)? {
            // One that was deleted since it was listed is no tag any more.
            if let Some(commit) = self.tagged(repository, &name)? {
                tags.push(Tag { name, commit });
            }
        }
        Ok(tags)
    }

    /// The names of the tags of a repository, in order.
    pub(crate) fn tag_names(&self, repository: &RepositoryName) -> Result<Vec<TagName>, Error> {
        let area = format!("{AREA}/{repository}");
        let keys = self.storage().list(&area)?;
        let names = keys.iter().filter_map(|key| key.as_str().strip_prefix(&area)?.strip_prefix('/'));
        // Nobody else writes here; a file of another kind is none of ours.
        Ok(names.filter_map(|name| TagName::parse(name).ok()).collect())
    }

    /// The state a tag stands for; `None` when there is no such tag.
    pub(crate) fn tagged(
        &self,
        repository: &RepositoryName,
        name: &TagName,
    ) -> Result<Option<CommitId>, Error> {
        let Some(bytes) = self.storage().read(&tag_key(repository, name))? else { return Ok(None) };
        let id = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok());
        id.map(Some).ok_or_else(|| Error::damaged("tag", name, "it holds no commit id"))
    }
}

pub(crate) fn tag_key(repository: &RepositoryName, name: &TagName) -> Key {
    Key::named(AREA, &format!("{repository}/{name}"))
}

//! Tags name publications too: `snapshot/<tag>` leads to the newest publication of the state that the tag stands for.
//!
//! Whoever changes such a link holds the publishing lock. The link comes before the tag and before the record of the publication
//! it leads to, and goes after the tag: so a tag of a published state always has one, whenever a process dies. What may be left
//! over is a link without a tag, or one to a publication that never came to be; both are mended by the next publication or
//! collection.

use camino::{Utf8Path, Utf8PathBuf};

use super::publication::Publication;
use super::tree::SNAPSHOTS;
use crate::error::Error;
use crate::model::id::CommitId;
use crate::model::name::{RepositoryName, TagName};
use crate::model::publication_id::PublicationId;
use crate::storage::{Storage as _, files};
use crate::store::Store;

/// The link for a tag, below the public directory of its repository. It leads to the archive root of a publication beside it.
pub(crate) fn link_of(tag: &TagName) -> Utf8PathBuf {
    Utf8Path::new(SNAPSHOTS).join(tag.as_str())
}

impl Store {
    /// Lets the link of a tag lead to the newest publication of `commit`, durably. `None` when there is none; then there is no
    /// link either. The caller holds the publishing lock.
    pub(crate) fn show_tag(
        &self,
        repository: &RepositoryName,
        tag: &TagName,
        commit: CommitId,
    ) -> Result<Option<PublicationId>, Error> {
        let Some(id) = self.newest_publication_of(repository, commit)? else {
            self.hide_tag(repository, tag)?;
            return Ok(None);
        };
        self.point_tag(repository, tag, id)?;
        files::sync_path(self.paths().place(self.public(repository).join(SNAPSHOTS)))?;
        Ok(Some(id))
    }

    /// Lets the link of a tag lead to a publication. The directory is not yet synced.
    pub(super) fn point_tag(
        &self,
        repository: &RepositoryName,
        tag: &TagName,
        id: PublicationId,
    ) -> Result<(), Error> {
        let link = self.public(repository).join(link_of(tag));
        Ok(files::point(self.paths().place(&link), &id.to_string(), &self.storage().temporary()?)?)
    }

    /// Removes the link of a tag, durably, if there is one. The caller holds the publishing lock.
    pub(crate) fn hide_tag(&self, repository: &RepositoryName, tag: &TagName) -> Result<(), Error> {
        let link = self.public(repository).join(link_of(tag));
        let paths = self.paths();
        if !paths.place(&link).exists().map_err(Error::io("look at", &link))? {
            return Ok(());
        }
        files::remove_if_present(paths.place(&link))?;
        Ok(files::sync_path(paths.place(self.public(repository).join(SNAPSHOTS)))?)
    }

    /// Puts right the links that a crash left without a tag or without a publication. The caller holds the publishing lock.
    pub(crate) fn mend_tags(&self, repository: &RepositoryName) -> Result<(), Error> {
        let (paths, snapshots) = (self.paths(), self.public(repository).join(SNAPSHOTS));
        // Whether a link leads to an archive root. What is no link at all is for a check to tell.
        let leads_to_a_root = |name: &str| {
            let at = paths.place(snapshots.join(name));
            match at.read_link_if_present()?.map(|target| PublicationId::parse(target.as_str())) {
                Some(Some(id)) => paths.place(snapshots.join(id.to_string())).is_directory(),
                Some(None) => Ok(false),
                None => at.exists(),
            }
        };
        for name in files::names_in(paths.place(&snapshots))? {
            let Ok(tag) = TagName::parse(&name) else { continue };
            match self.tagged(repository, &tag) {
                Ok(None) => self.hide_tag(repository, &tag)?,
                Ok(Some(commit))
                    if !leads_to_a_root(&name).map_err(Error::io("look at", snapshots.join(&name)))? =>
                {
                    self.show_tag(repository, &tag, commit)?;
                }
                // A damaged tag is for a check to tell.
                Ok(Some(_)) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// The newest publication of a state that has both its record and its archive root.
    fn newest_publication_of(
        &self,
        repository: &RepositoryName,
        commit: CommitId,
    ) -> Result<Option<PublicationId>, Error> {
        let names = files::names_in(&self.root().join("store/publications").join(repository.as_str()))?;
        let shown = Publication::shown(&self.paths(), &self.public(repository))?;
        let mut ids: Vec<PublicationId> =
            names.iter().filter_map(|name| PublicationId::parse(name)).collect();
        // What has a higher id than what clients see was made while the clock was ahead: they would refuse it.
        ids.sort_by_key(|id| (shown.is_none_or(|shown| *id <= shown), *id));
        for id in ids.into_iter().rev() {
            let record = self.storage().read(&Publication::key(repository, id))?;
            let shows = record
                .and_then(|bytes| Publication::parse(&bytes))
                .is_some_and(|publication| publication.id == id && publication.commit == Some(commit));
            let root = self.public(repository).join(SNAPSHOTS).join(id.to_string());
            if shows && self.paths().place(&root).is_directory().map_err(Error::io("look at", &root))? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

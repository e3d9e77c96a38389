//! Tags name publications too: `snapshot/<tag>` leads to the newest publication of the state that the tag stands for.
//!
//! Whoever changes such a link holds the publishing lock. The link comes before the tag and before the record of the publication
//! it leads to, and goes after the tag: so a tag of a published state always has one, whenever a process dies. What may be left
//! over is a link without a tag, or one to a publication that never came to be; both are mended by the next publication or
//! collection.

use jiff::Timestamp;

use super::is_ahead;
use super::layout::{self, SNAPSHOTS};
use super::publication::Publication;
use crate::error::Error;
use crate::model::id::CommitId;
use crate::model::name::{RepositoryName, TagName};
use crate::model::publication_id::PublicationId;
use crate::storage::files;
use crate::store::Store;

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
        let link = self.public(repository).join(layout::tag_link(tag));
        Ok(files::sync_all(self.point(&self.paths(), &link, &id.to_string())?)?)
    }

    /// Makes the links again that the tags of what clients see have lost. Returns how many those were. The caller holds the publishing
    /// lock.
    pub(super) fn restore_tags(
        &self,
        repository: &RepositoryName,
        current: &Publication,
    ) -> Result<u64, Error> {
        let (paths, mut restored) = (self.paths(), 0);
        for tag in self.tag_names(repository)? {
            let link = self.public(repository).join(layout::tag_link(&tag));
            let target = paths.place(&link).read_link_if_present().map_err(Error::io("read", &link))?;
            if target.is_none()
                && let Ok(Some(commit)) = self.tagged(repository, &tag)
                && current.commit == Some(commit)
            {
                restored += u64::from(self.show_tag(repository, &tag, commit)?.is_some());
            }
        }
        Ok(restored)
    }

    /// Removes the link of a tag, durably, if there is one. The caller holds the publishing lock.
    pub(crate) fn hide_tag(&self, repository: &RepositoryName, tag: &TagName) -> Result<(), Error> {
        let link = self.public(repository).join(layout::tag_link(tag));
        let paths = self.paths();
        let found = paths.place(&link).status_if_present().map_err(Error::io("look at", &link))?;
        // What is no link is not the store's: a check names it.
        if !found.is_some_and(|found| found.is_link()) {
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

    /// The tags of a repository whose publications have a `Date` that clients refuse at `now`, and the latest of these dates.
    ///
    /// # Errors
    /// When the tags, their links or the records of publications cannot be read.
    pub fn tags_ahead(
        &self,
        repository: &RepositoryName,
        now: Timestamp,
    ) -> Result<Vec<(TagName, Timestamp)>, Error> {
        let paths = self.paths();
        let mut found = Vec::new();
        for tag in self.tag_names(repository)? {
            let link = self.public(repository).join(layout::tag_link(&tag));
            let target = paths.place(&link).read_link_if_present().map_err(Error::io("read", &link))?;
            let id = target.and_then(|target| PublicationId::parse(target.as_str()));
            // No Date is later than the id of its publication: few records have to be read.
            let Some(id) = id.filter(|id| id.seconds() > now.as_second()) else { continue };
            let record = self.storage().objects().get(&Publication::key(repository, id))?;
            let record = record.and_then(|bytes| Publication::parse(&bytes));
            let date = record.as_ref().and_then(Publication::latest_date);
            found.extend(date.filter(|date| is_ahead(*date, now)).map(|date| (tag, date)));
        }
        Ok(found)
    }

    /// The newest publication of a state that has both its record and its archive root.
    pub(super) fn newest_publication_of(
        &self,
        repository: &RepositoryName,
        commit: CommitId,
    ) -> Result<Option<PublicationId>, Error> {
        let shown = Publication::shown(&self.paths(), &self.public(repository))?;
        let mut ids: Vec<PublicationId> = Publication::recorded(self, repository)?.into_iter().collect();
        ids.sort_by_key(|id| id.rank(shown));
        for id in ids.into_iter().rev() {
            let record = self.storage().objects().get(&Publication::key(repository, id))?;
            let shows = record
                .and_then(|bytes| Publication::parse(&bytes))
                .is_some_and(|publication| publication.id == id && publication.commit == Some(commit));
            let root = self.public(repository).join(layout::archive_root(id));
            if shows && self.paths().place(&root).is_directory().map_err(Error::io("look at", &root))? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

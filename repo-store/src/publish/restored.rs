//! Making the archive roots again that others took away.
//!
//! What has to be there follows from the records: every publication that has one, and that garbage collection does not take away, has an
//! archive root. A publication looks only whether the directories are there. A check looks into them.

use std::collections::BTreeSet;

use super::Publication;
use super::entry::{Rank, Source, TreeEntry};
use super::layout::{self, SNAPSHOTS};
use super::target::PublicationTarget;
use crate::error::Error;
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::store::Store;

impl Store {
    /// Makes the archive roots of publications again, and the links of tags, if any archive root is missing.
    /// Returns how many links were made. The caller holds the publishing lock.
    ///
    /// # Errors
    /// When what is there cannot be listed, and what is missing cannot be made.
    pub(super) fn restore_archive_roots(
        &self,
        target: &dyn PublicationTarget,
        repository: &RepositoryName,
    ) -> Result<u64, Error> {
        let names: BTreeSet<String> = target.list(SNAPSHOTS.into())?.into_iter().collect();
        let mut missing = Publication::recorded(self, repository)?;
        missing.retain(|id| !names.contains(&id.to_string()));
        if missing.is_empty() {
            return Ok(0);
        }
        let going = self.going(repository);
        let mut made = 0;
        for id in missing.difference(&going) {
            made += self.restore_archive_root(target, repository, *id)?;
        }
        if made == 0 {
            return Ok(0);
        }
        target.sync()?;
        for tag in self.tag_names(repository)? {
            // A damaged tag is for a check to tell.
            if let Ok(Some(commit)) = self.tagged(repository, &tag)
                && !target.exists(&layout::tag_link(&tag))?
            {
                made += u64::from(self.show_tag(target, repository, (&tag, commit))?.is_some());
            }
        }
        Ok(made)
    }

    fn restore_archive_root(
        &self,
        target: &dyn PublicationTarget,
        repository: &RepositoryName,
        id: PublicationId,
    ) -> Result<u64, Error> {
        // A record that cannot be read, and a publication that is gone as a whole, are for a check to tell.
        let Ok(Some(publication)) = Publication::read(self, repository, id) else { return Ok(0) };
        if !target.is_directory(&layout::dists_of(id))? {
            return Ok(0);
        }
        let mut made = 0;
        for TreeEntry { path, source, .. } in
            publication.entries().into_iter().filter(|entry| entry.rank == Rank::Archive)
        {
            if let Source::Link { target: leads_to } = source {
                target.put_link(&path, &leads_to)?;
                made += 1;
            }
        }
        Ok(made)
    }
}

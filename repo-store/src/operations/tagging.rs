//! Giving states names, and taking the names away.

use crate::context::Context;
use crate::error::Error;
use crate::history::revision::Revision;
use crate::history::tags::tag_key;
use crate::model::id::CommitId;
use crate::model::log_entry::LogEntry;
use crate::model::name::{RepositoryName, TagName};
use crate::model::operation::Operation;
use crate::model::publication_id::PublicationId;
use crate::publish::{DirectoryTarget, hide_tag};
use crate::storage::Swap;
use crate::store::Store;

impl Store {
    /// Gives a state of a repository a name, durably. To give it that name again changes nothing.
    ///
    /// Returns the publication that clients find under that name too, as `snapshot/<name>`: the newest that shows the state.
    /// When nothing showed it yet, the next publication of it will be found there.
    ///
    /// # Errors
    /// [`Error::TagExists`] when the name stands for another state: a tag is deleted before it is made anew;
    /// [`NameError::TagLikeTime`](crate::NameError::TagLikeTime) for a name that reads as a time.
    pub fn tag(
        &self,
        revision: &Revision<'_>,
        name: &TagName,
        context: &Context,
    ) -> Result<Option<PublicationId>, Error> {
        let repository = revision.repository();
        let _lock = self.publishing_lock(repository)?;
        let (key, commit) = (tag_key(repository, name), revision.id());
        match self.tagged(repository, name)? {
            Some(other) if other != commit => {
                return Err(Error::TagExists { repository: repository.clone(), tag: name.clone() });
            }
            Some(_) => {}
            None => name.check_new()?,
        }
        let shown = self.show_tag(&DirectoryTarget::new(self, repository), repository, (name, commit))?;
        match self.storage().swap(&key, None, format!("{commit}\n").as_bytes(), || Ok(()))? {
            Swap::Done => {}
            Swap::Changed => return Ok(shown),
            Swap::Unknown(error) => return Err(error.into()),
        }
        self.log_tag(repository, commit, Operation::Tag(name.clone()), context)?;
        Ok(shown)
    }

    /// Takes a name away from the state it stands for, and returns that state.
    ///
    /// # Errors
    /// [`Error::UnknownTag`] when there is no such tag.
    pub fn delete_tag(
        &self,
        repository: &RepositoryName,
        name: &TagName,
        context: &Context,
    ) -> Result<CommitId, Error> {
        let key = tag_key(repository, name);
        let _lock = self.publishing_lock(repository)?;
        loop {
            let Some((commit, version)) = self.versioned_tag(repository, name)? else {
                return Err(Error::UnknownTag { repository: repository.clone(), tag: name.clone() });
            };
            // Logged first: garbage collection keeps what the log names until the grace period is over.
            self.log_tag(repository, commit, Operation::DeleteTag(name.clone()), context)?;
            match self.storage().delete_ref(&key, &version)? {
                Swap::Done => {
                    hide_tag(&DirectoryTarget::new(self, repository), name)?;
                    return Ok(commit);
                }
                Swap::Changed => {}
                Swap::Unknown(error) => return Err(error.into()),
            }
        }
    }

    fn log_tag(
        &self,
        repository: &RepositoryName,
        commit: CommitId,
        operation: Operation,
        context: &Context,
    ) -> Result<(), Error> {
        let line = LogEntry::unchanged(repository, Some(commit), operation, context).to_line();
        self.storage().log().append(&line)?;
        context.progress.logged(&line);
        Ok(())
    }
}

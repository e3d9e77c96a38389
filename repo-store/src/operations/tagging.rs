//! Giving states names, and taking the names away.

use crate::context::Context;
use crate::error::{Error, HistoryError};
use crate::history::revision::Revision;
use crate::history::tags::tag_key;
use crate::history::tags::tagged;
use crate::history::tags::versioned_tag;
use crate::model::id::CommitId;
use crate::model::log_entry::LogEntry;
use crate::model::name::{RepositoryName, TagName};
use crate::model::operation::Operation;
use crate::model::publication_id::PublicationId;
use crate::publish::tagged::show_tag;
use crate::publish::{hide_tag, target_of};
use crate::storage::Swap;
use crate::store::Store;

/// See [`Store::tag`].
pub(crate) fn tag(
    store: &Store,
    revision: &Revision<'_>,
    name: &TagName,
    context: &Context,
) -> Result<Option<PublicationId>, Error> {
    let repository = revision.repository();
    let _lock = store.publishing_lock(repository)?;
    let (key, commit) = (tag_key(repository, name), revision.id());
    match tagged(store.storage(), repository, name)? {
        Some(other) if other != commit => {
            return Err(Error::History(HistoryError::TagExists {
                repository: repository.clone(),
                tag: name.clone(),
            }));
        }
        Some(_) => {}
        None => name.check_new()?,
    }
    let shown = show_tag(store, &*target_of(store, repository), repository, (name, commit))?;
    match store.storage().swap(&key, None, format!("{commit}\n").as_bytes(), || Ok(()))? {
        Swap::Done => {}
        Swap::Changed => return Ok(shown),
        Swap::Unknown(error) => return Err(error.into()),
    }
    log_tag(store, repository, commit, Operation::Tag(name.clone()), context)?;
    Ok(shown)
}

/// See [`Store::delete_tag`].
pub(crate) fn delete_tag(
    store: &Store,
    repository: &RepositoryName,
    name: &TagName,
    context: &Context,
) -> Result<CommitId, Error> {
    let key = tag_key(repository, name);
    let _lock = store.publishing_lock(repository)?;
    loop {
        let Some((commit, version)) = versioned_tag(store.storage(), repository, name)? else {
            let known = store.tags(repository)?.into_iter().map(|tag| tag.name).collect();
            let (repository, tag) = (repository.clone(), name.clone());
            return Err(Error::History(HistoryError::UnknownTag { repository, tag, known }));
        };
        // Logged first: garbage collection keeps what the log names until the grace period is over.
        log_tag(store, repository, commit, Operation::DeleteTag(name.clone()), context)?;
        match store.storage().delete_ref(&key, &version)? {
            Swap::Done => {
                hide_tag(&*target_of(store, repository), name)?;
                return Ok(commit);
            }
            Swap::Changed => {}
            Swap::Unknown(error) => return Err(error.into()),
        }
    }
}

fn log_tag(
    store: &Store,
    repository: &RepositoryName,
    commit: CommitId,
    operation: Operation,
    context: &Context,
) -> Result<(), Error> {
    let line = LogEntry::unchanged(repository, Some(commit), operation, context).to_line();
    store.storage().log().append(&line)?;
    context.progress.logged(&line);
    Ok(())
}

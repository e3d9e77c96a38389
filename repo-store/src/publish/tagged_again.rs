//! Making the publications of tagged states again, from the records of these states.
//!
//! What a tag leads to was signed once and is never published again, so a `Date` from the future would stay there for as long as the tag
//! does.

use std::collections::BTreeMap;

use apt_sign::Signer;

use super::draft::{Draft, Signatures};
use super::publication::Publication;
use super::target::PublicationTarget;
use super::{Start, all_wanted, indices, is_ahead, sign_suite};
use crate::context::Context;
use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::id::CommitId;
use crate::model::log_entry::LogEntry;
use crate::model::name::TagName;
use crate::model::operation::Operation;
use crate::model::publication_id::PublicationId;
use crate::settings::RepositorySettings;
use crate::storage::StorageError;
use crate::store::Store;

/// What was made again.
pub(super) struct TaggedAgain {
    pub(super) tags: Vec<TagName>,
    /// The id after which the next publication has to come.
    pub(super) last: Option<PublicationId>,
}

impl Store {
    /// Renders and signs the publications of tagged states again, and lets the tags lead there. That of the current state is not among
    /// them: what clients see next is made of it. The caller holds the publishing lock.
    ///
    /// A suite that left the settings cannot be rendered any more. So a publication that has one stays as it is, unless clients refuse it
    /// for its `Date`. A state of which an object is damaged stays as it is as well.
    pub(super) fn sign_tagged_again(
        &self,
        target: &dyn PublicationTarget,
        repository: &RepositorySettings,
        (signer, keys): (&dyn Signer, &[String]),
        mut last: Option<PublicationId>,
        context: &Context,
    ) -> Result<TaggedAgain, Error> {
        let head = self.head(&repository.name)?.map(|head| head.id());
        let mut states: BTreeMap<CommitId, Vec<TagName>> = BTreeMap::new();
        for tag in self.tag_names(&repository.name)? {
            // A damaged tag is for a check to tell.
            if let Ok(Some(commit)) = self.tagged(&repository.name, &tag)
                && Some(commit) != head
            {
                states.entry(commit).or_default().push(tag);
            }
        }
        let mut tags = Vec::new();
        for (commit, names) in states {
            let Some(id) = self.newest_publication_of(target, &repository.name, commit)? else { continue };
            let Some(before) = Publication::read(self, &repository.name, id)? else { continue };
            let made = self.revision(&repository.name, commit).and_then(|state| {
                self.sign_state_again(target, repository, (&before, &state), (signer, keys), last, context)
            });
            match made {
                Ok(Some(id)) => {
                    last = Some(id);
                    tags.extend(names);
                }
                Ok(None)
                | Err(Error::Storage(StorageError::Damaged { .. } | StorageError::Missing { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(TaggedAgain { tags, last })
    }

    fn sign_state_again(
        &self,
        target: &dyn PublicationTarget,
        repository: &RepositorySettings,
        (before, state): (&Publication, &Revision<'_>),
        (signer, keys): (&dyn Signer, &[String]),
        last: Option<PublicationId>,
        context: &Context,
    ) -> Result<Option<PublicationId>, Error> {
        let mut wanted = all_wanted(repository, Some(state), Some(before), (&keys.join(" "), Start::Records));
        wanted.retain(|suite| suite.before.is_some());
        let is_refused = before.latest_date().is_some_and(|date| is_ahead(date, context.now));
        if wanted.is_empty() || (wanted.len() < before.suites.len() && !is_refused) {
            return Ok(None);
        }
        let draft = Draft::new((self, &repository.name), target, (context.now, last))?;
        let (rendered, _) = indices::render(self, repository, &wanted, &draft, context)?;
        let (mut suites, mut signatures) = (BTreeMap::new(), BTreeMap::new());
        for (wanted, indices) in wanted.into_iter().zip(rendered) {
            let (published, signed) = sign_suite(repository, &wanted, indices, &draft, signer, context)?;
            signatures.insert(wanted.place.clone(), Signatures::New(signed));
            suites.insert(wanted.place, published);
        }
        // It replaces nothing that clients see.
        let publication = Publication {
            id: draft.id(),
            commit: Some(state.id()),
            replaces: None,
            keys: keys.to_vec(),
            // Clients find the keys beside what they see, not in earlier states.
            public_keys: None,
            suites,
        };
        let published = Operation::Publish(publication.id);
        let line = LogEntry::unchanged(&repository.name, publication.commit, published, context).to_line();
        draft.keep(&publication, &signatures, &line)?;
        Ok(Some(publication.id))
    }
}

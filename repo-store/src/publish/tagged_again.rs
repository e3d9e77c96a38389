//! Making the publications of tagged states again, from the records of these states.
//!
//! What a tag leads to was signed once and is never published again, so a `Date` from the future would stay there for as long as the tag
//! does, and so would damage.

use std::collections::{BTreeMap, HashSet};

use apt_sign::Signer;

use super::draft::{Draft, Signatures};
use super::publication::Publication;
use super::target::PublicationTarget;
use super::target::target_of;
use super::{Start, all_wanted, indices, is_ahead, known_keys, unsigned_suite};
use crate::context::Context;
use crate::error::Error;
use crate::history::revision::Revision;
use crate::history::tags::tag_names;
use crate::history::tags::tagged;
use crate::model::id::CommitId;
use crate::model::log_entry::LogEntry;
use crate::model::name::{RepositoryName, TagName};
use crate::model::operation::Operation;
use crate::model::publication_id::PublicationId;
use crate::publish::last_id;
use crate::publish::tagged::newest_publication_of;
use crate::settings::RepositorySettings;
use crate::storage::StorageError;
use crate::store::Store;

/// What was made again.
pub(super) struct TaggedAgain {
    pub(super) tags: Vec<TagName>,
    /// The id after which the next publication has to come.
    pub(super) last: Option<PublicationId>,
}

/// See [`Store::sign_tags_again`].
pub(crate) fn sign_tags_again(
    store: &Store,
    repository: &RepositorySettings,
    tags: &[TagName],
    signer: &dyn Signer,
    context: &Context,
) -> Result<Vec<TagName>, Error> {
    repository.check()?;
    store.check_file_systems(&repository.name)?;
    let target = &*target_of(store, &repository.name);
    let _lock = store.publishing_lock(&repository.name)?;
    let current = Publication::current_in(target, store, &repository.name)?;
    let known = Publication::last_known(store, &repository.name, current.as_ref())?;
    known_keys::check(target, &repository.name, known.as_ref(), (signer, context.now))?;
    let current = (current.as_ref(), Start::Published);
    let last = last_id(store, target, &repository.name, current, context.now)?;
    let keys: Vec<String> = signer.fingerprints().iter().map(ToString::to_string).collect();
    let is_asked_for = |tag: &TagName| tags.contains(tag);
    let again =
        sign_tagged_again(store, target, (repository, &is_asked_for), (signer, &keys), last, context)?;
    Ok(again.tags)
}

/// Renders and signs the publications of tagged states again, and lets the tags lead there. That of the current state is not among
/// them: what clients see next is made of it. The caller holds the publishing lock.
///
/// A suite that left the settings cannot be rendered any more. So a publication that has one stays as it is, unless clients refuse it
/// for its `Date`. A state with a damaged object stays as it is as well. A state whose publication was withdrawn gets one
/// again.
pub(super) fn sign_tagged_again(
    store: &Store,
    target: &dyn PublicationTarget,
    (repository, is_asked_for): (&RepositorySettings, &dyn Fn(&TagName) -> bool),
    (signer, keys): (&dyn Signer, &[String]),
    mut last: Option<PublicationId>,
    context: &Context,
) -> Result<TaggedAgain, Error> {
    let head = store.head(&repository.name)?.map(|head| head.id());
    let mut states: BTreeMap<CommitId, Vec<TagName>> = BTreeMap::new();
    for tag in tag_names(store.storage(), &repository.name)?.into_iter().filter(|tag| is_asked_for(tag)) {
        // A damaged tag is for a check to tell.
        if let Ok(Some(commit)) = tagged(store.storage(), &repository.name, &tag)
            && Some(commit) != head
        {
            states.entry(commit).or_default().push(tag);
        }
    }
    let mut tags = Vec::new();
    let mut announced = None;
    for (commit, names) in states {
        let before = match newest_publication_of(store, target, &repository.name, commit)? {
            Some(id) => Publication::read(store, &repository.name, id)?,
            None => None,
        };
        if before.is_none() {
            let published = match &mut announced {
                Some(published) => published,
                None => announced.insert(published_states(store, &repository.name)?),
            };
            // One that clients never saw under its tag stays unpublished.
            if !published.contains(&commit) {
                continue;
            }
        }
        let made = store.revision(&repository.name, commit).and_then(|state| {
            let of = (before.as_ref(), &state);
            sign_state_again(store, target, repository, of, (signer, keys), last, context)
        });
        match made {
            Ok(Some(id)) => {
                last = Some(id);
                tags.extend(names);
            }
            Ok(None) | Err(Error::Storage(StorageError::Damaged { .. } | StorageError::Missing { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(TaggedAgain { tags, last })
}

/// The states that the operation log calls published.
fn published_states(store: &Store, repository: &RepositoryName) -> Result<HashSet<CommitId>, Error> {
    let entries = store.operations()?.into_iter();
    let published = entries
        .filter(|entry| entry.repository == *repository && matches!(entry.operation, Operation::Publish(_)));
    Ok(published.filter_map(|entry| entry.after).collect())
}

fn sign_state_again(
    store: &Store,
    target: &dyn PublicationTarget,
    repository: &RepositorySettings,
    (before, state): (Option<&Publication>, &Revision<'_>),
    (signer, keys): (&dyn Signer, &[String]),
    last: Option<PublicationId>,
    context: &Context,
) -> Result<Option<PublicationId>, Error> {
    let mut wanted = all_wanted(repository, Some(state), before, (&keys.join(" "), Start::Records));
    let commit = state.commit();
    wanted.retain(|wanted| match before {
        Some(_) => wanted.before.is_some(),
        None => commit.suites.contains_key(&wanted.suite.name),
    });
    let suites = before.map_or(commit.suites.len(), |before| before.suites.len());
    let date = before.and_then(Publication::latest_date);
    let is_refused = date.is_some_and(|date| is_ahead(date, context.now));
    if wanted.is_empty() || (wanted.len() < suites && !is_refused) {
        return Ok(None);
    }
    let draft = Draft::new((store, &repository.name), target, (context.now, last))?;
    let (rendered, _) = indices::render(store, repository, &wanted, &draft, context)?;
    let (mut suites, mut signatures) = (BTreeMap::new(), BTreeMap::new());
    for (wanted, indices) in wanted.into_iter().zip(rendered) {
        let unsigned = unsigned_suite(repository, &wanted, indices, &draft, context.now)?;
        let (published, signed) = unsigned.sign(&wanted, &draft, signer, context)?;
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
    context.progress.logged(&line);
    Ok(Some(publication.id))
}

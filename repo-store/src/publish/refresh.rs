//! Signing again what clients see before its validity ends, with nothing else changed: clients fetch the signed file and no index.

use std::collections::BTreeMap;

use apt_sign::Signer;
use jiff::Timestamp;

use super::draft::{self, Draft, Signatures};
use super::publication::{Publication, PublishedSuite, SignedFiles};
use super::target::target_of;
use super::{PublishReport, RESIGN_BELOW, Start, is_from_the_future, known_keys, sign_release};
use crate::context::Context;
use crate::error::Error;
use crate::history::last_shown::note_shown;
use crate::model::log_entry::LogEntry;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::progress::Phase;
use crate::publish::last_id;
use crate::publish::last_shown::shown_after;
use crate::publish::thinning::thin;
use crate::settings::RepositorySettings;
use crate::store::Store;

/// A suite whose signatures have used half of their validity.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct DueSuite {
    /// The name of the suite; `.flat` for the flat form.
    pub directory: String,
    /// When its validity ends.
    pub valid_until: Timestamp,
}

/// See [`Store::due_suites`].
pub(crate) fn due_suites(
    store: &Store,
    repository: &RepositoryName,
    now: Timestamp,
) -> Result<Vec<DueSuite>, Error> {
    let current = Publication::current(store, repository)?;
    let suites = current.iter().flat_map(|current| &current.suites);
    let due = suites.filter(|(_, suite)| is_due(suite, now));
    let due = due.filter_map(|(place, suite)| {
        Some(DueSuite { directory: place.directory().to_owned(), valid_until: suite.valid_until? })
    });
    Ok(due.collect())
}

/// See [`Store::refresh_signatures`].
pub(crate) fn refresh_signatures(
    store: &Store,
    repository: &RepositorySettings,
    signer: &dyn Signer,
    context: &Context,
) -> Result<PublishReport, Error> {
    repository.check()?;
    store.check_file_systems(&repository.name)?;
    let (name, now) = (&repository.name, context.now);
    let target = &*target_of(store, name);
    let _lock = store.publishing_lock(name)?;
    let Some(current) = Publication::current_in(target, store, name)? else {
        return Ok(PublishReport::nothing());
    };
    if !current.suites.values().any(|suite| is_due(suite, now)) {
        return Ok(PublishReport::unchanged(&current));
    }
    known_keys::check(target, name, Some(&current), (signer, now))?;
    let keys: Vec<String> = signer.fingerprints().iter().map(ToString::to_string).collect();
    // A publication is signed by the same keys as a whole.
    let every = keys != current.keys;
    let mut last = last_id(store, target, name, (Some(&current), Start::Published), now)?;
    last = last.max(shown_after(store, name, &current)?.filter(|id| !is_from_the_future(*id, now)));
    let draft = Draft::new((store, name), target, (now, last))?;
    let (mut suites, mut signatures) = (BTreeMap::new(), BTreeMap::new());
    let mut names = Vec::new();
    for (place, suite) in &current.suites {
        if !every && !is_due(suite, now) {
            signatures.insert(place.clone(), Signatures::Of(current.id));
            suites.insert(place.clone(), suite.clone());
            continue;
        }
        let date = suite.date.max(now);
        let length = repository.valid_for.or_else(|| Some(suite.valid_until?.duration_since(suite.date)));
        let valid_until = length.and_then(|length| date.checked_add(length).ok());
        let [_, release, _] = suite.signed.by_name();
        let damaged = || Error::damaged("Release file", &place.directory(), "it is not what was published");
        let text = draft::signed_file(target, &current, place, release)?.ok_or_else(damaged)?;
        let text = String::from_utf8(text).map_err(|_| damaged())?;
        let text = apt_index::release::redated(&text, date, valid_until).ok_or_else(damaged)?;
        let signed = sign_release(place.suite(), text.as_bytes(), signer, context)?;
        let signed_files = SignedFiles::of(&signed);
        signatures.insert(place.clone(), Signatures::New(signed));
        let again =
            PublishedSuite { date, valid_until, made_in: draft.id(), signed: signed_files, ..suite.clone() };
        suites.insert(place.clone(), again);
        if !names.contains(place.suite()) {
            names.push(place.suite().clone());
        }
    }
    let public_keys =
        signer.public_keys().map_err(|source| crate::error::PublishError::PublicKeys { source })?;
    let publication = Publication {
        id: draft.id(),
        commit: current.commit,
        replaces: Some(current.id),
        keys,
        public_keys: Some(draft.put_keys(&public_keys)?),
        suites,
    };
    let published = Operation::Publish(publication.id);
    let line = LogEntry::unchanged(name, publication.commit, published, context).to_line();
    // The last moment at which nothing is to be seen of it.
    context.progress.check(Phase::Rendering)?;
    draft.show(&publication, &signatures, &line)?;
    context.progress.logged(&line);
    note_shown(store, name, publication.id);
    thin(store, target, (repository, publication.id), now);
    let report = PublishReport::unchanged(&publication);
    Ok(PublishReport { publication: Some(publication.id), suites: names, ..report })
}

/// Whether half of the validity of the signatures is over.
fn is_due(suite: &PublishedSuite, now: Timestamp) -> bool {
    suite
        .valid_until
        .is_some_and(|until| until.duration_since(now) < until.duration_since(suite.date) / RESIGN_BELOW)
}

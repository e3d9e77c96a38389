//! What a publication would show, as a value.

use std::collections::BTreeMap;

use apt_sign::Signer;
use deb_parse::SuiteName;
use serde::ser::Serializer;

use super::decision::{Decision, Ground, PublicationReason, check_for_clients};
use super::place::Place;
use super::publication::Publication;
use super::target::target_of;
use super::{Beginning, PublishOptions, PublishReport, Start, publish_from};
use crate::context::Context;
use crate::error::{ChangeError, Error};
use crate::history::revision::Revision;
use crate::model::difference::Difference;
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::model::serialized::{as_text, maybe_as_text};
use crate::model::suite_differences::SuiteDifferences;
use crate::settings::RepositorySettings;
use crate::store::Store;

/// What publishing a repository would do. [`Store::plan_publication`] and [`Store::plan_signing_again`] make it.
///
/// Published files are looked for by name and size. Which of them are damaged, and which files of the pool are missing, is found out when
/// the repository is published.
#[derive(Clone, Debug, serde::Serialize)]
#[must_use = "a plan changes nothing until it is applied"]
pub struct PublicationPlan {
    #[serde(serialize_with = "as_text")]
    repository: RepositoryName,
    #[serde(serialize_with = "maybe_as_text")]
    base: Option<CommitId>,
    #[serde(serialize_with = "maybe_as_text")]
    replaces: Option<PublicationId>,
    is_up_to_date: bool,
    suites: Vec<PlannedSuite>,
    removed: Vec<String>,
    missing: u64,
    /// Serialized as the lists `added` and `withdrawn`: what clients would see from then on, and no more.
    #[serde(flatten, serialize_with = "as_seen")]
    changes: SuiteDifferences,
    #[serde(skip)]
    settings: RepositorySettings,
    #[serde(skip)]
    options: PublishOptions,
    #[serde(skip)]
    start: Start,
}

/// A suite that would be rendered and signed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct PlannedSuite {
    /// The name of the suite; `.flat` for the flat form.
    pub directory: String,
    /// Why.
    #[serde(serialize_with = "as_text")]
    pub reason: PublicationReason,
}

impl PlannedSuite {
    fn new(place: &Place, reason: PublicationReason) -> Self {
        Self { directory: place.directory().to_owned(), reason }
    }
}

fn as_seen<S: Serializer>(changes: &SuiteDifferences, serializer: S) -> Result<S::Ok, S::Error> {
    let lists = [("added", changes.added()), ("withdrawn", changes.removed())];
    serializer.collect_map(lists)
}

impl PublicationPlan {
    /// Returns the repository.
    #[must_use]
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Returns the state that clients would see; `None` when nothing was ever committed.
    #[must_use]
    pub fn base(&self) -> Option<CommitId> {
        self.base
    }

    /// Returns the publication that clients see now.
    #[must_use]
    pub fn replaces(&self) -> Option<PublicationId> {
        self.replaces
    }

    /// Returns whether clients see exactly that already, so that nothing would be published.
    #[must_use]
    pub fn is_up_to_date(&self) -> bool {
        self.is_up_to_date
    }

    /// Returns the suites that would be rendered and signed, each with the reason. All others stay as they are.
    #[must_use]
    pub fn suites(&self) -> &[PlannedSuite] {
        &self.suites
    }

    /// Returns the suites, aliases and `./` that clients would no longer find.
    #[must_use]
    pub fn removed(&self) -> &[String] {
        &self.removed
    }

    /// Returns how many files and links that clients are told of are missing and would be put back, besides those in the pool.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// Returns, for each suite of which clients would see other packages, what they would lose (the first) and gain (the second).
    #[must_use]
    pub fn changes(&self) -> &BTreeMap<SuiteName, Difference> {
        self.changes.as_map()
    }

    /// Publishes the repository. `signer` has to be the one that the plan was made with, or another with the same keys.
    ///
    /// # Errors
    /// [`Outdated`](crate::error::ChangeError::Outdated) when the repository has changed since the plan was made, or clients see something else
    /// by now: nothing is published then. Otherwise those of [`Store::publish_with`].
    pub fn apply(
        &self,
        store: &Store,
        signer: &dyn Signer,
        context: &Context,
    ) -> Result<PublishReport, Error> {
        let beginning = Beginning { start: self.start, last: None, plan: Some(self) };
        publish_from(store, beginning, &self.settings, signer, self.options, context)
    }

    /// Makes the same plan from the present state of the repository.
    ///
    /// # Errors
    /// Those of [`Store::plan_publication`].
    pub fn rebase(&self, store: &Store, signer: &dyn Signer, context: &Context) -> Result<Self, Error> {
        plan_from(store, self.start, (&self.settings, self.options), signer, context)
    }

    /// Refuses to publish another state than the planned one, or in place of something else.
    pub(super) fn check(
        &self,
        head: Option<&Revision<'_>>,
        current: Option<&Publication>,
    ) -> Result<(), Error> {
        if head.map(Revision::id) == self.base && current.map(|current| current.id) == self.replaces {
            return Ok(());
        }
        Err(ChangeError::Outdated { repository: self.repository.clone() }.into())
    }
}

/// See [`Store::plan_publication`].
pub(crate) fn plan_publication(
    store: &Store,
    repository: &RepositorySettings,
    signer: &dyn Signer,
    options: PublishOptions,
    context: &Context,
) -> Result<PublicationPlan, Error> {
    plan_from(store, Start::Published, (repository, options), signer, context)
}

/// See [`Store::plan_signing_again`].
pub(crate) fn plan_signing_again(
    store: &Store,
    repository: &RepositorySettings,
    signer: &dyn Signer,
    options: PublishOptions,
    context: &Context,
) -> Result<PublicationPlan, Error> {
    plan_from(store, Start::Records, (repository, options), signer, context)
}

fn plan_from(
    store: &Store,
    start: Start,
    (repository, options): (&RepositorySettings, PublishOptions),
    signer: &dyn Signer,
    context: &Context,
) -> Result<PublicationPlan, Error> {
    repository.check()?;
    store.check_file_systems(&repository.name)?;
    let target = &*target_of(store, &repository.name);
    let beginning = Beginning::of(start);
    let mut ground = Ground::read((store, target), (repository, &options), (signer, beginning), context)?;
    ground.look_for_missing(target)?;
    let roots = ground.pass_over_archive_roots();
    let missing = roots + ground.missing();
    let Decision { kept, wanted, is_up_to_date } = ground.decide(repository, start);
    let current = ground.current.as_ref();
    let known = Publication::last_known(store, &repository.name, current)?;
    let removed = if is_up_to_date {
        Vec::new()
    } else {
        ground.check_state((store, target), (repository, &options))?;
        let wanted = wanted.iter().map(|(wanted, _)| wanted);
        check_for_clients(target, (repository, &options), known.as_ref(), wanted, (signer, context))?
    };
    let mut changes = SuiteDifferences::default();
    for suite in kept.iter().chain(wanted.iter().map(|(wanted, _)| wanted)) {
        let Place::Suite(name) = &suite.place else { continue };
        let before = store.empty_or(suite.before.and_then(|before| before.snapshot))?;
        let difference = store.difference(&before, &store.empty_or(suite.snapshot)?)?;
        // The index changes, and no package comes or goes.
        changes.insert(name.clone(), difference.apart_from_percentages());
    }
    Ok(PublicationPlan {
        repository: repository.name.clone(),
        base: ground.head.as_ref().map(Revision::id),
        replaces: current.map(|current| current.id),
        is_up_to_date,
        suites: wanted.iter().map(|(suite, reason)| PlannedSuite::new(&suite.place, *reason)).collect(),
        removed,
        missing,
        changes,
        settings: repository.clone(),
        options,
        start,
    })
}

//! What a reissue would do, and doing it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::deb822::ParagraphBuf;
use deb_parse::{Component, PackageName, SourceName, SuiteName, Version};

use super::file::{self, reissue_error};
use super::hazard::{Hazard, Undone};
use super::pair::Pair;
use super::relations;
use super::releases::{self, Release, Releases};
use super::search::Search;
use crate::context::Context;
use crate::error::{Error, ReissueError};
use crate::history::revision::Revision;
use crate::model::commit::one_line;
use crate::model::gate_rule::GateOverride;
use crate::model::id::{BlobId, CommitId};
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::model::record::{Record, RecordKey};
use crate::model::reissue::{HazardKind, ReissueVersion, Reissued};
use crate::model::serialized::{as_text, maybe_as_text};
use crate::operations::installability::InstallableGuard;
use crate::operations::plan::check_base;
use crate::operations::profiles;
use crate::settings::RepositorySettings;
use crate::storage::Staged;
use crate::store::Store;
use crate::transaction::{Committed, Transaction};

/// What to publish again.
#[derive(Clone, Debug)]
pub struct ReissueRequest {
    /// The source. All its packages come out again.
    pub source: SourceName,
    /// The bad version of the source; without one the newest that the repository has or had above the old one.
    pub bad: Option<Version>,
    /// The old version of the source.
    pub good: Version,
    /// Only these of the suites that the bad version is in; all of them when empty.
    pub suites: Vec<SuiteName>,
    /// The kinds of hazards that are accepted.
    pub accept: BTreeSet<HazardKind>,
    /// Why, for the history.
    pub reason: Option<String>,
}

/// What publishing an old version of a source again above a bad one would do. [`Store::plan_reissue`] makes it.
///
/// A reissue is never stopped by a freeze, and of gates by `installable` alone: it is how a bad version is undone on machines.
#[derive(Clone, Debug, serde::Serialize)]
#[must_use = "a plan changes nothing until it is applied"]
pub struct ReissuePlan {
    #[serde(serialize_with = "as_text")]
    repository: RepositoryName,
    #[serde(serialize_with = "maybe_as_text")]
    base: Option<CommitId>,
    #[serde(serialize_with = "as_text")]
    bad: Version,
    #[serde(serialize_with = "as_text")]
    version: ReissueVersion,
    packages: Vec<ReissuedPackage>,
    #[serde(skip)]
    hazards: Vec<Hazard>,
    #[serde(skip)]
    request: ReissueRequest,
    #[serde(skip)]
    settings: Arc<RepositorySettings>,
    #[serde(skip)]
    gate_override: Option<GateOverride>,
}

/// A package that would come out again.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ReissuedPackage {
    #[serde(serialize_with = "key_as_text")]
    pub(super) key: RecordKey,
    #[serde(skip)]
    pub(super) good: Arc<Record>,
    #[serde(skip)]
    pub(super) control: ParagraphBuf,
    #[serde(skip)]
    pub(super) suites: BTreeMap<SuiteName, Component>,
    pub(super) dropped: Vec<String>,
}

fn key_as_text<S: serde::Serializer>(key: &RecordKey, serializer: S) -> Result<S::Ok, S::Error> {
    as_text(key, serializer)
}

impl ReissuedPackage {
    /// Returns the name, the new version and the architecture.
    #[must_use]
    pub fn key(&self) -> &RecordKey {
        &self.key
    }

    /// Returns the package whose content it has.
    #[must_use]
    pub fn good(&self) -> &Arc<Record> {
        &self.good
    }

    /// Returns the suites that it would come into, each with its component there.
    #[must_use]
    pub fn suites(&self) -> &BTreeMap<SuiteName, Component> {
        &self.suites
    }

    /// Returns the signatures inside the old file that the new one would not have.
    #[must_use]
    pub fn dropped(&self) -> &[String] {
        &self.dropped
    }
}

impl ReissuePlan {
    /// Returns the repository.
    #[must_use]
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Returns the state that it was made from; `None` when nothing was ever committed.
    #[must_use]
    pub fn base(&self) -> Option<CommitId> {
        self.base
    }

    /// Returns the bad version of the source.
    #[must_use]
    pub fn bad(&self) -> &Version {
        &self.bad
    }

    /// Returns the source, its old version, and the version that this would come out as.
    #[must_use]
    pub fn reissued(&self) -> Reissued {
        let ReissueRequest { source, good, .. } = &self.request;
        Reissued { source: source.clone(), good: good.clone(), version: self.version.clone() }
    }

    /// Returns the packages, in the order of their keys; none when the old version is out again already.
    #[must_use]
    pub fn packages(&self) -> &[ReissuedPackage] {
        &self.packages
    }

    /// Returns what would happen on machines that have the bad version, besides getting the old files; what cannot be undone first.
    #[must_use]
    pub fn hazards(&self) -> &[Hazard] {
        &self.hazards
    }

    /// Returns the kinds of hazards that keep the plan from being applied: what cannot be undone, and nobody accepted.
    #[must_use]
    pub fn refused(&self) -> Vec<HazardKind> {
        let lasting = self.hazards.iter().filter(|hazard| hazard.undone == Undone::Cannot);
        let kinds: BTreeSet<HazardKind> = lasting.map(|hazard| hazard.kind).collect();
        kinds.difference(&self.request.accept).copied().collect()
    }

    /// Returns the same plan with somebody's decision that the gate `installable` does not count for it.
    pub fn despite(self, gate_override: Option<GateOverride>) -> Self {
        Self { gate_override, ..self }
    }

    /// Publishes the old version again.
    ///
    /// # Errors
    /// [`Uninstallable`](crate::error::RuleError::Uninstallable) when a gate asks for more and nobody decided that this does not count;
    /// [`ReissueError::Hazards`] when something cannot be undone on machines and nobody accepted that;
    /// [`ProfileError`](crate::error::ProfileError) when an exact profile names a package and does not allow the version that comes out;
    /// [`Outdated`](crate::error::ChangeError::Outdated) when the repository has changed since the plan was made.
    pub fn apply(&self, store: &Store, context: &Context) -> Result<Committed, Error> {
        self.check()?;
        let mut new = NewFiles::default();
        self.write(store, &mut new)?;
        let reason = self.request.reason.as_deref().map(one_line);
        let (committed, ()) = store.transact_in(&self.settings, context, |transaction| {
            check_base(transaction, &self.repository, self.base)?;
            new.insert(transaction)?;
            profiles::rebuild_in(transaction, store, &self.settings, &self.names())?;
            let guard = InstallableGuard::of(&self.settings).despite(self.gate_override.clone());
            guard.pass_in(transaction, store, context.now)?;
            Ok((Operation::Reissue { sources: vec![self.reissued()], reason: reason.clone() }, ()))
        })?;
        Ok(committed)
    }

    /// Returns the names of the packages that come out again.
    pub(in crate::operations) fn names(&self) -> Vec<PackageName> {
        self.packages.iter().map(|package| package.key.package.clone()).collect()
    }

    /// Makes the same plan from the present state of the repository.
    ///
    /// # Errors
    /// Those of [`Store::plan_reissue`].
    pub fn rebase(&self, store: &Store) -> Result<Self, Error> {
        let plan = plan_reissue(store, &self.settings, &self.request, None)?;
        Ok(plan.despite(self.gate_override.clone()))
    }

    /// Refuses what cannot be undone on machines and nobody accepted.
    pub(in crate::operations) fn check(&self) -> Result<(), Error> {
        let kinds = self.refused();
        if kinds.is_empty() {
            return Ok(());
        }
        let (repository, source_name) = (self.repository.clone(), self.request.source.clone());
        let (good, bad) = (self.request.good.clone(), self.bad.clone());
        Err(reissue_error(ReissueError::Hazards { repository, source_name, good, bad, kinds }))
    }

    /// Writes the files, to be kept when the change is certain.
    pub(in crate::operations) fn write<'s>(
        &self,
        store: &'s Store,
        new: &mut NewFiles<'s>,
    ) -> Result<(), Error> {
        for package in &self.packages {
            let file = file::write(store, &package.good, &package.control)?;
            for (suite, component) in &package.suites {
                new.records.push((suite.clone(), file.record(&package.good, component)?));
            }
            new.files.push((file.blob(), file.staged));
        }
        Ok(())
    }
}

/// Files that were written and are not kept yet, and where they go.
#[derive(Default)]
pub(in crate::operations) struct NewFiles<'s> {
    files: Vec<(BlobId, Box<dyn Staged + 's>)>,
    records: Vec<(SuiteName, Arc<Record>)>,
}

impl NewFiles<'_> {
    /// Puts them into their suites, and keeps the files.
    pub(in crate::operations) fn insert(&mut self, transaction: &mut Transaction<'_>) -> Result<(), Error> {
        for (suite, record) in &self.records {
            transaction.insert(suite, record)?;
        }
        self.files.drain(..).try_for_each(|(blob, staged)| Ok(staged.keep(&Store::blob_key(blob))?))
    }
}

/// See [`Store::plan_reissue`]. `with` are the reissues that come with it in a rollback.
pub(crate) fn plan_reissue(
    store: &Store,
    settings: &RepositorySettings,
    request: &ReissueRequest,
    with: Option<&[Reissued]>,
) -> Result<ReissuePlan, Error> {
    settings.check()?;
    let search = Search { store, repository: &settings.name, request };
    let head = store.head(&settings.name)?;
    let present = head.as_ref().map(|head| releases::present(head, &request.source)).transpose()?;
    let present = present.unwrap_or_default();
    let (bad, bad_release) = search.bad(&present)?;
    let good_release = search.good(&present)?;
    let over = ReissueVersion::of(&bad).map_or_else(|| bad.clone(), |reissue| reissue.above().clone());
    let mut plan = ReissuePlan {
        repository: settings.name.clone(),
        base: head.as_ref().map(Revision::id),
        bad: bad.clone(),
        version: search.version(&over, 1)?,
        packages: Vec::new(),
        hazards: Vec::new(),
        request: request.clone(),
        settings: Arc::new(settings.clone()),
        gate_override: None,
    };
    // A rollback takes out what is above the old version, also when that is a reissue of it.
    if with.is_none()
        && let Some(version) = is_out_already(&present, &over, (&good_release, &bad_release))
    {
        plan.version = version;
        return Ok(plan);
    }
    let planned = with.unwrap_or_default();
    let number = releases::next_number(store, &settings.name, request, (&over, &present), planned)?;
    plan.version = search.version(&over, number)?;
    if with.is_none() {
        search.check_newest(&present, (&bad, &bad_release), &plan.version)?;
    }
    let pair = Pair { search, settings, good: &good_release, bad: &bad_release, over: &over, number };
    let siblings = pair.siblings()?;
    // Machines that did not take a reissue have what that is above.
    let replaced = if over == bad { None } else { search.known(&present, &over)? };
    let mut files = pair.read_good()?;
    plan.packages = pair.packages(&siblings, &files)?;
    let mut hazards = relations::between_siblings(&good_release, &siblings);
    for bad in replaced.iter().chain([&bad_release]) {
        let pair = Pair { bad, ..pair };
        pair.read_bad(&mut files, &mut hazards)?;
        hazards.extend(pair.hazards(&siblings, &files)?);
        if let Some(head) = &head {
            let all = (&good_release, bad, &siblings);
            hazards.extend(relations::of_others(head, &bad.suites(), &request.source, all)?);
        }
    }
    // Profiles are built again, with what comes out.
    let names = plan.names();
    hazards.retain(|hazard| !profiles::is_rebuilt(settings, &hazard.package, &names));
    hazards.sort();
    hazards.dedup();
    plan.hazards = hazards;
    Ok(plan)
}

/// Returns the version under which the content of the old version is out above the bad one, in every suite that the bad one is in.
fn is_out_already(
    present: &Releases,
    over: &Version,
    (good, bad): (&Release, &Release),
) -> Option<ReissueVersion> {
    let above = |version: &Version| ReissueVersion::of(version).filter(|reissue| reissue.above() == over);
    let reissues = present.iter().filter_map(|(version, release)| Some((above(version)?, release)));
    let (version, release) = reissues.max_by_key(|(version, _)| version.number())?;
    let content = |release: &Release| release.packages().next().map(|placed| placed.record.source().1);
    let is_same = content(release) == content(good);
    (is_same && release.suites().is_superset(&bad.suites())).then_some(version)
}

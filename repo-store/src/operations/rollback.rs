//! Going back to an earlier state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::{PackageName, SuiteName};

use crate::context::Context;
use crate::error::Error;
use crate::history::keyring_versions::KeyringVersions;
use crate::history::revision::Revision;
use crate::model::difference::Difference;
use crate::model::gate_rule::GateOverride;
use crate::model::hold::{HoldCause, HoldKey, Holds};
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::model::reissue::{HazardKind, Reissued};
use crate::model::serialized::{as_text, as_texts, maybe_as_text};
use crate::model::snapshot::Snapshot;
use crate::model::suite_differences::SuiteDifferences;
use crate::operations::installability::InstallableGuard;
use crate::operations::plan::check_base;
use crate::operations::profiles;
use crate::operations::reissue::{NewFiles, ReissuePlan, ReissueRequest, goes_down, plan_reissue};
use crate::settings::RepositorySettings;
use crate::store::Store;
use crate::transaction::{Committed, Transaction};

/// What going back to an earlier state would change. [`Store::plan_rollback`] makes it.
///
/// The history goes on: a rollback is a commit like any other and can be rolled back itself.
#[derive(Clone, Debug, serde::Serialize)]
#[must_use = "a plan changes nothing until it is applied"]
pub struct RollbackPlan {
    #[serde(serialize_with = "as_text")]
    repository: RepositoryName,
    #[serde(serialize_with = "maybe_as_text")]
    base: Option<CommitId>,
    #[serde(serialize_with = "as_text")]
    target: CommitId,
    changes: SuiteDifferences,
    /// The suites that were asked for; empty for all.
    #[serde(serialize_with = "as_texts")]
    suites: Vec<SuiteName>,
    #[serde(skip)]
    before: BTreeMap<SuiteName, u64>,
    /// What is held now.
    #[serde(skip)]
    present_holds: Holds,
    /// What comes out again with it, so that machines go back too.
    reissues: Vec<ReissuePlan>,
    #[serde(skip)]
    request: Option<ReissueAll>,
    #[serde(skip)]
    guard: InstallableGuard,
}

/// What is asked for when machines are to go back too.
#[derive(Clone, Debug)]
struct ReissueAll {
    settings: Arc<RepositorySettings>,
    accept: BTreeSet<HazardKind>,
}

impl RollbackPlan {
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

    /// Returns the state to go back to.
    #[must_use]
    pub fn target(&self) -> CommitId {
        self.target
    }

    /// Returns, for each suite that would change, what it would lose (the first) and what would come back (the second).
    #[must_use]
    pub fn changes(&self) -> &BTreeMap<SuiteName, Difference> {
        self.changes.as_map()
    }

    /// Returns how many records a suite has now.
    #[must_use]
    pub fn records_before(&self, suite: &SuiteName) -> u64 {
        self.before.get(suite).copied().unwrap_or(0)
    }

    /// Returns the versions that would be held and are not, and those whose holds would end, in the order of keys. What a person holds
    /// stays held, even if it comes back.
    #[must_use]
    pub fn holds(&self, context: &Context) -> (Vec<HoldKey>, Vec<HoldKey>) {
        let mut after = self.present_holds.clone();
        // Only the keys are asked for.
        let operation = Operation::Other("roll back".to_owned());
        let cause = HoldCause { date: context.now, actor: context.actor.clone(), operation };
        for (suite, record) in self.changes.removed().iter() {
            after.withdraw(record.key(), record.blob(), suite, &cause);
        }
        self.changes.added().iter().for_each(|(suite, record)| after.lift(record.key(), suite));
        self.present_holds.changes_to(&after)
    }

    /// Has the plan meet the gate `installable` of these settings, unless somebody decided that it does not count.
    pub fn meeting_gate(self, settings: &RepositorySettings, gate_override: Option<GateOverride>) -> Self {
        Self { guard: InstallableGuard::of(settings).despite(gate_override), ..self }
    }

    /// Plans to publish every version that goes down again above the one that it replaces, so that machines go back as well. Kinds of hazards that
    /// are not accepted keep the plan from being applied.
    ///
    /// # Errors
    /// Those of [`Store::plan_reissue`].
    pub fn with_reissues(
        self,
        store: &Store,
        settings: &RepositorySettings,
        accept: &BTreeSet<HazardKind>,
    ) -> Result<Self, Error> {
        let request = ReissueAll { settings: Arc::new(settings.clone()), accept: accept.clone() };
        self.reissuing(store, request)
    }

    fn reissuing(mut self, store: &Store, all: ReissueAll) -> Result<Self, Error> {
        let target = store.revision(&self.repository, self.target)?;
        let mut planned: Vec<Reissued> = Vec::new();
        for ((source, bad, good), suites) in goes_down(self.changes(), &target)? {
            // It is built again for what comes out again.
            if all.settings.is_metapackage(source.as_str()) {
                continue;
            }
            let (accept, bad) = (all.accept.clone(), Some(bad));
            let request = ReissueRequest { source, bad, good, suites, accept, reason: None };
            let plan = plan_reissue(store, &all.settings, &request, Some(&planned))?;
            if !plan.packages().is_empty() {
                planned.push(plan.reissued());
                self.reissues.push(plan);
            }
        }
        self.request = Some(all);
        Ok(self)
    }

    /// Returns what would come out again, if that is asked for.
    pub fn reissues(&self) -> &[ReissuePlan] {
        &self.reissues
    }

    /// Goes back.
    ///
    /// # Errors
    /// [`ReissueError::Hazards`](crate::error::ReissueError::Hazards) when something cannot be undone on machines and nobody accepted that;
    /// [`Outdated`](crate::error::ChangeError::Outdated) when the repository has changed since the plan was made;
    /// [`Conflict`](crate::error::ChangeError::Conflict) when a package that would come back has the name and version of another file
    /// that is there by now; [`Uninstallable`](crate::error::RuleError::Uninstallable) when [a gate](Self::meeting_gate) asks for more.
    pub fn apply(&self, store: &Store, context: &Context) -> Result<Committed, Error> {
        let target = store.revision(&self.repository, self.target)?;
        let mut new = NewFiles::default();
        self.reissues.iter().try_for_each(ReissuePlan::check)?;
        self.reissues.iter().try_for_each(|plan| plan.write(store, &mut new))?;
        let change = |transaction: &mut Transaction<'_>| {
            Ok((self.change(transaction, (store, &target), &mut new, context)?, ()))
        };
        Ok(store.transact(&self.repository, context, change)?.0)
    }

    /// Finds out whether the gate that the plan is to [meet](Self::meeting_gate) lets it through without its reissues, and changes nothing.
    ///
    /// # Errors
    /// [`Uninstallable`](crate::error::RuleError::Uninstallable) when it does not.
    pub fn check(&self, store: &Store, context: &Context) -> Result<(), Error> {
        let head = store.head(&self.repository)?;
        self.guard.check(store, head.as_ref(), self.changes(), context.now)
    }

    /// Makes the change in a transaction.
    fn change(
        &self,
        transaction: &mut Transaction<'_>,
        (store, target): (&Store, &Revision<'_>),
        new: &mut NewFiles<'_>,
        context: &Context,
    ) -> Result<Operation, Error> {
        check_base(transaction, &self.repository, self.base)?;
        let all = known_suites(transaction.base(), target);
        transaction.restore(target, all.into_iter().filter(|suite| self.is_for(suite)))?;
        let (to, commit) = (target.commit().sequence, target.id().short());
        new.insert(transaction)?;
        if let Some(all) = &self.request {
            let names: Vec<PackageName> = self.reissues.iter().flat_map(ReissuePlan::names).collect();
            profiles::rebuild_in(transaction, store, &all.settings, &names)?;
        }
        self.guard.pass_in(transaction, store, context.now)?;
        let reissued = self.reissues.iter().map(ReissuePlan::reissued).collect();
        Ok(Operation::RollBack { suites: self.suites.clone(), to, commit, reissued })
    }

    /// Makes the same plan from the present state of the repository.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn rebase(&self, store: &Store) -> Result<Self, Error> {
        let plan = store.plan_rollback(&store.revision(&self.repository, self.target)?, &self.suites)?;
        let plan = Self { guard: self.guard.clone(), ..plan };
        match &self.request {
            Some(all) => plan.reissuing(store, all.clone()),
            None => Ok(plan),
        }
    }

    fn is_for(&self, suite: &SuiteName) -> bool {
        self.suites.is_empty() || self.suites.contains(suite)
    }
}

/// The suites that either state knows.
fn known_suites(base: Option<&Revision<'_>>, target: &Revision<'_>) -> BTreeSet<SuiteName> {
    let present = base.iter().flat_map(|base| base.commit().suites.keys());
    present.chain(target.commit().suites.keys()).cloned().collect()
}

/// See [`Store::plan_rollback`].
pub(crate) fn plan_rollback(
    store: &Store,
    target: &Revision<'_>,
    suites: &[SuiteName],
) -> Result<RollbackPlan, Error> {
    let head = store.head(target.repository())?;
    let known = known_suites(head.as_ref(), target);
    if let Some(suite) = suites.iter().find(|suite| !known.contains(*suite)) {
        return Err(Error::unknown_suite(target.repository(), suite, &known));
    }
    let is_asked = |suite: &SuiteName| suites.is_empty() || suites.contains(suite);
    let Restored { changes, before } = compare(store, head.as_ref(), target, is_asked)?;
    Ok(RollbackPlan {
        repository: target.repository().clone(),
        base: head.as_ref().map(Revision::id),
        target: target.id(),
        changes,
        suites: suites.to_vec(),
        before,
        present_holds: head.as_ref().map(Revision::hold_list).transpose()?.unwrap_or_default(),
        reissues: Vec::new(),
        request: None,
        guard: InstallableGuard::default(),
    })
}

/// What giving suites the content of another state changes.
#[derive(Default)]
pub(super) struct Restored {
    pub(super) changes: SuiteDifferences,
    /// How many records each of the suites has now.
    pub(super) before: BTreeMap<SuiteName, u64>,
}

/// Compares the suites of two states. Versions of the keyring package do not go: keys do not go back.
pub(super) fn compare(
    store: &Store,
    head: Option<&Revision<'_>>,
    target: &Revision<'_>,
    is_asked: impl Fn(&SuiteName) -> bool,
) -> Result<Restored, Error> {
    let mut found = Restored::default();
    let keyrings = KeyringVersions::load(store, target.repository())?;
    for suite in known_suites(head, target).into_iter().filter(is_asked) {
        let now = head.map_or_else(|| Ok(Snapshot::default()), |head| head.snapshot(&suite))?;
        let mut difference = store.difference(&now, &target.snapshot(&suite)?)?;
        difference.only_first.retain(|record| !keyrings.contains(record.blob()));
        found.before.insert(suite.clone(), now.records());
        found.changes.insert(suite, difference);
    }
    Ok(found)
}

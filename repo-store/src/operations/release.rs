//! Giving a repository the content of another one, and what it had to a third: a release.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::SuiteName;
use jiff::Timestamp;

use crate::context::Context;
use crate::error::{ChangeError, Error, RuleError};
use crate::history::keyring_versions::KeyringVersions;
use crate::history::revision::Revision;
use crate::intent;
use crate::joint::{Step, transact_jointly};
use crate::model::approval::Approval;
use crate::model::difference::Difference;
use crate::model::freeze::WeeklyFreeze;
use crate::model::gate_rule::{GateOverride, GateRule, GateViolation};
use crate::model::hold::Hold;
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::model::record::{Record, RecordKey, for_everybody};
use crate::model::serialized::{as_text, maybe_as_text};
use crate::model::snapshot::Snapshot;
use crate::model::suite_differences::SuiteDifferences;
use crate::operations::freezes;
use crate::operations::installability::{InstallableGate, suite_changes};
use crate::operations::passage::Passage;
use crate::operations::plan::check_base;
use crate::operations::promotion::together;
use crate::settings::RepositorySettings;
use crate::settings::gate::Gate;
use crate::store::Store;

/// What a release would change. [`Store::plan_release`] makes it.
///
/// A repository such as `stable` gets the content of another one, such as `beta`, in the suites that both have. What it had until then may
/// go to a third one, such as `oldstable`, in the same way. Both are one change: they are made as a whole, and an undo of either takes
/// back both.
///
/// Versions that a repository holds out stay out of it, except those that only the undo of an earlier release holds: to release again is to
/// bring them in. Keyring packages stay where they are. When the repository has the content already, nothing is changed.
#[derive(Clone, Debug, serde::Serialize)]
#[must_use = "a plan changes nothing until it is applied"]
pub struct ReleasePlan {
    /// In the order in which they are made: what a repository gives away goes first.
    moves: Vec<ReleaseMove>,
    #[serde(skip)]
    request: Request,
}

/// What a release does to one repository.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ReleaseMove {
    #[serde(serialize_with = "as_text")]
    from: RepositoryName,
    #[serde(serialize_with = "as_text")]
    repository: RepositoryName,
    /// The state of the repository whose content it gets.
    #[serde(serialize_with = "maybe_as_text")]
    source: Option<CommitId>,
    #[serde(serialize_with = "maybe_as_text")]
    base: Option<CommitId>,
    changes: SuiteDifferences,
    #[serde(skip)]
    held: Vec<(Arc<Record>, Hold)>,
    #[serde(skip)]
    before: BTreeMap<SuiteName, u64>,
}

/// Records that gates do not let in, with the rules that they do not meet.
type Gated = Vec<(Arc<Record>, Vec<GateViolation>)>;

/// What was asked for, to be asked for again.
#[derive(Clone, Debug)]
struct Request {
    from: RepositorySettings,
    to: RepositorySettings,
    old: Option<RepositorySettings>,
}

impl ReleasePlan {
    /// Returns what happens to each repository, in the order in which it is done.
    #[must_use]
    pub fn moves(&self) -> &[ReleaseMove] {
        &self.moves
    }

    /// Returns whether nothing would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.moves.iter().all(|one| one.changes.is_empty())
    }

    /// Returns all that would come and does not meet every rule of the repository that it comes into, with these rules, whether they count or not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn gated(
        &self,
        store: &Store,
        gate_override: Option<&GateOverride>,
        now: Timestamp,
    ) -> Result<BTreeMap<RepositoryName, Gated>, Error> {
        let is_lifted = gate_override.is_some_and(|given| given.lifts(GateRule::Installable));
        let mut all = BTreeMap::new();
        for one in self.moves.iter().filter(|one| !one.changes.is_empty()) {
            let mut gated = one.gated(store, &self.request, now)?;
            let uninstallable = match one.uninstallable(store, &self.request, now) {
                // What cannot be judged does not stop those who decided that it does not count.
                Err(_) if is_lifted => Vec::new(),
                found => found?,
            };
            for (record, violations) in uninstallable {
                match gated.iter_mut().find(|(known, _)| known.key() == record.key()) {
                    Some((_, known)) => known.extend(violations),
                    None => gated.push((record, violations)),
                }
            }
            all.insert(one.repository.clone(), gated);
        }
        Ok(all)
    }

    /// Looks whether the gates of the repositories let in what would come. Returns the rules that it does not meet and that do not count, by
    /// repository.
    ///
    /// # Errors
    /// [`RuleError::Frozen`] for a repository that is frozen, [`RuleError::Gated`] for the first version that does not meet a rule, and
    /// [`RuleError::Uninstallable`] for what would be left that cannot be installed, unless that was decided not to count.
    pub fn pass_gates(
        &self,
        store: &Store,
        gate_override: Option<&GateOverride>,
        now: Timestamp,
    ) -> Result<BTreeMap<RepositoryName, BTreeSet<GateRule>>, Error> {
        let lifts = |rule| gate_override.is_some_and(|given| given.lifts(rule));
        let mut lifted: BTreeMap<RepositoryName, BTreeSet<GateRule>> = BTreeMap::new();
        for one in self.moves.iter().filter(|one| !one.changes.is_empty()) {
            // Also what only goes is a change.
            let frozen = (&one.repository, one.weekly(&self.request));
            if let Some(rule) = freezes::pass(store, frozen, gate_override, now)? {
                lifted.entry(one.repository.clone()).or_default().insert(rule);
            }
            for (record, violations) in one.gated(store, &self.request, now)? {
                if !violations.iter().all(|violation| lifts(violation.rule)) {
                    let (key, repository) = (Box::new(record.key().clone()), one.repository.clone());
                    return Err(RuleError::Gated { key, repository, violations }.into());
                }
                let rules = violations.into_iter().map(|violation| violation.rule);
                lifted.entry(one.repository.clone()).or_default().extend(rules);
            }
            if one.pass_installable(store, &self.request, gate_override, now)? {
                lifted.entry(one.repository.clone()).or_default().insert(GateRule::Installable);
            }
        }
        Ok(lifted)
    }

    /// Releases. Returns the new commit of each repository that changed.
    ///
    /// # Errors
    /// Those of [`pass_gates`](Self::pass_gates). [`ChangeError::Outdated`] when one of the repositories has changed since the plan was made. [`ChangeError::Conflict`] when one of
    /// them has a package with another content. None of them is changed in these cases.
    pub fn apply(
        &self,
        store: &Store,
        gate_override: Option<&GateOverride>,
        context: &Context,
    ) -> Result<BTreeMap<RepositoryName, CommitId>, Error> {
        let mut lifted = self.pass_gates(store, gate_override, context.now)?;
        let reason = gate_override.map_or("", |given| &given.reason);
        let mut moves: Vec<(&ReleaseMove, Vec<Approval>, BTreeSet<GateRule>)> = Vec::new();
        for one in &self.moves {
            let rules = lifted.remove(&one.repository).unwrap_or_default();
            moves.push((one, one.approvals(store, &self.request)?, rules));
        }
        let steps: Vec<Step<'_>> = moves
            .iter()
            .map(|(one, approvals, rules)| one.step(store, &self.request, approvals, (rules, reason)))
            .collect();
        transact_jointly(store, context, &steps)
    }

    /// Makes the same plan from the present states of the repositories.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn rebase(&self, store: &Store) -> Result<Self, Error> {
        let Request { from, to, old } = &self.request;
        plan_release(store, from, to, old.as_ref())
    }
}

impl ReleaseMove {
    /// Returns the repository whose content it gets.
    #[must_use]
    pub fn from(&self) -> &RepositoryName {
        &self.from
    }

    /// Returns the repository that would be changed.
    #[must_use]
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Returns the state that the plan was made from; `None` when nothing was ever committed.
    #[must_use]
    pub fn base(&self) -> Option<CommitId> {
        self.base
    }

    /// Returns, for each suite that would change, what it would lose (the first) and what would come (the second).
    #[must_use]
    pub fn changes(&self) -> &BTreeMap<SuiteName, Difference> {
        self.changes.as_map()
    }

    /// Returns how many records a suite has now.
    #[must_use]
    pub fn records_before(&self, suite: &SuiteName) -> u64 {
        self.before.get(suite).copied().unwrap_or(0)
    }

    /// Returns what would come and stays out, because the repository holds it.
    #[must_use]
    pub fn held(&self) -> &[(Arc<Record>, Hold)] {
        &self.held
    }

    fn settings<'r>(&self, request: &'r Request) -> Option<&'r RepositorySettings> {
        request.old.iter().chain([&request.to]).find(|one| one.name == self.repository)
    }

    /// Returns the gates that are asked of what would come.
    fn gates(&self, request: &Request) -> Vec<Gate> {
        let gates = self.settings(request).map(|settings| settings.gates.as_slice()).unwrap_or_default();
        gates.iter().filter(|gate| gate.is_for(Some(&self.from))).cloned().collect()
    }

    /// Returns the freezes that the settings of the repository have.
    fn weekly<'r>(&self, request: &'r Request) -> &'r [WeeklyFreeze] {
        self.settings(request).map(|settings| settings.freezes.as_slice()).unwrap_or_default()
    }

    /// Returns the approvals of what would come, if a gate asks for some.
    fn approvals(&self, store: &Store, request: &Request) -> Result<Vec<Approval>, Error> {
        if self.gates(request).iter().all(|gate| gate.approvals.is_none()) {
            return Ok(Vec::new());
        }
        let approvals = store.approvals(&self.from)?;
        Ok(self.changes.added().iter().flat_map(|(_, record)| approvals.of(record)).cloned().collect())
    }

    /// Returns what would come and does not meet a gate of the repository.
    fn gated(&self, store: &Store, request: &Request, now: Timestamp) -> Result<Gated, Error> {
        let gates = self.gates(request);
        let weekly = self.weekly(request);
        let target = store.head(&self.repository)?;
        let added = self.changes.added();
        let coming = added.iter().map(|(suite, record)| (suite, record.key()));
        let ends = (&self.from, &self.repository);
        let mut passage = Passage::new(store, ends, (&gates, weekly, target.as_ref()), coming, Some(now))?;
        if passage.is_open() {
            return Ok(Vec::new());
        }
        let torn = match store.head(&self.from)? {
            Some(source) => {
                together::torn(&gates, (&source, &self.repository), added.as_map(), target.as_ref())?
            }
            None => BTreeMap::new(),
        };
        let mut gated = Vec::new();
        for (suite, record) in added.iter() {
            let mut violations = passage.violations(suite, record)?;
            violations.extend(torn.get(record.key()).cloned());
            if !violations.is_empty() {
                gated.push((Arc::clone(record), violations));
            }
        }
        Ok(gated)
    }

    /// Returns what would come and makes something uninstallable, where a gate asks that nothing does.
    fn uninstallable(&self, store: &Store, request: &Request, now: Timestamp) -> Result<Gated, Error> {
        let Some(gate) = self.settings(request).and_then(InstallableGate::of) else { return Ok(Vec::new()) };
        let target = store.head(&self.repository)?;
        let blamed = gate.blamed(store, &suite_changes(target.as_ref(), self.changes.as_map())?, now)?;
        let added = self.changes.added();
        let mut found: Gated = Vec::new();
        for (key, reasons) in blamed {
            let record = added.iter().map(|(_, record)| record).find(|record| *record.key() == key);
            let violations = reasons.into_iter().map(|reason| gate.violation(reason)).collect();
            found.extend(record.map(|record| (Arc::clone(record), violations)));
        }
        Ok(found)
    }

    /// Returns whether the gate `installable` is passed by somebody's decision alone.
    fn pass_installable(
        &self,
        store: &Store,
        request: &Request,
        gate_override: Option<&GateOverride>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let Some(gate) = self.settings(request).and_then(InstallableGate::of) else { return Ok(false) };
        let target = store.head(&self.repository)?;
        let changes = suite_changes(target.as_ref(), self.changes.as_map())?;
        let violations = match gate.violations(store, &changes, now) {
            Ok(violations) if violations.is_empty() => return Ok(false),
            violations => violations,
        };
        // Also what cannot be judged does not stop those who decided that it does not count.
        if gate_override.is_some_and(|given| given.lifts(GateRule::Installable)) {
            return Ok(true);
        }
        let violations = violations?;
        Err(RuleError::Uninstallable { repository: self.repository.clone(), violations }.into())
    }

    fn step<'s>(
        &'s self,
        store: &'s Store,
        request: &Request,
        approvals: &'s [Approval],
        (lifted, reason): (&'s BTreeSet<GateRule>, &'s str),
    ) -> Step<'s> {
        let settings = self.settings(request);
        let known = settings.map(|one| one.suites.iter().map(|suite| suite.name.clone()).collect());
        let (removed, added) = (self.changes.removed(), self.changes.added());
        let asked: Vec<GateRule> = self.gates(request).iter().flat_map(Gate::rules).collect();
        let change = move |transaction: &mut crate::transaction::Transaction<'_>| {
            check_base(transaction, &self.repository, self.base)?;
            // First what goes: a version of another content makes room for one of the same name.
            for (suite, record) in removed.iter() {
                transaction.remove(suite, record.key())?;
            }
            for (suite, record) in added.iter() {
                transaction.insert(suite, &for_everybody(record))?;
            }
            transaction.note_gates(asked.iter().copied());
            transaction.note_override(lifted, reason);
            transaction.note_approvals(approvals);
            // Last: what was withdrawn from the source meanwhile must not be released.
            if store.head(&self.from)?.map(|head| head.id()) != self.source {
                return Err(ChangeError::Outdated { repository: self.from.clone() }.into());
            }
            Ok(Operation::Release { from: self.from.clone(), packages: added.summary() })
        };
        Step { repository: &self.repository, known, change: Box::new(change) }
    }

    fn make(store: &Store, from: &RepositorySettings, to: &RepositorySettings) -> Result<Self, Error> {
        let common: BTreeSet<&SuiteName> =
            from.suites.iter().map(|suite| &suite.name).filter(|suite| to.suite(suite).is_some()).collect();
        if common.is_empty() {
            let (from, to) = (from.name.clone(), to.name.clone());
            return Err(ChangeError::NoCommonSuite { from, to }.into());
        }
        let (source, target) = (store.head(&from.name)?, store.head(&to.name)?);
        let mut plan = Self {
            from: from.name.clone(),
            repository: to.name.clone(),
            source: source.as_ref().map(Revision::id),
            base: target.as_ref().map(Revision::id),
            changes: SuiteDifferences::default(),
            held: Vec::new(),
            before: BTreeMap::new(),
        };
        let (own, theirs) =
            (KeyringVersions::load(store, &to.name)?, KeyringVersions::load(store, &from.name)?);
        let holds = target.as_ref().map(Revision::hold_list).transpose()?.unwrap_or_default().for_release();
        let mut held: BTreeMap<RecordKey, (Arc<Record>, Hold)> = BTreeMap::new();
        for suite in common {
            let snapshot = |revision: Option<&Revision<'_>>| {
                revision.map_or_else(|| Ok(Snapshot::default()), |revision| revision.snapshot(suite))
            };
            let now = snapshot(target.as_ref())?;
            let mut difference =
                store.difference(&now, &snapshot(source.as_ref())?)?.apart_from_percentages();
            difference.only_first.retain(|record| !own.contains(record.blob()));
            difference.only_second.retain(|record| !theirs.contains(record.blob()));
            for record in std::mem::take(&mut difference.only_second) {
                let key = record.key();
                let is_there = || {
                    target.as_ref().map_or(Ok(false), |target| target.has_version(&key.package, &key.version))
                };
                match holds.keeping_out(key, std::slice::from_ref(suite), is_there)? {
                    Some(hold) => drop(held.insert(key.clone(), (Arc::clone(&record), hold.clone()))),
                    None => difference.only_second.push(record),
                }
            }
            plan.before.insert(suite.clone(), now.records());
            plan.changes.insert(suite.clone(), difference);
        }
        plan.held = held.into_values().collect();
        Ok(plan)
    }
}

/// See [`Store::plan_release`].
pub(crate) fn plan_release(
    store: &Store,
    from: &RepositorySettings,
    to: &RepositorySettings,
    old: Option<&RepositorySettings>,
) -> Result<ReleasePlan, Error> {
    for settings in [Some(from), Some(to), old].into_iter().flatten() {
        settings.check()?;
    }
    for settings in [Some(from), Some(to), old].into_iter().flatten() {
        intent::check_none_begun(store, &settings.name)?;
    }
    let second = ReleaseMove::make(store, from, to)?;
    // A release that is given again must not put its own content in the place of the old one.
    let old_changes = old.filter(|_| !second.changes.is_empty());
    let first = old_changes.map(|old| ReleaseMove::make(store, to, old)).transpose()?;
    let request = Request { from: from.clone(), to: to.clone(), old: old.cloned() };
    Ok(ReleasePlan { moves: first.into_iter().chain([second]).collect(), request })
}

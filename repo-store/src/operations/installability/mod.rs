//! Whether a change leaves packages that cannot be installed, where a gate asks that it does not.
//!
//! Only what gets worse counts: what cannot be installed afterwards, and could before or was not there. What clients have besides a suite
//! counts as well, for what it has and for what the change does to it.

mod judgement;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::{Architecture, SuiteName};
use jiff::Timestamp;

pub(crate) use self::judgement::{Judgement, Regression};
use crate::error::{Error, RuleError};
use crate::history::revision::Revision;
use crate::model::difference::Difference;
use crate::model::gate_rule::{GateOverride, GateRule, GateViolation};
use crate::model::name::RepositoryName;
use crate::model::record::{Record, RecordKey};
use crate::settings::RepositorySettings;
use crate::settings::base::Base;
use crate::settings::gate::Gate;
use crate::store::Store;
use crate::transaction::Transaction;
use crate::transaction::suite_changes::SuiteChange;

/// A repository with what its clients have besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Surroundings {
    repository: RepositoryName,
    /// The architectures of each suite.
    suites: BTreeMap<SuiteName, Vec<Architecture>>,
    bases: Vec<Base>,
}

impl Surroundings {
    pub(crate) fn of(settings: &RepositorySettings) -> Self {
        let suites = settings.suites.iter().map(|suite| (suite.name.clone(), suite.architectures.clone()));
        Self { repository: settings.name.clone(), suites: suites.collect(), bases: settings.bases.clone() }
    }

    /// Prepares to judge a change of one suite. `elsewhere` are packages that are not in question and that reasons may name.
    pub(crate) fn judgement(
        &self,
        store: &Store,
        suite: &SuiteName,
        change: &SuiteChange,
        elsewhere: Option<judgement::Elsewhere<'_>>,
    ) -> Result<Judgement, Error> {
        let bases = store.bases_of(&self.bases, suite)?;
        let published = self.suites.get(suite).map_or(&[][..], Vec::as_slice);
        Judgement::prepare(store, (&self.repository, published), &bases, change, elsewhere)
    }

    /// Returns why the bases of a suite cannot vouch for anything, one reason for each that cannot.
    pub(crate) fn base_faults(
        &self,
        store: &Store,
        suite: &SuiteName,
        now: Timestamp,
    ) -> Result<Vec<String>, Error> {
        let bases = store.bases_of(&self.bases, suite)?;
        let faults = bases.iter().filter_map(|base| Some(base.in_words(base.fault(now)?)));
        Ok(faults.map(|words| format!("{words}; update it with `repo-cli base update`")).collect())
    }
}

/// The gate of a repository that asks whether packages can be installed, with what it has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InstallableGate {
    /// The number of the gate in the configuration.
    number: usize,
    pub(crate) surroundings: Surroundings,
}

impl InstallableGate {
    /// Returns the gate of a repository for any change, if there is one.
    pub(crate) fn of(settings: &RepositorySettings) -> Option<Self> {
        Self::among(settings, &settings.gates)
    }

    /// Returns the gate for what comes from that repository, or for what is added.
    pub(crate) fn of_arrivals(settings: &RepositorySettings, from: Option<&RepositoryName>) -> Option<Self> {
        Self::among(settings, settings.gates.iter().filter(|gate| gate.is_for(from)))
    }

    fn among<'g>(settings: &RepositorySettings, gates: impl IntoIterator<Item = &'g Gate>) -> Option<Self> {
        let number = gates.into_iter().find(|gate| gate.installable)?.number;
        Some(Self { number, surroundings: Surroundings::of(settings) })
    }

    pub(crate) fn violation(&self, reason: String) -> GateViolation {
        GateViolation { gate: Some(self.number), rule: GateRule::Installable, reason }
    }

    /// Returns what of all that a change brings makes something worse, with the reasons.
    pub(crate) fn blamed(
        &self,
        store: &Store,
        changes: &BTreeMap<SuiteName, SuiteChange>,
        now: Timestamp,
    ) -> Result<BTreeMap<RecordKey, BTreeSet<String>>, Error> {
        let mut blamed: BTreeMap<RecordKey, BTreeSet<String>> = BTreeMap::new();
        for (suite, change) in changes.iter().filter(|(_, change)| judgement::concerns_machines(change)) {
            let coming: Vec<&Arc<Record>> = change.added.iter().collect();
            let faults = self.surroundings.base_faults(store, suite, now)?;
            let found = if faults.is_empty() {
                let keys = coming.iter().map(|record| record.key().clone()).collect();
                let judgement = self.surroundings.judgement(store, suite, change, None)?;
                blame(&judgement.regressions(&keys), &coming, &self.surroundings.repository)
            } else {
                let of_machines = coming.iter().filter(|record| record.is_for_machines());
                of_machines.map(|record| (record.key().clone(), faults.iter().cloned().collect())).collect()
            };
            for (key, reasons) in found {
                blamed.entry(key).or_default().extend(reasons);
            }
        }
        Ok(blamed)
    }

    /// Returns what a whole change would break.
    pub(crate) fn violations(
        &self,
        store: &Store,
        changes: &BTreeMap<SuiteName, SuiteChange>,
        now: Timestamp,
    ) -> Result<Vec<GateViolation>, Error> {
        let mut reasons = BTreeSet::new();
        for (suite, change) in changes {
            if !judgement::concerns_machines(change) {
                continue;
            }
            let faults = self.surroundings.base_faults(store, suite, now)?;
            if faults.is_empty() {
                let all = change.added.iter().map(|record| record.key().clone()).collect();
                let judgement = self.surroundings.judgement(store, suite, change, None)?;
                reasons.extend(
                    judgement.regressions(&all).iter().map(|one| one.in_words(&self.surroundings.repository)),
                );
            }
            reasons.extend(faults);
        }
        Ok(reasons.into_iter().map(|reason| self.violation(reason)).collect())
    }
}

/// Returns what differences change in each suite of a state.
pub(crate) fn suite_changes(
    head: Option<&Revision<'_>>,
    changes: &BTreeMap<SuiteName, Difference>,
) -> Result<BTreeMap<SuiteName, SuiteChange>, Error> {
    let mut found = BTreeMap::new();
    for (suite, change) in changes {
        let before = head.map_or_else(|| Ok(Vec::new()), |head| head.records(suite))?;
        let removed = change.only_first.iter().map(|record| record.key().clone()).collect();
        found.insert(suite.clone(), SuiteChange { before, added: change.only_second.clone(), removed });
    }
    Ok(found)
}

/// Returns what of all that comes makes something worse, with the reasons: what is worse itself; or else what the reason is about; or else all.
pub(crate) fn blame(
    regressions: &[Regression],
    coming: &[&Arc<Record>],
    repository: &RepositoryName,
) -> BTreeMap<RecordKey, BTreeSet<String>> {
    let mut blamed: BTreeMap<RecordKey, BTreeSet<String>> = BTreeMap::new();
    for regression in regressions {
        let is_worse = |record: &&&Arc<Record>| regression.key.as_ref() == Some(record.key());
        let names = regression.names();
        let is_named = |record: &&&Arc<Record>| names.contains(record.key().package.as_str());
        let is_for_machines = |record: &&&Arc<Record>| record.is_for_machines();
        let mut found: Vec<_> = coming.iter().filter(is_worse).collect();
        if found.is_empty() {
            found = coming.iter().filter(is_for_machines).filter(is_named).collect();
        }
        if found.is_empty() {
            found = coming.iter().filter(is_for_machines).collect();
        }
        for record in found {
            blamed.entry(record.key().clone()).or_default().insert(regression.in_words(repository));
        }
    }
    blamed
}

/// The gate that a change meets, and whether somebody decided that it does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct InstallableGuard {
    gate: Option<InstallableGate>,
    gate_override: Option<GateOverride>,
}

impl InstallableGuard {
    pub(crate) fn of(settings: &RepositorySettings) -> Self {
        Self { gate: InstallableGate::of(settings), gate_override: None }
    }

    pub(crate) fn despite(self, gate_override: Option<GateOverride>) -> Self {
        Self { gate_override, ..self }
    }

    /// Refuses a change of this state that leaves what cannot be installed, unless somebody decided that this does not count. Nothing is written.
    pub(crate) fn check(
        &self,
        store: &Store,
        head: Option<&Revision<'_>>,
        changes: &BTreeMap<SuiteName, Difference>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(gate) = &self.gate else { return Ok(()) };
        if self.gate_override.as_ref().is_some_and(|given| given.lifts(GateRule::Installable)) {
            return Ok(());
        }
        let violations = gate.violations(store, &suite_changes(head, changes)?, now)?;
        if violations.is_empty() {
            return Ok(());
        }
        Err(RuleError::Uninstallable { repository: gate.surroundings.repository.clone(), violations }.into())
    }

    /// Refuses a change that leaves what cannot be installed, unless somebody decided that this does not count, which the history then says.
    /// It is asked last, when all that changes is in the transaction.
    pub(crate) fn pass_in(
        &self,
        transaction: &mut Transaction<'_>,
        store: &Store,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(gate) = &self.gate else { return Ok(()) };
        let violations = match gate.violations(store, &transaction.suite_changes()?, now) {
            Ok(violations) if violations.is_empty() => return Ok(()),
            violations => violations,
        };
        // Also what cannot be judged does not stop those who decided that it does not count.
        if let Some(given) = self.gate_override.as_ref().filter(|given| given.lifts(GateRule::Installable)) {
            transaction.note_override(&BTreeSet::from([GateRule::Installable]), &given.reason);
            return Ok(());
        }
        let violations = violations?;
        Err(RuleError::Uninstallable { repository: gate.surroundings.repository.clone(), violations }.into())
    }
}

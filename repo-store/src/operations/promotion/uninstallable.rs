//! What would leave packages that cannot be installed, where a gate of the target asks that nothing does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::SuiteName;
use jiff::Timestamp;

use super::PromotionPlan;
use super::dependencies::needed;
use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::gate_rule::{GateRule, GateViolation};
use crate::model::record::{Record, RecordKey};
use crate::operations::installability::{InstallableGate, blame};
use crate::store::Store;
use crate::transaction::suite_changes::SuiteChange;

/// The versions that are to stay out, each with the reasons.
type Blamed = BTreeMap<RecordKey, BTreeSet<String>>;

impl PromotionPlan {
    /// Takes out what would make anything uninstallable, unless somebody decided that this does not count. Returns whether anything was taken out.
    pub(super) fn leave_out_uninstallable(
        &mut self,
        store: &Store,
        source: &Revision<'_>,
        target: Option<&Revision<'_>>,
    ) -> Result<bool, Error> {
        let Some(gate) = self.request.installable.clone() else { return Ok(false) };
        let options = &self.request.options;
        let is_lifted =
            options.gate_override.as_ref().is_some_and(|given| given.lifts(GateRule::Installable));
        // Without a time nothing has any age.
        let now = options.now.unwrap_or(Timestamp::MIN);
        let (mut blamed, mut proposed) = (Blamed::new(), Vec::new());
        for (suite, records) in self.changes.as_map().clone() {
            if !records.iter().any(|record| record.is_for_machines()) {
                continue;
            }
            let before = target.map_or_else(|| Ok(Vec::new()), |target| target.records(&suite))?;
            let change = SuiteChange { before, added: records, removed: Vec::new() };
            let found =
                self.blamed_in(store, (&gate, &suite, &change), source, (now, is_lifted, &mut proposed));
            let found = match found {
                // What cannot be judged does not stop those who decided that it does not count.
                Err(error) if is_lifted => not_judged(&change, &error),
                found => found?,
            };
            if !is_lifted {
                self.changes.retain_in(&suite, |record| !found.contains_key(record.key()));
            }
            for (key, reasons) in found {
                blamed.entry(key).or_default().extend(reasons);
            }
        }
        if !is_lifted {
            proposed.retain(|record| !self.proposed.contains(record));
            self.proposed.extend(proposed);
        }
        self.add_reasons(&gate, &blamed, is_lifted, source)?;
        Ok(!blamed.is_empty() && !is_lifted)
    }

    /// Returns what of a change of one suite has to stay out so that nothing gets worse.
    fn blamed_in(
        &self,
        store: &Store,
        (gate, suite, change): (&InstallableGate, &SuiteName, &SuiteChange),
        source: &Revision<'_>,
        (now, is_lifted, proposed): (Timestamp, bool, &mut Vec<Arc<Record>>),
    ) -> Result<Blamed, Error> {
        let mut blamed = Blamed::new();
        let faults = gate.surroundings.base_faults(store, suite, now)?;
        if !faults.is_empty() {
            let coming = change.added.iter().filter(|record| record.is_for_machines());
            blamed.extend(coming.map(|record| (record.key().clone(), faults.iter().cloned().collect())));
            return Ok(blamed);
        }
        let there = source.records(suite)?;
        let judgement = gate.surroundings.judgement(store, suite, change, Some((&self.from, &there)))?;
        let mut coming: Vec<&Arc<Record>> = change.added.iter().collect();
        loop {
            let keys: BTreeSet<RecordKey> = coming.iter().map(|record| record.key().clone()).collect();
            let found = blame(&judgement.regressions(&keys), &coming, &self.repository);
            if found.is_empty() {
                return Ok(blamed);
            }
            if is_lifted {
                return Ok(found);
            }
            // Once, and only where something is refused: it takes many looks.
            if blamed.is_empty() {
                let needed = needed(&judgement, &self.repository, keys, &there).unwrap_or_default();
                proposed.extend(needed.into_iter().map(|(record, _)| record));
            }
            coming.retain(|record| !found.contains_key(record.key()));
            blamed.extend(found);
        }
    }

    /// Adds the reasons to those of other gates.
    fn add_reasons(
        &mut self,
        gate: &InstallableGate,
        blamed: &Blamed,
        is_lifted: bool,
        source: &Revision<'_>,
    ) -> Result<(), Error> {
        if blamed.is_empty() {
            return Ok(());
        }
        if !is_lifted {
            self.approvals.retain(|approval| !blamed.contains_key(&approval.key));
        }
        let list = if is_lifted { &mut self.overridden } else { &mut self.gated };
        for (key, reasons) in blamed {
            let violations: Vec<GateViolation> =
                reasons.iter().map(|reason| gate.violation(reason.clone())).collect();
            if let Some((_, known)) = list.iter_mut().find(|(record, _)| record.key() == key) {
                known.extend(violations);
                continue;
            }
            let mut record = None;
            for suite in source.commit().suites.keys() {
                record = record.or(source.get(suite, key)?);
            }
            list.extend(record.map(|record| (record, violations)));
        }
        list.sort_by(|(a, _), (b, _)| a.key().cmp(b.key()));
        Ok(())
    }
}

/// Blames everything that machines would install, since nobody can judge it.
fn not_judged(change: &SuiteChange, error: &Error) -> Blamed {
    let reason = format!("whether it can be installed is unknown: {error}");
    let coming = change.added.iter().filter(|record| record.is_for_machines());
    coming.map(|record| (record.key().clone(), BTreeSet::from([reason.clone()]))).collect()
}

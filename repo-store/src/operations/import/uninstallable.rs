//! Files that would leave packages which cannot be installed, where a gate asks that nothing does.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::options::AddOptions;
use super::{Candidate, Outcome, insert_all};
use crate::error::Error;
use crate::model::gate_rule::GateRule;
use crate::operations::installability::InstallableGate;
use crate::store::Store;
use crate::transaction::Transaction;

/// Inserts candidates, but not those that make anything uninstallable, unless somebody decided that this does not count.
pub(super) fn insert_installable(
    candidates: &[(usize, Candidate<'_>)],
    transaction: &mut Transaction<'_>,
    (store, gate): (&Store, Option<&InstallableGate>),
    (options, now): (&AddOptions, Timestamp),
) -> Result<Outcome, Error> {
    let mut outcome = insert_all(candidates, transaction, options, BTreeMap::new())?;
    let Some(gate) = gate else { return Ok(outcome) };
    let given = options.gate_override.as_ref().filter(|given| given.lifts(GateRule::Installable));
    loop {
        let changes = transaction.suite_changes()?;
        let blamed = match gate.blamed(store, &changes, now) {
            Ok(blamed) if blamed.is_empty() => return Ok(outcome),
            blamed => blamed,
        };
        // Also what cannot be judged does not stop those who decided that it does not count.
        if let Some(given) = given {
            transaction.note_override(&BTreeSet::from([GateRule::Installable]), &given.reason);
            return Ok(outcome);
        }
        let blamed = blamed?;
        let mut refused = outcome.refused;
        for (place, candidate) in candidates {
            let key = candidate.record.key();
            if let Some(reasons) = blamed.get(key).filter(|_| !refused.contains_key(place)) {
                let violations = reasons.iter().map(|reason| gate.violation(reason.clone())).collect();
                refused.insert(*place, transaction.is_gated(key, violations));
            }
        }
        transaction.clear();
        outcome = insert_all(candidates, transaction, options, refused)?;
    }
}

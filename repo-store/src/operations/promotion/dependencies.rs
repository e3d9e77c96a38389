//! What has to come along so that nothing becomes uninstallable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::PackageName;

use super::PromotionPlan;
use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::name::RepositoryName;
use crate::model::record::{Record, RecordKey};
use crate::operations::installability::{Judgement, Regression, Surroundings};
use crate::store::Store;
use crate::transaction::suite_changes::SuiteChange;

/// A set that is not complete after so many looks is not searched for any further.
const MOST_ROUNDS: usize = 100;

/// A package that has to come along, and why.
pub(super) type Needed = (Arc<Record>, String);

impl PromotionPlan {
    /// Takes along what those that come need.
    pub(super) fn add_dependencies(
        &mut self,
        store: &Store,
        surroundings: &Surroundings,
        source: &Revision<'_>,
        target: Option<&Revision<'_>>,
    ) -> Result<(), Error> {
        let mut found: BTreeMap<RecordKey, Needed> = BTreeMap::new();
        for (suite, records) in self.changes.as_map().clone() {
            let before = target.map_or_else(|| Ok(Vec::new()), |target| target.records(&suite))?;
            let change = SuiteChange { before, added: records, removed: Vec::new() };
            let there = source.records(&suite)?;
            let judgement = surroundings.judgement(store, &suite, &change, Some((&self.from, &there)))?;
            let coming = change.added.iter().map(|record| record.key().clone()).collect();
            for (record, why) in needed(&judgement, &self.repository, coming, &there).unwrap_or_default() {
                self.changes.push(&suite, Arc::clone(&record));
                found.entry(record.key().clone()).or_insert((record, why));
            }
            self.changes.sort(&suite);
        }
        self.dependencies = found.into_values().collect();
        Ok(())
    }
}

/// Returns the packages to add so that nothing gets worse, without any that could be left out. Empty when nothing is needed, `None` when no such
/// set is found.
pub(super) fn needed(
    judgement: &Judgement,
    repository: &RepositoryName,
    mut coming: BTreeSet<RecordKey>,
    there: &[Arc<Record>],
) -> Option<Vec<Needed>> {
    // Another version beside the one that was asked for would take its place on machines.
    let asked: BTreeSet<(PackageName, String)> = coming.iter().map(name_and_architecture).collect();
    let mut found: Vec<Needed> = Vec::new();
    for _ in 0..MOST_ROUNDS {
        let regressions = judgement.regressions(&coming);
        if regressions.is_empty() {
            return Some(smallest(judgement, coming, found));
        }
        let before = coming.len();
        for regression in &regressions {
            for record in remedies(regression, there) {
                let is_asked = asked.contains(&name_and_architecture(record.key()));
                if !is_asked && coming.insert(record.key().clone()) {
                    found.push((Arc::clone(record), regression.in_words(repository)));
                }
            }
        }
        if coming.len() == before {
            return None;
        }
    }
    None
}

fn name_and_architecture(key: &RecordKey) -> (PackageName, String) {
    (key.package.clone(), key.architecture.as_str().to_owned())
}

/// Leaves out what is not needed after all.
fn smallest(judgement: &Judgement, mut coming: BTreeSet<RecordKey>, found: Vec<Needed>) -> Vec<Needed> {
    let mut kept = Vec::new();
    for (record, why) in found {
        coming.remove(record.key());
        if !judgement.regressions(&coming).is_empty() {
            coming.insert(record.key().clone());
            kept.push((record, why));
        }
    }
    kept
}

/// Returns what may help against something that gets worse: what meets a dependency that nothing meets; or else the newest versions of the packages
/// that are in each other's way.
fn remedies<'a>(regression: &Regression, there: &'a [Arc<Record>]) -> Vec<&'a Arc<Record>> {
    let is_it = |record: &&Arc<Record>| {
        regression.elsewhere().any(|label| {
            let key = record.key();
            key.package.as_str() == label.name
                && key.version == label.version
                && key.architecture.as_str() == label.architecture
        })
    };
    let missing: Vec<_> = there.iter().filter(is_it).collect();
    if !missing.is_empty() {
        return missing;
    }
    let names = regression.names();
    let named = there
        .iter()
        .filter(|record| record.is_for_machines() && names.contains(record.key().package.as_str()));
    let mut newest: BTreeMap<(&PackageName, &str), &Arc<Record>> = BTreeMap::new();
    for record in named {
        let key = record.key();
        let place = newest.entry((&key.package, key.architecture.as_str())).or_insert(record);
        if place.key().version < key.version {
            *place = record;
        }
    }
    newest.into_values().collect()
}

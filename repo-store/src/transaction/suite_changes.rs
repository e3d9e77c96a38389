//! What a transaction changes in each suite, before it is committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use deb_parse::{PackageName, SuiteName};

use super::Transaction;
use crate::error::Error;
use crate::model::edit::Edit;
use crate::model::record::{Record, RecordKey};
use crate::model::snapshot::Snapshot;

/// What a suite has before a change, and what comes and goes.
#[derive(Clone, Debug)]
pub(crate) struct SuiteChange {
    /// What it has before.
    pub(crate) before: Vec<Arc<Record>>,
    /// What comes.
    pub(crate) added: Vec<Arc<Record>>,
    /// The keys of what goes.
    pub(crate) removed: Vec<RecordKey>,
}

impl Transaction<'_> {
    /// Returns every version and architecture of a package that a suite will have, in order.
    pub(crate) fn versions(
        &mut self,
        suite: &SuiteName,
        package: &PackageName,
    ) -> Result<Vec<Arc<Record>>, Error> {
        let there = match self.snapshots.get(suite) {
            Some(snapshot) => self.lookup.versions(snapshot, package)?,
            None => Vec::new(),
        };
        let mut found: BTreeMap<RecordKey, Arc<Record>> =
            there.into_iter().map(|record| (record.key().clone(), record)).collect();
        let edits = self.edits.get(suite).into_iter().flatten();
        for (key, edit) in edits.filter(|(key, _)| key.package == *package) {
            match edit {
                Edit::Insert(record) => drop(found.insert(key.clone(), Arc::clone(record))),
                Edit::Remove => drop(found.remove(key)),
            }
        }
        Ok(found.into_values().collect())
    }

    /// Returns what changes in each suite; suites in which nothing comes or goes are left out.
    pub(crate) fn suite_changes(&mut self) -> Result<BTreeMap<SuiteName, SuiteChange>, Error> {
        let mut found = BTreeMap::new();
        let nothing = Snapshot::default();
        for suite in self.suites() {
            let now = self.snapshots.get(&suite).unwrap_or(&nothing);
            let before = match self.restored.get(&suite) {
                Some((_, before)) => before.as_ref().unwrap_or(&nothing),
                None => now,
            };
            let restored = self.store.difference(before, now)?;
            let by_key = |records: Vec<Arc<Record>>| -> BTreeMap<RecordKey, Arc<Record>> {
                records.into_iter().map(|record| (record.key().clone(), record)).collect()
            };
            let (mut removed, mut added) = (by_key(restored.only_first), by_key(restored.only_second));
            for (key, edit) in self.edits.get(&suite).into_iter().flatten() {
                match edit {
                    // What stays, and only tells more of itself, is no change.
                    Edit::Insert(record)
                        if removed.get(key).is_some_and(|gone| gone.blob() == record.blob()) =>
                    {
                        removed.remove(key);
                    }
                    Edit::Insert(record) => drop(added.insert(key.clone(), Arc::clone(record))),
                    Edit::Remove => {
                        if added.remove(key).is_none()
                            && let Some(record) = self.lookup.find(before, key)?
                        {
                            removed.insert(key.clone(), record);
                        }
                    }
                }
            }
            if removed.is_empty() && added.is_empty() {
                continue;
            }
            let before = before.iterate(self.store.objects()).collect::<Result<Vec<_>, _>>()?;
            let is_there = |key: &RecordKey| before.binary_search_by(|record| record.key().cmp(key)).is_ok();
            added.retain(|key, _| removed.contains_key(key) || !is_there(key));
            let (added, removed) = (added.into_values().collect(), removed.into_keys().collect());
            found.insert(suite, SuiteChange { before, added, removed });
        }
        Ok(found)
    }
}

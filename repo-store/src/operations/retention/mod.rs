//! Which versions stay in a suite, by rules that the administrator writes down as data.
//!
//! Retention is a change like any other: [`Store::plan_retention`] says what would go and why, [`RetentionPlan::apply`]
//! takes it out by one commit, and a rollback brings it back. Files are removed by garbage collection only, when no kept state
//! refers to them any more.
//!
//! Whatever the rules and the clock say, what a machine would install stays: the newest version of each package for each
//! architecture, `all` counting for each. So does all that a tag names, and every version of the keyring package.

mod plan;
mod rule;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use deb_parse::SuiteName;
use jiff::Timestamp;
pub use plan::{RetentionPlan, RetentionReason, RetentionVerdict};
pub use rule::RetentionRule;

use crate::error::Error;
use crate::history::keyring_versions::KeyringVersions;
use crate::model::candidates;
use crate::model::id::{BlobId, SnapshotId};
use crate::model::name::{RepositoryName, TagName};
use crate::model::record::Record;
use crate::operations::age::{Ages, CountedFrom};
use crate::operations::installability::InstallableGuard;
use crate::settings::{RepositorySettings, SuiteSettings};
use crate::store::Store;

/// See [`Store::plan_retention`].
pub(crate) fn plan_retention(
    store: &Store,
    repository: &RepositorySettings,
    rules: &[RetentionRule],
    now: Timestamp,
) -> Result<RetentionPlan, Error> {
    let settings = repository;
    let repository = &settings.name;
    let Some(head) = store.head(repository)? else {
        return Ok(RetentionPlan {
            repository: repository.clone(),
            base: None,
            verdicts: BTreeMap::new(),
            weekly: Vec::new(),
            held: BTreeMap::new(),
            guard: InstallableGuard::default(),
        });
    };
    let elsewhere = held_elsewhere(store, rules)?;
    let keyrings = KeyringVersions::load(store, repository)?;
    let mut tags = Tagged::load(store, repository)?;
    let mut plan = RetentionPlan {
        repository: repository.clone(),
        base: Some(head.id()),
        verdicts: BTreeMap::new(),
        weekly: settings.freezes.clone(),
        held: BTreeMap::new(),
        guard: InstallableGuard::of(settings),
    };
    let mut ages = Ages::new(CountedFrom::FirstArrival);
    let mut waiting = Vec::new();
    for suite in head.commit().suites.keys() {
        let records = head.records(suite)?;
        plan.held.insert(suite.clone(), records.len());
        let rules: Vec<&RetentionRule> = rules.iter().filter(|rule| rule.is_for(suite)).collect();
        let mut verdicts = Vec::new();
        for (record, place) in ranked(records, settings.suite(suite)) {
            let Some(rule) = rules.iter().find(|rule| rule.class.contains(&record)) else { continue };
            let held_by = || elsewhere_holding(&elsewhere, rule, &record);
            let reason = match rule.keep_versions {
                _ if place == 1 => Some(RetentionReason::Newest),
                _ if keyrings.contains(record.blob()) => Some(RetentionReason::Keyring),
                _ if rule.is_unlimited() => Some(RetentionReason::Unlimited),
                Some(keep) if place <= keep => Some(RetentionReason::AmongNewest { place, keep }),
                _ => held_by().map(RetentionReason::KeptBy),
            };
            let reason = match reason {
                Some(reason) => Some(reason),
                None => tags.holding(suite, &record)?.map(RetentionReason::Tagged),
            };
            let versions = rule.keep_versions.map(|keep| (place, keep));
            let reason = reason.unwrap_or_else(|| {
                if let Some(keep_for) = rule.keep_for {
                    ages.ask(suite, record.key(), keep_for);
                    waiting.push((suite.clone(), verdicts.len(), keep_for));
                }
                RetentionReason::Beyond { versions, age: None }
            });
            verdicts.push(RetentionVerdict { record, reason });
        }
        plan.verdicts.insert(suite.clone(), verdicts);
    }
    // One walk through the history answers for all.
    let ages = ages.find(store, repository, now)?;
    for (suite, place, keep_for) in waiting {
        let verdict = plan.verdicts.get_mut(&suite).and_then(|verdicts| verdicts.get_mut(place));
        if let Some(RetentionVerdict { record, reason }) = verdict {
            let since = ages.since(&suite, record.key()).unwrap_or(now);
            if now.duration_since(since) < keep_for {
                *reason = RetentionReason::Recent { since };
            } else if let RetentionReason::Beyond { age, .. } = reason {
                *age = Some((since, keep_for));
            }
        }
    }
    Ok(plan)
}

/// The package files that each repository named by a rule holds at the moment.
fn held_elsewhere(
    store: &Store,
    rules: &[RetentionRule],
) -> Result<BTreeMap<RepositoryName, HashSet<BlobId>>, Error> {
    let mut held = BTreeMap::new();
    for name in rules.iter().flat_map(|rule| &rule.kept_by) {
        if held.contains_key(name) {
            continue;
        }
        let mut blobs = HashSet::new();
        if let Some(head) = store.head(name)? {
            let snapshots: HashSet<SnapshotId> = head.commit().suites.values().copied().collect();
            for snapshot in snapshots {
                blobs.extend(blobs_of(store, snapshot)?);
            }
        }
        held.insert(name.clone(), blobs);
    }
    Ok(held)
}

fn blobs_of(store: &Store, snapshot: SnapshotId) -> Result<HashSet<BlobId>, Error> {
    let snapshot = store.empty_or(Some(snapshot))?;
    snapshot.iterate(store.objects()).map(|record| Ok(record?.blob())).collect()
}

fn elsewhere_holding(
    elsewhere: &BTreeMap<RepositoryName, HashSet<BlobId>>,
    rule: &RetentionRule,
    record: &Record,
) -> Option<RepositoryName> {
    let holds =
        |name: &&RepositoryName| elsewhere.get(*name).is_some_and(|blobs| blobs.contains(&record.blob()));
    rule.kept_by.iter().find(holds).cloned()
}

/// Each record with its place among the versions that a machine can choose from, 1 for the newest.
fn ranked(records: Vec<Arc<Record>>, suite: Option<&SuiteSettings>) -> Vec<(Arc<Record>, usize)> {
    let architectures = suite.map(|suite| suite.architectures.as_slice()).unwrap_or_default();
    let places = candidates::places(records.iter().map(|record| record.key()), architectures);
    records.into_iter().zip(places).collect()
}

/// What tagged states hold. A suite of one is read when something in that suite is about to go.
struct Tagged<'a> {
    store: &'a Store,
    tags: Vec<(TagName, BTreeMap<SuiteName, SnapshotId>)>,
    read: HashMap<SnapshotId, HashSet<BlobId>>,
}

impl<'a> Tagged<'a> {
    fn load(store: &'a Store, repository: &RepositoryName) -> Result<Self, Error> {
        let tags = store.tags(repository)?.into_iter().map(|tag| {
            let revision = store.revision(repository, tag.commit)?;
            Ok::<_, Error>((tag.name, revision.commit().suites.clone()))
        });
        Ok(Self { store, tags: tags.collect::<Result<_, _>>()?, read: HashMap::new() })
    }

    fn holding(&mut self, suite: &SuiteName, record: &Record) -> Result<Option<TagName>, Error> {
        for (name, suites) in &self.tags {
            let Some(snapshot) = suites.get(suite) else { continue };
            if !self.read.contains_key(snapshot) {
                self.read.insert(*snapshot, blobs_of(self.store, *snapshot)?);
            }
            if self.read.get(snapshot).is_some_and(|blobs| blobs.contains(&record.blob())) {
                return Ok(Some(name.clone()));
            }
        }
        Ok(None)
    }
}

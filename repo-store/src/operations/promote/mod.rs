//! Taking packages from one repository to another, and out of one.

mod siblings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::SuiteName;

use self::siblings::Chosen;
use crate::context::Context;
use crate::error::{ChangeError, Error};
use crate::history::revision::Revision;
use crate::history::selector::Selector;
use crate::model::difference::Difference;
use crate::model::hold::Hold;
use crate::model::lookup::Lookup;
use crate::model::name::RepositoryName;
use crate::model::operation::{Operation, PackageSummary};
use crate::model::record::{Record, RecordKey};
use crate::model::snapshot::Snapshot;
use crate::settings::RepositorySettings;
use crate::store::Store;
use crate::transaction::{Committed, Inserted};

/// What to take from one repository to another.
#[derive(Clone, Debug, Default)]
pub struct PromoteOptions {
    /// The packages; of each the newest version unless one is named. None together with [`everything`](Self::everything).
    pub selectors: Vec<Selector>,
    /// All that the other repository lacks.
    pub everything: bool,
    /// Only these suites; all that both repositories have when empty.
    pub suites: Vec<SuiteName>,
    /// With each package all others built from the same version of the same source package, in whatever suite of
    /// [`suites`](Self::suites) they are: routing sends some to a suite of their own.
    pub whole_source: bool,
    /// Also what is [held](crate::Hold) out of the other repository, which ends its hold.
    pub despite_hold: bool,
}

/// A change that was computed and not yet made: records to put into or take out of suites.
#[derive(Clone, Debug, Default)]
pub struct ChangePlan {
    /// The records, by suite, in order.
    pub records: BTreeMap<SuiteName, Vec<Arc<Record>>>,
    /// Selectors that match nothing.
    pub unmatched: Vec<Selector>,
    /// Records of a whole source that go nowhere, because they are only in suites that the other repository lacks: these.
    pub left_out: BTreeMap<SuiteName, Vec<Arc<Record>>>,
    /// Records that would be taken and stay out, because the other repository holds them.
    pub held: Vec<(Arc<Record>, Hold)>,
    /// Records built from the same version of a source as some that are taken, which the other repository lacks and nobody asked for.
    pub siblings: Vec<Arc<Record>>,
}

impl ChangePlan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.values().all(Vec::is_empty)
    }

    /// Each record once, with the suites it concerns, in order.
    #[must_use]
    pub fn by_record(&self) -> Vec<(Arc<Record>, Vec<SuiteName>)> {
        by_record(&self.records)
    }

    /// The same of those that are [left out](Self::left_out).
    #[must_use]
    pub fn left_out_by_record(&self) -> Vec<(Arc<Record>, Vec<SuiteName>)> {
        by_record(&self.left_out)
    }

    /// Takes out what the target holds.
    fn leave_out_held(&mut self, target: &Revision<'_>) -> Result<(), Error> {
        let holds = target.hold_list()?;
        if holds.is_empty() {
            return Ok(());
        }
        let mut held: BTreeMap<RecordKey, (Arc<Record>, Hold)> = BTreeMap::new();
        for records in self.records.values_mut() {
            let mut kept = Vec::with_capacity(records.len());
            for record in std::mem::take(records) {
                let key = record.key();
                let hold = holds.keeping_out(key, || target.has_version(&key.package, &key.version))?;
                match hold {
                    Some(hold) => drop(held.insert(key.clone(), (Arc::clone(&record), hold.clone()))),
                    None => kept.push(record),
                }
            }
            *records = kept;
        }
        self.held = held.into_values().collect();
        Ok(())
    }

    pub(crate) fn summary(&self) -> PackageSummary {
        PackageSummary::new(self.by_record().iter().map(|(record, _)| record.key()))
    }
}

impl Store {
    /// What a promotion would bring from one repository to another.
    ///
    /// # Errors
    /// [`Error::UnknownSuite`] for a suite that either repository lacks.
    pub fn plan_promotion(
        &self,
        from: &RepositorySettings,
        to: &RepositorySettings,
        options: &PromoteOptions,
    ) -> Result<ChangePlan, Error> {
        for settings in [from, to] {
            settings.check_suites(&options.suites)?;
        }
        let asked = |suite: &SuiteName| options.suites.is_empty() || options.suites.contains(suite);
        let suites = from.suites.iter().map(|suite| &suite.name);
        let (common, lacking): (Vec<_>, Vec<_>) =
            suites.filter(|suite| asked(suite)).partition(|suite| to.suite(suite).is_some());
        if common.is_empty() {
            return Err(Error::Change(ChangeError::NoCommonSuite {
                from: from.name.clone(),
                to: to.name.clone(),
            }));
        }
        let Some(source) = self.head(&from.name)? else {
            return Ok(ChangePlan { unmatched: options.selectors.clone(), ..ChangePlan::default() });
        };
        let target = self.head(&to.name)?;
        let mut matched = vec![false; options.selectors.len()];
        let mut chosen: BTreeMap<&SuiteName, Chosen> = BTreeMap::new();
        let mut targets = Vec::new();
        for suite in common {
            let there = match &target {
                Some(target) => target.snapshot(suite)?,
                None => Snapshot::default(),
            };
            let chosen = chosen.entry(suite).or_default();
            let mut difference = None;
            if options.everything {
                let difference = difference.insert(self.difference(&source.snapshot(suite)?, &there)?);
                chosen.extend(difference.only_first.iter().map(by_key));
            }
            for (selector, matched) in options.selectors.iter().zip(&mut matched) {
                let found = selector.newest_in(&source, suite)?;
                *matched |= !found.is_empty();
                chosen.extend(found.iter().map(by_key));
            }
            targets.push((suite, there, difference));
        }
        let mut plan = ChangePlan::default();
        if options.whole_source {
            plan.left_out = siblings::add(&source, &mut chosen, &lacking)?;
        }
        for (suite, there, difference) in targets {
            let chosen = chosen.remove(suite).unwrap_or_default();
            let missing = self.missing(chosen, &there, difference.as_ref())?;
            plan.records.insert(suite.clone(), missing);
        }
        if let Some(target) = target.as_ref().filter(|_| !options.despite_hold) {
            plan.leave_out_held(target)?;
        }
        plan.siblings = siblings::left_behind(&source, &plan.records, |suite, key| {
            target.as_ref().map_or(Ok(false), |target| Ok(target.get(suite, key)?.is_some()))
        })?;
        let unmatched = options.selectors.iter().zip(matched).filter(|(_, matched)| !matched);
        plan.unmatched = unmatched.map(|(selector, _)| selector.clone()).collect();
        Ok(plan)
    }

    /// Those of the chosen records of a suite that are to be brought `there`. If the `difference` between the two suites is known,
    /// nothing has to be looked up.
    fn missing(
        &self,
        chosen: Chosen,
        there: &Snapshot,
        difference: Option<&Difference>,
    ) -> Result<Vec<Arc<Record>>, Error> {
        let mut missing = Vec::new();
        let mut lookup = Lookup::new(self.objects());
        for record in chosen.into_values() {
            let found = match difference {
                // What both have alike is no difference.
                Some(difference) if find(&difference.only_first, record.key()).is_none() => continue,
                Some(difference) => find(&difference.only_second, record.key()).map(Arc::clone),
                None => lookup.find(there, record.key())?,
            };
            // The very same file there is nothing to do; another file of that name is for the promotion to refuse.
            if found.is_none_or(|found| found.blob() != record.blob()) {
                missing.push(record);
            }
        }
        Ok(missing)
    }

    /// Carries out a promotion as planned, or with `dry_run` only finds out whether it could.
    ///
    /// # Errors
    /// [`ChangeError::Conflict`] when the repository has one of the packages with another content.
    pub fn promote(
        &self,
        plan: &ChangePlan,
        from: &RepositoryName,
        to: &RepositoryName,
        dry_run: bool,
        context: &Context,
    ) -> Result<Committed, Error> {
        let (committed, ()) = self.transact(to, context, |transaction| {
            let mut new = ChangePlan::default();
            for (suite, record) in
                plan.records.iter().flat_map(|(suite, all)| all.iter().map(move |r| (suite, r)))
            {
                if transaction.insert(suite, record)? == Inserted::New {
                    new.records.entry(suite.clone()).or_default().push(Arc::clone(record));
                }
            }
            if dry_run {
                transaction.clear();
            }
            Ok((Operation::Promote { from: from.clone(), packages: new.summary() }, ()))
        })?;
        Ok(committed)
    }

    /// What a removal would take out of a repository: every version that a selector matches.
    ///
    /// # Errors
    /// [`Error::UnknownSuite`] for a suite that the repository lacks.
    pub fn plan_removal(
        &self,
        repository: &RepositorySettings,
        selectors: &[Selector],
        suites: &[SuiteName],
    ) -> Result<ChangePlan, Error> {
        repository.check_suites(suites)?;
        let Some(head) = self.head(&repository.name)? else {
            return Ok(ChangePlan { unmatched: selectors.to_vec(), ..ChangePlan::default() });
        };
        let mut plan = ChangePlan::default();
        let mut matched = vec![false; selectors.len()];
        let asked = |suite: &&SuiteName| suites.is_empty() || suites.contains(suite);
        for suite in head.commit().suites.keys().filter(asked) {
            let mut chosen: BTreeMap<RecordKey, Arc<Record>> = BTreeMap::new();
            for (selector, matched) in selectors.iter().zip(&mut matched) {
                let found = selector.all_in(&head, suite)?;
                *matched |= !found.is_empty();
                chosen.extend(found.into_iter().map(|record| (record.key().clone(), record)));
            }
            plan.records.insert(suite.clone(), chosen.into_values().collect());
        }
        let unmatched = selectors.iter().zip(matched).filter(|(_, matched)| !matched);
        plan.unmatched = unmatched.map(|(selector, _)| selector.clone()).collect();
        Ok(plan)
    }

    /// Carries out a removal as planned. The files stay in the store and in the pool: a rollback brings them back.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn remove(
        &self,
        plan: &ChangePlan,
        repository: &RepositoryName,
        context: &Context,
    ) -> Result<Committed, Error> {
        let (committed, ()) = self.transact(repository, context, |transaction| {
            for (suite, record) in
                plan.records.iter().flat_map(|(suite, all)| all.iter().map(move |r| (suite, r)))
            {
                transaction.withdraw(suite, record.key())?;
            }
            Ok((Operation::Remove(plan.summary()), ()))
        })?;
        Ok(committed)
    }

    /// Gives suites of a repository the content they had in an earlier state: all suites when none is named. The history goes
    /// on: a rollback is a commit like any other and can be rolled back itself.
    ///
    /// # Errors
    /// [`Error::UnknownSuite`] for a suite that neither state knows; [`ChangeError::Conflict`] when a package that would come back has
    /// the name and version of another file that is there by now.
    pub fn roll_back(
        &self,
        target: &Revision<'_>,
        suites: &[SuiteName],
        context: &Context,
    ) -> Result<Committed, Error> {
        let wanted = &target.commit().suites;
        let (committed, ()) = self.transact(target.repository(), context, |transaction| {
            let present: BTreeSet<SuiteName> =
                transaction.base().iter().flat_map(|base| base.commit().suites.keys().cloned()).collect();
            let all: BTreeSet<SuiteName> =
                present.union(&wanted.keys().cloned().collect()).cloned().collect();
            if let Some(suite) = suites.iter().find(|suite| !all.contains(*suite)) {
                return Err(Error::unknown_suite(target.repository(), suite));
            }
            let asked = |suite: &SuiteName| suites.is_empty() || suites.contains(suite);
            transaction.restore(target, all.into_iter().filter(asked))?;
            let (to, commit) = (target.commit().sequence, target.id().short());
            Ok((Operation::RollBack { suites: suites.to_vec(), to, commit }, ()))
        })?;
        Ok(committed)
    }
}

/// The record with that key among sorted ones.
fn find<'a>(records: &'a [Arc<Record>], key: &RecordKey) -> Option<&'a Arc<Record>> {
    let place = records.binary_search_by(|record| record.key().cmp(key)).ok()?;
    records.get(place)
}

fn by_key(record: &Arc<Record>) -> (RecordKey, Arc<Record>) {
    (record.key().clone(), Arc::clone(record))
}

fn by_record(suites: &BTreeMap<SuiteName, Vec<Arc<Record>>>) -> Vec<(Arc<Record>, Vec<SuiteName>)> {
    let mut records: BTreeMap<&RecordKey, (Arc<Record>, Vec<SuiteName>)> = BTreeMap::new();
    for (suite, record) in suites.iter().flat_map(|(suite, all)| all.iter().map(move |r| (suite, r))) {
        let entry = records.entry(record.key()).or_insert_with(|| (Arc::clone(record), Vec::new()));
        entry.1.push(suite.clone());
    }
    records.into_values().collect()
}

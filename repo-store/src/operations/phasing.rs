//! Letting a version go to a share of the machines first: apt's phased updates.
//!
//! A version has the share in each suite apart. A package of the same version that comes later is for everybody, until the share is set again. [`Record::update_percentage`](crate::model::record::Record::update_percentage) tells it,
//! and indices list it as `Phased-Update-Percentage`. It belongs to the repository: a promotion does not take it along.

use std::collections::BTreeMap;
use std::sync::Arc;

use deb_parse::{SourceName, SuiteName, Version};

use crate::context::Context;
use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::freeze::WeeklyFreeze;
use crate::model::gate_rule::GateOverride;
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::model::record::{Record, UpdatePercentage};
use crate::model::reissue::{Reissue, release_of};
use crate::model::serialized::{as_text, maybe_as_text};
use crate::model::suite_records::SuiteRecords;
use crate::operations::freezes;
use crate::operations::plan::check_base;
use crate::settings::RepositorySettings;
use crate::store::Store;
use crate::transaction::{Committed, Transaction};

/// Which version goes to how many machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhasingRequest {
    /// The source package. All packages of one version of it go to the same machines.
    pub source: SourceName,
    /// The version of the source; `None` for the newest of each suite.
    pub version: Option<Version>,
    /// The share of the machines; `None` for all of them.
    pub percentage: Option<UpdatePercentage>,
    /// The suites; empty for all that have the version.
    pub suites: Vec<SuiteName>,
}

/// What would go to another share of the machines than before. [`Store::plan_phasing`] makes it.
///
/// Packages that a [reissue](crate::operations::reissue) made are left alone: what machines are to get rid of is for all of them.
#[derive(Clone, Debug, serde::Serialize)]
#[must_use = "a plan changes nothing until it is applied"]
pub struct PhasingPlan {
    #[serde(serialize_with = "as_text")]
    repository: RepositoryName,
    #[serde(serialize_with = "maybe_as_text")]
    base: Option<CommitId>,
    /// As they are now.
    changes: SuiteRecords,
    #[serde(skip)]
    chosen: BTreeMap<SuiteName, Version>,
    #[serde(skip)]
    overtaken: BTreeMap<SuiteName, Version>,
    #[serde(skip)]
    request: PhasingRequest,
    #[serde(skip)]
    weekly: Vec<WeeklyFreeze>,
    #[serde(skip)]
    gate_override: Option<GateOverride>,
}

impl PhasingPlan {
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

    /// Returns the packages whose share would change, as they are now.
    #[must_use]
    pub fn changes(&self) -> &SuiteRecords {
        &self.changes
    }

    /// Returns which version of the source it is about in each suite. There are none when no suite has it.
    #[must_use]
    pub fn chosen(&self) -> &BTreeMap<SuiteName, Version> {
        &self.chosen
    }

    /// Returns the suites that have a newer version of the source, each with that one: machines take it, whatever the share of the older one is.
    #[must_use]
    pub fn overtaken(&self) -> &BTreeMap<SuiteName, Version> {
        &self.overtaken
    }

    /// Returns the share of the machines that was asked for.
    #[must_use]
    pub fn percentage(&self) -> Option<UpdatePercentage> {
        self.request.percentage
    }

    /// Returns whether a package would go to more machines than before.
    #[must_use]
    pub fn raises(&self) -> bool {
        let after = share(self.request.percentage);
        self.changes.iter().any(|(_, record)| share(record.update_percentage()) < after)
    }

    /// Returns the same plan with somebody's decision that a freeze does not count for it.
    pub fn despite(self, gate_override: Option<GateOverride>) -> Self {
        Self { gate_override, ..self }
    }

    /// Changes the shares, in one commit.
    ///
    /// # Errors
    /// [`Outdated`](crate::error::ChangeError::Outdated) when the repository has changed since the plan was made.
    /// [`Frozen`](crate::error::RuleError::Frozen) when it is frozen, more machines would take a version than before, and nobody decided that this
    /// does not count.
    pub fn apply(&self, store: &Store, context: &Context) -> Result<Committed, Error> {
        let change = |transaction: &mut Transaction<'_>| Ok((self.change(transaction, store, context)?, ()));
        Ok(store.transact(&self.repository, context, change)?.0)
    }

    /// Finds out whether the plan could be applied, and changes nothing.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn check(&self, store: &Store, context: &Context) -> Result<(), Error> {
        store.dry_run(&self.repository, |transaction| self.change(transaction, store, context)).map(drop)
    }

    /// Makes the change in a transaction.
    fn change(
        &self,
        transaction: &mut Transaction<'_>,
        store: &Store,
        context: &Context,
    ) -> Result<Operation, Error> {
        check_base(transaction, &self.repository, self.base)?;
        // To stop a bad version is never forbidden.
        if self.raises() {
            let frozen = (store, &self.repository, self.weekly.as_slice());
            freezes::pass_in(transaction, frozen, self.gate_override.as_ref(), context.now)?;
        }
        for (suite, record) in self.changes.iter() {
            transaction.replace(suite, record.with_update_percentage(self.request.percentage));
        }
        let percent = share(self.request.percentage);
        Ok(Operation::Phase { packages: self.changes.summary(), percent })
    }

    /// Makes the same plan from the present state of the repository.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn rebase(&self, store: &Store) -> Result<Self, Error> {
        let plan = Self::make(store, &self.repository, &self.request)?;
        Ok(Self { weekly: self.weekly.clone(), gate_override: self.gate_override.clone(), ..plan })
    }

    fn make(store: &Store, repository: &RepositoryName, request: &PhasingRequest) -> Result<Self, Error> {
        let head = store.head(repository)?;
        let mut plan = Self {
            repository: repository.clone(),
            base: head.as_ref().map(Revision::id),
            changes: SuiteRecords::default(),
            chosen: BTreeMap::new(),
            overtaken: BTreeMap::new(),
            request: request.clone(),
            weekly: Vec::new(),
            gate_override: None,
        };
        let Some(head) = head else { return Ok(plan) };
        let is_asked = |suite: &&SuiteName| request.suites.is_empty() || request.suites.contains(suite);
        for suite in head.commit().suites.keys().filter(is_asked) {
            let mut versions: BTreeMap<Version, Vec<Arc<Record>>> = BTreeMap::new();
            for record in head.records_that_say(suite, &[request.source.to_string()], None)? {
                if record.is_for_machines() && record.source().0 == request.source {
                    versions.entry(release_of(&record)).or_default().push(record);
                }
            }
            let newest = versions.keys().next_back().cloned();
            let Some(version) = request.version.clone().or_else(|| newest.clone()) else { continue };
            // As the packages write it: machines draw by that.
            let Some((version, records)) = versions.remove_entry(&version) else { continue };
            if let Some(newest) = newest.filter(|newest| *newest > version) {
                plan.overtaken.insert(suite.clone(), newest);
            }
            plan.chosen.insert(suite.clone(), version);
            let is_other = |record: &Arc<Record>| {
                record.update_percentage() != request.percentage && Reissue::of_record(record).is_none()
            };
            plan.changes.insert(suite.clone(), records.into_iter().filter(is_other).collect());
        }
        Ok(plan)
    }
}

fn share(percentage: Option<UpdatePercentage>) -> u8 {
    percentage.map_or(100, UpdatePercentage::get)
}

/// See [`Store::plan_phasing`].
pub(crate) fn plan_phasing(
    store: &Store,
    repository: &RepositorySettings,
    request: &PhasingRequest,
) -> Result<PhasingPlan, Error> {
    repository.check()?;
    repository.check_suites(&request.suites)?;
    let plan = PhasingPlan::make(store, &repository.name, request)?;
    Ok(PhasingPlan { weekly: repository.freezes.clone(), ..plan })
}

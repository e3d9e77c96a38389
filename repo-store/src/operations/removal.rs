//! Taking packages out of a repository.

use std::collections::BTreeMap;
use std::sync::Arc;

use deb_parse::SuiteName;

use crate::context::Context;
use crate::error::Error;
use crate::history::selector::Selector;
use crate::model::freeze::WeeklyFreeze;
use crate::model::gate_rule::GateOverride;
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::model::record::{Record, RecordKey};
use crate::model::serialized::{as_text, maybe_as_text};
use crate::model::suite_records::SuiteRecords;
use crate::operations::freezes;
use crate::operations::installability::InstallableGuard;
use crate::operations::plan::check_base;
use crate::settings::RepositorySettings;
use crate::store::Store;
use crate::transaction::{Committed, Transaction};

/// What a removal would take out of a repository: every version that a selector matches. [`Store::plan_removal`] makes it.
///
/// It is for the repository and the state that it was made from, and for nothing else. A promotion cannot be made of it:
///
/// ```compile_fail
/// # use repo_store::{Context, RepositoryName, Store};
/// # use repo_store::operations::removal::RemovalPlan;
/// # fn misuse(store: &Store, plan: &RemovalPlan, from: &RepositoryName, to: &RepositoryName, context: &Context) {
/// store.promote(plan, from, to, context);
/// # }
/// ```
///
/// nor can it be applied to another repository:
///
/// ```compile_fail
/// # use repo_store::{Context, RepositoryName, Store};
/// # use repo_store::operations::removal::RemovalPlan;
/// # fn misuse(store: &Store, plan: &RemovalPlan, preprod: &RepositoryName, context: &Context) {
/// plan.apply(store, preprod, context);
/// # }
/// ```
#[derive(Clone, Debug, serde::Serialize)]
#[must_use = "a plan changes nothing until it is applied"]
pub struct RemovalPlan {
    #[serde(serialize_with = "as_text")]
    repository: RepositoryName,
    #[serde(serialize_with = "maybe_as_text")]
    base: Option<CommitId>,
    changes: SuiteRecords,
    #[serde(skip)]
    unmatched: Vec<Selector>,
    #[serde(skip)]
    selectors: Vec<Selector>,
    #[serde(skip)]
    suites: Vec<SuiteName>,
    #[serde(skip)]
    weekly: Vec<WeeklyFreeze>,
    #[serde(skip)]
    gate_override: Option<GateOverride>,
    #[serde(skip)]
    guard: InstallableGuard,
}

impl RemovalPlan {
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

    /// Returns what would be taken out.
    #[must_use]
    pub fn changes(&self) -> &SuiteRecords {
        &self.changes
    }

    /// Returns the selectors that match nothing.
    #[must_use]
    pub fn unmatched(&self) -> &[Selector] {
        &self.unmatched
    }

    /// Returns the same plan with somebody's decision that a freeze or the gate `installable` does not count for it.
    pub fn despite(self, gate_override: Option<GateOverride>) -> Self {
        let guard = self.guard.clone().despite(gate_override.clone());
        Self { gate_override, guard, ..self }
    }

    /// Takes out what is planned. The files stay in the store and in the pool: a rollback brings them back.
    ///
    /// # Errors
    /// [`Outdated`](crate::error::ChangeError::Outdated) when the repository has changed since the plan was made, and
    /// [`Frozen`](crate::error::RuleError::Frozen) when it is frozen, or
    /// [`Uninstallable`](crate::error::RuleError::Uninstallable) when a gate asks for more, and nobody decided that this does not count.
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
        let frozen = (store, &self.repository, self.weekly.as_slice());
        freezes::pass_in(transaction, frozen, self.gate_override.as_ref(), context.now)?;
        for (suite, record) in self.changes.iter() {
            transaction.withdraw(suite, record.key())?;
        }
        self.guard.pass_in(transaction, store, context.now)?;
        Ok(Operation::Remove(self.changes.summary()))
    }

    /// Makes the same plan from the present state of the repository.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn rebase(&self, store: &Store) -> Result<Self, Error> {
        let frozen = (&self.repository, self.weekly.as_slice());
        let plan = Self::make(store, frozen, &self.selectors, &self.suites)?;
        Ok(Self { guard: self.guard.clone(), gate_override: self.gate_override.clone(), ..plan })
    }

    fn make(
        store: &Store,
        (repository, weekly): (&RepositoryName, &[WeeklyFreeze]),
        selectors: &[Selector],
        suites: &[SuiteName],
    ) -> Result<Self, Error> {
        let head = store.head(repository)?;
        let mut changes = SuiteRecords::default();
        let mut matched = vec![false; selectors.len()];
        let asked = |suite: &&SuiteName| suites.is_empty() || suites.contains(suite);
        if let Some(head) = &head {
            for suite in head.commit().suites.keys().filter(asked) {
                let mut chosen: BTreeMap<RecordKey, Arc<Record>> = BTreeMap::new();
                for (selector, matched) in selectors.iter().zip(&mut matched) {
                    let found = selector.all_in(head, suite)?;
                    *matched |= !found.is_empty();
                    chosen.extend(found.into_iter().map(|record| (record.key().clone(), record)));
                }
                changes.insert(suite.clone(), chosen.into_values().collect());
            }
        }
        let unmatched = selectors.iter().zip(matched).filter(|(_, matched)| !matched);
        Ok(Self {
            repository: repository.clone(),
            base: head.map(|head| head.id()),
            changes,
            unmatched: unmatched.map(|(selector, _)| selector.clone()).collect(),
            selectors: selectors.to_vec(),
            suites: suites.to_vec(),
            weekly: weekly.to_vec(),
            gate_override: None,
            guard: InstallableGuard::default(),
        })
    }
}

/// See [`Store::plan_removal`].
pub(crate) fn plan_removal(
    store: &Store,
    repository: &RepositorySettings,
    selectors: &[Selector],
    suites: &[SuiteName],
) -> Result<RemovalPlan, Error> {
    repository.check()?;
    repository.check_suites(suites)?;
    let plan = RemovalPlan::make(store, (&repository.name, &repository.freezes), selectors, suites)?;
    Ok(RemovalPlan { guard: InstallableGuard::of(repository), ..plan })
}

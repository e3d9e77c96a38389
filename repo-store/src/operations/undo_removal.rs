//! Bringing back what was removed, as long as the history knows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use deb_parse::SuiteName;

use crate::context::Context;
use crate::error::Error;
use crate::history::selector::Selector;
use crate::model::gate_rule::GateOverride;
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::model::record::{Record, RecordKey};
use crate::model::serialized::{as_text, maybe_as_text};
use crate::model::suite_records::SuiteRecords;
use crate::operations::installability::InstallableGuard;
use crate::operations::plan::check_base;
use crate::settings::RepositorySettings;
use crate::store::Store;
use crate::transaction::{Committed, Transaction};

/// What there is to bring back of packages that were removed: for each selector what the last commit that removed anything it
/// matches took out, and that is missing still. [`Store::plan_undo_removal`] makes it.
#[derive(Clone, Debug, serde::Serialize)]
#[must_use = "a plan changes nothing until it is applied"]
pub struct UndoRemovalPlan {
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
    guard: InstallableGuard,
}

impl UndoRemovalPlan {
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

    /// Returns what would come back.
    #[must_use]
    pub fn changes(&self) -> &SuiteRecords {
        &self.changes
    }

    /// Returns the selectors that have nothing to bring back.
    #[must_use]
    pub fn unmatched(&self) -> &[Selector] {
        &self.unmatched
    }

    /// Returns the same plan with somebody's decision that the gate `installable` does not count for it.
    pub fn despite(self, gate_override: Option<GateOverride>) -> Self {
        Self { guard: self.guard.clone().despite(gate_override), ..self }
    }

    /// Brings back what is planned.
    ///
    /// # Errors
    /// [`Outdated`](crate::error::ChangeError::Outdated) when the repository has changed since the plan was made, and
    /// [`Uninstallable`](crate::error::RuleError::Uninstallable) when a gate asks for more and nobody decided that this does not count.
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
        for (suite, record) in self.changes.iter() {
            transaction.insert(suite, record)?;
        }
        self.guard.pass_in(transaction, store, context.now)?;
        Ok(Operation::UndoRemoval(self.changes.summary()))
    }

    /// Makes the same plan from the present state of the repository.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn rebase(&self, store: &Store) -> Result<Self, Error> {
        let plan = Self::make(store, &self.repository, &self.selectors, &self.suites)?;
        Ok(Self { guard: self.guard.clone(), ..plan })
    }

    fn make(
        store: &Store,
        repository: &RepositoryName,
        selectors: &[Selector],
        suites: &[SuiteName],
    ) -> Result<Self, Error> {
        let mut chosen: BTreeMap<SuiteName, BTreeMap<RecordKey, Arc<Record>>> = BTreeMap::new();
        let mut open: Vec<&Selector> = selectors.iter().collect();
        let asked = |suite: &SuiteName| suites.is_empty() || suites.contains(suite);
        let head = store.head(repository)?;
        for revision in store.history(repository) {
            let (Some(head), false) = (&head, open.is_empty()) else { break };
            let mut removed = Vec::new();
            for (suite, difference) in revision?.changes()? {
                for record in difference.only_first.into_iter().filter(|_| asked(&suite)) {
                    if open.iter().any(|selector| selector.matches(&record))
                        && head.get(&suite, record.key())?.is_none()
                    {
                        removed.push((suite.clone(), record));
                    }
                }
            }
            open.retain(|selector| !removed.iter().any(|(_, record)| selector.matches(record)));
            for (suite, record) in removed {
                chosen.entry(suite).or_default().entry(record.key().clone()).or_insert(record);
            }
        }
        let mut changes = SuiteRecords::default();
        for (suite, records) in chosen {
            changes.insert(suite, records.into_values().collect());
        }
        Ok(Self {
            repository: repository.clone(),
            base: head.map(|head| head.id()),
            changes,
            unmatched: open.into_iter().cloned().collect(),
            selectors: selectors.to_vec(),
            suites: suites.to_vec(),
            guard: InstallableGuard::default(),
        })
    }
}

/// See [`Store::plan_undo_removal`].
pub(crate) fn plan_undo_removal(
    store: &Store,
    repository: &RepositorySettings,
    selectors: &[Selector],
    suites: &[SuiteName],
) -> Result<UndoRemovalPlan, Error> {
    repository.check()?;
    repository.check_suites(suites)?;
    let plan = UndoRemovalPlan::make(store, &repository.name, selectors, suites)?;
    Ok(UndoRemovalPlan { guard: InstallableGuard::of(repository), ..plan })
}

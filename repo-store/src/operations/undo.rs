//! Taking back the last change of a repository.

use std::collections::BTreeMap;

use deb_parse::SuiteName;

use super::rollback::{Restored, compare};
use crate::context::Context;
use crate::error::{ChangeError, Error, HistoryError};
use crate::intent;
use crate::joint::{Step, transact_jointly};
use crate::model::commit::Commit;
use crate::model::difference::Difference;
use crate::model::gate_rule::GateOverride;
use crate::model::hold::{HoldCause, HoldKey, Holds};
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::model::serialized::as_text;
use crate::model::suite_differences::SuiteDifferences;
use crate::operations::installability::InstallableGuard;
use crate::operations::plan::check_base;
use crate::settings::RepositorySettings;
use crate::store::Store;
use crate::transaction::Transaction;

/// What taking back the last change of a repository would do. [`Store::plan_undo`] makes it. A change of several repositories that was made
/// as a whole is taken back as a whole.
///
/// The repository gets the content and the holds that it had before that change. What an addition, a promotion or a release brought is held
/// besides, so that nobody brings it in again unasked. The undo is a change itself: to undo it is to make the first change again. The next
/// release brings in what the undo of a release holds.
///
/// Nothing is rebased: when somebody changed the repository meanwhile, the last change is another one.
#[derive(Clone, Debug, serde::Serialize)]
#[must_use = "a plan changes nothing until it is applied"]
pub struct UndoPlan {
    #[serde(serialize_with = "as_text")]
    repository: RepositoryName,
    /// The state that the change made: the plan is for this one alone.
    #[serde(serialize_with = "as_text")]
    base: CommitId,
    #[serde(skip)]
    undone: Commit,
    #[serde(serialize_with = "as_text")]
    target: CommitId,
    changes: SuiteDifferences,
    #[serde(skip)]
    before: BTreeMap<SuiteName, u64>,
    /// What is held in the state before the change, and in that after it.
    #[serde(skip)]
    holds: Holds,
    #[serde(skip)]
    present_holds: Holds,
    /// The same of the other repositories that the change was made of as a whole.
    together: Vec<UndoPlan>,
    #[serde(skip)]
    guard: InstallableGuard,
}

impl UndoPlan {
    /// Returns the repository.
    #[must_use]
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Returns the state that the change made, and that the plan was made from.
    #[must_use]
    pub fn base(&self) -> CommitId {
        self.base
    }

    /// Returns the commit of the change.
    #[must_use]
    pub fn undone(&self) -> &Commit {
        &self.undone
    }

    /// Returns the state before the change.
    #[must_use]
    pub fn target(&self) -> CommitId {
        self.target
    }

    /// Returns, for each suite that would change, what it would lose (the first) and what would come back (the second).
    #[must_use]
    pub fn changes(&self) -> &BTreeMap<SuiteName, Difference> {
        self.changes.as_map()
    }

    /// Returns how many records a suite has now.
    #[must_use]
    pub fn records_before(&self, suite: &SuiteName) -> u64 {
        self.before.get(suite).copied().unwrap_or(0)
    }

    /// Returns the versions that would be held and are not, and those whose holds would end, in the order of keys.
    #[must_use]
    pub fn holds(&self, context: &Context) -> (Vec<HoldKey>, Vec<HoldKey>) {
        self.present_holds.changes_to(&self.holds_after(context))
    }

    /// Returns what would happen to the other repositories that the change was made of as a whole.
    pub fn together(&self) -> &[UndoPlan] {
        &self.together
    }

    /// Has the plan meet the gates `installable` of these settings, which are those of all its repositories, unless somebody decided that they do
    /// not count.
    pub fn meeting_gates(
        mut self,
        settings: &[&RepositorySettings],
        gate_override: Option<&GateOverride>,
    ) -> Self {
        let guard = |name: &RepositoryName| {
            let own = settings.iter().find(|settings| settings.name == *name);
            own.map(|own| InstallableGuard::of(own)).unwrap_or_default().despite(gate_override.cloned())
        };
        self.guard = guard(&self.repository);
        for plan in &mut self.together {
            plan.guard = guard(&plan.repository);
        }
        self
    }

    /// Takes the change back, in all repositories that it was made of. Returns the new commit of each.
    ///
    /// # Errors
    /// [`Outdated`](ChangeError::Outdated) when one of the repositories has changed since the plan was made, and
    /// [`Uninstallable`](crate::error::RuleError::Uninstallable) when [a gate](Self::meeting_gates) asks for more. None of them is changed then.
    pub fn apply(
        &self,
        store: &Store,
        context: &Context,
    ) -> Result<BTreeMap<RepositoryName, CommitId>, Error> {
        let plans = self.together.iter().chain([self]);
        let steps: Vec<Step<'_>> =
            plans.map(|plan| plan.step(store, context)).collect::<Result<_, Error>>()?;
        transact_jointly(store, context, &steps)
    }

    /// Finds out whether the gates that the plan is to [meet](Self::meeting_gates) let it through, and changes nothing.
    ///
    /// # Errors
    /// [`Uninstallable`](crate::error::RuleError::Uninstallable) when one does not.
    pub fn check(&self, store: &Store, context: &Context) -> Result<(), Error> {
        for plan in self.together.iter().chain([self]) {
            let head = store.head(&plan.repository)?;
            plan.guard.check(store, head.as_ref(), plan.changes(), context.now)?;
        }
        Ok(())
    }

    fn step<'s>(&'s self, store: &'s Store, context: &'s Context) -> Result<Step<'s>, Error> {
        let target = store.revision(&self.repository, self.target)?;
        let change = move |transaction: &mut Transaction<'_>| {
            check_base(transaction, &self.repository, Some(self.base))?;
            transaction.restore(&target, self.before.keys().cloned())?;
            transaction.replace_holds(self.holds_after(context));
            self.guard.pass_in(transaction, store, context.now)?;
            Ok(self.operation())
        };
        Ok(Step { repository: &self.repository, known: None, change: Box::new(change) })
    }

    fn operation(&self) -> Operation {
        // What an undo took back is in the history.
        let what = match &self.undone.operation {
            Operation::Undo { number, .. } => format!("undo {number}"),
            operation => operation.to_string(),
        };
        Operation::Undo { number: self.undone.sequence, commit: self.base.short(), what }
    }

    /// The holds before the change, and of what the change brought in those that keep it out. A rollback and an undo brought nothing that
    /// was not there before: how it was held then is known.
    fn holds_after(&self, context: &Context) -> Holds {
        let mut holds = self.holds.clone();
        if matches!(self.undone.operation, Operation::RollBack { .. } | Operation::Undo { .. }) {
            return holds;
        }
        let operation = self.operation();
        let cause = HoldCause { date: context.now, actor: context.actor.clone(), operation };
        for (suite, record) in self.changes.gone().iter() {
            if !holds.keep_out_of(record.key(), suite) {
                holds.withdraw(record.key(), record.blob(), suite, &cause);
            }
        }
        holds
    }
}

/// See [`Store::plan_undo`].
pub(crate) fn plan_undo(store: &Store, repository: &RepositoryName) -> Result<UndoPlan, Error> {
    let mut plan = plan_undo_of_one(store, repository)?;
    let others = plan.undone.together.keys().filter(|other| *other != repository);
    plan.together = others
        .map(|other| {
            let part = plan_undo_of_one(store, other)?;
            // The states before tell that it is the same change.
            if part.undone.together != plan.undone.together {
                let (repository, other) = (repository.clone(), other.clone());
                return Err(HistoryError::ChangedSince { repository, other }.into());
            }
            Ok(part)
        })
        .collect::<Result<_, Error>>()?;
    Ok(plan)
}

/// Plans to take back the last change of a repository in that one alone.
fn plan_undo_of_one(store: &Store, repository: &RepositoryName) -> Result<UndoPlan, Error> {
    // What was begun is the last change once it is complete. It may be the same undo, which nobody means to undo by giving it again.
    intent::check_none_begun(store, repository)?;
    let nothing = || Error::Change(ChangeError::NothingToUndo { repository: repository.clone() });
    let head = store.head(repository)?.ok_or_else(nothing)?;
    let target = head.parent()?.ok_or_else(nothing)?;
    let Restored { changes, before } = compare(store, Some(&head), &target, |_| true)?;
    Ok(UndoPlan {
        repository: repository.clone(),
        base: head.id(),
        undone: head.commit().clone(),
        target: target.id(),
        changes,
        before,
        holds: target.hold_list()?,
        present_holds: head.hold_list()?,
        together: Vec::new(),
        guard: InstallableGuard::default(),
    })
}

//! What [`Store`] offers of what people decide. Each method calls the file that is about it.

use jiff::Timestamp;

use crate::context::Context;
use crate::decisions::approvals::{ApprovalPlan, Approvals};
use crate::decisions::freezes::Freeze;
use crate::error::Error;
use crate::history::selector::Selector;
use crate::model::approval::{Approval, Approver, ApproverId};
use crate::model::gate_rule::{GateOverride, GateRule};
use crate::model::name::{HolderName, RepositoryName};
use crate::store::Store;

impl Store {
    /// Returns who has approved what in a repository.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub fn approvals(&self, repository: &RepositoryName) -> Result<Approvals, Error> {
        super::approvals::approvals(self, repository)
    }

    /// Finds what is to be approved: what the repository has of these versions in any suite and architecture, and with `whole_source`
    /// what was built from the sources of these names.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn plan_approval(
        &self,
        repository: &RepositoryName,
        selectors: &[Selector],
        whole_source: bool,
    ) -> Result<ApprovalPlan, Error> {
        super::approvals::plan(self, repository, selectors, whole_source)
    }

    /// Takes back what somebody has approved, also of what the repository no longer has, and returns it.
    ///
    /// # Errors
    /// When the list cannot be read or written.
    pub fn withdraw_approvals(
        &self,
        repository: &RepositoryName,
        selectors: &[Selector],
        approver: &Approver,
        context: &Context,
    ) -> Result<Vec<Approval>, Error> {
        super::approvals::withdraw(self, repository, selectors, approver, context)
    }

    /// Makes what the holder of a token has approved approvals of the name that the holder has now: under both names it would count twice.
    ///
    /// # Errors
    /// When the list cannot be read or written.
    pub fn rename_approver(
        &self,
        repository: &RepositoryName,
        (from, to): (&HolderName, &HolderName),
    ) -> Result<(), Error> {
        let from = ApproverId::Token(from.clone());
        super::approvals::rename(self, repository, (&from, &Approver::token(to.clone())))
    }

    /// Freezes a repository until then, and returns the freeze, which replaces any before it.
    ///
    /// # Errors
    /// When the document cannot be read or written.
    pub fn freeze(
        &self,
        repository: &RepositoryName,
        until: Timestamp,
        reason: &str,
        context: &Context,
    ) -> Result<Freeze, Error> {
        super::freezes::freeze(self, repository, until, reason, context)
    }

    /// Ends the freeze of a repository, and returns it; `None` when it is not frozen.
    ///
    /// # Errors
    /// When the document cannot be read or written.
    pub fn thaw(&self, repository: &RepositoryName, context: &Context) -> Result<Option<Freeze>, Error> {
        super::freezes::thaw(self, repository, context)
    }

    /// Returns the freeze of a repository at that time, if it is frozen.
    ///
    /// # Errors
    /// When the document cannot be read.
    pub fn freeze_of(&self, repository: &RepositoryName, now: Timestamp) -> Result<Option<Freeze>, Error> {
        super::freezes::freeze_of(self, repository, now)
    }

    /// Returns the rule that is passed by somebody's decision: [`GateRule::Freeze`] in a frozen repository, and none in any other.
    ///
    /// # Errors
    /// [`ChangeError::Frozen`](crate::ChangeError::Frozen) when the repository is frozen and nobody decided that this does not count.
    pub fn pass_freeze(
        &self,
        repository: &RepositoryName,
        gate_override: Option<&GateOverride>,
        now: Timestamp,
    ) -> Result<Option<GateRule>, Error> {
        super::freezes::pass(self, repository, gate_override, now)
    }
}

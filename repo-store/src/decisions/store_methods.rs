//! What [`Store`] offers of what people decide. Each method calls the file that is about it.

use crate::context::Context;
use crate::decisions::approvals::{ApprovalPlan, Approvals};
use crate::error::Error;
use crate::history::selector::Selector;
use crate::model::approval::{Approval, Approver};
use crate::model::name::RepositoryName;
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
}

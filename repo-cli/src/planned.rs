//! Carrying out what was planned, in a store that others change meanwhile.

use repo_store::error::{ChangeError, HistoryError};
use repo_store::model::CommitId;
use repo_store::{Error, RepositoryName, Store};

use crate::args::ChangeArguments;
use crate::error::Failure;

/// So often a plan is made before others are told to have been faster each time.
const ATTEMPTS: u32 = 100;

/// The states that a plan must have been made from.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BaseArguments {
    /// Only if nothing has changed since a dry run: the `base` that it printed with --json
    #[arg(long, value_name = "BASE")]
    base: Option<String>,
}

impl BaseArguments {
    /// Refuses a plan that was made from other states than those asked for.
    ///
    /// # Errors
    /// [`ChangeError::Outdated`].
    pub(crate) fn check(
        &self,
        repository: &RepositoryName,
        commits: &[Option<CommitId>],
    ) -> Result<(), Failure> {
        match &self.base {
            Some(expected) if *expected != base(commits) => {
                Err(Failure::Store(ChangeError::Outdated { repository: repository.clone() }.into()))
            }
            _ => Ok(()),
        }
    }
}

/// Returns the states that a plan was made from, as the text that [`BaseArguments`] takes.
pub(crate) fn base(commits: &[Option<CommitId>]) -> String {
    let texts = commits.iter().map(|commit| commit.map_or_else(|| "none".to_owned(), |id| id.to_string()));
    texts.collect::<Vec<_>>().join("+")
}

/// Makes a plan with `make` and carries it out with `apply`, which returns what was committed. When the repository changed in
/// between, it is planned again.
///
/// Returns the plan that was carried out, and what was committed.
pub(crate) fn carry_out<P, R>(
    make: impl Fn() -> Result<P, Failure>,
    apply: impl Fn(&P) -> Result<R, Failure>,
) -> Result<(P, R), Failure> {
    let mut attempt = 1;
    loop {
        match make().and_then(|plan| apply(&plan).map(|done| (plan, done))) {
            Err(Failure::Store(Error::Change(ChangeError::Outdated { .. }))) if attempt < ATTEMPTS => {}
            result => return result,
        }
        attempt += 1;
    }
}

/// Completes the change of several repositories that keeps a plan from being made, unless nothing is to be written.
///
/// # Errors
/// [`ChangeError::Outdated`] once it is complete: the plan is made from the state after it.
pub(crate) fn unless_begun<P>(
    plan: Result<P, Error>,
    store: &Store,
    arguments: ChangeArguments,
) -> Result<P, Failure> {
    match plan {
        Err(Error::History(HistoryError::Unfinished { repository })) if !arguments.dry_run => {
            store.complete_begun(&repository)?;
            Err(Failure::Store(ChangeError::Outdated { repository }.into()))
        }
        result => Ok(result?),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn outdated() -> Failure {
        let repository = repo_store::RepositoryName::parse("prod").unwrap();
        Failure::Store(ChangeError::Outdated { repository }.into())
    }

    #[test]
    fn what_is_outdated_is_planned_again_but_not_for_ever() {
        for (failures, expected_plans, succeeds) in [(0, 1, true), (3, 4, true), (u32::MAX, ATTEMPTS, false)]
        {
            let plans = Cell::new(0);
            let make = || {
                plans.set(plans.get() + 1);
                Ok(plans.get())
            };
            let result = carry_out(make, |plan| if *plan <= failures { Err(outdated()) } else { Ok(()) });
            assert_eq!((plans.get(), result.is_ok()), (expected_plans, succeeds));
        }
    }

    #[test]
    fn another_failure_is_not_tried_again() {
        let plans = Cell::new(0);
        let make = || {
            plans.set(plans.get() + 1);
            Ok(())
        };
        assert!(carry_out::<(), ()>(make, |()| Err(Failure::Stopped)).is_err());
        assert_eq!(plans.get(), 1);
    }
}

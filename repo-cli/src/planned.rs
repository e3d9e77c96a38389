//! Carrying out what was planned, in a store that others change meanwhile.

use repo_store::{ChangeError, Error};

use crate::error::Failure;

/// So often a plan is made before others are told to have been faster each time.
const ATTEMPTS: u32 = 100;

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
        let plan = make()?;
        match apply(&plan) {
            Err(Failure::Store(Error::Change(ChangeError::Outdated { .. }))) if attempt < ATTEMPTS => {}
            result => return Ok((plan, result?)),
        }
        attempt += 1;
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

//! A freeze: nothing changes in a repository for a while.

use std::fmt;

use jiff::Timestamp;

use crate::model::gate_rule::{GateRule, GateViolation};
use crate::model::name::RepositoryName;

/// Somebody's decision that nothing comes into a repository, and nothing is removed from it, for some time.
///
/// Going back is never stopped: rollbacks, undoing, and bringing back what was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Freeze {
    /// When it was decided.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
    /// Who decided it.
    pub actor: String,
    /// Why, in one line.
    pub reason: String,
}

impl Freeze {
    /// Returns whether the repository is frozen at that time.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// Returns what a version on its way into the repository does not meet.
    pub(crate) fn violation(&self, repository: &RepositoryName) -> GateViolation {
        GateViolation { gate: None, rule: GateRule::Freeze, reason: format!("{repository} is {self}") }
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frozen until {} by {}: {}", self.until, self.actor, self.reason)
    }
}

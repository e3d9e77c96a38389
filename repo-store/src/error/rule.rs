//! Why what people decided keeps a change out.

use crate::error::ProfileError;
use crate::model::freeze::Freeze;
use crate::model::gate_rule::GateViolation;
use crate::model::hold::Hold;
use crate::model::name::RepositoryName;
use crate::model::record::RecordKey;

/// Why what people decided keeps a change out of a repository: holds, gates, freezes. Each can be passed by name.
///
/// Messages do not repeat their source: print the chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// A package that was taken out and is to stay out.
    #[error(
        "{key} is held out of {repository} since {} ({}: {})",
        .hold.cause.date.strftime("%Y-%m-%d %H:%M UTC"), .hold.cause.actor, .hold.cause.operation
    )]
    Held {
        /// The package.
        key: Box<RecordKey>,
        /// The repository.
        repository: RepositoryName,
        /// Since when, by whom, and which suites.
        hold: Box<Hold>,
    },
    /// A repository that is frozen.
    #[error("{repository} is {freeze}")]
    Frozen {
        /// The repository.
        repository: RepositoryName,
        /// The freeze.
        freeze: Box<Freeze>,
    },
    /// A change that would leave packages which cannot be installed, where a gate asks that nothing does.
    #[error("a gate of {repository} asks that everything stays installable: {}", first_of(.violations))]
    Uninstallable {
        /// The repository.
        repository: RepositoryName,
        /// What would be left, or why nobody can tell.
        violations: Vec<GateViolation>,
    },
    /// Something that a gate of the repository does not let in.
    #[error("{repository} does not take {key}: {}", .violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Gated {
        /// The package.
        key: Box<RecordKey>,
        /// The repository.
        repository: RepositoryName,
        /// The rules that it does not meet.
        violations: Vec<GateViolation>,
    },
    /// A profile that cannot be built.
    #[error(transparent)]
    Profile(Box<ProfileError>),
}

impl From<ProfileError> for RuleError {
    fn from(error: ProfileError) -> Self {
        Self::Profile(Box::new(error))
    }
}

impl RuleError {
    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Held { .. } => "E-HELD",
            Self::Gated { .. } => "E-GATED",
            Self::Frozen { .. } => "E-FROZEN",
            Self::Uninstallable { .. } => "E-UNINSTALLABLE",
            Self::Profile(error) => error.code(),
        }
    }
}

/// How many reasons are named one by one.
const MOST_REASONS: usize = 5;

fn first_of(violations: &[GateViolation]) -> String {
    let mut named: Vec<String> = violations.iter().take(MOST_REASONS).map(ToString::to_string).collect();
    if let Some(more) = violations.len().checked_sub(MOST_REASONS).filter(|more| *more > 0) {
        named.push(format!("and {more} more"));
    }
    named.join("; ")
}

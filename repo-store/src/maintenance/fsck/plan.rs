//! What a repair would do, as a value.

use std::collections::BTreeSet;
use std::fmt;

use camino::Utf8Path;

use super::sources::CopySource;
use super::{FsckOptions, Problem, ProblemKind, RepairReport};
use crate::context::Context;
use crate::error::{Error, MaintenanceError};
use crate::model::publication_id::PublicationId;
use crate::store::Store;

/// How a problem is put right.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "means", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RepairMeans {
    /// A true copy takes its place.
    Copy {
        /// The file or the place that has it. A plan asks no server, so there it is a hope.
        from: String,
    },
    /// It is made again from what the store has.
    MakeAgain,
    /// It becomes a name of what the store has: a hard link in a pool, or a symbolic link.
    Link,
    /// It is moved to `store/damaged/`.
    MoveAside,
    /// A reference leads to a later state, or to the newest one that can be had.
    PointAt {
        /// The number of the state.
        state: u64,
    },
    /// Its mode is set.
    SetMode,
    /// Its time is set.
    SetTime,
    /// The repository is published again, as clients see its present state without this part. The publication that they see now is then
    /// withdrawn as an older one.
    Publish,
    /// The publication that it belongs to, which clients no longer see, is moved to `store/damaged/`.
    Withdraw {
        /// The publication.
        #[serde(serialize_with = "crate::model::serialized::as_text")]
        publication: PublicationId,
    },
}

impl fmt::Display for RepairMeans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copy { from } => write!(f, "copy it from {from}"),
            Self::MakeAgain => f.write_str("make it again from what the store has"),
            Self::Link => f.write_str("link it again"),
            Self::MoveAside => f.write_str("move it to store/damaged"),
            Self::PointAt { state } => write!(f, "let it lead to state {state}"),
            Self::SetMode => f.write_str("set its mode"),
            Self::SetTime => f.write_str("set its time"),
            Self::Publish => f.write_str("publish the repository again, and withdraw what clients see now"),
            Self::Withdraw { publication } => write!(f, "withdraw publication {publication}"),
        }
    }
}

/// A problem, and how it is put right.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct RepairStep {
    /// The problem.
    pub problem: Problem,
    /// How it is put right.
    #[serde(flatten)]
    pub means: RepairMeans,
}

/// What a repair would do. [`Store::plan_repair`] makes it.
///
/// It is about the whole store, so it has neither a repository nor one state that it was made from. It has what can be seen now: what only
/// comes to light when a lost file is back, such as the pages of a lost snapshot, is put right by the repair as well.
#[derive(Clone, Debug, serde::Serialize)]
#[must_use = "a plan changes nothing until it is applied"]
pub struct RepairPlan {
    steps: Vec<RepairStep>,
    left: Vec<Problem>,
}

/// What tells two problems apart.
type ProblemKey<'a> = (ProblemKind, &'a Utf8Path, &'a str);

impl RepairPlan {
    pub(super) fn new(steps: Vec<RepairStep>, left: Vec<Problem>) -> Self {
        Self { steps, left }
    }

    /// Returns the problems that would be put right, in the order in which they would be.
    #[must_use]
    pub fn steps(&self) -> &[RepairStep] {
        &self.steps
    }

    /// Returns the problems that nothing is planned for: they need a true copy or a person, unless a step puts right what they come from.
    #[must_use]
    pub fn left(&self) -> &[Problem] {
        &self.left
    }

    /// Puts right what is planned, with the same sources.
    ///
    /// # Errors
    /// [`OutdatedRepair`](MaintenanceError::OutdatedRepair) when there are problems by now that the plan does not know: nothing is
    /// repaired then, except that what lies in the place of `store/locks` is moved. Otherwise those of [`Store::repair`].
    pub fn apply(
        &self,
        store: &Store,
        options: &FsckOptions<'_>,
        sources: &[CopySource<'_>],
        context: &Context,
    ) -> Result<RepairReport, Error> {
        super::repair::repair(store, options, sources, Some(self), context)
    }

    /// Makes the same plan from the present state of the store.
    ///
    /// # Errors
    /// Those of [`Store::plan_repair`].
    pub fn rebase(
        &self,
        store: &Store,
        options: &FsckOptions<'_>,
        sources: &[CopySource<'_>],
        context: &Context,
    ) -> Result<Self, Error> {
        store.plan_repair(options, sources, context)
    }

    /// Refuses problems that were not there when the plan was made.
    pub(super) fn check<'p>(&self, found: impl Iterator<Item = &'p Problem>) -> Result<(), Error> {
        let planned = self.steps.iter().map(|step| &step.problem).chain(&self.left);
        let planned: BTreeSet<ProblemKey<'_>> = planned.map(Problem::key).collect();
        match found.filter(|problem| !planned.contains(&problem.key())).count() {
            0 => Ok(()),
            problems => Err(MaintenanceError::OutdatedRepair { problems }.into()),
        }
    }
}

impl Problem {
    /// Returns what tells it apart from others.
    pub(super) fn key(&self) -> ProblemKey<'_> {
        (self.kind, &self.path, &self.what)
    }
}

//! How much work a question may take.

use std::cell::Cell;

/// Limits of the work for one question, and which packages every machine has.
///
/// ```
/// use apt_solve::Limits;
/// let limits = Limits::default().with_steps(1_000);
/// assert_eq!(limits.steps(), 1_000);
/// assert!(limits.implies_essential());
/// ```
#[derive(Clone, Debug)]
pub struct Limits {
    steps: u64,
    total_steps: u64,
    essential: bool,
}

impl Default for Limits {
    /// Allows a few seconds for a question, and about a minute for a whole source.
    fn default() -> Self {
        Self { steps: 20_000_000, total_steps: 1_000_000_000, essential: true }
    }
}

impl Limits {
    /// Returns how many steps the answer for one package or set may take. A step is about the work of looking at one package.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Returns how many steps [`Checker::source`](crate::Checker::source) may take for all packages together, and
    /// [`Checker::upgrades`](crate::Checker::upgrades) for all machines together.
    pub fn total_steps(&self) -> u64 {
        self.total_steps
    }

    /// Returns whether essential packages are taken to be on every machine.
    pub fn implies_essential(&self) -> bool {
        self.essential
    }

    /// Changes the steps for one package or set.
    #[must_use]
    pub fn with_steps(mut self, steps: u64) -> Self {
        self.steps = steps;
        self
    }

    /// Changes the steps for all packages of a source.
    #[must_use]
    pub fn with_total_steps(mut self, steps: u64) -> Self {
        self.total_steps = steps;
        self
    }

    /// Asks about the packages alone, as if no machine had an essential package.
    #[must_use]
    pub fn without_essential(mut self) -> Self {
        self.essential = false;
        self
    }
}

/// The steps that are left. Everything whose work can grow with the universe takes from it.
#[derive(Debug)]
pub(crate) struct Budget(Cell<u64>);

/// The steps are used up: the question is not decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Budget {
    pub(crate) fn new(steps: u64) -> Self {
        Self(Cell::new(steps))
    }

    /// Takes `steps`, or all that are left.
    pub(crate) fn take(&self, steps: usize) -> Result<(), Exhausted> {
        let left = self.0.get().saturating_sub(steps as u64);
        self.0.set(left);
        if left == 0 { Err(Exhausted) } else { Ok(()) }
    }

    pub(crate) fn left(&self) -> u64 {
        self.0.get()
    }

    pub(crate) fn is_exhausted(&self) -> bool {
        self.0.get() == 0
    }
}

//! What a case is: one sentence that must be true, and the check of it.

use std::fmt;
use std::io;

use crate::desk::Desk;
use crate::manager::{Feature, Layout};

/// Why a case is not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortfall {
    /// The sentence is not true.
    Missed(String),
    /// The manager has no way to be told what the case needs.
    CannotBeAsked(String),
    /// This machine lacks something that the check needs.
    Skipped(String),
}

/// What a check finds.
pub(crate) type Checked<T = ()> = Result<T, Shortfall>;

impl From<io::Error> for Shortfall {
    fn from(error: io::Error) -> Self {
        Self::Missed(error.to_string())
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Missed(text) | Self::CannotBeAsked(text) | Self::Skipped(text)) = self;
        f.write_str(text)
    }
}

/// Ends a check with what it found wrong.
macro_rules! miss {
    ($($words:tt)*) => { return Err($crate::case::Shortfall::Missed(format!($($words)*))) };
}

/// Ends a check with what it found wrong, unless something is true.
macro_rules! ensure {
    ($condition:expr, $($words:tt)*) => { if !$condition { miss!($($words)*) } };
}

pub(crate) use {ensure, miss};

/// Repositories with content, which several cases look at.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) layout: Layout,
    /// Fills the empty repositories and publishes them.
    pub(crate) prepare: fn(&Desk<'_>) -> Checked,
}

/// One sentence about what a repository must do for its clients, and the check of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// `FAMILY/what-must-be-so`; never changed.
    pub(crate) name: &'static str,
    /// What must be so, why, and where that is written down.
    pub(crate) rule: &'static str,
    pub(crate) world: &'static World,
    /// What the manager must be able to do besides what the world needs.
    pub(crate) needs: &'static [Feature],
    /// Whether the check changes the world: then it is given one of its own.
    pub(crate) changes: bool,
    pub(crate) check: fn(&Desk<'_>) -> Checked,
}

impl Case {
    /// A case that only looks.
    pub(crate) const fn new(
        name: &'static str,
        rule: &'static str,
        world: &'static World,
        check: fn(&Desk<'_>) -> Checked,
    ) -> Self {
        Self { name, rule, world, needs: &[], changes: false, check }
    }

    /// A case that tells the manager to do something.
    pub(crate) const fn changing(
        name: &'static str,
        rule: &'static str,
        world: &'static World,
        check: fn(&Desk<'_>) -> Checked,
    ) -> Self {
        Self { name, rule, world, needs: &[], changes: true, check }
    }

    /// With features that the manager must have.
    pub(crate) const fn needs(mut self, features: &'static [Feature]) -> Self {
        self.needs = features;
        self
    }

    /// Returns the part of the name before the slash.
    pub(crate) fn family(&self) -> &'static str {
        self.name.split('/').next().unwrap_or(self.name)
    }
}

//! The kinds of indices.

use std::fmt;

/// What an index lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum IndexKind {
    /// Binary packages.
    Packages,
    /// Source packages.
    Sources,
    /// Which package has which file.
    Contents,
    /// Descriptions.
    Translation,
}

impl fmt::Display for IndexKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Packages => "Packages",
            Self::Sources => "Sources",
            Self::Contents => "Contents",
            Self::Translation => "Translation",
        })
    }
}

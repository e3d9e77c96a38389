//! What a reissue leaves behind on machines that had the bad version.

use std::fmt;

use deb_parse::PackageName;

use crate::model::reissue::HazardKind;

/// Whether machines that had the bad version are brought back in some respect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Undone {
    /// They are not; somebody has to look after them.
    Cannot,
    /// Some are, and others are not.
    May,
}

impl Undone {
    /// Returns the word for it: `cannot` or `may`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cannot => "cannot",
            Self::May => "may",
        }
    }
}

impl fmt::Display for Undone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that a reissue does to machines that had the bad version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[non_exhaustive]
pub struct Hazard {
    /// Whether it is undone. What cannot be undone keeps the reissue from being made unless its kind is accepted.
    pub undone: Undone,
    /// The kind.
    pub kind: HazardKind,
    /// The package.
    pub package: PackageName,
    /// One sentence for people.
    pub what: String,
}

crate::model::serialized::written!(Undone);

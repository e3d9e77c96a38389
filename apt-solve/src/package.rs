//! A package as the solver sees it.

use crate::relation::ClauseId;
use deb_parse::Version;
use deb_parse::control::MultiArch;
use std::fmt;
use std::ops::Range;

/// The number of a package in its [`Universe`](crate::Universe).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(pub(crate) u32);

impl PackageId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The number of a source of packages in its [`Universe`](crate::Universe).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub(crate) u16);

impl SourceId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The number of a package name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NameId(pub(crate) u32);

impl NameId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The number of an architecture; the native one is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ArchId(pub(crate) u32);

impl ArchId {
    pub(crate) const NATIVE: Self = Self(0);
}

/// The field of a relation that decides what can be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    /// `Pre-Depends`.
    PreDepends,
    /// `Depends`.
    Depends,
    /// `Conflicts`.
    Conflicts,
    /// `Breaks`.
    Breaks,
}

impl Link {
    pub(crate) const ALL: [Self; 4] = [Self::PreDepends, Self::Depends, Self::Conflicts, Self::Breaks];

    /// Returns the name of the field.
    ///
    /// ```
    /// assert_eq!(apt_solve::Link::PreDepends.field(), "Pre-Depends");
    /// ```
    pub fn field(self) -> &'static str {
        match self {
            Self::PreDepends => "Pre-Depends",
            Self::Depends => "Depends",
            Self::Conflicts => "Conflicts",
            Self::Breaks => "Breaks",
        }
    }

    pub(crate) fn is_dependency(self) -> bool {
        matches!(self, Self::PreDepends | Self::Depends)
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.field())
    }
}

/// One package: what identifies it, and where its relations stand.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: NameId,
    pub(crate) version: Version,
    /// The architecture that relations compare: the native one for `all`.
    pub(crate) arch: ArchId,
    pub(crate) is_all: bool,
    pub(crate) multi_arch: MultiArch,
    pub(crate) is_essential: bool,
    pub(crate) source: SourceId,
    /// Where in [`Universe::links`](crate::Universe) its relations stand.
    pub(crate) links: Range<u32>,
}

impl Package {
    /// Returns whether dpkg installs both at once, two packages of the same name.
    pub(crate) fn is_co_installable(&self, other: &Self) -> bool {
        self.arch != other.arch
            && self.multi_arch == MultiArch::Same
            && other.multi_arch == MultiArch::Same
            && self.version == other.version
    }
}

/// One comma-separated part of a relationship field of a package.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relation {
    pub(crate) link: Link,
    pub(crate) clause: ClauseId,
}

//! Relations, each distinct text kept once, and the rules by which a package meets one.

use crate::intern::Strings;
use crate::package::{ArchId, NameId, Package};
use deb_parse::control::MultiArch;
use deb_parse::relation::{self, Operator, RelationRef};
use deb_parse::{Error, Version, VersionRef};
use std::collections::HashMap;
use std::ops::Range;

/// The number of a clause: alternatives, one of them enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClauseId(pub(crate) u32);

impl ClauseId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Which architectures a relation allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scope {
    /// No qualifier in a dependency: that of the package with the relation, or `Multi-Arch: foreign`.
    Holder(ArchId),
    /// No qualifier in `Conflicts` or `Breaks`: each architecture.
    Everywhere,
    /// `:any`: packages with `Multi-Arch: allowed`.
    Any,
    /// `:arm64`: this one.
    Only(ArchId),
    /// An architecture that this kind of machine does not have.
    Unknown,
}

impl Scope {
    /// Returns whether a package that is there as `arch` is in scope. This is dpkg's `deparchsatisfied`.
    pub(crate) fn contains(self, arch: ArchId, multi_arch: MultiArch) -> bool {
        match self {
            Self::Holder(holder) => arch == holder || multi_arch == MultiArch::Foreign,
            Self::Everywhere => true,
            Self::Any => multi_arch == MultiArch::Allowed,
            Self::Only(only) => arch == only,
            Self::Unknown => false,
        }
    }
}

/// One alternative.
#[derive(Debug)]
pub(crate) struct Alternative {
    pub(crate) name: NameId,
    pub(crate) scope: Scope,
    pub(crate) version: Option<(Operator, Version)>,
}

impl Alternative {
    /// Returns whether `package`, which has the name, meets this.
    pub(crate) fn is_met_by(&self, package: &Package) -> bool {
        self.scope.contains(package.arch, package.multi_arch) && self.allows(Some(package.version.parts()))
    }

    /// Returns whether `package` meets this by what it provides.
    pub(crate) fn is_met_by_provided(&self, package: &Package, provided: &Provided) -> bool {
        self.scope.contains(provided.arch, package.multi_arch)
            && self.allows(provided.version.as_ref().map(Version::parts))
    }

    fn allows(&self, version: Option<VersionRef<'_>>) -> bool {
        match (&self.version, version) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some((operator, wanted)), Some(version)) => operator.allows(version.cmp(&wanted.parts())),
        }
    }
}

/// What a package provides besides its own name.
#[derive(Debug)]
pub(crate) struct Provided {
    pub(crate) name: NameId,
    /// That of the package, or the qualifier's.
    pub(crate) arch: ArchId,
    pub(crate) version: Option<Version>,
}

/// A clause: the text as written, and its alternatives.
#[derive(Debug)]
pub(crate) struct Clause {
    pub(crate) text: Box<str>,
    pub(crate) alternatives: Range<u32>,
}

/// Who reads a clause decides what it means: dependencies of each architecture, and conflicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    Dependency(ArchId),
    Conflict,
}

impl Reader {
    fn scope(self) -> Scope {
        match self {
            Self::Dependency(arch) => Scope::Holder(arch),
            Self::Conflict => Scope::Everywhere,
        }
    }

    fn index(self) -> usize {
        match self {
            Self::Conflict => 0,
            Self::Dependency(arch) => arch.0 as usize + 1,
        }
    }
}

/// Every distinct clause.
#[derive(Debug, Default)]
pub(crate) struct Clauses {
    /// By the text, for each reader.
    numbers: Vec<HashMap<Box<str>, ClauseId>>,
    clauses: Vec<Clause>,
    alternatives: Vec<Alternative>,
}

impl Clauses {
    /// Returns the clause of this text, which has no comma in it and is not empty.
    pub(crate) fn add(
        &mut self,
        text: &str,
        reader: Reader,
        names: &mut Strings,
        architectures: &Strings,
    ) -> Result<ClauseId, Error> {
        if self.numbers.len() <= reader.index() {
            self.numbers.resize_with(reader.index() + 1, HashMap::new);
        }
        if let Some(known) = self.numbers.get(reader.index()).and_then(|numbers| numbers.get(text)) {
            return Ok(*known);
        }
        let first = to_u32(self.alternatives.len());
        for one in relation::iter(text) {
            let one = one?;
            let scope = scope_of(&one, reader, architectures);
            let version = one.version().map(|(operator, version)| (operator, version.to_version()));
            self.alternatives.push(Alternative { name: NameId(names.number(one.name())), scope, version });
        }
        let number = ClauseId(to_u32(self.clauses.len()));
        let alternatives = first..to_u32(self.alternatives.len());
        self.clauses.push(Clause { text: text.into(), alternatives });
        if let Some(numbers) = self.numbers.get_mut(reader.index()) {
            numbers.insert(text.into(), number);
        }
        Ok(number)
    }

    /// Forgets what only adding needs.
    pub(crate) fn finish(&mut self) {
        self.numbers = Vec::new();
        self.clauses.shrink_to_fit();
        self.alternatives.shrink_to_fit();
    }

    pub(crate) fn len(&self) -> usize {
        self.clauses.len()
    }

    pub(crate) fn text(&self, clause: ClauseId) -> &str {
        self.clauses.get(clause.index()).map_or("", |clause| &clause.text)
    }

    pub(crate) fn alternatives(&self, clause: ClauseId) -> &[Alternative] {
        let range = self.clauses.get(clause.index()).map(|clause| {
            let Range { start, end } = clause.alternatives;
            start as usize..end as usize
        });
        range.and_then(|range| self.alternatives.get(range)).unwrap_or_default()
    }
}

fn scope_of(one: &RelationRef<'_>, reader: Reader, architectures: &Strings) -> Scope {
    match one.qualifier() {
        None => reader.scope(),
        Some("any") => Scope::Any,
        Some(name) => architectures.find(name).map_or(Scope::Unknown, |arch| Scope::Only(ArchId(arch))),
    }
}

pub(crate) fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

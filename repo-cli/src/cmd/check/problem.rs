//! What `check` finds besides packages that cannot be installed.

use std::collections::BTreeMap;

use apt_solve::Label;
use deb_parse::{SourceName, SuiteName, Version};
use serde::Serialize;

use crate::output::{Column, joined};

/// What is wrong with a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ProblemKind {
    /// There is only an older version than before.
    OlderVersion,
    /// An upgrade removes it.
    Removed,
    /// An upgrade leaves it at its version.
    KeptBack,
    /// Too many possibilities.
    NotDecided,
    /// Another package has the same file.
    FileConflict,
    /// What it is built with is missing, or cannot be installed.
    BuildDependency,
    /// Nothing was built from it.
    NoBinaries,
    /// It is not there, and what was built from it is.
    NoSource,
    /// What was built from it for `all` and for an architecture is from different versions.
    OutOfStep,
}

/// What looks for problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Examination {
    Upgrade,
    FileConflicts,
    Sources,
}

impl ProblemKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::OlderVersion => "older-version",
            Self::Removed => "removed",
            Self::KeptBack => "kept-back",
            Self::NotDecided => "not-decided",
            Self::FileConflict => "file-conflict",
            Self::BuildDependency => "build-dependency",
            Self::NoBinaries => "no-binaries",
            Self::NoSource => "no-source",
            Self::OutOfStep => "out-of-step",
        }
    }

    fn found_by(self) -> Examination {
        match self {
            Self::OlderVersion | Self::Removed | Self::KeptBack | Self::NotDecided => Examination::Upgrade,
            Self::FileConflict => Examination::FileConflicts,
            Self::BuildDependency | Self::NoBinaries | Self::NoSource | Self::OutOfStep => {
                Examination::Sources
            }
        }
    }
}

/// A package with what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Problem {
    package: String,
    version: Version,
    kind: ProblemKind,
    from: String,
    reason: String,
}

impl Problem {
    pub(super) fn new(label: &Label, kind: ProblemKind, reason: String) -> Self {
        let Label { name, version, source, .. } = label;
        Self { package: name.clone(), version: version.clone(), kind, from: source.clone(), reason }
    }

    /// Returns what is wrong with a source package.
    pub(super) fn of_source(
        name: &SourceName,
        version: &Version,
        from: &str,
        kind: ProblemKind,
        reason: String,
    ) -> Self {
        let package = format!("src:{name}");
        Self { package, version: version.clone(), kind, from: from.to_owned(), reason }
    }

    /// Returns whether it is the same as before, whatever the version.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.package == other.package && self.kind == other.kind
    }

    /// Returns the words about it for a program that shows the results of tests.
    pub(super) fn title(&self) -> String {
        format!("{} {}: {}", self.package, self.version, self.kind.as_str())
    }

    pub(super) fn reason(&self) -> &str {
        &self.reason
    }
}

/// What was found in all suites: each problem once for each kind of machine.
#[derive(Default)]
pub(super) struct Problems(BTreeMap<(Problem, String), Vec<SuiteName>>);

impl Problems {
    pub(super) fn add_all(
        &mut self,
        problems: impl IntoIterator<Item = Problem>,
        architecture: &str,
        suite: &SuiteName,
    ) {
        for problem in problems {
            let suites = self.0.entry((problem, architecture.to_owned())).or_default();
            if !suites.contains(suite) {
                suites.push(suite.clone());
            }
        }
    }

    /// Returns how many an examination has found.
    pub(super) fn count(&self, examination: Examination) -> usize {
        self.0.keys().filter(|(problem, _)| problem.kind.found_by() == examination).count()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns those of one suite and one kind of machine.
    pub(super) fn of<'a>(
        &'a self,
        suite: &'a str,
        architecture: &'a str,
    ) -> impl Iterator<Item = &'a Problem> {
        let is_of = move |((_, own), suites): &(&(Problem, String), &Vec<SuiteName>)| {
            own == architecture && suites.iter().any(|one| one.as_str() == suite)
        };
        self.0.iter().filter(is_of).map(|((problem, _), _)| problem)
    }

    pub(super) fn to_json(&self) -> Vec<PackageProblemJson> {
        let json =
            |((problem, architecture), suites): (&(Problem, String), &Vec<SuiteName>)| PackageProblemJson {
                architecture: architecture.clone(),
                from: problem.from.clone(),
                package: problem.package.clone(),
                problem: problem.kind.as_str(),
                reason: problem.reason.clone(),
                suites: suites.iter().map(ToString::to_string).collect(),
                version: problem.version.to_string(),
            };
        self.0.iter().map(json).collect()
    }
}

/// What is wrong with a package, besides whether it can be installed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PackageProblemJson {
    /// The architecture of the machines; `source` where it is the same for all
    architecture: String,
    /// Where the package is from: the state of the repository, or what clients have besides
    from: String,
    /// The name of the package; that of a source package begins with `src:`
    package: String,
    /// `older-version`, `removed`, `kept-back`, `not-decided`, `file-conflict`, `build-dependency`, `no-binaries`, `no-source` or `out-of-step`
    problem: &'static str,
    /// What it is about, in words
    reason: String,
    /// The suites in which that is so
    suites: Vec<String>,
    /// The version of the package
    version: String,
}

pub(super) const HEAD: [Column<'_>; 7] = [
    Column::names("PACKAGE"),
    Column::whole("VERSION"),
    Column::text("FROM"),
    Column::words("ARCHITECTURE"),
    Column::words("SUITES"),
    Column::whole("PROBLEM"),
    Column::text("REASON"),
];

impl PackageProblemJson {
    pub(super) fn row(&self) -> [String; 7] {
        let suites = joined(&self.suites);
        [&self.package, &self.version, &self.from, &self.architecture, &suites, self.problem, &self.reason]
            .map(str::to_owned)
    }
}

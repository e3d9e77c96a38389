//! What `check` finds besides packages that cannot be installed.

use std::collections::BTreeMap;

use apt_solve::Label;
use deb_parse::{Architecture, SuiteName, Version};
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
}

impl ProblemKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::OlderVersion => "older-version",
            Self::Removed => "removed",
            Self::KeptBack => "kept-back",
            Self::NotDecided => "not-decided",
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
    pub(super) fn add(&mut self, problem: Problem, architecture: &Architecture, suite: &SuiteName) {
        let suites = self.0.entry((problem, architecture.to_string())).or_default();
        if !suites.contains(suite) {
            suites.push(suite.clone());
        }
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
    /// The architecture of the machines
    architecture: String,
    /// Where the package is from: the state of the repository, or what clients have besides
    from: String,
    /// The name of the package
    package: String,
    /// `older-version`, `removed`, `kept-back` or `not-decided`
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

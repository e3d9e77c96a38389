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
    /// The other package, where it takes two.
    other: Option<String>,
    from: String,
    reason: String,
}

impl Problem {
    pub(super) fn new(label: &Label, kind: ProblemKind, reason: String) -> Self {
        let Label { name, version, source, .. } = label;
        let (package, version, from) = (name.clone(), version.clone(), source.clone());
        Self { package, version, kind, other: None, from, reason }
    }

    /// Names the other package of a problem that two have with each other.
    pub(super) fn with(self, other: &Label) -> Self {
        Self { other: Some(other.name.clone()), ..self }
    }

    /// Returns what is wrong with a source package.
    pub(super) fn of_source(
        name: &SourceName,
        version: &Version,
        from: &str,
        kind: ProblemKind,
        reason: String,
    ) -> Self {
        let (package, version, from) = (format!("src:{name}"), version.clone(), from.to_owned());
        Self { package, version, kind, other: None, from, reason }
    }

    /// Returns whether a state that has `earlier` is not made worse by this one.
    pub(super) fn is_known_by(&self, earlier: &Self) -> bool {
        let is_same = self.package == earlier.package && self.other == earlier.other;
        is_same
            && match self.kind {
                // It may be worse.
                ProblemKind::NotDecided => false,
                ProblemKind::KeptBack => matches!(earlier.kind, ProblemKind::KeptBack | ProblemKind::Removed),
                // Each version needs its own source, and is there to be built.
                ProblemKind::NoSource | ProblemKind::NoBinaries => {
                    self.kind == earlier.kind && self.version == earlier.version
                }
                kind => kind == earlier.kind,
            }
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

    /// Adds those of `found` that were not there before.
    pub(super) fn add_new(
        &mut self,
        found: Vec<Problem>,
        known: &[Problem],
        architecture: &str,
        suite: &SuiteName,
    ) {
        let is_new = |problem: &Problem| !known.iter().any(|earlier| problem.is_known_by(earlier));
        self.add_all(found.into_iter().filter(is_new), architecture, suite);
    }

    /// Returns how many an examination has found.
    pub(super) fn count(&self, examination: Examination) -> usize {
        self.0.keys().filter(|(problem, _)| problem.kind.found_by() == examination).count()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn to_json(&self) -> Vec<PackageProblemJson> {
        let json =
            |((problem, architecture), suites): (&(Problem, String), &Vec<SuiteName>)| PackageProblemJson {
                architecture: architecture.clone(),
                from: problem.from.clone(),
                other: problem.other.clone(),
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
    pub(super) architecture: String,
    /// Where the package is from: the state of the repository, or what clients have besides
    pub(super) from: String,
    /// The name of the other package, which has the same file; null where only one is concerned
    pub(super) other: Option<String>,
    /// The name of the package; that of a source package begins with `src:`
    pub(super) package: String,
    /// `older-version`, `removed`, `kept-back`, `not-decided`, `file-conflict`, `build-dependency`, `no-binaries`, `no-source` or `out-of-step`
    pub(super) problem: &'static str,
    /// What it is about, in words
    pub(super) reason: String,
    /// The suites in which that is so
    pub(super) suites: Vec<String>,
    /// The version of the package
    pub(super) version: String,
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
    /// Returns the name of the case for a program that shows the results of tests.
    pub(super) fn title(&self) -> String {
        let other = self.other.as_ref().map_or_else(String::new, |other| format!(" with {other}"));
        format!("{} {}: {}{other}", self.package, self.version, self.problem)
    }

    pub(super) fn row(&self) -> [String; 7] {
        let suites = joined(&self.suites);
        [&self.package, &self.version, &self.from, &self.architecture, &suites, self.problem, &self.reason]
            .map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: ProblemKind, version: &str, other: Option<&str>) -> Problem {
        let name = SourceName::parse("first").unwrap();
        let version = Version::parse(version).unwrap();
        let problem = Problem::of_source(&name, &version, "prod", kind, String::new());
        Problem { other: other.map(str::to_owned), ..problem }
    }

    #[test]
    fn only_the_same_problem_was_known_before() {
        use ProblemKind::{
            BuildDependency, FileConflict, KeptBack, NoBinaries, NoSource, NotDecided, Removed,
        };
        let is_known = |now: (ProblemKind, &str, Option<&str>), before: (ProblemKind, &str, Option<&str>)| {
            problem(now.0, now.1, now.2).is_known_by(&problem(before.0, before.1, before.2))
        };
        assert!(is_known((FileConflict, "2", Some("second")), (FileConflict, "1", Some("second"))));
        assert!(!is_known((FileConflict, "1", Some("third")), (FileConflict, "1", Some("second"))));
        assert!(is_known((BuildDependency, "2", None), (BuildDependency, "1", None)));
        for kind in [NoSource, NoBinaries] {
            assert!(is_known((kind, "1", None), (kind, "1", None)));
            assert!(!is_known((kind, "2", None), (kind, "1", None)));
        }
        assert!(is_known((KeptBack, "1", None), (Removed, "1", None)));
        assert!(!is_known((Removed, "1", None), (KeptBack, "1", None)));
        assert!(!is_known((NotDecided, "1", None), (NotDecided, "1", None)));
    }
}

//! Upgrades from another state or another release: versions that are older there, and what `apt-get dist-upgrade` removes or keeps back.

use std::collections::HashSet;

use apt_solve::upgrade::Blocked;
use apt_solve::{Checker, Limits, PackageId, SourceId, Universe, View};
use deb_parse::{Architecture, SuiteName};
use repo_store::model::record::{Build, Record};
use repo_store::{RepositorySettings, Revision};

use super::problem::{Problem, ProblemKind};
use super::scope::{Bases, ScopeArguments, Target, add_records, binaries};
use crate::error::Failure;
use crate::output::count;
use crate::revision_spec::RevisionSpec;
use crate::session::Session;

/// Where machines come from.
pub(super) struct Origin<'a> {
    spec: RevisionSpec,
    repository: &'a RepositorySettings,
    revision: Option<Revision<'a>>,
    bases: Bases<'a>,
}

impl<'a> Origin<'a> {
    /// Finds what `--upgrade-from` names: a state of a repository, or a suite of the state that is checked.
    pub(super) fn find(
        spec: &RevisionSpec,
        state: &RevisionSpec,
        scope: &'a ScopeArguments,
        session: &'a Session,
    ) -> Result<Self, Failure> {
        let spec = spec.or_suite_of(state, session)?;
        let (repository, revision) = spec.resolve(session)?;
        spec.check_suites(repository, revision.as_ref(), &[])?;
        let bases = scope.bases(repository, session)?;
        Ok(Self { spec, repository, revision, bases })
    }

    /// Returns the name that it has in what is printed.
    pub(super) fn name(&self) -> &str {
        &self.spec.text
    }

    /// Returns the suite that machines of a suite come from.
    fn suite(&self, suite: &SuiteName) -> SuiteName {
        if !self.spec.names_a_suite() {
            return suite.clone();
        }
        let named = self.spec.suites(self.repository, self.revision.as_ref());
        named.into_iter().next().unwrap_or_else(|| suite.clone())
    }

    /// Returns what is wrong with the upgrade of such machines; `None` where they come from nothing.
    pub(super) fn problems(
        &self,
        to: &Target<'_>,
        architecture: &Architecture,
    ) -> Result<Option<Vec<Problem>>, Failure> {
        let Some(revision) = &self.revision else { return Ok(None) };
        let suite = self.suite(to.suite);
        if !revision.commit().suites.contains_key(&suite) {
            return Ok(None);
        }
        let records = binaries(revision, &suite)?;
        if !records.iter().any(|record| is_for(record, architecture)) {
            return Ok(None);
        }
        let mut builder = Universe::builder(architecture);
        let (new, old) = (builder.add_source(&to.state.text), builder.add_source(self.name()));
        add_records(&mut builder, new, to.records, &to.state.text)?;
        add_records(&mut builder, old, &records, self.name())?;
        let has_same_base = suite == *to.suite && self.repository.name == to.repository.name;
        let of_new = to.bases.add_to(&mut builder, to.suite, architecture)?;
        let of_old = match has_same_base {
            true => Vec::new(),
            false => self.bases.add_to(&mut builder, &suite, architecture)?,
        };
        let universe = builder.build();
        let of = |sources: &[SourceId]| -> HashSet<PackageId> {
            sources.iter().flat_map(|source| universe.packages_of(*source)).collect()
        };
        // What both have counts before and after.
        let shared = if has_same_base { &[][..] } else { &of_new[..] };
        let before = of(&[&[new][..], shared].concat());
        let after = of(&[&[old][..], &of_old].concat());
        let upgrade = Upgrade { universe: &universe, old, before, after, counts_bases: has_same_base };
        Ok(Some(upgrade.problems()))
    }
}

fn is_for(record: &Record, architecture: &Architecture) -> bool {
    matches!(&record.key().architecture, Build::For(own) if own.is_all() || own == architecture)
}

/// The packages before and after, in one universe.
struct Upgrade<'a> {
    universe: &'a Universe,
    /// The source that the machines come from.
    old: SourceId,
    /// What is not there before.
    before: HashSet<PackageId>,
    /// What is not there after.
    after: HashSet<PackageId>,
    /// Whether packages of bases count: a new release of a base removes some of its own, which is not for us to judge.
    counts_bases: bool,
}

impl Upgrade<'_> {
    fn problems(&self) -> Vec<Problem> {
        let Self { universe, old, before, after, .. } = self;
        let mut problems = Vec::new();
        for (installed, newest) in universe.older_versions(*old, before, after) {
            let reason = format!("{} has {}", newest.source, newest.version);
            problems.push(Problem::new(&installed, ProblemKind::OlderVersion, reason));
        }
        let checker = Checker::without(universe, View::Newest, Limits::default(), before.clone());
        let tried = checker.upgrades(universe.packages_of(*old), after);
        for (machine, plan) in tried.machines {
            let blocked = [(ProblemKind::Removed, plan.removed), (ProblemKind::KeptBack, plan.kept_back)];
            for (kind, blocked) in blocked {
                problems.extend(blocked.iter().filter(|one| self.counts(one)).map(|one| problem(kind, one)));
            }
            let label = machine.first().filter(|_| !plan.is_decided).and_then(|id| universe.label(*id));
            let reason = format!("the upgrade of {} packages is not decided", machine.len());
            problems.extend(label.map(|label| Problem::new(&label, ProblemKind::NotDecided, reason)));
        }
        let first = tried.untried.first().and_then(|id| universe.label(*id));
        let number = count(tried.untried.len(), "package");
        let reason = format!("the upgrade of {number} is not decided: the others took too many steps");
        problems.extend(first.map(|label| Problem::new(&label, ProblemKind::NotDecided, reason)));
        problems
    }

    fn counts(&self, blocked: &Blocked) -> bool {
        self.counts_bases || blocked.installed.source == self.universe.source_name(self.old)
    }
}

fn problem(kind: ProblemKind, blocked: &Blocked) -> Problem {
    Problem::new(&blocked.installed, kind, blocked.reason.to_string())
}

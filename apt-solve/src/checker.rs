//! The questions, and their answers.

use crate::candidates::Candidates;
use crate::closure::{Closure, NotBuilt};
use crate::core;
use crate::dead::Dead;
use crate::encoding::{Answer, Rules, solve};
use crate::limits::{Budget, Exhausted, Limits};
use crate::package::{PackageId, SourceId};
use crate::reason::{Label, Reason, Writer};
use crate::universe::{Universe, View};
use std::cell::OnceCell;
use std::collections::HashSet;

/// The answer to whether something can be installed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// It can be: a set of packages was found that has it and that breaks no rule.
    Installable,
    /// It cannot be, whatever else is installed.
    Broken(Reason),
    /// It is not a candidate in [`View::Newest`]: this package is newer, or equal and was added first.
    Superseded(Label),
    /// The steps of [`Limits`] were used up before there was an answer.
    NotDecided,
}

/// A package that was not proved to be installable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Finding {
    /// The number of the package in its universe.
    pub id: PackageId,
    /// The package.
    pub package: Label,
    /// [`Verdict::Broken`] or [`Verdict::NotDecided`].
    pub verdict: Verdict,
}

/// The answer for all packages of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The view that counted.
    pub view: View,
    /// How many packages can be installed.
    pub installable: usize,
    /// How many are not candidates in the view, and were not checked.
    pub superseded: usize,
    /// The others, in the order of the source.
    pub findings: Vec<Finding>,
    /// Why the essential packages cannot be installed together, if they cannot. The packages were then checked without them.
    pub essential: Option<Reason>,
}

/// Answers questions about a universe in one view.
pub struct Checker<'u> {
    universe: &'u Universe,
    view: View,
    limits: Limits,
    candidates: Candidates<'u>,
    essential: OnceCell<Essential>,
}

impl std::fmt::Debug for Checker<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checker")
            .field("universe", self.universe)
            .field("view", &self.view)
            .finish_non_exhaustive()
    }
}

/// What every machine has.
struct Essential {
    goals: Vec<Vec<PackageId>>,
    broken: Option<Reason>,
}

/// What is known when all packages of a source are asked about.
struct Known<'c, 'u> {
    closure: Closure<'c, 'u>,
    dead: Dead,
    /// Essential packages that are not a part of all sets that `closure` builds.
    essential: Vec<Vec<PackageId>>,
    is_proved: Vec<bool>,
}

impl Known<'_, '_> {
    /// Remembers that packages can be installed.
    fn prove(&mut self, packages: Vec<PackageId>) {
        for package in packages {
            if let Some(is_proved) = self.is_proved.get_mut(package.index()) {
                *is_proved = true;
            }
        }
    }
}

impl<'u> Checker<'u> {
    /// Looks at a universe in a view.
    pub fn new(universe: &'u Universe, view: View, limits: Limits) -> Self {
        Self::without(universe, view, limits, HashSet::new())
    }

    /// Looks at a universe as if some of its packages were not there: one universe answers for the states before and after a change. Reasons
    /// name these packages in [`Fact::Needs::elsewhere`](crate::Fact::Needs::elsewhere) alone.
    ///
    /// ```
    /// use apt_solve::{Checker, Limits, Universe, Verdict, View};
    /// use deb_parse::Architecture;
    /// let mut builder = Universe::builder(&Architecture::parse("amd64")?);
    /// let (prod, preprod) = (builder.add_source("prod"), builder.add_source("preprod"));
    /// let index = b"Package: hello\nVersion: 2\nArchitecture: all\nDepends: libfoo (>= 2)\n";
    /// builder.read(prod, &index[..])?;
    /// builder.read(preprod, &b"Package: libfoo\nVersion: 2\nArchitecture: amd64\n"[..])?;
    /// let universe = builder.build();
    /// let absent = universe.packages_of(preprod).collect();
    /// let checker = Checker::without(&universe, View::Newest, Limits::default(), absent);
    /// let Verdict::Broken(reason) = &checker.source(prod).findings[0].verdict else { unreachable!() };
    /// assert_eq!(reason.to_string(), "hello 2 needs libfoo (>= 2), which only preprod has");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn without(universe: &'u Universe, view: View, limits: Limits, absent: HashSet<PackageId>) -> Self {
        let candidates = Candidates::new(universe, view, absent);
        Self { universe, view, limits, candidates, essential: OnceCell::new() }
    }

    /// Returns whether a package can be installed.
    ///
    /// A package of another universe is [`Verdict::NotDecided`].
    pub fn package(&self, package: PackageId) -> Verdict {
        self.set(&[package])
    }

    /// Returns whether packages can be installed together.
    ///
    /// ```
    /// use apt_solve::{Checker, Limits, Universe, View};
    /// use deb_parse::Architecture;
    /// let mut builder = Universe::builder(&Architecture::parse("amd64")?);
    /// let source = builder.add_source("prod");
    /// let index = b"Package: aa\nVersion: 1\nArchitecture: all\nConflicts: bb\n\nPackage: bb\nVersion: 2\nArchitecture: all\n";
    /// builder.read(source, &index[..])?;
    /// let universe = builder.build();
    /// let checker = Checker::new(&universe, View::Newest, Limits::default());
    /// let both: Vec<_> = universe.packages_of(source).collect();
    /// let apt_solve::Verdict::Broken(reason) = checker.set(&both) else { unreachable!() };
    /// assert_eq!(reason.to_string(), "aa 1 conflicts with bb 2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set(&self, packages: &[PackageId]) -> Verdict {
        let budget = Budget::new(self.limits.steps());
        for id in packages {
            let Some(package) = self.universe.get(*id) else { return Verdict::NotDecided };
            if self.candidates.slot(*id).is_none() {
                let newest =
                    self.candidates.newest_of(package).and_then(|newest| self.universe.label(newest));
                return newest.map_or(Verdict::NotDecided, Verdict::Superseded);
            }
        }
        let essential = self.essential(&budget);
        let mut goals: Vec<Vec<PackageId>> = packages.iter().map(|package| vec![*package]).collect();
        goals.extend_from_slice(&essential.goals);
        match Closure::new(&self.candidates).build_set(&goals, &budget) {
            Ok(_) => return Verdict::Installable,
            Err(NotBuilt::Exhausted) => return Verdict::NotDecided,
            Err(NotBuilt::Stuck) => {}
        }
        let decided = self.missing(packages, &budget).and_then(|missing| match missing {
            Some(reason) => Ok(Verdict::Broken(reason)),
            None => self.search(&goals, packages.len(), &budget).map(|(verdict, _)| verdict),
        });
        decided.unwrap_or(Verdict::NotDecided)
    }

    /// Returns which packages of a source cannot be installed, each asked about alone.
    pub fn source(&self, source: SourceId) -> Report {
        self.each(self.universe.packages_of(source))
    }

    /// Returns which of these packages cannot be installed, each asked about alone. What is learnt about one is used for the others.
    pub fn each(&self, packages: impl IntoIterator<Item = PackageId>) -> Report {
        let total = Budget::new(self.limits.total_steps());
        let essential = self.essential(&total);
        let mut report = Report {
            view: self.view,
            installable: 0,
            superseded: 0,
            findings: Vec::new(),
            essential: essential.broken.clone(),
        };
        let mut known = self.known(&essential.goals, &total).ok();
        for id in packages.into_iter().filter(|id| !self.candidates.is_absent(*id)) {
            let verdict = match (self.candidates.slot(id), &mut known) {
                (None, _) => {
                    report.superseded += 1;
                    continue;
                }
                (Some(_), None) => Verdict::NotDecided,
                (Some(_), Some(known)) => {
                    let budget = Budget::new(self.limits.steps().min(total.left()));
                    let before = budget.left();
                    let verdict = self.one_of_many(id, &essential.goals, known, &budget);
                    let used = before.saturating_sub(budget.left());
                    // The next one sees whether anything is left.
                    let _ = total.take(usize::try_from(used).unwrap_or(usize::MAX));
                    verdict.unwrap_or(Verdict::NotDecided)
                }
            };
            match (verdict, self.universe.label(id)) {
                (Verdict::Installable, _) => report.installable += 1,
                (verdict, Some(package)) => report.findings.push(Finding { id, package, verdict }),
                (_, None) => {}
            }
        }
        report
    }

    fn one_of_many(
        &self,
        id: PackageId,
        essential: &[Vec<PackageId>],
        known: &mut Known<'_, 'u>,
        budget: &Budget,
    ) -> Result<Verdict, Exhausted> {
        if known.is_proved.get(id.index()) == Some(&true) {
            return Ok(Verdict::Installable);
        }
        if known.dead.unmet(id).is_some() {
            return self.writer(budget).missing(id, &known.dead).map(Verdict::Broken);
        }
        let mut goals = vec![vec![id]];
        goals.extend_from_slice(&known.essential);
        let (verdict, proved) = match known.closure.build_set(&goals, budget) {
            Ok(built) => (Verdict::Installable, built),
            Err(NotBuilt::Exhausted) => return Err(Exhausted),
            Err(NotBuilt::Stuck) => {
                let mut goals = vec![vec![id]];
                goals.extend_from_slice(essential);
                self.search(&goals, 1, budget)?
            }
        };
        known.prove(proved);
        Ok(verdict)
    }

    fn known(&self, essential: &[Vec<PackageId>], budget: &Budget) -> Result<Known<'_, 'u>, Exhausted> {
        let dead = Dead::find(&self.candidates, budget)?;
        let mut closure = self.closure(&dead);
        let is_proved = vec![false; self.universe.len()];
        match closure.build_base(essential, budget) {
            Ok(built) => {
                let mut known = Known { closure, dead, essential: Vec::new(), is_proved };
                known.prove(built);
                Ok(known)
            }
            Err(NotBuilt::Exhausted) => Err(Exhausted),
            Err(NotBuilt::Stuck) => {
                // Half of a set would be in the way of all others.
                let closure = self.closure(&dead);
                Ok(Known { closure, dead, essential: essential.to_vec(), is_proved })
            }
        }
    }

    fn closure(&self, dead: &Dead) -> Closure<'_, 'u> {
        let mut closure = Closure::new(&self.candidates);
        for package in dead.packages() {
            closure.forbid_always(package);
        }
        closure
    }

    /// Asks the SAT solver. The first `asked` goals are those of the question, the others essential packages. Returns the
    /// packages of the solution, too.
    fn search(
        &self,
        goals: &[Vec<PackageId>],
        asked: usize,
        budget: &Budget,
    ) -> Result<(Verdict, Vec<PackageId>), Exhausted> {
        match solve(&self.candidates, goals, Rules::All, budget)? {
            Answer::Solution(packages) => Ok((Verdict::Installable, packages)),
            Answer::Unsolvable(visited) => {
                let rules = core::smallest(&self.candidates, goals, &visited, budget)?;
                let reason = self.writer(budget).conflict(goals, asked, &rules)?;
                Ok((Verdict::Broken(reason), Vec::new()))
            }
        }
    }

    /// Returns the reason if one of the packages lacks something.
    fn missing(&self, packages: &[PackageId], budget: &Budget) -> Result<Option<Reason>, Exhausted> {
        let dead = Dead::find(&self.candidates, budget)?;
        let package = packages.iter().find(|package| dead.unmet(**package).is_some());
        package.map(|package| self.writer(budget).missing(*package, &dead)).transpose()
    }

    fn essential(&self, budget: &Budget) -> &Essential {
        self.essential.get_or_init(|| {
            let goals = match self.limits.implies_essential() {
                true => self.candidates.essential(),
                false => Vec::new(),
            };
            if Closure::new(&self.candidates).build_set(&goals, budget).is_ok() {
                return Essential { goals, broken: None };
            }
            match self.broken_essential(&goals, budget) {
                Ok(Some(reason)) => Essential { goals: Vec::new(), broken: Some(reason) },
                // Not known to be broken: each question has to find a way.
                Ok(None) | Err(Exhausted) => Essential { goals, broken: None },
            }
        })
    }

    fn broken_essential(
        &self,
        goals: &[Vec<PackageId>],
        budget: &Budget,
    ) -> Result<Option<Reason>, Exhausted> {
        let dead = Dead::find(&self.candidates, budget)?;
        let is_dead = |goal: &&Vec<PackageId>| goal.iter().all(|package| dead.unmet(*package).is_some());
        if let Some(package) = goals.iter().find(is_dead).and_then(|goal| goal.first()) {
            return self.writer(budget).missing(*package, &dead).map(Some);
        }
        match self.search(goals, 0, budget)? {
            (Verdict::Broken(reason), _) => Ok(Some(reason)),
            _ => Ok(None),
        }
    }

    pub(crate) fn universe(&self) -> &'u Universe {
        self.universe
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns a goal for each essential name; none where they cannot be installed together.
    pub(crate) fn essential_goals(&self, budget: &Budget) -> &[Vec<PackageId>] {
        &self.essential(budget).goals
    }

    pub(crate) fn candidates(&self) -> &Candidates<'u> {
        &self.candidates
    }

    fn writer<'a>(&'a self, budget: &'a Budget) -> Writer<'a, 'u> {
        Writer { candidates: &self.candidates, view: self.view, budget }
    }
}

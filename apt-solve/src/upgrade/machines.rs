//! Machines to try an upgrade on: between them they have everything. Packages that exclude each other need one each.

use std::collections::HashSet;

use super::{Archives, Machine, UpgradePlan};
use crate::checker::Checker;
use crate::closure::{Closure, NotBuilt};
use crate::encoding::{Answer, Rules, solve};
use crate::limits::{Budget, Exhausted};
use crate::package::PackageId;

impl Checker<'_> {
    /// Returns sets of packages that can be installed together, with what they need and the essential packages. Each of the packages that can be
    /// installed at all is in one of the sets: those that exclude each other are in different ones. `None` when
    /// [`Limits::total_steps`](crate::Limits::total_steps) are used up.
    ///
    /// ```
    /// use apt_solve::{Checker, Limits, Universe, View};
    /// use deb_parse::Architecture;
    /// let mut builder = Universe::builder(&Architecture::parse("amd64")?);
    /// let source = builder.add_source("prod");
    /// let index = b"Package: aa\nVersion: 1\nArchitecture: all\nConflicts: bb\n\nPackage: bb\nVersion: 1\nArchitecture: all\n\n\
    ///     Package: cc\nVersion: 1\nArchitecture: all\n\nPackage: dd\nVersion: 1\nArchitecture: all\nDepends: nowhere\n";
    /// builder.read(source, &index[..])?;
    /// let universe = builder.build();
    /// let checker = Checker::new(&universe, View::Newest, Limits::default());
    /// let sizes: Vec<_> = checker.machines(universe.packages_of(source)).unwrap().iter().map(Vec::len).collect();
    /// assert_eq!(sizes, [2, 1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn machines(&self, packages: impl IntoIterator<Item = PackageId>) -> Option<Vec<Vec<PackageId>>> {
        let budget = Budget::new(self.limits().total_steps());
        let mut sets = Machines::new(self, packages, &budget);
        let mut machines = Vec::new();
        while let Some(machine) = sets.next().ok()? {
            machines.push(machine);
        }
        Some(machines)
    }

    /// Tries what [`Universe::upgrade`](crate::Universe::upgrade) does on each of these [machines](Self::machines), when `absent` are the packages that no archive has any more.
    /// All of it together takes at most [`Limits::total_steps`](crate::Limits::total_steps).
    ///
    /// ```
    /// use apt_solve::{Checker, Limits, Universe, View};
    /// use deb_parse::Architecture;
    /// let mut builder = Universe::builder(&Architecture::parse("amd64")?);
    /// let (old, new) = (builder.add_source("old"), builder.add_source("new"));
    /// builder.read(old, &b"Package: app\nVersion: 1\nArchitecture: all\n"[..])?;
    /// builder.read(new, &b"Package: app\nVersion: 2\nArchitecture: all\n"[..])?;
    /// let universe = builder.build();
    /// let (before, after) = (universe.packages_of(new).collect(), universe.packages_of(old).collect());
    /// let checker = Checker::without(&universe, View::Newest, Limits::default(), before);
    /// let tried = checker.upgrades(universe.packages_of(old), &after);
    /// assert_eq!(tried.machines[0].1.upgraded.len(), 1);
    /// assert!(tried.untried.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn upgrades(
        &self,
        packages: impl IntoIterator<Item = PackageId>,
        absent: &HashSet<PackageId>,
    ) -> Upgrades {
        let budget = Budget::new(self.limits().total_steps());
        let mut sets = Machines::new(self, packages, &budget);
        let archives = Archives::new(self.candidates().universe, absent);
        let mut upgrades = Upgrades::default();
        while let Ok(Some(machine)) = sets.next() {
            let plan = archives.upgrade_within(&Machine::new(machine.iter().copied()), &budget);
            upgrades.machines.push((machine, plan));
        }
        upgrades.untried = sets.left;
        upgrades
    }
}

/// What was tried within the limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upgrades {
    /// The machines, each with what becomes of it.
    pub machines: Vec<(Vec<PackageId>, UpgradePlan)>,
    /// The packages for which there were no steps left: nothing is known about them.
    pub untried: Vec<PackageId>,
}

/// The work of finding machines, one after the other.
struct Machines<'a, 'u> {
    checker: &'a Checker<'u>,
    budget: &'a Budget,
    closure: Closure<'a, 'u>,
    essential: &'a [Vec<PackageId>],
    /// What is on none of them yet.
    left: Vec<PackageId>,
    /// Whether what is left needs a choice that the closure does not make, or cannot be installed.
    is_hard: bool,
}

impl<'a, 'u> Machines<'a, 'u> {
    fn new(
        checker: &'a Checker<'u>,
        packages: impl IntoIterator<Item = PackageId>,
        budget: &'a Budget,
    ) -> Self {
        let in_view = |id: &PackageId| checker.candidates().slot(*id).is_some();
        let left = packages.into_iter().filter(in_view).collect();
        let closure = Closure::new(checker.candidates());
        let essential = checker.essential_goals(budget);
        Self { checker, budget, closure, essential, left, is_hard: false }
    }

    /// Returns the next machine; `None` when each package that can be installed was on one.
    fn next(&mut self) -> Result<Option<Vec<PackageId>>, Exhausted> {
        if !self.is_hard {
            if let Some(machine) = self.fill()? {
                return Ok(Some(machine));
            }
            self.is_hard = true;
            // Those that are done are taken from the end.
            self.left.reverse();
        }
        while let Some(id) = self.left.last().copied() {
            let goals = [&[vec![id]], self.essential].concat();
            let answer = solve(self.checker.candidates(), &goals, Rules::All, self.budget)?;
            self.left.pop();
            let Answer::Solution(packages) = answer else { continue };
            self.budget.take(self.left.len())?;
            let there: HashSet<PackageId> = packages.iter().copied().collect();
            self.left.retain(|id| !there.contains(id));
            return Ok(Some(packages));
        }
        Ok(None)
    }

    /// Puts as much of what is left on one machine as goes together, without ever going back.
    fn fill(&mut self) -> Result<Option<Vec<PackageId>>, Exhausted> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let mut machine = match self.closure.build_set(self.essential, self.budget) {
            Ok(built) => built,
            Err(NotBuilt::Exhausted) => return Err(Exhausted),
            Err(NotBuilt::Stuck) => Vec::new(),
        };
        let bare = machine.len();
        let mut next = Vec::new();
        for id in &self.left {
            match self.closure.extend_set(&[vec![*id]], self.budget) {
                Ok(added) => machine.extend(added),
                Err(NotBuilt::Exhausted) => return Err(Exhausted),
                Err(NotBuilt::Stuck) => next.push(*id),
            }
        }
        if machine.len() == bare {
            return Ok(None);
        }
        self.left = next;
        Ok(Some(machine))
    }
}

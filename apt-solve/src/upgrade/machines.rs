//! Machines to try an upgrade on: few, and between them they have everything.

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
        let in_view = |id: &PackageId| self.candidates().slot(*id).is_some();
        self.fill(packages.into_iter().filter(in_view).collect(), &budget).ok()
    }

    fn fill(&self, mut left: Vec<PackageId>, budget: &Budget) -> Result<Vec<Vec<PackageId>>, Exhausted> {
        let essential = self.essential_goals(budget);
        let mut machines = Vec::new();
        let mut closure = Closure::new(self.candidates());
        while !left.is_empty() {
            let mut machine = match closure.build_set(essential, budget) {
                Ok(built) => built,
                Err(NotBuilt::Exhausted) => return Err(Exhausted),
                Err(NotBuilt::Stuck) => Vec::new(),
            };
            let bare = machine.len();
            let mut next = Vec::new();
            for id in std::mem::take(&mut left) {
                match closure.extend_set(&[vec![id]], budget) {
                    Ok(added) => machine.extend(added),
                    Err(NotBuilt::Exhausted) => return Err(Exhausted),
                    Err(NotBuilt::Stuck) => next.push(id),
                }
            }
            if machine.len() > bare {
                machines.push(machine);
                left = next;
                continue;
            }
            // What is left needs a choice that the closure does not make, or cannot be installed.
            for id in next {
                let goals = [&[vec![id]], essential].concat();
                if let Answer::Solution(packages) = solve(self.candidates(), &goals, Rules::All, budget)? {
                    machines.push(packages);
                }
            }
        }
        Ok(machines)
    }
}

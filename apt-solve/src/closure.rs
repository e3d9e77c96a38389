//! The quick proof: a set of packages that is closed under its dependencies and has no conflict, built without ever going
//! back. Where it can be built, every package in it can be installed. Where it cannot, nothing is proved.

use crate::candidates::Candidates;
use crate::limits::{Budget, Exhausted};
use crate::package::PackageId;
use crate::relation::ClauseId;
use std::collections::{HashSet, VecDeque};

/// The mark of packages that belong to each set.
const ALWAYS: u32 = u32::MAX;

/// Builds sets one after the other. A mark holds the number of the set that it was made for, so nothing has to be cleared.
pub(crate) struct Closure<'c, 'u> {
    candidates: &'c Candidates<'u>,
    members: Vec<u32>,
    forbidden: Vec<u32>,
    set: u32,
    /// What new marks hold.
    mark: u32,
    /// What is chosen before other alternatives.
    preferred: HashSet<PackageId>,
    /// What marks held before, while a set is extended that may have to be as it was.
    changed: Option<Vec<(Marks, PackageId, u32)>>,
}

/// Which marks a package has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marks {
    Members,
    Forbidden,
}

/// Why a set was not built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotBuilt {
    /// A choice that was made cannot be kept, or there is none.
    Stuck,
    /// The steps are used up.
    Exhausted,
}

impl From<Exhausted> for NotBuilt {
    fn from(_: Exhausted) -> Self {
        Self::Exhausted
    }
}

impl<'c, 'u> Closure<'c, 'u> {
    pub(crate) fn new(candidates: &'c Candidates<'u>) -> Self {
        let marks = vec![0; candidates.universe.len()];
        Self {
            candidates,
            members: marks.clone(),
            forbidden: marks,
            set: 0,
            mark: 0,
            preferred: HashSet::new(),
            changed: None,
        }
    }

    /// Has these packages chosen before other alternatives, in whatever order a relation names them.
    pub(crate) fn prefer(&mut self, packages: impl IntoIterator<Item = PackageId>) {
        self.preferred.extend(packages);
    }

    /// Forbids a package in all sets.
    pub(crate) fn forbid_always(&mut self, package: PackageId) {
        if let Some(mark) = self.forbidden.get_mut(package.index()) {
            *mark = ALWAYS;
        }
    }

    /// Builds a set with one package for each goal, and makes it a part of all sets that follow.
    pub(crate) fn build_base(
        &mut self,
        goals: &[Vec<PackageId>],
        budget: &Budget,
    ) -> Result<Vec<PackageId>, NotBuilt> {
        self.mark = ALWAYS;
        let built = self.build(goals, budget);
        self.mark = self.set;
        built
    }

    /// Builds a set with one package for each goal, and returns its packages.
    pub(crate) fn build_set(
        &mut self,
        goals: &[Vec<PackageId>],
        budget: &Budget,
    ) -> Result<Vec<PackageId>, NotBuilt> {
        self.set += 1;
        self.mark = self.set;
        self.build(goals, budget)
    }

    /// Adds one package for each goal to the set that was built last, with what these need, and returns what was added. Where that cannot be
    /// done, the set is as it was.
    pub(crate) fn extend_set(
        &mut self,
        goals: &[Vec<PackageId>],
        budget: &Budget,
    ) -> Result<Vec<PackageId>, NotBuilt> {
        self.changed = Some(Vec::new());
        let built = self.build(goals, budget);
        let changed = self.changed.take().unwrap_or_default();
        if built.is_err() {
            for (which, package, before) in changed.into_iter().rev() {
                if let Some(mark) = self.marks(which).get_mut(package.index()) {
                    *mark = before;
                }
            }
        }
        built
    }

    fn build(&mut self, goals: &[Vec<PackageId>], budget: &Budget) -> Result<Vec<PackageId>, NotBuilt> {
        let mut built = Vec::new();
        let mut delayed: VecDeque<ClauseId> = VecDeque::new();
        for goal in goals {
            self.choose(goal, &mut built, budget)?;
        }
        let mut next = 0;
        loop {
            while let Some(package) = built.get(next).copied() {
                next += 1;
                for relation in self.candidates.links(package, budget)? {
                    if !relation.link.is_dependency() {
                        continue;
                    }
                    match self.candidates.of(relation.clause, budget)? {
                        [] => return Err(NotBuilt::Stuck),
                        [only] => self.choose(&[*only], &mut built, budget)?,
                        _ => delayed.push_back(relation.clause),
                    }
                }
            }
            let Some(clause) = delayed.pop_front() else { return Ok(built) };
            let candidates = self.candidates;
            self.choose(candidates.of(clause, budget)?, &mut built, budget)?;
        }
    }

    /// Adds the first package that can be added, one that is preferred if there is one, unless one of them is in the set already.
    fn choose(
        &mut self,
        from: &[PackageId],
        built: &mut Vec<PackageId>,
        budget: &Budget,
    ) -> Result<(), NotBuilt> {
        budget.take(1 + from.len())?;
        if from.iter().any(|package| self.is_marked(&self.members, *package)) {
            return Ok(());
        }
        let is_preferred = |package: &&PackageId| self.preferred.contains(package);
        let (first, then) = (from.iter().filter(is_preferred), from.iter().filter(|one| !is_preferred(one)));
        for package in first.chain(then) {
            if !self.is_marked(&self.forbidden, *package) && !self.hits_member(*package, budget)? {
                built.push(*package);
                return Ok(self.add(*package, budget)?);
            }
        }
        Err(NotBuilt::Stuck)
    }

    /// Returns whether the package conflicts with one that is in the set.
    fn hits_member(&self, id: PackageId, budget: &Budget) -> Result<bool, Exhausted> {
        let candidates = self.candidates;
        let Some(package) = candidates.universe.get(id) else { return Ok(true) };
        let links = candidates.links(id, budget)?;
        for relation in links.iter().filter(|relation| !relation.link.is_dependency()) {
            let mut hit = candidates.conflicting(package, relation, budget)?;
            if hit.any(|other| self.is_marked(&self.members, other)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds a package and forbids what it conflicts with.
    fn add(&mut self, id: PackageId, budget: &Budget) -> Result<(), Exhausted> {
        let candidates = self.candidates;
        let Some(package) = candidates.universe.get(id) else { return Ok(()) };
        self.set(Marks::Members, id);
        for other in candidates.rivals(id, package, budget)? {
            self.set(Marks::Forbidden, other);
        }
        let links = candidates.links(id, budget)?;
        for relation in links.iter().filter(|relation| !relation.link.is_dependency()) {
            for other in candidates.conflicting(package, relation, budget)? {
                self.set(Marks::Forbidden, other);
            }
        }
        Ok(())
    }

    fn is_marked(&self, marks: &[u32], package: PackageId) -> bool {
        marks.get(package.index()).is_some_and(|mark| *mark == ALWAYS || *mark == self.mark && *mark != 0)
    }

    /// Marks a package; a mark for all sets stays.
    fn set(&mut self, which: Marks, package: PackageId) {
        let mark = self.mark;
        if let Some(one) = self.marks(which).get_mut(package.index())
            && *one != ALWAYS
        {
            let before = std::mem::replace(one, mark);
            self.changed.iter_mut().for_each(|changed| changed.push((which, package, before)));
        }
    }

    fn marks(&mut self, which: Marks) -> &mut Vec<u32> {
        match which {
            Marks::Members => &mut self.members,
            Marks::Forbidden => &mut self.forbidden,
        }
    }
}

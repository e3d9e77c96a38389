//! A question as a problem for the SAT solver `resolvo`.
//!
//! A name of resolvo is a slot: at most one of its packages is installed. A dependency is a union of sets of packages, one set
//! for each slot; a conflict constrains the slots of the others to what is left of them. Nothing stands for a virtual package.

use crate::candidates::Candidates;
use crate::limits::{Budget, Exhausted};
use crate::package::{NameId, PackageId};
use crate::relation::{ClauseId, to_u32};
use crate::slots::SlotId;
use resolvo::{
    Condition, ConditionId, Dependencies, DependencyProvider, HintDependenciesAvailable, Interner,
    KnownDependencies, Problem, Requirement, Solver, SolverCache, StringId, UnsolvableOrCancelled,
    VersionSetId, VersionSetUnionId,
};
use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;

/// What a round of propagation costs at least.
const ROUND: usize = 100;

/// One rule of the universe. A proof that something cannot be installed is a set of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Rule {
    /// The relation at this position of [`Universe::links`](crate::Universe), a dependency, must be met.
    Needs(PackageId, u32),
    /// Nothing that meets the relation at this position, a conflict, may be installed.
    Excludes(PackageId, u32),
    /// Packages of this name that are not co-installable cannot be installed together.
    OneOf(NameId),
}

/// Which rules count.
#[derive(Clone, Copy)]
pub(crate) enum Rules<'r> {
    All,
    /// Those of these packages, and those of all names.
    OfPackages(&'r BTreeSet<PackageId>),
    These(&'r BTreeSet<Rule>),
}

impl Rules<'_> {
    fn contains(self, rule: Rule) -> bool {
        match (self, rule) {
            (Self::All, _) | (Self::OfPackages(_), Rule::OneOf(_)) => true,
            (Self::OfPackages(packages), Rule::Needs(package, _) | Rule::Excludes(package, _)) => {
                packages.contains(&package)
            }
            (Self::These(rules), rule) => rules.contains(&rule),
        }
    }
}

/// The answer of the solver.
pub(crate) enum Answer {
    /// These packages can be installed together, and meet all goals.
    Solution(Vec<PackageId>),
    /// The problem cannot be solved: the rules of these packages and of their names already contradict each other.
    Unsolvable(BTreeSet<PackageId>),
}

/// Looks for a set of packages with at least one of each goal that keeps the rules.
pub(crate) fn solve(
    candidates: &Candidates<'_>,
    goals: &[Vec<PackageId>],
    rules: Rules<'_>,
    budget: &Budget,
) -> Result<Answer, Exhausted> {
    let visited = RefCell::default();
    let encoding = Encoding { candidates, rules, budget, visited: &visited, sets: RefCell::default() };
    let mut requirements = Vec::with_capacity(goals.len());
    for goal in goals {
        requirements.push(encoding.requirement(goal)?.into());
    }
    let answer = Solver::new(encoding).solve(Problem::new().requirements(requirements));
    if budget.is_exhausted() {
        return Err(Exhausted);
    }
    match answer {
        Ok(packages) => Ok(Answer::Solution(packages.into_iter().map(package_of).collect())),
        Err(UnsolvableOrCancelled::Unsolvable(_)) => Ok(Answer::Unsolvable(visited.into_inner())),
        Err(UnsolvableOrCancelled::Cancelled(_)) => Err(Exhausted),
    }
}

fn package_of(id: resolvo::SolvableId) -> PackageId {
    PackageId(id.into_raw())
}

fn solvable_of(package: PackageId) -> resolvo::SolvableId {
    resolvo::SolvableId::from_raw(package.0)
}

/// Packages of one slot, sorted by number.
#[derive(Clone, PartialEq, Eq, Hash)]
struct PackageSet {
    slot: SlotId,
    packages: Vec<PackageId>,
}

/// What the solver refers to by number.
#[derive(Default)]
struct Sets {
    sets: Vec<PackageSet>,
    numbers: HashMap<PackageSet, VersionSetId>,
    unions: Vec<Vec<VersionSetId>>,
    clauses: HashMap<ClauseId, Requirement>,
}

impl Sets {
    fn add(&mut self, set: PackageSet) -> VersionSetId {
        if let Some(known) = self.numbers.get(&set) {
            return *known;
        }
        let number = VersionSetId(to_u32(self.sets.len()));
        self.sets.push(set.clone());
        self.numbers.insert(set, number);
        number
    }
}

struct Encoding<'a, 'u> {
    candidates: &'a Candidates<'u>,
    rules: Rules<'a>,
    budget: &'a Budget,
    /// The packages whose rules the solver asked for.
    visited: &'a RefCell<BTreeSet<PackageId>>,
    sets: RefCell<Sets>,
}

impl Encoding<'_, '_> {
    /// Splits packages into those of each slot, in the order of their first package.
    fn by_slot(&self, packages: impl Iterator<Item = PackageId>) -> Vec<PackageSet> {
        let mut sets: Vec<PackageSet> = Vec::new();
        let mut at: HashMap<SlotId, usize> = HashMap::new();
        for package in packages {
            let Some(slot) = self.candidates.slot(package) else { continue };
            let at = *at.entry(slot).or_insert(sets.len());
            if at == sets.len() {
                sets.push(PackageSet { slot, packages: Vec::new() });
            }
            if let Some(set) = sets.get_mut(at) {
                set.packages.push(package);
            }
        }
        for set in &mut sets {
            set.packages.sort_unstable();
        }
        sets
    }

    /// Returns the requirement that one of `packages` is installed.
    fn requirement(&self, packages: &[PackageId]) -> Result<Requirement, Exhausted> {
        self.budget.take(1 + packages.len())?;
        let mut sets = self.by_slot(packages.iter().copied());
        if sets.is_empty() {
            // Nothing meets it, whatever the slot.
            sets.push(PackageSet { slot: 0, packages: Vec::new() });
        }
        let mut known = self.sets.borrow_mut();
        let mut numbers: Vec<_> = sets.into_iter().map(|set| known.add(set)).collect();
        if numbers.len() == 1
            && let Some(only) = numbers.pop()
        {
            return Ok(Requirement::Single(only));
        }
        let union = VersionSetUnionId(to_u32(known.unions.len()));
        known.unions.push(numbers);
        Ok(Requirement::Union(union))
    }

    fn requirement_of(&self, clause: ClauseId) -> Result<Requirement, Exhausted> {
        if let Some(known) = self.sets.borrow().clauses.get(&clause) {
            return Ok(*known);
        }
        let requirement = self.requirement(self.candidates.of(clause, self.budget)?)?;
        self.sets.borrow_mut().clauses.insert(clause, requirement);
        Ok(requirement)
    }

    /// Returns, for each slot of `excluded`, the set of what else it has.
    fn exclude(&self, excluded: impl Iterator<Item = PackageId>) -> Result<Vec<VersionSetId>, Exhausted> {
        let mut constrains = Vec::new();
        for excluded in self.by_slot(excluded) {
            let all = self.candidates.in_slot(excluded.slot);
            self.budget.take(all.len())?;
            let is_left = |package: &PackageId| excluded.packages.binary_search(package).is_err();
            let mut packages: Vec<_> = all.iter().copied().filter(is_left).collect();
            packages.sort_unstable();
            constrains.push(self.sets.borrow_mut().add(PackageSet { slot: excluded.slot, packages }));
        }
        Ok(constrains)
    }

    fn dependencies(&self, id: PackageId) -> Result<KnownDependencies, Exhausted> {
        let mut known = KnownDependencies::default();
        let Some(package) = self.candidates.universe.get(id) else { return Ok(known) };
        for (relation, at) in self.candidates.links(id, self.budget)?.iter().zip(package.links.start..) {
            if relation.link.is_dependency() {
                if self.rules.contains(Rule::Needs(id, at)) {
                    known.requirements.push(self.requirement_of(relation.clause)?.into());
                }
            } else if self.rules.contains(Rule::Excludes(id, at)) {
                let hit = self.candidates.conflicting(package, relation, self.budget)?;
                known.constrains.extend(self.exclude(hit)?);
            }
        }
        if self.rules.contains(Rule::OneOf(package.name)) {
            // Within its own slot the solver takes one at most by itself.
            let slot = self.candidates.slot(id);
            let rivals = self.candidates.rivals(id, package, self.budget)?;
            let elsewhere = rivals.filter(|rival| self.candidates.slot(*rival) != slot);
            known.constrains.extend(self.exclude(elsewhere)?);
        }
        Ok(known)
    }
}

/// The texts are not used: reasons are written by [`Writer`](crate::reason::Writer).
impl Interner for Encoding<'_, '_> {
    type NameId = resolvo::NameId;
    type SolvableId = resolvo::SolvableId;

    fn display_solvable(&self, solvable: Self::SolvableId) -> impl Display + '_ {
        solvable.into_raw()
    }

    fn display_name(&self, name: Self::NameId) -> impl Display + '_ {
        name.into_raw()
    }

    fn display_version_set(&self, version_set: VersionSetId) -> impl Display + '_ {
        version_set.0
    }

    fn display_string(&self, string: StringId) -> impl Display + '_ {
        string.0
    }

    fn version_set_name(&self, version_set: VersionSetId) -> Self::NameId {
        let known = self.sets.borrow();
        resolvo::NameId::from_raw(known.sets.get(version_set.0 as usize).map_or(0, |set| set.slot))
    }

    fn solvable_name(&self, solvable: Self::SolvableId) -> Self::NameId {
        resolvo::NameId::from_raw(self.candidates.slot(package_of(solvable)).unwrap_or_default())
    }

    fn version_sets_in_union(&self, union: VersionSetUnionId) -> impl Iterator<Item = VersionSetId> {
        self.sets.borrow().unions.get(union.0 as usize).cloned().unwrap_or_default().into_iter()
    }

    fn resolve_condition(&self, _: ConditionId) -> Condition {
        unreachable!("no requirement has a condition")
    }
}

impl DependencyProvider for Encoding<'_, '_> {
    async fn filter_candidates(
        &self,
        candidates: &[Self::SolvableId],
        version_set: VersionSetId,
        inverse: bool,
    ) -> Vec<Self::SolvableId> {
        let known = self.sets.borrow();
        let Some(set) = known.sets.get(version_set.0 as usize) else { return Vec::new() };
        // When nothing is left, the next look at the budget ends the search.
        let _ = self.budget.take(candidates.len());
        let is_in = |one: &Self::SolvableId| set.packages.binary_search(&package_of(*one)).is_ok();
        candidates.iter().copied().filter(|one| is_in(one) != inverse).collect()
    }

    async fn get_candidates(&self, name: Self::NameId) -> Option<resolvo::Candidates<Self::SolvableId>> {
        let packages = self.candidates.in_slot(name.into_raw());
        let name = packages.first().and_then(|first| self.candidates.universe.get(*first));
        let allow_multiple = name.is_some_and(|first| !self.rules.contains(Rule::OneOf(first.name)));
        Some(resolvo::Candidates {
            candidates: packages.iter().copied().map(solvable_of).collect(),
            hint_dependencies_available: HintDependenciesAvailable::None,
            allow_multiple,
            ..resolvo::Candidates::default()
        })
    }

    /// Sorts the packages of one slot: newest first, which is the order within the slot.
    async fn sort_candidates(&self, _: &SolverCache<Self>, solvables: &mut [Self::SolvableId]) {
        let Some(slot) = solvables.first().and_then(|first| self.candidates.slot(package_of(*first))) else {
            return;
        };
        let order = self.candidates.in_slot(slot);
        let _ = self.budget.take(order.len());
        let order: HashMap<_, _> = order.iter().zip(0..).collect();
        solvables.sort_by_key(|one| order.get(&package_of(*one)).copied().unwrap_or(usize::MAX));
    }

    async fn get_dependencies(&self, solvable: Self::SolvableId) -> Dependencies {
        let package = package_of(solvable);
        self.visited.borrow_mut().insert(package);
        match self.dependencies(package) {
            Ok(known) => Dependencies::Known(known),
            Err(Exhausted) => Dependencies::Unknown(StringId(0)),
        }
    }

    fn should_cancel_with_value(&self) -> Option<Box<dyn Any>> {
        self.budget.take(ROUND).err().map(|exhausted| -> Box<dyn Any> { Box::new(exhausted) })
    }
}

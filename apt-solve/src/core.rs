//! The smallest set of rules that shows why something cannot be installed: without any one of them, it could be.

use crate::candidates::Candidates;
use crate::encoding::{Answer, Rule, Rules, solve};
use crate::limits::{Budget, Exhausted};
use crate::package::PackageId;
use std::collections::{BTreeSet, VecDeque};

/// Returns the rules of a smallest set. `visited` are packages whose rules are enough.
pub(crate) fn smallest(
    candidates: &Candidates<'_>,
    goals: &[Vec<PackageId>],
    visited: &BTreeSet<PackageId>,
    budget: &Budget,
) -> Result<BTreeSet<Rule>, Exhausted> {
    let packages = smallest_packages(candidates, goals, visited, budget)?;
    let mut rules = rules_of(candidates, goals, &packages, budget)?;
    // Conflicts come last in the set and are tried first: an explanation without one is easier to read.
    let all: Vec<Rule> = rules.iter().copied().collect();
    for rule in all.into_iter().rev() {
        rules.remove(&rule);
        if let Answer::Solution(_) = solve(candidates, goals, Rules::These(&rules), budget)? {
            rules.insert(rule);
        }
    }
    Ok(rules)
}

/// Takes away packages, the farthest from the goals first, for as long as the others are enough.
fn smallest_packages(
    candidates: &Candidates<'_>,
    goals: &[Vec<PackageId>],
    packages: &BTreeSet<PackageId>,
    budget: &Budget,
) -> Result<BTreeSet<PackageId>, Exhausted> {
    let sorted = by_distance(candidates, goals, packages, budget)?;
    // More rules never make anything possible, so half of what is left can be tried at once.
    let (mut too_few, mut enough) = (0, sorted.len());
    while too_few < enough {
        let middle = too_few.midpoint(enough);
        let nearest = sorted.iter().take(middle).copied().collect();
        match solve(candidates, goals, Rules::OfPackages(&nearest), budget)? {
            Answer::Unsolvable(_) => enough = middle,
            Answer::Solution(_) => too_few = middle + 1,
        }
    }
    let mut packages: BTreeSet<PackageId> = sorted.iter().take(enough).copied().collect();
    for package in sorted.into_iter().take(enough).rev().skip(1) {
        if !packages.remove(&package) {
            continue;
        }
        match solve(candidates, goals, Rules::OfPackages(&packages), budget)? {
            // What was not looked at was not needed either.
            Answer::Unsolvable(visited) => packages.retain(|one| visited.contains(one)),
            Answer::Solution(_) => {
                packages.insert(package);
            }
        }
    }
    Ok(packages)
}

/// Sorts packages by the number of dependencies between them and a goal.
pub(crate) fn by_distance(
    candidates: &Candidates<'_>,
    goals: &[Vec<PackageId>],
    packages: &BTreeSet<PackageId>,
    budget: &Budget,
) -> Result<Vec<PackageId>, Exhausted> {
    let mut sorted = Vec::with_capacity(packages.len());
    let mut left = packages.clone();
    let mut queue: VecDeque<PackageId> = goals.iter().flatten().copied().collect();
    while let Some(package) = queue.pop_front() {
        if !left.remove(&package) {
            continue;
        }
        sorted.push(package);
        for relation in candidates.links(package, budget)? {
            if relation.link.is_dependency() {
                let met = candidates.of(relation.clause, budget)?;
                budget.take(met.len())?;
                queue.extend(met.iter().filter(|package| left.contains(package)));
            }
        }
    }
    sorted.extend(left);
    Ok(sorted)
}

/// Returns every rule of the packages that excludes or needs something, and those of the names of all packages that can come with them.
fn rules_of(
    candidates: &Candidates<'_>,
    goals: &[Vec<PackageId>],
    packages: &BTreeSet<PackageId>,
    budget: &Budget,
) -> Result<BTreeSet<Rule>, Exhausted> {
    let universe = candidates.universe;
    let mut rules = BTreeSet::new();
    let mut involved: BTreeSet<PackageId> = goals.iter().flatten().copied().collect();
    for id in packages {
        let Some(package) = universe.get(*id) else { continue };
        for (relation, at) in candidates.links(*id, budget)?.iter().zip(package.links.start..) {
            if relation.link.is_dependency() {
                rules.insert(Rule::Needs(*id, at));
                involved.extend(candidates.of(relation.clause, budget)?);
            } else if candidates.conflicting(package, relation, budget)?.next().is_some() {
                rules.insert(Rule::Excludes(*id, at));
            }
        }
    }
    rules.extend(involved.iter().filter_map(|id| universe.get(*id)).map(|package| Rule::OneOf(package.name)));
    Ok(rules)
}

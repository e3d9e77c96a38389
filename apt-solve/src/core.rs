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
    visited: BTreeSet<PackageId>,
    budget: &Budget,
) -> Result<BTreeSet<Rule>, Exhausted> {
    let packages = smallest_packages(candidates, goals, visited, budget)?;
    let mut rules = rules_of(candidates, goals, &packages, budget)?;
    // Conflicts last: an explanation without one is easier to read.
    for rule in rules.clone().into_iter().rev() {
        let mut fewer = rules.clone();
        fewer.remove(&rule);
        let fewer = Rules::These(fewer);
        if let (Answer::Unsolvable(_), Rules::These(fewer)) =
            (solve(candidates, goals, &fewer, budget)?, fewer)
        {
            rules = fewer;
        }
    }
    Ok(rules)
}

/// Takes away packages, the farthest from the goals first, for as long as the others are enough.
fn smallest_packages(
    candidates: &Candidates<'_>,
    goals: &[Vec<PackageId>],
    mut packages: BTreeSet<PackageId>,
    budget: &Budget,
) -> Result<BTreeSet<PackageId>, Exhausted> {
    for package in by_distance(candidates, goals, &packages, budget)?.into_iter().rev() {
        if !packages.contains(&package) {
            continue;
        }
        let mut fewer = packages.clone();
        fewer.remove(&package);
        if let Answer::Unsolvable(visited) =
            solve(candidates, goals, &Rules::OfPackages(fewer.clone()), budget)?
        {
            // What was not looked at was not needed either.
            packages = fewer.intersection(&visited).copied().collect();
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
        for relation in candidates.universe.links(package) {
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

/// Returns every rule of the packages and of the names of all packages that they can bring along.
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
        for (relation, at) in universe.links(*id).iter().zip(package.links.start..) {
            if relation.link.is_dependency() {
                rules.insert(Rule::Needs(*id, at));
                involved.extend(candidates.of(relation.clause, budget)?);
            } else {
                rules.insert(Rule::Excludes(*id, at));
            }
        }
    }
    rules.extend(involved.iter().filter_map(|id| universe.get(*id)).map(|package| Rule::OneOf(package.name)));
    Ok(rules)
}

//! The goals that can be in conflict with one: most conflicts are among few packages, and are found there without looking at all.

use super::{GoalId, Upgrade};
use crate::limits::Exhausted;
use crate::package::PackageId;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// How many of the packages that a goal needs, directly or through others, are followed: first few, and then more.
pub(super) const MOST_NEEDED: [usize; 6] = [4, 16, 64, 256, 800, 3_000];

/// What is known of the packages that meet goals.
pub(super) struct Neighbours {
    /// The goals that a package meets.
    goals: BTreeMap<PackageId, Vec<GoalId>>,
    /// The packages that meet goals and exclude a package.
    excluders: HashMap<PackageId, Vec<PackageId>>,
}

impl Neighbours {
    pub(super) fn of(upgrade: &Upgrade<'_, '_>) -> Result<Self, Exhausted> {
        let mut goals: BTreeMap<PackageId, Vec<GoalId>> = BTreeMap::new();
        for (at, goal) in upgrade.goals.iter().enumerate() {
            for package in BTreeSet::from([goal.installed, goal.candidate]) {
                goals.entry(package).or_default().push(at);
            }
        }
        let (candidates, budget) = (upgrade.candidates, upgrade.budget);
        let mut excluders: HashMap<PackageId, Vec<PackageId>> = HashMap::new();
        for id in goals.keys().copied().filter(|id| candidates.slot(*id).is_some()) {
            let Some(package) = upgrade.universe.get(id) else { continue };
            for relation in candidates.links(id, budget)?.iter().filter(|one| !one.link.is_dependency()) {
                for other in candidates.conflicting(package, relation, budget)? {
                    excluders.entry(other).or_default().push(id);
                }
            }
        }
        Ok(Self { goals, excluders })
    }
}

impl Upgrade<'_, '_> {
    /// Returns a goal and those that `most` of the packages that it needs can be in conflict with, the nearest first.
    pub(super) fn near(
        &self,
        goal: GoalId,
        most: usize,
        neighbours: &Neighbours,
    ) -> Result<Vec<GoalId>, Exhausted> {
        let mut needed: Vec<PackageId> = self.goals.get(goal).map(super::Goal::packages).unwrap_or_default();
        let mut seen: HashSet<PackageId> = needed.iter().copied().collect();
        let (candidates, budget) = (self.candidates, self.budget);
        let (mut found, mut known) = (vec![goal], HashSet::from([goal]));
        let mut at = 0;
        while let Some(id) = needed.get(at).copied() {
            at += 1;
            let Some(package) = self.universe.get(id) else { continue };
            let mut touched: Vec<PackageId> = candidates.rivals(id, package, budget)?.chain([id]).collect();
            touched.extend(neighbours.excluders.get(&id).into_iter().flatten());
            for relation in candidates.links(id, budget)? {
                if !relation.link.is_dependency() {
                    touched.extend(candidates.conflicting(package, relation, budget)?);
                    continue;
                }
                for one in candidates.of(relation.clause, budget)? {
                    if needed.len() < most && seen.insert(*one) {
                        needed.push(*one);
                    }
                }
            }
            budget.take(touched.len())?;
            let goals = touched.iter().filter_map(|id| neighbours.goals.get(id)).flatten();
            found.extend(goals.filter(|goal| known.insert(**goal)));
        }
        Ok(found)
    }
}

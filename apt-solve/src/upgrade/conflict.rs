//! The smallest set of goals that cannot be met together, and which of them gives way.

use super::scores::Scores;
use super::{GoalId, Upgrade};
use crate::closure::{Closure, NotBuilt};
use crate::core;
use crate::encoding::{Answer, Rule, Rules, solve};
use crate::limits::Exhausted;
use crate::package::PackageId;
use crate::reason::Reason;
use std::collections::BTreeSet;

/// Whether goals can be met together.
pub(super) enum Solution {
    /// These packages meet them.
    Packages(Vec<PackageId>),
    /// Nothing does.
    None,
}

impl Upgrade<'_, '_> {
    fn lists(&self, goals: &[GoalId]) -> Vec<Vec<PackageId>> {
        let goals = goals.iter().filter_map(|at| self.goals.get(*at));
        let mut lists: Vec<_> = goals.map(super::Goal::packages).filter(|list| !list.is_empty()).collect();
        // What has no choice comes first.
        lists.sort_by_key(Vec::len);
        lists
    }

    /// Looks for packages that meet these goals.
    pub(super) fn solve(&self, goals: &[GoalId]) -> Result<Solution, Exhausted> {
        let lists = self.lists(goals);
        match Closure::new(self.candidates).build_set(&lists, self.budget) {
            Ok(packages) => return Ok(Solution::Packages(packages)),
            Err(NotBuilt::Exhausted) => return Err(Exhausted),
            Err(NotBuilt::Stuck) => {}
        }
        match solve(self.candidates, &lists, Rules::All, self.budget)? {
            Answer::Solution(packages) => Ok(Solution::Packages(packages)),
            Answer::Unsolvable(_) => Ok(Solution::None),
        }
    }

    /// Returns a smallest set of goals that cannot be met together, out of goals that cannot: Junker's QuickXplain.
    pub(super) fn smallest_conflict(&self, goals: &[GoalId]) -> Result<Vec<GoalId>, Exhausted> {
        self.explain(&[], false, goals)
    }

    /// Returns the goals among `goals` that belong to a smallest conflict together with `others`. `is_new`: whether `others` was not tried yet.
    fn explain(&self, others: &[GoalId], is_new: bool, goals: &[GoalId]) -> Result<Vec<GoalId>, Exhausted> {
        if is_new && matches!(self.solve(others)?, Solution::None) {
            return Ok(Vec::new());
        }
        if goals.len() <= 1 {
            return Ok(goals.to_vec());
        }
        let (first, second) = goals.split_at(goals.len() / 2);
        let of_second = self.explain(&[others, first].concat(), true, second)?;
        let of_first = self.explain(&[others, &of_second].concat(), !of_second.is_empty(), first)?;
        Ok([of_first, of_second].concat())
    }

    /// Returns which goal of a smallest conflict gives way, and why; none where all are on hold.
    pub(super) fn resolve(
        &self,
        conflict: &[GoalId],
        scores: &Scores,
    ) -> Result<(Option<GoalId>, Reason), Exhausted> {
        let lists: Vec<_> = conflict.iter().flat_map(|goal| self.lists(&[*goal])).collect();
        let visited = match solve(self.candidates, &lists, Rules::All, self.budget)? {
            Answer::Unsolvable(visited) => visited,
            Answer::Solution(_) => BTreeSet::new(),
        };
        let rules = core::smallest(self.candidates, &lists, &visited, self.budget)?;
        let reason = self.writer().conflict(&lists, lists.len(), &rules)?;
        let may_give_way = |goal: &GoalId| self.goals.get(*goal).is_some_and(|goal| !goal.is_held);
        let free: Vec<GoalId> = conflict.iter().copied().filter(may_give_way).collect();
        let victim = match self.excluded_by_something_new(&free, &rules, scores)? {
            Some(goal) => Some(goal),
            None => {
                let holders: BTreeSet<PackageId> = rules.iter().filter_map(holder).collect();
                let has_rule = |goal: GoalId| self.packages_of(goal).any(|id| holders.contains(&id));
                free.iter().copied().min_by_key(|goal| (scores.of_goal(*goal), !has_rule(*goal)))
            }
        };
        Ok((victim, reason))
    }

    fn packages_of(&self, goal: GoalId) -> impl Iterator<Item = PackageId> {
        self.goals.get(goal).map(super::Goal::packages).unwrap_or_default().into_iter()
    }

    /// Returns the goal that something excludes which comes to the machine. apt removes it before its resolver compares anything, unless it is
    /// essential. Where another goal needs it and counts at least as much as what excludes it, the resolver takes that back: what
    /// asked for the excluder gives way.
    fn excluded_by_something_new(
        &self,
        conflict: &[GoalId],
        rules: &BTreeSet<Rule>,
        scores: &Scores,
    ) -> Result<Option<GoalId>, Exhausted> {
        for rule in rules {
            let Rule::Excludes(holder, at) = rule else { continue };
            let is_installed = self.goals.iter().any(|goal| goal.installed == *holder);
            let relation = self.universe.links.get(*at as usize);
            let (Some(package), Some(relation)) = (self.universe.get(*holder), relation) else { continue };
            if is_installed {
                continue;
            }
            let hit: BTreeSet<PackageId> =
                self.candidates.conflicting(package, relation, self.budget)?.collect();
            let is_hit = |goal: &GoalId| {
                let mut packages = self.packages_of(*goal);
                packages.any(|id| hit.contains(&id)) && !scores.is_essential(*goal)
            };
            let Some(goal) = conflict.iter().copied().find(is_hit) else { continue };
            let others: Vec<GoalId> = conflict.iter().copied().filter(|other| *other != goal).collect();
            let is_taken_back = self.goals.get(goal).is_some_and(|goal| goal.is_offered)
                && self.is_needed(goal, scores.of_new(self, *holder)?, &others, scores)?;
            let asking = others
                .iter()
                .copied()
                .find(|other| self.goals.get(*other).is_some_and(super::Goal::has_newer));
            return Ok(asking.filter(|_| is_taken_back).or(Some(goal)));
        }
        Ok(None)
    }

    /// Returns whether a goal outside of the conflict that counts at least `score` depends on what meets `goal` alone.
    fn is_needed(
        &self,
        goal: GoalId,
        score: i64,
        conflict: &[GoalId],
        scores: &Scores,
    ) -> Result<bool, Exhausted> {
        let needed: Vec<PackageId> = self.packages_of(goal).collect();
        for (at, other) in self.goals.iter().enumerate() {
            if at == goal || conflict.contains(&at) || scores.of_goal(at) < score {
                continue;
            }
            let Some(id) = other.packages().first().copied() else { continue };
            for relation in self.candidates.links(id, self.budget)? {
                let met = self.candidates.of(relation.clause, self.budget)?;
                self.budget.take(met.len())?;
                if relation.link.is_dependency()
                    && !met.is_empty()
                    && met.iter().all(|one| needed.contains(one))
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

fn holder(rule: &Rule) -> Option<PackageId> {
    match rule {
        Rule::Needs(package, _) | Rule::Excludes(package, _) => Some(*package),
        Rule::OneOf(_) => None,
    }
}

//! How much apt wants each package: `pkgProblemResolver::MakeScores`, for packages that all have one priority.

use super::{GoalId, Upgrade};
use crate::limits::Exhausted;
use crate::package::{Link, PackageId};
use std::collections::HashMap;

/// What an essential package has more than others.
const ESSENTIAL: i64 = 5_000;

/// The score of each goal, as if each had its candidate.
pub(super) struct Scores(Vec<Score>);

#[derive(Clone, Copy, Default)]
struct Score {
    own: i64,
    /// With what it gets from those that depend on it.
    total: i64,
    is_essential: bool,
}

impl Scores {
    pub(super) fn of(upgrade: &Upgrade<'_, '_>) -> Result<Self, Exhausted> {
        let mut scores = vec![Score::default(); upgrade.goals.len()];
        let goal_of: HashMap<PackageId, GoalId> =
            upgrade.goals.iter().enumerate().map(|(at, goal)| (goal.candidate, at)).collect();
        for (goal, score) in upgrade.goals.iter().zip(&mut scores) {
            score.is_essential = upgrade.universe.is_essential(goal.candidate);
            score.own = if score.is_essential { 100 } else { 0 };
        }
        for goal in &upgrade.goals {
            for relation in upgrade.candidates.links(goal.candidate, upgrade.budget)? {
                let points = if relation.link.is_dependency() { 1 } else { -1 };
                for target in upgrade.candidates.of(relation.clause, upgrade.budget)? {
                    let of_target = goal_of.get(target).and_then(|at| scores.get_mut(*at));
                    of_target.into_iter().for_each(|score| score.own += points);
                }
            }
        }
        let mut inherited = vec![0; scores.len()];
        for (goal, score) in upgrade.goals.iter().zip(&scores) {
            for relation in upgrade.candidates.links(goal.candidate, upgrade.budget)? {
                if !matches!(relation.link, Link::Depends | Link::PreDepends) || score.own <= 0 {
                    continue;
                }
                for target in upgrade.candidates.of(relation.clause, upgrade.budget)? {
                    let of_target = goal_of.get(target).and_then(|at| inherited.get_mut(*at));
                    of_target.into_iter().for_each(|points| *points += score.own);
                }
            }
        }
        for (score, inherited) in scores.iter_mut().zip(inherited) {
            let essential = if score.is_essential { ESSENTIAL } else { 0 };
            score.total = score.own.saturating_add(inherited).saturating_add(essential);
        }
        Ok(Self(scores))
    }

    /// Returns the score of a package that comes to the machine: one less than that of a package that archives have and that is installed, and what it gets
    /// from the goals that depend on it.
    pub(super) fn of_new(&self, upgrade: &Upgrade<'_, '_>, package: PackageId) -> Result<i64, Exhausted> {
        let mut score = -1;
        for (goal, own) in upgrade.goals.iter().zip(&self.0) {
            for relation in upgrade.candidates.links(goal.candidate, upgrade.budget)? {
                let targets = upgrade.candidates.of(relation.clause, upgrade.budget)?;
                upgrade.budget.take(targets.len())?;
                if targets.contains(&package) {
                    score += if relation.link.is_dependency() { 1 + own.own.max(0) } else { -1 };
                }
            }
        }
        Ok(score)
    }

    pub(super) fn of_goal(&self, goal: GoalId) -> i64 {
        self.0.get(goal).map_or(0, |score| score.total)
    }

    pub(super) fn is_essential(&self, goal: GoalId) -> bool {
        self.0.get(goal).is_some_and(|score| score.is_essential)
    }
}

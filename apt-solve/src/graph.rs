//! The dependencies of packages of a view, from both ends: who has one, and which packages meet it.

use crate::candidates::Candidates;
use crate::limits::{Budget, Exhausted};
use crate::package::PackageId;
use crate::relation::{ClauseId, to_u32};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What one clause still waits for.
#[derive(Clone, Default)]
struct State {
    is_seen: bool,
    /// Candidates that are not known to be dead.
    alive: u32,
    /// Length of the explanations of those that are.
    cost: u64,
    /// Packages with this dependency, and the position of the relation.
    holders: Vec<(PackageId, u32)>,
}

/// The dependencies of packages of a view.
pub(crate) struct Graph {
    clauses: Vec<State>,
    /// For each package the clauses that it is a candidate of.
    candidate_of: Vec<Vec<ClauseId>>,
}

impl Graph {
    pub(crate) fn build(candidates: &Candidates<'_>, budget: &Budget) -> Result<Self, Exhausted> {
        let all = (0..candidates.universe.len()).map(|at| PackageId(to_u32(at)));
        Self::of(all.filter(|id| candidates.slot(*id).is_some()), candidates, budget)
    }

    /// Builds the graph of the packages in the view that these can need, directly or through others.
    pub(crate) fn build_below(
        roots: impl IntoIterator<Item = PackageId>,
        candidates: &Candidates<'_>,
        budget: &Budget,
    ) -> Result<Self, Exhausted> {
        let mut found: Vec<PackageId> =
            roots.into_iter().filter(|id| candidates.slot(*id).is_some()).collect();
        let mut seen = vec![false; candidates.universe.len()];
        let mut is_new = |id: &PackageId| {
            seen.get_mut(id.index()).is_some_and(|is_seen| !std::mem::replace(is_seen, true))
        };
        found.retain(&mut is_new);
        let mut at = 0;
        while let Some(id) = found.get(at).copied() {
            at += 1;
            for relation in candidates.links(id, budget)?.iter().filter(|one| one.link.is_dependency()) {
                let met = candidates.of(relation.clause, budget)?;
                budget.take(met.len())?;
                found.extend(met.iter().copied().filter(&mut is_new));
            }
        }
        found.sort_unstable();
        Self::of(found, candidates, budget)
    }

    fn of(
        packages: impl IntoIterator<Item = PackageId>,
        candidates: &Candidates<'_>,
        budget: &Budget,
    ) -> Result<Self, Exhausted> {
        let universe = candidates.universe;
        let mut graph = Self {
            clauses: vec![State::default(); universe.clauses.len()],
            candidate_of: vec![Vec::new(); universe.len()],
        };
        for id in packages {
            let Some(package) = universe.get(id) else { continue };
            for (relation, at) in candidates.links(id, budget)?.iter().zip(package.links.start..) {
                if relation.link.is_dependency() {
                    graph.add(id, at, relation.clause, candidates.of(relation.clause, budget)?, budget)?;
                }
            }
        }
        Ok(graph)
    }

    fn add(
        &mut self,
        holder: PackageId,
        at: u32,
        clause: ClauseId,
        candidates: &[PackageId],
        budget: &Budget,
    ) -> Result<(), Exhausted> {
        let Some(state) = self.clauses.get_mut(clause.index()) else { return Ok(()) };
        state.holders.push((holder, at));
        if std::mem::replace(&mut state.is_seen, true) {
            return Ok(());
        }
        state.alive = to_u32(candidates.len());
        budget.take(candidates.len())?;
        for candidate in candidates {
            if let Some(list) = self.candidate_of.get_mut(candidate.index()) {
                list.push(clause);
            }
        }
        Ok(())
    }

    /// Returns the clauses without any candidate.
    pub(crate) fn missing(&self) -> BinaryHeap<Reverse<(u64, ClauseId)>> {
        let all = self.clauses.iter().enumerate();
        let missing = all.filter(|(_, state)| state.is_seen && state.alive == 0);
        missing.map(|(at, _)| Reverse((1, ClauseId(to_u32(at))))).collect()
    }

    pub(crate) fn take_holders_of(&mut self, clause: ClauseId) -> Vec<(PackageId, u32)> {
        self.clauses
            .get_mut(clause.index())
            .map(|state| std::mem::take(&mut state.holders))
            .unwrap_or_default()
    }

    /// Returns the dependencies that a package meets, each with those that have it: the package, and the position of the relation.
    pub(crate) fn met_by(&self, package: PackageId) -> impl Iterator<Item = (ClauseId, &[(PackageId, u32)])> {
        let clauses = self.candidate_of.get(package.index()).into_iter().flatten();
        clauses.filter_map(|id| Some((*id, &self.clauses.get(id.index())?.holders[..])))
    }

    /// Takes a dead package out of all clauses, and returns those that have no candidate left, with their costs.
    pub(crate) fn remove_candidate(&mut self, package: PackageId, cost: u64) -> Vec<(u64, ClauseId)> {
        let of = self.candidate_of.get_mut(package.index()).map(std::mem::take).unwrap_or_default();
        let mut unmet = Vec::new();
        for clause in of {
            if let Some(state) = self.clauses.get_mut(clause.index()) {
                state.alive = state.alive.saturating_sub(1);
                state.cost = state.cost.saturating_add(cost);
                if state.alive == 0 {
                    unmet.push((state.cost.saturating_add(1), clause));
                }
            }
        }
        unmet
    }
}

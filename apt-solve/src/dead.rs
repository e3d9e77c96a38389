//! Packages that cannot be installed because something is missing: each way to meet one of their dependencies ends at a package
//! that is not there. No conflict is needed to see it, and no search.

use crate::candidates::Candidates;
use crate::limits::{Budget, Exhausted};
use crate::package::PackageId;
use crate::relation::{ClauseId, to_u32};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// For each package that cannot be installed, which of its relations cannot be met. Of several, the one with the shortest
/// explanation.
pub(crate) struct Dead {
    unmet: Vec<Option<u32>>,
}

impl Dead {
    /// Returns the position in [`Universe::links`](crate::Universe) of the relation that cannot be met.
    pub(crate) fn unmet(&self, package: PackageId) -> Option<usize> {
        self.unmet.get(package.index()).copied().flatten().map(|at| at as usize)
    }

    pub(crate) fn packages(&self) -> impl Iterator<Item = PackageId> + '_ {
        let all = self.unmet.iter().enumerate();
        all.filter(|(_, unmet)| unmet.is_some()).map(|(at, _)| PackageId(to_u32(at)))
    }

    /// Finds them all. Explanations grow from what is missing towards what needs it, the shortest first: Knuth's
    /// generalisation of Dijkstra's algorithm.
    pub(crate) fn find(candidates: &Candidates<'_>, budget: &Budget) -> Result<Self, Exhausted> {
        let mut graph = Graph::build(candidates, budget)?;
        let mut unmet = vec![None; candidates.universe.len()];
        let mut ready: BinaryHeap<Reverse<(u64, ClauseId)>> = graph.missing();
        while let Some(Reverse((cost, clause))) = ready.pop() {
            for (package, at) in graph.holders_of(clause) {
                let Some(slot) = unmet.get_mut(package.index()) else { continue };
                if slot.is_some() {
                    continue;
                }
                *slot = Some(at);
                ready.extend(graph.remove_candidate(package, cost).into_iter().map(Reverse));
            }
        }
        Ok(Self { unmet })
    }
}

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

struct Graph {
    clauses: Vec<State>,
    /// For each package the clauses that it is a candidate of.
    candidate_of: Vec<Vec<ClauseId>>,
}

impl Graph {
    fn build(candidates: &Candidates<'_>, budget: &Budget) -> Result<Self, Exhausted> {
        let universe = candidates.universe;
        let mut graph = Self {
            clauses: vec![State::default(); universe.clauses.len()],
            candidate_of: vec![Vec::new(); universe.len()],
        };
        for (at, package) in universe.packages.iter().enumerate() {
            let id = PackageId(to_u32(at));
            if candidates.slot(id).is_none() {
                continue;
            }
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
    fn missing(&self) -> BinaryHeap<Reverse<(u64, ClauseId)>> {
        let all = self.clauses.iter().enumerate();
        let missing = all.filter(|(_, state)| state.is_seen && state.alive == 0);
        missing.map(|(at, _)| Reverse((1, ClauseId(to_u32(at))))).collect()
    }

    fn holders_of(&mut self, clause: ClauseId) -> Vec<(PackageId, u32)> {
        self.clauses
            .get_mut(clause.index())
            .map(|state| std::mem::take(&mut state.holders))
            .unwrap_or_default()
    }

    /// Takes a dead package out of all clauses, and returns those that have no candidate left, with their costs.
    fn remove_candidate(&mut self, package: PackageId, cost: u64) -> Vec<(u64, ClauseId)> {
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

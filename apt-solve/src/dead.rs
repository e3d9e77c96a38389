//! Packages that cannot be installed because something is missing: each way to meet one of their dependencies ends at a package
//! that is not there. No conflict is needed to see it, and no search.

use crate::candidates::Candidates;
use crate::graph::Graph;
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

    /// Finds them all.
    pub(crate) fn find(candidates: &Candidates<'_>, budget: &Budget) -> Result<Self, Exhausted> {
        Ok(Self::in_graph(Graph::build(candidates, budget)?, candidates.universe.len()))
    }

    /// Finds those among `packages` and what these can need, with the same relations as [`Dead::find`]: no other package counts for them.
    pub(crate) fn find_below(
        packages: impl IntoIterator<Item = PackageId>,
        candidates: &Candidates<'_>,
        budget: &Budget,
    ) -> Result<Self, Exhausted> {
        Ok(Self::in_graph(Graph::build_below(packages, candidates, budget)?, candidates.universe.len()))
    }

    /// Lets explanations grow from what is missing towards what needs it, the shortest first: Knuth's generalisation of Dijkstra's algorithm.
    fn in_graph(mut graph: Graph, packages: usize) -> Self {
        let mut unmet = vec![None; packages];
        let mut ready: BinaryHeap<Reverse<(u64, ClauseId)>> = graph.missing();
        while let Some(Reverse((cost, clause))) = ready.pop() {
            for (package, at) in graph.take_holders_of(clause) {
                let Some(slot) = unmet.get_mut(package.index()) else { continue };
                if slot.is_some() {
                    continue;
                }
                *slot = Some(at);
                ready.extend(graph.remove_candidate(package, cost).into_iter().map(Reverse));
            }
        }
        Self { unmet }
    }
}

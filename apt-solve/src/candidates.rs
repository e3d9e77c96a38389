//! Which packages meet which relation, in one view of a universe.

use crate::limits::{Budget, Exhausted};
use crate::package::{ArchId, NameId, Package, PackageId, Relation};
use crate::relation::{Alternative, ClauseId};
use crate::slots::SlotId;
use crate::universe::{Universe, View};
use std::cell::OnceCell;
use std::collections::HashSet;

/// The packages that a view has, and the answers that were worked out already.
///
/// One is made for each machine: making it costs a few bytes for each package, and the rest is worked out where it is asked for.
pub(crate) struct Candidates<'u> {
    pub(crate) universe: &'u Universe,
    /// For each package whether it is there.
    is_present: Vec<bool>,
    /// For each package whether the view has it.
    in_view: Vec<bool>,
    /// The packages that the view has, newest first, for each name that it does not have all packages of.
    by_name: Vec<OnceCell<Box<[PackageId]>>>,
    /// The same for each slot.
    by_slot: Vec<OnceCell<Box<[PackageId]>>>,
    /// For each clause the packages that meet it.
    clauses: Vec<OnceCell<Box<[PackageId]>>>,
}

impl<'u> Candidates<'u> {
    pub(crate) fn new(universe: &'u Universe, view: View, absent: HashSet<PackageId>) -> Self {
        let mut is_present = vec![true; universe.packages.len()];
        for id in absent {
            is_present.get_mut(id.index()).into_iter().for_each(|is_present| *is_present = false);
        }
        let mut candidates = Self::all_versions(universe, is_present);
        if view == View::Newest {
            for members in universe.slots.all() {
                let newest = members.iter().position(|id| !candidates.is_absent(*id));
                for id in members.iter().skip(newest.map_or(0, |newest| newest + 1)) {
                    candidates.in_view.get_mut(id.index()).into_iter().for_each(|in_view| *in_view = false);
                }
            }
        }
        candidates
    }

    /// Looks at all versions of the packages that are there: one entry for each package of the universe.
    pub(crate) fn all_versions(universe: &'u Universe, is_present: Vec<bool>) -> Self {
        Self {
            universe,
            in_view: is_present.clone(),
            is_present,
            by_name: vec![OnceCell::new(); universe.slots.names().len()],
            by_slot: vec![OnceCell::new(); universe.slots.len()],
            clauses: vec![OnceCell::new(); universe.clauses.len()],
        }
    }

    /// Returns whether a package is not there.
    pub(crate) fn is_absent(&self, package: PackageId) -> bool {
        self.is_present.get(package.index()) == Some(&false)
    }

    fn in_view(&self, package: PackageId) -> bool {
        self.in_view.get(package.index()) == Some(&true)
    }

    /// Returns what the view has of a list.
    fn visible<'a>(
        &self,
        all: &'a [PackageId],
        visible: Option<&'a OnceCell<Box<[PackageId]>>>,
    ) -> &'a [PackageId] {
        if all.iter().all(|id| self.in_view(*id)) {
            return all;
        }
        let filter = || all.iter().copied().filter(|id| self.in_view(*id)).collect();
        visible.map_or(&[], |cell| cell.get_or_init(filter))
    }

    /// Returns the relations of a package. To look at each is a step, even if nothing meets it.
    pub(crate) fn links(&self, package: PackageId, budget: &Budget) -> Result<&'u [Relation], Exhausted> {
        let links = self.universe.links(package);
        budget.take(links.len())?;
        Ok(links)
    }

    /// Returns the packages of this name that the view has, newest first.
    pub(crate) fn named(&self, name: NameId) -> &[PackageId] {
        self.visible(self.universe.slots.named(name), self.by_name.get(name.index()))
    }

    pub(crate) fn slot(&self, package: PackageId) -> Option<SlotId> {
        self.universe.slots.slot(package).filter(|_| self.in_view(package))
    }

    pub(crate) fn in_slot(&self, slot: SlotId) -> &[PackageId] {
        self.visible(self.universe.slots.in_slot(slot), self.by_slot.get(slot as usize))
    }

    /// Returns the newest package of the slot that `package` would fill.
    pub(crate) fn newest_of(&self, package: &Package) -> Option<PackageId> {
        let same = |id: &&PackageId| self.universe.get(**id).is_some_and(|other| other.arch == package.arch);
        self.named(package.name).iter().find(same).copied()
    }

    /// Returns the packages that meet a clause: in the order of the alternatives, real packages before those that provide the
    /// name, newest first.
    pub(crate) fn of(&self, clause: ClauseId, budget: &Budget) -> Result<&[PackageId], Exhausted> {
        let Some(cell) = self.clauses.get(clause.index()) else { return Ok(&[]) };
        if let Some(known) = cell.get() {
            return Ok(known);
        }
        let mut found = Vec::new();
        for alternative in self.universe.clauses.alternatives(clause) {
            self.meet(alternative, &mut found, budget)?;
        }
        Ok(cell.get_or_init(|| without_repeats(found)))
    }

    fn meet(
        &self,
        alternative: &Alternative,
        found: &mut Vec<PackageId>,
        budget: &Budget,
    ) -> Result<(), Exhausted> {
        let named = self.named(alternative.name);
        let providers = self.universe.slots.providers(alternative.name);
        budget.take(1 + named.len() + providers.len())?;
        let is_met = |id: &&PackageId| self.universe.get(**id).is_some_and(|one| alternative.is_met_by(one));
        found.extend(named.iter().filter(is_met));
        for (id, provided) in providers.iter().filter_map(|at| self.universe.provided.get(*at as usize)) {
            if self.in_view(*id)
                && self.universe.get(*id).is_some_and(|one| alternative.is_met_by_provided(one, provided))
            {
                found.push(*id);
            }
        }
        Ok(())
    }

    /// Returns what a package conflicts with by one of its relations. A package never conflicts with one of its own name:
    /// that is left to the rules for versions and architectures of a name.
    pub(crate) fn conflicting<'a>(
        &'a self,
        package: &'a Package,
        relation: &Relation,
        budget: &Budget,
    ) -> Result<impl Iterator<Item = PackageId> + 'a, Exhausted> {
        let met = self.of(relation.clause, budget)?;
        budget.take(met.len())?;
        let is_other =
            |id: &PackageId| self.universe.get(*id).is_some_and(|other| other.name != package.name);
        Ok(met.iter().copied().filter(is_other))
    }

    /// Returns the other packages of the name that cannot be installed beside this one.
    pub(crate) fn rivals<'a>(
        &'a self,
        id: PackageId,
        package: &'a Package,
        budget: &Budget,
    ) -> Result<impl Iterator<Item = PackageId> + 'a, Exhausted> {
        let named = self.named(package.name);
        budget.take(named.len())?;
        let is_rival = move |other: &PackageId| {
            *other != id && self.universe.get(*other).is_some_and(|other| !package.is_co_installable(other))
        };
        Ok(named.iter().copied().filter(is_rival))
    }

    /// Returns, for each name that has an essential package, its packages of the native architecture, newest first.
    pub(crate) fn essential(&self) -> Vec<Vec<PackageId>> {
        let is_native = |id: &PackageId| self.universe.get(*id).is_some_and(|one| one.arch == ArchId::NATIVE);
        let is_essential = |id: &PackageId| self.universe.get(*id).is_some_and(|one| one.is_essential);
        let in_view = |id: &PackageId| self.in_view(*id);
        let all = self.universe.slots.names().iter();
        let names = all.filter(|packages| packages.iter().any(|id| in_view(id) && is_essential(id)));
        let packages = |all: &Vec<PackageId>| all.iter().copied().filter(in_view).filter(is_native).collect();
        names.map(packages).collect()
    }
}

/// Keeps the first of equal numbers.
fn without_repeats(mut found: Vec<PackageId>) -> Box<[PackageId]> {
    if found.len() > 1 {
        let mut seen = HashSet::with_capacity(found.len());
        found.retain(|id| seen.insert(*id));
    }
    found.into()
}

//! Which packages meet which relation, in one view of a universe.

use crate::limits::{Budget, Exhausted};
use crate::package::{ArchId, NameId, Package, PackageId, Relation};
use crate::relation::{Alternative, ClauseId, to_u32};
use crate::universe::{Universe, View};
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashSet};

/// The number of what at most one package can fill: a name in one architecture.
pub(crate) type SlotId = u32;

/// The packages that a view has, and the answers that were worked out already.
pub(crate) struct Candidates<'u> {
    pub(crate) universe: &'u Universe,
    /// For each name its packages in the view, newest first.
    by_name: Vec<Vec<PackageId>>,
    /// For each name what is provided under it: numbers of [`Universe::provided`], of packages in the view.
    providers: Vec<Vec<u32>>,
    /// For each package its slot; `None` for one that is not in the view.
    slots: Vec<Option<SlotId>>,
    /// For each slot its packages, newest first.
    by_slot: Vec<Vec<PackageId>>,
    /// For each clause the packages that meet it.
    clauses: Vec<OnceCell<Box<[PackageId]>>>,
    /// The packages that are not there.
    absent: HashSet<PackageId>,
}

impl<'u> Candidates<'u> {
    pub(crate) fn new(universe: &'u Universe, view: View, absent: HashSet<PackageId>) -> Self {
        let mut by_name: Vec<Vec<PackageId>> = vec![Vec::new(); universe.names.len()];
        for (at, package) in universe.packages.iter().enumerate() {
            let id = PackageId(to_u32(at));
            if let Some(packages) = by_name.get_mut(package.name.index())
                && !absent.contains(&id)
            {
                packages.push(id);
            }
        }
        let mut slots = vec![None; universe.packages.len()];
        let mut by_slot: Vec<Vec<PackageId>> = Vec::new();
        for packages in &mut by_name {
            sort_newest_first(universe, packages);
            for members in split_by_architecture(universe, packages) {
                let kept = match view {
                    View::Newest => members.get(..1).unwrap_or_default(),
                    View::AllVersions => &members[..],
                };
                for package in kept {
                    if let Some(slot) = slots.get_mut(package.index()) {
                        *slot = Some(to_u32(by_slot.len()));
                    }
                }
                by_slot.push(kept.to_vec());
            }
            packages.retain(|package| slots.get(package.index()).is_some_and(Option::is_some));
        }
        let mut providers: Vec<Vec<u32>> = vec![Vec::new(); universe.names.len()];
        for (at, (package, provided)) in universe.provided.iter().enumerate() {
            if slots.get(package.index()).is_some_and(Option::is_some)
                && let Some(list) = providers.get_mut(provided.name.index())
            {
                list.push(to_u32(at));
            }
        }
        let clauses = vec![OnceCell::new(); universe.clauses.len()];
        Self { universe, by_name, providers, slots, by_slot, clauses, absent }
    }

    /// Returns whether a package is not there.
    pub(crate) fn is_absent(&self, package: PackageId) -> bool {
        self.absent.contains(&package)
    }

    /// Returns the relations of a package. To look at each is a step, even if nothing meets it.
    pub(crate) fn links(&self, package: PackageId, budget: &Budget) -> Result<&'u [Relation], Exhausted> {
        let links = self.universe.links(package);
        budget.take(links.len())?;
        Ok(links)
    }

    /// Returns the packages of this name that the view has, newest first.
    pub(crate) fn named(&self, name: NameId) -> &[PackageId] {
        self.by_name.get(name.index()).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn slot(&self, package: PackageId) -> Option<SlotId> {
        self.slots.get(package.index()).copied().flatten()
    }

    pub(crate) fn in_slot(&self, slot: SlotId) -> &[PackageId] {
        self.by_slot.get(slot as usize).map_or(&[], Vec::as_slice)
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
        let providers = self.providers.get(alternative.name.index()).map_or(&[][..], Vec::as_slice);
        budget.take(1 + named.len() + providers.len())?;
        let is_met = |id: &&PackageId| self.universe.get(**id).is_some_and(|one| alternative.is_met_by(one));
        found.extend(named.iter().filter(is_met));
        for (id, provided) in providers.iter().filter_map(|at| self.universe.provided.get(*at as usize)) {
            if self.universe.get(*id).is_some_and(|one| alternative.is_met_by_provided(one, provided)) {
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
        let names = self.by_name.iter().filter(|packages| packages.iter().any(is_essential));
        names.map(|packages| packages.iter().copied().filter(is_native).collect()).collect()
    }
}

/// Sorts by version; packages with equal versions stay in their order.
fn sort_newest_first(universe: &Universe, packages: &mut [PackageId]) {
    packages.sort_by(|a, b| match (universe.get(*a), universe.get(*b)) {
        (Some(a), Some(b)) => b.version.cmp(&a.version),
        _ => a.cmp(b),
    });
}

/// Splits packages of one name into those of each architecture, which keep their order.
fn split_by_architecture(universe: &Universe, packages: &[PackageId]) -> Vec<Vec<PackageId>> {
    let mut split: BTreeMap<_, Vec<PackageId>> = BTreeMap::new();
    for id in packages {
        if let Some(package) = universe.get(*id) {
            split.entry(package.arch).or_default().push(*id);
        }
    }
    split.into_values().collect()
}

/// Keeps the first of equal numbers.
fn without_repeats(mut found: Vec<PackageId>) -> Box<[PackageId]> {
    if found.len() > 1 {
        let mut seen = HashSet::with_capacity(found.len());
        found.retain(|id| seen.insert(*id));
    }
    found.into()
}

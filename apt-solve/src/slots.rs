//! Which packages a name and a slot have, and who provides a name: worked out once for all views of a universe.

use crate::package::{NameId, Package, PackageId};
use crate::relation::{Provided, to_u32};
use std::collections::BTreeMap;

/// The number of what at most one package can fill: a name in one architecture.
pub(crate) type SlotId = u32;

/// The packages of a universe by name and slot, newest first. Packages with equal versions are in the order in which they were added.
#[derive(Default)]
pub(crate) struct Slots {
    by_name: Vec<Vec<PackageId>>,
    by_slot: Vec<Vec<PackageId>>,
    /// For each package its slot.
    slots: Vec<SlotId>,
    /// For each name what is provided under it: numbers of [`Universe::provided`](crate::Universe).
    providers: Vec<Vec<u32>>,
}

impl Slots {
    pub(crate) fn new(names: usize, packages: &[Package], provided: &[(PackageId, Provided)]) -> Self {
        let mut by_name: Vec<Vec<PackageId>> = vec![Vec::new(); names];
        for (at, package) in packages.iter().enumerate() {
            let of_name = by_name.get_mut(package.name.index());
            of_name.into_iter().for_each(|list| list.push(PackageId(to_u32(at))));
        }
        let mut slots = vec![0; packages.len()];
        let mut by_slot: Vec<Vec<PackageId>> = Vec::new();
        for list in &mut by_name {
            sort_newest_first(packages, list);
            for members in split_by_architecture(packages, list) {
                for id in &members {
                    slots.get_mut(id.index()).into_iter().for_each(|slot| *slot = to_u32(by_slot.len()));
                }
                by_slot.push(members);
            }
        }
        let mut providers: Vec<Vec<u32>> = vec![Vec::new(); names];
        for (at, (_, provided)) in provided.iter().enumerate() {
            let of_name = providers.get_mut(provided.name.index());
            of_name.into_iter().for_each(|list| list.push(to_u32(at)));
        }
        Self { by_name, by_slot, slots, providers }
    }

    /// Returns how many slots there are.
    pub(crate) fn len(&self) -> usize {
        self.by_slot.len()
    }

    /// Returns the packages of each name.
    pub(crate) fn names(&self) -> &[Vec<PackageId>] {
        &self.by_name
    }

    /// Returns the packages of each slot.
    pub(crate) fn all(&self) -> &[Vec<PackageId>] {
        &self.by_slot
    }

    pub(crate) fn named(&self, name: NameId) -> &[PackageId] {
        self.by_name.get(name.index()).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn in_slot(&self, slot: SlotId) -> &[PackageId] {
        self.by_slot.get(slot as usize).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn slot(&self, package: PackageId) -> Option<SlotId> {
        self.slots.get(package.index()).copied()
    }

    /// Returns what is provided under a name: numbers of [`Universe::provided`](crate::Universe).
    pub(crate) fn providers(&self, name: NameId) -> &[u32] {
        self.providers.get(name.index()).map_or(&[], Vec::as_slice)
    }
}

/// Sorts by version; packages with equal versions stay in their order.
fn sort_newest_first(packages: &[Package], list: &mut [PackageId]) {
    list.sort_by(|a, b| match (packages.get(a.index()), packages.get(b.index())) {
        (Some(a), Some(b)) => b.version.cmp(&a.version),
        _ => a.cmp(b),
    });
}

/// Splits packages of one name into those of each architecture, which keep their order.
fn split_by_architecture(packages: &[Package], list: &[PackageId]) -> Vec<Vec<PackageId>> {
    if let [only] = list {
        return vec![vec![*only]];
    }
    let mut split: BTreeMap<_, Vec<PackageId>> = BTreeMap::new();
    for id in list {
        if let Some(package) = packages.get(id.index()) {
            split.entry(package.arch).or_default().push(*id);
        }
    }
    split.into_values().collect()
}

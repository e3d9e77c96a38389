//! What archives have for machines, and what apt chooses from it.

use super::Goal;
use crate::package::{ArchId, NameId, Package, PackageId};
use crate::relation::to_u32;
use crate::universe::{Priority, Universe};
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;

/// The archives that machines get packages from: all packages of a universe but some.
pub struct Archives<'u> {
    universe: &'u Universe,
    /// What archives have of each name and architecture, what apt prefers first.
    offered: Vec<PackageId>,
    ranges: HashMap<(NameId, ArchId), Range<usize>>,
    /// For each package of the universe whether apt installs it where no version of it is installed.
    is_candidate: Vec<bool>,
}

impl fmt::Debug for Archives<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archives")
            .field("universe", self.universe)
            .field("packages", &self.offered.len())
            .finish()
    }
}

impl<'u> Archives<'u> {
    /// Looks at a universe in which no archive has the packages in `absent`, such as those that are only installed on machines.
    pub fn new(universe: &'u Universe, absent: &HashSet<PackageId>) -> Self {
        let all = (0..universe.packages.len()).map(|at| PackageId(to_u32(at)));
        let mut offered: Vec<PackageId> = all.filter(|id| !absent.contains(id)).collect();
        // Of equal versions the one that was added first: the sort is stable.
        offered.sort_by_key(|id| {
            universe
                .get(*id)
                .map(|one| (one.name, one.arch, Reverse(universe.priority(one)), Reverse(&one.version)))
        });
        let mut ranges: HashMap<_, Range<usize>> = HashMap::new();
        for (at, package) in offered.iter().enumerate().filter_map(|(at, id)| Some((at, universe.get(*id)?)))
        {
            ranges.entry((package.name, package.arch)).or_insert(at..at).end = at + 1;
        }
        let mut is_candidate = vec![false; universe.packages.len()];
        for id in ranges.values().filter_map(|range| offered.get(range.start)) {
            is_candidate.get_mut(id.index()).into_iter().for_each(|one| *one = true);
        }
        Self { universe, offered, ranges, is_candidate }
    }

    pub(super) fn universe(&self) -> &'u Universe {
        self.universe
    }

    fn offered(&self, name: NameId, arch: ArchId) -> &[PackageId] {
        let range = self.ranges.get(&(name, arch)).cloned();
        range.and_then(|range| self.offered.get(range)).unwrap_or_default()
    }

    /// Returns what apt installs of each name and architecture where it is not installed.
    pub(super) fn candidates(&self) -> impl Iterator<Item = PackageId> {
        self.ranges.values().filter_map(|range| self.offered.get(range.start).copied())
    }

    /// Returns what apt installs of a name where it is not installed.
    pub(super) fn candidate(&self, name: NameId, arch: ArchId) -> Option<PackageId> {
        self.offered(name, arch).first().copied()
    }

    /// Returns whether an archive has this version.
    pub(super) fn has(&self, package: &Package) -> bool {
        let mut offered =
            self.offered(package.name, package.arch).iter().filter_map(|id| self.universe.get(*id));
        offered.any(|one| one.version == package.version)
    }

    /// Returns what apt replaces `installed` by: of the versions that are not older the one with the highest priority, and of these the newest. `None`
    /// where it stays.
    pub(super) fn candidate_of(&self, installed: &Package) -> Option<PackageId> {
        let offered = self.offered(installed.name, installed.arch).iter();
        let offered = offered.filter_map(|id| Some((*id, self.universe.get(*id)?)));
        let mut own = Priority::INSTALLED;
        let mut best: Option<(PackageId, Priority)> = None;
        for (id, package) in offered.filter(|(_, package)| package.version >= installed.version) {
            let priority = self.universe.priority(package);
            if package.version == installed.version {
                own = own.max(priority);
            } else if best.is_none() {
                best = Some((id, priority));
            }
        }
        // Of equal priorities the newer version counts.
        best.filter(|(_, priority)| *priority >= own).map(|(id, _)| id)
    }

    /// Returns the newest version of a package that archives have, if that is older than the one that is installed: apt never goes there by itself.
    pub fn older_than(&self, installed: PackageId) -> Option<PackageId> {
        let installed = self.universe.get(installed)?;
        let offered = self.offered(installed.name, installed.arch).iter();
        let offered = offered.filter_map(|id| Some((*id, &self.universe.get(*id)?.version)));
        let (id, newest) = offered.reduce(|best, one| if one.1 > best.1 { one } else { best })?;
        (*newest < installed.version).then_some(id)
    }

    /// Returns for each package whether it can be on the machine afterwards: what is installed, and the candidates of all names.
    pub(super) fn possible(&self, goals: &[Goal]) -> Vec<bool> {
        let mut possible = self.is_candidate.clone();
        let mut set = |id: PackageId, is_possible: bool| {
            possible.get_mut(id.index()).into_iter().for_each(|one| *one = is_possible);
        };
        for goal in goals {
            let package = self.universe.get(goal.installed);
            let candidate = package.and_then(|package| self.candidate(package.name, package.arch));
            candidate.into_iter().for_each(|id| set(id, false));
            set(goal.installed, true);
            set(goal.candidate, true);
        }
        possible
    }
}

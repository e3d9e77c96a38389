//! What `apt-get dist-upgrade` does on a machine, and on which machines to try it.
//!
//! apt wants the newest version of everything that is installed, and what the new versions need. What stands in the way of that is a conflict: a
//! smallest set of packages that cannot all be upgraded or kept. One of them gives way, as in the resolver of apt (`pkgProblemResolver`): it
//! stays at its old version if that helps, and otherwise it is removed. Then the next conflict is looked for, until there is none.
//!
//! What apt does where several answers are possible depends on more than is modelled here: `Recommends`, priorities, phased updates, and the
//! order of its steps. Whether *something* has to give way does not.

mod conflict;
mod machines;
mod neighbours;
mod scores;

pub use self::machines::Upgrades;

use self::conflict::Solution;
use self::neighbours::{MOST_NEEDED, Neighbours};
use self::scores::Scores;
use crate::candidates::Candidates;
use crate::closure::{Closure, NotBuilt};
use crate::dead::Dead;
use crate::limits::{Budget, Exhausted, Limits};
use crate::package::{ArchId, NameId, Package, PackageId, SourceId};
use crate::reason::{Label, Reason, Writer};
use crate::relation::to_u32;
use crate::universe::{Universe, View};
use std::collections::{HashMap, HashSet};

/// A package that does not get its newest version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Blocked {
    /// The package that is installed.
    pub installed: Label,
    /// The version that apt would choose, if it is another one.
    pub candidate: Option<Label>,
    /// What stands in the way.
    pub reason: Reason,
}

/// What becomes of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpgradePlan {
    /// What gets a newer version: from which, to which.
    pub upgraded: Vec<(Label, Label)>,
    /// What is installed besides.
    pub installed: Vec<Label>,
    /// What is removed.
    pub removed: Vec<Blocked>,
    /// What stays at its version although there is a newer one.
    pub kept_back: Vec<Blocked>,
    /// Whether all of it was worked out before the steps of [`Limits`] were used up. Otherwise `removed` and `kept_back` are what was found until then.
    pub is_decided: bool,
}

impl Universe {
    /// Returns what `apt-get dist-upgrade` does on a machine that has `installed`, when `absent` are the packages that no archive has. Packages that are
    /// installed may be among these. `installed` has each name once in each architecture.
    ///
    /// ```
    /// use apt_solve::{Limits, Universe};
    /// use deb_parse::Architecture;
    /// let mut builder = Universe::builder(&Architecture::parse("amd64")?);
    /// let (machine, prod) = (builder.add_source("machine"), builder.add_source("prod"));
    /// let status = b"Package: app\nVersion: 1\nArchitecture: all\nDepends: libfoo (<< 2)\n\n\
    ///     Package: libfoo\nVersion: 1\nArchitecture: amd64\n";
    /// builder.read(machine, &status[..])?;
    /// builder.read(prod, &b"Package: libfoo\nVersion: 2\nArchitecture: amd64\n"[..])?;
    /// let universe = builder.build();
    /// let installed: Vec<_> = universe.packages_of(machine).collect();
    /// let absent = installed.iter().copied().collect();
    /// let plan = universe.upgrade(&installed, &absent, &Limits::default());
    /// assert_eq!(plan.upgraded[0].1.to_string(), "libfoo 2");
    /// assert_eq!(plan.removed[0].installed.to_string(), "app 1");
    /// let reason = plan.removed[0].reason.to_string();
    /// assert_eq!(reason, "app 1 needs libfoo (<< 2); only one of libfoo 1 and libfoo 2 can be installed");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn upgrade(
        &self,
        installed: &[PackageId],
        absent: &HashSet<PackageId>,
        limits: &Limits,
    ) -> UpgradePlan {
        self.upgrade_within(installed, absent, &Budget::new(limits.total_steps()))
    }

    fn upgrade_within(
        &self,
        installed: &[PackageId],
        absent: &HashSet<PackageId>,
        budget: &Budget,
    ) -> UpgradePlan {
        // Each of them is looked at some ten times, whatever is installed.
        if budget.take(self.packages.len().saturating_mul(10)).is_err() {
            return UpgradePlan::default();
        }
        let newest = newest(self, absent);
        let goals: Vec<Goal> = installed.iter().filter_map(|id| Goal::new(self, *id, &newest)).collect();
        let hidden = hidden(self, &goals, &newest);
        let candidates = Candidates::new(self, View::AllVersions, hidden);
        let mut upgrade = Upgrade { universe: self, candidates: &candidates, budget, goals };
        let solution = upgrade.run();
        upgrade.plan(solution.ok())
    }
}

impl Universe {
    /// Returns the packages of a source that machines get while `before` is absent, and that have only an older version when `after` is absent instead:
    /// each with that version. apt never goes there by itself.
    ///
    /// ```
    /// use apt_solve::Universe;
    /// use deb_parse::Architecture;
    /// let mut builder = Universe::builder(&Architecture::parse("amd64")?);
    /// let (bookworm, trixie) = (builder.add_source("bookworm"), builder.add_source("trixie"));
    /// let version = |text| format!("Package: hello\nVersion: {text}\nArchitecture: amd64\n");
    /// builder.read(bookworm, version("2.10-3").as_bytes())?;
    /// builder.read(trixie, version("2.10-2").as_bytes())?;
    /// let universe = builder.build();
    /// let of = |source| universe.packages_of(source).collect();
    /// let found = universe.older_versions(bookworm, &of(trixie), &of(bookworm));
    /// assert_eq!(found[0].1.to_string(), "hello 2.10-2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn older_versions(
        &self,
        source: SourceId,
        before: &HashSet<PackageId>,
        after: &HashSet<PackageId>,
    ) -> Vec<(Label, Label)> {
        let (before, after) = (newest(self, before), newest(self, after));
        let is_older = |(old, new): &(&Package, &Package)| old.source == source && new.version < old.version;
        let both = before.iter().filter_map(|(key, id)| self.get(*id).zip(self.get(*after.get(key)?)));
        let labels = |(old, new)| (Label::new(self, old), Label::new(self, new));
        let mut found: Vec<(Label, Label)> = both.filter(is_older).map(labels).collect();
        found.sort();
        found
    }
}

/// The number of a goal.
type GoalId = usize;

/// What apt wants for a package that is installed.
struct Goal {
    installed: PackageId,
    /// The newest version; the one that is installed if none is newer.
    candidate: PackageId,
    /// What may be there afterwards.
    allowed: Allowed,
    /// Why that is not the candidate alone.
    reason: Option<Reason>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Allowed {
    /// The candidate.
    Candidate,
    /// The candidate or what is installed.
    Either,
    /// Both, or nothing.
    Nothing,
}

impl Goal {
    fn new(universe: &Universe, installed: PackageId, newest: &Newest) -> Option<Self> {
        let package = universe.get(installed)?;
        let newest = newest.get(&(package.name, package.arch)).copied();
        let is_newer =
            |id: &PackageId| universe.get(*id).is_some_and(|other| other.version > package.version);
        let candidate = newest.filter(is_newer).unwrap_or(installed);
        Some(Self { installed, candidate, allowed: Allowed::Candidate, reason: None })
    }

    fn has_newer(&self) -> bool {
        self.candidate != self.installed
    }

    /// Returns the packages that meet the goal, one is enough; none if nothing has to be there.
    fn packages(&self) -> Vec<PackageId> {
        match self.allowed {
            Allowed::Candidate => vec![self.candidate],
            Allowed::Either => vec![self.candidate, self.installed],
            Allowed::Nothing => Vec::new(),
        }
    }

    /// Gives way by one step.
    fn relax(&mut self, reason: Reason) {
        self.allowed = match self.allowed {
            Allowed::Candidate if self.has_newer() => Allowed::Either,
            _ => Allowed::Nothing,
        };
        self.reason = Some(reason);
    }
}

/// The newest package of each name and architecture that an archive has; of equal versions the one that was added first.
type Newest = HashMap<(NameId, ArchId), PackageId>;

fn newest(universe: &Universe, absent: &HashSet<PackageId>) -> Newest {
    let mut newest = Newest::new();
    for (at, package) in universe.packages.iter().enumerate() {
        let id = PackageId(to_u32(at));
        if absent.contains(&id) {
            continue;
        }
        let known = newest.entry((package.name, package.arch)).or_insert(id);
        if universe.get(*known).is_some_and(|known| package.version > known.version) {
            *known = id;
        }
    }
    newest
}

/// Returns what cannot be on the machine afterwards: all but what is installed, and the candidates of all names.
fn hidden(universe: &Universe, goals: &[Goal], newest: &Newest) -> HashSet<PackageId> {
    let mut shown = vec![false; universe.packages.len()];
    let mut show = |id: PackageId, is_shown: bool| {
        shown.get_mut(id.index()).into_iter().for_each(|one| *one = is_shown);
    };
    newest.values().for_each(|id| show(*id, true));
    for goal in goals {
        let package = universe.get(goal.installed);
        let newest = package.and_then(|package| newest.get(&(package.name, package.arch)));
        newest.iter().for_each(|id| show(**id, false));
        show(goal.installed, true);
        show(goal.candidate, true);
    }
    let all = shown.into_iter().enumerate();
    all.filter(|(_, is_shown)| !is_shown).map(|(at, _)| PackageId(to_u32(at))).collect()
}

/// The goals that were met, and those that were not.
struct Extended {
    packages: Vec<PackageId>,
    stuck: Vec<GoalId>,
}

/// The work on one machine.
struct Upgrade<'a, 'u> {
    universe: &'u Universe,
    candidates: &'a Candidates<'u>,
    budget: &'a Budget,
    goals: Vec<Goal>,
}

impl Upgrade<'_, '_> {
    /// Lets goals give way until all that are left can be met, and returns what is there then.
    fn run(&mut self) -> Result<Vec<PackageId>, Exhausted> {
        let dead = Dead::find(self.candidates, self.budget)?;
        for at in 0..self.goals.len() {
            let Some(goal) = self.goals.get(at) else { continue };
            if goal.has_newer() && dead.unmet(goal.candidate).is_some() {
                let reason = self.writer().missing(goal.candidate, &dead)?;
                self.goals.get_mut(at).into_iter().for_each(|goal| goal.relax(reason.clone()));
            }
        }
        let scores = Scores::of(self)?;
        let neighbours = Neighbours::of(self)?;
        let mut cleared = HashSet::new();
        loop {
            let Extended { packages, stuck } = self.extend()?;
            if stuck.is_empty() {
                return Ok(packages);
            }
            if self.resolve_near(&stuck, &mut cleared, (&neighbours, &scores))? {
                continue;
            }
            let others = (0..self.goals.len()).filter(|goal| !stuck.contains(goal));
            let all: Vec<GoalId> = stuck.iter().copied().chain(others).collect();
            let conflict = match self.solve(&all)? {
                Solution::Packages(packages) => return Ok(packages),
                Solution::None => self.smallest_conflict(&all)?,
            };
            self.give_way(&conflict, &scores)?;
        }
    }

    /// Meets as many goals as possible without ever going back.
    fn extend(&self) -> Result<Extended, Exhausted> {
        let mut closure = Closure::new(self.candidates);
        let mut extended = Extended { packages: Vec::new(), stuck: Vec::new() };
        let mut order: Vec<GoalId> = (0..self.goals.len()).collect();
        // What cannot change comes first: what a new version needs shows more of a conflict than what is in its way.
        order.sort_by_key(|at| self.goals.get(*at).map(|goal| (goal.allowed, goal.has_newer())));
        // It begins a set.
        let _ = closure.build_set(&[], self.budget);
        for at in order {
            let list = self.goals.get(at).map(Goal::packages).unwrap_or_default();
            if list.is_empty() {
                continue;
            }
            match closure.extend_set(&[list], self.budget) {
                Ok(added) => extended.packages.extend(added),
                Err(NotBuilt::Stuck) => extended.stuck.push(at),
                Err(NotBuilt::Exhausted) => return Err(Exhausted),
            }
        }
        Ok(extended)
    }

    /// Lets goals give way that are in conflict with others near to them; returns whether there are any. Where there is none near to a goal, it is
    /// `cleared` and not looked at again: less can be in its way later.
    fn resolve_near(
        &mut self,
        stuck: &[GoalId],
        cleared: &mut HashSet<GoalId>,
        (neighbours, scores): (&Neighbours, &Scores),
    ) -> Result<bool, Exhausted> {
        let mut touched: HashSet<GoalId> = HashSet::new();
        for goal in stuck {
            if touched.contains(goal) || cleared.contains(goal) {
                continue;
            }
            let mut is_clear = true;
            for most in MOST_NEEDED {
                let near = self.near(*goal, most, neighbours)?;
                let Solution::None = self.solve(&near)? else { continue };
                is_clear = false;
                let conflict = self.smallest_conflict(&near)?;
                // One that shares a goal may be over with the other one; the next round sees.
                if conflict.iter().all(|goal| !touched.contains(goal)) {
                    self.give_way(&conflict, scores)?;
                    touched.extend(conflict);
                }
                break;
            }
            if is_clear {
                cleared.insert(*goal);
            }
        }
        Ok(!touched.is_empty())
    }

    fn give_way(&mut self, conflict: &[GoalId], scores: &Scores) -> Result<(), Exhausted> {
        let (victim, reason) = self.resolve(conflict, scores)?;
        self.goals.get_mut(victim).into_iter().for_each(|goal| goal.relax(reason.clone()));
        Ok(())
    }

    fn writer(&self) -> Writer<'_, '_> {
        Writer { candidates: self.candidates, view: View::AllVersions, budget: self.budget }
    }

    /// Returns what was found; `packages` is what is there afterwards, if that is known.
    fn plan(&self, packages: Option<Vec<PackageId>>) -> UpgradePlan {
        let mut plan = UpgradePlan { is_decided: packages.is_some(), ..UpgradePlan::default() };
        let mut left: HashSet<PackageId> = packages.unwrap_or_default().into_iter().collect();
        for goal in &self.goals {
            let (has_old, has_new) = (left.remove(&goal.installed), left.remove(&goal.candidate));
            let Some(installed) = self.universe.label(goal.installed) else { continue };
            let candidate = self.universe.label(goal.candidate).filter(|_| goal.has_newer());
            let blocked = |reason: &Reason| {
                let (installed, candidate) = (installed.clone(), candidate.clone());
                Blocked { installed, candidate, reason: reason.clone() }
            };
            let is_removed =
                if plan.is_decided { !has_old && !has_new } else { goal.allowed == Allowed::Nothing };
            match (&goal.reason, &candidate) {
                (Some(reason), _) if is_removed => plan.removed.push(blocked(reason)),
                (Some(reason), Some(_)) if !has_new => plan.kept_back.push(blocked(reason)),
                (_, Some(candidate)) if has_new => plan.upgraded.push((installed, candidate.clone())),
                _ => {}
            }
        }
        let mut new: Vec<PackageId> = left.into_iter().collect();
        new.sort();
        plan.installed = new.into_iter().filter_map(|id| self.universe.label(id)).collect();
        plan
    }
}

//! What `apt-get dist-upgrade` does on a machine, and on which machines to try it.
//!
//! apt wants the newest version of everything that is installed, and what the new versions need. What stands in the way of that is a conflict: a
//! smallest set of packages that cannot all be upgraded or kept. One of them gives way, as in the resolver of apt (`pkgProblemResolver`): it
//! stays at its old version if that helps, and otherwise it is removed. Then the next conflict is looked for, until there is none.
//!
//! What apt does where several answers are possible depends on more than is modelled here: `Recommends`, priorities, phased updates, and the
//! order of its steps. Whether *something* has to give way does not.

mod archives;
mod conflict;
mod machines;
mod neighbours;
mod scores;

pub use self::archives::Archives;
pub use self::machines::Upgrades;
pub use crate::universe::Priority;

use self::conflict::Solution;
use self::neighbours::{MOST_NEEDED, Neighbours};
use self::scores::Scores;
use crate::candidates::Candidates;
use crate::closure::{Closure, NotBuilt};
use crate::dead::Dead;
use crate::limits::{Budget, Exhausted, Limits};
use crate::package::{Link, Package, PackageId, SourceId};
use crate::reason::{Label, Reason, Writer};
use crate::universe::{Universe, View};
use std::collections::HashSet;
use std::fmt;

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
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
    /// What stays at its version because it is on hold, with the version that apt would choose.
    pub held: Vec<(Label, Label)>,
    /// Why apt does nothing at all, if that is so.
    pub refusal: Option<Refusal>,
    /// Whether all of it was worked out before the steps of [`Limits`] were used up. Otherwise `removed` and `kept_back` are what was found until then.
    pub is_decided: bool,
}

/// Why `apt-get dist-upgrade` ends with an error.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Something on the machine is broken already: apt wants `apt-get --fix-broken install` first.
    Unmet {
        /// A package that is installed.
        package: Label,
        /// The field of its relation.
        link: Link,
        /// A dependency that nothing installed meets, or a conflict with what is installed.
        relation: String,
    },
    /// The packages that would have to give way are on hold.
    Held(Reason),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unmet { package, link, relation } if link.is_dependency() => {
                write!(f, "{package} needs {relation}, which is not installed")
            }
            Self::Unmet { package, link, relation } => {
                let verb = if *link == Link::Breaks { "breaks" } else { "conflicts with" };
                write!(f, "{package} {verb} {relation}, which is installed")
            }
            Self::Held(reason) => write!(f, "{reason}; what is in the way is on hold"),
        }
    }
}

/// What is installed on a machine, and what of it is on hold.
///
/// ```
/// use apt_solve::upgrade::Machine;
/// assert!(Machine::new([]).installed().is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    installed: Vec<PackageId>,
    held: HashSet<PackageId>,
}

impl Machine {
    /// Describes a machine that has these packages, each name once in each architecture.
    pub fn new(installed: impl IntoIterator<Item = PackageId>) -> Self {
        Self { installed: installed.into_iter().collect(), held: HashSet::new() }
    }

    /// Puts packages on hold (`apt-mark hold`): apt neither upgrades nor removes them.
    #[must_use]
    pub fn with_held(mut self, held: impl IntoIterator<Item = PackageId>) -> Self {
        self.held.extend(held);
        self
    }

    /// Returns the packages that are installed.
    pub fn installed(&self) -> &[PackageId] {
        &self.installed
    }
}

impl Universe {
    /// Returns what `apt-get dist-upgrade` does on a machine that has `installed`, when `absent` are the packages that no archive has. Packages that are
    /// installed may be among these. `installed` has each name once in each architecture. [`Archives`] answers for several machines.
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
        Archives::new(self, absent).upgrade(&Machine::new(installed.iter().copied()), limits)
    }
}

impl Archives<'_> {
    /// Returns what `apt-get dist-upgrade` does on a machine.
    ///
    /// ```
    /// use apt_solve::upgrade::{Archives, Machine};
    /// use apt_solve::{Limits, Universe};
    /// use deb_parse::Architecture;
    /// let mut builder = Universe::builder(&Architecture::parse("amd64")?);
    /// let (old, prod) = (builder.add_source("installed"), builder.add_source("prod"));
    /// builder.read(old, &b"Package: app\nVersion: 1\nArchitecture: all\n"[..])?;
    /// builder.read(prod, &b"Package: app\nVersion: 2\nArchitecture: all\n"[..])?;
    /// let universe = builder.build();
    /// let archives = Archives::new(&universe, &universe.packages_of(old).collect());
    /// let machine = Machine::new(universe.packages_of(old)).with_held(universe.packages_of(old));
    /// let plan = archives.upgrade(&machine, &Limits::default());
    /// assert!(plan.upgraded.is_empty());
    /// assert_eq!(plan.held[0].1.to_string(), "app 2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn upgrade(&self, machine: &Machine, limits: &Limits) -> UpgradePlan {
        self.upgrade_within(machine, &Budget::new(limits.total_steps()))
    }

    pub(super) fn upgrade_within(&self, machine: &Machine, budget: &Budget) -> UpgradePlan {
        let universe = self.universe();
        // A few bytes are written for each of them, whatever is installed.
        if budget.take(universe.packages.len()).is_err() {
            return UpgradePlan::default();
        }
        let goals: Vec<Goal> = machine
            .installed
            .iter()
            .filter_map(|id| Goal::new(self, *id, machine.held.contains(id)))
            .collect();
        let candidates = Candidates::all_versions(universe, self.possible(&goals));
        let mut upgrade = Upgrade { universe, candidates: &candidates, budget, goals };
        match upgrade.run() {
            Ok(Outcome::Packages(packages)) => upgrade.plan(Some(packages)),
            Ok(Outcome::Refused(refusal)) => {
                UpgradePlan { refusal: Some(refusal), is_decided: true, ..UpgradePlan::default() }
            }
            Err(Exhausted) => upgrade.plan(None),
        }
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
        let (before, after) = (Archives::new(self, before), Archives::new(self, after));
        let is_older = |(old, new): &(&Package, &Package)| old.source == source && new.version < old.version;
        let both = before.candidates().filter_map(|id| {
            let old = self.get(id)?;
            Some((old, self.get(after.candidate(old.name, old.arch)?)?))
        });
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
    /// What apt would choose; the one that is installed if that is not newer.
    candidate: PackageId,
    /// What apt would choose if the package were not on hold.
    held_from: Option<PackageId>,
    /// Whether it stays as it is, whatever that is in the way of.
    is_held: bool,
    /// Whether an archive has the candidate.
    is_offered: bool,
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
    fn new(archives: &Archives<'_>, installed: PackageId, is_held: bool) -> Option<Self> {
        let newer = archives.candidate_of(archives.universe().get(installed)?);
        let candidate = newer.filter(|_| !is_held).unwrap_or(installed);
        let held_from = newer.filter(|_| is_held);
        let is_offered = archives.has(archives.universe().get(candidate)?);
        Some(Self {
            installed,
            candidate,
            held_from,
            is_held,
            is_offered,
            allowed: Allowed::Candidate,
            reason: None,
        })
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

/// The goals that were met, and those that were not.
struct Extended {
    packages: Vec<PackageId>,
    stuck: Vec<GoalId>,
}

/// How the work on a machine ends.
enum Outcome {
    /// These packages are there afterwards.
    Packages(Vec<PackageId>),
    /// apt does nothing.
    Refused(Refusal),
}

/// What became of goals that could not be met.
enum Step {
    GaveWay,
    Nothing,
    Refused(Refusal),
}

/// The work on one machine.
struct Upgrade<'a, 'u> {
    universe: &'u Universe,
    candidates: &'a Candidates<'u>,
    budget: &'a Budget,
    goals: Vec<Goal>,
}

impl Upgrade<'_, '_> {
    /// Lets goals give way until all that are left can be met.
    fn run(&mut self) -> Result<Outcome, Exhausted> {
        if let Some(unmet) = self.unmet()? {
            return Ok(Outcome::Refused(unmet));
        }
        // What follows costs many times as much. Most machines do not need it.
        let Extended { packages, stuck } = self.extend()?;
        if stuck.is_empty() {
            return Ok(Outcome::Packages(packages));
        }
        let wanted = self.goals.iter().filter(|goal| goal.has_newer()).map(|goal| goal.candidate);
        let dead = Dead::find_below(wanted, self.candidates, self.budget)?;
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
                return Ok(Outcome::Packages(packages));
            }
            match self.resolve_near(&stuck, &mut cleared, (&neighbours, &scores))? {
                Step::GaveWay => continue,
                Step::Refused(refusal) => return Ok(Outcome::Refused(refusal)),
                Step::Nothing => {}
            }
            let others = (0..self.goals.len()).filter(|goal| !stuck.contains(goal));
            let all: Vec<GoalId> = stuck.iter().copied().chain(others).collect();
            let conflict = match self.solve(&all)? {
                Solution::Packages(packages) => return Ok(Outcome::Packages(packages)),
                Solution::None => self.smallest_conflict(&all)?,
            };
            if let Some(refusal) = self.give_way(&conflict, &scores)? {
                return Ok(Outcome::Refused(refusal));
            }
        }
    }

    /// Meets as many goals as possible without ever going back.
    fn extend(&self) -> Result<Extended, Exhausted> {
        let mut closure = Closure::new(self.candidates);
        // What is on the machine meets a relation before anything new does.
        closure.prefer(self.goals.iter().flat_map(Goal::packages));
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
    ) -> Result<Step, Exhausted> {
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
                    if let Some(refusal) = self.give_way(&conflict, scores)? {
                        return Ok(Step::Refused(refusal));
                    }
                    touched.extend(conflict);
                }
                break;
            }
            if is_clear {
                cleared.insert(*goal);
            }
        }
        Ok(if touched.is_empty() { Step::Nothing } else { Step::GaveWay })
    }

    /// Lets a goal of a conflict give way; returns why apt does nothing where all of them are on hold.
    fn give_way(&mut self, conflict: &[GoalId], scores: &Scores) -> Result<Option<Refusal>, Exhausted> {
        let (victim, reason) = self.resolve(conflict, scores)?;
        let Some(victim) = victim else { return Ok(Some(Refusal::Held(reason))) };
        self.goals.get_mut(victim).into_iter().for_each(|goal| goal.relax(reason.clone()));
        Ok(None)
    }

    /// Returns a relation of what is installed that is broken already.
    fn unmet(&self) -> Result<Option<Refusal>, Exhausted> {
        let installed: HashSet<PackageId> = self.goals.iter().map(|goal| goal.installed).collect();
        for id in self.goals.iter().map(|goal| goal.installed) {
            let Some(package) = self.universe.get(id) else { continue };
            let mut rivals = self.candidates.rivals(id, package, self.budget)?;
            if let Some(rival) = rivals.find(|one| installed.contains(one)) {
                // Two architectures of one package, and different versions.
                let relation = self.universe.label(rival).map(|one| one.to_string()).unwrap_or_default();
                let package = Label::new(self.universe, package);
                return Ok(Some(Refusal::Unmet { package, link: Link::Conflicts, relation }));
            }
            for relation in self.candidates.links(id, self.budget)? {
                let is_broken = match relation.link.is_dependency() {
                    true => {
                        let met = self.candidates.of(relation.clause, self.budget)?;
                        self.budget.take(met.len())?;
                        !met.iter().any(|one| installed.contains(one))
                    }
                    false => {
                        let mut hit = self.candidates.conflicting(package, relation, self.budget)?;
                        hit.any(|one| installed.contains(&one))
                    }
                };
                if is_broken {
                    let relation_text = self.universe.clauses.text(relation.clause).to_owned();
                    let package = Label::new(self.universe, package);
                    return Ok(Some(Refusal::Unmet {
                        package,
                        link: relation.link,
                        relation: relation_text,
                    }));
                }
            }
        }
        Ok(None)
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
            let held_from = goal.held_from.and_then(|id| self.universe.label(id));
            plan.held.extend(held_from.map(|newer| (installed.clone(), newer)));
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

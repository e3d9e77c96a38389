//! Why something cannot be installed, as a value that is also a text.

use crate::candidates::Candidates;
use crate::core::by_distance;
use crate::dead::Dead;
use crate::encoding::Rule;
use crate::limits::{Budget, Exhausted};
use crate::package::{ArchId, Link, NameId, Package, PackageId, Relation};
use crate::universe::{Universe, View};
use deb_parse::Version;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;

/// A package in a [`Reason`] or a [`Report`](crate::Report). It prints as `hello 2.10`, or `hello:i386 2.10` if its
/// architecture is a foreign one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Label {
    /// The name.
    pub name: String,
    /// The version.
    pub version: Version,
    /// The architecture, such as `amd64` or `all`.
    pub architecture: String,
    /// Whether that is an architecture that machines have besides their native one.
    pub is_foreign: bool,
    /// Name of the source that has the package.
    pub source: String,
}

impl Label {
    pub(crate) fn new(universe: &Universe, package: &Package) -> Self {
        let architecture = match package.is_all {
            true => "all",
            false => universe.architectures.text(package.arch.0),
        };
        Self {
            name: universe.names.text(package.name.0).to_owned(),
            version: package.version.clone(),
            architecture: architecture.to_owned(),
            is_foreign: package.arch != ArchId::NATIVE,
            source: universe.source_name(package.source).to_owned(),
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.is_foreign {
            write!(f, ":{}", self.architecture)?;
        }
        write!(f, " {}", self.version)
    }
}

/// One link in the chain of a [`Reason`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fact {
    /// A package has a dependency.
    Needs {
        /// The package.
        package: Label,
        /// [`Link::Depends`] or [`Link::PreDepends`].
        link: Link,
        /// The dependency as written, with its alternatives.
        relation: String,
        /// What meets it. If there is nothing, this is the end of the chain; otherwise another fact is about each.
        candidates: Vec<Label>,
        /// If nothing meets it: packages of those names that are there, but in another version or architecture.
        near: Vec<Label>,
        /// If nothing meets it: packages that would, but that are not the newest of their name. Only in [`View::Newest`].
        superseded: Vec<Label>,
        /// If nothing meets it: packages that would, but that [are not there](crate::Checker::without).
        elsewhere: Vec<Label>,
    },
    /// A package cannot be installed together with others.
    Excludes {
        /// The package.
        package: Label,
        /// [`Link::Conflicts`] or [`Link::Breaks`].
        link: Link,
        /// The relation as written.
        relation: String,
        /// The packages that this is about.
        others: Vec<Label>,
    },
    /// Packages of one name cannot be installed together.
    OneOf {
        /// The packages.
        packages: Vec<Label>,
    },
    /// Every machine has a package of this name.
    Essential {
        /// The packages with the name.
        packages: Vec<Label>,
    },
}

/// Why a package cannot be installed: the shortest chain of facts that shows it. No fact can be left out.
///
/// It prints as one line, with `; ` between the facts; [`Reason::facts`] gives them one by one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason {
    view: View,
    facts: Vec<Fact>,
}

impl Reason {
    /// Returns the view in which this is true.
    pub fn view(&self) -> View {
        self.view
    }

    /// Returns the facts, from what was asked for towards what is missing or in conflict.
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fact) in self.facts.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{fact}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Needs { package, link, relation, candidates, near, superseded, elsewhere } => {
                let how = if *link == Link::PreDepends { "pre-depends on" } else { "needs" };
                write!(f, "{package} {how} {relation}")?;
                match &candidates[..] {
                    [] if superseded.is_empty() && !elsewhere.is_empty() => {
                        write_elsewhere(f, near, elsewhere)
                    }
                    [] => write_missing(f, near, superseded),
                    [only] if relation_names(relation, &only.name) => Ok(()),
                    several => write!(f, ", which {} {}", Listed(several, "and"), verb(several, "provide")),
                }
            }
            Self::Excludes { package, link, relation, others } => {
                let how = if *link == Link::Breaks { "breaks" } else { "conflicts with" };
                match others.iter().all(|other| relation_names(relation, &other.name)) {
                    true => write!(f, "{package} {how} {}", Listed(others, "and")),
                    false => {
                        let provides = verb(others, "provide");
                        write!(f, "{package} {how} {relation}, which {} {provides}", Listed(others, "and"))
                    }
                }
            }
            Self::OneOf { packages } => {
                write!(f, "only one of {} can be installed", Listed(packages, "and"))
            }
            Self::Essential { packages } => write!(f, "every machine has {}", Listed(packages, "or")),
        }
    }
}

/// Writes which sources would have it, and what is there.
fn write_elsewhere(f: &mut fmt::Formatter<'_>, near: &[Label], elsewhere: &[Label]) -> fmt::Result {
    let sources: BTreeSet<&str> = elsewhere.iter().map(|label| label.source.as_str()).collect();
    let has = if sources.len() == 1 { "has" } else { "have" };
    write!(f, ", which only {} {has}", sources.into_iter().collect::<Vec<_>>().join(" and "))?;
    // The relation has the name already.
    let is_alike = |label: &&Label| elsewhere.first().is_some_and(|other| other.name == label.name);
    for (at, label) in near.iter().enumerate() {
        let separator = if at == 0 { ';' } else { ',' };
        write!(f, "{separator} {} has ", label.source)?;
        match is_alike(&label) && !label.is_foreign {
            true => write!(f, "{}", label.version)?,
            false => write!(f, "{label}")?,
        }
    }
    Ok(())
}

fn write_missing(f: &mut fmt::Formatter<'_>, near: &[Label], superseded: &[Label]) -> fmt::Result {
    f.write_str(", which nothing provides")?;
    if !near.is_empty() {
        let is = if near.len() == 1 { "is" } else { "are" };
        write!(f, "; {} {is} there", Listed(near, "and"))?;
    }
    match superseded {
        [] => Ok(()),
        some => {
            let is = if some.len() == 1 { "is" } else { "are" };
            write!(f, "; {} would do, but {is} not the newest", Listed(some, "or"))
        }
    }
}

/// Returns the verb for one package or for several.
fn verb(packages: &[Label], verb: &str) -> String {
    if packages.len() == 1 { format!("{verb}s") } else { verb.to_owned() }
}

/// Returns whether an alternative of the relation has this name, so that the reader need not be told what meets it.
fn relation_names(relation: &str, name: &str) -> bool {
    let mut alternatives = relation.split('|').map(str::trim_start);
    let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "+-._".contains(c));
    alternatives.any(|one| one.strip_prefix(name).is_some_and(is_end))
}

/// Packages with commas, and a word before the last one. Of more than five, the rest is a number.
struct Listed<'a>(&'a [Label], &'static str);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        let Self(all, word) = *self;
        let shown = all.get(..SHOWN).filter(|_| all.len() > SHOWN + 1).unwrap_or(all);
        for (at, label) in shown.iter().enumerate() {
            let is_last = at + 1 == all.len();
            match at {
                0 => write!(f, "{label}")?,
                _ if is_last => write!(f, " {word} {label}")?,
                _ => write!(f, ", {label}")?,
            }
        }
        match all.len() - shown.len() {
            0 => Ok(()),
            more => write!(f, " {word} {more} more"),
        }
    }
}

/// What is near to meeting a relation that nothing meets.
#[derive(Default)]
struct Near {
    /// In the view, with a name of the relation.
    near: Vec<PackageId>,
    /// What would meet it, and is not the newest.
    superseded: Vec<PackageId>,
    /// What would meet it, and is not there.
    elsewhere: Vec<PackageId>,
}

/// Writes reasons about packages of one view.
pub(crate) struct Writer<'a, 'u> {
    pub(crate) candidates: &'a Candidates<'u>,
    pub(crate) view: View,
    pub(crate) budget: &'a Budget,
}

impl Writer<'_, '_> {
    /// Returns the chain from a dead package to what is missing.
    pub(crate) fn missing(&self, package: PackageId, dead: &Dead) -> Result<Reason, Exhausted> {
        let universe = self.candidates.universe;
        let mut facts = Vec::new();
        let mut seen = BTreeSet::from([package]);
        let mut queue = VecDeque::from([package]);
        while let Some(id) = queue.pop_front() {
            let unmet = dead.unmet(id).and_then(|at| universe.links.get(at));
            let (Some(package), Some(relation)) = (universe.get(id), unmet) else { continue };
            facts.push(self.needs(package, relation)?);
            let met = self.candidates.of(relation.clause, self.budget)?;
            queue.extend(met.iter().filter(|met| seen.insert(**met)));
        }
        Ok(Reason { view: self.view, facts })
    }

    /// Returns the facts of a smallest set of rules. The goals from `essential` on are essential packages.
    pub(crate) fn conflict(
        &self,
        goals: &[Vec<PackageId>],
        essential: usize,
        rules: &BTreeSet<Rule>,
    ) -> Result<Reason, Exhausted> {
        let involved = self.involved(goals, rules)?;
        let mut facts = Vec::new();
        let holders = rules.iter().filter_map(|rule| match rule {
            Rule::Needs(package, _) | Rule::Excludes(package, _) => Some(*package),
            Rule::OneOf(_) => None,
        });
        for id in by_distance(self.candidates, goals, &holders.collect(), self.budget)? {
            self.facts_of(id, rules, &involved, &mut facts)?;
        }
        for rule in rules {
            if let Rule::OneOf(name) = rule {
                let of_name = |id: &&PackageId| self.package(**id).is_some_and(|one| one.name == *name);
                facts.push(Fact::OneOf { packages: self.labels(involved.iter().filter(of_name)) });
            }
        }
        let implied = goals.get(essential..).unwrap_or_default();
        let about = self.named_in(rules, &facts);
        for goal in implied.iter().filter(|goal| goal.iter().any(|id| about.contains(id))) {
            facts.push(Fact::Essential { packages: self.labels(goal.iter()) });
        }
        Ok(Reason { view: self.view, facts })
    }

    /// Adds the facts about one package.
    fn facts_of(
        &self,
        id: PackageId,
        rules: &BTreeSet<Rule>,
        involved: &BTreeSet<PackageId>,
        facts: &mut Vec<Fact>,
    ) -> Result<(), Exhausted> {
        let Some(package) = self.package(id) else { return Ok(()) };
        for (relation, at) in self.candidates.links(id, self.budget)?.iter().zip(package.links.start..) {
            if rules.contains(&Rule::Needs(id, at)) {
                facts.push(self.needs(package, relation)?);
            } else if rules.contains(&Rule::Excludes(id, at)) {
                let hit = self.candidates.conflicting(package, relation, self.budget)?;
                let hit: Vec<_> = hit.filter(|other| involved.contains(other)).collect();
                facts.push(Fact::Excludes {
                    package: self.label(package),
                    link: relation.link,
                    relation: self.text(relation),
                    others: self.labels(hit.iter()),
                });
            }
        }
        Ok(())
    }

    /// Returns the packages that the goals and the dependencies among the rules can bring along.
    fn involved(
        &self,
        goals: &[Vec<PackageId>],
        rules: &BTreeSet<Rule>,
    ) -> Result<BTreeSet<PackageId>, Exhausted> {
        let mut involved: BTreeSet<PackageId> = goals.iter().flatten().copied().collect();
        for rule in rules {
            if let Rule::Needs(_, at) = rule
                && let Some(relation) = self.candidates.universe.links.get(*at as usize)
            {
                involved.extend(self.candidates.of(relation.clause, self.budget)?);
            }
        }
        Ok(involved)
    }

    /// Returns the packages that have a rule or that a fact excludes.
    fn named_in(&self, rules: &BTreeSet<Rule>, facts: &[Fact]) -> BTreeSet<PackageId> {
        let universe = self.candidates.universe;
        let of_rules = rules.iter().filter_map(|rule| match rule {
            Rule::Needs(package, _) | Rule::Excludes(package, _) => Some(*package),
            Rule::OneOf(_) => None,
        });
        let labels = facts.iter().flat_map(|fact| match fact {
            Fact::Excludes { others, .. } => others.as_slice(),
            Fact::OneOf { packages } => packages.as_slice(),
            Fact::Needs { .. } | Fact::Essential { .. } => &[],
        });
        let names = labels.filter_map(|label| universe.names.find(&label.name));
        let of_facts = names.flat_map(|name| self.candidates.named(NameId(name)).iter().copied());
        of_rules.chain(of_facts).collect()
    }

    fn needs(&self, package: &Package, relation: &Relation) -> Result<Fact, Exhausted> {
        let met = self.candidates.of(relation.clause, self.budget)?;
        let Near { near, superseded, elsewhere } =
            if met.is_empty() { self.near(relation)? } else { Near::default() };
        Ok(Fact::Needs {
            package: self.label(package),
            link: relation.link,
            relation: self.text(relation),
            candidates: self.labels(met.iter()),
            near: self.labels(near.iter()),
            superseded: self.labels(superseded.iter()),
            elsewhere: self.labels(elsewhere.iter()),
        })
    }

    /// Returns what is near to meeting a relation that nothing meets.
    fn near(&self, relation: &Relation) -> Result<Near, Exhausted> {
        let universe = self.candidates.universe;
        let mut found = Near::default();
        for alternative in universe.clauses.alternatives(relation.clause) {
            found.near.extend(self.candidates.named(alternative.name));
            self.budget.take(universe.len() + universe.provided.len())?;
            let name = universe.names.text(alternative.name.0);
            for id in universe.packages_named(name).filter(|id| self.candidates.slot(*id).is_none()) {
                if self.package(id).is_some_and(|one| alternative.is_met_by(one)) {
                    let is_absent = self.candidates.is_absent(id);
                    let list = if is_absent { &mut found.elsewhere } else { &mut found.superseded };
                    list.push(id);
                }
            }
            for (id, provided) in universe.provided.iter().filter(|(id, _)| self.candidates.is_absent(*id)) {
                if provided.name == alternative.name
                    && self.package(*id).is_some_and(|one| alternative.is_met_by_provided(one, provided))
                {
                    found.elsewhere.push(*id);
                }
            }
        }
        Ok(found)
    }

    fn package(&self, id: PackageId) -> Option<&Package> {
        self.candidates.universe.get(id)
    }

    fn text(&self, relation: &Relation) -> String {
        let text = self.candidates.universe.clauses.text(relation.clause);
        text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn label(&self, package: &Package) -> Label {
        Label::new(self.candidates.universe, package)
    }

    fn labels<'i>(&self, ids: impl Iterator<Item = &'i PackageId>) -> Vec<Label> {
        ids.filter_map(|id| self.package(*id)).map(|package| self.label(package)).collect()
    }
}

//! Who needs a package, and through which others.

use crate::candidates::Candidates;
use crate::checker::Checker;
use crate::graph::Graph;
use crate::limits::{Budget, Exhausted};
use crate::package::{Link, NameId, PackageId, Relation, SourceId};
use crate::reason::Label;
use crate::relation::{ClauseId, to_u32};
use crate::universe::Universe;
use std::collections::{HashMap, HashSet, VecDeque};

/// When the chains have this many packages together, no further one is begun.
const MAX_CHAINED: usize = 100_000;

/// How a dependency is related to the packages of a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Met {
    /// One of the packages meets it by its own name.
    ByName,
    /// One of the packages meets it by this name, which it provides.
    ByProvides(String),
    /// It has the name, and none of the packages meets it: a version or an architecture is wrong, or no package has it.
    No,
}

/// A dependency on a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Dependent {
    /// The package that has the dependency.
    pub package: Label,
    /// [`Link::Depends`] or [`Link::PreDepends`].
    pub link: Link,
    /// The dependency as written, with its alternatives.
    pub relation: String,
    /// How packages of the name meet it.
    pub met: Met,
    /// Other packages that meet it as well.
    pub others: Vec<Label>,
}

/// Who needs the packages of a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dependents {
    /// The dependencies that packages of the name meet, and those that have the name.
    pub direct: Vec<Dependent>,
    /// The shortest chains of dependencies that end at a package of the name, each from another package of the source that was asked for. No
    /// such package begins a chain that stands in another one. Not all, when the chains would have more than about 100,000 packages together.
    pub chains: Vec<Vec<Label>>,
    /// The shortest chain from an essential package.
    pub essential: Option<Vec<Label>>,
}

impl Checker<'_> {
    /// Returns which packages of the view need the packages of a name, and the chains that lead there from packages of a source. `None` when
    /// [`Limits::total_steps`](crate::Limits::total_steps) are used up.
    ///
    /// ```
    /// use apt_solve::dependents::Met;
    /// use apt_solve::{Checker, Limits, Universe, View};
    /// use deb_parse::Architecture;
    /// let mut builder = Universe::builder(&Architecture::parse("amd64")?);
    /// let source = builder.add_source("prod");
    /// let index = b"Package: shop\nVersion: 1\nArchitecture: all\nDepends: web\n\n\
    ///     Package: web\nVersion: 1\nArchitecture: all\nDepends: httpd | tiny\n\n\
    ///     Package: nginx\nVersion: 1\nArchitecture: all\nProvides: httpd\n\n\
    ///     Package: tiny\nVersion: 1\nArchitecture: all\n";
    /// builder.read(source, &index[..])?;
    /// let universe = builder.build();
    /// let checker = Checker::new(&universe, View::Newest, Limits::default());
    /// let found = checker.dependents("nginx", source).unwrap();
    /// assert_eq!(found.direct[0].met, Met::ByProvides("httpd".to_owned()));
    /// assert_eq!(found.direct[0].others[0].name, "tiny");
    /// let chain: Vec<_> = found.chains[0].iter().map(|label| label.name.as_str()).collect();
    /// assert_eq!(chain, ["shop", "web", "nginx"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dependents(&self, name: &str, source: SourceId) -> Option<Dependents> {
        let Some(name) = self.universe().names.find(name).map(NameId) else {
            return Some(Dependents::default());
        };
        let budget = Budget::new(self.limits().total_steps());
        let candidates = self.candidates();
        Search { candidates, universe: self.universe(), name, budget: &budget }.run(source).ok()
    }
}

impl Checker<'_> {
    /// Returns the packages of the view that provide a name and have another one.
    pub fn providers(&self, name: &str) -> Vec<Label> {
        let universe = self.universe();
        let Some(name) = universe.names.find(name).map(NameId) else { return Vec::new() };
        let provided = universe.provided.iter().filter(|(_, provided)| provided.name == name);
        let is_other = |id: &PackageId| universe.get(*id).is_some_and(|package| package.name != name);
        let in_view = |id: &PackageId| self.candidates().slot(*id).is_some() && is_other(id);
        let mut found: Vec<PackageId> = provided.map(|(id, _)| *id).filter(in_view).collect();
        found.dedup();
        found.iter().filter_map(|id| universe.label(*id)).collect()
    }
}

struct Search<'a, 'u> {
    candidates: &'a Candidates<'u>,
    universe: &'u Universe,
    name: NameId,
    budget: &'a Budget,
}

impl Search<'_, '_> {
    fn run(&self, source: SourceId) -> Result<Dependents, Exhausted> {
        let graph = Graph::build(self.candidates, self.budget)?;
        let targets = self.candidates.named(self.name);
        let met: HashMap<ClauseId, PackageId> = targets
            .iter()
            .rev()
            .flat_map(|target| graph.met_by(*target).map(|(clause, _)| (clause, *target)))
            .collect();
        let mut direct = Vec::new();
        for at in 0..self.universe.len() {
            let id = PackageId(to_u32(at));
            if self.candidates.slot(id).is_none() {
                continue;
            }
            for relation in self.candidates.links(id, self.budget)? {
                let by = met.get(&relation.clause).copied();
                if relation.link.is_dependency() && (by.is_some() || self.has_name(relation.clause)) {
                    direct.extend(self.dependent(id, relation, by)?);
                }
            }
        }
        let way = Way::to(targets, &graph, self.universe.len());
        let essential = way.nearest(|id| self.universe.is_essential(id));
        let essential = essential.map(|id| self.labels(&way.chain(id)));
        let of_source = |id| self.universe.source_of(id) == Some(source);
        let chains = way.chains_from(of_source).iter().map(|chain| self.labels(chain)).collect();
        direct.sort();
        direct.dedup();
        Ok(Dependents { direct, chains, essential })
    }

    fn has_name(&self, clause: ClauseId) -> bool {
        self.universe.clauses.alternatives(clause).iter().any(|one| one.name == self.name)
    }

    fn dependent(
        &self,
        holder: PackageId,
        relation: &Relation,
        by: Option<PackageId>,
    ) -> Result<Option<Dependent>, Exhausted> {
        let Some(package) = self.universe.label(holder) else { return Ok(None) };
        let all = self.candidates.of(relation.clause, self.budget)?;
        self.budget.take(all.len())?;
        let is_other =
            |id: &&PackageId| self.universe.get(**id).is_some_and(|package| package.name != self.name);
        let others: Vec<PackageId> = all.iter().filter(is_other).copied().collect();
        let text = self.universe.clauses.text(relation.clause);
        Ok(Some(Dependent {
            package,
            link: relation.link,
            relation: text.split_ascii_whitespace().collect::<Vec<_>>().join(" "),
            met: by.map_or(Met::No, |target| self.met(relation.clause, target)),
            others: self.labels(&others),
        }))
    }

    /// Returns how a package meets a clause that it does meet.
    fn met(&self, clause: ClauseId, target: PackageId) -> Met {
        let Some(package) = self.universe.get(target) else { return Met::No };
        let alternatives = self.universe.clauses.alternatives(clause);
        if alternatives.iter().any(|one| one.name == package.name && one.is_met_by(package)) {
            return Met::ByName;
        }
        let provided = self.universe.provided_by(target);
        let is_met = |name: NameId| {
            let mut those = provided.iter().filter(|(_, provided)| provided.name == name);
            those.any(|(_, provided)| {
                alternatives.iter().any(|one| one.name == name && one.is_met_by_provided(package, provided))
            })
        };
        let name = alternatives.iter().map(|one| one.name).find(|name| is_met(*name));
        name.map_or(Met::No, |name| Met::ByProvides(self.universe.names.text(name.0).to_owned()))
    }

    fn labels(&self, ids: &[PackageId]) -> Vec<Label> {
        ids.iter().filter_map(|id| self.universe.label(*id)).collect()
    }
}

/// The shortest ways along dependencies to some packages.
struct Way {
    /// The packages that have a way, the nearest first.
    reached: Vec<PackageId>,
    /// For each package that has a way, the next one on it; the package itself at the end.
    next: Vec<Option<PackageId>>,
}

impl Way {
    fn to(targets: &[PackageId], graph: &Graph, packages: usize) -> Self {
        let mut way = Self { reached: Vec::new(), next: vec![None; packages] };
        let mut seen: HashSet<ClauseId> = HashSet::new();
        let mut queue = VecDeque::new();
        for target in targets {
            if let Some(next) = way.next.get_mut(target.index()) {
                *next = Some(*target);
                queue.push_back(*target);
            }
        }
        while let Some(package) = queue.pop_front() {
            way.reached.push(package);
            for (_, holders) in graph.met_by(package).filter(|(clause, _)| seen.insert(*clause)) {
                for (holder, _) in holders {
                    if let Some(next) = way.next.get_mut(holder.index()).filter(|next| next.is_none()) {
                        *next = Some(package);
                        queue.push_back(*holder);
                    }
                }
            }
        }
        way
    }

    /// Returns the package nearest to the end, other than the end itself, that `is_wanted`.
    fn nearest(&self, is_wanted: impl Fn(PackageId) -> bool) -> Option<PackageId> {
        self.reached.iter().copied().find(|id| !self.is_end(*id) && is_wanted(*id))
    }

    fn is_end(&self, id: PackageId) -> bool {
        self.next.get(id.index()).copied().flatten() == Some(id)
    }

    /// Returns the packages on the way from this one to the end.
    fn chain(&self, from: PackageId) -> Vec<PackageId> {
        let next = |id: &PackageId| self.next.get(id.index()).copied().flatten().filter(|next| next != id);
        std::iter::successors(Some(from), next).collect()
    }

    /// Returns a chain from each of the packages that `is_wanted`, the farthest first, but for those that stand in another chain.
    fn chains_from(&self, is_wanted: impl Fn(PackageId) -> bool) -> Vec<Vec<PackageId>> {
        let (mut chains, mut covered, mut total) = (Vec::new(), HashSet::new(), 0);
        for id in self.reached.iter().rev().copied().filter(|id| !self.is_end(*id) && is_wanted(*id)) {
            if total >= MAX_CHAINED || covered.contains(&id) {
                continue;
            }
            let chain = self.chain(id);
            covered.extend(chain.iter().copied());
            total += chain.len();
            chains.push(chain);
        }
        chains
    }
}

//! The packages of a suite before and after a change, with what its clients have besides, on each kind of machine.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use apt_solve::{Checker, Fact, Finding, Label, Limits, PackageId, Reason, Universe, Verdict, View};
use deb_parse::Architecture;

use crate::error::Error;
use crate::model::name::RepositoryName;
use crate::model::record::{Build, Record, RecordKey};
use crate::operations::bases::{BaseInUse, add_record};
use crate::store::Store;
use crate::transaction::suite_changes::SuiteChange;

/// Packages that reasons may name: those of the repository that a change comes from.
pub(crate) type Elsewhere<'a> = (&'a RepositoryName, &'a [Arc<Record>]);

/// The name of the source that has what goes, in reasons.
const GOING: &str = "the present state";

/// A change of a suite, ready to be judged with more or less of what comes.
pub(crate) struct Judgement {
    machines: Vec<Machine>,
}

/// A package that can be installed no more, or that comes and cannot be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Regression {
    /// The package; `None` for the essential packages together.
    pub(crate) package: Option<Label>,
    /// Why; `None` when that is not decided.
    reason: Option<Reason>,
    /// The package file, if it is one that comes.
    pub(crate) key: Option<RecordKey>,
    /// The kinds of machines that it is about; none when it is the same on all.
    only_on: Vec<Architecture>,
}

impl Regression {
    /// Returns the sentence about it.
    pub(crate) fn in_words(&self, repository: &RepositoryName) -> String {
        let words = self.on_any(repository);
        if self.only_on.is_empty() {
            return words;
        }
        let names: Vec<&str> = self.only_on.iter().map(Architecture::as_str).collect();
        format!("on {}: {words}", names.join(" and "))
    }

    /// Returns the sentence without the kinds of machines.
    fn on_any(&self, repository: &RepositoryName) -> String {
        let Some(package) = &self.package else {
            let reason = self.reason.as_ref().map_or_else(String::new, ToString::to_string);
            return format!("essential packages could not be installed together: {reason}");
        };
        let Some(reason) = &self.reason else {
            return format!("whether {package} can be installed is not decided: too many possibilities");
        };
        let is_own = self.key.is_some() || package.source == repository.as_str();
        let of = if is_own { String::new() } else { format!(" of {}", package.source) };
        match reason.facts().first() {
            Some(Fact::Needs { package: first, .. } | Fact::Excludes { package: first, .. })
                if first == package && of.is_empty() =>
            {
                reason.to_string()
            }
            _ => format!("{package}{of} cannot be installed: {reason}"),
        }
    }

    /// Returns the names of all packages that the reason is about.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        let facts = self.reason.iter().flat_map(Reason::facts);
        facts.flat_map(labels).map(|label| label.name.as_str()).collect()
    }

    /// Returns the packages from elsewhere that would meet what is missing.
    pub(crate) fn elsewhere(&self) -> impl Iterator<Item = &Label> {
        let facts = self.reason.iter().flat_map(Reason::facts);
        facts.flat_map(|fact| match fact {
            Fact::Needs { elsewhere, .. } => elsewhere.as_slice(),
            _ => &[],
        })
    }
}

fn labels(fact: &Fact) -> Vec<&Label> {
    match fact {
        Fact::Needs { package, candidates, near, .. } => {
            [package].into_iter().chain(candidates).chain(near).collect()
        }
        Fact::Excludes { package, others, .. } => [package].into_iter().chain(others).collect(),
        Fact::OneOf { packages } | Fact::Essential { packages } => packages.iter().collect(),
        _ => Vec::new(),
    }
}

/// Machines of one architecture: all packages before and after the change, in one universe.
struct Machine {
    architecture: Architecture,
    universe: Universe,
    going: Vec<PackageId>,
    /// What may come, by its key.
    coming: BTreeMap<RecordKey, PackageId>,
}

/// Returns whether anything that machines install comes or goes.
pub(super) fn concerns_machines(change: &SuiteChange) -> bool {
    let is_source = |key: &RecordKey| key.architecture.is_source();
    change.added.iter().any(|record| record.is_for_machines()) || !change.removed.iter().all(is_source)
}

impl Judgement {
    pub(super) fn prepare(
        store: &Store,
        (repository, published): (&RepositoryName, &[Architecture]),
        bases: &[BaseInUse],
        change: &SuiteChange,
        elsewhere: Option<Elsewhere<'_>>,
    ) -> Result<Self, Error> {
        let mut machines = Vec::new();
        for architecture in architectures(published, change, elsewhere) {
            machines.push(Machine::new(store, (repository, &architecture), bases, change, elsewhere)?);
        }
        Ok(Self { machines })
    }

    /// Returns what gets worse when all that goes is gone, and these of what may come are there. The same on several kinds of machines is told once.
    pub(crate) fn regressions(&self, coming: &BTreeSet<RecordKey>) -> Vec<Regression> {
        let mut found: BTreeMap<Regression, Vec<Architecture>> = BTreeMap::new();
        for machine in &self.machines {
            for regression in machine.regressions(coming) {
                found.entry(regression).or_default().push(machine.architecture.clone());
            }
        }
        let is_on_all = |on: &Vec<Architecture>| on.len() == self.machines.len();
        let on = |(regression, on): (Regression, Vec<Architecture>)| {
            let only_on = if is_on_all(&on) { Vec::new() } else { on };
            Regression { only_on, ..regression }
        };
        found.into_iter().map(on).collect()
    }
}

/// Returns the architectures of the machines that a change can mean anything to.
fn architectures(
    published: &[Architecture],
    change: &SuiteChange,
    elsewhere: Option<Elsewhere<'_>>,
) -> BTreeSet<Architecture> {
    let own = |key: &RecordKey| match &key.architecture {
        Build::For(architecture) => Some(architecture.clone()),
        Build::Source => None,
    };
    let added = change.added.iter().map(|record| record.key());
    let others = elsewhere.into_iter().flat_map(|(_, records)| records).map(|record| record.key());
    let changed: BTreeSet<_> = added.chain(&change.removed).chain(others).filter_map(own).collect();
    let before = change.before.iter().filter_map(|record| own(record.key()));
    let all: BTreeSet<_> = published.iter().cloned().chain(before).chain(changed.iter().cloned()).collect();
    let for_all = changed.iter().any(Architecture::is_all);
    all.into_iter().filter(|one| !one.is_all() && (for_all || changed.contains(one))).collect()
}

impl Machine {
    fn new(
        store: &Store,
        (repository, architecture): (&RepositoryName, &Architecture),
        bases: &[BaseInUse],
        change: &SuiteChange,
        elsewhere: Option<Elsewhere<'_>>,
    ) -> Result<Self, Error> {
        let mut builder = Universe::builder(architecture);
        let own = builder.add_source(repository.as_str());
        let before = builder.add_source(GOING);
        let removed: BTreeSet<&RecordKey> = change.removed.iter().collect();
        let (mut going, mut coming) = (Vec::new(), BTreeMap::new());
        for record in &change.before {
            let is_going = removed.contains(record.key());
            let source = if is_going { before } else { own };
            let id = add_record(&mut builder, source, record);
            going.extend(id.filter(|_| is_going));
        }
        let is_there =
            |record: &Record| change.before.binary_search_by(|own| own.key().cmp(record.key())).is_ok();
        let added = change.added.iter().map(|record| (own, record));
        let (name, records) = elsewhere.map_or(("", &[][..]), |(name, records)| (name.as_str(), records));
        let other = builder.add_source(name);
        let others = records.iter().filter(|record| !is_there(record)).map(|record| (other, record));
        for (source, record) in added.chain(others) {
            if !coming.contains_key(record.key())
                && let Some(id) = add_record(&mut builder, source, record)
            {
                coming.insert(record.key().clone(), id);
            }
        }
        for base in bases {
            base.add_to(store, &mut builder, architecture)?;
        }
        Ok(Self { architecture: architecture.clone(), universe: builder.build(), going, coming })
    }

    /// Looks at the packages as if these were not there.
    fn without(&self, absent: HashSet<PackageId>) -> Checker<'_> {
        Checker::without(&self.universe, View::Newest, Limits::default(), absent)
    }

    fn regressions(&self, coming: &BTreeSet<RecordKey>) -> Vec<Regression> {
        let comes = |key: &RecordKey| coming.contains(key);
        let came: Vec<_> = self.coming.iter().filter(|(key, _)| comes(key)).map(|(_, id)| *id).collect();
        let changed: Vec<PackageId> = self.going.iter().copied().chain(came.iter().copied()).collect();
        if changed.is_empty() {
            return Vec::new();
        }
        let absent = self.coming.iter().filter(|(key, _)| !comes(key)).map(|(_, id)| *id);
        let after = self.without(absent.chain(self.going.iter().copied()).collect());
        let report = after.each(self.universe.affected_by(&changed));
        if report.findings.is_empty() && report.essential.is_none() {
            return Vec::new();
        }
        let before = self.without(self.coming.values().copied().collect());
        let mut found = Vec::new();
        if let Some(reason) = report.essential
            && before.each([]).essential.is_none()
        {
            found.push(Regression { package: None, reason: Some(reason), key: None, only_on: Vec::new() });
        }
        let is_worse = |finding: &Finding| self.is_worse(finding, &before);
        for finding in report.findings.into_iter().filter(is_worse) {
            let reason = match finding.verdict {
                Verdict::Broken(reason) => Some(reason),
                _ => None,
            };
            let key = self.coming.iter().find(|(_, id)| **id == finding.id).map(|(key, _)| key.clone());
            let package = Some(finding.package);
            found.push(Regression { package, reason, key, only_on: Vec::new() });
        }
        found
    }

    /// Returns whether a package of that name could be installed before, or there was none. Where nobody can tell, it counts as worse.
    fn is_worse(&self, finding: &Finding, before: &Checker<'_>) -> bool {
        if finding.verdict == Verdict::NotDecided {
            return true;
        }
        let came: HashSet<PackageId> = self.coming.values().copied().collect();
        let known = self.universe.packages_named(&finding.package.name).filter(|id| !came.contains(id));
        let verdicts: Vec<Verdict> = known.map(|id| before.package(id)).collect();
        !verdicts.iter().any(|verdict| matches!(verdict, Verdict::Broken(_)))
    }
}

#[cfg(test)]
mod tests {
    use deb_parse::{PackageName, Version};

    use super::*;

    #[test]
    fn what_is_not_decided_is_told_as_that() {
        let mut builder = Universe::builder(&Architecture::parse("amd64").unwrap());
        let source = builder.add_source("prod");
        let index = b"Package: aa\nVersion: 1\nArchitecture: all\n";
        builder.read(source, &index[..]).unwrap();
        let universe = builder.build();
        let id = universe.packages_of(source).next().unwrap();
        let key = RecordKey {
            package: PackageName::parse("aa").unwrap(),
            version: Version::parse("1").unwrap(),
            architecture: Build::For(Architecture::all()),
        };
        let package = universe.label(id);
        let architecture = Architecture::parse("amd64").unwrap();
        let coming = BTreeMap::from([(key.clone(), id)]);
        let machine = Machine { architecture, universe, going: Vec::new(), coming };
        // It never passes, whatever was there before.
        let before = machine.without(HashSet::new());
        let limits = Limits::default().with_total_steps(1);
        let after = Checker::without(&machine.universe, View::Newest, limits, HashSet::new());
        let finding = after.each([id]).findings.remove(0);
        assert_eq!(finding.verdict, Verdict::NotDecided);
        assert!(machine.is_worse(&finding, &before));
        let prod = RepositoryName::parse("prod").unwrap();
        let regression = Regression { package, reason: None, key: Some(key), only_on: Vec::new() };
        insta::assert_snapshot!(regression.in_words(&prod), @"whether aa 1 can be installed is not decided: too many possibilities");
    }
}

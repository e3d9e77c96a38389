//! What the repository is for machines now, and what it would become.

use std::collections::HashSet;
use std::sync::Arc;

use apt_solve::status::{Fleet, Kind};
use apt_solve::upgrade::Priority;
use apt_solve::{Builder, PackageId, SourceId, Universe};
use deb_parse::SuiteName;
use repo_store::model::record::Record;
use repo_store::operations::promotion::PromoteOptions;
use repo_store::{RepositorySettings, Revision};

use super::{Prepared, PreviewArguments};
use crate::cmd::check::scope::{Bases, add_records, binaries};
use crate::cmd::promote::check_matched;
use crate::error::Failure;
use crate::only_names::OnlyNames;
use crate::output::{Output, count};
use crate::session::Session;

/// The packages of a suite before a change and after it.
pub(super) struct Change<'a> {
    pub(super) repository: &'a RepositorySettings,
    pub(super) suite: SuiteName,
    /// The name of the state afterwards, as it was given.
    pub(super) name: String,
    both: Vec<Arc<Record>>,
    only_before: Vec<Arc<Record>>,
    only_after: Vec<Arc<Record>>,
}

impl<'a> Change<'a> {
    /// Finds what clients see now, and what they would see: the state that is named, with the promotion or rollback that is asked for.
    pub(super) fn find(
        arguments: &PreviewArguments,
        session: &'a Session,
        output: &Output,
    ) -> Result<Self, Failure> {
        let spec = &arguments.state;
        let (repository, named) = spec.resolve(session)?;
        spec.check_suites(repository, named.as_ref(), arguments.suite.as_slice())?;
        if spec.names_a_revision() && arguments.to.is_some() {
            return Err(Failure::Usage("--to and REPOSITORY@STATE both name a state: give one of them"));
        }
        if spec.names_a_revision() && arguments.from.is_some() {
            return Err(Failure::Usage(
                "a promotion changes the present state: give --from or REPOSITORY@STATE, not both",
            ));
        }
        let named = match &arguments.to {
            Some(to) => Some(session.resolve(&repository.name, to)?),
            None => named,
        };
        let mut suites = spec.suites(repository, named.as_ref());
        suites.retain(|suite| arguments.suite.as_ref().is_none_or(|asked| asked == suite));
        let [suite] = suites.as_slice() else {
            return Err(Failure::Usage(
                "the machines use one suite: name it with --suite, or as REPOSITORY/SUITE",
            ));
        };
        let published = session.store.current_publication(&repository.name)?.and_then(|one| one.commit);
        let published = published.map(|id| session.store.revision(&repository.name, id)).transpose()?;
        let before = records(published.as_ref(), suite)?;
        let mut after = records(named.as_ref(), suite)?;
        if let Some(from) = &arguments.from {
            after.extend(promoted(arguments, (from, repository, suite), session, output)?);
        }
        let name = spec.without_suite();
        let (both, only_before, only_after) = compared(before, after);
        Ok(Self { repository, suite: suite.clone(), name, both, only_before, only_after })
    }

    /// Returns whether machines would see something else than now.
    pub(super) fn is_one(&self) -> bool {
        !self.only_before.is_empty() || !self.only_after.is_empty()
    }

    /// Makes what machines of one kind can have, with what is installed on them.
    pub(super) fn universe(
        &self,
        bases: &Bases<'_>,
        (fleet, kind): (&Fleet, &Kind),
    ) -> Result<Prepared, Failure> {
        let mut builder = Universe::builder(&kind.native);
        kind.foreign.iter().for_each(|one| builder.add_foreign(one));
        self.add(&mut builder, &self.both)?;
        let old = self.add(&mut builder, &self.only_before)?;
        let new = self.add(&mut builder, &self.only_after)?;
        for architecture in std::iter::once(&kind.native).chain(&kind.foreign) {
            bases.add_to(&mut builder, &self.suite, architecture)?;
        }
        let installed = builder.add_source("the machine");
        let machines = fleet.add_to(&mut builder, installed, kind);
        let machines =
            machines.map_err(|_| Failure::Usage("the machines have too many different packages"))?;
        let universe = builder.build();
        let of = |sources: &[SourceId]| -> HashSet<PackageId> {
            sources.iter().flat_map(|source| universe.packages_of(*source)).collect()
        };
        let absent_before = self.is_one().then(|| of(&[installed, new]));
        let absent_after = of(&[installed, old]);
        Ok(Prepared { universe, machines, absent_before, absent_after })
    }

    fn add(&self, builder: &mut Builder, records: &[Arc<Record>]) -> Result<SourceId, Failure> {
        let name = self.repository.name.to_string();
        let source = builder.add_source(&name);
        let settings = self.repository.suite(&self.suite);
        builder.set_priority(
            source,
            match settings.map(|suite| (suite.not_automatic, suite.but_automatic_upgrades)) {
                Some((true, true)) => Priority::INSTALLED,
                Some((true, false)) => Priority::ON_REQUEST,
                _ => Priority::DEFAULT,
            },
        );
        add_records(builder, source, records, &name)?;
        Ok(source)
    }
}

fn records(revision: Option<&Revision<'_>>, suite: &SuiteName) -> Result<Vec<Arc<Record>>, Failure> {
    match revision.filter(|revision| revision.commit().suites.contains_key(suite)) {
        Some(revision) => binaries(revision, suite),
        None => Ok(Vec::new()),
    }
}

/// Returns what a promotion would bring into the suite. Gates and holds keep out what they would keep out of it.
fn promoted(
    arguments: &PreviewArguments,
    (from, to, suite): (&str, &RepositorySettings, &SuiteName),
    session: &Session,
    output: &Output,
) -> Result<Vec<Arc<Record>>, Failure> {
    let from = session.repository(from)?;
    let options = PromoteOptions {
        selectors: arguments.selectors.clone(),
        everything: arguments.selectors.is_empty(),
        suites: vec![suite.clone()],
        whole_source: arguments.whole_source,
        with_dependencies: arguments.with_dependencies,
        now: Some(session.context().now),
        ..PromoteOptions::default()
    };
    let plan = session.store.plan_promotion(from, to, &options)?;
    let only = OnlyNames::default();
    check_matched(plan.unmatched(), &from.name, (options.whole_source, &only), session)?;
    for (number, what) in [(plan.held().len(), "on hold"), (plan.gated().len(), "kept out by a gate")] {
        if number > 0 {
            let what = format!("{} not promoted: {what}", count(number, "package"));
            output.warn("W-LEFT-BEHIND", what);
        }
    }
    let changes = plan.changes().iter().filter(|(changed, _)| *changed == suite);
    let is_installed = |record: &&Arc<Record>| !record.key().architecture.is_source();
    Ok(changes.map(|(_, record)| record).filter(is_installed).cloned().collect())
}

type Records = Vec<Arc<Record>>;

/// Returns what both have, and what only one has.
fn compared(before: Records, after: Records) -> (Records, Records, Records) {
    let known: HashSet<Vec<u8>> = before.iter().map(|record| record.stanza().to_vec()).collect();
    let mut seen: HashSet<Vec<u8>> = HashSet::new();
    let after: Records = after.into_iter().filter(|record| seen.insert(record.stanza().to_vec())).collect();
    let (both, only_after) = after.into_iter().partition(|record| known.contains(record.stanza()));
    let only_before = before.into_iter().filter(|record| !seen.contains(record.stanza())).collect();
    (both, only_before, only_after)
}

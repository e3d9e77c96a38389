use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::{Architecture, PackageName, SourceName, SuiteName, Version};
use repo_store::model::record::{Build, Record};
use repo_store::model::{CommitId, Difference};
use repo_store::operations::reissue::{HazardKind, ReissuePlan, ReissuedPackage, release_of};
use repo_store::operations::rollback::RollbackPlan;
use repo_store::{PublishOptions, RepositorySettings, Revision};
use serde::Serialize;

use super::diff::DifferenceJson;
use super::reissue::ReissueJson;
use super::{changes, diff, hold, reissue};
use crate::args::{ChangeArguments, LimitArguments, OverrideArguments, RowLimits as _};
use crate::error::{Failure, Outcome};
use crate::guard::{self, Loss};
use crate::json_value::{JsonDocument, Text};
use crate::output::{Grouped, Output, count, grouped};
use crate::package_count::{ChangeCount, PackageCount};
use crate::planned::{BaseArguments, base, carry_out};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RollbackArguments {
    /// The repository
    repository: String,
    /// The state to go back to: a number or commit as `history` shows them, a tag, `@-1` for the one before the last change, or a time
    /// such as `2026-11-26`, `2026-11-26 20:16`, `yesterday` or `2 hours ago` (UTC)
    #[arg(long, value_name = "REVISION", allow_hyphen_values = true)]
    to: String,
    /// Only this suite; may be given several times
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
    /// Also publish each version that goes down again above the one that it replaces, so that machines go back with their next upgrade
    #[arg(long)]
    reissue: bool,
    /// With --reissue, go on although this kind of change cannot be undone on machines; may be given several times
    #[arg(long, value_name = "KIND", requires = "reissue", value_parser = reissue::parse_kind)]
    accept: Vec<HazardKind>,
    /// Also when nothing, or less than half, of a suite would be left
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    base: BaseArguments,
    #[command(flatten)]
    gates: OverrideArguments,
    #[command(flatten)]
    rows: LimitArguments,
    #[command(flatten)]
    change: ChangeArguments,
}

impl RollbackArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.change.dry_run
    }

    /// Returns the repository that it changes.
    pub(crate) fn repository(&self) -> &str {
        &self.repository
    }
}

/// The document of `rollback`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RolledBackJson<'a> {
    /// The state that the change was planned from: with `--base`, a change is made only from this one
    base: String,
    /// The new state of the repository; null when nothing changed
    commit: Option<Text<CommitId>>,
    /// How much changed
    count: ChangeCount,
    /// The package files that were removed (`a`) and restored (`b`)
    differences: Vec<DifferenceJson<'a>>,
    /// Whether nothing was changed
    dry_run: bool,
    /// The versions that are held from now on
    held: Vec<String>,
    /// The versions whose hold ends
    no_longer_held: Vec<String>,
    /// The packages that come out again under a higher version, with `--reissue`
    reissues: Vec<ReissueJson>,
    /// The state that the repository is as in again
    to: Text<CommitId>,
}

impl JsonDocument for RolledBackJson<'_> {}

pub(crate) fn run(
    arguments: &RollbackArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repository = session.repository_to_change(&arguments.repository, arguments.change)?;
    let target = session.resolve(&repository.name, &arguments.to)?;
    let limit = arguments.rows.limit(output);
    let make = || {
        let plan = session.store.plan_rollback(&target, &arguments.suites)?;
        let plan = plan.meeting_gate(repository, arguments.gates.gate_override());
        arguments.base.check(&repository.name, &[plan.base()])?;
        if !arguments.reissue {
            return Ok(plan);
        }
        let accept = arguments.accept.iter().copied().collect();
        Ok(plan.with_reissues(&session.store, repository, &accept)?)
    };
    let (plan, commit) = carry_out(make, |plan: &RollbackPlan| {
        let losses = losses(plan.changes(), |suite| plan.records_before(suite));
        if arguments.change.dry_run {
            plan.check(&session.store, &session.context())?;
            guard::foretell(&repository.name, &losses, arguments.yes, output);
            return Ok(None);
        }
        guard::check(&repository.name, &losses, arguments.yes, output)?;
        let applied = plan.apply(&session.store, &session.context());
        if applied.as_ref().is_err_and(reissue::is_refused) {
            plan.reissues().iter().for_each(|plan| reissue::print_hazards(plan, limit, output));
        }
        Ok(applied?.commit)
    })?;
    let differences = plan.changes();
    let (held, lifted) = plan.holds(&session.context());
    let reissued = plan.reissues().iter().flat_map(ReissuePlan::packages).map(ReissuedPackage::key);
    let document = RolledBackJson {
        base: base(&[plan.base()]),
        commit: commit.map(Text),
        count: ChangeCount::of(differences).and_added(PackageCount::of(reissued)),
        differences: diff::json(differences),
        dry_run: arguments.change.dry_run,
        held: hold::names(&held),
        no_longer_held: hold::names(&lifted),
        reissues: plan.reissues().iter().map(ReissueJson::new).collect(),
        to: Text(target.id()),
    };
    output.result(&document, || {
        if output.shows_change(arguments.change.dry_run) {
            let rows = changes::print(changes::exchanges(diff::each(differences)), limit, output);
            output.total(rows, &total(differences));
            for plan in plan.reissues() {
                output.line(&format!("reissue {}:", plan.reissued()));
                reissue::print_plan(plan, limit, output);
            }
        }
    });
    if arguments.change.dry_run {
        plan.reissues().iter().for_each(|plan| reissue::foretell(plan, output));
    }
    let (sequence, id) = (target.commit().sequence, target.id().short());
    let done = match (differences.is_empty(), arguments.change.dry_run) {
        (true, _) => format!("nothing to roll back: {} is as it was in {sequence} ({id})", repository.name),
        (false, true) => format!("would roll {} back to {sequence} ({id})", repository.name),
        (false, false) => format!("rolled {} back to {sequence}", repository.name),
    };
    // What clients go back to must be whole, also where it is taken over.
    let options = PublishOptions { check_all: true, ..PublishOptions::default() };
    session.finish_change_with(options, &done, (repository, commit), arguments.change, output)?;
    hold::say_changed(&held, &lifted, arguments.change.dry_run, output);
    let restored = differences.values().flat_map(|change| &change.only_second).map(|record| record.key());
    hold::warn_of_returned(restored, &repository.name, limit, (session, output))?;
    plan.reissues().iter().for_each(|plan| reissue::say_what_follows(plan, output));
    changes::print_rebuilt(repository, commit, session, output)?;
    changes::print_undo(repository, commit, session, output);
    if commit.is_some() && !arguments.reissue {
        print_upgraded_machines(&target, repository, differences, output)?;
    }
    Ok(Outcome::Done)
}

/// Returns what each suite loses; `before` tells how many records a suite has now.
pub(super) fn losses(
    changes: &BTreeMap<SuiteName, Difference>,
    before: impl Fn(&SuiteName) -> u64,
) -> Vec<Loss> {
    let loss = |(suite, change): (&SuiteName, &Difference)| {
        let going = (change.only_first.len() as u64).saturating_sub(change.only_second.len() as u64);
        Loss { suite: suite.clone(), before: before(suite), going }
    };
    changes.iter().map(loss).collect()
}

/// Prints the versions that upgraded machines keep after a rollback, and the commands that bring one machine or all machines back.
pub(super) fn print_upgraded_machines(
    target: &Revision<'_>,
    repository: &RepositorySettings,
    differences: &BTreeMap<SuiteName, Difference>,
    output: &Output,
) -> Result<(), Failure> {
    let stale = upgraded_machines(target, repository, differences)?;
    for Stale { package, gone, left, places, .. } in stale.iter().take(SHOWN) {
        let places = machines(places, repository);
        output.say(&match left {
            Some(left) => format!(
                "machines ({places}) that already upgraded keep {package} {gone}; to bring one back: \
                 repo-cli client-config {} --pin {package}={left}",
                repository.name
            ),
            None => format!("machines ({places}) that already installed {package} {gone} keep it"),
        });
    }
    if stale.len() > SHOWN {
        output.say(&format!("and {}", count(stale.len() - SHOWN, "more package")));
    }
    let returns: BTreeSet<&SourceReturn> = stale.iter().filter_map(|stale| stale.sources.as_ref()).collect();
    for SourceReturn { source, bad, good } in returns.iter().take(SHOWN) {
        let name = &repository.name;
        output.say(&format!(
            "to bring all of them back with their next upgrade: repo-cli reissue {name} {source}={bad} --as {good}"
        ));
    }
    if returns.len() > SHOWN {
        output.say(&format!("and {}", count(returns.len() - SHOWN, "more source")));
    }
    Ok(())
}

/// Returns how many packages are removed and restored.
pub(super) fn total(differences: &BTreeMap<SuiteName, Difference>) -> String {
    let ChangeCount { removed, added } = ChangeCount::of(differences);
    format!("{removed} to remove, {added} to restore")
}

/// So many packages are named that machines keep in the newer version.
const SHOWN: usize = 5;

/// Suites and architectures of machines.
type Places = BTreeSet<(SuiteName, Build)>;

/// A version that machines may keep though it is gone: apt never goes back by itself.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Stale {
    package: PackageName,
    gone: Version,
    /// The newest that is left for them; `None` when none is.
    left: Option<Version>,
    /// What would bring all of these machines back, if a version is left for them.
    sources: Option<SourceReturn>,
    /// The suites and architectures of these machines.
    places: Places,
}

/// A source, the version that machines have of it, and the one that they are to have.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct SourceReturn {
    source: SourceName,
    bad: Version,
    good: Version,
}

/// Names machines by their suites and architectures; those of a whole suite by the suite alone.
fn machines(places: &Places, repository: &RepositorySettings) -> String {
    let has = |suite: &SuiteName, build: Build| places.contains(&(suite.clone(), build));
    let whole = repository.suites.iter().filter(|suite| {
        !suite.architectures.is_empty()
            && suite.architectures.iter().cloned().map(Build::For).all(|build| has(&suite.name, build))
    });
    let whole: BTreeSet<&SuiteName> = whole.map(|suite| &suite.name).collect();
    let groups = grouped(places.iter().map(|(suite, build)| {
        let build = if whole.contains(suite) { Build::For(Architecture::all()) } else { build.clone() };
        ((), build, suite.clone())
    }));
    let groups = groups.into_iter().map(|Grouped { architectures, suites, .. }| {
        if architectures == ALL { suites } else { format!("{suites} on {architectures}") }
    });
    groups.collect::<Vec<_>>().join("; ")
}

/// The versions that machines may have and that are gone now, each with what the same machines can go back to.
fn upgraded_machines(
    target: &Revision<'_>,
    repository: &RepositorySettings,
    differences: &BTreeMap<SuiteName, Difference>,
) -> Result<Vec<Stale>, Failure> {
    let mut stale: BTreeMap<(PackageName, Version, Option<Version>, Option<SourceReturn>), Places> =
        BTreeMap::new();
    for (suite, difference) in differences {
        let gone = difference.only_first.iter();
        let gone: Vec<&Arc<Record>> = gone.filter(|record| !record.key().architecture.is_source()).collect();
        for gone in gone.chunk_by(|a, b| a.key().package == b.key().package) {
            let Some(package) = gone.first().map(|record| &record.key().package) else { continue };
            let left = target.versions(suite, package)?;
            let left: Vec<&Arc<Record>> = left.iter().collect();
            let settings = repository.suite(suite).into_iter();
            let mut machines: BTreeSet<Build> =
                settings.flat_map(|suite| suite.architectures.iter().cloned().map(Build::For)).collect();
            let built = gone.iter().chain(&left).map(|record| &record.key().architecture);
            machines.extend(built.filter(|build| !build.is_source() && build.as_str() != ALL).cloned());
            let keeps = machines.into_iter().filter_map(|machine| {
                let had = newest_for(&machine, gone)?;
                let left = newest_for(&machine, &left);
                let is_kept = left.is_none_or(|left| left.key().version < had.key().version);
                // A metapackage is built again with what it pins.
                let left_source = left.filter(|_| !repository.is_metapackage(package.as_str()));
                let sources = left_source.and_then(|left| SourceReturn::between(had, left));
                let left = left.map(|left| left.key().version.clone());
                is_kept.then(|| (machine, (package.clone(), had.key().version.clone(), left, sources)))
            });
            for (machine, versions) in keeps {
                stale.entry(versions).or_default().insert((suite.clone(), machine));
            }
        }
    }
    let stale = stale.into_iter().map(|((package, gone, left, sources), places)| Stale {
        package,
        gone,
        left,
        sources,
        places,
    });
    Ok(stale.collect())
}

impl SourceReturn {
    /// Returns how the source of a package goes back; `None` when the two are not of one source, or of one version of it.
    fn between(had: &Record, left: &Record) -> Option<Self> {
        let (source, bad, good) = (had.source().0, release_of(had), release_of(left));
        (source == left.source().0 && good < bad).then_some(Self { source, bad, good })
    }
}

/// Returns the newest record that a machine of an architecture sees: builds for it and those for all.
fn newest_for<'a>(machine: &Build, records: &[&'a Arc<Record>]) -> Option<&'a Arc<Record>> {
    let is_seen = |build: &Build| build == machine || build.as_str() == ALL;
    let seen = records.iter().copied().filter(|record| is_seen(&record.key().architecture));
    seen.max_by(|a, b| a.key().version.cmp(&b.key().version))
}

const ALL: &str = "all";

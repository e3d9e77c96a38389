//! `check`: which packages of a repository cannot be installed, and why.

pub(crate) mod attestations;
mod file_conflicts;
mod junit;
mod problem;
pub(crate) mod scope;
mod sources;
mod upgrades;

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;
use std::sync::Arc;

use apt_solve::{Checker, Finding, Limits, Report, Universe, Verdict, View};
use camino::Utf8PathBuf;
use clap::ValueEnum;
use deb_parse::{Architecture, SuiteName, Version};
use jiff::{SignedDuration, Timestamp};
use repo_store::model::duration_in_words;
use repo_store::model::record::Record;
use repo_store::operations::bases::{BaseInUse, BaseState, KeptIndex};
use repo_store::{RepositorySettings, Revision};
use serde::Serialize;

use self::problem::{Examination, PackageProblemJson, Problem, Problems};
use self::scope::{Bases, ScopeArguments, Target, add_records, binaries, machines};
use self::upgrades::Origin;
use super::base::state_of;
use crate::args::{RowArguments, RowLimits as _};
use crate::clock;
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Time};
use crate::output::{Column, Output, count, joined};
use crate::revision_spec::RevisionSpec;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CheckArguments {
    /// A repository or one suite of it, in the present state or another: `prod`, `prod/bookworm`, `prod@41`, `prod@-1`
    #[arg(value_name = "REPOSITORY[/SUITE][@STATE]", value_parser = RevisionSpec::from_str)]
    state: RevisionSpec,
    #[command(flatten)]
    scope: ScopeArguments,
    /// Find only what is worse than in this state of the repository, such as `prod@-1`: what could be installed there, or was not there, and problems that were
    /// not there; what is not decided always counts
    #[arg(long, value_name = "REPOSITORY[@STATE]", value_parser = RevisionSpec::from_str)]
    against: Option<RevisionSpec>,
    /// Try also how machines upgrade from there, another suite or the state of a repository: versions that are older here, and what `apt-get dist-upgrade` would
    /// remove or keep back when everything is installed that can be
    #[arg(long, value_name = "REPOSITORY[/SUITE][@STATE]|SUITE", value_parser = RevisionSpec::from_str)]
    upgrade_from: Option<RevisionSpec>,
    /// Find also packages that can be installed together and have files at the same paths, without `Replaces`
    #[arg(long)]
    file_conflicts: bool,
    /// Find also sources whose build dependencies cannot be installed, sources without packages and packages without their source, and packages for `all` and for an
    /// architecture that are from different versions of a source
    #[arg(long)]
    sources: bool,
    /// Print it for a program that shows the results of tests
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    format: Option<Format>,
    /// Let older versions meet dependencies too; apt considers only the newest of each package
    #[arg(long)]
    all_versions: bool,
    /// Check instead that each promotion into the repository has a signed statement that matches the history
    #[arg(long, conflicts_with_all = ["suites", "architectures", "base_files", "base_states", "all_versions", "no_base", "against", "upgrade_from", "file_conflicts", "sources", "format"])]
    attestations: bool,
    /// The public keys that may have signed the statements [default: the keys of the repository, also those that sign no more]
    #[arg(long, value_name = "FILE", requires = "attestations")]
    keyring: Option<Utf8PathBuf>,
    #[command(flatten)]
    rows: RowArguments,
}

/// What shows the results of tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// XML as JUnit writes it: a case for each package that cannot be installed and for each problem, in a suite for each suite and architecture
    Junit,
}

/// What is checked for one suite and one kind of machine.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CheckedJson {
    /// The architecture of the machines
    architecture: String,
    /// What clients have besides by the configuration
    bases: Vec<CheckedBaseJson>,
    /// Why what clients have besides cannot be relied on, in words; absent when it can
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<String>,
    /// Why the essential packages cannot be installed together: the others were then checked without them; null when they can
    essential: Option<String>,
    /// How many packages can be installed
    installable: usize,
    /// The suite
    suite: String,
    /// How many package files were not checked, because a newer version is there
    superseded: usize,
}

/// What clients have besides, as it was checked.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CheckedBaseJson {
    /// When it was last seen to be up to date; null for a suite of the store, and for one that was never read
    seen: Option<Time>,
    /// The date of the newest Release of its archives; null without one
    date: Option<Time>,
    /// The digests of its lists of packages: the same packages have the same
    digests: Vec<String>,
    /// Where it is read from, as it is configured
    source: String,
    /// `current`, `too-old`, `missing`, or `suite` for a suite of the store
    state: &'static str,
}

/// A package that was not found to be installable.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct UninstallableJson {
    /// The architecture of the machines
    architecture: String,
    /// The name of the package
    package: String,
    /// Why it cannot be installed, in words; null when that is not decided
    reason: Option<String>,
    /// The suites in which that is so
    suites: Vec<String>,
    /// `broken` or `not-decided`
    verdict: &'static str,
    /// The version of the package
    version: String,
}

/// Machines whose upgrade was not tried.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct UntriedJson {
    /// The architecture of the machines
    architecture: String,
    /// The suite
    suite: String,
}

/// The document of `check`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CheckJson<'a> {
    /// The state that it was compared with, as it was given; null when all that is found counts
    against: Option<&'a str>,
    /// What was checked
    checked: &'a [CheckedJson],
    /// The packages that were not found to be installable
    findings: &'a [UninstallableJson],
    /// What is wrong with packages besides
    problems: &'a [PackageProblemJson],
    /// The state of the repository, as it was given
    state: &'a str,
    /// The machines whose upgrade was not tried, as `upgrade_from` has no packages for them
    untried: &'a [UntriedJson],
    /// What upgrades were tried from; null when none were
    upgrade_from: Option<&'a str>,
    /// `newest` or `all-versions`: which versions may meet dependencies
    view: &'static str,
}

impl JsonDocument for CheckJson<'_> {}

/// Package, version, architecture of the machines, and the reason if there is one.
type Key = (String, Version, String, Option<String>);

/// What was found in all suites.
#[derive(Default)]
struct Findings {
    checked: Vec<CheckedJson>,
    suites: BTreeMap<Key, Vec<SuiteName>>,
    problems: Problems,
    /// What upgrades were tried from.
    upgrade_from: Option<String>,
    /// Where that has no packages.
    untried: Vec<UntriedJson>,
}

impl Findings {
    /// Refuses what was asked for and could not be done at all.
    fn check_scope(&self, scope: &ScopeArguments, repository: &RepositorySettings) -> Result<(), Failure> {
        scope.check_architectures(repository, |asked| {
            self.checked.iter().any(|checked| checked.architecture == asked.as_str())
        })?;
        // Nothing found would mean that all is well.
        if !self.untried.is_empty() && self.untried.len() == self.checked.len() {
            return Err(Failure::Usage(
                "--upgrade-from names a state that has no packages for these machines",
            ));
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        let is_installable =
            self.suites.is_empty() && self.checked.iter().all(|checked| checked.essential.is_none());
        is_installable && self.problems.is_empty()
    }
}

pub(crate) fn run(
    arguments: &CheckArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let state = &arguments.state;
    let (repository, head) = state.resolve(session)?;
    state.check_suites(repository, head.as_ref(), &arguments.scope.suites)?;
    if arguments.attestations {
        let keyring = (arguments.keyring.as_deref(), arguments.rows);
        return attestations::run(&repository.name, keyring, session, output);
    }
    let base = arguments.scope.bases(repository, session)?;
    let view = if arguments.all_versions { View::AllVersions } else { View::Newest };
    let earlier = arguments.against.as_ref().map(|spec| spec.resolve(session)).transpose()?;
    if earlier.as_ref().is_some_and(|(earlier, _)| earlier.name != repository.name) {
        return Err(Failure::Usage("--against names another state of the same repository"));
    }
    let earlier = earlier.and_then(|(_, revision)| revision);
    let origin = arguments.upgrade_from.as_ref();
    let origin = origin.map(|spec| Origin::find(spec, state, &arguments.scope, session)).transpose()?;
    let upgrade_from = origin.as_ref().map(|origin| origin.name().to_owned());
    let mut findings = Findings { upgrade_from, ..Findings::default() };
    if let Some(head) = &head {
        for suite in &arguments.scope.suites_of(state, repository, head) {
            let records = binaries(head, suite)?;
            let before = earlier.as_ref().map(|earlier| binaries(earlier, suite)).transpose()?;
            let target = Target { state, repository, suite, records: &records, bases: &base };
            let published = repository.suite(suite).map_or(&[][..], |suite| &suite.architectures);
            for architecture in machines(&records, published, &arguments.scope.architectures) {
                let states = (&records[..], before.as_deref());
                check(suite, states, &architecture, (&base, view), &mut findings)?;
                if let Some(origin) = &origin {
                    try_upgrade(origin, (&target, before.as_deref()), &architecture, &mut findings)?;
                }
            }
            let found = arguments.examine(&target, head)?;
            let known = match (&earlier, &before) {
                (Some(earlier), Some(before)) => {
                    arguments.examine(&Target { records: before, ..target }, earlier)?
                }
                _ => BTreeMap::new(),
            };
            for (architecture, found) in found {
                let known = known.get(&architecture).map_or(&[][..], Vec::as_slice);
                findings.problems.add_new(found, known, &architecture, suite);
            }
        }
    }
    findings.check_scope(&arguments.scope, repository)?;
    findings
        .checked
        .iter()
        .flat_map(|checked| &checked.faults)
        .for_each(|fault| output.warn("W-BASE", fault));
    print(&findings, view, arguments, output);
    Ok(if findings.is_empty() { Outcome::Done } else { Outcome::Different })
}

/// Tries the upgrade of one kind of machine. Where there is a state before, the problems of the upgrade to that one do not count.
fn try_upgrade(
    origin: &Origin<'_>,
    (target, before): (&Target<'_>, Option<&[Arc<Record>]>),
    architecture: &Architecture,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let Some(found) = origin.problems(target, architecture)? else {
        let (suite, architecture) = (target.suite.to_string(), architecture.to_string());
        findings.untried.push(UntriedJson { architecture, suite });
        return Ok(());
    };
    let known = match before.filter(|_| !found.is_empty()) {
        Some(before) => origin.problems(&Target { records: before, ..*target }, architecture)?,
        None => None,
    };
    let known = known.unwrap_or_default();
    findings.problems.add_new(found, &known, architecture.as_str(), target.suite);
    Ok(())
}

impl CheckArguments {
    /// Returns what is wrong with the files and the sources of a suite, as far as that is asked for, by the architecture of the machines.
    fn examine(
        &self,
        target: &Target<'_>,
        revision: &Revision<'_>,
    ) -> Result<BTreeMap<String, Vec<Problem>>, Failure> {
        let mut found: BTreeMap<String, Vec<Problem>> = BTreeMap::new();
        let mut add = |architecture: &str, problems: Vec<Problem>| {
            found.entry(architecture.to_owned()).or_default().extend(problems);
        };
        let sources = match self.sources && revision.commit().suites.contains_key(target.suite) {
            true => sources::sources(revision, target.suite)?,
            false => Vec::new(),
        };
        if self.sources {
            add("source", sources::unpaired(&sources, target.records, &target.state.text));
        }
        let published = target.repository.suite(target.suite).map_or(&[][..], |suite| &suite.architectures);
        // Sources alone are built on machines too.
        let known = if target.records.is_empty() { &sources } else { target.records };
        for architecture in machines(known, published, &self.scope.architectures) {
            if self.file_conflicts {
                add(architecture.as_str(), file_conflicts::problems(target, &architecture)?);
            }
            if self.sources {
                add(architecture.as_str(), sources::problems(target, &sources, &architecture)?);
            }
        }
        Ok(found)
    }
}

/// Looks at all packages of a suite for one kind of machine.
fn examine(
    suite: &SuiteName,
    records: &[Arc<Record>],
    architecture: &Architecture,
    (base, view): (&Bases<'_>, View),
) -> Result<Report, Failure> {
    let mut builder = Universe::builder(architecture);
    // The first of equal versions counts: that of the suite.
    let source = builder.add_source(suite.as_str());
    add_records(&mut builder, source, records, suite.as_str())?;
    base.add_to(&mut builder, suite, architecture)?;
    let universe = builder.build();
    Ok(Checker::new(&universe, view, Limits::default()).source(source))
}

/// What could not be installed in the state before.
struct Known {
    broken: BTreeMap<String, BTreeSet<Version>>,
    /// The versions that stand for themselves: all that were there, if older ones count too.
    own: BTreeSet<(String, Version)>,
}

impl Known {
    fn new(records: &[Arc<Record>], findings: Vec<Finding>, view: View) -> Self {
        let mut broken: BTreeMap<String, BTreeSet<Version>> = BTreeMap::new();
        for finding in findings {
            // What was not decided may have got worse.
            if matches!(finding.verdict, Verdict::Broken(_)) {
                broken.entry(finding.package.name).or_default().insert(finding.package.version);
            }
        }
        let all = records.iter().map(|one| (one.key().package.to_string(), one.key().version.clone()));
        Self { broken, own: if view == View::AllVersions { all.collect() } else { BTreeSet::new() } }
    }

    /// Returns whether a package that is broken now was so before: this version of it, or another one if this one was not there.
    fn has(&self, package: &str, version: &Version) -> bool {
        let key = (package.to_owned(), version.clone());
        let broken = self.broken.get(package);
        broken.is_some_and(|versions| versions.contains(version) || !self.own.contains(&key))
    }
}

/// Checks one suite for one kind of machine. Where there is a state before, only what got worse is found.
fn check(
    suite: &SuiteName,
    (records, before): (&[Arc<Record>], Option<&[Arc<Record>]>),
    architecture: &Architecture,
    (base, view): (&Bases<'_>, View),
    findings: &mut Findings,
) -> Result<(), Failure> {
    let mut report = examine(suite, records, architecture, (base, view))?;
    let is_clean = report.findings.is_empty() && report.essential.is_none();
    if let Some(before) = before.filter(|_| !is_clean) {
        let earlier = examine(suite, before, architecture, (base, view))?;
        let known = Known::new(before, earlier.findings, view);
        report.findings.retain(|finding| !known.has(&finding.package.name, &finding.package.version));
        report.essential = report.essential.filter(|_| earlier.essential.is_none());
    }
    for finding in report.findings {
        let reason = match finding.verdict {
            Verdict::Broken(reason) => Some(reason.to_string()),
            _ => None,
        };
        let key = (finding.package.name, finding.package.version, architecture.to_string(), reason);
        findings.suites.entry(key).or_default().push(suite.clone());
    }
    let (bases, now) = (base.in_use(suite)?, base.session.context().now);
    findings.checked.push(CheckedJson {
        suite: suite.to_string(),
        architecture: architecture.to_string(),
        faults: bases.iter().filter_map(|base| Some(base.in_words(base.fault(now)?))).collect(),
        bases: bases.iter().map(|one| CheckedBaseJson::new(one, architecture, base.session)).collect(),
        installable: report.installable,
        superseded: report.superseded,
        essential: report.essential.map(|reason| reason.to_string()),
    });
    Ok(())
}

impl CheckedBaseJson {
    fn new(base: &BaseInUse, architecture: &Architecture, session: &Session) -> Self {
        let (mut digests, mut date) = (Vec::new(), None);
        match &base.state {
            BaseState::Missing => {}
            BaseState::Suite(snapshot) => digests.extend(snapshot.map(|id| id.to_string())),
            BaseState::Kept(archives) => {
                let indices = archives.iter().flat_map(|archive| &archive.indices);
                let is_for = |index: &&KeptIndex| {
                    index.architecture.as_ref().is_none_or(|own| own == architecture.as_str())
                };
                digests.extend(indices.filter(is_for).map(|index| index.id.to_string()));
                date =
                    archives.iter().filter_map(|archive| archive.release.as_ref()).map(|one| one.date).max();
            }
        }
        Self {
            seen: base.seen().map(Time),
            date: date.map(Time),
            digests,
            source: base.base.source.to_string(),
            state: state_of(base, session),
        }
    }

    /// Returns the line about it: from when it is, and which lists of packages were used.
    fn in_words(&self, now: Timestamp) -> String {
        let mut words = vec![self.state.to_owned()];
        words.extend(self.date.as_ref().map(|Time(date)| clock::minute(*date)));
        let age = self.seen.as_ref().map(|Time(seen)| now.duration_since(*seen).max(SignedDuration::ZERO));
        words.extend(age.map(|age| format!("seen {} ago", duration_in_words(age))));
        words.extend(self.digests.iter().map(|digest| digest.chars().take(12).collect()));
        format!("base {}: {}", self.source, words.join(", "))
    }
}

const HEAD: [Column<'_>; 5] = [
    Column::names("PACKAGE"),
    Column::whole("VERSION"),
    Column::words("ARCHITECTURE"),
    Column::words("SUITES"),
    Column::text("REASON"),
];

const NOT_DECIDED: &str = "not decided: too many possibilities";

fn print(findings: &Findings, view: View, arguments: &CheckArguments, output: &Output) {
    let state = arguments.state.text.as_str();
    let found: Vec<UninstallableJson> = findings
        .suites
        .iter()
        .map(|((package, version, architecture, reason), suites)| UninstallableJson {
            package: package.clone(),
            version: version.to_string(),
            architecture: architecture.clone(),
            suites: suites.iter().map(ToString::to_string).collect(),
            verdict: if reason.is_some() { "broken" } else { "not-decided" },
            reason: reason.clone(),
        })
        .collect();
    let view_name = if view == View::Newest { "newest" } else { "all-versions" };
    let against = arguments.against.as_ref().map(|spec| spec.text.as_str());
    let (checked, findings_json) = (&findings.checked[..], &found[..]);
    let (problems, upgrade_from) = (findings.problems.to_json(), findings.upgrade_from.as_deref());
    let json = CheckJson {
        against,
        checked,
        findings: findings_json,
        problems: &problems,
        state,
        untried: &findings.untried,
        upgrade_from,
        view: view_name,
    };
    if arguments.format == Some(Format::Junit) {
        return junit::lines(&json).iter().for_each(|line| output.line(line));
    }
    output.result(&json, || {
        let row = |one: &UninstallableJson| {
            let reason = one.reason.as_deref().unwrap_or(NOT_DECIDED);
            [one.package.as_str(), &one.version, &one.architecture, &joined(&one.suites), reason]
                .map(str::to_owned)
        };
        if !found.is_empty() {
            let rows: Vec<_> = found.iter().map(row).collect();
            output.table(&HEAD, &rows, arguments.rows.limit(output));
        }
        if !problems.is_empty() {
            let rows: Vec<_> = problems.iter().map(PackageProblemJson::row).collect();
            output.table(&problem::HEAD, &rows, arguments.rows.limit(output));
        }
        for one in &findings.checked {
            if let Some(reason) = &one.essential {
                let (suite, architecture) = (&one.suite, &one.architecture);
                output.line(&format!("essential packages for {suite} ({architecture}): {reason}"));
            }
        }
        let now = crate::clock::now();
        let bases = findings.checked.iter().flat_map(|one| &one.bases).map(|base| base.in_words(now));
        bases.collect::<BTreeSet<_>>().iter().for_each(|line| output.line(line));
        summarize(findings, found.len(), view, output);
        let asked = [
            (upgrade_from.map(|from| format!("upgrade from {from}")), Examination::Upgrade),
            (arguments.file_conflicts.then(|| "file conflicts".to_owned()), Examination::FileConflicts),
            (arguments.sources.then(|| "sources".to_owned()), Examination::Sources),
        ];
        for (title, examination) in asked {
            let number = findings.problems.count(examination);
            let Some(title) = title.filter(|_| number > 0 || !findings.checked.is_empty()) else { continue };
            output.line(&match number {
                0 => format!("{title}: no problems"),
                _ => format!("{title}: {}", count(number, "problem")),
            });
        }
        for UntriedJson { architecture, suite } in &findings.untried {
            let from = upgrade_from.unwrap_or_default();
            output.line(&format!(
                "upgrade from {from} not tried for {suite} ({architecture}): it has no packages"
            ));
        }
    });
    if findings.checked.is_empty() && findings.problems.is_empty() {
        output.found_nothing(&format!("no packages in {state}"));
    }
}

/// Prints a line with the numbers and the view.
fn summarize(findings: &Findings, broken: usize, view: View, output: &Output) {
    let installable: usize = findings.checked.iter().map(|checked| checked.installable).sum();
    if findings.checked.is_empty() {
        return;
    }
    let versions = match view {
        View::Newest => "newest versions",
        View::AllVersions => "all versions",
    };
    let can = count(installable, "package");
    output.line(&match broken {
        0 => format!("{can} can be installed ({versions})"),
        _ => format!("{} cannot be installed, {can} can ({versions})", count(broken, "package")),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_could_be_installed_before_is_not_excused_by_another() {
        let version = |text| Version::parse(text).unwrap();
        let broken = || BTreeMap::from([("old".to_owned(), BTreeSet::from([version("1")]))]);
        let own = BTreeSet::from([("old".to_owned(), version("1")), ("old".to_owned(), version("2"))]);
        let (newest, all) =
            (Known { broken: broken(), own: BTreeSet::new() }, Known { broken: broken(), own });
        let answers = |known: &Known| ["1", "2", "3"].map(|text| known.has("old", &version(text)));
        assert_eq!(answers(&newest), [true, true, true]);
        assert_eq!(answers(&all), [true, false, true]);
        assert!(!newest.has("other", &version("1")));
    }
}

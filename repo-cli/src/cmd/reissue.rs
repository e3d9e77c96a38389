//! Publishing an old version again above a bad one, so that machines go back with an ordinary upgrade.

use std::collections::BTreeSet;

use deb_parse::{PackageName, SuiteName, Version};
use repo_store::Error;
use repo_store::error::{HistoryError, ReissueError};
use repo_store::model::CommitId;
use repo_store::model::record::{Build, RecordKey};
use repo_store::operations::reissue::{Hazard, HazardKind, ReissuePlan, ReissueRequest, ReissuedPackage};
use repo_store::settings::gate::{GateOverride, GateRule};
use serde::Serialize;

use super::changes;
use crate::args::{ChangeArguments, LimitArguments, RowLimits as _, gate_rule, reason};
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::named_source::NamedSource;
use crate::output::{Column, Output, RowLimit, count, package_rows};
use crate::package_count::PackageCount;
use crate::planned::{BaseArguments, base, carry_out};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReissueArguments {
    /// The repository
    repository: String,
    /// The source package, and its bad version [default: the newest that the repository has or had above the old one]
    #[arg(value_name = "SOURCE[=BAD]")]
    source: NamedSource,
    /// The old version of the source that is to come out again
    #[arg(long = "as", value_name = "GOOD", value_parser = parse_version)]
    good: Version,
    /// Go on although this kind of change cannot be undone on machines; may be given several times
    #[arg(long, value_name = "KIND", value_parser = parse_kind)]
    accept: Vec<HazardKind>,
    /// Why, for the history
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// Go on with what does not meet this rule of a [[gate]]: only `installable` is asked of a reissue
    #[arg(long = "override", value_name = "RULE", value_parser = gate_rule, requires = "reason")]
    rules: Vec<GateRule>,
    #[command(flatten)]
    base: BaseArguments,
    #[command(flatten)]
    rows: LimitArguments,
    #[command(flatten)]
    change: ChangeArguments,
}

fn parse_version(text: &str) -> Result<Version, String> {
    Version::parse(text).map_err(|error| error.to_string())
}

pub(super) fn parse_kind(text: &str) -> Result<HazardKind, String> {
    HazardKind::from_name(text).ok_or_else(|| {
        let known = HazardKind::ALL.map(HazardKind::as_str).join(", ");
        format!("`{}` is not a kind; the kinds are {known}", text.escape_debug())
    })
}

impl ReissueArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.change.dry_run
    }

    /// Returns the repository that it changes.
    pub(crate) fn repository(&self) -> &str {
        &self.repository
    }
}

pub(crate) fn run(
    arguments: &ReissueArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let (dry_run, limit) = (arguments.change.dry_run, arguments.rows.limit(output));
    let repository = session.repository_to_change(&arguments.repository, arguments.change)?;
    let request = ReissueRequest {
        source: arguments.source.name.clone(),
        bad: arguments.source.version.clone(),
        good: arguments.good.clone(),
        suites: Vec::new(),
        accept: arguments.accept.iter().copied().collect(),
        reason: arguments.reason.clone(),
    };
    let make = || {
        let given = arguments.reason.as_ref().filter(|_| !arguments.rules.is_empty());
        let given = given.map(|reason| GateOverride::new(arguments.rules.iter().copied(), reason));
        let plan = session.store.plan_reissue(repository, &request)?.despite(given);
        arguments.base.check(&repository.name, &[plan.base()])?;
        Ok(plan)
    };
    let (plan, commit) = carry_out(make, |plan: &ReissuePlan| {
        if dry_run || plan.packages().is_empty() {
            return Ok(None);
        }
        let applied = plan.apply(&session.store, &session.context());
        if applied.as_ref().is_err_and(is_refused) {
            print_hazards(plan, limit, output);
        }
        Ok(applied?.commit)
    })?;
    let document = ReissuedJson {
        base: base(&[plan.base()]),
        commit: commit.map(Text),
        dry_run,
        reissue: ReissueJson::new(&plan),
    };
    output.result(&document, || {
        if output.shows_change(dry_run) {
            print_plan(&plan, limit, output);
        }
    });
    let (reissued, name) = (plan.reissued(), &repository.name);
    let done = match (plan.packages().is_empty(), dry_run) {
        (true, _) => format!(
            "nothing to reissue: {name} already has {} {} as {}",
            reissued.source, reissued.good, reissued.version
        ),
        (false, true) => format!("would reissue {reissued} in {name}"),
        (false, false) => format!("reissued {reissued} in {name}"),
    };
    if dry_run {
        foretell(&plan, output);
    }
    session.finish_change(&done, (repository, commit), arguments.change, output)?;
    if !plan.packages().is_empty() {
        say_what_follows(&plan, output);
    }
    changes::print_rebuilt(repository, commit, session, output)?;
    changes::print_undo(repository, commit, session, output);
    Ok(Outcome::Done)
}

/// Returns whether a change was refused because of what it cannot undo on machines.
pub(super) fn is_refused(error: &Error) -> bool {
    matches!(error, Error::History(HistoryError::Reissue(ReissueError::Hazards { .. })))
}

/// Prints the signatures that the new files lack, and the versions that the next release must be above.
pub(super) fn say_what_follows(plan: &ReissuePlan, output: &Output) {
    let reissued = plan.reissued();
    for package in plan.packages().iter().filter(|package| !package.dropped().is_empty()) {
        let members = package.dropped().join(", ");
        output.say(&format!("{} loses its inner signature ({members})", package.good().key()));
    }
    let differs = |package: &&ReissuedPackage| package.key().version != *reissued.version.version();
    for package in plan.packages().iter().filter(differs) {
        let RecordKey { package, version, .. } = package.key();
        output.say(&format!("the next version of package {package} must be above {version}"));
    }
    output.say(&format!(
        "the next version of {} must be above {}; its scripts must compare with that version itself (lt NEXT~), as machines come to \
         it from {}",
        reissued.source, reissued.version, reissued.version
    ));
}

/// Prints the options without which the change would be refused.
pub(super) fn foretell(plan: &ReissuePlan, output: &Output) {
    let refused: Vec<String> = plan.refused().iter().map(|kind| format!("--accept {kind}")).collect();
    if !refused.is_empty() {
        output.note(&format!("note: without --dry-run this is refused; it needs {}", refused.join(" ")));
    }
}

/// Prints the packages that come out again, and what happens on machines.
pub(super) fn print_plan(plan: &ReissuePlan, limit: RowLimit, output: &Output) {
    print_packages(plan, limit, output);
    print_hazards(plan, limit, output);
}

/// Prints the packages that come out again.
fn print_packages(plan: &ReissuePlan, limit: RowLimit, output: &Output) {
    let places = plan.packages().iter().flat_map(|package| {
        let content = package.good().key().version.clone();
        let suites = package.suites().keys();
        suites.map(move |suite| (package.key().clone(), suite.clone(), content.clone()))
    });
    let rows: Vec<[String; 5]> = package_rows(places)
        .into_iter()
        .map(|([package, version, architectures, suites], content)| {
            [package, version, content.to_string(), architectures, suites]
        })
        .collect();
    let head = [
        Column::names("PACKAGE"),
        Column::words("VERSION"),
        Column::words("CONTENT"),
        Column::words("ARCHITECTURE"),
        Column::words("SUITES"),
    ];
    output.table(&head, &rows, limit);
}

/// Prints what happens on machines that have the bad version.
pub(super) fn print_hazards(plan: &ReissuePlan, limit: RowLimit, output: &Output) {
    if plan.packages().is_empty() || output.is_json() {
        return;
    }
    let row = |hazard: &Hazard| {
        let package = hazard.package.to_string();
        [package, format!("{} be undone", hazard.undone), hazard.kind.to_string(), hazard.what.clone()]
    };
    let mut rows: Vec<[String; 4]> = plan.hazards().iter().map(row).collect();
    let (source, good) = (plan.reissued().source, plan.reissued().good);
    let names: BTreeSet<&PackageName> =
        plan.packages().iter().map(|package| &package.key().package).collect();
    let files = format!("{} with the files of {good} again", count(names.len(), "package"));
    rows.push([source.to_string(), "will be undone".to_owned(), "files".to_owned(), files]);
    let head =
        [Column::names("PACKAGE"), Column::whole("ON MACHINES"), Column::whole("KIND"), Column::text("WHAT")];
    output.table(&head, &rows, limit);
}

/// A package file that comes out again.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ReissuedPackageJson {
    /// What the file is built for
    architecture: Text<Build>,
    /// The version whose content it has
    content: Text<Version>,
    /// The signatures inside the old file that the new one does not have
    dropped: Vec<String>,
    /// The name of the package
    package: Text<PackageName>,
    /// The suites that it comes to
    suites: Vec<Text<SuiteName>>,
    /// The new version
    version: Text<Version>,
}

/// Something that a reissue does to machines.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct HazardJson {
    /// The sort of hazard, which `--accept` takes
    kind: &'static str,
    /// The package
    package: Text<PackageName>,
    /// `cannot` or `may`: whether it can be undone
    undone: &'static str,
    /// What happens, in words
    what: String,
}

/// The content of a version that comes out again under a higher version.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReissueJson {
    /// The version that machines may have and are to leave
    bad: String,
    /// How much comes out again
    count: PackageCount,
    /// The version whose content comes out again
    good: String,
    /// What it does to machines
    hazards: Vec<HazardJson>,
    /// The package files that come out again
    packages: Vec<ReissuedPackageJson>,
    /// The kinds of hazards for which it is refused without `--accept`
    refused: Vec<&'static str>,
    /// The source package
    source: String,
    /// The new version
    version: String,
}

/// The document of `reissue`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReissuedJson {
    /// The state that the change was planned from: with `--base`, a change is made only from this one
    base: String,
    /// The new state of the repository; null when nothing changed
    commit: Option<Text<CommitId>>,
    /// Whether nothing was changed
    dry_run: bool,
    #[serde(flatten)]
    reissue: ReissueJson,
}

impl JsonDocument for ReissuedJson {
    const IS_SORTED: bool = true;
}

fn hazards_json(hazards: &[Hazard]) -> Vec<HazardJson> {
    let json = |hazard: &Hazard| HazardJson {
        package: Text(hazard.package.clone()),
        undone: hazard.undone.as_str(),
        kind: hazard.kind.as_str(),
        what: hazard.what.clone(),
    };
    hazards.iter().map(json).collect()
}

impl ReissueJson {
    pub(super) fn new(plan: &ReissuePlan) -> Self {
        let reissued = plan.reissued();
        let package = |package: &ReissuedPackage| ReissuedPackageJson {
            architecture: Text(package.key().architecture.clone()),
            content: Text(package.good().key().version.clone()),
            dropped: package.dropped().to_vec(),
            package: Text(package.key().package.clone()),
            suites: package.suites().keys().cloned().map(Text).collect(),
            version: Text(package.key().version.clone()),
        };
        Self {
            bad: plan.bad().to_string(),
            count: PackageCount::of(plan.packages().iter().map(ReissuedPackage::key)),
            good: reissued.good.to_string(),
            hazards: hazards_json(plan.hazards()),
            packages: plan.packages().iter().map(package).collect(),
            refused: plan.refused().iter().map(|kind| kind.as_str()).collect(),
            source: reissued.source.to_string(),
            version: reissued.version.to_string(),
        }
    }
}

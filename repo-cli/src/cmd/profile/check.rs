use std::collections::BTreeMap;
use std::sync::Arc;

use apt_solve::{Checker, Limits, Universe, Verdict, View};
use deb_parse::{Architecture, SuiteName, Version};
use repo_store::RepositorySettings;
use repo_store::model::ProfileName;
use repo_store::model::record::Record;
use serde::Serialize;

use super::state::metapackages;
use super::{InRepository, find, not_built};
use crate::cmd::check::scope::{Bases, ScopeArguments, add_records, binaries};
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::Output;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct CheckArguments {
    /// The profile
    #[arg(value_parser = ProfileName::parse)]
    profile: ProfileName,
    #[command(flatten)]
    place: InRepository,
    #[command(flatten)]
    scope: ScopeArguments,
}

/// The document of `profile check`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ProfileCheckJson {
    /// What was checked, a metapackage for each suite and architecture
    checked: Vec<CheckedProfileJson>,
    /// The profile
    profile: Text<ProfileName>,
    /// The repository
    repository: String,
}

impl JsonDocument for ProfileCheckJson {}

/// The metapackage of a suite and architecture.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CheckedProfileJson {
    /// The architecture of the machines
    architecture: Text<Architecture>,
    /// Why what clients have besides cannot be relied on, in words; absent when it can
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<String>,
    /// Why the metapackage cannot be installed, in words; null when it can, or when that is not decided
    reason: Option<String>,
    /// The suite
    suite: Text<SuiteName>,
    /// `installable`, `broken` or `not-decided`
    verdict: &'static str,
    /// The version of the metapackage
    version: Text<Version>,
}

pub(super) fn run(
    arguments: &CheckArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let profile = &find(session, &arguments.profile)?.name;
    let repository = session.repository(&arguments.place.name(session)?)?;
    repository.check_suites(&arguments.scope.suites)?;
    let unbuilt = || not_built(repository, profile);
    let head = session.store.head(&repository.name)?.ok_or_else(unbuilt)?;
    let bases = arguments.scope.bases(repository, session)?;
    let scope = &arguments.scope;
    let mut found = metapackages(&head, repository, profile)?;
    found.retain(|(suite, architecture), _| {
        (scope.suites.is_empty() || scope.suites.contains(suite))
            && (scope.architectures.is_empty() || scope.architectures.contains(architecture))
    });
    if found.is_empty() {
        return Err(unbuilt());
    }
    let mut records: BTreeMap<SuiteName, Vec<Arc<Record>>> = BTreeMap::new();
    let mut checked = Vec::new();
    for ((suite, architecture), metapackage) in found {
        if !records.contains_key(&suite) {
            records.insert(suite.clone(), binaries(&head, &suite)?);
        }
        let all = records.get(&suite).map_or(&[][..], Vec::as_slice);
        let verdict = judge((&suite, &architecture), all, &metapackage, &bases)?;
        let now = session.context().now;
        let faults = bases.in_use(&suite)?;
        let faults = faults.iter().filter_map(|base| Some(base.in_words(base.fault(now)?))).collect();
        let (verdict, reason) = match verdict {
            Some(Verdict::Installable) => ("installable", None),
            Some(Verdict::Broken(reason)) => ("broken", Some(reason.to_string())),
            _ => ("not-decided", None),
        };
        let version = Text(metapackage.key().version.clone());
        let (suite, architecture) = (Text(suite), Text(architecture));
        checked.push(CheckedProfileJson { architecture, faults, reason, suite, verdict, version });
    }
    let document =
        ProfileCheckJson { checked, profile: Text(profile.clone()), repository: repository.name.to_string() };
    output.result(&document, || print(&document, repository, output));
    for fault in document.checked.iter().flat_map(|one| &one.faults) {
        output.warn("W-BASE", fault);
    }
    let is_fine = document.checked.iter().all(|one| one.verdict == "installable");
    Ok(if is_fine { Outcome::Done } else { Outcome::Different })
}

/// Tries a metapackage on a machine that has nothing yet, with what it can have besides. Only the newest version of each package counts, as
/// for apt.
fn judge(
    (suite, architecture): (&SuiteName, &Architecture),
    records: &[Arc<Record>],
    metapackage: &Record,
    bases: &Bases<'_>,
) -> Result<Option<Verdict>, Failure> {
    let mut builder = Universe::builder(architecture);
    let source = builder.add_source(suite.as_str());
    add_records(&mut builder, source, records, suite.as_str())?;
    bases.add_to(&mut builder, suite, architecture)?;
    let universe = builder.build();
    let key = metapackage.key();
    let is_meant = |package: &apt_solve::PackageId| {
        universe.label(*package).is_some_and(|label| label.version == key.version)
    };
    let package = universe.packages_named(key.package.as_str()).find(is_meant);
    let checker = Checker::new(&universe, View::Newest, Limits::default());
    Ok(package.map(|package| checker.package(package)))
}

fn print(document: &ProfileCheckJson, repository: &RepositorySettings, output: &Output) {
    let name = repository.name.profile_package(&document.profile.0);
    for one in &document.checked {
        let (suite, architecture, version) = (&one.suite.0, &one.architecture.0, &one.version.0);
        let said = match (one.verdict, &one.reason) {
            ("installable", _) => "can be installed".to_owned(),
            (_, Some(reason)) => format!("cannot be installed: {reason}"),
            _ => "not decided".to_owned(),
        };
        output.line(&format!("{name} {version} ({suite}, {architecture}): {said}"));
    }
}

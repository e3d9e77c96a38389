//! Where each version stands on its way through the channels: what is started, finished and released.

use std::collections::BTreeSet;

use deb_parse::SuiteName;
use repo_store::model::record::RecordKey;
use repo_store::operations::pipeline::{Blocker, InPipeline, PipelineOptions};
use repo_store::settings::WildPattern;
use repo_store::{RepositoryName, RepositorySettings};
use serde::Serialize;

use super::hold::held_since;
use crate::args::{LimitArguments, RowLimits as _};
use crate::clock;
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Time};
use crate::output::{Column, Output};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PipelineArguments {
    /// Only these sources, or sources of packages of these names; patterns such as 'lib*' [default: all that is on its way, and what was released
    /// within a week]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Only in this suite; may be given several times
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
    /// Also what was released earlier, and versions that newer ones have overtaken
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    rows: LimitArguments,
}

/// A version of a source, for programs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PipelineVersionJson {
    /// The source package
    source: String,
    /// The version of the source
    version: String,
    /// `started`, `finished`, `released` or `superseded`
    state: &'static str,
    /// The last repository that has it
    repository: String,
    /// The repository that comes next; null in the last
    next: Option<String>,
    /// The newest version of the source that the next one has; null when it has none
    next_has: Option<String>,
    /// The suites that have it
    suites: Vec<String>,
    /// The package files that the next repository lacks
    packages: Vec<PipelinePackageJson>,
    /// When it came to the repository
    since: Time,
    /// Who brought it to the repository
    actor: String,
    /// The number of the change that brought it to the repository
    change: u64,
    /// What keeps it out of the next repository
    blocked_by: Vec<BlockerJson>,
}

/// A package file.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PipelinePackageJson {
    /// The name of the package
    package: String,
    /// The version of the package
    version: String,
    /// What the file is built for
    architecture: String,
}

/// What keeps a version out of the next repository.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct BlockerJson {
    /// The name of the rule that it does not meet, `freeze`, `reissue` or `hold`
    rule: &'static str,
    /// The number of the gate in the configuration; null when no gate makes the rule
    gate: Option<usize>,
    /// Why it does not meet the rule, in words
    reason: String,
    /// The package files that it is about
    packages: Vec<PipelinePackageJson>,
}

/// The document of `pipeline`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PipelineJson {
    /// The repositories that packages go through, in order
    channels: Vec<String>,
    /// The versions on their way, by source, the newest version first
    versions: Vec<PipelineVersionJson>,
}

impl JsonDocument for PipelineJson {}

pub(crate) fn run(
    arguments: &PipelineArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let names = session.config.channels();
    if names.len() < 2 {
        return Err(Failure::Usage(
            "`channels` in repo.toml names no two repositories: list those that packages go through, in order",
        ));
    }
    let channels = names.iter().map(|name| session.repository(name.as_str()));
    let channels: Vec<&RepositorySettings> = channels.collect::<Result<_, _>>()?;
    let defaults = PipelineOptions::default();
    let options = PipelineOptions {
        suites: arguments.suites.clone(),
        released_within: defaults.released_within.filter(|_| !arguments.all && arguments.names.is_empty()),
        superseded: arguments.all,
    };
    let mut versions = session.store.pipeline(&channels, &options, session.context().now)?;
    let patterns: Vec<WildPattern> = arguments.names.iter().map(|name| WildPattern::new(name)).collect();
    let is_named = |name: &str| patterns.iter().any(|pattern| pattern.matches(name));
    versions.retain(|one| {
        patterns.is_empty()
            || is_named(one.source.as_str())
            || one.packages.iter().any(|key| is_named(key.package.as_str()))
    });
    let document = PipelineJson {
        channels: names.iter().map(ToString::to_string).collect(),
        versions: versions.iter().map(json).collect(),
    };
    output.result(&document, || print(&versions, (arguments, &names), output));
    if versions.is_empty() {
        let what = if arguments.names.is_empty() { "nothing is on its way" } else { "nothing of that name" };
        output.note(&format!("{what} in {}", way(&names)));
    }
    Ok(Outcome::Done)
}

fn way(names: &[RepositoryName]) -> String {
    names.iter().map(RepositoryName::as_str).collect::<Vec<_>>().join(" -> ")
}

fn print(
    versions: &[InPipeline],
    (arguments, names): (&PipelineArguments, &[RepositoryName]),
    output: &Output,
) {
    if versions.is_empty() {
        return;
    }
    let rows: Vec<[String; 7]> = versions.iter().map(row).collect();
    let head = [
        Column::text("SOURCE"),
        Column::whole("VERSION"),
        Column::whole("STATE"),
        Column::text("REPOSITORY"),
        Column::whole("SINCE"),
        Column::text("BY"),
        Column::text("BLOCKED BY"),
    ];
    let limit = arguments.rows.limit(output);
    output.table(&head, &rows, limit);
    let of = |state: &str| versions.iter().filter(|one| one.stage.as_str() == state).count();
    let counts = ["started", "finished", "released", "superseded"]
        .into_iter()
        .filter(|state| of(state) > 0)
        .map(|state| format!("{} {state}", of(state)));
    output.total(rows.len(), &format!("{}: {}", way(names), counts.collect::<Vec<_>>().join(", ")));
}

fn row(one: &InPipeline) -> [String; 7] {
    let place = match (&one.next, &one.next_has) {
        (None, _) => one.repository.to_string(),
        (Some(next), None) => format!("{} ({next} has none)", one.repository),
        (Some(next), Some(there)) if *there == one.version => {
            format!("{} ({next} has a part of it)", one.repository)
        }
        (Some(next), Some(there)) => format!("{} ({next} has {there})", one.repository),
    };
    let reasons: BTreeSet<String> = one.blockers.iter().map(|blocker| reason(one, blocker)).collect();
    [
        one.source.to_string(),
        one.version.to_string(),
        one.stage.to_string(),
        place,
        clock::minute(one.since),
        one.actor.clone(),
        reasons.into_iter().collect::<Vec<_>>().join("; "),
    ]
}

/// Names the packages that a reason is about, unless it is about all.
fn reason(one: &InPipeline, (blocker, packages): (&Blocker, &BTreeSet<RecordKey>)) -> String {
    let reason = blocker_json((blocker, packages)).reason;
    if packages.len() == one.packages.len() {
        return reason;
    }
    let names: BTreeSet<&str> = packages.iter().map(|key| key.package.as_str()).collect();
    format!("{}: {reason}", names.into_iter().collect::<Vec<_>>().join(", "))
}

fn json(one: &InPipeline) -> PipelineVersionJson {
    PipelineVersionJson {
        source: one.source.to_string(),
        version: one.version.to_string(),
        state: one.stage.as_str(),
        repository: one.repository.to_string(),
        next: one.next.as_ref().map(ToString::to_string),
        next_has: one.next_has.as_ref().map(ToString::to_string),
        suites: one.suites.iter().map(ToString::to_string).collect(),
        packages: one.packages.iter().map(package_json).collect(),
        since: Time(one.since),
        actor: one.actor.clone(),
        change: one.sequence,
        blocked_by: one.blockers.iter().map(blocker_json).collect(),
    }
}

fn blocker_json((blocker, packages): (&Blocker, &BTreeSet<RecordKey>)) -> BlockerJson {
    let (rule, gate, reason) = match blocker {
        Blocker::Gate(violation) => (violation.rule.as_str(), violation.gate, violation.reason.clone()),
        Blocker::Hold(cause) => ("hold", None, held_since(cause)),
        // One that a later version of the library knows.
        _ => ("other", None, "it is kept out".to_owned()),
    };
    BlockerJson { rule, gate, reason, packages: packages.iter().map(package_json).collect() }
}

fn package_json(key: &RecordKey) -> PipelinePackageJson {
    PipelinePackageJson {
        package: key.package.to_string(),
        version: key.version.to_string(),
        architecture: key.architecture.to_string(),
    }
}

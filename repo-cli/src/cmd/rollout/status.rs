//! `rollout status`: which versions go to a share of the machines.

use std::collections::{BTreeMap, BTreeSet};

use deb_parse::{SourceName, SuiteName, Version};
use repo_store::model::record::UpdatePercentage;
use repo_store::operations::phasing::PhasingRequest;
use repo_store::operations::reissue::release_of;
use serde::Serialize;

use super::machines;
use super::phase::percent_of;
use crate::args::{LimitArguments, RowLimits as _};
use crate::cmd::changes::share;
use crate::error::{Failure, Outcome};
use crate::json_value::JsonDocument;
use crate::output::{Column, Output, count, joined};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StatusArguments {
    /// The repositories [default: all]
    repositories: Vec<String>,
    #[command(flatten)]
    rows: LimitArguments,
}

/// A version of a source that goes to a share of the machines.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ShareJson {
    /// How many of a hundred machines take it
    percent: u8,
    /// The repository
    repository: String,
    /// The source package
    source: String,
    /// The suites
    suites: Vec<String>,
    /// The version of the source
    version: String,
}

/// The document of `rollout status`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SharesJson {
    /// The versions
    versions: Vec<ShareJson>,
}

impl JsonDocument for SharesJson {}

pub(super) fn run(
    arguments: &StatusArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let mut rows = Vec::new();
    let mut versions = Vec::new();
    for repository in session.repositories(&arguments.repositories)? {
        let Some(head) = session.store.head(&repository.name)? else { continue };
        let mut found: BTreeMap<(SourceName, Version, u8), BTreeSet<&SuiteName>> = BTreeMap::new();
        let phased = head.phased()?;
        for (suite, record) in phased.iter() {
            let place = (record.source().0, release_of(record), percent_of(record));
            found.entry(place).or_default().insert(suite);
        }
        for ((source, version, percent), suites) in found {
            let percentage = UpdatePercentage::new(percent);
            let request = PhasingRequest {
                source: source.clone(),
                version: Some(version.clone()),
                percentage,
                suites: suites.iter().copied().cloned().collect(),
            };
            // What came after the share was set, or what has another one.
            let others = session.store.plan_phasing(repository, &request)?;
            for (record, suites) in others.changes().by_record() {
                let (key, suites) = (record.key(), joined(&suites));
                let others = machines(record.update_percentage());
                output.warn("W-SHARE-PART", format!("{key} in {suites} goes to {others}, unlike other packages of {source} {version}: run rollout phase again"));
            }
            let suites: Vec<String> = suites.iter().map(ToString::to_string).collect();
            let share = share(percentage);
            let (repository, source, version) =
                (repository.name.to_string(), source.to_string(), version.to_string());
            rows.push([repository.clone(), source.clone(), version.clone(), share, joined(&suites)]);
            versions.push(ShareJson { percent, repository, source, suites, version });
        }
    }
    output.result(&SharesJson { versions }, || {
        if rows.is_empty() {
            return;
        }
        output.table(
            &[
                Column::names("REPOSITORY"),
                Column::names("SOURCE"),
                Column::words("VERSION"),
                Column::words("MACHINES"),
                Column::words("SUITES"),
            ],
            &rows,
            arguments.rows.limit(output),
        );
        output.total(rows.len(), &count(rows.len(), "version"));
    });
    if rows.is_empty() {
        output.found_nothing("every version goes to all machines");
    }
    Ok(Outcome::Done)
}

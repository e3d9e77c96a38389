//! Whether clients see at the new address what they saw at the old one.

use std::collections::BTreeMap;

use apt_fetch::{Expected, Suite, Trust};
use deb_parse::{Component, PackageName, SuiteName, Version};
use repo_store::RepositoryName;
use repo_store::model::record::{Build, RecordKey};
use serde::Serialize;

use super::SourceArguments;
use super::plan::{ImportPlan, is_same};
use super::tree::{self, TreeRequest};
use crate::args::{LimitArguments, RowLimits as _, argument};
use crate::clock;
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::{Column, Output, RowLimit, count};
use crate::published_archive::address;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct VerifyArguments {
    /// The root of the old archive: the URL of a web server, or a directory
    #[arg(value_name = "URL|DIR")]
    place: String,
    #[command(flatten)]
    source: SourceArguments,
    /// The repository that took over from it
    #[arg(long, value_name = "NAME", value_parser = argument::<RepositoryName>)]
    repository: RepositoryName,
    /// The address at which clients find the repository now [default: what it published into public/]
    #[arg(long = "at", value_name = "URL|DIR")]
    published_at: Option<String>,
    #[command(flatten)]
    rows: LimitArguments,
}

/// The document of `import verify`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct VerifiedImportJson<'a> {
    /// How many packages clients saw, each counted in every suite and component that lists it
    compared: usize,
    /// What clients see differently; empty when they see no difference
    differences: Vec<SeenDifferenceJson<'a>>,
    /// The repository
    repository: Text<&'a RepositoryName>,
}

impl JsonDocument for VerifiedImportJson<'_> {}

/// A package that clients see differently.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SeenDifferenceJson<'a> {
    /// The digest of the file that clients see now; null when they do not see the package
    after: Option<String>,
    /// The digest of the file that clients saw; null when they did not see the package
    before: Option<String>,
    /// The architecture of the package, or `source`
    architecture: Text<&'a Build>,
    /// The component
    component: Text<&'a Component>,
    /// The name of the package
    package: Text<&'a PackageName>,
    /// The suite
    suite: Text<&'a SuiteName>,
    /// The version of the package
    version: Text<&'a Version>,
}

/// What clients see: each package in each suite and component, and what its file must be.
type Seen<'a> = BTreeMap<(&'a SuiteName, &'a Component, &'a RecordKey), &'a Expected>;

pub(super) fn run(
    arguments: &VerifyArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let source = &arguments.source;
    let repository = &session.repository(arguments.repository.as_str())?.name;
    let before_address = address(&arguments.place)?;
    let client = source.client(&before_address)?;
    let mut before = source.read((&before_address, &client), None, output)?;
    let public = session.store.public(repository);
    let after_address = address(arguments.published_at.as_deref().unwrap_or(public.as_str()))?;
    let client = source.client(&after_address)?;
    let suites: Vec<Suite> = before.suites.iter().map(|suite| Suite::Named(suite.name.to_string())).collect();
    let keyring = session.keys_of(repository).keyring()?.0;
    let mut after = tree::read(&TreeRequest {
        address: &after_address,
        client: &client,
        suites: &suites,
        trust: Trust::Keys(&keyring),
        now: clock::now(),
        allow_expired: source.allow_expired,
        target: None,
        components: &source.components,
        architectures: &source.architectures,
    });
    let limit = arguments.rows.limit(output);
    let is_unreadable = super::refuse(&mut before, limit, output) | super::refuse(&mut after, limit, output);
    if is_unreadable {
        return Ok(Outcome::Refused);
    }
    let (before, after) = (seen(&before), seen(&after));
    let differences = differences(&before, &after);
    let document = VerifiedImportJson { compared: before.len(), differences, repository: Text(repository) };
    output.result(&document, || print(&document.differences, limit, output));
    if document.differences.is_empty() {
        output.say(&format!("no difference: clients see the same {}", count(document.compared, "package")));
        return Ok(Outcome::Done);
    }
    output.say(&format!("clients see {}", count(document.differences.len(), "difference")));
    Ok(Outcome::Different)
}

fn seen(plan: &ImportPlan) -> Seen<'_> {
    let mut seen = Seen::new();
    for package in &plan.packages {
        for suite in &package.suites {
            seen.insert((suite, &package.component, &package.key), &package.file.expected);
        }
    }
    seen
}

fn differences<'a>(before: &Seen<'a>, after: &Seen<'a>) -> Vec<SeenDifferenceJson<'a>> {
    let digest = |expected: Option<&&Expected>| expected.map(|expected| expected.strongest().1);
    let mut keys: Vec<_> = before.keys().chain(after.keys()).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter()
        .filter_map(|key| {
            let (old, new) = (before.get(&key), after.get(&key));
            if let (Some(old), Some(new)) = (old, new)
                && is_same(old, new)
            {
                return None;
            }
            let (suite, component, RecordKey { package, version, architecture }) = key;
            Some(SeenDifferenceJson {
                after: digest(new),
                before: digest(old),
                architecture: Text(architecture),
                component: Text(component),
                package: Text(package),
                suite: Text(suite),
                version: Text(version),
            })
        })
        .collect()
}

fn print(differences: &[SeenDifferenceJson<'_>], limit: RowLimit, output: &Output) {
    let rows: Vec<[String; 6]> = differences
        .iter()
        .map(|difference| {
            let what = match (&difference.before, &difference.after) {
                (Some(_), Some(_)) => "other content",
                (Some(_), None) => "missing",
                (None, _) => "new",
            };
            [
                difference.suite.0.to_string(),
                difference.component.0.to_string(),
                difference.package.0.to_string(),
                difference.version.0.to_string(),
                difference.architecture.0.to_string(),
                what.to_owned(),
            ]
        })
        .collect();
    let head = [
        Column::whole("SUITE"),
        Column::whole("COMPONENT"),
        Column::whole("PACKAGE"),
        Column::whole("VERSION"),
        Column::whole("ARCHITECTURE"),
        Column::words("DIFFERENCE"),
    ];
    if !rows.is_empty() {
        output.table(&head, &rows, limit);
    }
}

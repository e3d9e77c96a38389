use std::str::FromStr as _;
use std::sync::Arc;

use repo_store::model::CommitId;
use repo_store::model::record::Record;
use repo_store::{RepositoryName, Selector};
use serde::Serialize;

use super::list::{ListedJson, find};
use crate::args::RowArguments;
use crate::columns::{ColumnArguments, ListColumn};
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::Output;
use crate::package_count::PackageCount;
use crate::package_names;
use crate::revision_spec::RevisionSpec;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct VersionsArguments {
    /// The packages: names or patterns, with =VERSION or as in 'hello (>= 2.10)' if wanted
    #[arg(required = true, value_name = "PACKAGE")]
    selectors: Vec<Selector>,
    /// Only this repository or one suite of it, in the present state or another, such as `prod@-1`; may be given several times
    #[arg(long = "repository", value_name = "REPOSITORY[/SUITE][@STATE]", value_parser = RevisionSpec::from_str)]
    states: Vec<RevisionSpec>,
    #[command(flatten)]
    columns: ColumnArguments,
    #[command(flatten)]
    rows: RowArguments,
}

impl VersionsArguments {
    /// Returns whether JSON is asked for.
    pub(crate) fn prints_json(&self) -> bool {
        self.columns.prints_json()
    }
}

/// A package file of a repository.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RepositoryVersionJson<'a> {
    /// The state of the repository
    commit: Text<CommitId>,
    /// The package file
    entry: ListedJson,
    /// The repository
    repository: Text<&'a RepositoryName>,
}

/// The document of `versions`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct VersionsJson<'a> {
    /// The package files, by repository
    versions: Vec<RepositoryVersionJson<'a>>,
}

impl JsonDocument for VersionsJson<'_> {}

pub(crate) fn run(
    arguments: &VersionsArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let mut states = arguments.states.clone();
    if states.is_empty() {
        states =
            session.config.repositories().map(|settings| RevisionSpec::head_of(&settings.name)).collect();
    }
    // One package needs no column for its name.
    let is_one = matches!(&*arguments.selectors, [selector] if !selector.is_pattern());
    let columns = COLUMNS.get(usize::from(is_one)..).unwrap_or_default();
    let mut listing = arguments.columns.listing(columns, false, output)?;
    let mut listed = Vec::new();
    let mut records: Vec<Arc<Record>> = Vec::new();
    let mut revisions = Vec::new();
    for state in &states {
        let (repository, revision) = state.resolve(session)?;
        state.check_suites(repository, revision.as_ref(), &[])?;
        let suites = state.suites(repository, revision.as_ref());
        let Some(revision) = revision else { continue };
        let suites = revision.commit().suites.keys().filter(|suite| suites.contains(suite));
        let found = find(&revision, suites, &arguments.selectors)?;
        records.extend(found.values().map(|(record, _)| Arc::clone(record)));
        for (record, suites) in found.into_values() {
            listing.push(&record, &suites, &state.without_suite(), "");
            let one = ListedJson::new(&record, &suites).with_fields(listing.fields(&record));
            let (commit, repository) = (Text(revision.id()), Text(&repository.name));
            listed.push(RepositoryVersionJson { commit, entry: one, repository });
        }
        revisions.push(revision);
    }
    listing.check_columns()?;
    output.result(&VersionsJson { versions: listed }, || {
        let rows = listing.print(&arguments.rows, output);
        output.total(rows, &PackageCount::of(records.iter().map(|record| record.key())).to_string());
    });
    let unmatched = package_names::unmatched(&arguments.selectors, &records.iter().map(|record| &**record));
    package_names::say_unmatched(&unmatched, "", &revisions, output)?;
    Ok(Outcome::Done)
}

/// The columns that are printed when none is chosen.
const COLUMNS: [ListColumn; 5] = [
    ListColumn::Package,
    ListColumn::Version,
    ListColumn::Architecture,
    ListColumn::Repository,
    ListColumn::Suites,
];

use std::str::FromStr as _;

use deb_parse::PackageName;

use super::list::{Found, ListedJson};
use crate::args::RowArguments;
use crate::columns::{ColumnArguments, ListColumn};
use crate::error::{Failure, Outcome};
use crate::output::{Output, count};
use crate::package_names;
use crate::revision_spec::RevisionSpec;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct VersionsArguments {
    /// The package
    #[arg(value_parser = PackageName::parse)]
    package: PackageName,
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
    let mut listing = arguments.columns.listing(&COLUMNS, false, output)?;
    let mut listed = Vec::new();
    let mut revisions = Vec::new();
    for state in &states {
        let (repository, revision) = state.resolve(session)?;
        state.check_suites(repository, revision.as_ref(), &[])?;
        let suites = state.suites(repository, revision.as_ref());
        let Some(revision) = revision else { continue };
        let mut found = Found::new();
        for suite in revision.commit().suites.keys().filter(|suite| suites.contains(suite)) {
            for record in revision.versions(suite, &arguments.package)? {
                let entry = found.entry(record.key().clone()).or_insert_with(|| (record, Vec::new()));
                entry.1.push(suite.clone());
            }
        }
        for (record, suites) in found.into_values() {
            listing.push(&record, &suites, &state.without_suite(), "");
            let one = ListedJson { fields: listing.fields(&record), ..ListedJson::new(&record, &suites) };
            listed.push(serde_json::json!({
                "repository": repository.name.as_str(),
                "commit": revision.id().to_string(),
                "entry": one,
            }));
        }
        revisions.push(revision);
    }
    listing.check_columns()?;
    output.result(&serde_json::json!({ "versions": listed }), || {
        let rows = listing.print(&arguments.rows, output);
        output.total(rows, &count(listed.len(), "package file"));
    });
    if listed.is_empty() {
        package_names::say_unmatched(&[arguments.package.to_string()], "", &revisions, output)?;
    }
    Ok(Outcome::Done)
}

/// The columns that are printed when none is chosen.
const COLUMNS: [ListColumn; 4] =
    [ListColumn::Version, ListColumn::Architecture, ListColumn::Repository, ListColumn::Suites];

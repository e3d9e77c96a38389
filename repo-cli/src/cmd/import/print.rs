//! What `import tree` and `import reprepro` print.

use deb_parse::{Architecture, Component, SuiteName};
use repo_store::RepositoryName;
use repo_store::model::CommitId;
use serde::Serialize;

use super::plan::{Finding, ImportPlan};
use crate::clock;
use crate::json_value::{JsonDocument, Text, Time};
use crate::output::{Column, Output, RowLimit, joined};
use crate::package_count::PackageCount;

/// The document of `import tree` and `import reprepro`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ImportJson<'a> {
    /// The new state of the repository; null when nothing changed
    commit: Option<Text<CommitId>>,
    /// How many packages the archive has
    count: PackageCount,
    /// The date of the newest Release that was imported; null when there was none
    date: Option<Time>,
    /// Whether nothing was changed
    dry_run: bool,
    /// What is lost or changed by the import, what clients would notice, and what is good to know
    findings: &'a [Finding],
    /// The address of the archive
    from: &'a str,
    /// The repository that the packages go to
    repository: Text<&'a RepositoryName>,
    /// Whether a store is made for it
    store_is_new: bool,
    /// The suites
    suites: Vec<ImportedSuiteJson<'a>>,
}

impl JsonDocument for ImportJson<'_> {}

/// A suite that is imported.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ImportedSuiteJson<'a> {
    /// The second name of the suite; null when it has none
    alias: Option<Text<&'a SuiteName>>,
    /// The architectures, besides `all`
    architectures: Vec<Text<&'a Architecture>>,
    /// The components
    components: Vec<Text<&'a Component>>,
    /// How many packages it has
    count: PackageCount,
    /// The date of its Release; null when there was none
    date: Option<Time>,
    /// The suite
    suite: Text<&'a SuiteName>,
    /// What clients called it: the name of a suite, or the directory of a flat archive
    was: String,
}

impl<'a> ImportJson<'a> {
    pub(super) fn new(
        plan: &'a ImportPlan,
        repository: &'a RepositoryName,
        (dry_run, store_is_new): (bool, bool),
        commit: Option<CommitId>,
    ) -> Self {
        Self {
            commit: commit.map(Text),
            count: PackageCount::of(plan.packages.iter().map(|package| &package.key)),
            date: plan.origin.date().map(Time),
            dry_run,
            findings: &plan.findings,
            from: plan.origin.address(),
            repository: Text(repository),
            store_is_new,
            suites: plan
                .suites
                .iter()
                .map(|suite| ImportedSuiteJson {
                    alias: suite.alias.as_ref().map(Text),
                    architectures: Text::all(&suite.architectures),
                    components: Text::all(&suite.components),
                    count: count_in(plan, &suite.name),
                    date: suite.release.as_ref().map(|release| Time(release.date)),
                    suite: Text(&suite.name),
                    was: suite.was.to_string(),
                })
                .collect(),
        }
    }
}

fn count_in(plan: &ImportPlan, suite: &SuiteName) -> PackageCount {
    let packages = plan.packages.iter().filter(|package| package.suites.contains(suite));
    PackageCount::of(packages.map(|package| &package.key))
}

/// Prints the suites of a plan, for people, and notes what was found.
pub(super) fn print(plan: &ImportPlan, limit: RowLimit, output: &Output) {
    let date = clock::minute;
    let rows: Vec<[String; 6]> = plan
        .suites
        .iter()
        .map(|suite| {
            [
                suite.name.to_string(),
                suite.was.to_string(),
                joined(&suite.components),
                joined(&suite.architectures),
                count_in(plan, &suite.name).files().to_string(),
                suite.release.as_ref().map_or_else(|| "-".to_owned(), |release| date(release.date)),
            ]
        })
        .collect();
    let head = ["SUITE", "WAS", "COMPONENTS", "ARCHITECTURES", "FILES", "DATE"].map(Column::words);
    if !output.is_json() {
        output.table(&head, &rows, limit);
    }
    for finding in &plan.findings {
        output.note(&format!("note: {}", finding.line()));
    }
}

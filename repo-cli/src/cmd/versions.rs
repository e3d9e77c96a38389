use std::collections::BTreeMap;
use std::sync::Arc;

use deb_parse::{PackageName, SuiteName};
use repo_store::{Record, RecordKey};

use super::list::ListedJson;
use crate::error::{Failure, Outcome};
use crate::output::{Output, RowLimit, package_rows};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct VersionsArguments {
    /// The package
    #[arg(value_parser = PackageName::parse)]
    package: PackageName,
    /// Only this repository; may be given several times
    #[arg(long = "repository", value_name = "NAME")]
    repositories: Vec<String>,
}

pub(crate) fn run(
    arguments: &VersionsArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repositories = session.repositories(&arguments.repositories)?;
    let mut rows = Vec::new();
    let mut listed = Vec::new();
    for repository in repositories {
        let Some(head) = session.store.head(&repository.name)? else { continue };
        let mut found: BTreeMap<RecordKey, (Arc<Record>, Vec<SuiteName>)> = BTreeMap::new();
        for suite in head.commit().suites.keys() {
            for record in head.versions(suite, &arguments.package)? {
                let entry = found.entry(record.key().clone()).or_insert_with(|| (record, Vec::new()));
                entry.1.push(suite.clone());
            }
        }
        for (key, (record, suites)) in found {
            let row = |suite: &SuiteName| (key.clone(), suite.clone(), repository.name.to_string());
            rows.extend(suites.iter().map(row));
            let one = ListedJson::new(&record, &suites);
            listed.push(serde_json::json!({ "repository": repository.name.as_str(), "entry": one }));
        }
    }
    output.result(&serde_json::json!({ "versions": listed }), || {
        let rows: Vec<[String; 4]> = package_rows(rows)
            .into_iter()
            .map(|([_, version, architectures, suites], repository)| {
                [version, architectures, repository, suites]
            })
            .collect();
        output.table(["VERSION", "ARCHITECTURE", "REPOSITORY", "SUITES"], &rows, RowLimit::NONE);
    });
    if listed.is_empty() {
        output.found_nothing(&format!("no packages match {}", arguments.package));
    }
    Ok(Outcome::Done)
}

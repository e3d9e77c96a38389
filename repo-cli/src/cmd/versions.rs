use std::collections::BTreeMap;
use std::sync::Arc;

use deb_parse::{PackageName, SuiteName};
use repo_store::{Record, RecordKey};

use super::list::ListedJson;
use crate::error::{Failure, Outcome};
use crate::output::{Output, joined};
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
        // The newest first, as it is what apt would choose.
        for (key, (record, suites)) in found.into_iter().rev() {
            rows.push([
                key.version.to_string(),
                key.architecture.to_string(),
                repository.name.to_string(),
                joined(&suites),
            ]);
            let one = ListedJson::new(&record, &suites);
            listed.push(serde_json::json!({ "repository": repository.name.as_str(), "entry": one }));
        }
    }
    if rows.is_empty() {
        return Err(Failure::NoMatch(vec![arguments.package.to_string()]));
    }
    output.result(&serde_json::json!({ "versions": listed }), || {
        output.table(["VERSION", "ARCHITECTURE", "REPOSITORY", "SUITES"], &rows);
    });
    Ok(Outcome::Done)
}

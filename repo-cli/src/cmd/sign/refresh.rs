use repo_store::RepositoryName;
use repo_store::model::PublicationId;
use serde::Serialize;

use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text, Time};
use crate::output::{Output, joined};
use crate::session::Session;

pub(super) fn run(
    repositories: &[String],
    dry_run: bool,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let now = session.context().now;
    let (mut refreshed, mut failed) = (Vec::new(), Vec::new());
    let mut is_nothing_due = true;
    for repository in session.repositories(repositories)? {
        let name = &repository.name;
        let due = session.store.due_suites(name, now)?;
        if due.is_empty() {
            continue;
        }
        is_nothing_due = false;
        let directories: Vec<&str> = due.iter().map(|suite| suite.directory.as_str()).collect();
        let mut publication = None;
        if dry_run {
            output.say(&format!("would sign {name} again: {}", joined(&directories)));
        } else {
            match session.refresh(repository, output) {
                Ok(report) => {
                    publication = report.publication;
                    if let Some(id) = &publication {
                        output.say(&format!("signed {name} again, published {id}: {}", joined(&directories)));
                    }
                }
                Err(failure) if failure.is_cancellation() => return Err(failure),
                Err(failure) => {
                    output.failed(name, &failure);
                    failed.push(name.to_string());
                    continue;
                }
            }
        }
        let suites = due
            .iter()
            .map(|suite| DueJson { suite: suite.directory.clone(), valid_until: Time(suite.valid_until) });
        refreshed.push(RefreshedRepositoryJson {
            due: suites.collect(),
            publication: publication.map(Text),
            repository: Text(name),
        });
    }
    if is_nothing_due {
        output.say("nothing to sign: no signature has used half of its validity");
    }
    let outcome = Outcome::of(failed.is_empty());
    output.result(&RefreshedJson { dry_run, failed, refreshed }, || {});
    Ok(outcome)
}

/// The document of `sign refresh`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RefreshedJson<'a> {
    /// Whether nothing was changed
    dry_run: bool,
    /// The repositories that could not be signed
    failed: Vec<String>,
    /// The repositories that were due
    refreshed: Vec<RefreshedRepositoryJson<'a>>,
}

impl JsonDocument for RefreshedJson<'_> {}

/// A repository that was due.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RefreshedRepositoryJson<'a> {
    /// The suites whose signatures have used half of their validity
    due: Vec<DueJson>,
    /// The new publication; null when none was made
    publication: Option<Text<PublicationId>>,
    /// The repository
    repository: Text<&'a RepositoryName>,
}

/// A suite that is due.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DueJson {
    /// The suite; `.flat` for the flat form
    suite: String,
    /// Until when clients take it
    valid_until: Time,
}

use crate::clock;
use crate::error::{Failure, Outcome};
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
                    publication = report.publication.map(|id| id.to_string());
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
        let suites = due.iter().map(|suite| {
            serde_json::json!({ "suite": suite.directory, "valid_until": clock::seconds(suite.valid_until) })
        });
        refreshed.push(serde_json::json!({
            "repository": name.as_str(),
            "publication": publication,
            "due": suites.collect::<Vec<_>>(),
        }));
    }
    if is_nothing_due {
        output.say("nothing to sign: no signature has used half of its validity");
    }
    let outcome = Outcome::of(failed.is_empty());
    let document = serde_json::json!({ "dry_run": dry_run, "refreshed": refreshed, "failed": failed });
    output.result(&document, || {});
    Ok(outcome)
}

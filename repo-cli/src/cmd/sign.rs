use clap::Subcommand;

use super::publish::tags_ahead;
use crate::clock::{self, Hazard};
use crate::error::{Failure, Outcome};
use crate::output::{Output, count, joined};
use crate::session::{Publishing, Session};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SignArguments {
    #[command(subcommand)]
    command: SignCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum SignCommand {
    /// Render and sign everything from the records, dated now
    ///
    /// Nothing is taken over from what clients see. This mends a published index that was forged, and a Date that is ahead of the clock.
    Again {
        /// The repositories [default: all]; a failure does not stop the others
        #[arg(value_name = "REPOSITORY")]
        repositories: Vec<String>,
        /// Accept this hazard
        #[arg(long, value_name = "HAZARD")]
        accept: Vec<Hazard>,
    },
}

pub(crate) fn run(arguments: &SignArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let SignCommand::Again { repositories, accept } = &arguments.command;
    clock::warn(&session.store, session.context().now, output)?;
    let repositories = session.repositories(repositories)?;
    let publishing =
        Publishing { again: true, accept_clock: accept.contains(&Hazard::Clock), ..Publishing::default() };
    let (mut signed, mut failed) = (Vec::new(), Vec::new());
    for result in session.publish_each(repositories, publishing, output)? {
        let (repository, report) = result?;
        let Some(report) = report else {
            failed.push(repository.name.as_str());
            continue;
        };
        if let Some(date) = report.corrected {
            output.note(&format!(
                "{}: clients that took the Date {} keep what they have until then, unless their lists are removed: \
                 `rm -r /var/lib/apt/lists/*` and `apt-get update`. All others take the new one with their next update.",
                repository.name,
                clock::seconds(date)
            ));
        }
        if !report.signed_tags.is_empty() {
            output.say(&format!(
                "signed {} of {} again: {}",
                count(report.signed_tags.len(), "tagged state"),
                repository.name,
                joined(&report.signed_tags)
            ));
        }
        signed.push(serde_json::json!({
            "repository": repository.name.as_str(),
            "publication": report.publication.map(|id| id.to_string()),
            "suites": report.suites.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "corrected": report.corrected.map(clock::seconds),
            "tags": report.signed_tags.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "tags_ahead": tags_ahead(&report),
        }));
    }
    let outcome = Outcome::of(failed.is_empty());
    output.result(&serde_json::json!({ "signed": signed, "failed": failed }), || {});
    Ok(outcome)
}

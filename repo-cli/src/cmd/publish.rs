use repo_store::{PublishOptions, PublishReport, Unlisted};

use crate::clock::{self, Hazard};
use crate::error::{Failure, Outcome};
use crate::output::Output;
use crate::session::{Publishing, Session};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PublishArguments {
    /// The repositories [default: all]; one that fails keeps none of the others from being published
    #[arg(value_name = "REPOSITORY")]
    repositories: Vec<String>,
    /// Also when a suite's Origin, Label, Codename or NotAutomatic changed: clients refuse that until
    /// `apt-get update --allow-releaseinfo-change` is given on each
    #[arg(long)]
    allow_release_info_change: bool,
    /// Also when a suite, an alias or the flat form that clients read has left repo.toml: they find nothing there any more
    #[arg(long)]
    allow_removal: bool,
    /// Also when none of the signing keys signed what clients see: they refuse that until they are given one of these keys
    #[arg(long)]
    allow_key_change: bool,
    /// Accept this hazard
    #[arg(long, value_name = "HAZARD")]
    accept: Vec<Hazard>,
}

pub(crate) fn run(
    arguments: &PublishArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repositories = session.repositories(&arguments.repositories)?;
    let options = PublishOptions {
        allow_release_info_change: arguments.allow_release_info_change,
        allow_removal: arguments.allow_removal,
        allow_key_change: arguments.allow_key_change,
        ..PublishOptions::default()
    };
    let accept_clock = arguments.accept.contains(&Hazard::Clock);
    let publishing = Publishing { options, accept_clock, ..Publishing::default() };
    let (mut published, mut failed) = (Vec::new(), Vec::new());
    for result in session.publish_each(repositories, publishing, output)? {
        let (repository, report) = result?;
        let Some(report) = report else {
            failed.push(repository.name.as_str());
            continue;
        };
        if report.publication.is_none() && report.restored == 0 {
            output.say(&format!("{} is published as it is", repository.name));
        }
        let mut entry = serde_json::json!({
            "repository": repository.name.as_str(),
            "publication": report.publication.map(|id| id.to_string()),
            "suites": report.suites.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "removed": report.removed,
            "date": report.date.map(clock::rfc_3339),
            "tags_ahead": tags_ahead(&report),
        });
        if !report.unlisted.is_empty()
            && let Some(entry) = entry.as_object_mut()
        {
            entry.insert("unlisted".to_owned(), report.unlisted.iter().map(unlisted).collect());
        }
        if report.restored > 0
            && let Some(entry) = entry.as_object_mut()
        {
            entry.insert("restored".to_owned(), report.restored.into());
        }
        published.push(entry);
    }
    let outcome = Outcome::of(failed.is_empty());
    output.result(&serde_json::json!({ "published": published, "failed": failed }), || {});
    Ok(outcome)
}

fn unlisted(Unlisted { package, index, reason, .. }: &Unlisted) -> serde_json::Value {
    serde_json::json!({ "package": package.to_string(), "index": index.to_string(), "reason": reason })
}

/// Returns the tags whose publications clients refuse, in JSON: until when.
pub(super) fn tags_ahead(report: &PublishReport) -> Vec<serde_json::Value> {
    let entry = |(tag, date): &(repo_store::TagName, jiff::Timestamp)| serde_json::json!({ "tag": tag.as_str(), "date": clock::rfc_3339(*date) });
    report.tags_ahead.iter().map(entry).collect()
}

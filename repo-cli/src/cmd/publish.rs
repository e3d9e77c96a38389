use repo_store::{
    Difference, PlannedSuite, PublicationPlan, PublishOptions, PublishReport, RepositorySettings, Unlisted,
};

use crate::clock::{self, Hazard};
use crate::error::{Failure, Outcome};
use crate::output::{Column, Output, RowLimit, count, joined};
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
    /// Also when the current state was not built upon the one that clients saw last: for them the repository goes back
    #[arg(long)]
    allow_earlier_state: bool,
    /// Accept this hazard
    #[arg(long, value_name = "HAZARD")]
    accept: Vec<Hazard>,
    /// Show what would be published and why, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl PublishArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.dry_run
    }

    /// Returns the repositories that it was given.
    pub(crate) fn repositories(&self) -> Vec<&str> {
        self.repositories.iter().map(String::as_str).collect()
    }
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
        allow_earlier_state: arguments.allow_earlier_state,
        ..PublishOptions::default()
    };
    let accept_clock = arguments.accept.contains(&Hazard::Clock);
    let publishing = Publishing { options, accept_clock, ..Publishing::default() };
    if arguments.dry_run {
        return show_plans(("published", repositories), publishing, session, output);
    }
    let (mut published, mut failed) = (Vec::new(), Vec::new());
    for result in session.publish_each(repositories, publishing, output)? {
        let (repository, report) = result?;
        let Some(report) = report else {
            failed.push(repository.name.as_str());
            continue;
        };
        if report.publication.is_none() && report.restored == 0 {
            output.say(&format!("{}: already up to date", repository.name));
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
    let document = serde_json::json!({ "published": published, "failed": failed, "dry_run": false });
    output.result(&document, || {});
    Ok(outcome)
}

/// Shows what would be published of each repository. In JSON, `key` names the list of plans.
pub(super) fn show_plans(
    (key, repositories): (&str, Vec<&RepositorySettings>),
    publishing: Publishing,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let (mut plans, mut failed) = (Vec::new(), Vec::new());
    for repository in repositories {
        match session.plan_publication(repository, publishing, output) {
            Ok(plan) => plans.push(plan),
            Err(failure) if failure.is_cancellation() => return Err(failure),
            Err(failure) => {
                output.failed(&repository.name, &failure);
                failed.push(repository.name.as_str());
            }
        }
    }
    let document = serde_json::json!({ key: plans, "failed": failed, "dry_run": true });
    output.result(&document, || {
        let rows: Vec<[String; 5]> = plans.iter().flat_map(rows).collect();
        if !rows.is_empty() {
            let head = [
                Column::text("REPOSITORY"),
                Column::text("SUITE"),
                Column::whole("ADDED"),
                Column::whole("REMOVED"),
                Column::text("REASON"),
            ];
            output.table(&head, &rows, RowLimit::NONE);
        }
    });
    plans.iter().for_each(|plan| say_plan(plan, output));
    Ok(Outcome::of(failed.is_empty()))
}

/// Returns a row for each suite that would be rendered and signed.
fn rows(plan: &PublicationPlan) -> Vec<[String; 5]> {
    let row = |suite: &PlannedSuite| {
        let mut changes = plan.changes().iter();
        let changes = changes.find(|(name, _)| name.as_str() == suite.directory).map(|(_, changes)| changes);
        let number = |records: fn(&Difference) -> usize| changes.map_or(0, records).to_string();
        [
            plan.repository().to_string(),
            suite.directory.clone(),
            number(|changes| changes.only_second.len()),
            number(|changes| changes.only_first.len()),
            suite.reason.to_string(),
        ]
    };
    plan.suites().iter().map(row).collect()
}

/// Returns a sentence about what publishing would change in a repository.
pub(super) fn say_plan(plan: &PublicationPlan, output: &Output) {
    let name = plan.repository();
    if plan.is_up_to_date() {
        output.say(&format!("{name}: already up to date"));
    } else if plan.suites().is_empty() {
        output.say(&format!("would publish {name}: as before"));
    } else {
        let suites: Vec<&str> = plan.suites().iter().map(|suite| suite.directory.as_str()).collect();
        output.say(&format!("would publish {name}: {}", joined(&suites)));
    }
    if !plan.removed().is_empty() {
        output.say(&format!("{name}: clients would no longer find {}", joined(plan.removed())));
    }
    if plan.missing() > 0 {
        let files = count(usize::try_from(plan.missing()).unwrap_or(usize::MAX), "missing file");
        output.say(&format!("{name}: would put back {files}"));
    }
}

fn unlisted(Unlisted { package, index, reason, .. }: &Unlisted) -> serde_json::Value {
    serde_json::json!({ "package": package.to_string(), "index": index.to_string(), "reason": reason })
}

/// Returns the tags whose publications clients refuse, in JSON: until when.
pub(super) fn tags_ahead(report: &PublishReport) -> Vec<serde_json::Value> {
    let entry = |(tag, date): &(repo_store::TagName, jiff::Timestamp)| serde_json::json!({ "tag": tag.as_str(), "date": clock::rfc_3339(*date) });
    report.tags_ahead.iter().map(entry).collect()
}

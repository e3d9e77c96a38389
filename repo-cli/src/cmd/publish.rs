use deb_parse::{PackageName, Version};
use jiff::Timestamp;
use repo_store::model::record::{Build, Record, RecordKey};
use repo_store::model::{BlobId, CommitId, Difference, PublicationId, TagName};
use repo_store::publish::{PlannedSuite, PublicationPlan, PublishReport, Unlisted};
use repo_store::{PublishOptions, RepositoryName, RepositorySettings};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Hazard;
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text, Time};
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
        return show_plans(repositories, publishing, session, output);
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
        published.push(PublishedRepositoryJson {
            date: report.date.map(Time),
            publication: report.publication.map(Text),
            removed: report.removed.clone(),
            repository: Text(&repository.name),
            restored: Some(report.restored).filter(|restored| *restored > 0),
            suites: report.suites.iter().map(ToString::to_string).collect(),
            tags_ahead: tags_ahead(&report),
            unlisted: report.unlisted.iter().map(UnlistedJson::new).collect(),
        });
    }
    let outcome = Outcome::of(failed.is_empty());
    output.result(&PublishedJson { dry_run: false, failed, published }, || {});
    Ok(outcome)
}

/// The document of `publish`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PublishedJson<'a> {
    /// Whether nothing was changed: false
    dry_run: bool,
    /// The repositories that could not be published
    failed: Vec<&'a str>,
    /// What became of the others
    published: Vec<PublishedRepositoryJson<'a>>,
}

impl JsonDocument for PublishedJson<'_> {}

/// A repository that clients see now.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PublishedRepositoryJson<'a> {
    /// The `Date` of what clients see; null when they see nothing
    date: Option<Time>,
    /// The new publication; null when clients see what they saw
    publication: Option<Text<PublicationId>>,
    /// The suites that clients no longer find
    removed: Vec<String>,
    /// The repository
    repository: Text<&'a RepositoryName>,
    /// How many lost files were put back; absent when none were
    #[serde(skip_serializing_if = "Option::is_none")]
    restored: Option<u64>,
    /// The suites that were rendered and signed
    suites: Vec<String>,
    /// The tags whose publications clients refuse for now
    tags_ahead: Vec<TagAheadJson>,
    /// The packages that an index leaves out; absent when there are none
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unlisted: Vec<UnlistedJson>,
}

/// A tag whose publication clients refuse for now, as it is dated in the future.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct TagAheadJson {
    /// The `Date` of the publication
    date: Time,
    /// The tag
    tag: Text<TagName>,
}

/// A package that an index leaves out.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct UnlistedJson {
    /// The kind of index, such as `Contents`
    index: String,
    /// The package file
    package: Text<RecordKey>,
    /// What is wrong with the package
    reason: String,
}

impl UnlistedJson {
    fn new(Unlisted { package, index, reason, .. }: &Unlisted) -> Self {
        Self { index: index.to_string(), package: Text(package.clone()), reason: reason.clone() }
    }
}

/// What publishing a repository would do.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PublicationPlanJson<'a> {
    /// The package files that clients would find, by suite
    added: BTreeMap<&'a str, Vec<PlannedPackageJson<'a>>>,
    /// The state that clients would see; null when nothing was ever committed
    base: Option<Text<CommitId>>,
    /// Whether clients see exactly that already
    is_up_to_date: bool,
    /// How many files are missing and would be put back
    missing: u64,
    /// The suites that clients would no longer find
    removed: &'a [String],
    /// The publication that clients see now; null when they see none
    replaces: Option<Text<PublicationId>>,
    /// The repository
    repository: Text<&'a RepositoryName>,
    /// The suites that would be rendered and signed
    suites: Vec<PlannedSuiteJson<'a>>,
    /// The package files that clients would no longer find, by suite
    withdrawn: BTreeMap<&'a str, Vec<PlannedPackageJson<'a>>>,
}

/// A package file of a plan.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PlannedPackageJson<'a> {
    /// What the file is built for
    architecture: Text<&'a Build>,
    /// The id of the package file, or of the .dsc file of a source package
    blob: Text<BlobId>,
    /// The name of the package
    package: Text<&'a PackageName>,
    /// The version of the package
    version: Text<&'a Version>,
}

/// A suite that would be rendered and signed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PlannedSuiteJson<'a> {
    /// The suite; `.flat` for the flat form
    directory: &'a str,
    /// Why
    reason: String,
}

impl<'a> PublicationPlanJson<'a> {
    fn new(plan: &'a PublicationPlan) -> Self {
        let packages = |records: &'a [Arc<Record>]| {
            let package = |record: &'a Arc<Record>| PlannedPackageJson {
                architecture: Text(&record.key().architecture),
                blob: Text(record.blob()),
                package: Text(&record.key().package),
                version: Text(&record.key().version),
            };
            records.iter().map(package).collect::<Vec<_>>()
        };
        let side = |of: fn(&Difference) -> &[Arc<Record>]| {
            let changes = plan.changes().iter();
            changes.map(|(suite, difference)| (suite.as_str(), packages(of(difference)))).collect()
        };
        let suite = |suite: &'a PlannedSuite| PlannedSuiteJson {
            directory: &suite.directory,
            reason: suite.reason.to_string(),
        };
        Self {
            added: side(|difference| &difference.only_second),
            base: plan.base().map(Text),
            is_up_to_date: plan.is_up_to_date(),
            missing: plan.missing(),
            removed: plan.removed(),
            replaces: plan.replaces().map(Text),
            repository: Text(plan.repository()),
            suites: plan.suites().iter().map(suite).collect(),
            withdrawn: side(|difference| &difference.only_first),
        }
    }
}

/// The document of `publish --dry-run`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PublicationPlansJson<'a> {
    /// Whether nothing was changed: true
    dry_run: bool,
    /// The repositories for which no plan could be made
    failed: Vec<&'a str>,
    /// What would become of the others
    published: Vec<PublicationPlanJson<'a>>,
}

impl JsonDocument for PublicationPlansJson<'_> {}

/// The document of `sign again --dry-run`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SigningPlansJson<'a> {
    /// Whether nothing was changed: true
    dry_run: bool,
    /// The repositories for which no plan could be made
    failed: Vec<&'a str>,
    /// What would become of the others
    signed: Vec<PublicationPlanJson<'a>>,
}

impl JsonDocument for SigningPlansJson<'_> {}

/// Shows what would be published of each repository.
fn show_plans(
    repositories: Vec<&RepositorySettings>,
    publishing: Publishing,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let (plans, failed) = make_plans(repositories, publishing, session, output)?;
    let published = plans.iter().map(PublicationPlanJson::new).collect();
    let document = PublicationPlansJson { dry_run: true, failed: failed.clone(), published };
    print_plans(&document, &plans, output);
    Ok(Outcome::of(failed.is_empty()))
}

/// Shows what would be signed again of each repository.
pub(super) fn show_signing_plans(
    repositories: Vec<&RepositorySettings>,
    publishing: Publishing,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let (plans, failed) = make_plans(repositories, publishing, session, output)?;
    let signed = plans.iter().map(PublicationPlanJson::new).collect();
    let document = SigningPlansJson { dry_run: true, failed: failed.clone(), signed };
    print_plans(&document, &plans, output);
    Ok(Outcome::of(failed.is_empty()))
}

/// Makes a plan for each repository. Returns the plans, and the repositories for which none could be made.
fn make_plans<'a>(
    repositories: Vec<&'a RepositorySettings>,
    publishing: Publishing,
    session: &Session,
    output: &Output,
) -> Result<(Vec<PublicationPlan>, Vec<&'a str>), Failure> {
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
    Ok((plans, failed))
}

/// Prints plans, in words and as their document.
fn print_plans(document: &impl JsonDocument, plans: &[PublicationPlan], output: &Output) {
    output.result(document, || {
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

/// Returns the tags whose publications clients refuse.
pub(super) fn tags_ahead(report: &PublishReport) -> Vec<TagAheadJson> {
    let entry =
        |(tag, date): &(TagName, Timestamp)| TagAheadJson { date: Time(*date), tag: Text(tag.clone()) };
    report.tags_ahead.iter().map(entry).collect()
}

use deb_parse::{PackageName, SuiteName, Version};
use repo_store::model::record::Build;
use repo_store::model::{CommitId, Freeze};
use repo_store::operations::retention::RetentionPlan;
use repo_store::{RepositoryName, RepositorySettings};
use serde::Serialize;

use super::freeze::FreezeJson;
use super::{changes, freeze};
use crate::args::{ChangeArguments, OverrideArguments, RowArguments, RowLimits as _};
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::{Column, Output, RowLimit, package_rows};
use crate::package_count::PackageCount;
use crate::planned::carry_out;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RetentionArguments {
    /// The repositories [default: all]
    #[arg(value_name = "REPOSITORY")]
    repositories: Vec<String>,
    /// Also when a suite would lose more than half of what it holds
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    gates: OverrideArguments,
    #[command(flatten)]
    rows: RowArguments,
    #[command(flatten)]
    change: ChangeArguments,
}

impl RetentionArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.change.dry_run
    }

    /// Returns the repositories that it was given.
    pub(crate) fn repositories(&self) -> Vec<&str> {
        self.repositories.iter().map(String::as_str).collect()
    }
}

/// What the rules make of a package file.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct VerdictJson {
    /// What the file is built for
    architecture: Text<Build>,
    /// The name of the package
    package: Text<PackageName>,
    /// The size of the file in bytes
    size: u64,
    /// Whether the suite keeps it
    stays: bool,
    /// The suite
    suite: Text<SuiteName>,
    /// The version of the package
    version: Text<Version>,
    /// Why it stays or goes, in words
    why: String,
}

/// What the rules make of a repository.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RetainedJson {
    /// The new state of the repository; null when nothing changed
    commit: Option<Text<CommitId>>,
    /// How much is removed from a suite
    count: PackageCount,
    /// The suites that would lose most of what they have, for which `--yes` is needed
    drastic: Vec<Text<SuiteName>>,
    /// Whether nothing was changed
    dry_run: bool,
    /// The freeze of the repository, which then loses nothing; null when it is not frozen
    frozen: Option<FreezeJson>,
    /// The repository
    repository: Text<RepositoryName>,
    /// What the rules make of each package file
    verdicts: Vec<VerdictJson>,
}

/// The document of `retention`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RetentionJson {
    /// The repositories that were looked through
    retention: Vec<RetainedJson>,
}

impl JsonDocument for RetentionJson {}

pub(crate) fn run(
    arguments: &RetentionArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repositories = session.repositories(&arguments.repositories)?;
    let (mut documents, mut complete) = (Vec::new(), true);
    for repository in repositories {
        // One that fails keeps none of the others from being looked through.
        match retain(repository, arguments, &mut documents, session, output) {
            Ok(outcome) => complete &= outcome == Outcome::Done,
            Err(error) => {
                output.failed(&repository.name, &error);
                complete = false;
            }
        }
    }
    output.result(&RetentionJson { retention: documents }, || {});
    Ok(Outcome::of(complete))
}

/// Looks through one repository. Its document is there as soon as it is decided, also when publishing fails then.
fn retain(
    repository: &RepositorySettings,
    arguments: &RetentionArguments,
    documents: &mut Vec<RetainedJson>,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let rules = session.config.retention(&repository.name);
    let frozen = freeze::of(repository, session)?;
    let make = || {
        let plan = session.store.plan_retention(repository, &rules, session.context().now)?;
        Ok(plan.despite(arguments.gates.gate_override()))
    };
    let (plan, commit) = carry_out(make, |plan: &RetentionPlan| {
        let refused = !plan.drastic().is_empty() && !arguments.yes;
        if plan.is_empty() || refused || frozen.is_some() {
            return Ok(None);
        }
        if arguments.change.dry_run {
            plan.check(&session.store, &session.context())?;
            return Ok(None);
        }
        Ok(plan.apply(&session.store, &session.context())?.commit)
    })?;
    documents.push(document(&plan, frozen.as_ref(), commit, arguments.change.dry_run));
    let drastic = plan.drastic();
    let (what, name) = (going(&plan), &repository.name);
    let stay = plan.verdicts().values().flatten().filter(|verdict| verdict.stays());
    let kept = PackageCount::of(stay.map(|verdict| verdict.record.key()));
    let dry_run = arguments.change.dry_run;
    if (dry_run || !drastic.is_empty()) && output.shows_change(dry_run) {
        show(&plan, arguments.rows.given() == Some(0), arguments.rows.limit(output), output);
    }
    let refused = !drastic.is_empty() && !arguments.yes;
    if refused {
        output.error(&Failure::Drastic { repository: name.clone(), suites: drastic.clone() });
        return Ok(Outcome::Refused);
    }
    if let Some(frozen) = frozen.filter(|_| !plan.is_empty()) {
        // It is for a job that comes again.
        output.say(&format!(
            "{name}: nothing is removed, for it is {} ({what} would go)",
            freeze::words(&frozen)
        ));
        return Ok(Outcome::Done);
    }
    let done = match (plan.is_empty(), dry_run) {
        (true, _) => format!("{name}: nothing to remove"),
        (false, true) => format!("{name}: would remove {what} and keep {kept}"),
        (false, false) => format!("{name}: removed {what} and kept {kept}"),
    };
    session.finish_change(&done, (repository, commit), arguments.change, output)?;
    changes::print_undo(repository, commit, session, output);
    Ok(Outcome::Done)
}

/// Returns how many packages are removed from a suite.
fn going(plan: &RetentionPlan) -> PackageCount {
    PackageCount::of(plan.going().map(|(_, verdict)| verdict.record.key()))
}

fn document(
    plan: &RetentionPlan,
    frozen: Option<&Freeze>,
    commit: Option<CommitId>,
    dry_run: bool,
) -> RetainedJson {
    let verdicts = plan
        .verdicts()
        .iter()
        .flat_map(|(suite, verdicts)| verdicts.iter().map(move |verdict| (suite, verdict)))
        .map(|(suite, verdict)| {
            let key = verdict.record.key();
            VerdictJson {
                suite: Text(suite.clone()),
                package: Text(key.package.clone()),
                version: Text(key.version.clone()),
                architecture: Text(key.architecture.clone()),
                size: verdict.record.size(),
                stays: verdict.stays(),
                why: verdict.reason.to_string(),
            }
        })
        .collect();
    RetainedJson {
        commit: commit.map(Text),
        // A frozen repository loses nothing.
        count: if frozen.is_some() { PackageCount::default() } else { going(plan) },
        drastic: plan.drastic().iter().cloned().map(Text).collect(),
        dry_run,
        frozen: frozen.map(FreezeJson::new),
        repository: Text(plan.repository().clone()),
        verdicts,
    }
}

/// Prints what is removed, or with `every` also what is kept and why.
fn show(plan: &RetentionPlan, every: bool, limit: RowLimit, output: &Output) {
    let verdicts = plan.verdicts().iter().flat_map(|(suite, all)| all.iter().map(move |one| (suite, one)));
    let items = verdicts.filter(|(_, verdict)| every || !verdict.stays()).map(|(suite, verdict)| {
        let action = if verdict.stays() { "keep" } else { "remove" };
        (verdict.record.key().clone(), suite.clone(), (action, verdict.reason.to_string()))
    });
    let rows: Vec<[String; 6]> = package_rows(items)
        .into_iter()
        .map(|([package, version, architectures, suites], (action, reason))| {
            [package, version, architectures, suites, action.to_owned(), reason]
        })
        .collect();
    let head = [
        Column::names("PACKAGE"),
        Column::whole("VERSION"),
        Column::words("ARCHITECTURE"),
        Column::words("SUITES"),
        Column::actions("ACTION"),
        Column::text("REASON"),
    ];
    output.table(&head, &rows, limit);
}

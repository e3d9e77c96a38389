use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use jiff::SignedDuration;
use repo_config::error::InvalidValue;
use repo_store::RepositoryName;
use repo_store::maintenance::gc::{Garbage, GcOptions, GcPlan, GcReport};
use repo_store::maintenance::upkeep::{UpkeepKind, UpkeepRun};
use serde::Serialize;

use crate::args::{RowArguments, RowLimits as _, argument};
use crate::clock::{self, Hazard};
use crate::error::{Failure, Outcome};
use crate::guard;
use crate::json_value::{JsonDocument, Text};
use crate::output::{Column, Output, bytes, count};
use crate::session::{self, Session};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct GcArguments {
    /// Keep what nothing refers to for that long, such as 7d or 12h [default: as configured, or 7d]
    #[arg(long, value_name = "TIME", value_parser = grace)]
    grace: Option<SignedDuration>,
    /// List every file that would go, and why, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Go on although the clock is more than a year after the last entry of the operation log
    #[arg(long, value_name = "HAZARD")]
    accept: Option<Hazard>,
    /// Also when --grace removes files that the configured grace would keep
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    rows: RowArguments,
}

impl GcArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.dry_run
    }
}

pub(crate) fn run(arguments: &GcArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let grace = arguments.grace.unwrap_or_else(|| session.config.grace());
    let mut options = GcOptions { grace, ..GcOptions::default() };
    for repository in session.config.repositories() {
        let name = &repository.name;
        options.keep_history.insert(name.clone(), session.config.keep_history(name));
    }
    let context = session.context();
    if arguments.dry_run {
        let plan = session.store.plan_gc(&options, &context)?;
        give_plan(&plan, arguments, output);
        return Ok(Outcome::Done);
    }
    if arguments.accept.is_none() {
        clock::check_for_deletion(&session.store, context.now)?;
    }
    let confirmed = if arguments.yes { None } else { ask_about_recent(&options, session, output)? };
    let report = match confirmed {
        Some(plan) => plan.apply(&session.store, &context)?,
        None => session.store.collect_garbage(&options, &context)?,
    };
    let removed = u64::try_from(report.removed.len()).unwrap_or(u64::MAX);
    let run = UpkeepRun::now(&context, removed);
    session::note_upkeep(&session.store, UpkeepKind::Collection, &run, output);
    give_report(&report, output);
    Ok(Outcome::Done)
}

/// Prints the files that would be removed.
fn give_plan(plan: &GcPlan, arguments: &GcArguments, output: &Output) {
    let limit = arguments.rows.limit(output);
    output.result(&document((plan.removed(), plan.freed()), plan.shortened(), true), || {
        let row = |file: &Garbage| [file.path.to_string(), file.size.to_string(), file.why.to_string()];
        let rows: Vec<[String; 3]> = plan.removed().iter().map(row).collect();
        output.table(&[Column::text("FILE"), Column::whole("BYTES"), Column::text("REASON")], &rows, limit);
        if limit.of(rows.len()) < rows.len() {
            output.line("");
            output.table(
                &[Column::text("REASON"), Column::whole("FILES")],
                &by_reason(plan.removed()),
                limit,
            );
        }
    });
    say_what_goes(
        ("would begin", "would remove", "free"),
        (plan.removed(), plan.freed()),
        plan.shortened(),
        output,
    );
}

/// Prints the number and size of the files that were removed.
fn give_report(report: &GcReport, output: &Output) {
    let document = document((&report.removed, report.freed), &report.shortened, false);
    output.result(&document, || {});
    say_what_goes(("begins", "removed", "freed"), (&report.removed, report.freed), &report.shortened, output);
}

/// The document of `gc`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CollectedJson<'a> {
    /// Whether nothing was changed
    dry_run: bool,
    /// How many bytes became free: a file with several names counts when its last name goes
    freed: u64,
    /// The files that were removed
    removed: Vec<GarbageJson<'a>>,
    /// The histories that became shorter
    shortened: Vec<ShortenedJson<'a>>,
}

impl JsonDocument for CollectedJson<'_> {}

/// A file that was removed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct GarbageJson<'a> {
    /// The path below the root of the store
    path: &'a str,
    /// The size in bytes
    size: u64,
    /// Why it could go, in words
    why: String,
}

/// A history that became shorter.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ShortenedJson<'a> {
    /// The number of the oldest state that is left
    oldest: u64,
    /// The repository
    repository: Text<&'a RepositoryName>,
}

fn document<'a>(
    (files, freed): (&'a [Garbage], u64),
    shortened: &'a BTreeMap<RepositoryName, u64>,
    dry_run: bool,
) -> CollectedJson<'a> {
    let file = |Garbage { path, size, why, .. }: &'a Garbage| GarbageJson {
        path: path.as_str(),
        size: *size,
        why: why.to_string(),
    };
    let shortened = shortened.iter();
    let shortened = shortened.map(|(name, oldest)| ShortenedJson { oldest: *oldest, repository: Text(name) });
    CollectedJson {
        dry_run,
        freed,
        removed: files.iter().map(file).collect(),
        shortened: shortened.collect(),
    }
}

fn say_what_goes(
    (begins, removed, freed): (&str, &str, &str),
    (files, size): (&[Garbage], u64),
    shortened: &BTreeMap<RepositoryName, u64>,
    output: &Output,
) {
    for (name, oldest) in shortened {
        output.say(&format!("the history of {name} {begins} at {oldest}"));
    }
    output.say(&if files.is_empty() {
        "nothing to remove".to_owned()
    } else {
        format!("{removed} {} and {freed} {}", count(files.len(), "file"), bytes(size))
    });
}

/// Asks a person whether files are to go that the configured grace would keep, and refuses when there is nobody to ask: clients may be
/// about to fetch them. Returns the plan that was confirmed.
fn ask_about_recent(
    options: &GcOptions,
    session: &Session,
    output: &Output,
) -> Result<Option<GcPlan>, Failure> {
    let grace = session.config.grace();
    if options.grace >= grace {
        return Ok(None);
    }
    let context = session.context();
    let old = session.store.plan_gc(&GcOptions { grace, ..options.clone() }, &context)?;
    let old: BTreeSet<&Utf8Path> = old.removed().iter().map(|file| file.path.as_path()).collect();
    let plan = session.store.plan_gc(options, &context)?;
    let files = plan.removed().iter().filter(|file| !old.contains(file.path.as_path())).count();
    if files > 0 {
        guard::ask(Failure::RecentFiles { files, grace }, output)?;
    }
    Ok(Some(plan))
}

/// Returns how many files there are for each reason. What they free together is less than their sizes: many are hard links of one file.
fn by_reason(files: &[Garbage]) -> Vec<[String; 2]> {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for file in files {
        *reasons.entry(file.why.kind()).or_default() += 1;
    }
    reasons.into_iter().map(|(reason, number)| [reason.to_owned(), number.to_string()]).collect()
}

fn grace(text: &str) -> Result<SignedDuration, InvalidValue> {
    let none = || (text == "0").then_some(SignedDuration::ZERO);
    none().map_or_else(|| argument(text), Ok)
}

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use jiff::SignedDuration;
use repo_config::InvalidValue;
use repo_store::{Garbage, GcOptions, UpkeepKind, UpkeepRun};
use serde::Serialize;

use crate::args::{RowArguments, argument};
use crate::clock::{self, Hazard};
use crate::error::{Failure, Outcome};
use crate::guard;
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

#[derive(Serialize)]
struct GarbageJson {
    path: String,
    size: u64,
    why: String,
}

pub(crate) fn run(arguments: &GcArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let mut options = GcOptions { dry_run: arguments.dry_run, ..GcOptions::default() };
    options.grace = arguments.grace.unwrap_or_else(|| session.config.grace());
    for repository in session.config.repositories() {
        let name = &repository.name;
        options.keep_history.insert(name.clone(), session.config.keep_history(name));
    }
    if !arguments.dry_run && arguments.accept.is_none() {
        clock::check_for_deletion(&session.store, session.context().now)?;
    }
    if !arguments.dry_run && !arguments.yes {
        ask_about_recent(&options, session, output)?;
    }
    let limit = arguments.rows.limit();
    let context = session.context();
    let report = session.store.collect_garbage(&options, &context)?;
    if !arguments.dry_run {
        let removed = u64::try_from(report.removed.len()).unwrap_or(u64::MAX);
        session::note_upkeep(
            &session.store,
            UpkeepKind::Collection,
            &UpkeepRun::now(&context, removed),
            output,
        );
    }
    let removed: Vec<GarbageJson> = report
        .removed
        .iter()
        .map(|file| GarbageJson { path: file.path.to_string(), size: file.size, why: file.why.to_string() })
        .collect();
    let shortened: Vec<_> = report
        .shortened
        .iter()
        .map(|(name, oldest)| serde_json::json!({ "repository": name.as_str(), "oldest": oldest }))
        .collect();
    let document = serde_json::json!({
        "removed": removed,
        "freed": report.freed,
        "shortened": shortened,
        "dry_run": arguments.dry_run,
    });
    output.result(&document, || {
        if arguments.dry_run {
            let row = |file: &GarbageJson| [file.path.clone(), file.size.to_string(), file.why.clone()];
            let rows: Vec<[String; 3]> = removed.iter().map(row).collect();
            output.table(
                &[Column::text("FILE"), Column::whole("BYTES"), Column::text("REASON")],
                &rows,
                limit,
            );
            if limit.of(rows.len()) < rows.len() {
                output.line("");
                output.table(
                    &[Column::text("REASON"), Column::whole("FILES")],
                    &by_reason(&report.removed),
                    limit,
                );
            }
        }
    });
    let begins = if arguments.dry_run { "would begin" } else { "begins" };
    for (name, oldest) in &report.shortened {
        output.say(&format!("the history of {name} {begins} at {oldest}"));
    }
    let (what, freed) = (count(removed.len(), "file"), bytes(report.freed));
    output.say(&match (removed.is_empty(), arguments.dry_run) {
        (true, _) => "nothing to remove".to_owned(),
        (false, true) => format!("would remove {what} and free {freed}"),
        (false, false) => format!("removed {what} and freed {freed}"),
    });
    Ok(Outcome::Done)
}

/// Asks a person whether files are to go that the configured grace would keep, and refuses when there is nobody to ask: clients may be
/// about to fetch them.
fn ask_about_recent(options: &GcOptions, session: &Session, output: &Output) -> Result<(), Failure> {
    let grace = session.config.grace();
    if options.grace >= grace {
        return Ok(());
    }
    let found = |grace| {
        let options = GcOptions { dry_run: true, grace, ..options.clone() };
        session.store.collect_garbage(&options, &session.context())
    };
    let old = found(grace)?.removed;
    let old: BTreeSet<&Utf8Path> = old.iter().map(|file| file.path.as_path()).collect();
    let all = found(options.grace)?.removed;
    let files = all.iter().filter(|file| !old.contains(file.path.as_path())).count();
    if files == 0 {
        return Ok(());
    }
    guard::ask(Failure::RecentFiles { files, grace }, output)
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

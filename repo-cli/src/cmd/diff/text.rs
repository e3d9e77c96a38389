//! Details for a terminal.

use std::fmt::Write as _;

use repo_store::operations::details::{PackageChange, SourceChange};

use super::details::{Report, came, facts, references, step};
use crate::output::{RowLimit, count, suite_list};

/// So many files of a package are named; `--format json` and `html` name all.
const NAMED: usize = 10;

/// The report, with the control characters of others' words still in it.
pub(super) fn text(report: &Report<'_>, limit: RowLimit) -> String {
    let mut text = String::new();
    let [first, second] = report.sides;
    // Writing to a String cannot fail.
    for change in &report.suites {
        let _ = writeln!(text, "{}: {first} -> {second}\n", suite_list(&change.suites));
        let sources = change.sources.len();
        change.sources.iter().take(limit.of(sources)).for_each(|change| source(&mut text, change));
        if let Some(rest) = limit.rest(sources, "source package") {
            let _ = writeln!(text, "{rest}");
        }
        let _ = writeln!(text, "{}\n", total(&change.sources));
    }
    text
}

/// Returns how many source packages changed, and how.
fn total(sources: &[SourceChange]) -> String {
    let with = |is_before: bool, is_after: bool| {
        let has = |change: &&SourceChange| {
            (change.before.is_some(), change.after.is_some()) == (is_before, is_after)
        };
        sources.iter().filter(has).count()
    };
    format!(
        "{}: {} new, {} removed, {} changed",
        count(sources.len(), "source package"),
        with(false, true),
        with(true, false),
        with(true, true) + with(false, false),
    )
}

fn source(text: &mut String, change: &SourceChange) {
    let _ = writeln!(text, "{} {}", change.source, step(change.before.as_ref(), change.after.as_ref()));
    let found = references(&change.changelog).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    if !found.is_empty() {
        let _ = writeln!(text, "  mentions {}", found.join(", "));
    }
    for entry in &change.changelog {
        let urgency = entry.urgency.as_ref().map(|urgency| format!(" ({urgency})")).unwrap_or_default();
        let _ = writeln!(text, "  {}{urgency} {} {}", entry.version, entry.maintainer, entry.date);
        for line in entry.changes.lines() {
            let _ = writeln!(text, "  {}", line.trim_end());
        }
    }
    if !change.changelog_complete {
        text.push_str("  (the changelog does not tell all of it)\n");
    }
    change.packages.iter().for_each(|change| package(text, change));
    text.push('\n');
}

fn package(text: &mut String, change: &PackageChange) {
    let version = |side: &Option<repo_store::operations::details::PackageState>| {
        side.as_ref().map(|state| state.version.clone())
    };
    let (before, after) = (version(&change.before), version(&change.after));
    let step = step(before.as_ref(), after.as_ref());
    let _ = writeln!(text, "  package {} {} {step}", change.package, change.architecture);
    for (name, fact) in facts(change) {
        let _ = writeln!(text, "    {name}: {fact}");
    }
    let files = &change.contents.files;
    if !files.is_empty() {
        let (added, removed) = (files.added.len(), files.removed.len());
        let _ = writeln!(text, "    files: {added} added, {removed} removed");
        let names = came(files);
        for name in names.iter().take(NAMED) {
            let _ = writeln!(text, "      {name}");
        }
        if let Some(more) = names.len().checked_sub(NAMED).filter(|more| *more > 0) {
            let _ = writeln!(text, "      … and {}", count(more, "more file"));
        }
    }
}

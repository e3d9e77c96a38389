//! Results, for people, programs and the documentation.

use std::fmt::Write as _;

use serde_json::json;

use crate::case::Shortfall;
use crate::runner::{Report, Row};

fn state(row: &Row) -> &'static str {
    match &row.result {
        Ok(()) => "met",
        Err(Shortfall::Missed(_)) => "missed",
        Err(Shortfall::CannotBeAsked(_)) => "cannot be asked",
        Err(Shortfall::Skipped(_)) => "skipped",
    }
}

/// Returns what is not met by a manager, and why, and the count.
#[must_use]
pub fn table(report: &Report) -> String {
    let Some(version) = &report.version else {
        return format!("{}: SKIPPED: the program is not installed\n", report.manager);
    };
    let mut text = String::new();
    let width = report.rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
    for row in &report.rows {
        if let Err(why) = &row.result {
            let _ = writeln!(text, "{:<15}  {:<width$}  {why}", state(row), row.name);
        }
    }
    let asked = report.rows.len() - report.not_asked() - report.skipped();
    let _ = writeln!(text, "{} {version}: {} of {asked} met{}", report.manager, report.met(), others(report));
    text
}

fn others(report: &Report) -> String {
    let mut text = String::new();
    for (count, what) in [(report.not_asked(), "cannot be asked"), (report.skipped(), "skipped")] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    text
}

/// Returns the families in their order.
fn families(reports: &[Report]) -> Vec<&'static str> {
    let mut families = Vec::new();
    for row in reports.iter().flat_map(|report| &report.rows) {
        if !families.contains(&row.family()) {
            families.push(row.family());
        }
    }
    families
}

fn cell(report: &Report, family: Option<&str>) -> String {
    let rows = || report.rows.iter().filter(|row| family.is_none_or(|family| row.family() == family));
    let met = rows().filter(|row| row.result.is_ok()).count();
    let apart = rows().filter(|row| !matches!(row.result, Ok(()) | Err(Shortfall::Missed(_)))).count();
    let asked = rows().count() - apart;
    match (report.version.is_some(), asked, apart) {
        (false, ..) => "–".to_owned(),
        (true, 0, _) => format!("({apart})"),
        (true, _, 0) => format!("{met} of {asked}"),
        _ => format!("{met} of {asked} ({apart})"),
    }
}

/// Returns the counts of all managers side by side, as a table in Markdown.
#[must_use]
pub fn summary(reports: &[Report]) -> String {
    let mut lines: Vec<Vec<String>> = Vec::new();
    let heads = reports.iter().map(|report| match &report.version {
        Some(version) => format!("{} {version}", report.manager),
        None => format!("{} (not installed)", report.manager),
    });
    lines.push(std::iter::once("family".to_owned()).chain(heads).collect());
    lines.push(vec!["---".to_owned(); reports.len() + 1]);
    for family in families(reports) {
        let cells = reports.iter().map(|report| cell(report, Some(family)));
        lines.push(std::iter::once(family.to_owned()).chain(cells).collect());
    }
    lines.push(
        std::iter::once("all".to_owned()).chain(reports.iter().map(|report| cell(report, None))).collect(),
    );
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max()
    };
    let mut text = String::new();
    for line in &lines {
        for (column, cell) in line.iter().enumerate() {
            let padding = width(column).unwrap_or_default() - cell.chars().count();
            let _ = write!(text, "| {cell}{} ", if cell == "---" { "-" } else { " " }.repeat(padding));
        }
        text += "|\n";
    }
    text
}

/// Returns all results as JSON.
#[must_use]
pub fn json(reports: &[Report], date: &str) -> serde_json::Value {
    let managers: Vec<_> = reports
        .iter()
        .map(|report| {
            let cases: Vec<_> = report
                .rows
                .iter()
                .map(|row| {
                    let why = row.result.as_ref().err().map(ToString::to_string);
                    json!({"name": row.name, "rule": row.rule, "state": state(row), "reason": why, "milliseconds": row.took.as_millis()})
                })
                .collect();
            json!({
                "name": report.manager, "version": report.version, "met": report.met(), "missed": report.missed().count(),
                "cannot_be_asked": report.not_asked(), "skipped": report.skipped(), "cases": cases,
            })
        })
        .collect();
    json!({"format": 1, "date": date, "managers": managers})
}

/// The line behind which the documentation has the results.
const MARK: &str = "<!-- What follows is written by `--markdown`. -->\n";

/// Returns a document with these results in the place of those it has. Without the mark of that place it gets one at its end.
#[must_use]
pub fn fill_in(document: &str, reports: &[Report], date: &str) -> String {
    let before = document.split(MARK).next().unwrap_or_default();
    let mut text = format!(
        "{before}{MARK}\n## Results\n\nOf {date}. In parentheses: cases that the manager cannot be asked, or that the machine cannot run.\n\n"
    );
    text += &summary(reports);
    for report in reports {
        let rows: Vec<&Row> = report.rows.iter().filter(|row| row.result.is_err()).collect();
        if rows.is_empty() {
            continue;
        }
        let _ =
            write!(text, "\n### Not met by {}\n\n| case | | reason |\n| --- | --- | --- |\n", report.manager);
        for row in rows {
            let why = row.result.as_ref().err().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "| `{}` | {} | {} |", row.name, state(row), why.replace('|', "\\|"));
        }
    }
    text += "\n## The cases\n\n";
    for report in reports.iter().take(1) {
        for row in &report.rows {
            let _ = writeln!(text, "- `{}`: {}", row.name, row.rule);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Report, Row, Shortfall, fill_in, table};

    fn report() -> Report {
        let row = |name, result| Row { name, rule: "It is so.", result, took: Duration::ZERO };
        let rows = vec![
            row("a/one", Ok(())),
            row("a/two", Err(Shortfall::Missed("it is not".to_owned()))),
            row("b/three", Err(Shortfall::CannotBeAsked("no option".to_owned()))),
        ];
        Report { manager: "some", version: Some("1.0".to_owned()), rows }
    }

    #[test]
    fn what_a_manager_cannot_be_asked_is_counted_apart() {
        let text = table(&report());
        assert!(text.ends_with("some 1.0: 1 of 2 met, 1 cannot be asked\n"), "{text}");
    }

    #[test]
    fn results_replace_those_of_before() {
        let once = fill_in("# Title\n", &[report()], "2026-11-27");
        assert!(once.starts_with("# Title\n") && once.contains("| `a/two` | missed | it is not |"), "{once}");
        assert_eq!(fill_in(&once, &[report()], "2026-11-27"), once);
    }
}

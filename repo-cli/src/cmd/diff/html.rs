//! Details as a page fit for release notes: one file, no scripts, nothing fetched from elsewhere.

use std::fmt::{self, Write as _};

use repo_store::operations::details::{PackageChange, PackageState, SourceChange};

use super::details::{Report, came, facts, references, step};
use crate::output::{count, escape_for_terminal, suite_list};

const STYLE: &str = "body { font: 16px/1.45 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; background: #fff }
h1 { font-size: 1.5em } h2 { font-size: 1.2em; border-bottom: 1px solid #ccc } h3 { font-size: 1.05em; margin-bottom: .3em }
h4 { font-size: 1em; margin: .8em 0 .2em } pre { background: #f6f6f6; padding: .6em; overflow-x: auto }
dl { display: grid; grid-template-columns: max-content auto; gap: .1em 1em; margin: .2em 0 } dt { color: #666 } dd { margin: 0 }
.warning { color: #b00020; font-weight: bold }";

/// Text of others, in which nothing is markup and nothing commands.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape_for_terminal(self.0).chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c => f.write_char(c),
        })
    }
}

/// The page.
pub(super) fn page(report: &Report<'_>) -> String {
    let [first, second] = report.sides.map(Escaped);
    let title = format!("Changes from {first} to {second}");
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}\n</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    // Writing to a String cannot fail.
    for change in &report.suites {
        let suites = suite_list(&change.suites);
        let sources = count(change.sources.len(), "source package");
        let _ = writeln!(page, "<h2>{}</h2>\n<p>{sources} changed.</p>", Escaped(&suites));
        change.sources.iter().for_each(|change| source(&mut page, change));
    }
    if report.suites.is_empty() {
        page.push_str("<p>Nothing changed.</p>\n");
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn source(page: &mut String, change: &SourceChange) {
    let step = arrow(&step(change.before.as_ref(), change.after.as_ref()));
    let _ = writeln!(page, "<h3>{} {step}</h3>", Escaped(change.source.as_str()));
    let links: Vec<String> = references(&change.changelog)
        .iter()
        .map(|(name, address)| format!("<a href=\"{}\">{}</a>", Escaped(address), Escaped(name)))
        .collect();
    if !links.is_empty() {
        let _ = writeln!(page, "<p>Mentions {}.</p>", links.join(", "));
    }
    for entry in &change.changelog {
        let urgency = entry.urgency.as_ref().map(|urgency| format!(" ({urgency})")).unwrap_or_default();
        let head = format!("{}{urgency}", entry.version);
        let made = format!("{} {}", entry.maintainer, entry.date);
        let (head, made, changes) = (Escaped(&head), Escaped(&made), Escaped(&entry.changes));
        let _ = writeln!(page, "<h4>{head}</h4>\n<pre>{changes}</pre>\n<p>{made}</p>");
    }
    if !change.changelog_complete {
        page.push_str("<p>The changelog does not tell all of it.</p>\n");
    }
    change.packages.iter().for_each(|change| package(page, change));
}

fn package(page: &mut String, change: &PackageChange) {
    let version = |side: &Option<PackageState>| side.as_ref().map(|state| state.version.clone());
    let step = step(version(&change.before).as_ref(), version(&change.after).as_ref());
    let name = format!("{} {} ", change.package, change.architecture);
    let _ = writeln!(page, "<h4>{}{}</h4>", Escaped(&name), arrow(&step));
    let facts = facts(change);
    if !facts.is_empty() {
        page.push_str("<dl>\n");
        for (name, fact) in facts {
            let class = if name.starts_with("new set-") { " class=\"warning\"" } else { "" };
            let _ = writeln!(page, "<dt>{name}</dt><dd{class}>{}</dd>", Escaped(&fact));
        }
        page.push_str("</dl>\n");
    }
    let files = &change.contents.files;
    if !files.is_empty() {
        let (added, removed) = (files.added.len(), files.removed.len());
        let names = came(files).join("\n");
        let _ = writeln!(
            page,
            "<details><summary>{added} files added, {removed} removed</summary>\n<pre>{}</pre></details>",
            Escaped(&names)
        );
    }
}

/// A step between versions with an arrow as people draw it.
fn arrow(step: &str) -> String {
    Escaped(step).to_string().replace(" -&gt; ", " → ")
}

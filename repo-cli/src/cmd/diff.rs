mod details;
mod html;
mod json;
mod text;

use std::collections::BTreeMap;

use deb_parse::SuiteName;
use details::Report;
use json::ReportJson;
use repo_store::{Difference, Record, Revision, Snapshot};
use serde::Serialize;

use crate::error::{Failure, Outcome};
use crate::output::Output;
use crate::revision_spec::RevisionSpec;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DiffArguments {
    /// One state: REPOSITORY[/SUITE][@REVISION]
    #[arg(value_name = "A")]
    first: RevisionSpec,
    /// The other state
    #[arg(value_name = "B")]
    second: RevisionSpec,
    /// Tell what is behind the differences, from A to B: changelogs, bugs, files, rights, scripts,
    /// configuration files, dependencies, sizes
    #[arg(long)]
    details: bool,
    /// How details are written
    #[arg(long, value_name = "FORM", requires = "details", default_value = "text")]
    format: Format,
}

impl DiffArguments {
    /// Returns whether details are asked for in JSON.
    pub(crate) fn prints_json(&self) -> bool {
        self.format == Format::Json
    }
}

/// How details are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    /// One page, fit for release notes
    Html,
}

/// What is compared with what.
struct Sides<'a> {
    /// The two states, as they were named.
    names: [&'a str; 2],
    first: Option<Revision<'a>>,
    second: Option<Revision<'a>>,
    /// The suites compared, first and second.
    pairs: Vec<(SuiteName, SuiteName)>,
}

/// A package file that only one of two states has.
#[derive(Serialize)]
pub(crate) struct DifferenceJson {
    suite: String,
    only_in: &'static str,
    package: String,
    version: String,
    architecture: String,
}

pub(crate) fn run(arguments: &DiffArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let (first, second) = (&arguments.first, &arguments.second);
    let (first_settings, first_revision) = first.resolve(session)?;
    let (second_settings, second_revision) = second.resolve(session)?;
    first.check_suite(first_settings, first_revision.as_ref())?;
    second.check_suite(second_settings, second_revision.as_ref())?;
    let first_suites = first.suites(first_settings, first_revision.as_ref());
    let second_suites = second.suites(second_settings, second_revision.as_ref());
    // Two named suites are compared with each other, whatever they are called; else suites of the same name.
    let pairs: Vec<(SuiteName, SuiteName)> = match (first_suites.as_slice(), second_suites.as_slice()) {
        ([a], [b]) if first.names_a_suite() && second.names_a_suite() => vec![(a.clone(), b.clone())],
        ([a], _) if first.names_a_suite() => vec![(a.clone(), a.clone())],
        (_, [b]) if second.names_a_suite() => vec![(b.clone(), b.clone())],
        (a, b) => {
            let all = a.iter().chain(b.iter().filter(|suite| !a.contains(suite)));
            all.map(|suite| (suite.clone(), suite.clone())).collect()
        }
    };
    let names = [first.text.as_str(), second.text.as_str()];
    let sides = Sides { names, first: first_revision, second: second_revision, pairs };
    if arguments.details {
        print_details(&sides, arguments.format, session, output)
    } else {
        list(sides, session, output)
    }
}

fn print_details(
    sides: &Sides<'_>,
    format: Format,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    if format == Format::Html && output.is_json() {
        return Err(Failure::Usage("--json and --format html exclude each other"));
    }
    let report = Report::of(sides, session)?;
    match format {
        Format::Html => output.bytes(html::page(&report).as_bytes()),
        Format::Json | Format::Text => output.result(&ReportJson::from(&report), || {
            text::text(&report).lines().for_each(|line| output.line(line));
        }),
    }
    Ok(if report.suites.is_empty() { Outcome::Done } else { Outcome::Different })
}

fn list(sides: Sides<'_>, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let Sides { names: sides, first, second, pairs } = sides;
    let mut differences = BTreeMap::new();
    for (a, b) in pairs {
        let (old, new) = (snapshot(first.as_ref(), &a)?, snapshot(second.as_ref(), &b)?);
        let difference = session.store.difference(&old, &new)?;
        if !difference.is_empty() {
            differences.insert(a, difference);
        }
    }
    output.result(
        &serde_json::json!({ "a": sides[0], "b": sides[1], "differences": json(&differences) }),
        || {
            print(&differences, &format!("only in {}", sides[0]), &format!("only in {}", sides[1]), output);
        },
    );
    Ok(if differences.is_empty() { Outcome::Done } else { Outcome::Different })
}

fn snapshot(revision: Option<&Revision<'_>>, suite: &SuiteName) -> Result<Snapshot, Failure> {
    revision.map_or_else(|| Ok(Snapshot::default()), |revision| Ok(revision.snapshot(suite)?))
}

fn each(differences: &BTreeMap<SuiteName, Difference>) -> impl Iterator<Item = (&SuiteName, bool, &Record)> {
    differences.iter().flat_map(|(suite, difference)| {
        let first = difference.only_first.iter().map(move |record| (suite, true, &**record));
        first.chain(difference.only_second.iter().map(move |record| (suite, false, &**record)))
    })
}

/// The differences as programs read them.
pub(crate) fn json(differences: &BTreeMap<SuiteName, Difference>) -> Vec<DifferenceJson> {
    each(differences)
        .map(|(suite, first, record)| DifferenceJson {
            suite: suite.to_string(),
            only_in: if first { "a" } else { "b" },
            package: record.key().package.to_string(),
            version: record.key().version.to_string(),
            architecture: record.key().architecture.to_string(),
        })
        .collect()
}

/// The differences as a table; what is only in the first is marked with `first`, the rest with `second`.
pub(crate) fn print(
    differences: &BTreeMap<SuiteName, Difference>,
    first: &str,
    second: &str,
    output: &Output,
) {
    let mut rows: Vec<[String; 5]> = each(differences)
        .map(|(suite, is_first, record)| {
            let key = record.key();
            [
                suite.to_string(),
                key.package.to_string(),
                key.version.to_string(),
                key.architecture.to_string(),
                if is_first { first } else { second }.to_owned(),
            ]
        })
        .collect();
    // Stable: versions stay in the order in which the store lists them.
    rows.sort_by(|a, b| (&a[0], &a[1]).cmp(&(&b[0], &b[1])));
    output.table(["SUITE", "PACKAGE", "VERSION", "ARCHITECTURE", ""], &rows);
}

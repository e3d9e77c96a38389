mod details;
mod html;
pub(crate) mod json;
mod text;

use std::collections::BTreeMap;

use deb_parse::{PackageName, SuiteName, Version};
use details::Report;
use json::DetailedDiffJson;
use repo_store::Revision;
use repo_store::model::record::{Build, Record};
use repo_store::model::{Difference, Snapshot};
use serde::Serialize;

use crate::args::{RowArguments, RowLimits as _};
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::{Column, Grouped, Output, RowLimit, Style, count, grouped, joined};
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
    #[command(flatten)]
    rows: RowArguments,
}

impl DiffArguments {
    /// Returns whether details are asked for in JSON.
    pub(crate) fn prints_json(&self) -> bool {
        self.format == Format::Json
    }
}

/// Returns the colour of the versions in a row: those of a package that only one state has are new or removed.
fn style_of_difference(_: &str, row: &[&str]) -> Style {
    match row {
        [_, "-", ..] => Style::New,
        [_, _, "-", ..] => Style::Removed,
        _ => Style::Changed,
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
    /// Whether the states are of one repository.
    of_one: bool,
}

/// A package file that only one of two states has.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DifferenceJson<'a> {
    /// What the file is built for
    architecture: Text<&'a Build>,
    /// `a` or `b`: the state that has it; in a change, `a` is the state before and `b` the one after
    only_in: &'static str,
    /// The name of the package
    package: Text<&'a PackageName>,
    /// The suite
    suite: Text<&'a SuiteName>,
    /// The version of the package
    version: Text<&'a Version>,
}

/// The document of `diff`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DiffJson<'a> {
    /// The first state, as it was given
    a: &'a str,
    /// The second state, as it was given
    b: &'a str,
    /// The package files that only one of them has
    differences: Vec<DifferenceJson<'a>>,
}

impl JsonDocument for DiffJson<'_> {}

pub(crate) fn run(arguments: &DiffArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let (first, second) = (&arguments.first, &arguments.second);
    let (first_settings, first_revision) = first.resolve(session)?;
    let (second_settings, second_revision) = second.resolve(session)?;
    first.check_suites(first_settings, first_revision.as_ref(), &[])?;
    second.check_suites(second_settings, second_revision.as_ref(), &[])?;
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
    let of_one = first_settings.name == second_settings.name;
    let sides = Sides { names, first: first_revision, second: second_revision, pairs, of_one };
    if arguments.details {
        print_details(&sides, arguments, session, output)
    } else {
        list(sides, arguments.rows.limit(output), session, output)
    }
}

fn print_details(
    sides: &Sides<'_>,
    arguments: &DiffArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let (format, limit) = (arguments.format, arguments.rows.limit(output));
    if format == Format::Html && output.is_json() {
        return Err(Failure::Usage("--json and --format html exclude each other"));
    }
    let report = Report::of(sides, session)?;
    match format {
        Format::Html => output.bytes(html::page(&report).as_bytes()),
        Format::Json | Format::Text => output.result(&DetailedDiffJson::from(&report), || {
            text::text(&report, limit).lines().for_each(|line| output.line(line));
        }),
    }
    if report.suites.is_empty() && format != Format::Html {
        no_differences(report.sides, output);
    }
    Ok(if report.suites.is_empty() { Outcome::Done } else { Outcome::Different })
}

fn list(sides: Sides<'_>, limit: RowLimit, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let Sides { names: sides, first, second, pairs, of_one } = sides;
    let mut differences = BTreeMap::new();
    for (a, b) in pairs {
        let (old, new) = (snapshot(first.as_ref(), &a)?, snapshot(second.as_ref(), &b)?);
        let mut difference = session.store.difference(&old, &new)?;
        if !of_one {
            difference = difference.apart_from_percentages();
        }
        if !difference.is_empty() {
            differences.insert(a, difference);
        }
    }
    let [a, b] = sides;
    output.result(&DiffJson { a, b, differences: json(&differences) }, || {
        print(&differences, sides, limit, output);
    });
    if differences.is_empty() {
        no_differences(sides, output);
    }
    Ok(if differences.is_empty() { Outcome::Done } else { Outcome::Different })
}

fn no_differences([a, b]: [&str; 2], output: &Output) {
    output.found_nothing(&format!("no differences between {a} and {b}"));
}

fn snapshot(revision: Option<&Revision<'_>>, suite: &SuiteName) -> Result<Snapshot, Failure> {
    revision.map_or_else(|| Ok(Snapshot::default()), |revision| Ok(revision.snapshot(suite)?))
}

/// Each package file with its suite, and whether only the first state has it.
pub(crate) fn each(
    differences: &BTreeMap<SuiteName, Difference>,
) -> impl Iterator<Item = (&SuiteName, bool, &Record)> {
    differences.iter().flat_map(|(suite, difference)| {
        let first = difference.only_first.iter().map(move |record| (suite, true, &**record));
        first.chain(difference.only_second.iter().map(move |record| (suite, false, &**record)))
    })
}

/// The differences as programs read them.
pub(crate) fn json(differences: &BTreeMap<SuiteName, Difference>) -> Vec<DifferenceJson<'_>> {
    each(differences)
        .map(|(suite, first, record)| DifferenceJson {
            suite: Text(suite),
            only_in: if first { "a" } else { "b" },
            package: Text(&record.key().package),
            version: Text(&record.key().version),
            architecture: Text(&record.key().architecture),
        })
        .collect()
}

/// A package and the versions of it that only the first and only the second state has.
type Versions = (PackageName, Vec<String>, Vec<String>);

/// Returns a version, with its share of the machines if it is not for all of them.
fn version_of(record: &Record) -> String {
    let version = record.key().version.to_string();
    record
        .update_percentage()
        .map_or_else(|| version.clone(), |percentage| format!("{version} ({percentage})"))
}

/// Prints the differences as a table with a total.
fn print(differences: &BTreeMap<SuiteName, Difference>, sides: [&str; 2], limit: RowLimit, output: &Output) {
    let mut versions: BTreeMap<(PackageName, Build, SuiteName), [Vec<String>; 2]> = BTreeMap::new();
    let mut packages: BTreeMap<&PackageName, [bool; 2]> = BTreeMap::new();
    for (suite, is_first, record) in each(differences) {
        let key = record.key();
        let place = (key.package.clone(), key.architecture.clone(), suite.clone());
        let ([first, second], [in_first, in_second]) =
            (versions.entry(place).or_default(), packages.entry(&key.package).or_default());
        if is_first { first } else { second }.push(version_of(record));
        *if is_first { in_first } else { in_second } = true;
    }
    let rows = grouped(versions.into_iter().map(|((package, build, suite), [first, second])| {
        let versions: Versions = (package, first, second);
        (versions, build, suite)
    }));
    let shown = |versions: &[String]| if versions.is_empty() { "-".to_owned() } else { joined(versions) };
    let rows: Vec<[String; 5]> = rows
        .into_iter()
        .map(|Grouped { what: (package, first, second), architectures, suites }| {
            [package.to_string(), shown(&first), shown(&second), architectures, suites]
        })
        .collect();
    let [a, b] = sides;
    let (first, second) = (format!("ONLY IN {a}"), format!("ONLY IN {b}"));
    output.table(
        &[
            Column::names("PACKAGE"),
            Column::words(&first).styled(style_of_difference),
            Column::words(&second).styled(style_of_difference),
            Column::words("ARCHITECTURE"),
            Column::words("SUITES"),
        ],
        &rows,
        limit,
    );
    let with = |places: [bool; 2]| packages.values().filter(|known| **known == places).count();
    let total = format!(
        "{} with differences: {} with versions only in {a}, {} with versions only in {b}, {} with both",
        count(packages.len(), "package"),
        with([true, false]),
        with([false, true]),
        with([true, true]),
    );
    output.total(rows.len(), &total);
}

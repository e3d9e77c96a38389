use std::collections::BTreeMap;
use std::str::FromStr as _;
use std::sync::Arc;

use deb_parse::{Component, PackageName, SuiteName, Version};
use repo_store::model::record::{Build, Record, RecordKey};
use repo_store::{Revision, Selector};
use serde::Serialize;

use crate::args::{RowArguments, RowLimits as _};
use crate::columns::{ColumnArguments, ListColumn};
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::{Column, Output, RowLimit, package_rows, suites_in_order};
use crate::package_count::{PackageCount, PackageCounter};
use crate::package_names;
use crate::revision_spec::RevisionSpec;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ListArguments {
    /// A repository or one suite of it, in the present state or another: `prod`, `prod/bookworm`, `prod@41`, `prod@-1`
    #[arg(value_name = "REPOSITORY[/SUITE][@STATE]", value_parser = RevisionSpec::from_str)]
    state: RevisionSpec,
    /// Only these packages: names or patterns, with =VERSION or as in 'hello (>= 2.10)' if wanted
    #[arg(value_name = "PACKAGE")]
    selectors: Vec<Selector>,
    /// Only this suite; may be given several times
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
    #[command(flatten)]
    columns: ColumnArguments,
    #[command(flatten)]
    rows: RowArguments,
}

impl ListArguments {
    /// Returns whether JSON is asked for.
    pub(crate) fn prints_json(&self) -> bool {
        self.columns.prints_json()
    }
}

/// A package file and the suites it is in.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ListedJson {
    /// What the file is built for
    architecture: Text<Build>,
    /// The component that has it
    component: Text<Component>,
    /// The fields of its stanza that `--columns` names, in small letters; absent without such columns
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<BTreeMap<String, String>>,
    /// The name of the package
    package: Text<PackageName>,
    /// The size of the file in bytes; of a source package, that of all its files
    size: u64,
    /// The suites that have it, in the order of their releases
    suites: Vec<Text<SuiteName>>,
    /// The version of the package
    version: Text<Version>,
}

/// The document of `list`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ListJson {
    /// The package files, sorted by name, version and architecture
    packages: Vec<ListedJson>,
}

impl JsonDocument for ListJson {}

impl ListedJson {
    pub(crate) fn new(record: &Record, suites: &[SuiteName]) -> Self {
        let key = record.key();
        Self {
            architecture: Text(key.architecture.clone()),
            component: Text(record.component().clone()),
            fields: None,
            package: Text(key.package.clone()),
            size: record.size(),
            suites: suites_in_order(suites).into_iter().cloned().map(Text).collect(),
            version: Text(key.version.clone()),
        }
    }

    /// Adds the fields that are asked for, if any are.
    pub(crate) fn with_fields(self, fields: Option<BTreeMap<String, String>>) -> Self {
        Self { fields, ..self }
    }
}

/// Prints packages and the suites they are in. Returns how many rows that makes.
pub(crate) fn print_packages<'a>(
    records: impl Iterator<Item = (&'a Record, &'a [SuiteName])>,
    limit: RowLimit,
    output: &Output,
) -> usize {
    let items = records
        .flat_map(|(record, suites)| suites.iter().map(|suite| (record.key().clone(), suite.clone(), ())));
    let rows: Vec<[String; 4]> = package_rows(items).into_iter().map(|(row, ())| row).collect();
    output.table(&HEAD, &rows, limit);
    rows.len()
}

pub(crate) fn run(arguments: &ListArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let state = &arguments.state;
    let (repository, head) = state.resolve(session)?;
    state.check_suites(repository, head.as_ref(), &arguments.suites)?;
    let named = state.suites(repository, head.as_ref());
    let suites: Vec<&SuiteName> = head.iter().flat_map(|head| head.commit().suites.keys()).collect();
    let asked = |suite: &&&SuiteName| {
        named.contains(**suite) && (arguments.suites.is_empty() || arguments.suites.contains(**suite))
    };
    let suites = || suites.iter().filter(asked).copied();
    let limit = arguments.rows.limit(output);
    let mut listing = arguments.columns.listing(&COLUMNS, false, output)?;
    let packages;
    let mut unmatched = Vec::new();
    let total = |rows, packages: PackageCount| {
        output.total(rows, &format!("{packages} in {}", state.text));
    };
    if let Some(head) = head.as_ref().filter(|_| arguments.selectors.is_empty() && !output.is_json()) {
        let rows = if arguments.columns.are_usual() {
            let rows;
            (rows, packages) = all_rows(head, suites())?;
            output.table(&HEAD, &rows, limit);
            rows.len()
        } else {
            let mut counter = PackageCounter::default();
            for item in head.records_in(suites())? {
                let (record, suites) = item?;
                counter.push(record.key());
                listing.push(&record, &suites, repository.name.as_str(), "");
            }
            packages = counter.count();
            listing.check_columns()?;
            listing.print(&arguments.rows, output)
        };
        total(rows, packages);
    } else {
        let found = match &head {
            Some(head) => find(head, suites(), &arguments.selectors)?,
            None => Found::new(),
        };
        packages = PackageCount::of(found.keys());
        let records = found.values().map(|(record, _)| &**record);
        unmatched = package_names::unmatched(&arguments.selectors, &records);
        if output.is_json() {
            let listed = found.values().map(|(record, suites)| {
                let fields = listing.fields(record);
                ListedJson::new(record, suites).with_fields(fields)
            });
            let packages: Vec<ListedJson> = listed.collect();
            listing.check_columns()?;
            output.result(&ListJson { packages }, || {});
        } else {
            for (record, suites) in found.values() {
                listing.push(record, suites, repository.name.as_str(), "");
            }
            listing.check_columns()?;
            total(listing.print(&arguments.rows, output), packages);
        }
    }
    if packages.files() == 0 && arguments.selectors.is_empty() {
        output.found_nothing(&format!("no packages in {}", state.text));
    }
    package_names::say_unmatched(&unmatched, &format!(" in {}", state.text), &head, output)?;
    Ok(Outcome::Done)
}

/// The columns that are printed when none is chosen.
const COLUMNS: [ListColumn; 4] =
    [ListColumn::Package, ListColumn::Version, ListColumn::Architecture, ListColumn::Suites];

/// The columns of a table of packages.
const HEAD: [Column<'_>; 4] = [
    Column::names("PACKAGE"),
    Column::whole("VERSION"),
    Column::words("ARCHITECTURE"),
    Column::words("SUITES"),
];

/// Returns the rows of all packages of some suites, and how many packages these are. Only the keys of the packages are read, and one package is
/// at hand at a time.
fn all_rows<'a>(
    head: &Revision<'_>,
    suites: impl Iterator<Item = &'a SuiteName>,
) -> Result<(Vec<[String; 4]>, PackageCount), Failure> {
    let (mut rows, mut counter) = (Vec::new(), PackageCounter::default());
    let mut package: Vec<(RecordKey, SuiteName, ())> = Vec::new();
    let mut push = |package: &mut Vec<(RecordKey, SuiteName, ())>| {
        rows.extend(package_rows(package.drain(..)).into_iter().map(|(row, ())| row));
    };
    for key in head.keys(suites)? {
        let (key, suites) = key?;
        counter.push(&key);
        if package.first().is_some_and(|(first, ..)| first.package != key.package) {
            push(&mut package);
        }
        package.extend(suites.into_iter().map(|suite| (key.clone(), suite, ())));
    }
    push(&mut package);
    Ok((rows, counter.count()))
}

/// Records, each with the suites it is in.
pub(crate) type Found = BTreeMap<RecordKey, (Arc<Record>, Vec<SuiteName>)>;

/// Finds what a state holds in these suites: all of it, or what is selected.
pub(crate) fn find<'a>(
    revision: &Revision<'_>,
    suites: impl Iterator<Item = &'a SuiteName>,
    selectors: &[Selector],
) -> Result<Found, Failure> {
    let mut found = Found::new();
    for suite in suites {
        let mut records = Vec::new();
        if selectors.is_empty() {
            records = revision.records(suite)?;
        }
        for selector in selectors {
            records.extend(selector.all_in(revision, suite)?);
        }
        for record in records {
            let entry = found.entry(record.key().clone()).or_insert_with(|| (record, Vec::new()));
            if !entry.1.contains(suite) {
                entry.1.push(suite.clone());
            }
        }
    }
    Ok(found)
}

/// Prints what was found. Returns how many rows that makes.
pub(crate) fn print_found(found: &Found, limit: RowLimit, output: &Output) -> usize {
    let records = found.values().map(|(record, suites)| (&**record, suites.as_slice()));
    print_packages(records, limit, output)
}

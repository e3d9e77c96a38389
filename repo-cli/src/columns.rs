//! The columns of listings of packages, which people choose.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use deb_parse::{PackageName, SuiteName, Version};
use repo_store::model::record::{Build, Record, RecordKey};

use crate::args::RowLimits;
use crate::error::Failure;
use crate::output::{Column, Output, Style, grouped};

/// A column of a listing of packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ListColumn {
    Package,
    Version,
    Architecture,
    Repository,
    Suites,
    Component,
    /// In bytes.
    Size,
    Source,
    /// A file of the package that was searched for.
    File,
    /// A field of the control file.
    Field(String),
}

/// The columns that are not fields, as they are named.
const NAMED: [(&str, ListColumn); 9] = [
    ("package", ListColumn::Package),
    ("version", ListColumn::Version),
    ("architecture", ListColumn::Architecture),
    ("repository", ListColumn::Repository),
    ("suites", ListColumn::Suites),
    ("component", ListColumn::Component),
    ("size", ListColumn::Size),
    ("source", ListColumn::Source),
    ("file", ListColumn::File),
];

/// Fields that a package may have and most have not: one that no listed package has is not a slip.
const FIELDS: [&str; 35] = [
    "breaks",
    "bugs",
    "build-depends",
    "build-ids",
    "built-using",
    "conflicts",
    "depends",
    "description",
    "description-md5",
    "enhances",
    "essential",
    "filename",
    "homepage",
    "important",
    "installed-size",
    "maintainer",
    "md5sum",
    "multi-arch",
    "origin",
    "original-maintainer",
    "pre-depends",
    "priority",
    "protected",
    "provides",
    "recommends",
    "replaces",
    "section",
    "sha1",
    "sha256",
    "standards-version",
    "static-built-using",
    "suggests",
    "tag",
    "task",
    "vcs-git",
];

/// A name that neither a column nor a field can have.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("not the name of a column or of a field")]
pub(crate) struct NotAColumn;

impl FromStr for ListColumn {
    type Err = NotAColumn;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim().to_ascii_lowercase();
        if let Some((_, column)) = NAMED.iter().find(|(known, _)| *known == name) {
            return Ok(column.clone());
        }
        let is_field = name.chars().all(|c| c.is_ascii_graphic() && c != ':');
        if is_field && !name.is_empty() { Ok(Self::Field(name)) } else { Err(NotAColumn) }
    }
}

impl ListColumn {
    fn name(&self) -> &str {
        match self {
            Self::Field(name) => name,
            column => NAMED.iter().find(|(_, known)| known == column).map_or("", |(name, _)| *name),
        }
    }

    /// Returns the column of a table, with its title.
    fn of_table<'a>(&self, title: &'a str) -> Column<'a> {
        match self {
            Self::Package => Column::names(title),
            Self::Version | Self::Size => Column::whole(title),
            Self::Architecture | Self::Suites => Column::words(title),
            Self::File => Column::text(title).styled(|_, _| Style::Name),
            _ => Column::text(title),
        }
    }

    /// Returns the value of a field, as it stands in the control file.
    fn field<'r>(&self, record: &'r Record) -> Option<&'r str> {
        match self {
            Self::Field(name) => record.field(name),
            _ => None,
        }
    }
}

/// How a listing is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ListFormat {
    /// A table
    Text,
    /// One JSON document, as with --json
    Json,
    /// Values separated by commas (RFC 4180), with a head
    Csv,
    /// Values separated by tabs, with a head
    Tsv,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ColumnArguments {
    /// The columns, separated by commas: package, version, architecture, repository, suites, component, size, source, or any field of
    /// the control file, such as maintainer
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', value_parser = ListColumn::from_str)]
    columns: Vec<ListColumn>,
    /// How the list is printed
    #[arg(long, value_enum, default_value = "text", value_name = "FORM")]
    format: ListFormat,
}

impl ColumnArguments {
    /// Returns whether JSON is asked for.
    pub(crate) fn prints_json(&self) -> bool {
        self.format == ListFormat::Json
    }

    /// Returns whether the usual table is asked for.
    pub(crate) fn are_usual(&self) -> bool {
        self.columns.is_empty() && self.format == ListFormat::Text
    }

    /// Makes an empty listing, with these columns unless others were chosen. `lists_files`: whether there may be a column of files.
    ///
    /// # Errors
    /// [`Failure::Usage`] when another form is chosen beside `--json`, [`Failure::UnknownColumn`] when files are not listed.
    pub(crate) fn listing(
        &self,
        columns: &[ListColumn],
        lists_files: bool,
        output: &Output,
    ) -> Result<PackageListing, Failure> {
        if output.is_json() && !matches!(self.format, ListFormat::Text | ListFormat::Json) {
            return Err(Failure::Usage("--json and --format exclude each other"));
        }
        let columns = if self.columns.is_empty() { columns.to_vec() } else { self.columns.clone() };
        if columns.contains(&ListColumn::File) && !lists_files {
            return Err(unknown("file"));
        }
        Ok(PackageListing {
            format: self.format,
            present: vec![false; columns.len()],
            columns,
            items: Vec::new(),
            rows: Vec::new(),
            seen: BTreeSet::new(),
        })
    }
}

/// Returns the failure of a column that nothing is known of.
fn unknown(name: &str) -> Failure {
    let columns = NAMED.iter().map(|(name, _)| *name).filter(|known| *known != name);
    Failure::UnknownColumn {
        name: name.to_owned(),
        known: columns.chain(FIELDS).map(str::to_owned).collect(),
    }
}

/// What of a package is in one place: what rows are ordered by and grouped.
type Item = ((PackageName, Version, String, Vec<String>), Build, SuiteName);

/// The rows of a listing of packages. The versions of a package in a repository are added one after the other.
pub(crate) struct PackageListing {
    format: ListFormat,
    columns: Vec<ListColumn>,
    /// Of each column whether a package had it.
    present: Vec<bool>,
    /// Those of the package that is being read.
    items: Vec<Item>,
    /// The rows, each with the package and version that it is ordered by.
    rows: Vec<(PackageName, Version, Vec<String>)>,
    /// The rows that are there, where different packages may have the same.
    seen: BTreeSet<Vec<String>>,
}

impl PackageListing {
    /// Adds a package file and the suites that it is in; `file`: the path in it that was searched for.
    pub(crate) fn push(&mut self, record: &Record, suites: &[SuiteName], repository: &str, file: &str) {
        let RecordKey { package, version, architecture } = record.key();
        if self.items.first().is_some_and(|((first, ..), ..)| first != package) {
            self.flush();
        }
        let mut cells = Vec::with_capacity(self.columns.len());
        for (column, is_present) in self.columns.iter().zip(&mut self.present) {
            cells.push(match column {
                ListColumn::Package => package.to_string(),
                ListColumn::Version => version.to_string(),
                ListColumn::Repository => repository.to_owned(),
                ListColumn::Component => record.component().to_string(),
                ListColumn::Size => record.size().to_string(),
                ListColumn::Source => record.source().0.to_string(),
                ListColumn::File => file.to_owned(),
                // Filled in when they are grouped.
                ListColumn::Architecture | ListColumn::Suites => String::new(),
                ListColumn::Field(name) => {
                    let value = column.field(record);
                    *is_present |= value.is_some();
                    value.map_or_else(String::new, |value| cell(name, value, self.format))
                }
            });
        }
        let key = (package.clone(), version.clone(), version.to_string(), cells);
        let items = suites.iter().map(|suite| (key.clone(), architecture.clone(), suite.clone()));
        self.items.extend(items);
    }

    /// Makes rows of the package that was read.
    fn flush(&mut self) {
        let items = std::mem::take(&mut self.items);
        let shows = |column: &ListColumn| self.columns.contains(column);
        // What is not shown does not keep rows apart.
        let any_suite = items.first().map(|(_, _, suite)| suite.clone());
        let shows_suites = shows(&ListColumn::Suites);
        let suite = |suite| any_suite.clone().filter(|_| !shows_suites).unwrap_or(suite);
        let groups = if shows(&ListColumn::Architecture) {
            grouped(items.into_iter().map(|(key, build, name)| (key, build, suite(name))))
        } else {
            grouped(items.into_iter().map(|(key, _, name)| (key, "", suite(name))))
        };
        let apart = [ListColumn::Package, ListColumn::Version, ListColumn::Repository];
        let may_repeat = !apart.iter().all(shows);
        for group in groups {
            let (package, version, _, mut cells) = group.what;
            for (cell, column) in cells.iter_mut().zip(&self.columns) {
                match column {
                    ListColumn::Architecture => cell.clone_from(&group.architectures),
                    ListColumn::Suites => cell.clone_from(&group.suites),
                    _ => {}
                }
            }
            if !may_repeat || self.seen.insert(cells.clone()) {
                self.rows.push((package, version, cells));
            }
        }
    }

    /// Returns the fields of a package that are columns, for JSON; `None` when no field is.
    pub(crate) fn fields(&mut self, record: &Record) -> Option<BTreeMap<String, String>> {
        let mut fields = None;
        for (column, is_present) in self.columns.iter().zip(&mut self.present) {
            let value = match column {
                ListColumn::Field(_) => column.field(record).map(str::to_owned),
                ListColumn::Source => Some(record.source().0.to_string()),
                _ => continue,
            };
            *is_present |= value.is_some();
            let fields: &mut BTreeMap<_, _> = fields.get_or_insert_default();
            fields.extend(value.map(|value| (column.name().to_owned(), value)));
        }
        fields
    }

    /// Checks that each column is one that packages may have.
    ///
    /// # Errors
    /// [`Failure::UnknownColumn`] when no package that was read has such a field, and packages seldom have one.
    pub(crate) fn check_columns(&self) -> Result<(), Failure> {
        let missing = self.columns.iter().zip(&self.present).filter(|(_, is_present)| !**is_present);
        for (column, _) in missing {
            if let ListColumn::Field(name) = column
                && !FIELDS.contains(&name.as_str())
            {
                return Err(unknown(name));
            }
        }
        Ok(())
    }

    /// Prints the rows. Returns how many there are.
    pub(crate) fn print(mut self, limits: &impl RowLimits, output: &Output) -> usize {
        self.flush();
        // Several repositories have the same packages.
        self.rows.sort_by(|(a, of_a, _), (b, of_b, _)| (a, of_a).cmp(&(b, of_b)));
        let rows: Vec<Vec<String>> = self.rows.into_iter().map(|(.., cells)| cells).collect();
        let names = self.columns.iter().map(ListColumn::name);
        match self.format {
            ListFormat::Csv | ListFormat::Tsv => {
                let separator = if self.format == ListFormat::Csv { ',' } else { '\t' };
                let head: Vec<String> = names.map(str::to_owned).collect();
                let limit = limits.limit_of_data();
                let shown = rows.iter().take(limit.of(rows.len()));
                std::iter::once(&head).chain(shown).for_each(|row| output.line(&separated(row, separator)));
                0
            }
            ListFormat::Text | ListFormat::Json => {
                let titles: Vec<String> = names.map(str::to_ascii_uppercase).collect();
                let columns = self.columns.iter().zip(&titles);
                let head: Vec<Column<'_>> = columns.map(|(column, title)| column.of_table(title)).collect();
                output.table(&head, &rows, limits.limit(output));
                rows.len()
            }
        }
    }
}

/// Returns the value of a field as a cell: in a line, of a description only the first, unless the form has room for several.
fn cell(name: &str, value: &str, format: ListFormat) -> String {
    if format == ListFormat::Csv {
        return value.to_owned();
    }
    let mut lines = value.lines().map(str::trim).filter(|line| !line.is_empty());
    if name == "description" {
        return lines.next().unwrap_or_default().to_owned();
    }
    lines.collect::<Vec<_>>().join(" ")
}

/// Returns values in one record: separated by commas as RFC 4180 has it, or by tabs.
pub(crate) fn separated(cells: &[String], separator: char) -> String {
    let quoted = |cell: &String| {
        if separator == '\t' {
            cell.replace('\t', " ")
        } else if cell.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.clone()
        }
    };
    cells.iter().map(quoted).collect::<Vec<_>>().join(&separator.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_separated_as_programs_expect() {
        let cells = ["plain", "a,b", "say \"hi\"", "two\nlines", "a\tb"].map(str::to_owned);
        assert_eq!(separated(&cells, ','), "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",a\tb");
        assert_eq!(separated(&cells[4..], '\t'), "a b");
    }

    #[test]
    fn every_column_has_the_name_that_it_is_chosen_by() {
        for (name, column) in NAMED {
            assert_eq!(ListColumn::from_str(&name.to_uppercase()).unwrap(), column);
            assert_eq!(column.name(), name);
        }
        assert_eq!(ListColumn::from_str("Maintainer").unwrap().name(), "maintainer");
        assert!(ListColumn::from_str("").is_err());
        assert!(ListColumn::from_str("a:b").is_err());
    }
}

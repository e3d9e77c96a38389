//! The page of a package in a repository.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::change::{self, Change};
use crate::comparison::Comparison;
use crate::frame::{Frame, above, listed, table};
use crate::line::{Description, Line};
use crate::measure::{size, time};
use crate::place::Place;

/// A package with all its versions in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackagePage {
    /// The repository.
    pub repository: Line,
    /// Its name.
    pub name: Line,
    /// What it is, in a line, by its newest version.
    pub synopsis: Line,
    /// What it is, in full.
    pub description: Description,
    /// Fields of its newest version, with their names.
    pub fields: Vec<(&'static str, Line)>,
    /// Its versions, newest first.
    pub versions: Vec<PackageVersion>,
    /// What the neighbours of the repository lack of it.
    pub comparisons: Vec<Comparison>,
    /// Its last changes, newest first.
    pub changes: Vec<Change>,
    /// Whether older changes of the repository were not looked at.
    pub is_cut: bool,
}

/// A version for one architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageVersion {
    /// The version.
    pub version: Line,
    /// The architecture, or `source`.
    pub architecture: Line,
    /// The component.
    pub component: Line,
    /// The suites that have it.
    pub suites: Vec<Line>,
    /// The size of its file in bytes.
    pub size: u64,
    /// Since when the repository has it.
    pub since: Since,
    /// The address of its package file or `.dsc`, absolute or relative to the page; `None` when no file of it is known.
    pub file: Option<Line>,
}

/// Since when a repository has a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// It came then.
    Change(Timestamp),
    /// It was there already then; what was before is not known here.
    Before(Timestamp),
    /// Nothing is known.
    Unknown,
}

impl PackagePage {
    /// Returns the page.
    #[must_use]
    pub fn html(&self) -> String {
        let (repository, name) = (self.repository.to_string(), self.name.to_string());
        let place = Place::Package(repository.clone(), name.clone());
        let rows: Vec<Markup> = self.versions.iter().map(PackageVersion::row).collect();
        let head = ["Version", "Architecture", "Suites", "Component", "Size", "Here since", "File"];
        let content = html! {
            h1 { (name) }
            @if !self.synopsis.is_empty() { p.synopsis { bdi { (self.synopsis) } } }
            section {
                h2 { "Versions in " (repository) }
                (table("Versions", &head, &rows))
            }
            @for comparison in &self.comparisons { (comparison.markup(&place)) }
            section {
                h2 { "About the newest version" }
                dl {
                    @for (field, value) in &self.fields {
                        dt { (field) }
                        dd { (value_of(field, value)) }
                    }
                }
                @if !self.description.is_empty() { p.description dir="auto" { (self.description.as_str()) } }
            }
            section {
                h2 { "Last changes" }
                (change::list(&self.changes, self.is_cut, &place, &repository))
            }
        };
        Frame { place: &place, title: name, above: above(Some(&repository)), query: None }.around(&content)
    }
}

/// Returns the value of a field. Only an address of the web becomes a link.
fn value_of(field: &str, value: &Line) -> Markup {
    let is_address = field == "Homepage"
        && (value.as_str().starts_with("https://") || value.as_str().starts_with("http://"));
    html! {
        @if is_address {
            a href=(value) rel="noreferrer nofollow" { (value) }
        } @else {
            bdi { (value) }
        }
    }
}

impl PackageVersion {
    fn row(&self) -> Markup {
        html! {
            th scope="row" { bdi { (self.version) } }
            td { (self.architecture) }
            td { (listed(&self.suites)) }
            td { (self.component) }
            td.amount { (size(self.size)) }
            td {
                @match self.since {
                    Since::Change(date) => (time(date)),
                    Since::Before(date) => { "before " (time(date)) },
                    Since::Unknown => "unknown",
                }
            }
            td {
                @if let Some(file) = &self.file {
                    a href=(file) aria-label={ "Download " (self.version) " for " (self.architecture) } { "Download" }
                }
            }
        }
    }
}

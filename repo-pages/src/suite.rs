//! The page of a suite: its packages, a part at a time.

use maud::{Markup, html};

use crate::frame::{Frame, above, listed, table};
use crate::line::Line;
use crate::measure::size;
use crate::place::{Place, encoded};
use crate::repository::SuiteSummary;

/// A part of the packages of a suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuitePage {
    /// The repository.
    pub repository: Line,
    /// The suite.
    pub suite: SuiteSummary,
    /// The package behind which this part begins; `None` for the first part.
    pub after: Option<Line>,
    /// The packages of this part, by name.
    pub packages: Vec<ListedPackage>,
    /// Whether packages follow behind the last.
    pub goes_on: bool,
}

/// A package of a suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPackage {
    /// Its name.
    pub name: Line,
    /// Its newest version.
    pub version: Line,
    /// The architectures that have that version.
    pub architectures: Vec<Line>,
    /// How many older versions the suite has.
    pub older: u64,
    /// The size of the newest version in bytes: the largest of its files.
    pub size: u64,
    /// What it is, in a line.
    pub synopsis: Line,
}

impl SuitePage {
    /// Returns the page.
    #[must_use]
    pub fn html(&self) -> String {
        let (repository, suite) = (self.repository.to_string(), self.suite.name.to_string());
        let place = Place::Suite(repository.clone(), suite.clone());
        let path = place.to(&place);
        let rows: Vec<Markup> =
            self.packages.iter().map(|package| package.row(&repository, &place)).collect();
        let head = ["Package", "Newest version", "Architectures", "Size", "Description"];
        let content = html! {
            h1 { "Suite " (suite) " of " (repository) }
            p { (self.suite.words()) }
            @match (self.packages.is_empty(), &self.after) {
                (true, None) => p { "The suite is empty." },
                (true, Some(after)) => p { "No package follows " (after) "." },
                (false, _) => (table("Packages", &head, &rows)),
            }
            nav.parts aria-label="Parts of the list" {
                @if self.after.is_some() { a href=(path) { "First packages" } }
                @if let Some(last) = self.packages.last().filter(|_| self.goes_on) {
                    a rel="next" href={ (path) "?after=" (encoded(last.name.as_str())) } { "Next packages" }
                }
            }
        };
        Frame { place: &place, title: suite, above: above(Some(&repository)), query: None }.around(&content)
    }
}

impl ListedPackage {
    fn row(&self, repository: &str, place: &Place) -> Markup {
        let page = Place::Package(repository.to_owned(), self.name.to_string());
        html! {
            th scope="row" { a href=(place.to(&page)) { (self.name) } }
            td { bdi { (self.version) } @if self.older > 0 { " " span.number { "and " (self.older) " older" } } }
            td { (listed(&self.architectures)) }
            td.amount { (size(self.size)) }
            td { bdi { (self.synopsis) } }
        }
    }
}

//! What a search found.

use maud::{Markup, html};

use crate::frame::{Frame, above, listed, table};
use crate::line::Line;
use crate::place::Place;

/// The results of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPage {
    /// The repository that was searched; `None` for all that the reader may read.
    pub repository: Option<Line>,
    /// What was searched for; empty when nothing was.
    pub text: Line,
    /// The packages found, or the first of them.
    pub hits: Vec<Hit>,
    /// Whether more were found than are shown.
    pub is_cut: bool,
}

/// A package that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The repository.
    pub repository: Line,
    /// The package.
    pub package: Line,
    /// Its newest version.
    pub version: Line,
    /// The suites that have the package.
    pub suites: Vec<Line>,
    /// What it is, in a line.
    pub synopsis: Line,
}

impl SearchPage {
    /// Returns the page.
    #[must_use]
    pub fn html(&self) -> String {
        let repository = self.repository.as_ref().map(Line::to_string);
        let place = Place::Search(repository.clone());
        let content = html! {
            h1 { "Search" }
            // The script replaces what is in here.
            div #results { (self.results(&place)) }
            p #told.hidden role="status" {}
        };
        let above = above(repository.as_deref());
        Frame { place: &place, title: "Search".to_owned(), above, query: Some(&self.text) }.around(&content)
    }

    fn results(&self, place: &Place) -> Markup {
        let rows: Vec<Markup> = self.hits.iter().map(|hit| hit.row(place)).collect();
        let found = match (self.hits.len(), self.is_cut) {
            (number, true) => {
                format!("The first {number} packages whose name or description contains “{}”", self.text)
            }
            (0, false) => format!("No package has “{}” in its name or description", self.text),
            (1, false) => format!("1 package has “{}” in its name or description", self.text),
            (number, false) => format!("{number} packages have “{}” in their name or description", self.text),
        };
        html! {
            @if self.text.is_empty() {
                p { "Names and descriptions of packages are searched." }
            } @else {
                p.found { (found) }
                @if !rows.is_empty() {
                    (table("Packages found", &["Package", "Repository", "Newest version", "Suites", "Description"], &rows))
                }
            }
        }
    }
}

impl Hit {
    fn row(&self, place: &Place) -> Markup {
        let page = Place::Package(self.repository.to_string(), self.package.to_string());
        html! {
            th scope="row" { a href=(place.to(&page)) { (self.package) } }
            td { (self.repository) }
            td { bdi { (self.version) } }
            td { (listed(&self.suites)) }
            td { bdi { (self.synopsis) } }
        }
    }
}

//! Changes of a repository: who did what, when and why.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::frame::listed;
use crate::line::Line;
use crate::measure::{count, time};
use crate::place::Place;

/// A commit of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The number of the commit.
    pub sequence: u64,
    /// The id of the commit, in hexadecimal digits.
    pub id: Line,
    /// When it was made.
    pub date: Timestamp,
    /// Who made it.
    pub actor: Line,
    /// What was done.
    pub operation: Line,
    /// The rules that did not count, and why.
    pub reason: Option<Line>,
    /// What came and went, or the beginning of it.
    pub packages: Vec<ChangedPackage>,
    /// How many more entries there are than `packages` has.
    pub more: u64,
}

/// A version that came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedPackage {
    /// Whether it came or went.
    pub sign: Sign,
    /// Its name.
    pub package: Line,
    /// Its version.
    pub version: Line,
    /// Its architectures.
    pub architectures: Line,
    /// The suites that it came into or left.
    pub suites: Vec<Line>,
}

/// Whether a version came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// It came.
    Added,
    /// It went.
    Removed,
}

impl Sign {
    /// Returns the word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
        }
    }
}

impl Change {
    /// Returns the change as an item of a list, with its packages unless these are clear from the page.
    fn item(&self, place: &Place, repository: &str) -> Markup {
        let number = self.packages.len() as u64 + self.more;
        let packages = html! {
            ul.packages {
                @for package in &self.packages { li { (package.markup(place, repository)) } }
                @if self.more > 0 { li { "and " (self.more) " more" } }
            }
        };
        html! {
            li {
                p {
                    (time(self.date)) " by " b { bdi { (self.actor) } } ": " bdi { (self.operation) }
                    " " span.number { "(change " (self.sequence) ")" }
                }
                @if let Some(reason) = &self.reason { p { "Override: " bdi { (reason) } } }
                @if number > 5 {
                    details { summary { (count(number, "package version")) } (packages) }
                } @else if number > 0 {
                    (packages)
                }
            }
        }
    }
}

impl ChangedPackage {
    fn markup(&self, place: &Place, repository: &str) -> Markup {
        let page = Place::Package(repository.to_owned(), self.package.to_string());
        html! {
            span class=(self.sign.word()) { (self.sign.word()) } " "
            a href=(place.to(&page)) { (self.package) } " "
            bdi { (self.version) } " (" (self.architectures) ") "
            @if self.sign == Sign::Added { "to " } @else { "from " }
            (listed(&self.suites))
        }
    }
}

/// Returns the list of changes, newest first, and a word where older ones are left out.
pub(crate) fn list(changes: &[Change], is_cut: bool, place: &Place, repository: &str) -> Markup {
    html! {
        @if changes.is_empty() {
            p { "No changes are known." }
        } @else {
            ol.changes { @for change in changes { (change.item(place, repository)) } }
        }
        @if is_cut { p.note { "Older changes are not shown here." } }
    }
}

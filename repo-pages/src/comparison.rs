//! What one repository has and the next in line lacks.

use maud::{Markup, html};

use crate::frame::{listed, table};
use crate::line::Line;
use crate::measure::count;
use crate::place::Place;

/// What a repository lacks of the one before it in the order of promotion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The repository that has it.
    pub from: Line,
    /// The repository that lacks it.
    pub to: Line,
    /// What it lacks, or the beginning of it.
    pub waiting: Vec<Waiting>,
    /// How many more there are than `waiting` has.
    pub more: u64,
}

/// A version that one repository lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The package.
    pub package: Line,
    /// The version that waits.
    pub version: Line,
    /// The newest version in the repository that lacks it; `None` when it has none.
    pub present: Option<Line>,
    /// Its architectures.
    pub architectures: Line,
    /// The suites in which it waits.
    pub suites: Vec<Line>,
    /// Whether it is held out of the repository that lacks it.
    pub is_held: bool,
}

impl Comparison {
    pub(crate) fn markup(&self, place: &Place) -> Markup {
        let Self { from, to, waiting, more } = self;
        let title = format!("What {to} lacks of {from}");
        let rows: Vec<Markup> = waiting
            .iter()
            .map(|waiting| {
                let page = Place::Package(from.to_string(), waiting.package.to_string());
                html! {
                    th scope="row" { a href=(place.to(&page)) { (waiting.package) } }
                    td { bdi { (waiting.version) } @if waiting.is_held { " " span.removed { "held" } } }
                    td {
                        @match &waiting.present { Some(present) => bdi { (present) }, None => { "none" } }
                    }
                    td { (waiting.architectures) }
                    td { (listed(&waiting.suites)) }
                }
            })
            .collect();
        let (in_from, in_to) = (format!("Version in {from}"), format!("Version in {to}"));
        html! {
            section {
                h2 { (title) }
                @if waiting.is_empty() {
                    p { (to) " has the newest version of everything in " (from) "." }
                } @else {
                    (table(&title, &["Package", &in_from, &in_to, "Architectures", "Suites"], &rows))
                    @if *more > 0 { p.note { "and " (count(*more, "more version")) } }
                }
            }
        }
    }
}

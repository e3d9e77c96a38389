//! The list of repositories.

use jiff::Timestamp;
use maud::html;

use crate::frame::{Frame, listed};
use crate::line::Line;
use crate::measure::{count, time};
use crate::place::Place;

/// The repositories that the reader may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// The repositories, in the order in which they are listed.
    pub repositories: Vec<RepositorySummary>,
    /// Whether a login may show more.
    pub may_log_in: bool,
}

/// A repository in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositorySummary {
    /// Its name.
    pub name: Line,
    /// Its suites.
    pub suites: Vec<Line>,
    /// The architectures that any suite has.
    pub architectures: Vec<Line>,
    /// How many package files it has, each counted once.
    pub files: u64,
    /// When what clients see was made; `None` when nothing is published.
    pub changed: Option<Timestamp>,
}

impl Overview {
    /// Returns the page.
    #[must_use]
    pub fn html(&self) -> String {
        let place = Place::Overview;
        let content = html! {
            h1 { "APT repositories" }
            @if self.repositories.is_empty() {
                p { "You may not read any repository here." }
            }
            ul.cards {
                @for repository in &self.repositories {
                    li {
                        h2 { a href=(place.to(&Place::Repository(repository.name.to_string()))) { (repository.name) } }
                        p {
                            @match repository.changed {
                                Some(changed) => { (count(repository.files, "package file")) ", changed " (time(changed)) }
                                None => { "Nothing is in it yet." }
                            }
                        }
                        dl {
                            dt { "Suites" } dd { (listed(&repository.suites)) }
                            dt { "Architectures" } dd { (listed(&repository.architectures)) }
                        }
                    }
                }
            }
            @if self.may_log_in { p { a href="?login" { "Log in" } " to see repositories that ask for a password." } }
        };
        let title = "Repositories".to_owned();
        Frame { place: &place, title, above: Vec::new(), query: None }.around(&content)
    }
}

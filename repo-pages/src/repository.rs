//! The page of a repository.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::change::{self, Change};
use crate::comparison::Comparison;
use crate::frame::{Frame, above, listed, table};
use crate::line::{Description, Line};
use crate::measure::{count, time};
use crate::place::Place;

/// A repository as its clients see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryPage {
    /// Its name.
    pub name: Line,
    /// When clients were first shown what they see, by the date in its `Release` files; `None` when nothing is published.
    pub published: Option<Timestamp>,
    /// When clients refuse what they see; `None` for never.
    pub valid_until: Option<Timestamp>,
    /// Its suites.
    pub suites: Vec<SuiteSummary>,
    /// The fingerprints of the keys that signed what clients see.
    pub fingerprints: Vec<Line>,
    /// How a machine is set up; `None` when nothing is published.
    pub setup: Option<ClientSetup>,
    /// What it lacks of the repository before it, and what the one after it lacks.
    pub comparisons: Vec<Comparison>,
    /// Its last changes, newest first.
    pub changes: Vec<Change>,
    /// Whether there are older changes.
    pub is_cut: bool,
}

/// A suite in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuiteSummary {
    /// Its name.
    pub name: Line,
    /// Its components.
    pub components: Vec<Line>,
    /// Its architectures.
    pub architectures: Vec<Line>,
    /// How many entries it has: a version for several architectures has several.
    pub files: u64,
}

/// How a machine is set up as a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSetup {
    /// Whether the address is one that clients reach; otherwise it is where the server listens.
    pub has_address: bool,
    /// Whether clients log in.
    pub needs_login: bool,
    /// The file for the login on the machine, and its content with words to be replaced.
    pub login: (Line, Description),
    /// The commands that put the key where apt finds it.
    pub key: Description,
    /// The file for the source entry on the machine.
    pub sources_path: Line,
    /// The source entry for each suite.
    pub sources: Vec<(Line, Description)>,
    /// The package that brings later keys.
    pub keyring_package: Option<Line>,
}

impl RepositoryPage {
    /// Returns the page.
    #[must_use]
    pub fn html(&self) -> String {
        let repository = self.name.to_string();
        let place = Place::Repository(repository.clone());
        let content = html! {
            h1 { "Repository " (self.name) }
            (self.facts())
            section {
                h2 { "Suites" }
                (self.suites(&place))
            }
            @for comparison in &self.comparisons { (comparison.markup(&place)) }
            @if let Some(setup) = &self.setup { (setup.markup()) }
            section {
                h2 { "Last changes" }
                p { a href=(place.to(&Place::Feed(repository.clone()))) { "Changes as an Atom feed" } }
                (change::list(&self.changes, self.is_cut, &place, &repository))
            }
        };
        Frame { place: &place, title: repository, above: above(None), query: None }.around(&content)
    }

    fn facts(&self) -> Markup {
        html! {
            @match self.published {
                None => p { "Nothing is published yet." },
                Some(published) => dl {
                    dt { "Published" } dd { (time(published)) }
                    @if let Some(until) = self.valid_until { dt { "Valid until" } dd { (time(until)) } }
                    dt { (if self.fingerprints.len() == 1 { "Key" } else { "Keys" }) }
                    dd {
                        @for fingerprint in &self.fingerprints { code.fingerprint { (fingerprint) } " " }
                        @if self.fingerprints.is_empty() { "unknown" }
                    }
                },
            }
        }
    }

    fn suites(&self, place: &Place) -> Markup {
        let rows: Vec<Markup> = self
            .suites
            .iter()
            .map(|suite| {
                let page = Place::Suite(self.name.to_string(), suite.name.to_string());
                html! {
                    th scope="row" { a href=(place.to(&page)) { (suite.name) } }
                    td { (listed(&suite.components)) }
                    td { (listed(&suite.architectures)) }
                    td.amount { (suite.files) }
                }
            })
            .collect();
        table("Suites", &["Suite", "Components", "Architectures", "Package files"], &rows)
    }
}

impl ClientSetup {
    fn markup(&self) -> Markup {
        html! {
            section {
                h2 { "Set up a client" }
                p { "Run these steps as root. " @if self.sources.len() > 1 { "Choose the suite of the machine's release." } }
                @if !self.has_address {
                    p { "No address is configured (" code { "url" } " in repo.toml), so this names the one that the server listens on." }
                }
                ol.steps {
                    @if self.needs_login {
                        li {
                            p { "Write the login to " code { (self.login.0) } " with mode 0600:" }
                            (commands("Login for apt", &self.login.1))
                        }
                    }
                    li {
                        p { "Fetch the key. The command checks it by its hash; compare the fingerprint above with one that you got another way." }
                        (commands("Commands that fetch the key", &self.key))
                    }
                    li {
                        p { "Write the source entry to " code { (self.sources_path) } ":" }
                        @for (suite, entry) in &self.sources {
                            @if self.sources.len() > 1 { h3 { (suite) } }
                            (commands(&format!("Source entry for {suite}"), entry))
                        }
                    }
                    li {
                        p { "Update the lists" @if self.keyring_package.is_some() { ", and install the package that brings later keys" } ":" }
                        (commands("Commands that update the lists", &self.update()))
                    }
                }
            }
        }
    }

    fn update(&self) -> Description {
        // Without the option apt exits with 0 when it refused everything.
        let update = "apt-get update -o APT::Update::Error-Mode=any";
        Description::new(&match &self.keyring_package {
            Some(package) => format!("{update} &&\napt-get install {package}"),
            None => update.to_owned(),
        })
    }
}

/// Returns a text that is copied to a machine.
fn commands(label: &str, text: &Description) -> Markup {
    html! { pre role="region" aria-label=(label) tabindex="0" { code { (text.as_str()) } } }
}

impl SuiteSummary {
    /// Returns what the suite has, in words.
    pub(crate) fn words(&self) -> String {
        format!(
            "{} for {} in {}",
            count(self.files, "package file"),
            listed(&self.architectures),
            listed(&self.components)
        )
    }
}

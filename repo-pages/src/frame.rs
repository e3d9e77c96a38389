//! What all pages have around their content.

use maud::{DOCTYPE, Markup, html};

use crate::line::Line;
use crate::place::Place;

/// A page without its content.
pub(crate) struct Frame<'a> {
    pub(crate) place: &'a Place,
    pub(crate) title: String,
    /// Pages above this one, from the list of repositories on.
    pub(crate) above: Vec<(String, Place)>,
    /// What was searched for.
    pub(crate) query: Option<&'a Line>,
}

impl Frame<'_> {
    /// Returns the whole page.
    pub(crate) fn around(&self, content: &Markup) -> String {
        let Self { place, title, above, query } = self;
        let scope = place.repository().map(str::to_owned);
        let label = match &scope {
            Some(repository) => format!("Search packages in {repository}"),
            None => "Search packages".to_owned(),
        };
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) }
                    link rel="icon" href="data:,";
                    link rel="stylesheet" href=(place.to(&Place::Style));
                    @if let Some(repository) = &scope {
                        link rel="alternate" type="application/atom+xml" title={ "Changes of " (repository) }
                            href=(place.to(&Place::Feed(repository.clone())));
                    }
                    @if matches!(place, Place::Search(_)) {
                        script src=(place.to(&Place::Script)) defer {}
                    }
                }
                body {
                    a.skip href="#content" { "Skip to content" }
                    header {
                        nav aria-label="Breadcrumb" {
                            ol {
                                @for (name, page) in above {
                                    li { a href=(place.to(page)) { (name) } }
                                }
                                li aria-current="page" { (title) }
                            }
                        }
                        form role="search" method="get" action=(place.to(&Place::Search(scope.clone()))) {
                            label for="q" { (label) }
                            div {
                                input #q type="search" name="q" maxlength="100" autocomplete="off" spellcheck="false"
                                    value=[query.map(Line::as_str)];
                                button { "Search" }
                            }
                        }
                    }
                    main #content { (content) }
                }
            }
        };
        page.into_string() + "\n"
    }
}

/// Returns the way from the list of repositories to a repository.
pub(crate) fn above(repository: Option<&str>) -> Vec<(String, Place)> {
    let mut above = vec![("Repositories".to_owned(), Place::Overview)];
    if let Some(repository) = repository {
        above.push((repository.to_owned(), Place::Repository(repository.to_owned())));
    }
    above
}

/// Returns a table that scrolls by itself where the window is too narrow for it.
pub(crate) fn table(label: &str, head: &[&str], rows: &[Markup]) -> Markup {
    html! {
        div.scroll role="region" aria-label=(label) tabindex="0" {
            table {
                thead { tr { @for name in head { th scope="col" { (name) } } } }
                tbody { @for row in rows { tr { (row) } } }
            }
        }
    }
}

/// Returns lines with a comma between each two.
pub(crate) fn listed(lines: &[Line]) -> String {
    lines.iter().map(Line::as_str).collect::<Vec<_>>().join(", ")
}

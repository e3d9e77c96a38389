//! A search for packages by a text in their name or description.

use std::collections::BTreeMap;
use std::sync::Arc;

use deb_parse::SuiteName;
use repo_pages::{Hit, Line, SearchPage};
use repo_store::{Record, RepositoryName};

use super::{Shown, suite_lines, synopsis};
use crate::error::Failure;

/// How many packages a page shows.
const MOST: usize = 100;

/// How well a package fits, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Name,
    StartOfName,
    PartOfName,
    Description,
}

impl Fit {
    /// Returns how well a package fits a text in lower case.
    fn of(record: &Record, text: &str) -> Option<Self> {
        let name = record.key().package.as_str();
        let description = || record.field("Description").unwrap_or_default().to_lowercase();
        match name.find(text) {
            Some(0) if name.len() == text.len() => Some(Self::Name),
            Some(0) => Some(Self::StartOfName),
            Some(_) => Some(Self::PartOfName),
            None => description().contains(text).then_some(Self::Description),
        }
    }
}

/// Returns what is found in these repositories, or nothing when no text is given.
pub(super) fn page(
    repository: Option<&str>,
    text: Option<String>,
    shown: &BTreeMap<RepositoryName, Shown<'_>>,
) -> Result<SearchPage, Failure> {
    let text = text.unwrap_or_default();
    let wanted = text.to_lowercase();
    let mut hits: Vec<(Fit, Hit)> = Vec::new();
    let mut is_cut = false;
    if !text.is_empty() {
        for (name, shown) in shown {
            hits.extend(found(name, shown, &wanted)?);
            // Stable, so that repositories and packages keep their order.
            hits.sort_by_key(|(fit, _)| *fit);
            is_cut |= hits.len() > MOST;
            hits.truncate(MOST);
        }
    }
    let hits = hits.into_iter().map(|(_, hit)| hit).collect();
    Ok(SearchPage { repository: repository.map(Line::new), text: Line::new(&text), hits, is_cut })
}

/// Returns the packages of a repository that fit, by name.
fn found(name: &RepositoryName, shown: &Shown<'_>, wanted: &str) -> Result<Vec<(Fit, Hit)>, Failure> {
    let suites: Vec<_> = shown.described.settings.suites.iter().map(|suite| &suite.name).collect();
    let mut found: Vec<(Fit, Hit)> = Vec::new();
    // The package at hand: how it fits, its newest version so far, and its suites.
    let mut package: Option<(Fit, Arc<Record>, Vec<SuiteName>)> = None;
    let hit = |(fit, record, suites): (Fit, Arc<Record>, Vec<SuiteName>)| {
        let key = record.key();
        let hit = Hit {
            repository: Line::new(name.as_str()),
            package: Line::new(key.package.as_str()),
            version: Line::new(key.version.as_ref()),
            suites: suite_lines(&suites),
            synopsis: synopsis(record.field("Description").unwrap_or_default()),
        };
        (fit, hit)
    };
    for item in shown.revision.records_in(suites)? {
        let (record, suites) = item?;
        let Some(fit) = Fit::of(&record, wanted) else { continue };
        match &mut package {
            Some((best, last, known)) if last.key().package == record.key().package => {
                *best = fit.min(*best);
                known.extend(suites);
                known.sort();
                known.dedup();
                *last = record;
            }
            _ => found.extend(package.replace((fit, record, suites)).map(hit)),
        }
    }
    found.extend(package.map(hit));
    Ok(found)
}

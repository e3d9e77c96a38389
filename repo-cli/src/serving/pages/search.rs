//! A search for packages by a text in their name or description.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::SuiteName;
use repo_pages::{Hit, Line, SearchPage};
use repo_store::RepositoryName;
use repo_store::model::record::Record;

use super::{Shown, most_telling, suite_lines, synopsis};
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
    let mut package = Versions::default();
    for item in shown.revision.records_in(suites)? {
        let (record, suites) = item?;
        if package.records.last().is_some_and(|last| last.key().package != record.key().package) {
            found.extend(std::mem::take(&mut package).hit(name, wanted));
        }
        package.records.push(record);
        package.suites.extend(suites);
    }
    found.extend(package.hit(name, wanted));
    Ok(found)
}

/// All that a repository has of one package: its versions, the oldest first, and the suites that have any of them.
#[derive(Default)]
struct Versions {
    records: Vec<Arc<Record>>,
    suites: BTreeSet<SuiteName>,
}

impl Versions {
    /// Returns the package as a page shows it, and how well it fits; `None` when no version of it fits.
    fn hit(&self, repository: &RepositoryName, wanted: &str) -> Option<(Fit, Hit)> {
        let fit = self.records.iter().filter_map(|record| Fit::of(record, wanted)).min()?;
        let (newest, telling) = (self.records.last()?.key(), most_telling(self.records.iter())?);
        let hit = Hit {
            repository: Line::new(repository.as_str()),
            package: Line::new(newest.package.as_str()),
            version: Line::new(newest.version.as_ref()),
            suites: suite_lines(&self.suites),
            synopsis: synopsis(telling.field("Description").unwrap_or_default()),
        };
        Some((fit, hit))
    }
}

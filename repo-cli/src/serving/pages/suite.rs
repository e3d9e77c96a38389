//! The page of a suite.

use std::collections::BTreeMap;
use std::sync::Arc;

use deb_parse::{PackageName, SuiteName};
use repo_pages::{Line, ListedPackage, SuitePage};
use repo_store::RepositoryName;
use repo_store::model::record::Record;

use super::{Described, Shown, lines, most_telling, repository, synopsis};
use crate::error::Failure;

/// How many packages are on a page.
const MOST: usize = 200;

/// Returns a part of the packages of a suite, behind one of them; `None` when the repository has no such suite.
pub(super) fn page(
    described: &Described,
    shown: Option<&Shown<'_>>,
    suite: &SuiteName,
    after: Option<&str>,
) -> Result<Option<SuitePage>, Failure> {
    let Some(settings) = described.settings.suite(suite) else { return Ok(None) };
    let (mut packages, mut goes_on) = (Vec::new(), false);
    let mut versions: Vec<Arc<Record>> = Vec::new();
    for item in shown.map(|shown| shown.revision.records_in([suite])).transpose()?.into_iter().flatten() {
        let (record, _) = item?;
        let name = &record.key().package;
        if after.is_some_and(|after| name.as_str() <= after) {
            continue;
        }
        if versions.last().is_some_and(|last| last.key().package != *name) {
            packages.extend(listed(&versions));
            versions.clear();
            if packages.len() == MOST {
                goes_on = true;
                break;
            }
        }
        versions.push(record);
    }
    packages.extend(listed(&versions));
    Ok(Some(SuitePage {
        repository: Line::new(described.settings.name.as_str()),
        suite: repository::suite_summary(settings, shown)?,
        after: after.map(Line::new),
        packages,
        goes_on,
    }))
}

/// Returns whether a suite has a package.
pub(super) fn has(
    repository: &str,
    suite: &str,
    package: &str,
    shown: &BTreeMap<RepositoryName, Shown<'_>>,
) -> Result<bool, Failure> {
    let (Ok(suite), Ok(package)) = (SuiteName::parse(suite), PackageName::parse(package)) else {
        return Ok(false);
    };
    let Some((_, shown)) = shown.iter().find(|(name, _)| name.as_str() == repository) else {
        return Ok(false);
    };
    Ok(!shown.revision.versions(&suite, &package)?.is_empty())
}

/// Returns a package by all its versions in the suite, the oldest first.
fn listed(versions: &[Arc<Record>]) -> Option<ListedPackage> {
    let (newest, telling) = (versions.last()?, most_telling(versions.iter())?);
    let version = &newest.key().version;
    let with_version = versions.iter().filter(|record| record.key().version == *version);
    let mut older: Vec<_> = versions.iter().map(|record| &record.key().version).collect();
    older.dedup();
    Some(ListedPackage {
        name: Line::new(newest.key().package.as_str()),
        version: Line::new(version.as_ref()),
        architectures: lines(with_version.clone().map(|record| &record.key().architecture)),
        older: older.len().saturating_sub(1) as u64,
        size: with_version.map(|record| record.size()).max().unwrap_or_default(),
        synopsis: synopsis(telling.field("Description").unwrap_or_default()),
    })
}

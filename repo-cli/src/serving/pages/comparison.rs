//! What one repository lacks of the one before it in the order of promotion, by what clients see of both.

use std::collections::{BTreeMap, BTreeSet};

use deb_parse::{PackageName, SuiteName, Version};
use repo_pages::{Comparison, Line, Waiting};
use repo_store::model::record::{Build, RecordKey};
use repo_store::{RepositoryName, RepositorySettings};

use super::{Shown, StorePages};
use crate::error::Failure;
use crate::output::{Grouped, grouped};

/// How many versions a page shows.
const MOST: usize = 100;

/// A version that waits. Its architectures and suites are shown in one row where all of this is the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Lacked {
    package: PackageName,
    version: Version,
    /// The newest version that is there.
    present: Option<Version>,
    is_held: bool,
}

/// Returns what the neighbours of a repository lack, or it lacks of them; of one package or of all. Those that the reader may not read are neither
/// in `shown` nor in `readable`; those that are not published are only in the latter.
pub(super) fn of(
    pages: &StorePages,
    repository: &RepositoryName,
    package: Option<&PackageName>,
    (shown, readable): (&BTreeMap<RepositoryName, Shown<'_>>, &BTreeSet<String>),
) -> Result<Vec<Comparison>, Failure> {
    let mut comparisons = Vec::new();
    for (from, to) in pages.channels.iter().zip(pages.channels.iter().skip(1)) {
        if (from == repository || to == repository)
            && let (Some(source), Some(described)) = (shown.get(from), pages.repositories.get(to))
            && readable.contains(to.as_str())
        {
            let lacked = lacked(source, &described.settings, shown.get(to), package)?;
            if package.is_none() || !lacked.is_empty() {
                comparisons.push(comparison(from, to, lacked));
            }
        }
    }
    Ok(comparisons)
}

fn comparison(
    from: &RepositoryName,
    to: &RepositoryName,
    lacked: Vec<(Lacked, Build, SuiteName)>,
) -> Comparison {
    let rows = grouped(lacked);
    let waiting = |Grouped { what, architectures, suites }: &Grouped<Lacked>| Waiting {
        package: Line::new(what.package.as_str()),
        version: Line::new(what.version.as_ref()),
        present: what.present.as_ref().map(|version| Line::new(version.as_ref())),
        architectures: Line::new(architectures),
        suites: vec![Line::new(suites)],
        is_held: what.is_held,
    };
    Comparison {
        from: Line::new(from.as_str()),
        to: Line::new(to.as_str()),
        waiting: rows.iter().take(MOST).map(waiting).collect(),
        more: rows.len().saturating_sub(MOST) as u64,
    }
}

/// Returns the newest versions of the source that are newer than all that the target has in the same suite.
fn lacked(
    source: &Shown<'_>,
    settings: &RepositorySettings,
    target: Option<&Shown<'_>>,
    package: Option<&PackageName>,
) -> Result<Vec<(Lacked, Build, SuiteName)>, Failure> {
    let holds = target.map(|target| target.revision.holds()).transpose()?.unwrap_or_default();
    let mut lacked = Vec::new();
    for suite in &source.described.settings.suites {
        if settings.suite(&suite.name).is_none() {
            continue;
        }
        let before = target.map(|target| target.revision.snapshot(&suite.name)).transpose()?;
        let after = source.revision.snapshot(&suite.name)?;
        let difference = source.store.difference(&before.unwrap_or_default(), &after)?;
        // Versions come in their order, so the newest stays.
        let mut newest: BTreeMap<(PackageName, Build), RecordKey> = BTreeMap::new();
        for record in &difference.only_second {
            let key = record.key();
            if package.is_none_or(|package| *package == key.package) {
                newest.insert((key.package.clone(), key.architecture.clone()), key.clone());
            }
        }
        let names: BTreeSet<PackageName> = newest.keys().map(|(name, _)| name.clone()).collect();
        let mut present: BTreeMap<(PackageName, Build), Version> = BTreeMap::new();
        for record in target
            .map(|target| target.revision.versions_of_all(&suite.name, &names))
            .transpose()?
            .unwrap_or_default()
        {
            let RecordKey { package, version, architecture } = record.key().clone();
            present.insert((package, architecture), version);
        }
        for (of, key) in newest {
            let present = present.get(&of).cloned();
            if present.as_ref().is_none_or(|present| *present < key.version) {
                let is_held = holds
                    .iter()
                    .any(|hold| hold.key.means(&key) && hold.is_for_any(std::slice::from_ref(&suite.name)));
                let RecordKey { package, version, architecture } = key;
                lacked.push((
                    Lacked { package, version, present, is_held },
                    architecture,
                    suite.name.clone(),
                ));
            }
        }
    }
    Ok(lacked)
}

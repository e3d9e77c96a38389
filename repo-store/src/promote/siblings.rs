//! What else was built from the sources of chosen packages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::{SourceName, SuiteName};

use super::by_key;
use crate::{Error, Record, RecordKey, Revision};

/// The records of a suite that were chosen.
pub(super) type Chosen = BTreeMap<RecordKey, Arc<Record>>;

/// Versions of sources, as text: two spellings of one version are two.
type Sources = BTreeMap<SourceName, BTreeSet<String>>;

/// Adds to what was chosen in each suite all records built from the same versions of the same sources, whatever suite they are
/// in: routing sends debug symbols to a suite of their own. Where other versions of a source were chosen, these count.
///
/// Returns those that are in the `lacking` suites only.
pub(super) fn add(
    from: &Revision<'_>,
    chosen: &mut BTreeMap<&SuiteName, Chosen>,
    lacking: &[&SuiteName],
) -> Result<BTreeMap<SuiteName, Vec<Arc<Record>>>, Error> {
    let all = sources_of(chosen.values().flat_map(Chosen::values));
    let mut left_out = BTreeMap::new();
    if all.is_empty() {
        return Ok(left_out);
    }
    for (suite, chosen) in &mut *chosen {
        let own = sources_of(chosen.values());
        let siblings = built_from(from, suite, |source| own.get(source).or_else(|| all.get(source)))?;
        chosen.extend(siblings.iter().map(by_key));
    }
    for suite in lacking {
        let mut siblings = built_from(from, suite, |source| all.get(source))?;
        siblings.retain(|record| !chosen.values().any(|chosen| chosen.contains_key(record.key())));
        if !siblings.is_empty() {
            left_out.insert((*suite).clone(), siblings);
        }
    }
    Ok(left_out)
}

fn sources_of<'a>(records: impl Iterator<Item = &'a Arc<Record>>) -> Sources {
    let mut sources = Sources::new();
    for (name, version) in records.map(|record| record.source()) {
        sources.entry(name).or_default().insert(version.as_str().to_owned());
    }
    sources
}

/// The records of a suite that were built from one of the wanted versions of a source.
fn built_from<'s>(
    from: &Revision<'_>,
    suite: &SuiteName,
    wanted: impl Fn(&SourceName) -> Option<&'s BTreeSet<String>>,
) -> Result<Vec<Arc<Record>>, Error> {
    let mut records = from.records(suite)?;
    records.retain(|record| {
        let (source, version) = record.source();
        wanted(&source).is_some_and(|versions| versions.contains(version.as_str()))
    });
    Ok(records)
}

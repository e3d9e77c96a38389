//! What else was built from the sources of chosen packages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::{PackageName, SourceName, SuiteName};

use super::by_key;
use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::record::{Record, RecordKey};

/// The records of a suite that were chosen.
pub(super) type Chosen = BTreeMap<RecordKey, Arc<Record>>;

/// A package, and whether it is a source package: these share names with binary ones.
type Package = (PackageName, bool);

/// Versions of sources, as text, two spellings of one version being two; and which packages of each were chosen.
type Sources = BTreeMap<SourceName, BTreeMap<String, BTreeSet<Package>>>;

/// Adds to what was chosen in each suite all records built from the same versions of the same sources, whatever suite they are
/// in: routing sends debug symbols to a suite of their own.
///
/// What a version counts for in another suite ends where that suite has a choice of its own: when another version of one of the
/// same packages was chosen there. So with `greet 1.0` of one suite and `greet 1.1` of the next, the 1.0 that the next has too
/// stays; a suite for debug symbols, of which a pattern chose the newest `greet-dbgsym` only, gives those of both.
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
        let siblings = built_from(from, suite, &all, |source, version, packages| {
            own.get(source).is_none_or(|own| {
                own.contains_key(version) || own.values().all(|chosen| chosen.is_disjoint(packages))
            })
        })?;
        chosen.extend(siblings.iter().map(by_key));
    }
    for suite in lacking {
        let mut siblings = built_from(from, suite, &all, |_, _, _| true)?;
        siblings.retain(|record| !chosen.values().any(|chosen| chosen.contains_key(record.key())));
        if !siblings.is_empty() {
            left_out.insert((*suite).clone(), siblings);
        }
    }
    Ok(left_out)
}

/// The packages that the source packages of chosen records list (field `Binary`), that were built from the same version of it, were not
/// chosen and are not `there`, each once. Without the source package nothing says which these are, short of reading the whole suite.
pub(super) fn left_behind(
    from: &Revision<'_>,
    chosen: &BTreeMap<SuiteName, Vec<Arc<Record>>>,
    is_there: impl Fn(&SuiteName, &RecordKey) -> Result<bool, Error>,
) -> Result<Vec<Arc<Record>>, Error> {
    let mut left: BTreeMap<RecordKey, Arc<Record>> = BTreeMap::new();
    for (suite, chosen) in chosen {
        for (source, versions) in sources_of(chosen.iter()) {
            let Ok(name) = PackageName::parse(source.as_str()) else { continue };
            for of_source in from.versions(suite, &name)? {
                if !of_source.key().architecture.is_source()
                    || !versions.contains_key(of_source.key().version.as_str())
                {
                    continue;
                }
                let binaries = of_source.field("Binary").unwrap_or_default().split(',');
                let binaries = binaries.filter_map(|name| PackageName::parse(name.trim()).ok());
                for record in
                    binaries.map(|name| from.versions(suite, &name)).collect::<Result<Vec<_>, _>>()?.concat()
                {
                    let is_chosen = chosen.iter().any(|other| other.key() == record.key());
                    let same_source = record.source() == of_source.source();
                    if same_source && !is_chosen && !is_there(suite, record.key())? {
                        left.insert(record.key().clone(), record);
                    }
                }
            }
        }
    }
    Ok(left.into_values().collect())
}

fn sources_of<'a>(records: impl Iterator<Item = &'a Arc<Record>>) -> Sources {
    let mut sources = Sources::new();
    for record in records {
        let ((name, version), key) = (record.source(), record.key());
        let versions = sources.entry(name).or_default();
        let packages = versions.entry(version.as_str().to_owned()).or_default();
        packages.insert((key.package.clone(), key.architecture.is_source()));
    }
    sources
}

/// The records of a suite that were built from one of these versions of a source, if it is wanted.
fn built_from(
    from: &Revision<'_>,
    suite: &SuiteName,
    sources: &Sources,
    wanted: impl Fn(&SourceName, &str, &BTreeSet<Package>) -> bool,
) -> Result<Vec<Arc<Record>>, Error> {
    let mut records = from.records(suite)?;
    records.retain(|record| {
        let (source, version) = record.source();
        let packages = sources.get(&source).and_then(|versions| versions.get(version.as_str()));
        packages.is_some_and(|packages| wanted(&source, version.as_str(), packages))
    });
    Ok(records)
}

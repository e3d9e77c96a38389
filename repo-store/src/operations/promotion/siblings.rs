//! What else was built from the sources of chosen packages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::{PackageName, SourceName, SuiteName};

use super::by_key;
use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::record::{Build, Record, RecordKey};

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
/// stays; a suite for debug symbols gives those of both, even if a pattern chose only the newest `greet-dbgsym` there.
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

/// Returns the packages built from the same version of a source as chosen records that were not chosen and that the target does not have,
/// each once.
///
/// A source package lists its binary packages (field `Binary`), and not all: those of debug symbols are left out, and what is built later
/// may have more. So the packages that name the source are searched for as well, among all records of the suite that the target may lack.
pub(super) fn left_behind(
    from: &Revision<'_>,
    chosen: &BTreeMap<SuiteName, Vec<Arc<Record>>>,
    target: Option<&Revision<'_>>,
) -> Result<Vec<Arc<Record>>, Error> {
    let mut left: BTreeMap<RecordKey, Arc<Record>> = BTreeMap::new();
    for (suite, chosen) in chosen {
        let chosen_keys: BTreeSet<&RecordKey> = chosen.iter().map(|record| record.key()).collect();
        let mut built = Vec::new();
        let sources = sources_of(chosen.iter());
        let is_built = |record: &Arc<Record>| {
            let (source, version) = record.source();
            sources.get(&source).is_some_and(|versions| versions.contains_key(version.as_str()))
        };
        for source in sources.keys() {
            let Ok(name) = PackageName::parse(source.as_str()) else { continue };
            // These need no field `Source`, and so do not say the word below.
            let called_so = from.versions(suite, &name)?;
            for of_source in called_so.iter().filter(|record| record.key().architecture.is_source()) {
                let binaries = of_source.field("Binary").unwrap_or_default().split(',');
                for name in binaries.filter_map(|name| PackageName::parse(name.trim()).ok()) {
                    built.extend(from.versions(suite, &name)?.into_iter().filter(is_built));
                }
            }
            let binaries = called_so.into_iter().filter(|record| !record.key().architecture.is_source());
            built.extend(binaries.filter(is_built));
        }
        if !sources.is_empty() {
            let words: Vec<String> = sources.keys().map(|source| format!("Source: {source}")).collect();
            built.extend(from.records_that_say(suite, &words, target)?.into_iter().filter(is_built));
        }
        // Another version of the same build is chosen: this one is what it replaces. What is for all architectures may be needed by one
        // that has no newer version.
        let replaced: BTreeSet<(&PackageName, &Build)> =
            chosen.iter().map(|record| (&record.key().package, &record.key().architecture)).collect();
        for record in built {
            let key = record.key();
            let is_replaced = replaced.contains(&(&key.package, &key.architecture))
                && !matches!(&key.architecture, Build::For(architecture) if architecture.is_all());
            let is_there =
                || target.map_or(Ok(false), |target| Ok::<_, Error>(target.get(suite, key)?.is_some()));
            if !is_replaced && !chosen_keys.contains(key) && !is_there()? {
                left.insert(record.key().clone(), record);
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

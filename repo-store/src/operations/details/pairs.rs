//! Which version of a package is compared with which.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::{PackageName, SourceName, Version};

use super::compare::Compared;
use crate::error::Error;
use crate::model::record::{Build, Record};
use crate::model::snapshot::Snapshot;
use crate::store::Store;

/// A package for one architecture whose versions changed.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) package: PackageName,
    pub(super) architecture: Build,
    /// The highest version before and after. They may be the same, when only lower ones came or went.
    pub(super) before: Option<Arc<Record>>,
    pub(super) after: Option<Arc<Record>>,
    pub(super) also_added: Vec<Version>,
    pub(super) also_removed: Vec<Version>,
}

impl Pair {
    /// The source it is built from now, or was last.
    pub(super) fn source(&self) -> SourceName {
        let record = self.after.as_ref().or(self.before.as_ref());
        record.map(|record| record.source().0).unwrap_or_else(|| unreachable!("a pair has a side"))
    }

    /// Whether both sides are one file.
    pub(super) fn is_same(&self) -> bool {
        let blob = |side: &Option<Arc<Record>>| side.as_ref().map(|record| record.blob());
        blob(&self.before) == blob(&self.after)
    }
}

/// Every package whose versions changed, by name and architecture.
pub(super) fn of(store: &Store, before: &Snapshot, after: &Snapshot) -> Result<Vec<Pair>, Error> {
    type Versions = BTreeMap<(PackageName, Build), Vec<Arc<Record>>>;
    let difference = store.difference(before, after)?.apart_from_percentages();
    let place = |record: &Record| (record.key().package.clone(), record.key().architecture.clone());
    let versions = |records: Vec<Arc<Record>>| {
        let mut versions = Versions::new();
        for record in records {
            versions.entry(place(&record)).or_default().push(record);
        }
        versions
    };
    let touched = || difference.only_first.iter().chain(&difference.only_second);
    let names: BTreeSet<PackageName> = touched().map(|record| record.key().package.clone()).collect();
    let places: BTreeSet<_> = touched().map(|record| place(record)).collect();
    let highest = |snapshot: &Snapshot| {
        let records = snapshot.versions_of_all(&store.objects(), &names)?;
        let versions = versions(records).into_iter();
        Ok::<_, Error>(
            versions.filter_map(|(place, mut all)| Some((place, all.pop()?))).collect::<BTreeMap<_, _>>(),
        )
    };
    let (mut was, mut is) = (highest(before)?, highest(after)?);
    let (mut went, mut came) =
        (versions(difference.only_first.clone()), versions(difference.only_second.clone()));
    let pairs = places.into_iter().map(|place| {
        let (before, after) = (was.remove(&place), is.remove(&place));
        let others = |versions: &mut Versions, compared: &Option<Arc<Record>>| {
            let versions = versions.remove(&place).unwrap_or_default().into_iter();
            let others = versions.filter(|record| compared.as_ref() != Some(record));
            others.map(|record| record.key().version.clone()).collect()
        };
        Pair {
            also_added: others(&mut came, &after),
            also_removed: others(&mut went, &before),
            package: place.0.clone(),
            architecture: place.1.clone(),
            before,
            after,
        }
    });
    Ok(pairs.collect())
}

/// The pairs of each source, and how their sides differ.
pub(super) type BySource<'a> = BTreeMap<SourceName, Vec<(&'a Pair, Compared)>>;

/// Of the sources that no pair gives a version for on one side, the highest version of the packages that did not change.
pub(super) fn others(
    store: &Store,
    side: &Snapshot,
    sources: &BySource<'_>,
    version_of: fn(&[(&Pair, Compared)]) -> Option<Version>,
) -> Result<BTreeMap<SourceName, Version>, Error> {
    let lacking = sources.iter().filter(|(_, members)| version_of(members).is_none());
    let lacking: BTreeSet<&SourceName> = lacking.map(|(source, _)| source).collect();
    let mut found: BTreeMap<SourceName, Version> = BTreeMap::new();
    if lacking.is_empty() {
        return Ok(found);
    }
    for record in side.iterate(store.objects()) {
        let (source, version) = record?.source();
        if lacking.contains(&source) && found.get(&source).is_none_or(|known| *known < version) {
            found.insert(source, version);
        }
    }
    Ok(found)
}

/// The lowest source version that a member had before.
pub(super) fn lowest_source(members: &[(&Pair, Compared)]) -> Option<Version> {
    members.iter().filter_map(|(pair, _)| Some(pair.before.as_ref()?.source().1)).min()
}

/// The highest source version that a member has after.
pub(super) fn highest_source(members: &[(&Pair, Compared)]) -> Option<Version> {
    members.iter().filter_map(|(pair, _)| Some(pair.after.as_ref()?.source().1)).max()
}

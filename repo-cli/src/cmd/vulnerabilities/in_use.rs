//! The versions of sources that machines install from a suite: those of the newest of each package.

use std::collections::{BTreeMap, BTreeSet};

use deb_parse::{PackageName, SourceName, SuiteName, Version};
use repo_store::Revision;
use repo_store::model::record::Build;

use crate::error::Failure;

/// The newest version of each package, and the source that it was built from.
#[derive(Clone, Debug, Default)]
pub(super) struct Newest(BTreeMap<(PackageName, Build), (Version, (SourceName, Version))>);

/// Versions of sources, and the packages that were built from them; none for a source package alone.
pub(super) type InUse = BTreeMap<(SourceName, Version), BTreeSet<PackageName>>;

impl Newest {
    /// Reads the newest versions of a suite.
    pub(super) fn of(revision: &Revision<'_>, suite: &SuiteName) -> Result<Self, Failure> {
        let mut newest = Self::default();
        for item in revision.records_in([suite])? {
            let (record, _) = item?;
            let key = record.key();
            newest
                .push(key.package.clone(), key.architecture.clone(), key.version.clone(), || record.source());
        }
        Ok(newest)
    }

    fn push(
        &mut self,
        package: PackageName,
        build: Build,
        version: Version,
        source: impl FnOnce() -> (SourceName, Version),
    ) {
        let key = (package, build);
        if self.0.get(&key).is_none_or(|(known, _)| *known < version) {
            self.0.insert(key, (version, source()));
        }
    }

    /// Returns what would be the newest if another suite came to this one.
    pub(super) fn with(&self, other: Self) -> Self {
        let mut both = self.clone();
        for ((package, build), (version, source)) in other.0 {
            both.push(package, build, version, || source);
        }
        both
    }

    /// Returns the sources of these packages. A source package counts for itself where nothing was built from it.
    pub(super) fn sources(&self) -> InUse {
        let mut in_use = InUse::new();
        let (sources, binaries): (Vec<_>, Vec<_>) =
            self.0.iter().partition(|((_, build), _)| build.is_source());
        for ((package, _), (_, source)) in binaries {
            in_use.entry(source.clone()).or_default().insert(package.clone());
        }
        for (_, (_, source)) in sources {
            if !in_use.keys().any(|(name, _)| *name == source.0) {
                in_use.insert(source.clone(), BTreeSet::new());
            }
        }
        in_use
    }
}

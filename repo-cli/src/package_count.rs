//! How many packages something is about, in the one unit that every message, log line and document uses.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use deb_parse::SuiteName;
use repo_store::model::Difference;
use repo_store::model::record::{Record, RecordKey};
use serde::{Serialize, Serializer};

use crate::output::count;

/// How many packages there are, and how many files: a version for several architectures is one package with several files. Neither is counted
/// once more for each suite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PackageCount {
    /// The number of package files
    files: usize,
    /// The number of packages
    packages: usize,
}

impl PackageCount {
    /// Counts these keys, in any order and each as often as it comes.
    pub(crate) fn of<'a>(keys: impl IntoIterator<Item = &'a RecordKey>) -> Self {
        let mut keys: Vec<&RecordKey> = keys.into_iter().collect();
        keys.sort_unstable();
        keys.dedup();
        let mut counter = PackageCounter::default();
        keys.into_iter().for_each(|key| counter.push(key));
        counter.count
    }

    /// Writes the packages before the files, as the documents of `add` always had them.
    pub(crate) fn packages_first<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("packages", self.packages), ("files", self.files)])
    }

    /// Returns how many packages there are.
    pub(crate) fn packages(self) -> usize {
        self.packages
    }

    /// Returns how many files there are.
    pub(crate) fn files(self) -> usize {
        self.files
    }

    /// Returns in words how many these are of `all`.
    pub(crate) fn among(self, all: Self) -> String {
        if self == all {
            return self.to_string();
        }
        let files = format!("{} of {}", self.files, count(all.files, "file"));
        match (self.packages == all.packages, all.packages == all.files) {
            (true, _) => format!("{} ({files})", count(self.packages, "package")),
            (false, true) => format!("{} of {}", self.packages, count(all.packages, "package")),
            (false, false) => format!("{} of {} ({files})", self.packages, count(all.packages, "package")),
        }
    }
}

impl fmt::Display for PackageCount {
    /// Writes `4 packages (6 files)`; without the files when each package is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&count(self.packages, "package"))?;
        if self.files == self.packages { Ok(()) } else { write!(f, " ({})", count(self.files, "file")) }
    }
}

/// Counts packages whose keys come in order, each once.
#[derive(Debug, Default)]
pub(crate) struct PackageCounter {
    count: PackageCount,
    last: Option<RecordKey>,
}

impl PackageCounter {
    /// Counts one more file.
    pub(crate) fn push(&mut self, key: &RecordKey) {
        let is_same = |last: &RecordKey| (&last.package, &last.version) == (&key.package, &key.version);
        if !self.last.as_ref().is_some_and(is_same) {
            self.count.packages += 1;
            self.last = Some(key.clone());
        }
        self.count.files += 1;
    }

    /// Returns how many there were.
    pub(crate) fn count(&self) -> PackageCount {
        self.count
    }
}

/// How much a change takes out and brings in.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ChangeCount {
    /// How much it brings in
    pub(crate) added: PackageCount,
    /// How much it takes out
    pub(crate) removed: PackageCount,
}

impl ChangeCount {
    /// Counts what only one of two states has.
    pub(crate) fn of(differences: &BTreeMap<SuiteName, Difference>) -> Self {
        let side = |side: fn(&Difference) -> &[Arc<Record>]| {
            PackageCount::of(differences.values().flat_map(side).map(|record| record.key()))
        };
        Self {
            removed: side(|difference| &difference.only_first),
            added: side(|difference| &difference.only_second),
        }
    }

    /// Adds packages that come in as well and are new to the repository.
    pub(crate) fn and_added(mut self, more: PackageCount) -> Self {
        self.added.packages += more.packages;
        self.added.files += more.files;
        self
    }

    /// Returns the packages with a sign: `+2 -0`.
    pub(crate) fn signs(self) -> String {
        format!("+{} -{}", self.added.packages, self.removed.packages)
    }
}

#[cfg(test)]
mod tests {
    use deb_parse::{Architecture, PackageName, Version};
    use repo_store::model::record::Build;

    use super::*;

    fn key(package: &str, version: &str, architecture: &str) -> RecordKey {
        RecordKey {
            package: PackageName::parse(package).unwrap(),
            version: Version::parse(version).unwrap(),
            architecture: Build::For(Architecture::parse(architecture).unwrap()),
        }
    }

    #[test]
    fn a_version_is_one_package_with_a_file_for_each_architecture() {
        let keys = [
            key("bb", "1", "amd64"),
            key("aa", "2", "all"),
            key("bb", "1", "arm64"),
            key("bb", "1", "amd64"),
        ];
        let all = PackageCount::of(&keys);
        assert_eq!(all.to_string(), "2 packages (3 files)");
        assert_eq!(PackageCount::of(&keys[1..2]).to_string(), "1 package");
        assert_eq!(PackageCount::of(&keys[1..2]).among(all), "1 of 2 packages (1 of 3 files)");
        assert_eq!(
            PackageCount::of(&keys[..1]).among(PackageCount::of([&keys[0], &keys[2]])),
            "1 package (1 of 2 files)"
        );
        assert_eq!(PackageCount::of(&keys[..1]).among(PackageCount::of(&keys[..2])), "1 of 2 packages");
        assert_eq!(PackageCount::default().to_string(), "0 packages");
    }
}

//! What an import brings, as a value: the same whatever the packages come from.

use std::collections::BTreeMap;

use apt_fetch::{Expected, PoolFile, Suite};
use camino::Utf8PathBuf;
use deb_parse::checksum::Sha256;
use deb_parse::{Architecture, Component, SuiteName};
use jiff::Timestamp;
use repo_store::history::ArchiveOrigin;
use repo_store::model::record::{Build, RecordKey};
use repo_store::operations::import::ArchivePackage;
use serde::Serialize;

use super::failure::ImportFailure;
use crate::output::first_of;

/// What an import brings.
#[derive(Debug)]
pub(super) struct ImportPlan {
    /// The archive, for the history.
    pub(super) origin: ArchiveOrigin,
    /// The suites, in the order in which they were found.
    pub(super) suites: Vec<PlannedSuite>,
    /// The packages, in the order of their keys.
    pub(super) packages: Vec<PlannedPackage>,
    /// What is lost or changed, and what is good to know.
    pub(super) findings: Vec<Finding>,
    /// What keeps all from being imported.
    pub(super) refusals: Vec<ImportFailure>,
}

/// A suite that is imported.
#[derive(Clone, Debug)]
pub(super) struct PlannedSuite {
    /// Its name here.
    pub(super) name: SuiteName,
    /// What clients call it there.
    pub(super) was: Suite,
    /// A second name that it has there.
    pub(super) alias: Option<SuiteName>,
    /// What its Release says; `None` for a directory of packages.
    pub(super) release: Option<ReleaseFacts>,
    /// Its architectures, besides `all`.
    pub(super) architectures: Vec<Architecture>,
    /// Its components.
    pub(super) components: Vec<Component>,
}

/// What the Release of a suite says that clients go by.
#[derive(Clone, Debug)]
pub(super) struct ReleaseFacts {
    pub(super) date: Timestamp,
    pub(super) origin: Option<String>,
    pub(super) label: Option<String>,
    pub(super) suite: Option<String>,
    pub(super) codename: Option<String>,
    pub(super) version: Option<String>,
    pub(super) description: Option<String>,
    pub(super) changelogs: Option<String>,
    pub(super) not_automatic: bool,
    pub(super) but_automatic_upgrades: bool,
    /// The fingerprints of the keys that signed it, as far as they were asked for.
    pub(super) signers: Vec<String>,
}

/// A package that is imported.
#[derive(Clone, Debug)]
pub(super) struct PlannedPackage {
    pub(super) key: RecordKey,
    pub(super) component: Component,
    /// The suites that it stands in.
    pub(super) suites: Vec<SuiteName>,
    /// Its file; of a source package, its `.dsc`.
    pub(super) file: PoolFile,
    /// The other files of a source package.
    pub(super) others: Vec<PoolFile>,
    /// The index that lists it.
    pub(super) listed_in: String,
    /// Where its file will lie, if that can be told.
    pub(super) new_path: Option<String>,
    /// Its stanza in an index of packages; empty where there is none.
    pub(super) stanza: Vec<u8>,
}

impl PlannedPackage {
    /// Returns the package as the store takes it, with its file at hand, to which the store may give another name of its own with `links`.
    pub(super) fn at(&self, file: Utf8PathBuf, sha256: Sha256, links: bool) -> ArchivePackage {
        ArchivePackage {
            key: self.key.clone(),
            sha256,
            component: self.component.clone(),
            suites: self.suites.clone(),
            file,
            links,
            listed_in: self.listed_in.clone(),
        }
    }

    /// Returns all its files, the one that it is known by first.
    pub(super) fn files(&self) -> impl Iterator<Item = &PoolFile> {
        std::iter::once(&self.file).chain(&self.others)
    }
}

/// Something that is lost or changed by the import, or good to know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "FindingOfImport"))]
pub(crate) struct Finding {
    /// The name of the kind, which stays the same
    pub(super) check: &'static str,
    /// What it is
    pub(super) what: String,
    /// The things that it is about, where they are several
    pub(super) items: Vec<String>,
}

impl Finding {
    pub(super) fn new(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, what: what.into(), items: Vec::new() }
    }

    /// Finds something about several things; `None` when there are none.
    pub(super) fn about(check: &'static str, what: impl Into<String>, items: Vec<String>) -> Option<Self> {
        (!items.is_empty()).then(|| Self { check, what: what.into(), items })
    }

    /// Returns it in one line, in which not all things need be named.
    pub(super) fn line(&self) -> String {
        match self.items.as_slice() {
            [] => self.what.clone(),
            items => format!("{}: {}", self.what, first_of(items)),
        }
    }
}

/// Puts together what the suites of an archive list.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    packages: BTreeMap<RecordKey, Vec<PlannedPackage>>,
    /// What each file must be, and the index that says so.
    files: BTreeMap<String, (Expected, String)>,
    pub(super) findings: Vec<Finding>,
    pub(super) refusals: Vec<ImportFailure>,
}

impl Gathering {
    /// Adds a package of one suite. What is there already in another suite is one package in both.
    pub(super) fn add(&mut self, found: PlannedPackage) {
        for file in found.files() {
            let entry = (file.expected, found.listed_in.clone());
            let (known, first) = self.files.entry(file.path.to_string()).or_insert(entry);
            if !is_same(known, &file.expected) {
                let (path, first) = (file.path.to_string(), first.clone());
                let second = found.listed_in.clone();
                self.refusals.push(ImportFailure::TwoDigests { path, first, second });
                return;
            }
        }
        let known = self.packages.entry(found.key.clone()).or_default();
        if let Some(other) = known.iter().find(|other| !is_same(&other.file.expected, &found.file.expected)) {
            let (first, second) = (other.file.path.to_string(), found.file.path.to_string());
            self.refusals.push(ImportFailure::TwoContents { key: Box::new(found.key), first, second });
            return;
        }
        let is_elsewhere = |other: &&PlannedPackage| {
            other.component != found.component
                && other.suites.iter().any(|suite| found.suites.contains(suite))
        };
        if let Some(other) = known.iter().find(is_elsewhere) {
            self.findings.push(Finding::new(
                "two-components",
                format!(
                    "{} is listed in {} and in {}; it is imported in {}",
                    found.key, other.component, found.component, other.component
                ),
            ));
            return;
        }
        match known.iter_mut().find(|other| other.component == found.component) {
            Some(other) => {
                let new = found.suites.into_iter().filter(|suite| !other.suites.contains(suite));
                let new: Vec<SuiteName> = new.collect();
                other.suites.extend(new);
            }
            None => known.push(found),
        }
    }

    /// Returns the packages of everything that was added, in the order of their keys, and what was found.
    pub(super) fn finish(self) -> (Vec<PlannedPackage>, Vec<Finding>, Vec<ImportFailure>) {
        (self.packages.into_values().flatten().collect(), self.findings, self.refusals)
    }
}

/// Whether two lists mean the same content.
pub(super) fn is_same(one: &Expected, other: &Expected) -> bool {
    if one.size() != other.size() {
        return false;
    }
    match (one.sha256(), other.sha256(), one.sha512(), other.sha512()) {
        (Some(one), Some(other), ..) => one == other,
        (.., Some(one), Some(other)) => one == other,
        // Nothing tells.
        _ => false,
    }
}

impl PlannedSuite {
    /// Adds what a package needs that goes to the suite.
    pub(super) fn take(&mut self, key: &RecordKey, component: &Component) {
        if let Build::For(architecture) = &key.architecture
            && !architecture.is_all()
            && !self.architectures.contains(architecture)
        {
            self.architectures.push(architecture.clone());
        }
        if !self.components.contains(component) {
            self.components.push(component.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use apt_fetch::apt_index::RelPath;
    use deb_parse::checksum::Sha256;
    use deb_parse::{PackageName, Version};

    use super::*;

    fn package(suite: &str, component: &str, path: &str, digest: u8) -> PlannedPackage {
        let sha256 = Some(Sha256::from_bytes([digest; 32]));
        PlannedPackage {
            key: RecordKey {
                package: PackageName::parse("hello").unwrap(),
                version: Version::parse("1.0").unwrap(),
                architecture: Build::For(Architecture::parse("amd64").unwrap()),
            },
            component: Component::parse(component).unwrap(),
            suites: vec![SuiteName::parse(suite).unwrap()],
            file: PoolFile {
                path: RelPath::parse(path).unwrap(),
                expected: Expected::new(7, sha256, None).unwrap(),
            },
            others: Vec::new(),
            listed_in: format!("{suite}/{component}"),
            new_path: None,
            stanza: Vec::new(),
        }
    }

    #[test]
    fn a_package_of_two_suites_is_one_and_another_content_is_refused() {
        let mut gathering = Gathering::default();
        gathering.add(package("one", "main", "a.deb", 1));
        gathering.add(package("two", "main", "a.deb", 1));
        gathering.add(package("two", "contrib", "a.deb", 1));
        gathering.add(package("three", "contrib", "a.deb", 1));
        gathering.add(package("four", "main", "b.deb", 2));
        gathering.add(package("five", "main", "a.deb", 3));
        let (packages, findings, refusals) = gathering.finish();
        let found: Vec<String> = packages
            .iter()
            .map(|found| {
                let suites: Vec<&str> = found.suites.iter().map(SuiteName::as_str).collect();
                format!("{} {}", found.component, suites.join(","))
            })
            .collect();
        assert_eq!(found, ["main one,two", "contrib three"]);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(
            matches!(refusals[..], [ImportFailure::TwoContents { .. }, ImportFailure::TwoDigests { .. }]),
            "{refusals:?}"
        );
    }
}

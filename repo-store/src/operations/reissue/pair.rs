//! What two versions of a source have, and how the one comes out above the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::{Component, PackageName, SuiteName, Version, deb};

use super::contents::{self, Contents};
use super::control::{self, Siblings};
use super::file::{self, reissue_error};
use super::hazard::{Hazard, Undone};
use super::plan::ReissuedPackage;
use super::releases::{Placed, Release};
use super::scripts::{self, Scripts, Versions};
use super::search::Search;
use crate::error::{Error, ReissueError};
use crate::manifest::keep::manifest_unkept;
use crate::model::record::{Build, Record, RecordKey};
use crate::model::reissue::HazardKind;
use crate::settings::RepositorySettings;
use crate::storage::StorageError;

/// Package files that were read, by what they are.
pub(super) type Files = BTreeMap<RecordKey, deb::Package>;

/// The two versions of a source, and how the old one comes out above the other.
pub(super) struct Pair<'a> {
    pub(super) search: Search<'a>,
    pub(super) settings: &'a RepositorySettings,
    pub(super) good: &'a Release,
    pub(super) bad: &'a Release,
    pub(super) over: &'a Version,
    pub(super) number: u32,
}

impl<'a> Pair<'a> {
    /// Returns the packages of one name in a release.
    fn named(release: &'a Release, name: &PackageName) -> Vec<&'a Placed> {
        release.packages().filter(|placed| placed.record.key().package == *name).collect()
    }

    fn names(release: &Release) -> BTreeSet<PackageName> {
        release.packages().map(|placed| placed.record.key().package.clone()).collect()
    }

    /// Decides the version of each package: above the highest that any build of it has, so that all builds have one version, as
    /// `Multi-Arch: same` asks for.
    pub(super) fn siblings(&self) -> Result<Siblings, Error> {
        let mut siblings = Siblings::default();
        for name in Self::names(self.good) {
            let versions =
                |release| Self::named(release, &name).into_iter().map(|one| &one.record.key().version);
            let above = versions(self.bad).max().unwrap_or(self.over);
            let reissue = self.search.version(above, self.number)?.version().clone();
            let good = versions(self.good).cloned().collect();
            siblings.insert(name, good, reissue);
        }
        Ok(siblings)
    }

    /// Reads all files of the old version.
    pub(super) fn read_good(&self) -> Result<Files, Error> {
        let read = |Placed { record, .. }: &Placed| {
            Ok((record.key().clone(), file::read(self.search.store, record)?))
        };
        self.good.packages().map(read).collect()
    }

    /// Reads one build of each package of the bad version too. A file of it may be gone, which must not keep anybody from going back.
    pub(super) fn read_bad(&self, files: &mut Files, hazards: &mut Vec<Hazard>) -> Result<(), Error> {
        for name in Self::names(self.bad) {
            let Some(Placed { record, .. }) = Self::named(self.bad, &name).into_iter().next() else {
                continue;
            };
            match file::read(self.search.store, record) {
                Ok(package) => {
                    files.insert(record.key().clone(), package);
                }
                Err(error) => self.unreadable(record, error, hazards)?,
            }
        }
        Ok(())
    }

    /// Returns the packages that come out.
    pub(super) fn packages(&self, siblings: &Siblings, files: &Files) -> Result<Vec<ReissuedPackage>, Error> {
        let mut packages = Vec::new();
        for (name, sibling) in siblings.iter() {
            let bad = Self::named(self.bad, name);
            for placed in Self::named(self.good, name) {
                let record = &placed.record;
                let Some(package) = files.get(record.key()) else { continue };
                let control = control::reissued(&package.control, (&sibling.reissue, self.over), siblings)
                    .map_err(|source| {
                        reissue_error(ReissueError::File {
                            key: Box::new(record.key().clone()),
                            source: source.into(),
                        })
                    })?;
                let suites = self.suites(placed, &bad);
                let key = RecordKey { version: sibling.reissue.clone(), ..record.key().clone() };
                let mut dropped = package.extra_members.clone();
                dropped.retain(|name| name.starts_with("_gpg"));
                if !suites.is_empty() {
                    let good = Arc::clone(record);
                    packages.push(ReissuedPackage { key, good, control, suites, dropped });
                }
            }
        }
        packages.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(packages)
    }

    /// Returns what the scripts of the two versions leave behind.
    fn of_scripts(&self, siblings: &Siblings, files: &Files) -> Vec<Hazard> {
        let mut found = Vec::new();
        for (name, sibling) in siblings.iter() {
            let bad = Self::named(self.bad, name);
            let bad_file = bad.first().and_then(|placed| files.get(placed.record.key()));
            let bad_scripts = bad_file.map(Scripts::of).unwrap_or_default();
            let Some(newest) = bad.iter().map(|bad| &bad.record.key().version).max() else { continue };
            for Placed { record, .. } in Self::named(self.good, name) {
                let Some(package) = files.get(record.key()) else { continue };
                let versions =
                    Versions { good: &record.key().version, bad: newest, reissue: &sibling.reissue };
                found.extend(scripts::hazards(name, (&Scripts::of(package), &bad_scripts), versions));
            }
        }
        found
    }

    /// Notes that the content of a package is unknown; errors of the store itself go on.
    fn unreadable(&self, record: &Record, error: Error, hazards: &mut Vec<Hazard>) -> Result<(), Error> {
        if matches!(error, Error::Storage(StorageError::Io { .. }) | Error::Cancelled(_)) {
            return Err(error);
        }
        let what = format!("the content of {} cannot be read: {error}", record.key());
        let package = record.key().package.clone();
        hazards.push(Hazard { undone: Undone::Cannot, kind: HazardKind::Contents, package, what });
        Ok(())
    }

    /// Returns where a package goes: the suites and components that the bad version of it is in, or, if there is none, those of the bad
    /// version of its source.
    fn suites(&self, placed: &Placed, bad: &[&Placed]) -> BTreeMap<SuiteName, Component> {
        let component = placed.record.component();
        let mut suites: BTreeMap<SuiteName, Component> =
            bad.iter().flat_map(|bad| bad.suites.clone()).collect();
        if bad.is_empty() {
            suites = self.bad.suites().into_iter().map(|suite| (suite, component.clone())).collect();
        }
        let build = &placed.record.key().architecture;
        let asked = &self.search.request.suites;
        suites.retain(|suite, _| asked.is_empty() || asked.contains(suite));
        suites.retain(|suite, _| match (build, self.settings.suite(suite)) {
            (Build::For(architecture), Some(suite)) => {
                architecture.is_all() || suite.architectures.contains(architecture)
            }
            _ => true,
        });
        suites
    }

    /// Returns what differs between the two versions as they are.
    pub(super) fn hazards(&self, siblings: &Siblings, files: &Files) -> Result<Vec<Hazard>, Error> {
        let mut hazards = self.differing_packages();
        hazards.extend(self.of_scripts(siblings, files));
        let good = self.contents(self.good, files, &mut hazards)?;
        let bad = self.contents(self.bad, files, &mut hazards)?;
        hazards.extend(contents::hazards(&good, &bad));
        Ok(hazards)
    }

    /// Returns the packages and builds that only one of the two versions has.
    fn differing_packages(&self) -> Vec<Hazard> {
        let (good, bad) = (Self::names(self.good), Self::names(self.bad));
        let hazard = |kind, package: &PackageName, what| Hazard {
            undone: Undone::Cannot,
            kind,
            package: package.clone(),
            what,
        };
        let mut found = Vec::new();
        let old = &self.search.request.good;
        for name in bad.difference(&good) {
            let what = format!("{old} has no {name}: machines keep it as it is");
            found.push(hazard(HazardKind::Packages, name, what));
        }
        for name in good.difference(&bad) {
            let what =
                format!("only {old} has {name}: machines that lost it do not get it back by themselves");
            found.push(hazard(HazardKind::Packages, name, what));
        }
        for placed in self.bad.packages() {
            let key = placed.record.key();
            let builds: Vec<&Build> = Self::named(self.good, &key.package)
                .iter()
                .map(|good| &good.record.key().architecture)
                .collect();
            let has_one = |architecture: &str| {
                builds.iter().any(|build| build.as_str() == architecture || build.as_str() == "all")
            };
            for architecture in self.machines_of(placed) {
                if !builds.is_empty() && !has_one(&architecture) {
                    let what = format!("{old} has no build for {architecture}: machines keep the bad one");
                    found.push(hazard(HazardKind::Architectures, &key.package, what));
                }
            }
        }
        found
    }

    /// Returns the architectures of the machines that a package is for.
    fn machines_of(&self, placed: &Placed) -> BTreeSet<String> {
        let build = &placed.record.key().architecture;
        if build.as_str() != "all" {
            return BTreeSet::from([build.to_string()]);
        }
        let suites = placed.suites.keys().filter_map(|suite| self.settings.suite(suite));
        suites.flat_map(|suite| suite.architectures.iter().map(ToString::to_string)).collect()
    }

    /// Returns what is inside the packages of a release, one build of each. Only what lists its files nowhere else is unpacked.
    fn contents(
        &self,
        release: &'a Release,
        files: &Files,
        hazards: &mut Vec<Hazard>,
    ) -> Result<Contents, Error> {
        let mut contents = Contents::default();
        for name in Self::names(release) {
            let Some(Placed { record, .. }) = Self::named(release, &name).into_iter().next() else {
                continue;
            };
            // What could not be read is told of.
            let Some(package) = files.get(record.key()) else { continue };
            if let Some(manifest) = self.search.store.kept_manifest(record.blob())? {
                contents.add_manifest(&name, &manifest);
            } else if !contents.add_listed(&name, package) {
                match manifest_unkept(self.search.store, record.blob()) {
                    Ok(manifest) => contents.add_manifest(&name, &manifest),
                    Err(error) => self.unreadable(record, error, hazards)?,
                }
            }
        }
        Ok(contents)
    }
}

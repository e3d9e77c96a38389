//! Finding the two versions of a source that a reissue is about.

use std::collections::BTreeMap;

use deb_parse::{SuiteName, Version};

use super::file::reissue_error;
use super::plan::ReissueRequest;
use super::releases::{self, Placed, Release, Releases, Removed};
use crate::error::{Error, ReissueError};
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::model::reissue::ReissueVersion;
use crate::store::Store;

/// Where the two versions are looked for.
#[derive(Clone, Copy)]
pub(super) struct Search<'a> {
    pub(super) store: &'a Store,
    pub(super) repository: &'a RepositoryName,
    pub(super) request: &'a ReissueRequest,
}

impl Search<'_> {
    fn removed(&self, is_meant: impl Fn(&Version) -> bool) -> Result<Option<Removed>, Error> {
        releases::removed(self.store, self.repository, &self.request.source, is_meant)
    }

    pub(super) fn version(&self, above: &Version, number: u32) -> Result<ReissueVersion, Error> {
        ReissueVersion::new(above, number).map_err(|source| self.invalid(above, source))
    }

    fn invalid(&self, above: &Version, source: deb_parse::Error) -> Error {
        let source_name = self.request.source.clone();
        reissue_error(ReissueError::VersionTooLong { source_name, version: above.clone(), source })
    }

    /// Finds the bad version: in the suites, or among what was taken out last.
    pub(super) fn bad(&self, present: &Releases) -> Result<(Version, Release), Error> {
        let ReissueRequest { source, good, .. } = self.request;
        if let Some(bad) = &self.request.bad {
            if bad <= good {
                let (source_name, bad, good) = (source.clone(), bad.clone(), good.clone());
                return Err(reissue_error(ReissueError::NotAbove { source_name, bad, good }));
            }
            return match present.get_key_value(bad) {
                Some((version, release)) => Ok((version.clone(), release.clone())),
                None => self.removed_version(bad, present).map(|(release, _)| (bad.clone(), release)),
            };
        }
        let newest = newest_by_suite(present, good);
        match newest.iter().collect::<Vec<_>>().as_slice() {
            [] => {
                let removed = self.removed(|version| version > good)?;
                let newest = removed.and_then(|removed| removed.releases.into_iter().next_back());
                newest.map_or_else(|| Err(self.nothing_above(present)), Ok)
            }
            [(version, _)] => {
                let release = present.get(*version).cloned().unwrap_or_default();
                Ok(((*version).clone(), release))
            }
            _ => Err(reissue_error(ReissueError::SeveralVersions {
                repository: self.repository.clone(),
                source_name: source.clone(),
                good: good.clone(),
                versions: newest.into_iter().collect(),
            })),
        }
    }

    fn nothing_above(&self, present: &Releases) -> Error {
        let (repository, source_name) = (self.repository.clone(), self.request.source.clone());
        reissue_error(if present.is_empty() {
            ReissueError::UnknownSource { repository, source_name }
        } else {
            ReissueError::NothingAbove { repository, source_name, good: self.request.good.clone() }
        })
    }

    /// Finds a version that no suite has any more.
    fn removed_version(
        &self,
        version: &Version,
        present: &Releases,
    ) -> Result<(Release, (u64, Operation)), Error> {
        if let Some(mut removed) = self.removed(|other| other == version)?
            && let Some(release) = removed.releases.remove(version)
        {
            return Ok((release, (removed.number, removed.operation)));
        }
        let (repository, source_name) = (self.repository.clone(), self.request.source.clone());
        let known: Vec<Version> = present.keys().cloned().collect();
        Err(reissue_error(if known.is_empty() {
            ReissueError::UnknownSource { repository, source_name }
        } else {
            ReissueError::UnknownVersion { repository, source_name, version: version.clone(), known }
        }))
    }

    /// Returns a version of the source that a suite has or had last; `None` when nobody knows it any more.
    pub(super) fn known(&self, present: &Releases, version: &Version) -> Result<Option<Release>, Error> {
        if let Some(release) = present.get(version) {
            return Ok(Some(release.clone()));
        }
        let removed = self.removed(|other| other == version)?;
        Ok(removed.and_then(|mut removed| removed.releases.remove(version)))
    }

    /// Refuses a reissue above a version when a suite of that has another one above the reissue: machines take that one.
    pub(super) fn check_newest(
        &self,
        present: &Releases,
        (bad, release): (&Version, &Release),
        reissue: &ReissueVersion,
    ) -> Result<(), Error> {
        let mut suites = release.suites();
        let asked = &self.request.suites;
        suites.retain(|suite| asked.is_empty() || asked.contains(suite));
        for (version, newer) in present.iter().rev() {
            if version > reissue.version()
                && let Some(suite) = newer.suites().intersection(&suites).next()
            {
                return Err(reissue_error(ReissueError::Superseded {
                    repository: self.repository.clone(),
                    source_name: self.request.source.clone(),
                    good: self.request.good.clone(),
                    bad: bad.clone(),
                    newer: version.clone(),
                    suite: suite.clone(),
                }));
            }
        }
        Ok(())
    }

    /// Finds the old version, with all its files in the store.
    pub(super) fn good(&self, present: &Releases) -> Result<Release, Error> {
        let good = &self.request.good;
        let (release, removed_by) = match present.get(good) {
            Some(release) => (release.clone(), None),
            None => {
                let (release, removed_by) = self.removed_version(good, present)?;
                (release, Some(Box::new(removed_by)))
            }
        };
        for Placed { record, .. } in release.packages() {
            if !self.store.storage().objects().contains(&Store::blob_key(record.blob()))? {
                let key = Box::new(record.key().clone());
                return Err(reissue_error(ReissueError::FileGone { key, removed_by }));
            }
        }
        Ok(release)
    }
}

/// Returns the newest version of each suite, where it is above the old one.
fn newest_by_suite(present: &Releases, good: &Version) -> BTreeMap<Version, Vec<SuiteName>> {
    let mut newest: BTreeMap<SuiteName, &Version> = BTreeMap::new();
    for (version, release) in present {
        newest.extend(release.suites().into_iter().map(|suite| (suite, version)));
    }
    let mut versions: BTreeMap<Version, Vec<SuiteName>> = BTreeMap::new();
    for (suite, version) in newest.into_iter().filter(|(_, version)| *version > good) {
        versions.entry(version.clone()).or_default().push(suite);
    }
    versions
}

//! What a reissue would do, and doing it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::deb822::ParagraphBuf;
use deb_parse::{Component, PackageName, SourceName, SuiteName, Version};

use super::contents::{self, Manifests};
use super::control::{self, Siblings};
use super::file::{self, reissue_error};
use super::hazard::{Hazard, Undone};
use super::relations;
use super::releases::{self, Placed, Release, Releases, Removed};
use super::scripts::{self, Scripts, Versions};
use crate::context::Context;
use crate::error::{Error, ReissueError};
use crate::history::revision::Revision;
use crate::manifest::keep::manifest_unkept;
use crate::model::commit::one_line;
use crate::model::id::{BlobId, CommitId};
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::model::record::{Build, Record, RecordKey};
use crate::model::reissue::{HazardKind, ReissueVersion, Reissued};
use crate::model::serialized::{as_text, maybe_as_text};
use crate::operations::plan::check_base;
use crate::settings::RepositorySettings;
use crate::storage::{Staged, StorageError};
use crate::store::Store;
use crate::transaction::{Committed, Transaction};

/// What to publish again.
#[derive(Clone, Debug)]
pub struct ReissueRequest {
    /// The source. All its packages come out again.
    pub source: SourceName,
    /// The bad version of the source; without one the newest that the repository has or had above the old one.
    pub bad: Option<Version>,
    /// The old version of the source.
    pub good: Version,
    /// Only these of the suites that the bad version is in; all of them when empty.
    pub suites: Vec<SuiteName>,
    /// The kinds of hazards that are accepted.
    pub accept: BTreeSet<HazardKind>,
    /// Why, for the history.
    pub reason: Option<String>,
}

/// What publishing an old version of a source again above a bad one would do. [`Store::plan_reissue`] makes it.
///
/// A reissue is never stopped by gates or a freeze: it is how a bad version is undone on machines.
#[derive(Clone, Debug, serde::Serialize)]
#[must_use = "a plan changes nothing until it is applied"]
pub struct ReissuePlan {
    #[serde(serialize_with = "as_text")]
    repository: RepositoryName,
    #[serde(serialize_with = "maybe_as_text")]
    base: Option<CommitId>,
    #[serde(serialize_with = "as_text")]
    bad: Version,
    #[serde(serialize_with = "as_text")]
    version: ReissueVersion,
    packages: Vec<ReissuedPackage>,
    #[serde(skip)]
    hazards: Vec<Hazard>,
    #[serde(skip)]
    request: ReissueRequest,
    #[serde(skip)]
    settings: Arc<RepositorySettings>,
}

/// A package that would come out again.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ReissuedPackage {
    #[serde(serialize_with = "key_as_text")]
    key: RecordKey,
    #[serde(skip)]
    good: Arc<Record>,
    #[serde(skip)]
    control: ParagraphBuf,
    #[serde(skip)]
    suites: BTreeMap<SuiteName, Component>,
    dropped: Vec<String>,
}

fn key_as_text<S: serde::Serializer>(key: &RecordKey, serializer: S) -> Result<S::Ok, S::Error> {
    as_text(key, serializer)
}

impl ReissuedPackage {
    /// Returns the name, the new version and the architecture.
    #[must_use]
    pub fn key(&self) -> &RecordKey {
        &self.key
    }

    /// Returns the package whose content it has.
    #[must_use]
    pub fn good(&self) -> &Arc<Record> {
        &self.good
    }

    /// Returns the suites that it would come into, each with its component there.
    #[must_use]
    pub fn suites(&self) -> &BTreeMap<SuiteName, Component> {
        &self.suites
    }

    /// Returns the signatures inside the old file that the new one would not have.
    #[must_use]
    pub fn dropped(&self) -> &[String] {
        &self.dropped
    }
}

impl ReissuePlan {
    /// Returns the repository.
    #[must_use]
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Returns the state that it was made from; `None` when nothing was ever committed.
    #[must_use]
    pub fn base(&self) -> Option<CommitId> {
        self.base
    }

    /// Returns the bad version of the source.
    #[must_use]
    pub fn bad(&self) -> &Version {
        &self.bad
    }

    /// Returns the source, its old version, and the version that this would come out as.
    #[must_use]
    pub fn reissued(&self) -> Reissued {
        let ReissueRequest { source, good, .. } = &self.request;
        Reissued { source: source.clone(), good: good.clone(), version: self.version.clone() }
    }

    /// Returns the packages, in the order of their keys; none when the old version is out again already.
    #[must_use]
    pub fn packages(&self) -> &[ReissuedPackage] {
        &self.packages
    }

    /// Returns what would happen on machines that have the bad version, besides getting the old files; what cannot be undone first.
    #[must_use]
    pub fn hazards(&self) -> &[Hazard] {
        &self.hazards
    }

    /// Returns the kinds of hazards that keep the plan from being applied: what cannot be undone, and nobody accepted.
    #[must_use]
    pub fn refused(&self) -> Vec<HazardKind> {
        let lasting = self.hazards.iter().filter(|hazard| hazard.undone == Undone::Cannot);
        let kinds: BTreeSet<HazardKind> = lasting.map(|hazard| hazard.kind).collect();
        kinds.difference(&self.request.accept).copied().collect()
    }

    /// Publishes the old version again.
    ///
    /// # Errors
    /// [`ReissueError::Hazards`] when something cannot be undone on machines and nobody accepted that;
    /// [`Outdated`](crate::ChangeError::Outdated) when the repository has changed since the plan was made.
    pub fn apply(&self, store: &Store, context: &Context) -> Result<Committed, Error> {
        self.check()?;
        let mut new = NewFiles::default();
        self.write(store, &mut new)?;
        let reason = self.request.reason.as_deref().map(one_line);
        let (committed, ()) = store.transact_in(&self.settings, context, |transaction| {
            check_base(transaction, &self.repository, self.base)?;
            new.insert(transaction)?;
            Ok((Operation::Reissue { sources: vec![self.reissued()], reason: reason.clone() }, ()))
        })?;
        Ok(committed)
    }

    /// Makes the same plan from the present state of the repository.
    ///
    /// # Errors
    /// Those of [`Store::plan_reissue`].
    pub fn rebase(&self, store: &Store) -> Result<Self, Error> {
        plan_reissue(store, &self.settings, &self.request, &[])
    }

    /// Refuses what cannot be undone on machines and nobody accepted.
    pub(in crate::operations) fn check(&self) -> Result<(), Error> {
        let kinds = self.refused();
        if kinds.is_empty() {
            return Ok(());
        }
        let (repository, source_name) = (self.repository.clone(), self.request.source.clone());
        let (good, bad) = (self.request.good.clone(), self.bad.clone());
        Err(reissue_error(ReissueError::Hazards { repository, source_name, good, bad, kinds }))
    }

    /// Writes the files, to be kept when the change is certain.
    pub(in crate::operations) fn write<'s>(
        &self,
        store: &'s Store,
        new: &mut NewFiles<'s>,
    ) -> Result<(), Error> {
        for package in &self.packages {
            let file = file::write(store, &package.good, &package.control)?;
            for (suite, component) in &package.suites {
                new.records.push((suite.clone(), file.record(&package.good, component)?));
            }
            new.files.push((file.blob(), file.staged));
        }
        Ok(())
    }
}

/// Files that were written and are not kept yet, and where they go.
#[derive(Default)]
pub(in crate::operations) struct NewFiles<'s> {
    files: Vec<(BlobId, Box<dyn Staged + 's>)>,
    records: Vec<(SuiteName, Arc<Record>)>,
}

impl NewFiles<'_> {
    /// Puts them into their suites, and keeps the files.
    pub(in crate::operations) fn insert(&mut self, transaction: &mut Transaction<'_>) -> Result<(), Error> {
        for (suite, record) in &self.records {
            transaction.insert(suite, record)?;
        }
        self.files.drain(..).try_for_each(|(blob, staged)| Ok(staged.keep(&Store::blob_key(blob))?))
    }
}

/// See [`Store::plan_reissue`]. `planned` are others that are to come with it.
pub(crate) fn plan_reissue(
    store: &Store,
    settings: &RepositorySettings,
    request: &ReissueRequest,
    planned: &[Reissued],
) -> Result<ReissuePlan, Error> {
    settings.check()?;
    let search = Search { store, repository: &settings.name, request };
    let head = store.head(&settings.name)?;
    let present = head.as_ref().map(|head| releases::present(head, &request.source)).transpose()?;
    let present = present.unwrap_or_default();
    let (bad, bad_release) = search.bad(&present)?;
    let good_release = search.good(&present)?;
    let over = ReissueVersion::of(&bad).map_or_else(|| bad.clone(), |reissue| reissue.above().clone());
    let mut plan = ReissuePlan {
        repository: settings.name.clone(),
        base: head.as_ref().map(Revision::id),
        bad: bad.clone(),
        version: search.version(&over, 1)?,
        packages: Vec::new(),
        hazards: Vec::new(),
        request: request.clone(),
        settings: Arc::new(settings.clone()),
    };
    if let Some(version) = is_out_already(&present, &over, (&good_release, &bad_release)) {
        plan.version = version;
        return Ok(plan);
    }
    let number = releases::next_number(store, &settings.name, &request.source, (&over, &present), planned)?;
    plan.version = search.version(&over, number)?;
    let pair = Pair { search, settings, good: &good_release, bad: &bad_release, over: &over, number };
    let siblings = pair.siblings()?;
    let (packages, mut hazards) = pair.packages(&siblings)?;
    hazards.extend(pair.hazards(&siblings)?);
    if let Some(head) = &head {
        let all = (&good_release, &bad_release, &siblings);
        hazards.extend(relations::of_others(head, &bad_release.suites(), &request.source, all)?);
    }
    hazards.sort();
    hazards.dedup();
    (plan.packages, plan.hazards) = (packages, hazards);
    Ok(plan)
}

/// Returns the version under which the content of the old version is out above the bad one, in every suite that the bad one is in.
fn is_out_already(
    present: &Releases,
    over: &Version,
    (good, bad): (&Release, &Release),
) -> Option<ReissueVersion> {
    let above = |version: &Version| ReissueVersion::of(version).filter(|reissue| reissue.above() == over);
    let reissues = present.iter().filter_map(|(version, release)| Some((above(version)?, release)));
    let (version, release) = reissues.max_by_key(|(version, _)| version.number())?;
    let content = |release: &Release| release.packages().next().map(|placed| placed.record.source().1);
    let is_same = content(release) == content(good);
    (is_same && release.suites().is_superset(&bad.suites())).then_some(version)
}

/// Where the two versions are looked for.
#[derive(Clone, Copy)]
struct Search<'a> {
    store: &'a Store,
    repository: &'a RepositoryName,
    request: &'a ReissueRequest,
}

impl Search<'_> {
    fn removed(&self, is_meant: impl Fn(&Version) -> bool) -> Result<Option<Removed>, Error> {
        releases::removed(self.store, self.repository, &self.request.source, is_meant)
    }

    fn version(&self, above: &Version, number: u32) -> Result<ReissueVersion, Error> {
        ReissueVersion::new(above, number).map_err(|source| self.invalid(above, source))
    }

    fn invalid(&self, above: &Version, source: deb_parse::Error) -> Error {
        let source_name = self.request.source.clone();
        reissue_error(ReissueError::VersionTooLong { source_name, version: above.clone(), source })
    }

    /// Finds the bad version: in the suites, or among what was taken out last.
    fn bad(&self, present: &Releases) -> Result<(Version, Release), Error> {
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

    /// Finds the old version, with all its files in the store.
    fn good(&self, present: &Releases) -> Result<Release, Error> {
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

/// The two versions of a source, and how the old one comes out above the other.
struct Pair<'a> {
    search: Search<'a>,
    settings: &'a RepositorySettings,
    good: &'a Release,
    bad: &'a Release,
    over: &'a Version,
    number: u32,
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
    fn siblings(&self) -> Result<Siblings, Error> {
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

    /// Returns the packages that come out, and what their scripts leave behind.
    fn packages(&self, siblings: &Siblings) -> Result<(Vec<ReissuedPackage>, Vec<Hazard>), Error> {
        let (mut packages, mut hazards) = (Vec::new(), Vec::new());
        for (name, sibling) in siblings.iter() {
            let bad = Self::named(self.bad, name);
            let bad_scripts = match bad.first() {
                Some(placed) => self.scripts(&placed.record, &mut hazards)?,
                None => Scripts::default(),
            };
            for placed in Self::named(self.good, name) {
                let record = &placed.record;
                let package = file::read(self.search.store, record)?;
                let control = control::reissued(&package.control, (&sibling.reissue, self.over), siblings)
                    .map_err(|source| {
                        reissue_error(ReissueError::File { key: Box::new(record.key().clone()), source })
                    })?;
                if let Some(newest) = bad.iter().map(|bad| &bad.record.key().version).max() {
                    let versions =
                        Versions { good: &record.key().version, bad: newest, reissue: &sibling.reissue };
                    hazards.extend(scripts::hazards(name, (&Scripts::of(&package), &bad_scripts), versions));
                }
                let suites = self.suites(placed, &bad);
                let key = RecordKey { version: sibling.reissue.clone(), ..record.key().clone() };
                let mut dropped = package.extra_members;
                dropped.retain(|name| name.starts_with("_gpg"));
                if !suites.is_empty() {
                    let good = Arc::clone(record);
                    packages.push(ReissuedPackage { key, good, control, suites, dropped });
                }
            }
        }
        packages.sort_by(|a, b| a.key.cmp(&b.key));
        Ok((packages, hazards))
    }

    /// Reads the scripts of the bad version. Its file may be gone, which must not keep anybody from going back.
    fn scripts(&self, record: &Record, hazards: &mut Vec<Hazard>) -> Result<Scripts, Error> {
        match file::read(self.search.store, record) {
            Ok(package) => Ok(Scripts::of(&package)),
            Err(error) => self.unreadable(record, error, hazards).map(|()| Scripts::default()),
        }
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
    fn hazards(&self, siblings: &Siblings) -> Result<Vec<Hazard>, Error> {
        let mut hazards = self.differing_packages();
        hazards.extend(relations::between_siblings(self.good, siblings));
        let good = self.manifests(self.good, &mut hazards)?;
        let bad = self.manifests(self.bad, &mut hazards)?;
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
            let is_all = |build: &Build| build.as_str() == "all";
            let has_one = builds.iter().any(|build| **build == key.architecture || is_all(build))
                || is_all(&key.architecture);
            if !builds.is_empty() && !has_one {
                let what = format!("{old} has no build for {}: machines keep the bad one", key.architecture);
                found.push(hazard(HazardKind::Architectures, &key.package, what));
            }
        }
        found
    }

    /// Returns what is inside the packages of a release, one build of each.
    fn manifests(&self, release: &'a Release, hazards: &mut Vec<Hazard>) -> Result<Manifests, Error> {
        let mut found = Manifests::new();
        for name in Self::names(release) {
            let Some(placed) = Self::named(release, &name).into_iter().next() else { continue };
            match manifest_unkept(self.search.store, placed.record.blob()) {
                Ok(manifest) => found.push((name, manifest)),
                Err(error) => self.unreadable(&placed.record, error, hazards)?,
            }
        }
        Ok(found)
    }
}

//! Building profiles: metapackages that pin what a repository has.
//!
//! The metapackage of the profile `web` of the repository `prod` is called `prod-profile-web`. Its version is the number of the commit
//! that brings it in, so that each is above the ones before. Suites whose machines get the same versions share one package; where they
//! differ, the versions are `42.1`, `42.2` and so on in the order in which the suites are listed, so that a machine that goes on to a later
//! release takes that one's.

mod metapackage;
mod pins;

use std::collections::BTreeMap;
use std::sync::Arc;

use deb_parse::{Architecture, PackageName, SuiteName, Version};

use self::metapackage::Content;
use self::pins::Machines;
pub use self::pins::{Dependency, PinnedPackage};
use crate::context::Context;
use crate::error::{Error, ProfileError, RuleError};
use crate::history::revision::Revision;
use crate::model::gate_rule::GateOverride;
use crate::model::id::{BlobId, CommitId};
use crate::model::name::{ProfileName, RepositoryName};
use crate::model::operation::{Operation, PackageSummary};
use crate::model::record::{Build, Record, RecordKey};
use crate::operations::installability::InstallableGuard;
use crate::operations::plan::check_base;
use crate::operations::{freezes, own_package};
use crate::settings::RepositorySettings;
use crate::settings::profile::{Pin, Profile};
use crate::store::Store;
use crate::transaction::{Committed, Transaction};

/// What building a profile in a repository would bring. [`Store::plan_profile`] makes it.
#[derive(Clone, Debug)]
#[must_use = "a plan changes nothing until it is applied"]
pub struct ProfilePlan {
    base: Option<CommitId>,
    build: ProfileBuild,
    settings: Arc<RepositorySettings>,
    gate_override: Option<GateOverride>,
}

/// The metapackages of a profile in the suites of a repository.
#[derive(Clone, Debug, Default)]
pub struct ProfileBuild {
    packages: Vec<Metapackage>,
    suites: Vec<ProfileSuite>,
}

/// What a profile pins in a suite.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProfileSuite {
    /// The suite.
    pub suite: SuiteName,
    /// The version of the metapackage that the suite gets or has.
    pub version: Version,
    /// Whether the suite has it already.
    pub is_current: bool,
    /// What is pinned, by the architecture of the machines.
    pub pins: BTreeMap<Architecture, Vec<PinnedPackage>>,
}

/// A metapackage that would come into suites.
#[derive(Clone, Debug)]
struct Metapackage {
    bytes: Arc<[u8]>,
    records: BTreeMap<SuiteName, Arc<Record>>,
}

impl ProfileBuild {
    /// Returns each metapackage that would come in, with its suites.
    pub fn packages(&self) -> impl Iterator<Item = (&RecordKey, Vec<&SuiteName>)> {
        self.packages.iter().filter_map(|package| {
            Some((package.records.values().next()?.key(), package.records.keys().collect()))
        })
    }

    /// Returns what is pinned in each suite, in the order in which the suites are listed.
    #[must_use]
    pub fn suites(&self) -> &[ProfileSuite] {
        &self.suites
    }

    /// Writes the files of the packages, which nothing refers to yet.
    pub(crate) fn write(&self, store: &Store) -> Result<(), Error> {
        for package in &self.packages {
            let blob = BlobId::of(&package.bytes);
            store.storage().objects().put(&Store::blob_key(blob), &package.bytes)?;
        }
        Ok(())
    }

    /// Puts the packages into their suites.
    pub(crate) fn insert(&self, transaction: &mut Transaction<'_>) -> Result<(), Error> {
        for (suite, record) in self.records() {
            transaction.insert(suite, record)?;
        }
        Ok(())
    }

    /// Returns the records that would come in.
    pub(crate) fn records(&self) -> impl Iterator<Item = (&SuiteName, &Arc<Record>)> {
        self.packages.iter().flat_map(|package| &package.records)
    }
}

impl ProfilePlan {
    /// Returns the repository.
    #[must_use]
    pub fn repository(&self) -> &RepositoryName {
        &self.settings.name
    }

    /// Returns the state that it was made from; `None` when nothing was ever committed.
    #[must_use]
    pub fn base(&self) -> Option<CommitId> {
        self.base
    }

    /// Returns what would come in, and what is pinned.
    #[must_use]
    pub fn build(&self) -> &ProfileBuild {
        &self.build
    }

    /// Returns the same plan with somebody's decision that rules of the repository do not count for it.
    pub fn despite(self, gate_override: Option<GateOverride>) -> Self {
        Self { gate_override, ..self }
    }

    /// Brings the metapackages in by one commit. Of the gates of the repository only `installable` is asked, as for the keyring package: what is
    /// pinned met the others when it came in.
    ///
    /// # Errors
    /// [`Outdated`](crate::error::ChangeError::Outdated) when the repository has changed since the plan was made;
    /// [`Frozen`](RuleError::Frozen) and [`Uninstallable`](RuleError::Uninstallable) unless somebody decided that these do not count.
    pub fn apply(&self, store: &Store, context: &Context) -> Result<Committed, Error> {
        self.build.write(store)?;
        let (committed, ()) = store.transact_in(&self.settings, context, |transaction| {
            check_base(transaction, &self.settings.name, self.base)?;
            let frozen = (store, &self.settings.name, &self.settings.freezes[..]);
            freezes::pass_in(transaction, frozen, self.gate_override.as_ref(), context.now)?;
            self.build.insert(transaction)?;
            let guard = InstallableGuard::of(&self.settings).despite(self.gate_override.clone());
            guard.pass_in(transaction, store, context.now)?;
            let packages = PackageSummary::new(self.build.packages().map(|(key, _)| key));
            Ok((Operation::Add(packages), ()))
        })?;
        Ok(committed)
    }
}

/// See [`Store::plan_profile`].
pub(crate) fn plan_profile(
    store: &Store,
    settings: &RepositorySettings,
    profile: &ProfileName,
    suites: &[SuiteName],
) -> Result<ProfilePlan, Error> {
    settings.check()?;
    settings.check_suites(suites)?;
    let profile = find(settings, profile)?;
    let base = store.head(&settings.name)?.map(|head| head.id());
    let build = store.dry_run_in(settings, |transaction| {
        check_base(transaction, &settings.name, base)?;
        plan_in(transaction, settings, profile, suites)
    })?;
    Ok(ProfilePlan { base, build, settings: Arc::new(settings.clone()), gate_override: None })
}

/// Returns a profile of a repository.
pub(crate) fn find<'a>(settings: &'a RepositorySettings, name: &ProfileName) -> Result<&'a Profile, Error> {
    settings.profiles.iter().find(|profile| profile.name == *name).ok_or_else(|| {
        let known = settings.profiles.iter().map(|profile| profile.name.clone()).collect();
        RuleError::from(ProfileError::Unknown { name: name.clone(), known }).into()
    })
}

/// Returns the name of the metapackage of a profile.
pub(crate) fn package_of(repository: &RepositoryName, profile: &ProfileName) -> Result<PackageName, Error> {
    let name = repository.profile_package(profile);
    PackageName::parse(&name).map_err(|source| Error::package(name, source))
}

/// Finds out what building a profile would bring into the state that a transaction will leave: into these suites, or into all that it is for when none is
/// named.
pub(crate) fn plan_in(
    transaction: &mut Transaction<'_>,
    settings: &RepositorySettings,
    profile: &Profile,
    suites: &[SuiteName],
) -> Result<ProfileBuild, Error> {
    let package = package_of(&settings.name, &profile.name)?;
    let number = transaction.base().map_or(0, |base: &Revision<'_>| base.commit().sequence) + 1;
    // Each with its content, if that is to be built, and the number of it.
    let mut planned: Vec<(ProfileSuite, Option<usize>)> = Vec::new();
    let mut groups: Vec<Content> = Vec::new();
    let mut before: Option<Version> = None;
    for suite in &settings.suites {
        let is_meant = match suites {
            [] => !suite.only_routed || profile.names_suite(&suite.name),
            named => named.contains(&suite.name),
        };
        if !is_meant {
            continue;
        }
        let mut pins = BTreeMap::new();
        for architecture in &suite.architectures {
            let machines = Machines { repository: settings, suite: &suite.name, architecture };
            let pinned = pins::pins(transaction, profile, &machines)?;
            if !pinned.is_empty() {
                pins.insert(architecture.clone(), pinned);
            }
        }
        if pins.is_empty() {
            continue;
        }
        let content = metapackage::content(&pins, &suite.architectures);
        let there = transaction.versions(&suite.name, &package)?;
        let newest = there.last().map(|record| record.key().version.clone());
        // Machines go from the suites before to this one, and never back.
        let is_above =
            |version: &Version| groups.is_empty() && before.as_ref().is_none_or(|before| version >= before);
        let is_current = match newest.as_ref().filter(|version| is_above(version)) {
            Some(version) => is_there(settings, profile, (&package, version), &content, &there)?,
            None => false,
        };
        if !is_current && groups.last() != Some(&content) {
            groups.push(content);
        }
        let group = (!is_current).then(|| groups.len().saturating_sub(1));
        let version = newest.filter(|_| is_current);
        let version = version.map_or_else(|| parse_version(&number.to_string()), Ok)?;
        before = before.max(Some(version.clone()));
        planned.push((ProfileSuite { suite: suite.name.clone(), version, is_current, pins }, group));
    }
    if planned.is_empty() {
        let (profile, repository) = (profile.name.clone(), settings.name.clone());
        return Err(RuleError::from(ProfileError::NoSuite { profile, repository }).into());
    }
    let mut build = ProfileBuild::default();
    for (place, content) in groups.iter().enumerate() {
        let text = if groups.len() == 1 { number.to_string() } else { format!("{number}.{}", place + 1) };
        let version = parse_version(&text)?;
        let meant = planned.iter_mut().filter(|(_, group)| *group == Some(place));
        let mut names = Vec::new();
        for (suite, _) in meant {
            suite.version = version.clone();
            names.push(suite.suite.clone());
        }
        check_newest(transaction, settings, (&package, &version), &names)?;
        for of_architecture in content {
            let bytes = metapackage::build(
                settings,
                profile,
                (&package, &version),
                (of_architecture.0, of_architecture.1),
            )?;
            let mut records = BTreeMap::new();
            for suite in settings.suites.iter().filter(|suite| names.contains(&suite.name)) {
                records.insert(suite.name.clone(), own_package::record(suite, &bytes)?);
            }
            build.packages.push(Metapackage { bytes: bytes.into(), records });
        }
    }
    build.suites = planned.into_iter().map(|(suite, _)| suite).collect();
    Ok(build)
}

fn parse_version(text: &str) -> Result<Version, Error> {
    Version::parse(text).map_err(|source| Error::package(text, source))
}

/// Returns whether a suite has exactly these packages in its newest version of the metapackage.
fn is_there(
    settings: &RepositorySettings,
    profile: &Profile,
    key: (&PackageName, &Version),
    content: &Content,
    there: &[Arc<Record>],
) -> Result<bool, Error> {
    let newest = there.iter().filter(|record| record.key().version == *key.1);
    let blobs: BTreeMap<&Build, BlobId> =
        newest.map(|record| (&record.key().architecture, record.blob())).collect();
    if blobs.len() != content.len() {
        return Ok(false);
    }
    for (architecture, depends) in content {
        let bytes = metapackage::build(settings, profile, key, (architecture, depends))?;
        if blobs.get(&Build::For(architecture.clone())) != Some(&BlobId::of(&bytes)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Refuses a version that machines would not take, because a suite has one that is not below it.
fn check_newest(
    transaction: &mut Transaction<'_>,
    settings: &RepositorySettings,
    (package, version): (&PackageName, &Version),
    suites: &[SuiteName],
) -> Result<(), Error> {
    for suite in suites {
        let there = transaction.versions(suite, package)?;
        if let Some(record) = there.last().filter(|record| record.key().version >= *version) {
            let (key, repository) = (Box::new(record.key().clone()), settings.name.clone());
            let version = version.clone();
            return Err(RuleError::from(ProfileError::Superseded { key, repository, version }).into());
        }
    }
    Ok(())
}

/// Returns the profiles that are built again when these packages come out again: the exact ones that name any of them.
fn profiles_to_rebuild<'a>(
    settings: &'a RepositorySettings,
    packages: &[PackageName],
) -> impl Iterator<Item = &'a Profile> {
    let exact = settings.profiles.iter().filter(|profile| profile.pin == Pin::Exact);
    exact.filter(move |profile| packages.iter().any(|package| profile.names(package)))
}

/// Returns whether a package is the metapackage of a profile that [`rebuild_in`] builds again.
pub(crate) fn is_rebuilt(
    settings: &RepositorySettings,
    metapackage: &PackageName,
    packages: &[PackageName],
) -> bool {
    profiles_to_rebuild(settings, packages)
        .any(|profile| settings.name.profile_package(&profile.name) == metapackage.as_str())
}

/// Builds every exact profile again that the repository has built and that names one of these packages: machines would otherwise keep the
/// versions that it pins.
pub(crate) fn rebuild_in(
    transaction: &mut Transaction<'_>,
    store: &Store,
    settings: &RepositorySettings,
    packages: &[PackageName],
) -> Result<(), Error> {
    for profile in profiles_to_rebuild(settings, packages) {
        let own = package_of(&settings.name, &profile.name)?;
        let mut suites = Vec::new();
        for suite in &settings.suites {
            if !transaction.versions(&suite.name, &own)?.is_empty() {
                suites.push(suite.name.clone());
            }
        }
        if !suites.is_empty() {
            let build = plan_in(transaction, settings, profile, &suites)?;
            build.write(store)?;
            build.insert(transaction)?;
        }
    }
    Ok(())
}

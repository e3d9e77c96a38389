//! Which versions a profile pins.

use std::fmt;

use apt_index::pool::PackageKind;
use deb_parse::relation::Operator;
use deb_parse::{Architecture, PackageName, SuiteName, Version};

use crate::error::{Error, ProfileError, RuleError};
use crate::model::record::Build;
use crate::settings::RepositorySettings;
use crate::settings::profile::{PackageRange, Pin, Profile};
use crate::transaction::Transaction;

/// A package of a profile, and what machines of a suite and architecture get of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PinnedPackage {
    /// The package.
    pub package: PackageName,
    /// The version that is pinned; `None` when the suite does not have the package, and machines have it from elsewhere.
    pub version: Option<Version>,
    /// A later version in the suite that the profile does not allow. apt wants to install that one.
    pub passed_over: Option<Version>,
    /// What the metapackage depends on.
    pub dependency: Dependency,
}

/// What a metapackage depends on for one package: its ranges, which must all be met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency(Vec<String>);

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// The suite and the machines that versions are pinned for.
pub(super) struct Machines<'a> {
    pub(super) repository: &'a RepositorySettings,
    pub(super) suite: &'a SuiteName,
    pub(super) architecture: &'a Architecture,
}

/// Finds the newest version of each package of a profile that the suite will have and the profile allows, in the order of their names.
pub(super) fn pins(
    transaction: &mut Transaction<'_>,
    profile: &Profile,
    machines: &Machines<'_>,
) -> Result<Vec<PinnedPackage>, Error> {
    let Machines { repository, suite, architecture } = machines;
    let mut pinned = Vec::new();
    for (package, ranges) in profile.ranges(suite, architecture) {
        let records = transaction.versions(suite, package)?;
        let binaries = records
            .iter()
            .filter(|record| record.kind() == PackageKind::Deb && record.key().architecture != Build::Source);
        let mut is_there = false;
        let mut versions: Vec<&Version> = Vec::new();
        for record in binaries {
            is_there = true;
            let key = record.key();
            if matches!(&key.architecture, Build::For(own) if own == *architecture || own.is_all()) {
                versions.push(&key.version);
            }
        }
        let newest = versions.iter().max().copied();
        let allowed = |version: &&&Version| ranges.iter().all(|range| range.allows(version));
        let version = versions.iter().filter(allowed).max().copied();
        let written = || ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let (profile_name, repository) = (profile.name.clone(), repository.name.clone());
        let (suite, architecture) = ((*suite).clone(), (*architecture).clone());
        match (newest, version) {
            (Some(newest), None) => {
                return Err(RuleError::from(ProfileError::OutOfRange {
                    profile: profile_name,
                    package: written(),
                    repository,
                    suite,
                    architecture,
                    newest: newest.clone(),
                })
                .into());
            }
            (None, _) if is_there => {
                return Err(RuleError::from(ProfileError::OtherArchitecture {
                    profile: profile_name,
                    package: package.to_string(),
                    repository,
                    suite,
                    architecture,
                })
                .into());
            }
            _ => {}
        }
        pinned.push(PinnedPackage {
            package: package.clone(),
            version: version.cloned(),
            passed_over: newest.filter(|newest| Some(*newest) != version).cloned(),
            dependency: dependency(package, &ranges, version, profile.pin),
        });
    }
    Ok(pinned)
}

/// Returns what the metapackage depends on: the version that the suite has, or the ranges of a package from elsewhere.
fn dependency(
    package: &PackageName,
    ranges: &[&PackageRange],
    version: Option<&Version>,
    pin: Pin,
) -> Dependency {
    let with = |operator: Operator, version: &Version| format!("{package} ({operator} {version})");
    let written = |range: &&&PackageRange| range.to_string();
    Dependency(match (version, pin) {
        (Some(version), Pin::Exact) => vec![with(Operator::Equal, version)],
        (Some(version), Pin::AtLeast) => {
            let limits = ranges.iter().filter(|range| range.is_limited_above()).map(ToString::to_string);
            [with(Operator::LaterOrEqual, version)].into_iter().chain(limits).collect()
        }
        // A name alone says nothing beside a range.
        (None, _) if ranges.iter().any(|range| range.version().is_some()) => {
            ranges.iter().filter(|range| range.version().is_some()).map(|range| written(&range)).collect()
        }
        (None, _) => vec![package.to_string()],
    })
}

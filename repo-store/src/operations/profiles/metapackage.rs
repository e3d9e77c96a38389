//! The metapackage of a profile. It has no files, and the same state of a repository makes the same package, to the byte.

use std::collections::BTreeMap;

use deb_parse::{Architecture, PackageName, Version, deb};

use super::pins::PinnedPackage;
use crate::error::Error;
use crate::settings::RepositorySettings;
use crate::settings::profile::Profile;

/// What the metapackage depends on in a suite, by the architecture that it is built for: `all` alone where machines of every architecture
/// get the same versions.
pub(super) type Content = BTreeMap<Architecture, String>;

/// Returns the content for a suite with these architectures.
pub(super) fn content(
    pins: &BTreeMap<Architecture, Vec<PinnedPackage>>,
    architectures: &[Architecture],
) -> Content {
    let text = |pins: &Vec<PinnedPackage>| {
        pins.iter().map(|pin| pin.dependency.to_string()).collect::<Vec<_>>().join(", ")
    };
    let each: Content = pins.iter().map(|(architecture, pins)| (architecture.clone(), text(pins))).collect();
    let is_for_all = architectures.iter().all(|architecture| each.contains_key(architecture));
    let mut texts = each.values();
    match texts.next() {
        Some(first) if is_for_all && texts.all(|text| text == first) => {
            BTreeMap::from([(Architecture::all(), first.clone())])
        }
        _ => each,
    }
}

/// Builds the metapackage.
pub(super) fn build(
    repository: &RepositorySettings,
    profile: &Profile,
    (package, version): (&PackageName, &Version),
    (architecture, depends): (&Architecture, &str),
) -> Result<Vec<u8>, Error> {
    let (name, profile) = (&repository.name, &profile.name);
    let origin = repository.origin.as_deref().unwrap_or(name.as_str());
    deb::Builder::new(package.clone(), version.clone(), architecture.clone())
        .field("Maintainer", origin)
        .field("Section", "metapackages")
        .field("Priority", "optional")
        .field("Depends", depends)
        .description(format!(
            "profile {profile} of the package repository {name}\n This package has no files. It depends on what machines with the \
             profile {profile} run,\n in the versions that {name} had when it was built."
        ))
        .build()
        .map_err(|source| Error::package(package.as_str(), source))
}

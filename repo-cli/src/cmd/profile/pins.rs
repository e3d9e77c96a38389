//! What a profile pins, as a table and as JSON.

use std::collections::{BTreeMap, BTreeSet};

use deb_parse::{Architecture, PackageName, SuiteName, Version};
use repo_store::RepositorySettings;
use repo_store::model::ProfileName;
use repo_store::operations::profiles::ProfileBuild;
use serde::Serialize;

use crate::json_value::Text;
use crate::output::{Column, Output, RowLimit, joined, suite_list};

/// What a profile pins in a suite.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PinnedSuiteJson {
    /// Whether the suite had this version before
    current: bool,
    /// What is pinned for each architecture
    pins: Vec<PinJson>,
    /// The suite
    suite: Text<SuiteName>,
    /// The version of the metapackage
    version: Text<Version>,
}

/// A version that a profile pins.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PinJson {
    /// The architecture of the machines
    architecture: Text<Architecture>,
    /// What the metapackage depends on
    dependency: String,
    /// The package
    package: Text<PackageName>,
    /// The version; null for a package that the repository does not have
    version: Option<Text<Version>>,
}

/// Returns what is pinned in each suite.
pub(crate) fn json(build: &ProfileBuild) -> Vec<PinnedSuiteJson> {
    let suites = build.suites().iter().map(|suite| PinnedSuiteJson {
        current: suite.is_current,
        pins: suite
            .pins
            .iter()
            .flat_map(|(architecture, pins)| {
                pins.iter().map(|pin| PinJson {
                    architecture: Text(architecture.clone()),
                    dependency: pin.dependency.to_string(),
                    package: Text(pin.package.clone()),
                    version: pin.version.clone().map(Text),
                })
            })
            .collect(),
        suite: Text(suite.suite.clone()),
        version: Text(suite.version.clone()),
    });
    suites.collect()
}

/// Prints the dependencies of the metapackages: one row for all suites that have the same.
pub(crate) fn print(build: &ProfileBuild, limit: RowLimit, output: &Output) {
    let mut rows: BTreeMap<(&PackageName, String, Vec<&Architecture>), Vec<&SuiteName>> = BTreeMap::new();
    for suite in build.suites() {
        let mut of_suite: BTreeMap<(&PackageName, String), Vec<&Architecture>> = BTreeMap::new();
        for (architecture, pins) in &suite.pins {
            for pin in pins {
                let key = (&pin.package, pin.dependency.to_string());
                of_suite.entry(key).or_default().push(architecture);
            }
        }
        for ((package, dependency), architectures) in of_suite {
            rows.entry((package, dependency, architectures)).or_default().push(&suite.suite);
        }
    }
    let rows: Vec<[String; 3]> = rows
        .into_iter()
        .map(|((_, dependency, architectures), suites)| {
            [dependency, joined(&architectures), suite_list(suites)]
        })
        .collect();
    let head = [Column::text("DEPENDS ON"), Column::words("ARCHITECTURE"), Column::words("SUITES")];
    output.table(&head, &rows, limit);
}

/// Warns of what machines must have from elsewhere, and of versions that apt would rather install, if anything is built.
pub(crate) fn warn(
    build: &ProfileBuild,
    repository: &RepositorySettings,
    profile: &ProfileName,
    limit: RowLimit,
    output: &Output,
) {
    if build.packages().next().is_none() {
        return;
    }
    let (mut elsewhere, mut newer) = (BTreeMap::new(), BTreeMap::new());
    for suite in build.suites() {
        for pin in suite.pins.values().flatten() {
            match (&pin.version, &pin.passed_over) {
                (None, _) => {
                    elsewhere.entry(&pin.package).or_insert_with(BTreeSet::new).insert(&suite.suite);
                }
                (Some(version), Some(passed_over)) => {
                    let key = (&pin.package, version, passed_over);
                    newer.entry(key).or_insert_with(BTreeSet::new).insert(&suite.suite);
                }
                (Some(_), None) => {}
            }
        }
    }
    let (name, metapackage) = (&repository.name, repository.name.profile_package(profile));
    let elsewhere = elsewhere.into_iter().map(|(package, suites)| {
        format!("{package} is not in {name} ({}): machines need another source for it", suite_list(suites))
    });
    output.warn_of_each("W-PROFILE-ELSEWHERE", limit, elsewhere.collect());
    let newer = newer.into_iter().map(|((package, version, passed_over), suites)| {
        let suites = suite_list(suites);
        format!(
            "{name} ({suites}) has {package} {passed_over}, which the profile does not allow: apt prefers it to {version}, and does not \
             install {metapackage} on new machines"
        )
    });
    output.warn_of_each("W-PROFILE-NEWER", limit, newer.collect());
}

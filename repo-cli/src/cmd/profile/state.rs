//! What a built profile asks of machines in a state of a repository: the dependencies of its metapackages.

use std::collections::BTreeMap;

use deb_parse::relation::{Operator, Relations};
use deb_parse::{Architecture, Limits, SuiteName, Version};
use repo_store::model::ProfileName;
use repo_store::model::record::{Build, Record};
use repo_store::operations::profiles::ProfileBuild;
use repo_store::{RepositorySettings, Revision};

use super::package_of;
use crate::error::Failure;

/// The machines of a suite and architecture.
pub(super) type Machines = (SuiteName, Architecture);

/// What machines need: for each package the ranges that its version must be in.
pub(super) type Needs = BTreeMap<String, Vec<Option<(Operator, Version)>>>;

/// Returns the newest metapackage that machines of each suite and architecture see in a state.
pub(super) fn metapackages(
    revision: &Revision<'_>,
    repository: &RepositorySettings,
    profile: &ProfileName,
) -> Result<BTreeMap<Machines, std::sync::Arc<Record>>, Failure> {
    let package = package_of(repository, profile)?;
    let mut found = BTreeMap::new();
    for suite in &repository.suites {
        let versions = revision.versions(&suite.name, &package)?;
        for architecture in &suite.architectures {
            let is_seen =
                |build: &Build| matches!(build, Build::For(own) if own == architecture || own.is_all());
            let seen = versions.iter().rev().find(|record| is_seen(&record.key().architecture));
            if let Some(record) = seen {
                found.insert((suite.name.clone(), architecture.clone()), record.clone());
            }
        }
    }
    Ok(found)
}

/// Returns what a metapackage asks for.
pub(super) fn needs_of(metapackage: &Record) -> Needs {
    needs(metapackage.field("Depends").unwrap_or_default())
}

/// Returns what the metapackages that would be built now ask for.
pub(super) fn needs_now(build: &ProfileBuild) -> BTreeMap<Machines, Needs> {
    let mut found = BTreeMap::new();
    for suite in build.suites() {
        for (architecture, pins) in &suite.pins {
            let text: Vec<String> = pins.iter().map(|pin| pin.dependency.to_string()).collect();
            found.insert((suite.suite.clone(), architecture.clone()), needs(&text.join(", ")));
        }
    }
    found
}

/// Reads dependencies as metapackages have them: without alternatives.
fn needs(text: &str) -> Needs {
    let mut needs = Needs::new();
    let relations = Relations::parse(text, &Limits::default());
    for relation in relations.iter().flat_map(Relations::all).flatten() {
        needs.entry(relation.name.to_string()).or_default().push(relation.version.clone());
    }
    needs
}

/// Writes what is needed of a package: `= 4.1`, `>= 4.1, << 5`, or `any`.
pub(super) fn in_words(ranges: &[Option<(Operator, Version)>]) -> String {
    let words = ranges.iter().flatten().map(|(operator, version)| format!("{operator} {version}"));
    let words: Vec<String> = words.collect();
    if words.is_empty() { "any".to_owned() } else { words.join(", ") }
}

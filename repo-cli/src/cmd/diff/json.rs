//! Details for programs. Fields may be added; none is removed or changes its meaning.

use std::collections::BTreeMap;

use repo_store::{ChangelogEntry, PackageChange, PackageState, PrivilegedFile, SetChange, SourceChange};
use serde::Serialize;

use super::details::Report;
use crate::output::suites_in_order;

#[derive(Serialize)]
pub(super) struct ReportJson<'a> {
    a: &'a str,
    b: &'a str,
    details: Vec<SuitesJson<'a>>,
}

#[derive(Serialize)]
struct SuitesJson<'a> {
    suites: Vec<&'a str>,
    sources: Vec<SourceJson<'a>>,
}

#[derive(Serialize)]
struct SourceJson<'a> {
    source: &'a str,
    before: Option<&'a str>,
    after: Option<&'a str>,
    changelog: Vec<EntryJson<'a>>,
    changelog_complete: bool,
    packages: Vec<PackageJson<'a>>,
}

#[derive(Serialize)]
struct EntryJson<'a> {
    version: &'a str,
    urgency: Option<&'a str>,
    maintainer: &'a str,
    date: &'a str,
    changes: &'a str,
    closes: &'a [u64],
    launchpad: &'a [u64],
    cves: &'a [String],
}

#[derive(Serialize)]
struct PackageJson<'a> {
    package: &'a str,
    architecture: &'a str,
    before: Option<StateJson<'a>>,
    after: Option<StateJson<'a>>,
    also_added: Vec<&'a str>,
    also_removed: Vec<&'a str>,
    files: CameJson<'a>,
    privileged: Vec<PrivilegedJson<'a>>,
    scripts: CameJson<'a>,
    scripts_changed: &'a [String],
    conffiles: ConffilesJson<'a>,
    relations: BTreeMap<&'a str, CameJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contents_unknown: Option<&'a str>,
}

#[derive(Serialize)]
struct StateJson<'a> {
    version: &'a str,
    size: u64,
    installed_size_kib: Option<u64>,
    maintainer: Option<&'a str>,
}

#[derive(Serialize)]
struct CameJson<'a> {
    added: &'a [String],
    removed: &'a [String],
}

#[derive(Serialize)]
struct ConffilesJson<'a> {
    added: &'a [String],
    removed: &'a [String],
    changed: &'a [String],
}

#[derive(Serialize)]
struct PrivilegedJson<'a> {
    path: &'a str,
    mode: String,
    owner: &'a str,
}

impl<'a> From<&'a Report<'a>> for ReportJson<'a> {
    fn from(report: &'a Report<'a>) -> Self {
        let [a, b] = report.sides;
        let details = report.suites.iter().map(|change| SuitesJson {
            suites: suites_in_order(&change.suites).into_iter().map(deb_parse::SuiteName::as_str).collect(),
            sources: change.sources.iter().map(SourceJson::from).collect(),
        });
        Self { a, b, details: details.collect() }
    }
}

impl<'a> From<&'a SourceChange> for SourceJson<'a> {
    fn from(change: &'a SourceChange) -> Self {
        Self {
            source: change.source.as_str(),
            before: change.before.as_ref().map(deb_parse::Version::as_str),
            after: change.after.as_ref().map(deb_parse::Version::as_str),
            changelog: change.changelog.iter().map(EntryJson::from).collect(),
            changelog_complete: change.changelog_complete,
            packages: change.packages.iter().map(PackageJson::from).collect(),
        }
    }
}

impl<'a> From<&'a ChangelogEntry> for EntryJson<'a> {
    fn from(entry: &'a ChangelogEntry) -> Self {
        Self {
            version: &entry.version,
            urgency: entry.urgency.as_deref(),
            maintainer: &entry.maintainer,
            date: &entry.date,
            changes: &entry.changes,
            closes: &entry.closes,
            launchpad: &entry.launchpad,
            cves: &entry.cves,
        }
    }
}

impl<'a> From<&'a PackageChange> for PackageJson<'a> {
    fn from(change: &'a PackageChange) -> Self {
        let contents = &change.contents;
        Self {
            package: change.package.as_str(),
            architecture: change.architecture.as_str(),
            before: change.before.as_ref().map(StateJson::from),
            after: change.after.as_ref().map(StateJson::from),
            also_added: change.also_added.iter().map(deb_parse::Version::as_str).collect(),
            also_removed: change.also_removed.iter().map(deb_parse::Version::as_str).collect(),
            files: CameJson::from(&contents.files),
            privileged: contents.privileged.iter().map(PrivilegedJson::from).collect(),
            scripts: CameJson::from(&contents.scripts),
            scripts_changed: &contents.scripts_changed,
            conffiles: ConffilesJson {
                added: &contents.conffiles.added,
                removed: &contents.conffiles.removed,
                changed: &contents.conffiles_changed,
            },
            relations: contents.relations.iter().map(|(field, came)| (*field, came.into())).collect(),
            contents_unknown: change.contents_unknown.as_deref(),
        }
    }
}

impl<'a> From<&'a PackageState> for StateJson<'a> {
    fn from(state: &'a PackageState) -> Self {
        Self {
            version: state.version.as_str(),
            size: state.size,
            installed_size_kib: state.installed_size,
            maintainer: state.maintainer.as_deref(),
        }
    }
}

impl<'a> From<&'a SetChange<String>> for CameJson<'a> {
    fn from(came: &'a SetChange<String>) -> Self {
        Self { added: &came.added, removed: &came.removed }
    }
}

impl<'a> From<&'a PrivilegedFile> for PrivilegedJson<'a> {
    fn from(file: &'a PrivilegedFile) -> Self {
        Self { path: &file.path, mode: format!("{:04o}", file.mode), owner: &file.owner }
    }
}

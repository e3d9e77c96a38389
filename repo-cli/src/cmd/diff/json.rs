//! Details for programs.

use std::collections::BTreeMap;

use repo_store::operations::details::{
    ChangelogEntry, PackageChange, PackageState, PrivilegedFile, SetChange, SourceChange,
};
use serde::Serialize;

use super::details::Report;
use crate::json_value::JsonDocument;
use crate::output::suites_in_order;

/// The document of `diff --details`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DetailedDiffJson<'a> {
    /// The first state, as it was given
    a: &'a str,
    /// The second state, as it was given
    b: &'a str,
    /// What differs, by groups of suites in which the same differs
    details: Vec<ChangedSuitesJson<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ChangedSuitesJson<'a> {
    /// The suites
    suites: Vec<&'a str>,
    /// The source packages that differ
    sources: Vec<ChangedSourceJson<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ChangedSourceJson<'a> {
    /// The name of the source package
    source: &'a str,
    /// The newest version in the first state; null where there is none
    before: Option<&'a str>,
    /// The newest version in the second state; null where there is none
    after: Option<&'a str>,
    /// The entries of the changelog between the two versions, the newest first
    changelog: Vec<ChangelogEntryJson<'a>>,
    /// Whether the changelog has all entries between the two versions
    changelog_complete: bool,
    /// The packages built from it that differ
    packages: Vec<ChangedPackageJson<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ChangelogEntryJson<'a> {
    /// The version that it is for
    version: &'a str,
    /// How urgent the version is, such as `high`
    urgency: Option<&'a str>,
    /// Who made the version
    maintainer: &'a str,
    /// When the version was made, as the changelog has it
    date: &'a str,
    /// The text of the entry
    changes: &'a str,
    /// The bugs of Debian that it closes
    closes: &'a [u64],
    /// The bugs of Launchpad that it closes
    launchpad: &'a [u64],
    /// The CVE numbers that it names
    cves: &'a [String],
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ChangedPackageJson<'a> {
    /// The name of the package
    package: &'a str,
    /// What it is built for
    architecture: &'a str,
    /// The newest version in the first state; null where there is none
    before: Option<PackageStateJson<'a>>,
    /// The newest version in the second state; null where there is none
    after: Option<PackageStateJson<'a>>,
    /// Other versions that only the second state has
    also_added: Vec<&'a str>,
    /// Other versions that only the first state has
    also_removed: Vec<&'a str>,
    /// The files in the package
    files: AddedAndRemovedJson<'a>,
    /// The new files that run with the rights of another user or group
    privileged: Vec<PrivilegedJson<'a>>,
    /// The maintainer scripts
    scripts: AddedAndRemovedJson<'a>,
    /// The maintainer scripts whose content differs
    scripts_changed: &'a [String],
    /// The configuration files
    conffiles: ConffilesJson<'a>,
    /// The relations, by the name of their field
    relations: BTreeMap<&'a str, AddedAndRemovedJson<'a>>,
    /// Why the files and scripts are not known; absent when they are
    #[serde(skip_serializing_if = "Option::is_none")]
    contents_unknown: Option<&'a str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PackageStateJson<'a> {
    /// The version
    version: &'a str,
    /// The size of the file in bytes
    size: u64,
    /// The size once installed, in KiB; null when the package does not have it
    installed_size_kib: Option<u64>,
    /// Who maintains the package
    maintainer: Option<&'a str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct AddedAndRemovedJson<'a> {
    /// What only the second version has
    added: &'a [String],
    /// What only the first version has
    removed: &'a [String],
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ConffilesJson<'a> {
    /// Those that only the second version has
    added: &'a [String],
    /// Those that only the first version has
    removed: &'a [String],
    /// Those whose content differs
    changed: &'a [String],
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PrivilegedJson<'a> {
    /// The path of the file
    path: &'a str,
    /// The mode in octal digits
    mode: String,
    /// The owner and the group
    owner: &'a str,
}

impl JsonDocument for DetailedDiffJson<'_> {}

impl<'a> From<&'a Report<'a>> for DetailedDiffJson<'a> {
    fn from(report: &'a Report<'a>) -> Self {
        let [a, b] = report.sides;
        let details = report.suites.iter().map(|change| ChangedSuitesJson {
            suites: suites_in_order(&change.suites).into_iter().map(deb_parse::SuiteName::as_str).collect(),
            sources: change.sources.iter().map(ChangedSourceJson::from).collect(),
        });
        Self { a, b, details: details.collect() }
    }
}

impl<'a> From<&'a SourceChange> for ChangedSourceJson<'a> {
    fn from(change: &'a SourceChange) -> Self {
        Self {
            source: change.source.as_str(),
            before: change.before.as_ref().map(deb_parse::Version::as_str),
            after: change.after.as_ref().map(deb_parse::Version::as_str),
            changelog: change.changelog.iter().map(ChangelogEntryJson::from).collect(),
            changelog_complete: change.changelog_complete,
            packages: change.packages.iter().map(ChangedPackageJson::from).collect(),
        }
    }
}

impl<'a> From<&'a ChangelogEntry> for ChangelogEntryJson<'a> {
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

impl<'a> From<&'a PackageChange> for ChangedPackageJson<'a> {
    fn from(change: &'a PackageChange) -> Self {
        let contents = &change.contents;
        Self {
            package: change.package.as_str(),
            architecture: change.architecture.as_str(),
            before: change.before.as_ref().map(PackageStateJson::from),
            after: change.after.as_ref().map(PackageStateJson::from),
            also_added: change.also_added.iter().map(deb_parse::Version::as_str).collect(),
            also_removed: change.also_removed.iter().map(deb_parse::Version::as_str).collect(),
            files: AddedAndRemovedJson::from(&contents.files),
            privileged: contents.privileged.iter().map(PrivilegedJson::from).collect(),
            scripts: AddedAndRemovedJson::from(&contents.scripts),
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

impl<'a> From<&'a PackageState> for PackageStateJson<'a> {
    fn from(state: &'a PackageState) -> Self {
        Self {
            version: state.version.as_str(),
            size: state.size,
            installed_size_kib: state.installed_size,
            maintainer: state.maintainer.as_deref(),
        }
    }
}

impl<'a> From<&'a SetChange<String>> for AddedAndRemovedJson<'a> {
    fn from(came: &'a SetChange<String>) -> Self {
        Self { added: &came.added, removed: &came.removed }
    }
}

impl<'a> From<&'a PrivilegedFile> for PrivilegedJson<'a> {
    fn from(file: &'a PrivilegedFile) -> Self {
        Self { path: &file.path, mode: format!("{:04o}", file.mode), owner: &file.owner }
    }
}

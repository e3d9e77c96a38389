//! What changed between two states of a suite, in terms that people who install the packages care about.

mod compare;
mod entries;
mod pairs;

use std::collections::BTreeMap;

use apt_index::parallel::parallel_map;
use deb_parse::{PackageName, SourceName, Version};

use crate::context::Context;
use crate::error::Error;
use crate::model::record::Build;
use crate::model::snapshot::Snapshot;
use crate::store::Store;

/// What became of the packages built from one source.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct SourceChange {
    /// The source package.
    pub source: SourceName,
    /// Its version before; `None` when the suite had nothing of it.
    pub before: Option<Version>,
    /// Its version after; `None` when the suite has nothing of it any more.
    pub after: Option<Version>,
    /// The changelog entries in between, the newest first. When there was nothing before, only the newest.
    pub changelog: Vec<ChangelogEntry>,
    /// Whether the changelog goes back to the version before. It does not when there is none, or none so long.
    pub changelog_complete: bool,
    /// Its packages, sorted by name and architecture.
    pub packages: Vec<PackageChange>,
}

/// An entry of a changelog.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct ChangelogEntry {
    /// The version that it describes.
    pub version: String,
    /// How important it is, such as `medium`.
    pub urgency: Option<String>,
    /// Who made the version.
    pub maintainer: String,
    /// When, as written.
    pub date: String,
    /// The lines of the entry.
    pub changes: String,
    /// The bugs of Debian that it closes.
    pub closes: Vec<u64>,
    /// The bugs of Launchpad that it closes.
    pub launchpad: Vec<u64>,
    /// The vulnerabilities that it names, such as `CVE-2024-12345`.
    pub cves: Vec<String>,
}

/// What became of a package for one architecture: its highest version before is compared with its highest version after.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct PackageChange {
    /// Its name.
    pub package: PackageName,
    /// Its architecture, which may be `all`.
    pub architecture: Build,
    /// The highest version before; `None` when there was none.
    pub before: Option<PackageState>,
    /// The highest version after; `None` when there is none.
    pub after: Option<PackageState>,
    /// Other versions that came, lowest first.
    pub also_added: Vec<Version>,
    /// Other versions that went, lowest first.
    pub also_removed: Vec<Version>,
    /// What differs between the two; nothing when they are one and the same.
    pub contents: ContentChange,
    /// Why only the relations in [`contents`](Self::contents) are known: one of the two package files cannot be unpacked, or is
    /// over a [limit](Store::limits).
    pub contents_unknown: Option<String>,
}

/// What the index says of a version.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct PackageState {
    /// The version.
    pub version: Version,
    /// Size of the package file in bytes.
    pub size: u64,
    /// Size when installed in KiB, as the package says.
    pub installed_size: Option<u64>,
    /// Who maintains it.
    pub maintainer: Option<String>,
}

/// What came and what went.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct SetChange<T> {
    /// What only the version after has.
    pub added: Vec<T>,
    /// What only the version before had.
    pub removed: Vec<T>,
}

/// How two versions of a package differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct ContentChange {
    /// Files that are no directories, by their paths without a slash before them. Bytes that are no UTF-8 are replaced.
    pub files: SetChange<String>,
    /// Files that give those who run them other rights, and did not before.
    pub privileged: Vec<PrivilegedFile>,
    /// Maintainer scripts.
    pub scripts: SetChange<String>,
    /// Maintainer scripts that both have, with different contents.
    pub scripts_changed: Vec<String>,
    /// Configuration files, as they stand in the package.
    pub conffiles: SetChange<String>,
    /// Configuration files that both have, with different contents as far as these are known ([`deb_parse::deb::Conffile`]): dpkg asks
    /// administrators who changed theirs what to do.
    pub conffiles_changed: Vec<String>,
    /// Relations to other packages, by the field.
    pub relations: BTreeMap<&'static str, SetChange<String>>,
}

/// A file with a set-user-id or set-group-id bit.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct PrivilegedFile {
    /// Its path without a slash before it. Bytes that are no UTF-8 are replaced.
    pub path: String,
    /// Its permissions.
    pub mode: u32,
    /// To whom it belongs, as `user:group`.
    pub owner: String,
}

impl<T> SetChange<T> {
    /// Whether nothing came or went.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

impl<T> Default for SetChange<T> {
    fn default() -> Self {
        Self { added: Vec::new(), removed: Vec::new() }
    }
}

/// See [`Store::details`].
pub(crate) fn details(
    store: &Store,
    before: &Snapshot,
    after: &Snapshot,
    context: &Context,
) -> Result<Vec<SourceChange>, Error> {
    let pairs = pairs::of(store, before, after)?;
    let compared = parallel_map(&pairs, context.threads, |pair| compare::compare(store, pair));
    let mut by_source: pairs::BySource<'_> = BTreeMap::new();
    for (pair, compared) in pairs.iter().zip(compared) {
        by_source.entry(pair.source()).or_default().push((pair, compared?));
    }
    // Manifests that were made are worth keeping, but a user who may not write may still read.
    drop(store.storage().objects().sync());
    // What is new for one architecture, or by its name, need not be a new source.
    let had = pairs::others(store, before, &by_source, pairs::lowest_source)?;
    let has = pairs::others(store, after, &by_source, pairs::highest_source)?;
    let changes = by_source.into_iter().map(|(source, members)| {
        let before = pairs::lowest_source(&members).or_else(|| had.get(&source).cloned());
        let after = pairs::highest_source(&members).or_else(|| has.get(&source).cloned());
        let entries = entries::of(&source, &members, had.get(&source));
        SourceChange {
            source,
            before,
            after,
            changelog: entries.entries,
            changelog_complete: entries.complete,
            packages: members.into_iter().map(|(_, compared)| compared.change).collect(),
        }
    });
    Ok(changes.collect())
}

//! The page of a package.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::PackageName;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use repo_pages::{Description, Line, PackagePage, PackageVersion, Place};
use repo_store::RepositoryName;
use repo_store::model::record::Record;

use super::changes::Recent;
use super::{Shown, StorePages, comparison, most_telling, suite_lines, synopsis};
use crate::cmd::list::Found;
use crate::error::Failure;

/// What stands for itself in the path of a file.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The fields of a package that are shown.
const FIELDS: [&str; 8] =
    ["Source", "Section", "Maintainer", "Homepage", "Depends", "Recommends", "Conflicts", "Build-Depends"];

/// Returns the page of a package; `None` when the repository does not have it.
pub(super) fn page(
    pages: &StorePages,
    of: &Shown<'_>,
    name: &str,
    shown: &BTreeMap<RepositoryName, Shown<'_>>,
    readable: &BTreeSet<String>,
) -> Result<Option<PackagePage>, Failure> {
    let Ok(name) = PackageName::parse(name) else { return Ok(None) };
    let settings = &of.described.settings;
    let mut found = Found::new();
    for suite in &settings.suites {
        for record in of.revision.versions(&suite.name, &name)? {
            let entry = found.entry(record.key().clone()).or_insert_with(|| (record, Vec::new()));
            entry.1.push(suite.name.clone());
        }
    }
    let recent = pages.recent.of(&of.revision)?;
    let up = Place::Package(settings.name.to_string(), name.to_string()).up();
    let base = if of.described.has_address {
        of.described.url.to_string()
    } else {
        format!("{up}{}", settings.name)
    };
    let versions: Vec<PackageVersion> = found
        .values()
        .rev()
        .map(|(record, suites)| PackageVersion {
            suites: suite_lines(suites),
            ..version(record, &recent, &base)
        })
        .collect();
    let Some(newest) = most_telling(found.values().map(|(record, _)| record)) else { return Ok(None) };
    let description = newest.field("Description").unwrap_or_default();
    let fields = FIELDS.iter().filter_map(|field| Some((*field, Line::new(newest.field(field)?))));
    Ok(Some(PackagePage {
        repository: Line::new(settings.name.as_str()),
        name: Line::new(name.as_str()),
        synopsis: synopsis(description),
        description: Description::of_field(description),
        fields: fields.collect(),
        versions,
        comparisons: comparison::of(pages, &settings.name, Some(&name), (shown, readable))?,
        changes: recent.of_package(&name),
        is_cut: recent.is_cut,
    }))
}

fn version(record: &Arc<Record>, recent: &Recent, base: &str) -> PackageVersion {
    let key = record.key();
    let files = record.files().unwrap_or_default();
    let file =
        files.first().map(|file| format!("{base}/{}", utf8_percent_encode(file.path.as_str(), ENCODED)));
    PackageVersion {
        version: Line::new(key.version.as_ref()),
        architecture: Line::new(key.architecture.as_str()),
        component: Line::new(record.component().as_str()),
        suites: Vec::new(),
        size: record.size(),
        since: recent.since(key),
        file: file.as_deref().map(Line::new),
    }
}

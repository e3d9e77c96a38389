//! Fields that the old indices have and the packages have not: a program that publishes may set others than the package says.

use std::collections::{BTreeMap, BTreeSet};

use deb_parse::deb822;
use repo_store::{RepositorySettings, Store};

use super::plan::{Finding, ImportPlan};
use crate::error::Failure;
use crate::output::count;

/// What every index says in its own way.
const OF_THE_INDEX: [&str; 9] =
    ["filename", "size", "md5sum", "sha1", "sha256", "sha512", "description", "description-md5", "version"];

/// Compares the stanzas of the old indices with those of the packages that were imported.
pub(super) fn changed_fields(
    plan: &ImportPlan,
    store: &Store,
    repository: &RepositorySettings,
) -> Result<Option<Finding>, Failure> {
    let Some(head) = store.head(&repository.name)? else { return Ok(None) };
    let mut here = BTreeMap::new();
    for suite in &plan.suites {
        for record in head.records(&suite.name)? {
            here.entry(record.key().clone()).or_insert(record);
        }
    }
    let mut changed = Vec::new();
    for package in plan.packages.iter().filter(|package| !package.stanza.is_empty()) {
        let Some(record) = here.get(&package.key) else { continue };
        let (before, after) = (fields(&package.stanza), fields(record.stanza()));
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in names {
            let (old, new) = (before.get(name), after.get(name));
            if old != new {
                let shown = |value: Option<&String>| value.map_or("nothing", String::as_str).to_owned();
                changed.push(format!("{} {name}: {} -> {}", package.key, shown(old), shown(new)));
            }
        }
    }
    let what = format!("{} of stanzas differ, as the packages have them", count(changed.len(), "field"));
    Ok(Finding::about("fields", what, changed))
}

/// Returns the fields that describe the package, by their names in small letters, and their values on one line.
fn fields(stanza: &[u8]) -> BTreeMap<String, String> {
    let paragraph = deb822::paragraphs(stanza).next();
    let fields = paragraph.into_iter().flat_map(|paragraph| paragraph.fields());
    let fields = fields.map(|field| {
        let value = String::from_utf8_lossy(field.value());
        (field.name().to_ascii_lowercase(), value.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    fields.filter(|(name, _)| !OF_THE_INDEX.contains(&name.as_str())).collect()
}

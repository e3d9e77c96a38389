//! What is behind the differences: the same facts as text, as JSON and as a page.

use std::collections::BTreeSet;

use deb_parse::{SuiteName, Version};
use repo_store::model::Snapshot;
use repo_store::operations::details::{ChangelogEntry, PackageChange, PackageState, SetChange, SourceChange};

use super::{Sides, snapshot};
use crate::error::Failure;
use crate::output::{bytes, joined};
use crate::session::Session;

/// What changed between two states.
pub(super) struct Report<'a> {
    /// The two states, as they were named.
    pub(super) sides: [&'a str; 2],
    /// Suites that changed alike stand together.
    pub(super) suites: Vec<SuitesChange>,
}

pub(super) struct SuitesChange {
    pub(super) suites: Vec<SuiteName>,
    pub(super) sources: Vec<SourceChange>,
}

impl<'a> Report<'a> {
    pub(super) fn of(sides: &Sides<'a>, session: &Session) -> Result<Self, Failure> {
        let mut compared: Vec<(Snapshot, Snapshot)> = Vec::new();
        let mut changes: Vec<SuitesChange> = Vec::new();
        for (a, b) in &sides.pairs {
            let pair = (snapshot(sides.first.as_ref(), a)?, snapshot(sides.second.as_ref(), b)?);
            let same = compared.iter().zip(&mut changes).find(|(known, _)| **known == pair);
            if let Some((_, change)) = same {
                change.suites.push(a.clone());
            } else {
                let sources = session.store.details(&pair.0, &pair.1, &session.context())?;
                compared.push(pair);
                changes.push(SuitesChange { suites: vec![a.clone()], sources });
            }
        }
        changes.retain(|change| !change.sources.is_empty());
        Ok(Self { sides: sides.names, suites: changes })
    }
}

/// What is to be said of a version that took the place of another.
pub(super) fn step(before: Option<&Version>, after: Option<&Version>) -> String {
    match (before, after) {
        (None, None) => String::new(),
        (None, Some(after)) => format!("{after} (new)"),
        (Some(before), None) => format!("{before} (removed)"),
        (Some(before), Some(after)) if before == after => after.to_string(),
        (Some(before), Some(after)) if before > after => format!("{before} -> {after} (downgrade)"),
        (Some(before), Some(after)) => format!("{before} -> {after}"),
    }
}

/// The facts about a package that fit on a line, each with its name.
pub(super) fn facts(change: &PackageChange) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut fact = |name, text: String| {
        if !text.is_empty() {
            facts.push((name, text));
        }
    };
    let PackageChange { before, after, also_added, also_removed, contents, .. } = change;
    let sides = before.as_ref().zip(after.as_ref());
    fact("contents unknown", change.contents_unknown.clone().unwrap_or_default());
    fact("also added", joined(also_added));
    fact("also removed", joined(also_removed));
    let size = |before: Option<u64>, after: Option<u64>| match (before, after) {
        (Some(before), Some(after)) if before != after => {
            let (sign, by) = if after > before { ('+', after - before) } else { ('-', before - after) };
            format!("{} ({sign}{})", bytes(after), bytes(by))
        }
        (None, Some(after)) => bytes(after),
        _ => String::new(),
    };
    let of = |side: &Option<PackageState>, get: fn(&PackageState) -> Option<u64>| side.as_ref().and_then(get);
    let sizes = |get| size(of(before, get), of(after, get));
    fact("file size", sizes(|state| Some(state.size)));
    fact("installed size", sizes(|state| Some(state.installed_size?.saturating_mul(1024))));
    if let Some((before, after)) = sides
        && before.maintainer != after.maintainer
    {
        let name = |side: &PackageState| side.maintainer.clone().unwrap_or_else(|| "nobody".to_owned());
        fact("maintainer", format!("{} -> {}", name(before), name(after)));
    }
    let mut came_or_changed = |name, all: &SetChange<String>, changed: &[String]| {
        let mut all = came(all);
        all.extend(changed.iter().map(|text| format!("~ {text}")));
        fact(name, all.join(", "));
    };
    came_or_changed("maintainer scripts", &contents.scripts, &contents.scripts_changed);
    came_or_changed("conffiles", &contents.conffiles, &contents.conffiles_changed);
    for (field, relations) in &contents.relations {
        fact(field, came(relations).join(", "));
    }
    let privileged = contents.privileged.iter();
    let privileged = privileged.map(|file| format!("{} ({:o} {})", file.path, file.mode, file.owner));
    fact("new set-user-id or set-group-id", privileged.collect::<Vec<_>>().join(", "));
    facts
}

/// What came with a plus, what went with a minus.
pub(super) fn came(came: &SetChange<String>) -> Vec<String> {
    let added = came.added.iter().map(|text| format!("+ {text}"));
    added.chain(came.removed.iter().map(|text| format!("- {text}"))).collect()
}

/// The bugs and vulnerabilities that the entries of a changelog name, as text and as an address to read more at.
pub(super) fn references(entries: &[ChangelogEntry]) -> Vec<(String, String)> {
    let set = |get: fn(&ChangelogEntry) -> &Vec<u64>| entries.iter().flat_map(get).collect::<BTreeSet<_>>();
    let cves: BTreeSet<&String> = entries.iter().flat_map(|entry| &entry.cves).collect();
    let cves = cves.into_iter().map(|id| (id.clone(), format!("https://www.cve.org/CVERecord?id={id}")));
    let debian = set(|entry| &entry.closes).into_iter();
    let debian = debian.map(|bug| (format!("#{bug}"), format!("https://bugs.debian.org/{bug}")));
    let launchpad = set(|entry| &entry.launchpad).into_iter();
    let launchpad =
        launchpad.map(|bug| (format!("LP: #{bug}"), format!("https://bugs.launchpad.net/bugs/{bug}")));
    cves.chain(debian).chain(launchpad).collect()
}

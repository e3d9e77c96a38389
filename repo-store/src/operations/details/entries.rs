//! The changelog entries between two versions of a source.

use std::collections::BTreeSet;

use deb_parse::{SourceName, Version, changelog};

use super::ChangelogEntry;
use super::compare::Compared;
use super::pairs::Pair;
use crate::model::record::Record;

pub(super) struct Entries {
    pub(super) entries: Vec<ChangelogEntry>,
    /// Whether they go back to the version before.
    pub(super) complete: bool,
}

/// The entries for what changed in the packages of one source, which all ship the same changelog, if they ship any. When all of
/// these are new, others of that version of the source may have been there before.
pub(super) fn of(source: &SourceName, members: &[(&Pair, Compared)], others: Option<&Version>) -> Entries {
    let versions = |side: fn(&Pair) -> Option<&Record>| {
        members.iter().filter_map(move |(pair, _)| side(pair)).map(described)
    };
    let oldest = versions(|pair| pair.before.as_deref()).min().or_else(|| others.cloned());
    let newest = versions(|pair| pair.after.as_deref()).max();
    // Who goes back, or away, passes no entry.
    let goes_on = newest.is_some() && (oldest.is_none() || newest > oldest);
    let mut found = Entries { entries: Vec::new(), complete: !goes_on };
    if !goes_on {
        return found;
    }
    let told = told(source, members, oldest.as_ref());
    for (_, Compared { changelog, .. }) in members {
        let Some(text) = changelog else { continue };
        let (entries, reached) = since(source, &text.text, oldest.as_ref(), &told);
        // A package that was not built again may be behind the others.
        if entries.len() > found.entries.len() {
            found = Entries { entries, complete: reached || text.complete };
        }
    }
    found
}

/// What was told before, by the changelogs of the packages with the oldest version: one that is new has none, and one that was
/// ahead of the others tells more.
fn told<'a>(
    source: &SourceName,
    members: &'a [(&Pair, Compared)],
    oldest: Option<&Version>,
) -> BTreeSet<&'a Version> {
    let is_oldest = |pair: &Pair| pair.before.as_deref().map(described).as_ref() == oldest;
    let members = members.iter().filter(|(pair, _)| is_oldest(pair));
    let told = members.flat_map(|(_, compared)| &compared.told);
    told.filter(|(of, _)| of == source.as_str()).map(|(_, version)| version).collect()
}

/// The version by which the changelog calls what a record was built from. A rebuild has an entry of its own.
fn described(record: &Record) -> Version {
    let source = record.source().1;
    let own = &record.key().version;
    let is_rebuild = own.as_str().strip_prefix(source.as_str()).is_some_and(|rest| rest.starts_with("+b"));
    if is_rebuild { own.clone() } else { source }
}

/// The entries down to one that was told before, and whether one was met. Where none was told, as when the version before has no
/// changelog, down to one that is not above `oldest`.
///
/// They are taken in their order, not that of their versions: a backport, `1.2-1~bpo12+1`, comes above the `1.2-1` it is made of,
/// what was one before may be known to the changelog as `1.1-1` only, and an entry for an older release may lie in between.
fn since(
    source: &SourceName,
    text: &str,
    oldest: Option<&Version>,
    told: &BTreeSet<&Version>,
) -> (Vec<ChangelogEntry>, bool) {
    let own = || {
        let own = changelog::entries(text).filter(|entry| entry.source == source.as_str());
        // Old entries have versions that nobody would accept today.
        own.filter_map(|entry| Some((Version::parse(entry.version).ok()?, entry)))
    };
    let meets_told = own().any(|(version, _)| told.contains(&version));
    let mut entries = Vec::new();
    for (version, entry) in own() {
        let is_before = match meets_told {
            true => told.contains(&version),
            false => oldest.is_some_and(|oldest| version <= *oldest),
        };
        if is_before {
            return (entries, true);
        }
        entries.push(ChangelogEntry {
            version: entry.version.to_owned(),
            urgency: entry.urgency().map(str::to_owned),
            maintainer: entry.maintainer.to_owned(),
            date: entry.date.to_owned(),
            changes: entry.changes.to_owned(),
            closes: entry.closes(),
            launchpad: entry.launchpad_bugs(),
            cves: entry.cves().into_iter().map(str::to_owned).collect(),
        });
        if oldest.is_none() {
            return (entries, true);
        }
    }
    (entries, false)
}

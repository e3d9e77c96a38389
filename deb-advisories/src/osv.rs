//! Records of OSV, of which those that are about Debian and Ubuntu count.

use deb_parse::Version;
use serde::Deserialize;

use crate::advisory::{Advisories, Advisory, Affected, Said};
use crate::range::{Event, Range};
use crate::reading::Wanted;
use crate::release::Place;

/// The fields of a record, by which it is recognised. Two of them could be the name of a source, and none is.
pub(crate) const FIELDS: [&str; 16] = [
    "schema_version",
    "id",
    "modified",
    "published",
    "withdrawn",
    "aliases",
    "related",
    "upstream",
    "summary",
    "details",
    "severity",
    "affected",
    "references",
    "credits",
    "database_specific",
    "isDisputed",
];

/// A record.
#[derive(Deserialize)]
pub(crate) struct Record {
    id: String,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    aliases: Option<Vec<String>>,
    /// The vulnerabilities that an advisory of a distribution is about.
    #[serde(default)]
    upstream: Option<Vec<String>>,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    details: Option<String>,
    #[serde(default)]
    severity: Option<Vec<Severity>>,
    #[serde(default)]
    affected: Option<Vec<Package>>,
}

#[derive(Deserialize)]
struct Severity {
    #[serde(rename = "type")]
    kind: String,
    score: String,
}

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    package: Option<Name>,
    #[serde(default)]
    severity: Option<Vec<Severity>>,
    #[serde(default)]
    ranges: Option<Vec<Events>>,
    #[serde(default)]
    versions: Option<Vec<String>>,
    #[serde(default)]
    ecosystem_specific: Option<Specific>,
}

#[derive(Deserialize)]
struct Name {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct Events {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    events: Vec<Happened>,
}

#[derive(Deserialize)]
struct Happened {
    #[serde(default)]
    introduced: Option<String>,
    #[serde(default)]
    fixed: Option<String>,
    #[serde(default)]
    last_affected: Option<String>,
}

#[derive(Deserialize)]
struct Specific {
    #[serde(default)]
    urgency: Option<String>,
}

impl Record {
    /// Adds what the record says of the sources that are wanted.
    pub(crate) fn add_to(self, advisories: &mut Advisories, wanted: Wanted<'_>) {
        if self.withdrawn.is_some() {
            return;
        }
        let other_names = self.aliases.into_iter().chain(self.upstream).flatten().collect();
        let (id, aliases) = canonical(self.id, other_names);
        let summary = self.summary.or(self.details).unwrap_or_default();
        let general = urgency(self.severity.as_deref());
        for package in self.affected.into_iter().flatten() {
            let Some(name) = &package.package else { continue };
            let Some(place) = Place::of_ecosystem(&name.ecosystem) else { continue };
            advisories.note(&place);
            if !wanted(&name.name) {
                continue;
            }
            let name = name.name.clone();
            let said = package.said(&general);
            let advisory = Advisory {
                id: id.clone(),
                aliases: aliases.clone(),
                summary: summary.clone(),
                places: vec![(place, said)],
                is_trackers: false,
            };
            advisories.add(&name, advisory);
        }
    }
}

/// Returns the name that other data give a vulnerability, and its other names. What is about several keeps its own.
fn canonical(id: String, mut others: Vec<String>) -> (String, Vec<String>) {
    others.sort();
    others.dedup();
    let mut cves = others.iter().filter(|name| name.starts_with("CVE-"));
    if id.starts_with("CVE-") {
        others.retain(|name| *name != id);
        return (id, others);
    }
    match (cves.next().cloned(), cves.next()) {
        (Some(cve), None) => {
            others.retain(|name| *name != cve);
            others.push(id);
            (cve, others)
        }
        _ => (id, others),
    }
}

/// Returns the urgency in words that a distribution gave. Scores that are to be calculated with say nothing to people.
fn urgency(severity: Option<&[Severity]>) -> String {
    let in_words = severity.unwrap_or_default().iter().find(|one| !one.kind.starts_with("CVSS"));
    in_words.map(|one| one.score.clone()).unwrap_or_default()
}

impl Package {
    fn said(self, general: &str) -> Said {
        let specific = self.ecosystem_specific.and_then(|specific| specific.urgency);
        let own = urgency(self.severity.as_deref());
        let words = [specific.unwrap_or_default(), own, general.to_owned()];
        let urgency = words.into_iter().find(|text| !text.is_empty() && text != "not yet assigned");
        let ranges = self.ranges.into_iter().flatten().filter(|range| range.kind == "ECOSYSTEM");
        let ranges: Option<Vec<Range>> = ranges.map(Events::range).collect();
        let versions = self.versions.into_iter().flatten().map(|text| Version::parse(&text).ok());
        let versions: Option<Vec<Version>> = versions.collect();
        let affected = match (ranges, versions) {
            (Some(ranges), Some(versions)) if !ranges.is_empty() || !versions.is_empty() => {
                Some(Affected { ranges, versions })
            }
            // It names no versions, or some that are none in Debian.
            _ => None,
        };
        Said { affected, urgency: urgency.unwrap_or_default(), note: String::new() }
    }
}

impl Events {
    /// Returns `None` where a version is none in Debian, or where nothing is said.
    fn range(self) -> Option<Range> {
        let mut events = Vec::new();
        for one in self.events {
            let named = [
                (one.introduced, Event::Introduced),
                (one.fixed, Event::Fixed),
                (one.last_affected, Event::LastAffected),
            ];
            for (text, event) in named {
                let Some(text) = text else { continue };
                let is_first = event == Event::Introduced && text == "0";
                let at = if is_first { None } else { Some(Version::parse(&text).ok()?) };
                events.push((at, event));
            }
        }
        // Without a beginning it says nothing of any version, as it does when it is empty.
        let has_begun = events.iter().any(|(_, event)| *event == Event::Introduced);
        has_begun.then(|| Range::new(events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_about_one_vulnerability_has_the_name_that_everybody_gives_it() {
        let names = |id: &str, others: &[&str]| {
            let (id, others) = canonical(id.to_owned(), others.iter().map(ToString::to_string).collect());
            format!("{id} {}", others.join(","))
        };
        assert_eq!(names("DEBIAN-CVE-2026-1", &["CVE-2026-1"]), "CVE-2026-1 DEBIAN-CVE-2026-1");
        assert_eq!(names("DSA-1-1", &["CVE-2026-1", "CVE-2026-2"]), "DSA-1-1 CVE-2026-1,CVE-2026-2");
        assert_eq!(names("CVE-2026-1", &["GHSA-1", "CVE-2026-1"]), "CVE-2026-1 GHSA-1");
        assert_eq!(names("USN-1-1", &[]), "USN-1-1 ");
    }
}

//! What is known of vulnerabilities, and what that means for a version.

use std::collections::{BTreeMap, BTreeSet};

use deb_parse::Version;

use crate::range::Range;
use crate::release::{Distribution, Place, Release};

/// The series that Debian's tracker counts a source by when a release does not have it.
const SID: &str = "sid";

/// What was read about vulnerabilities of sources.
#[derive(Clone, Debug, Default)]
pub struct Advisories {
    by_source: BTreeMap<String, Vec<Advisory>>,
    /// The releases that something was said of, also of sources that were not wanted.
    places: BTreeSet<Place>,
}

/// A vulnerability of one source.
#[derive(Clone, Debug)]
pub(crate) struct Advisory {
    pub(crate) id: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) summary: String,
    /// The first one for a release counts.
    pub(crate) places: Vec<(Place, Said)>,
    /// Whether what it does not say of a release of Debian is open: the tracker names every release that has the source, OSV those that are affected.
    pub(crate) is_trackers: bool,
}

/// What is said of a release.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// `None`: that is not known.
    pub(crate) affected: Option<Affected>,
    pub(crate) urgency: String,
    pub(crate) note: String,
}

/// The versions that have a vulnerability.
#[derive(Clone, Debug, Default)]
pub(crate) struct Affected {
    pub(crate) ranges: Vec<Range>,
    pub(crate) versions: Vec<Version>,
}

impl Affected {
    pub(crate) fn of(range: Range) -> Self {
        Self { ranges: vec![range], versions: Vec::new() }
    }

    fn has(&self, version: &Version) -> bool {
        self.versions.contains(version) || self.ranges.iter().any(|range| range.has(version))
    }

    fn fixed_after(&self, version: &Version) -> Option<&Version> {
        self.ranges.iter().filter_map(|range| range.fixed_after(version)).max()
    }

    fn last_fixed(&self) -> Option<&Version> {
        self.ranges.iter().filter_map(Range::last_fixed).max()
    }
}

/// Whether a version has a vulnerability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has it.
    Affected,
    /// The data do not say.
    Undetermined,
}

/// A vulnerability that a version has, or may have.
#[derive(Clone, Debug)]
pub struct Finding<'a> {
    /// The name of the vulnerability, such as `CVE-2026-1234` or `DSA-5678-1`.
    pub id: &'a str,
    /// Other names of it.
    pub aliases: &'a [String],
    /// What it is, in the words of the data; may be empty.
    pub summary: &'a str,
    /// How urgent it is there, in the words of the data, such as `medium` or `unimportant`; empty where they do not say.
    pub urgency: &'a str,
    /// Why nothing is done about it, in the words of the data; empty where they do not say.
    pub note: &'a str,
    /// Whether the version has it.
    pub status: Status,
    /// The first version of the release without it, if there is one.
    pub fixed: Option<&'a Version>,
    /// The versions of other releases that brought a fix.
    pub fixed_elsewhere: Vec<(String, &'a Version)>,
}

impl Finding<'_> {
    /// Returns whether Debian's security team calls it unimportant: no fix is to be expected.
    #[must_use]
    pub fn is_unimportant(&self) -> bool {
        self.urgency == "unimportant"
    }
}

impl Advisories {
    /// Returns how many vulnerabilities of sources are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_source.values().map(Vec::len).sum()
    }

    /// Returns whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_source.is_empty()
    }

    /// Returns whether the data name any vulnerability of a source, in whatever version and release.
    #[must_use]
    pub fn mention(&self, source: &str) -> bool {
        self.by_source.contains_key(source)
    }

    /// Finds the vulnerabilities that a version of a source has in a release, or may have, by name.
    #[must_use]
    pub fn of(&self, source: &str, version: &Version, release: &Release) -> Vec<Finding<'_>> {
        let known = self.by_source.get(source).map(Vec::as_slice).unwrap_or_default();
        let mut found: Vec<Finding<'_>> =
            known.iter().filter_map(|advisory| advisory.judge(version, release)).collect();
        found.sort_by(|a, b| a.id.cmp(b.id));
        found
    }

    /// Returns whether anything was said of any source in a release: of one that no data name nothing can be found, which does not mean that all is
    /// well there. What Debian's tracker says of `sid` counts for every release of Debian.
    #[must_use]
    pub fn know(&self, release: &Release) -> bool {
        let is_debian = release.distribution() == Distribution::Debian;
        let sid = Place::Series(SID.to_owned());
        self.places.iter().any(|place| release.is_at(place) || is_debian && *place == sid)
    }

    /// Adds what one file says. What it says twice of a release counts together: a version is affected if either says so.
    pub(crate) fn add(&mut self, source: &str, advisory: Advisory) {
        for (place, _) in &advisory.places {
            self.note(place);
        }
        let Some(known) = self.known(source, &advisory.id) else {
            self.by_source.entry(source.to_owned()).or_default().push(advisory);
            return;
        };
        known.is_trackers |= advisory.is_trackers;
        for name in advisory.aliases {
            if !known.aliases.contains(&name) {
                known.aliases.push(name);
            }
        }
        for (place, said) in advisory.places {
            match known.places.iter_mut().find(|(known, _)| *known == place) {
                Some((_, known)) => known.unite(said),
                None => known.places.push((place, said)),
            }
        }
    }

    /// Notes that something is said of a release.
    pub(crate) fn note(&mut self, place: &Place) {
        if !self.places.contains(place) {
            self.places.insert(place.clone());
        }
    }

    /// Adds what another file says; what was said before of a release counts.
    pub(crate) fn merge(&mut self, others: Self) {
        for (source, advisories) in others.by_source {
            for advisory in advisories {
                match self.known(&source, &advisory.id) {
                    // The first one counts.
                    Some(known) => {
                        known.is_trackers |= advisory.is_trackers;
                        known.places.extend(advisory.places);
                    }
                    None => self.by_source.entry(source.clone()).or_default().push(advisory),
                }
            }
        }
        self.places.extend(others.places);
    }

    fn known(&mut self, source: &str, id: &str) -> Option<&mut Advisory> {
        self.by_source.get_mut(source)?.iter_mut().find(|known| known.id == id)
    }
}

impl Said {
    fn unite(&mut self, other: Self) {
        match (&mut self.affected, other.affected) {
            (Some(own), Some(other)) => {
                own.ranges.extend(other.ranges);
                own.versions.extend(other.versions);
            }
            (own @ None, other) => *own = other,
            (Some(_), None) => {}
        }
        if self.urgency.is_empty() {
            self.urgency = other.urgency;
        }
    }
}

impl Advisory {
    /// What is said of a release by its name, or else of all releases.
    fn at(&self, release: &Release) -> Option<&(Place, Said)> {
        let mut at = self.places.iter().filter(|(place, _)| release.is_at(place));
        let first = at.next()?;
        let is_of_all = |(place, _): &&(Place, Said)| matches!(place, Place::All(_));
        Some(if is_of_all(&first) { at.find(|one| !is_of_all(one)).unwrap_or(first) } else { first })
    }

    /// What Debian's tracker says of `sid`.
    fn in_sid(&self) -> Option<&(Place, Said)> {
        self.at(&Release::new(Distribution::Debian, SID, ""))
    }

    fn judge(&self, version: &Version, release: &Release) -> Option<Finding<'_>> {
        let in_sid = self.in_sid().filter(|_| release.distribution() == Distribution::Debian);
        let own = self.at(release);
        let Some((_, said)) = own.or(in_sid) else {
            let is_open = self.is_trackers && release.distribution() == Distribution::Debian;
            return is_open.then(|| self.finding(None, release, Status::Undetermined));
        };
        let status = match &said.affected {
            None => Status::Undetermined,
            Some(affected) if !affected.has(version) => return None,
            Some(_) if in_sid.is_some_and(|(_, said)| is_fixed_in(said, version)) => return None,
            Some(_) => Status::Affected,
        };
        let affected = own.and_then(|(_, said)| said.affected.as_ref());
        let fixed = affected.and_then(|affected| affected.fixed_after(version));
        Some(Finding { fixed, ..self.finding(Some(said), release, status) })
    }

    fn finding<'a>(&'a self, said: Option<&'a Said>, release: &Release, status: Status) -> Finding<'a> {
        let elsewhere = self.places.iter().filter(|(place, _)| !release.is_at(place));
        Finding {
            id: &self.id,
            aliases: &self.aliases,
            summary: &self.summary,
            urgency: said.map_or("", |said| &said.urgency),
            note: said.map_or("", |said| &said.note),
            status,
            fixed: None,
            fixed_elsewhere: elsewhere
                .filter_map(|(place, said)| Some((place.in_words(), said.affected.as_ref()?.last_fixed()?)))
                .collect(),
        }
    }
}

/// Returns whether a version is made of one that has the fix: a release that is behind may have a newer version than Debian gives it.
fn is_fixed_in(sid: &Said, version: &Version) -> bool {
    let fixed = sid.affected.as_ref().and_then(Affected::last_fixed);
    fixed.is_some_and(|fixed| version >= fixed || original_of(version).is_some_and(|one| one >= *fixed))
}

/// Returns the version that one was made of for an older release of Debian: `1.5-2` of `1.5-2~bpo12+1` and of `1.5-2~deb12u1`.
fn original_of(version: &Version) -> Option<Version> {
    let (original, mark) = version.as_str().rsplit_once('~')?;
    let number = mark.strip_prefix("bpo").or_else(|| mark.strip_prefix("deb"))?;
    number.starts_with(|c: char| c.is_ascii_digit()).then(|| Version::parse(original).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_for_an_older_release_comes_of_a_newer_version() {
        let cases = [
            ("1.5-2~bpo12+1", Some("1.5-2")),
            ("1:1.5~rc1-2~deb12u1", Some("1:1.5~rc1-2")),
            ("1.5-2~rc1", None),
            ("1.5-2", None),
            ("1.5-2~debian", None),
        ];
        for (text, expected) in cases {
            let found = original_of(&Version::parse(text).unwrap());
            assert_eq!(found.as_ref().map(Version::as_str), expected, "{text}");
        }
    }
}

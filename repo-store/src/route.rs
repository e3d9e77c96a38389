//! Which suites a package belongs to, by what its version says.
//!
//! A package built for one release carries the release in its version: `1.2-1+deb12u1`, `1.2-1~bookworm1`, `1.2-1~jammy1`,
//! `1.2-1+jessie8`, `1.2~ubuntu22.04.1`. It belongs to the suites of that release only; any other belongs to every suite.

use deb_parse::{SuiteName, Version};

use crate::{RepositorySettings, SuiteSettings};

/// Words that mark a version as built for one release, such as `deb12` and `bookworm`.
///
/// A word counts where it follows `+`, `~`, `-` or `.` and neither a letter nor a digit carries it on: `deb1` does not match
/// `deb12`. The `u` of Debian's `+deb12u1` and a number behind a name (`~jammy1`) do not carry a word on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Markers(Vec<String>);

/// Releases people ship packages for: name, and what versions call them.
const KNOWN: [(&str, &[&str]); 23] = [
    ("wheezy", &["deb7", "bpo7"]),
    ("jessie", &["deb8", "bpo8"]),
    ("stretch", &["deb9", "bpo9"]),
    ("buster", &["deb10", "bpo10"]),
    ("bullseye", &["deb11", "bpo11"]),
    ("bookworm", &["deb12", "bpo12"]),
    ("trixie", &["deb13", "bpo13"]),
    ("forky", &["deb14", "bpo14"]),
    ("duke", &["deb15", "bpo15"]),
    ("trusty", &["ubuntu14.04"]),
    ("xenial", &["ubuntu16.04"]),
    ("bionic", &["ubuntu18.04"]),
    ("focal", &["ubuntu20.04"]),
    ("hirsute", &["ubuntu21.04"]),
    ("impish", &["ubuntu21.10"]),
    ("jammy", &["ubuntu22.04"]),
    ("kinetic", &["ubuntu22.10"]),
    ("lunar", &["ubuntu23.04"]),
    ("mantic", &["ubuntu23.10"]),
    ("noble", &["ubuntu24.04"]),
    ("oracular", &["ubuntu24.10"]),
    ("plucky", &["ubuntu25.04"]),
    ("questing", &["ubuntu25.10"]),
];

impl Markers {
    /// These words.
    #[must_use]
    pub fn new(words: Vec<String>) -> Self {
        Self(words.into_iter().filter(|word| !word.is_empty()).collect())
    }

    /// The words for a suite that is called like a release, or like one with something behind a hyphen
    /// (`bookworm-updates`): the release's name and its number. The name of any other suite marks itself.
    #[must_use]
    pub fn of_suite(suite: &SuiteName) -> Self {
        let name = suite.as_str().split('-').next().unwrap_or_default();
        let known = KNOWN.iter().find(|(release, _)| *release == name);
        let mut words = vec![known.map_or(suite.as_str(), |(release, _)| release).to_owned()];
        words.extend(known.into_iter().flat_map(|(_, words)| *words).map(|word| (*word).to_owned()));
        Self(words)
    }

    /// Where in `version` the last of these words stands.
    fn last_in(&self, version: &str) -> Option<usize> {
        self.0.iter().filter_map(|word| last_occurrence(version, word)).max()
    }
}

/// Where a package goes, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Its version names no release that there is a suite for: to every suite.
    Everywhere {
        /// The suites.
        suites: Vec<SuiteName>,
        /// What looks like the name of another release in its version, which is worth a second look.
        foreign: Option<String>,
    },
    /// Its version names a release: to the suites of that release.
    Release {
        /// The part of the version from the marker on.
        marker: String,
        /// The suites.
        suites: Vec<SuiteName>,
    },
    /// A rule says so, and its version does not narrow that down.
    Rule(Vec<SuiteName>),
    /// The upload that it came with names them (field `Distribution`).
    Distribution(Vec<SuiteName>),
    /// The person who added it said so.
    Chosen(Vec<SuiteName>),
}

impl Route {
    /// The suites.
    #[must_use]
    pub fn suites(&self) -> &[SuiteName] {
        match self {
            Self::Everywhere { suites, .. }
            | Self::Release { suites, .. }
            | Self::Rule(suites)
            | Self::Distribution(suites)
            | Self::Chosen(suites) => suites,
        }
    }
}

/// Finds the suites of a package by its version. When several releases are named, the last one counts: that is what was
/// appended last, as in `1.0-1+deb12u1~bpo11+1`. Suites that take only what is routed to them are no such suites.
#[must_use]
pub fn route(repository: &RepositorySettings, version: &Version) -> Route {
    by_version(repository.suites.iter().filter(|suite| !suite.only_routed).collect(), version)
}

/// The same among these suites.
pub(crate) fn by_version(suites: Vec<&SuiteSettings>, version: &Version) -> Route {
    let version = without_epoch(version);
    let here = suites.iter().filter_map(|suite| suite.markers.last_in(version)).max();
    let elsewhere = KNOWN.iter().flat_map(|(name, words)| std::iter::once(name).chain(*words));
    let elsewhere = elsewhere.filter_map(|word| last_occurrence(version, word)).max();
    let from = |place: usize| version.get(place..).unwrap_or_default().to_owned();
    let names = |suites: &[&SuiteSettings]| suites.iter().map(|suite| suite.name.clone()).collect();
    match here.max(elsewhere) {
        Some(place) if here == Some(place) => {
            let named: Vec<_> =
                suites.into_iter().filter(|suite| suite.markers.last_in(version) == here).collect();
            Route::Release { marker: from(place), suites: names(&named) }
        }
        foreign => Route::Everywhere { suites: names(&suites), foreign: foreign.map(from) },
    }
}

fn without_epoch(version: &Version) -> &str {
    let text = version.as_str();
    text.split_once(':').map_or(text, |(_, rest)| rest)
}

fn last_occurrence(version: &str, word: &str) -> Option<usize> {
    version.rmatch_indices(word).map(|(place, _)| place).find(|place| {
        let before = place.checked_sub(1).and_then(|at| version.as_bytes().get(at));
        let mut after = version.bytes().skip(place + word.len());
        let next = after.next();
        let carried_on = if word.ends_with(|c: char| c.is_ascii_digit()) {
            next.is_some_and(|c| c.is_ascii_digit() || (c.is_ascii_alphabetic() && c != b'u'))
        } else {
            next.is_some_and(|c| c.is_ascii_alphabetic())
        };
        matches!(before, Some(b'+' | b'~' | b'-' | b'.')) && !carried_on
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RepositoryName;

    fn routed(version: &str) -> String {
        let suites = ["bookworm", "trixie", "jammy", "jessie", "bookworm-acme", "internal"];
        let suites =
            suites.map(|name| SuiteSettings::new(SuiteName::parse(name).unwrap(), Vec::new())).to_vec();
        let settings = RepositorySettings::new(RepositoryName::parse("preprod").unwrap(), suites);
        match route(&settings, &Version::parse(version).unwrap()) {
            Route::Everywhere { foreign: None, .. } => "everywhere".to_owned(),
            Route::Everywhere { foreign: Some(marker), .. } => format!("everywhere, but see {marker}"),
            route => route.suites().iter().map(SuiteName::as_str).collect::<Vec<_>>().join(" "),
        }
    }

    #[test]
    fn a_release_in_the_version_decides() {
        for (version, suites) in [
            ("2.10-3", "everywhere"),
            ("1.2-1+deb12u1", "bookworm bookworm-acme"),
            ("1.2-1~deb12u1", "bookworm bookworm-acme"),
            ("1.2-1+deb12", "bookworm bookworm-acme"),
            ("1.2-1~bookworm1", "bookworm bookworm-acme"),
            ("1.2+bookworm", "bookworm bookworm-acme"),
            ("1.2-1+jessie8", "jessie"),
            ("1:1.2-1~jammy1", "jammy"),
            ("1.2~ubuntu22.04.1", "jammy"),
            ("1.2-0ubuntu1", "everywhere"),
            ("1.2-0ubuntu0.22.04.1", "everywhere"),
            ("1.2-1~bpo13+1", "trixie"),
            ("1.2-1+deb12u1~jammy1", "jammy"),
            ("1.2-1~internal2", "internal"),
            ("1.2-1+deb11u1", "everywhere, but see deb11u1"),
            ("1.2-1+deb12u1~bpo11+1", "everywhere, but see bpo11+1"),
            ("2.0deb12", "everywhere"),
            ("2.0+deb1", "everywhere"),
            ("2.0+deb120", "everywhere"),
            ("2.0+trixieland", "everywhere"),
        ] {
            assert_eq!(routed(version), suites, "{version}");
        }
    }
}

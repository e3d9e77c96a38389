//! Which suites a package belongs to, by what its version says.
//!
//! A package built for one release carries the release in its version: `1.2-1+deb12u1`, `1.2-1~bookworm1`, `1.2-1~jammy1`,
//! `1.2-1+jessie8`, `1.2~ubuntu22.04.1`. It belongs to the suites of that release only; any other belongs to every suite.

use deb_parse::{SuiteName, Version};

use crate::settings::release_mark::{Mention, mentions};
use crate::settings::{RepositorySettings, SuiteSettings};

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
        /// The mark of the release, as the version has it: `bookworm1` of `1.0-bookworm1-2`.
        marker: String,
        /// The suites.
        suites: Vec<SuiteName>,
    },
    /// A rule says so, and its version does not narrow that down.
    Rule(Vec<SuiteName>),
    /// The upload that it came with names them (field `Distribution`).
    Distribution {
        /// The suites.
        suites: Vec<SuiteName>,
        /// A release without a suite that the upload names besides.
        foreign: Option<String>,
    },
    /// The person who added it said so.
    Chosen(Vec<SuiteName>),
}

impl serde::Serialize for Route {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;

        let by = match self {
            Self::Everywhere { .. } => "everywhere",
            Self::Release { .. } => "release",
            Self::Rule(_) => "rule",
            Self::Distribution { .. } => "distribution",
            Self::Chosen(_) => "chosen",
        };
        let mut fields = serializer.serialize_struct("Route", 3)?;
        fields.serialize_field("by", by)?;
        fields.serialize_field("suites", self.suites())?;
        fields.serialize_field("foreign", &self.foreign())?;
        fields.end()
    }
}

impl Route {
    /// Returns what names a release without a suite.
    #[must_use]
    pub fn foreign(&self) -> Option<&str> {
        match self {
            Self::Everywhere { foreign, .. } | Self::Distribution { foreign, .. } => foreign.as_deref(),
            Self::Release { .. } | Self::Rule(_) | Self::Chosen(_) => None,
        }
    }

    /// The suites.
    #[must_use]
    pub fn suites(&self) -> &[SuiteName] {
        match self {
            Self::Everywhere { suites, .. }
            | Self::Release { suites, .. }
            | Self::Distribution { suites, .. }
            | Self::Rule(suites)
            | Self::Chosen(suites) => suites,
        }
    }
}

/// Finds the suites of a package by its version. When several releases are named, the last one counts: that is what was
/// appended last, as in `1.0-1+deb12u1~bpo11+1`. Suites that take only what is routed to them are no such suites.
#[must_use]
pub fn route(repository: &RepositorySettings, version: &Version) -> Route {
    let suites: Vec<&SuiteSettings> = repository.suites.iter().filter(|suite| !suite.only_routed).collect();
    by_version(&suites, version)
}

/// The same among these suites.
pub(crate) fn by_version(suites: &[&SuiteSettings], version: &Version) -> Route {
    let version = without_epoch(version);
    let LastMark { here, mention, suites: named } = last_mark(version, suites);
    let elsewhere = mention.map(|mention| mention.at);
    let from = |place: usize| mark(version, place, suites).to_owned();
    match here.max(elsewhere) {
        Some(place) if here == Some(place) => Route::Release { marker: from(place), suites: named },
        foreign => Route::Everywhere {
            suites: suites.iter().map(|suite| suite.name.clone()).collect(),
            foreign: foreign.map(from),
        },
    }
}

/// Returns the mark that begins at `place`, without the revision behind it. A mark may have a hyphen of its own: `debian-12`.
fn mark<'v>(version: &'v str, place: usize, suites: &[&SuiteSettings]) -> &'v str {
    let whole = last_mark(version, suites);
    let hyphens = version.match_indices('-').map(|(at, _)| at).filter(|at| *at > place);
    let mut shorter = hyphens.filter_map(|end| version.get(..end));
    let version = shorter.find(|start| last_mark(start, suites) == whole).unwrap_or(version);
    version.get(place..).unwrap_or_default()
}

/// What a version is marked with last.
#[derive(PartialEq)]
struct LastMark {
    /// Where the last mark of a suite begins.
    here: Option<usize>,
    /// The last release that is named, whether there is a suite for it or not.
    mention: Option<Mention>,
    /// The suites that have the mark at `here`.
    suites: Vec<SuiteName>,
}

/// Returns what a version is marked with last.
fn last_mark(version: &str, suites: &[&SuiteSettings]) -> LastMark {
    let mentions = mentions(version);
    let place = |suite: &&SuiteSettings| suite.markers.last_in(version, &mentions);
    let here = suites.iter().filter_map(&place).max();
    let marked = suites.iter().filter(|suite| here.is_some() && place(suite) == here);
    LastMark {
        here,
        mention: mentions.last().copied(),
        suites: marked.map(|suite| suite.name.clone()).collect(),
    }
}

fn without_epoch(version: &Version) -> &str {
    let text = version.as_str();
    text.split_once(':').map_or(text, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::name::RepositoryName;

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
    fn the_mark_of_a_release_ends_before_the_revision() {
        let suites = ["bookworm", "trixie", "internal"];
        let suites =
            suites.map(|name| SuiteSettings::new(SuiteName::parse(name).unwrap(), Vec::new())).to_vec();
        let settings = RepositorySettings::new(RepositoryName::parse("preprod").unwrap(), suites);
        for (version, expected) in [
            ("2.4.1-trixie-1", "trixie"),
            ("2.4.1-trixie1-1+b2", "trixie1"),
            ("2.4.1-deb12u1-1", "deb12u1"),
            ("1.0-1debian-12", "debian-12"),
            ("1.0~debian-12", "debian-12"),
            ("2.4.1-internal-2-3", "internal"),
            ("1.2-1+deb12u1", "deb12u1"),
            ("1.0-debian-12", "debian-12"),
            ("1.0+debian-12", "debian-12"),
            ("1.0-bookwormsec1", "bookwormsec1"),
        ] {
            match route(&settings, &Version::parse(version).unwrap()) {
                Route::Release { marker, .. } => assert_eq!(marker, expected, "{version}"),
                other => panic!("{version}: {other:?}"),
            }
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
            ("1.2-0ubuntu0.22.04.1", "jammy"),
            ("1.2-1~22.04", "jammy"),
            ("10.11.2+maria~ubu2204", "jammy"),
            ("1.2-1jammy.20230101", "jammy"),
            ("1.2-1debian12", "bookworm bookworm-acme"),
            ("1.2-1bookworm", "bookworm bookworm-acme"),
            ("16.1-1.pgdg120+1", "bookworm bookworm-acme"),
            ("1.2-0ubuntu0.24.04.1", "everywhere, but see ubuntu0.24.04.1"),
            ("1.2-1internal", "internal"),
            ("1.2-1~bpo13+1", "trixie"),
            ("1.2-1+deb12u1~jammy1", "jammy"),
            ("1.2-1~internal2", "internal"),
            ("1.2-1+deb11u1", "everywhere, but see deb11u1"),
            ("1.2-1+deb12u1~bpo11+1", "everywhere, but see bpo11+1"),
            ("2.0deb12", "bookworm bookworm-acme"),
            ("1.0+ubuntu22", "jammy"),
            ("1.0+ubuntu24", "everywhere, but see ubuntu24"),
            ("1.0-v22.04", "jammy"),
            ("1.0~jammyppa1", "jammy"),
            ("2.4.1-bookworm-1", "bookworm bookworm-acme"),
            ("2.4.1-debian11-1", "everywhere, but see debian11"),
            ("2.4.1-trixie-1", "trixie"),
            ("2.4.1-focal.2-1", "everywhere, but see focal.2"),
            ("1.0-1~debian-11", "everywhere, but see debian-11"),
            ("5-1.d12", "bookworm bookworm-acme"),
            ("1.0~2204", "jammy"),
            ("1.0-1u2404", "everywhere, but see u2404"),
            ("1.0+deb99u1", "everywhere, but see deb99u1"),
            ("1.0-ubuntu28.04", "everywhere, but see ubuntu28.04"),
            ("2.0+deb1", "everywhere"),
            ("2.0+deb120", "everywhere"),
            ("2.0+trixieland", "everywhere"),
        ] {
            assert_eq!(routed(version), suites, "{version}");
        }
    }
}

//! The JSON of Debian's security tracker: sources, their vulnerabilities, and what is the matter in each release.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use deb_parse::Version;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::advisory::{Advisories, Advisory, Affected, Said};
use crate::range::Range;
use crate::reading::Wanted;
use crate::release::Place;

/// Reads what is said of one source, if it is wanted.
pub(crate) struct Source<'a> {
    pub(crate) source: &'a str,
    pub(crate) advisories: &'a mut Advisories,
    pub(crate) wanted: Wanted<'a>,
}

/// A vulnerability.
#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    description: String,
    #[serde(default)]
    releases: BTreeMap<String, InRelease>,
}

#[derive(Deserialize)]
struct InRelease {
    status: State,
    /// `0`: the release never had it.
    #[serde(default, deserialize_with = "version")]
    fixed_version: Option<Fixed>,
    #[serde(default)]
    urgency: String,
    #[serde(default)]
    nodsa: String,
    #[serde(default)]
    nodsa_reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Open,
    Resolved,
    /// Also what later versions of the tracker may say.
    #[serde(other)]
    Undetermined,
}

enum Fixed {
    /// No version had it.
    Always,
    In(Version),
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Fixed>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    if text == "0" {
        return Ok(Some(Fixed::Always));
    }
    Version::parse(&text).map(|version| Some(Fixed::In(version))).map_err(serde::de::Error::custom)
}

impl InRelease {
    fn said(self) -> Said {
        let affected = match (self.status, self.fixed_version) {
            (State::Undetermined, _) | (State::Resolved, None) => None,
            (State::Resolved, Some(Fixed::Always)) => Some(Affected::default()),
            (State::Resolved, Some(Fixed::In(version))) => Some(Affected::of(Range::before(Some(version)))),
            // The version that fixes it is not in the release yet.
            (State::Open, _) => Some(Affected::of(Range::before(None))),
        };
        let urgency = if self.urgency == "not yet assigned" { String::new() } else { self.urgency };
        let note = [self.nodsa, self.nodsa_reason].into_iter().filter(|text| !text.is_empty());
        Said { affected, urgency, note: note.collect::<Vec<_>>().join("; ") }
    }
}

/// A vulnerability of a source that is not wanted: only the names of the releases are kept. Other values than objects show that the document is something
/// else.
struct Passed<'a>(&'a mut Advisories);

/// What it says of releases.
struct Releases<'a>(&'a mut Advisories);

impl<'de> DeserializeSeed<'de> for Passed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Passed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a vulnerability")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(field) = fields.next_key::<Cow<'_, str>>()? {
            if field == "releases" {
                fields.next_value_seed(Releases(self.0))?;
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Releases<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Releases<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("releases")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut releases: A) -> Result<(), A::Error> {
        while let Some((series, _)) = releases.next_entry::<String, IgnoredAny>()? {
            self.0.note(&Place::Series(series));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Source<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Source<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the vulnerabilities of {}", self.source.escape_debug())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut vulnerabilities: A) -> Result<(), A::Error> {
        if !(self.wanted)(self.source) {
            while vulnerabilities.next_key::<IgnoredAny>()?.is_some() {
                vulnerabilities.next_value_seed(Passed(self.advisories))?;
            }
            return Ok(());
        }
        while let Some((id, entry)) = vulnerabilities.next_entry::<String, Entry>()? {
            let places = entry.releases.into_iter();
            let advisory = Advisory {
                id,
                aliases: Vec::new(),
                summary: entry.description,
                places: places.map(|(series, one)| (Place::Series(series), one.said())).collect(),
                is_trackers: true,
            };
            self.advisories.add(self.source, advisory);
        }
        Ok(())
    }
}

//! What publications are called.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;

const FORM: &str = "%Y%m%dT%H%M%SZ";

/// The id of a publication: the moment at which it was made, as `20261121T083000Z`.
///
/// It is also the modification time of the publication's `InRelease` files, which must rise with every publication or clients
/// would not fetch the new one: so in a burst the ids run ahead of the clock, a second for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicationId(i64);

impl PublicationId {
    /// The id for a publication made now, after the one with the id `last`, and none of those that are `taken`.
    pub(crate) fn next(now: Timestamp, last: Option<Self>, taken: &BTreeSet<Self>) -> Self {
        let start = last.map_or(i64::MIN, |last| last.0.saturating_add(1)).max(now.as_second());
        let mut id = Self(start);
        while taken.contains(&id) {
            id.0 += 1;
        }
        id
    }

    /// Returns the id of a publication that was made at that time. Files that it made have that modification time.
    #[must_use]
    pub fn of_time(time: Timestamp) -> Self {
        Self(time.as_second())
    }

    /// Reads an id; `None` when `text` is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let time = jiff::civil::DateTime::strptime(FORM, text).ok()?;
        let id = Self(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second());
        (id.to_string() == text).then_some(id)
    }

    /// Returns what orders publications by how new they are for clients, where they see `shown` now: what has a higher id was made
    /// while the clock was ahead, and clients would refuse it.
    pub(crate) fn rank(self, shown: Option<Self>) -> (bool, Self) {
        (shown.is_none_or(|shown| self <= shown), self)
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0
    }
}

impl fmt::Display for PublicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = Timestamp::from_second(self.0).unwrap_or(Timestamp::UNIX_EPOCH);
        write!(f, "{}", time.strftime(FORM))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_even_when_the_clock_does_not() {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let first = PublicationId::next(now, None, &BTreeSet::new());
        let second = PublicationId::next(now, Some(first), &BTreeSet::from([first]));
        assert_eq!(second.seconds(), first.seconds() + 1);
        let earlier = Timestamp::from_second(1_000).unwrap();
        assert!(PublicationId::next(earlier, Some(second), &BTreeSet::from([first, second])) > second);
        let third = PublicationId::next(now, None, &BTreeSet::from([first, second]));
        assert_eq!(third.seconds(), first.seconds() + 2, "an id is given once");
        assert_eq!(PublicationId::parse(&first.to_string()), Some(first));
        assert_eq!(first.to_string(), "20260921T141320Z");
        for bad in ["", "..", "20260921", "20260921T141320Zx", "20269921T133320Z"] {
            assert_eq!(PublicationId::parse(bad), None, "{bad}");
        }
    }
}

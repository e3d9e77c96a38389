//! Versions that were taken out of a repository and are to stay out.
//!
//! A removal or a rollback holds what it takes out: a build server that drops the same signed files again must not bring it back.
//! A hold ends when somebody puts the package back: by a rollback forward, by undoing the removal, by adding it by hand.
//! Retention holds nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use deb_parse::{SuiteName, deb822};
use jiff::Timestamp;

use crate::commit::one_line;
use crate::error::Error;
use crate::id::{BlobId, HoldsId};
use crate::objects::Objects;
use crate::record::RecordKey;

/// A package that was taken out of suites of a repository and is to stay out of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hold {
    /// The package.
    pub key: RecordKey,
    /// Its package file, or its `.dsc`.
    pub blob: BlobId,
    /// The suites that it was taken out of.
    pub suites: BTreeSet<SuiteName>,
    /// Who took it out, when, and by which operation.
    pub cause: HoldCause,
}

/// Who took a package out, when, and by which operation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct HoldCause {
    /// The time of the commit.
    pub date: Timestamp,
    /// The person or job.
    pub actor: String,
    /// The operation in words, as the history shows it.
    pub operation: String,
}

/// All holds of a repository at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holds(BTreeMap<RecordKey, Hold>);

impl Holds {
    pub(crate) fn read(objects: &Objects<'_>, id: Option<HoldsId>) -> Result<Self, Error> {
        let Some(id) = id else { return Ok(Self::default()) };
        Self::parse(&objects.read(&id)?).ok_or_else(|| Error::damaged(HoldsId::KIND, &id, "it is malformed"))
    }

    /// Writes the holds, if there are any.
    pub(crate) fn write(&self, objects: &Objects<'_>) -> Result<Option<HoldsId>, Error> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let text = self.to_text();
        let id = HoldsId::of(text.as_bytes());
        objects.write(&id, text.as_bytes())?;
        Ok(Some(id))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Hold> {
        self.0.values()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, key: &RecordKey) -> Option<&Hold> {
        self.0.get(key)
    }

    /// Holds a package in one more suite.
    pub(crate) fn hold(&mut self, key: &RecordKey, blob: BlobId, suite: &SuiteName, cause: &HoldCause) {
        let new = || Hold { key: key.clone(), blob, suites: BTreeSet::new(), cause: cause.clone() };
        let hold = self.0.entry(key.clone()).or_insert_with(new);
        hold.suites.insert(suite.clone());
        // The last one to take it out is the one to ask.
        hold.cause = cause.clone();
    }

    /// Lifts the hold of a package in a suite.
    pub(crate) fn lift(&mut self, key: &RecordKey, suite: &SuiteName) {
        if let Some(hold) = self.0.get_mut(key) {
            hold.suites.remove(suite);
            if hold.suites.is_empty() {
                self.0.remove(key);
            }
        }
    }

    /// A paragraph for each cause, oldest first. The same holds have the same text.
    fn to_text(&self) -> String {
        let mut by_cause: BTreeMap<&HoldCause, Vec<&Hold>> = BTreeMap::new();
        for hold in self.0.values() {
            by_cause.entry(&hold.cause).or_default().push(hold);
        }
        let mut paragraphs = Vec::new();
        for (HoldCause { date, actor, operation }, holds) in by_cause {
            let (actor, operation) = (one_line(actor), one_line(operation));
            let mut text = format!("Held: {date}\nActor: {actor}\nOperation: {operation}\nPackages:\n");
            for Hold { key, blob, suites, .. } in holds {
                let suites: Vec<&str> = suites.iter().map(SuiteName::as_str).collect();
                // Writing to a String cannot fail.
                let _ = writeln!(text, " {key} {blob} {}", suites.join(" "));
            }
            paragraphs.push(text);
        }
        paragraphs.join("\n")
    }

    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let mut holds = BTreeMap::new();
        for paragraph in deb822::paragraphs(text) {
            let cause = HoldCause {
                date: paragraph.get_str("Held")?.parse().ok()?,
                actor: paragraph.get_str("Actor")?.to_owned(),
                operation: paragraph.get_str("Operation")?.to_owned(),
            };
            let lines = paragraph.get_str("Packages")?.lines().map(str::trim);
            for line in lines.filter(|line| !line.is_empty()) {
                let hold = parse_line(line, &cause)?;
                holds.insert(hold.key.clone(), hold);
            }
        }
        (!holds.is_empty()).then_some(Self(holds))
    }
}

/// Reads `<package> <version> <architecture> <blob> <suite>…`.
fn parse_line(line: &str, cause: &HoldCause) -> Option<Hold> {
    let (key_ends, _) = line.match_indices(' ').nth(2)?;
    let (key, rest) = line.split_at_checked(key_ends)?;
    let mut words = rest.split_ascii_whitespace();
    let blob = words.next()?.parse().ok()?;
    let suites: BTreeSet<SuiteName> = words.map(SuiteName::parse).collect::<Result<_, _>>().ok()?;
    let key = RecordKey::parse(key)?;
    (!suites.is_empty()).then(|| Hold { key, blob, suites, cause: cause.clone() })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn cause(second: i64, operation: &str) -> HoldCause {
        let date = Timestamp::from_second(second).unwrap();
        HoldCause { date, actor: "alice".to_owned(), operation: operation.to_owned() }
    }

    #[test]
    fn holds_read_back_as_they_were_written() {
        let suite = |name| SuiteName::parse(name).unwrap();
        let key = |text| RecordKey::parse(text).unwrap();
        let mut holds = Holds::default();
        assert_eq!(holds.to_text(), "");
        holds.hold(&key("hello 2.0 amd64"), BlobId::of(b"2"), &suite("trixie"), &cause(20, "roll back to 3"));
        holds.hold(
            &key("hello 2.0 amd64"),
            BlobId::of(b"2"),
            &suite("bookworm"),
            &cause(20, "roll back to 3"),
        );
        holds.hold(&key("tool 1:1.0 source"), BlobId::of(b"1"), &suite("trixie"), &cause(10, "remove tool"));
        assert_eq!(Holds::parse(holds.to_text().as_bytes()).unwrap(), holds);
        assert_snapshot!(holds.to_text(), @"
        Held: 1970-01-01T00:00:10Z
        Actor: alice
        Operation: remove tool
        Packages:
         tool 1:1.0 source d63bd9a826af91c1fea371965a64e11ee20f13e46b5f52c59901136605b3a487 trixie

        Held: 1970-01-01T00:00:20Z
        Actor: alice
        Operation: roll back to 3
        Packages:
         hello 2.0 amd64 813e9b729141e7f385afa0a2d0df3e6c3789e427ffe4aeef566a565bc8f2fe3d bookworm trixie
        ");

        holds.lift(&key("hello 2.0 amd64"), &suite("trixie"));
        assert_eq!(holds.get(&key("hello 2.0 amd64")).unwrap().suites, BTreeSet::from([suite("bookworm")]));
        holds.lift(&key("hello 2.0 amd64"), &suite("bookworm"));
        holds.lift(&key("hello 2.0 amd64"), &suite("bookworm"));
        assert_eq!(holds.get(&key("hello 2.0 amd64")), None);
    }

    #[test]
    fn what_was_not_written_is_refused() {
        for bad in [
            "",
            "Held: 1970-01-01T00:00:10Z\nActor: a\nOperation: o\n",
            "Held: today\nActor: a\nOperation: o\nPackages:\n",
            "Held: 1970-01-01T00:00:10Z\nActor: a\nOperation: o\nPackages:\n hello 2.0 amd64\n",
            "Held: 1970-01-01T00:00:10Z\nActor: a\nOperation: o\nPackages:\n hello 2.0 amd64 abc trixie\n",
        ] {
            assert_eq!(Holds::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}

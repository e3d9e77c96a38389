//! Versions that were taken out of a repository and are to stay out.
//!
//! A removal, a rollback or an undo holds what it takes out: a build server that drops the same signed files again must not bring it back.
//! Such a hold ends when somebody puts the package back: by a rollback forward, by undoing the removal, by adding it by hand. A person may
//! also hold a version that is not there. That hold ends only when somebody asks for it. Retention holds nothing.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use deb_parse::{PackageName, SuiteName, Version, deb822};
use jiff::Timestamp;

use crate::model::commit::one_line;
use crate::model::id::{BlobId, HoldsId};
use crate::model::objects::Objects;
use crate::model::operation::Operation;
use crate::model::record::{Build, RecordKey};
use crate::storage::StorageError;

/// A version of a package that is to stay out of a repository.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Hold {
    /// Which version.
    pub key: HoldKey,
    /// The package file or `.dsc` that was taken out; `None` when a person holds the version.
    pub blob: Option<BlobId>,
    /// The suites that it was taken out of. Of what a person holds: the suites left after it came into others despite the hold; empty for
    /// all.
    pub suites: BTreeSet<SuiteName>,
    /// Who holds it, since when, and why.
    pub cause: HoldCause,
}

/// What a hold is for: a version of a package for one architecture, or for all that there are.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct HoldKey {
    /// The package's name.
    pub package: PackageName,
    /// Its version.
    pub version: Version,
    /// Its architecture, or that it is a source package; `None` for each of them.
    pub architecture: Option<Build>,
}

/// Who holds a version, since when, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[non_exhaustive]
pub struct HoldCause {
    /// The time of the commit.
    pub date: Timestamp,
    /// The person or job.
    pub actor: String,
    /// What was done.
    pub operation: Operation,
}

impl Hold {
    /// Returns whether a person holds the version; otherwise a removal, a rollback or an undo took it out.
    #[must_use]
    pub fn is_by_person(&self) -> bool {
        self.blob.is_none()
    }

    /// Returns whether the undo of a release took the version out. The next release brings it in again.
    fn is_by_undone_release(&self) -> bool {
        let Operation::Undo { what, .. } = &self.cause.operation else { return false };
        matches!(Operation::parse(what), Operation::Release { .. })
    }

    /// Returns whether the hold is for one of these suites.
    #[must_use]
    pub fn is_for_any(&self, suites: &[SuiteName]) -> bool {
        self.suites.is_empty() || suites.iter().any(|suite| self.suites.contains(suite))
    }
}

impl HoldKey {
    fn of(key: &RecordKey) -> Self {
        let RecordKey { package, version, architecture } = key.clone();
        Self { package, version, architecture: Some(architecture) }
    }

    /// Returns whether the hold is for that package.
    #[must_use]
    pub fn means(&self, key: &RecordKey) -> bool {
        self.is_version(key) && self.architecture.as_ref().is_none_or(|own| *own == key.architecture)
    }

    fn is_version(&self, key: &RecordKey) -> bool {
        self.package == key.package && self.version == key.version
    }

    /// Reads what [`Display`](fmt::Display) writes.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let package = PackageName::parse(words.next()?).ok()?;
        let version = Version::parse(words.next()?).ok()?;
        let architecture = match words.next()? {
            EVERY => None,
            name => Some(Build::parse(name)?),
        };
        words.next().is_none().then_some(Self { package, version, architecture })
    }
}

impl Ord for HoldKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.package
            .cmp(&other.package)
            .then_with(|| self.version.cmp(&other.version))
            .then_with(|| self.architecture.cmp(&other.architecture))
    }
}

impl PartialOrd for HoldKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for HoldKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let architecture = self.architecture.as_ref().map_or(EVERY, Build::as_str);
        write!(f, "{} {} {architecture}", self.package, self.version)
    }
}

/// Stands for every architecture: no architecture can be called that.
const EVERY: &str = "*";
/// Stands for the file of a version that was never there.
const NONE: &str = "-";

/// All holds of a repository at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holds(BTreeMap<HoldKey, Hold>);

impl Holds {
    pub(crate) fn read(objects: &Objects<'_>, id: Option<HoldsId>) -> Result<Self, StorageError> {
        let Some(id) = id else { return Ok(Self::default()) };
        Self::parse(&objects.read(&id)?)
            .ok_or_else(|| StorageError::damaged(HoldsId::KIND, &id, "it is malformed"))
    }

    /// Writes the holds, if there are any.
    pub(crate) fn write(&self, objects: &Objects<'_>) -> Result<Option<HoldsId>, StorageError> {
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

    /// The hold of this version for every architecture.
    fn every(&self, key: &RecordKey) -> Option<&Hold> {
        self.0.get(&HoldKey { architecture: None, ..HoldKey::of(key) })
    }

    /// Holds a version.
    pub(crate) fn insert(&mut self, hold: Hold) {
        self.0.insert(hold.key.clone(), hold);
    }

    /// Holds what is taken out of one more suite. The last one to take it out is the one to ask.
    pub(crate) fn withdraw(&mut self, key: &RecordKey, blob: BlobId, suite: &SuiteName, cause: &HoldCause) {
        let key = HoldKey::of(key);
        let mut suites = match self.0.get(&key) {
            // It is not to end with what follows.
            Some(hold) if hold.is_by_person() => {
                let of_person = Hold { suites: with(&hold.suites, suite), ..hold.clone() };
                return self.insert(of_person);
            }
            Some(hold) => hold.suites.clone(),
            None => BTreeSet::new(),
        };
        suites.insert(suite.clone());
        self.insert(Hold { key, blob: Some(blob), suites, cause: cause.clone() });
    }

    /// Ends what a person holds in suites that it came into, of a repository that has `all` these suites.
    pub(crate) fn narrow(&mut self, key: &HoldKey, came: &BTreeSet<SuiteName>, all: &BTreeSet<SuiteName>) {
        let Some(hold) = self.0.get_mut(key) else { return };
        let before = if hold.suites.is_empty() { all } else { &hold.suites };
        let left: BTreeSet<SuiteName> = before.difference(came).cloned().collect();
        if left.is_empty() {
            self.0.remove(key);
        } else {
            hold.suites = left;
        }
    }

    /// Lifts what keeps a package out of a suite since it was taken out there: it was put back. What a person holds stays held.
    pub(crate) fn lift(&mut self, key: &RecordKey, suite: &SuiteName) {
        let own = HoldKey::of(key);
        if let Some(hold) = self.0.get_mut(&own).filter(|hold| !hold.is_by_person()) {
            hold.suites.remove(suite);
            if hold.suites.is_empty() {
                self.0.remove(&own);
            }
        }
    }

    /// Returns whether a package is kept out of a suite.
    pub(crate) fn keep_out_of(&self, key: &RecordKey, suite: &SuiteName) -> bool {
        let own = self.0.get(&HoldKey::of(key));
        let suite = std::slice::from_ref(suite);
        [self.every(key), own].into_iter().flatten().any(|hold| hold.is_for_any(suite))
    }

    /// Returns what is held `after` a change and was not, and what was held and is not, in the order of keys. A version that a person holds
    /// is held for each architecture.
    pub(crate) fn changes_to(&self, after: &Self) -> (Vec<HoldKey>, Vec<HoldKey>) {
        let only = |some: &Self, others: &Self| {
            let is_in_others = |key: &&HoldKey| {
                let every = HoldKey { architecture: None, ..(*key).clone() };
                others.0.contains_key(*key) || others.0.contains_key(&every)
            };
            some.0.keys().filter(|key| !is_in_others(key)).cloned().collect()
        };
        (only(after, self), only(self, after))
    }

    /// Returns those that keep a version out of a release.
    pub(crate) fn for_release(mut self) -> Self {
        self.0.retain(|_, hold| !hold.is_by_undone_release());
        self
    }

    /// Lifts a hold.
    pub(crate) fn remove(&mut self, key: &HoldKey) {
        self.0.remove(key);
    }

    /// Returns why a package is to stay out of these suites, if it is: it is held, or its version is held for other architectures and is
    /// nowhere in the repository any more, as `is_there` finds out. What a person said counts before what was taken out, and only in the
    /// suites that it is for.
    pub(crate) fn keeping_out<E>(
        &self,
        key: &RecordKey,
        suites: &[SuiteName],
        is_there: impl FnOnce() -> Result<bool, E>,
    ) -> Result<Option<&Hold>, E> {
        let counts = |hold: &&Hold| !hold.is_by_person() || hold.is_for_any(suites);
        let of_build = || self.0.get(&HoldKey::of(key)).filter(counts);
        let own = self.every(key).filter(counts).or_else(of_build);
        let of_version = || self.iter().filter(|hold| hold.key.is_version(key)).filter(counts);
        let any = || of_version().find(|hold| hold.is_by_person()).or_else(|| of_version().next());
        match own.or_else(any) {
            Some(hold) if own.is_some() || !is_there()? => Ok(Some(hold)),
            _ => Ok(None),
        }
    }

    /// A paragraph for each cause, oldest first. The same holds have the same text.
    pub(crate) fn to_text(&self) -> String {
        let mut by_cause: BTreeMap<&HoldCause, Vec<&Hold>> = BTreeMap::new();
        for hold in self.0.values() {
            by_cause.entry(&hold.cause).or_default().push(hold);
        }
        let mut paragraphs = Vec::new();
        for (HoldCause { date, actor, operation }, holds) in by_cause {
            let (actor, operation) = (one_line(actor), one_line(&operation.to_string()));
            let mut text = format!("Held: {date}\nActor: {actor}\nOperation: {operation}\nPackages:\n");
            for Hold { key, blob, suites, .. } in holds {
                let blob = blob.map_or_else(|| NONE.to_owned(), |blob| blob.to_string());
                // Writing to a String cannot fail.
                let _ = write!(text, " {key} {blob}");
                suites.iter().for_each(|suite| text.extend([" ", suite.as_str()]));
                text.push('\n');
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
                operation: Operation::parse(paragraph.get_str("Operation")?),
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

/// Returns these suites (an empty list stands for all) and one more.
fn with(suites: &BTreeSet<SuiteName>, suite: &SuiteName) -> BTreeSet<SuiteName> {
    let mut suites = suites.clone();
    if !suites.is_empty() {
        suites.insert(suite.clone());
    }
    suites
}

/// Reads `<package> <version> <architecture> <blob> <suite>…`.
fn parse_line(line: &str, cause: &HoldCause) -> Option<Hold> {
    let (key_ends, _) = line.match_indices(' ').nth(2)?;
    let (key, rest) = line.split_at_checked(key_ends)?;
    let mut words = rest.split_ascii_whitespace();
    let blob = match words.next()? {
        NONE => None,
        id => Some(id.parse().ok()?),
    };
    let suites = words.map(SuiteName::parse).collect::<Result<_, _>>().ok()?;
    Some(Hold { key: HoldKey::parse(key)?, blob, suites, cause: cause.clone() })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn cause(second: i64, operation: &str) -> HoldCause {
        let date = Timestamp::from_second(second).unwrap();
        HoldCause { date, actor: "alice".to_owned(), operation: Operation::parse(operation) }
    }

    #[expect(clippy::too_many_lines, reason = "each line is a case")]
    #[test]
    fn holds_read_back_as_they_were_written() {
        let suite = |name| SuiteName::parse(name).unwrap();
        let key = |text| RecordKey::parse(text).unwrap();
        let mut holds = Holds::default();
        assert_eq!(holds.to_text(), "");
        holds.withdraw(
            &key("hello 2.0 amd64"),
            BlobId::of(b"2"),
            &suite("trixie"),
            &cause(20, "roll back to 3"),
        );
        holds.withdraw(
            &key("hello 2.0 amd64"),
            BlobId::of(b"2"),
            &suite("bookworm"),
            &cause(20, "roll back to 3"),
        );
        holds.withdraw(
            &key("tool 1:1.0 source"),
            BlobId::of(b"1"),
            &suite("trixie"),
            &cause(10, "remove tool"),
        );
        let every = HoldKey { architecture: None, ..HoldKey::of(&key("bad 3 amd64")) };
        holds.insert(Hold { key: every, blob: None, suites: BTreeSet::new(), cause: cause(30, "hold bad") });
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

        Held: 1970-01-01T00:00:30Z
        Actor: alice
        Operation: hold bad
        Packages:
         bad 3 * -
        ");
        let there = |key: &RecordKey, is_there| {
            holds.keeping_out(key, &[suite("sid")], || Ok::<_, StorageError>(is_there)).unwrap().cloned()
        };
        assert_eq!(there(&key("hello 2.0 amd64"), true).unwrap().suites.len(), 2);
        assert!(there(&key("hello 2.0 arm64"), false).is_some());
        assert!(there(&key("hello 2.0 arm64"), true).is_none());
        assert!(there(&key("bad 3 arm64"), true).is_some());
        assert!(there(&key("bad 4 arm64"), false).is_none());

        // What a person holds ends by no return, and its reason counts before that of a removal.
        let bad = key("bad 3 source");
        holds.withdraw(&bad, BlobId::of(b"3"), &suite("trixie"), &cause(40, "remove bad"));
        let operation = |holds: &Holds| {
            let hold = holds.keeping_out(&bad, &[suite("trixie")], || Ok::<_, StorageError>(true)).unwrap();
            hold.map(|hold| hold.cause.operation.to_string())
        };
        assert_eq!(operation(&holds).as_deref(), Some("hold bad"));
        holds.lift(&bad, &suite("trixie"));
        assert_eq!(operation(&holds).as_deref(), Some("hold bad"));
        holds.remove(&HoldKey { architecture: None, ..HoldKey::of(&bad) });
        assert_eq!(operation(&holds), None);
        holds.lift(&key("hello 2.0 amd64"), &suite("trixie"));
        assert_eq!(holds.iter().next().unwrap().suites, BTreeSet::from([suite("bookworm")]));
        holds.lift(&key("hello 2.0 amd64"), &suite("bookworm"));
        holds.lift(&key("hello 2.0 amd64"), &suite("bookworm"));
        assert!(!holds.iter().any(|hold| hold.key.package.as_str() == "hello"));

        let own = HoldKey::of(&key("hello 2.0 amd64"));
        holds.insert(Hold {
            key: own.clone(),
            blob: None,
            suites: BTreeSet::new(),
            cause: cause(50, "hold hello"),
        });
        holds.withdraw(
            &key("hello 2.0 amd64"),
            BlobId::of(b"2"),
            &suite("trixie"),
            &cause(60, "remove hello"),
        );
        holds.lift(&key("hello 2.0 amd64"), &suite("trixie"));
        assert!(holds.iter().any(|hold| hold.key == own && hold.is_by_person()));
    }

    #[test]
    fn what_a_person_holds_ends_in_the_suites_that_it_came_into() {
        let suite = |name| SuiteName::parse(name).unwrap();
        let key = RecordKey::parse("bad 3 amd64").unwrap();
        let all: BTreeSet<SuiteName> = ["bookworm", "trixie", "sid"].map(suite).into_iter().collect();
        let every = HoldKey { architecture: None, ..HoldKey::of(&key) };
        let mut holds = Holds::default();
        let cause = cause(30, "hold bad");
        holds.insert(Hold { key: every.clone(), blob: None, suites: BTreeSet::new(), cause });
        holds.narrow(&every, &BTreeSet::from([suite("bookworm")]), &all);
        let read = Holds::parse(holds.to_text().as_bytes()).unwrap();
        assert_eq!(read, holds);
        assert!(read.to_text().contains("\n bad 3 * - sid trixie\n"));
        assert!(read.iter().all(Hold::is_by_person));
        let keeps_out = |holds: &Holds, name| {
            let hold = holds.keeping_out(&key, &[suite(name)], || Ok::<_, StorageError>(true)).unwrap();
            assert_eq!(hold.is_some(), holds.keep_out_of(&key, &suite(name)));
            hold.is_some()
        };
        assert!(!keeps_out(&read, "bookworm") && keeps_out(&read, "trixie"));
        // A return to a suite ends nothing that a person holds, and a removal adds nothing to it.
        holds.lift(&key, &suite("trixie"));
        assert!(keeps_out(&holds, "trixie"));
        holds.narrow(&every, &BTreeSet::from([suite("trixie"), suite("sid")]), &all);
        assert!(holds.is_empty());
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

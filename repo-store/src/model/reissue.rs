//! Old versions that come out again above a bad one: how their versions are spelled, and how changes tell of them.

use std::fmt;
use std::sync::Arc;

use deb_parse::{SourceName, Version};

use crate::model::gate_rule::{GateRule, GateViolation};
use crate::model::name::RepositoryName;
use crate::model::record::Record;

/// The version that an old package gets to come out again above a bad one: `2.1-1+0~reissue1` above `2.1-1`.
///
/// It is above the bad version and below the versions that may follow, such as `2.1-2`, `2.1-1.1`, `2.1-1+b1` and `2.1-1+deb12u1`. A version
/// without a revision gets `-0` first, which dpkg takes for the same: `2.1-0+0~reissue1` above `2.1`. So it is below `2.1-1` and `2.1+nmu1`
/// too. Only versions with letters right behind, such as `2.1-1ubuntu1`, are above the bad one and below the reissue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReissueVersion {
    version: Version,
    above: Version,
    number: u32,
}

const MARK: &str = "+0~reissue";

impl ReissueVersion {
    /// Returns the version of reissue `number` above `above`. Above a reissue it is one of the same version with another number.
    ///
    /// # Errors
    /// When the version would be longer than a version can be.
    pub fn new(above: &Version, number: u32) -> Result<Self, deb_parse::Error> {
        let above = Self::of(above).map_or_else(|| above.clone(), |reissue| reissue.above);
        let revision = if above.revision().is_none() { "-0" } else { "" };
        let version = Version::parse(&format!("{above}{revision}{MARK}{number}"))?;
        Ok(Self { version, above, number })
    }

    /// Reads the version of a reissue; `None` for any other version.
    #[must_use]
    pub fn of(version: &Version) -> Option<Self> {
        let (above, number) = version.as_str().rsplit_once(MARK)?;
        let above = Version::parse(above).ok().filter(|above| above.revision().is_some())?;
        let read: u32 = number.parse().ok()?;
        (read.to_string() == number).then(|| Self { version: version.clone(), above, number: read })
    }

    /// Returns the whole version.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Returns the version that it is above.
    #[must_use]
    pub fn above(&self) -> &Version {
        &self.above
    }

    /// Returns the number, which rises with each reissue above that version.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl fmt::Display for ReissueVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.version.fmt(f)
    }
}

/// An old version of a source that came out again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[non_exhaustive]
pub struct Reissued {
    /// The source.
    pub source: SourceName,
    /// The old version of the source.
    pub good: Version,
    /// The version that it came out as.
    pub version: ReissueVersion,
}

impl Reissued {
    /// Reads what [`Display`](fmt::Display) writes.
    pub(crate) fn parse(words: &str) -> Option<Self> {
        let mut words = words.split(' ');
        let (source, good) = (words.next()?, words.next()?);
        let version = words.next().filter(|word| *word == "as").and_then(|_| words.next())?;
        let version = ReissueVersion::of(&Version::parse(version).ok()?)?;
        let (source, good) = (SourceName::parse(source).ok()?, Version::parse(good).ok()?);
        words.next().is_none().then_some(Self { source, good, version })
    }
}

impl fmt::Display for Reissued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} as {}", self.source, self.good, self.version)
    }
}

/// The field of a reissued package with its own old version.
pub(crate) const REISSUE_OF: &str = "X-Reissue-Of";
/// The field of a reissued package with the version of the bad source that it is above.
pub(crate) const REISSUE_OVER: &str = "X-Reissue-Over";

/// What a package says about being a reissue.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Reissue {
    /// The version whose content it has.
    pub of: Version,
    /// The version that it came out as.
    pub version: ReissueVersion,
    /// The version of the source that it is above.
    over: Version,
}

impl Reissue {
    /// Returns what a record says; `None` when it is not a reissue. A version that is only spelled like one is not.
    #[must_use]
    pub fn of_record(record: &Record) -> Option<Self> {
        let version = ReissueVersion::of(&record.key().version)?;
        let field = |name| record.field(name).and_then(|value| Version::parse(value).ok());
        Some(Self { of: field(REISSUE_OF)?, over: field(REISSUE_OVER)?, version })
    }

    /// Returns why a record has no effect in a suite that has these records of its package, if the newest of them is a reissue: the record
    /// is above the old version and below the reissue, so no machine that takes the reissue takes it.
    pub(crate) fn keeps_out(
        record: &Record,
        there: &[Arc<Record>],
        to: &RepositoryName,
    ) -> Option<GateViolation> {
        let binary = there.iter().filter(|other| !other.key().architecture.is_source());
        let newest = binary.max_by(|a, b| a.key().version.cmp(&b.key().version))?;
        let reissue = Self::of_record(newest)?;
        let version = &record.key().version;
        let is_below = !record.key().architecture.is_source()
            && Self::of_record(record).is_none()
            && *version > reissue.of
            && version < reissue.version.version();
        let reason = format!(
            "{to} has {}, a reissue of {}: {version} is below it and reaches no machine",
            reissue.version, reissue.of
        );
        is_below.then_some(GateViolation { gate: None, rule: GateRule::Reissue, reason })
    }
}

/// Returns the version of the source that a package belongs to. The packages of a reissue say the old version of their source, and
/// belong together all the same.
#[must_use]
pub fn release_of(record: &Record) -> Version {
    let reissue = Reissue::of_record(record)
        .and_then(|reissue| ReissueVersion::new(&reissue.over, reissue.version.number()).ok());
    reissue.map_or_else(|| record.source().1, |reissue| reissue.version)
}

/// What a reissue can leave behind on machines that had the bad version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HazardKind {
    /// A package that only one of the two versions has.
    Packages,
    /// A build that the old version lacks.
    Architectures,
    /// A relation that is true of one of the two versions and not of the other.
    Relations,
    /// A configuration file that came, went or moved.
    Conffiles,
    /// A diversion.
    Diversions,
    /// A script that goes by a version between the two.
    Thresholds,
    /// A script that may refuse to go back.
    Preinst,
    /// A service of the bad version alone.
    Units,
    /// A package whose content cannot be read.
    Contents,
}

impl HazardKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Packages,
        Self::Architectures,
        Self::Relations,
        Self::Conffiles,
        Self::Diversions,
        Self::Thresholds,
        Self::Preinst,
        Self::Units,
        Self::Contents,
    ];

    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Packages => "packages",
            Self::Architectures => "architectures",
            Self::Relations => "relations",
            Self::Conffiles => "conffiles",
            Self::Diversions => "diversions",
            Self::Thresholds => "thresholds",
            Self::Preinst => "preinst",
            Self::Units => "units",
            Self::Contents => "contents",
        }
    }

    /// Reads the word for a kind; `None` for any other text.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for HazardKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

crate::model::serialized::written!(HazardKind, ReissueVersion);

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    fn reissue(above: &str, number: u32) -> ReissueVersion {
        ReissueVersion::new(&version(above), number).unwrap()
    }

    #[test]
    fn a_reissue_is_read_back_and_nothing_else_is_taken_for_one() {
        for (above, spelled) in [
            ("2.1-1", "2.1-1+0~reissue1"),
            ("2.1", "2.1-0+0~reissue1"),
            ("1:2.1-1+deb12u1", "1:2.1-1+deb12u1+0~reissue1"),
            ("2.1-1+b1", "2.1-1+b1+0~reissue1"),
        ] {
            let made = reissue(above, 1);
            assert_eq!(made.version().as_str(), spelled);
            let read = ReissueVersion::of(made.version()).unwrap();
            assert_eq!((read.above(), read.number()), (&version(above), 1));
            let second = ReissueVersion::new(made.version(), 2).unwrap();
            assert_eq!((second.above(), second.number()), (&version(above), 2));
        }
        for other in
            ["2.1-1", "2.1+0~reissue1", "2.1-1+0~reissue", "2.1-1+0~reissue01", "2.1-1+0~reissue1+b1"]
        {
            assert_eq!(ReissueVersion::of(&version(other)), None, "{other}");
        }
    }

    /// What dpkg says, or `None` where it is not installed.
    fn dpkg_says_lower(first: &str, second: &str) -> Option<bool> {
        let status = Command::new("dpkg").args(["--compare-versions", first, "lt", second]).status().ok()?;
        Some(status.success())
    }

    #[test]
    fn dpkg_orders_reissues_between_the_bad_version_and_what_follows() {
        for (bad, followers) in [
            (
                "2.1-1",
                &[
                    "2.1-2",
                    "2.1-10",
                    "2.2-1",
                    "2.1-1+deb12u1",
                    "2.1-1.1",
                    "2.1-1+b1",
                    "2.1.1-1",
                    "2.1-1+nmu1",
                ][..],
            ),
            ("2.1", &["2.1-1", "2.1+nmu1", "2.1.1", "2.1a", "2.1-0.1"]),
            ("1:2.1-1", &["1:2.1-2", "1:2.1-1+b1"]),
            ("2.1-1+deb12u1", &["2.1-1+deb12u2", "2.1-1+deb13u1", "2.1-1+deb12u1+b1"]),
            ("2.1~rc1-1", &["2.1-1", "2.1~rc2-1"]),
            ("20261126.1530", &["20261126.1531", "20261127.0"]),
        ] {
            let names = [reissue(bad, 1), reissue(bad, 9), reissue(bad, 10)].map(|one| one.to_string());
            let mut pairs = vec![(bad, names[0].as_str()), (&names[0], &names[1]), (&names[1], &names[2])];
            pairs.extend(followers.iter().map(|follower| (names[2].as_str(), *follower)));
            for (first, second) in pairs {
                let Some(is_lower) = dpkg_says_lower(first, second) else {
                    eprintln!("SKIPPED: dpkg is not installed");
                    return;
                };
                assert!(is_lower && version(first) < version(second), "{first} {second}");
            }
        }
        assert!(reissue("2.1-1", 1).version() > &version("2.1-1acme1"), "the one kind that is not covered");
    }

    proptest! {
        #[test]
        fn a_reissue_stands_between_the_bad_version_and_the_next(
            upstream in "[0-9]{1,2}(\\.[0-9]{1,2}){0,2}(~rc[0-9])?",
            revision in prop::option::of("[0-9]{1,2}(\\.[0-9])?(\\+deb1[23]u[0-9])?"),
            number in 1..200_u32,
        ) {
            let bad = revision.as_ref().map_or_else(|| upstream.clone(), |revision| format!("{upstream}-{revision}"));
            let made = reissue(&bad, number);
            prop_assert!(version(&bad) < *made.version());
            prop_assert!(made < reissue(&bad, number + 1));
            let more = match revision {
                Some(_) => [format!("{bad}.1"), format!("{bad}+b1"), format!("{bad}+deb12u1"), format!("{upstream}.1-1")],
                None => [format!("{bad}-1"), format!("{bad}+nmu1"), format!("{bad}.1"), format!("{bad}-0.1")],
            };
            for next in more {
                prop_assert!(*made.version() < version(&next), "{} {}", made, next);
            }
        }
    }
}

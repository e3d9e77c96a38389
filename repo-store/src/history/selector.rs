use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use deb_parse::relation::Operator;
use deb_parse::{Architecture, PackageName, SourceName, SuiteName, Version};
use wildmatch::WildMatch;

use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::candidates;
use crate::model::record::{Build, Record};

/// Which packages are meant: `hello`, `hello=2.10-3`, `lib*`, `*=1.0`, `hello (>= 2.10)`.
///
/// In a name, `*` stands for any run of characters and `?` for one. Versions are compared as dpkg compares them.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    text: String,
    name: Name,
    version: Option<(Operator, Version)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Name {
    Exact(PackageName),
    Pattern(WildMatch),
}

/// Why a text selects no packages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectorError {
    /// The name or the version is not valid.
    #[error("{0}")]
    Invalid(String),
    /// What stands in parentheses is not a condition for a version.
    #[error(
        "`({})` is not a version condition such as `(>= 1.0)`; operators are <<, <=, =, >= and >>",
        condition.escape_debug().take(100).collect::<String>()
    )]
    Condition {
        /// What stands there.
        condition: String,
    },
}

impl From<deb_parse::Error> for SelectorError {
    fn from(error: deb_parse::Error) -> Self {
        Self::Invalid(error.to_string())
    }
}

const OPERATORS: [Operator; 5] =
    [Operator::Earlier, Operator::EarlierOrEqual, Operator::LaterOrEqual, Operator::Later, Operator::Equal];

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, version) = if let Some((name, condition)) = text.split_once('(') {
            let refused =
                || SelectorError::Condition { condition: condition.trim_end_matches(')').to_owned() };
            let inner = condition.trim_end().strip_suffix(')').ok_or_else(refused)?.trim();
            let with = |operator: Operator| Some((operator, inner.strip_prefix(operator.as_str())?));
            let (operator, version) = OPERATORS.into_iter().find_map(with).ok_or_else(refused)?;
            (name.trim(), Some((operator, Version::parse(version.trim())?)))
        } else if let Some((name, version)) = text.split_once('=') {
            (name, Some((Operator::Equal, Version::parse(version)?)))
        } else {
            (text, None)
        };
        let name = if name.contains(['*', '?']) {
            Name::Pattern(WildMatch::new(name))
        } else {
            Name::Exact(PackageName::parse(name)?)
        };
        Ok(Self { text: text.to_owned(), name, version })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Selector {
    /// Whether a record is meant.
    #[must_use]
    pub fn matches(&self, record: &Record) -> bool {
        self.names(&record.key().package, &record.key().version)
    }

    /// Returns whether the name is a pattern, which may match more than one thinks.
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        matches!(self.name, Name::Pattern(_))
    }

    /// Returns whether one version is named, and not the newest meant of all or of those that meet a condition.
    #[must_use]
    pub fn names_a_version(&self) -> bool {
        matches!(self.version, Some((Operator::Equal, _)))
    }

    /// Returns whether a version of a package is meant.
    #[must_use]
    pub fn names(&self, package: &PackageName, version: &Version) -> bool {
        self.names_text(package.as_str(), version)
    }

    /// Returns whether a binary package was built from what is meant, taken as the name and version of a source.
    pub(crate) fn names_source_of(&self, record: &Record) -> bool {
        let (source, version) = record.source();
        !record.key().architecture.is_source() && self.names_text(source.as_str(), &version)
    }

    fn names_text(&self, name: &str, version: &Version) -> bool {
        let named = match &self.name {
            Name::Exact(own) => own.as_str() == name,
            Name::Pattern(pattern) => pattern.matches(name),
        };
        let is_allowed = |(operator, own): &(Operator, Version)| operator.allows(version.cmp(own));
        named && self.version.as_ref().is_none_or(is_allowed)
    }

    /// Every record of a suite that is meant, in order. An exact name reads only the chunks that can hold it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn all_in(&self, revision: &Revision<'_>, suite: &SuiteName) -> Result<Vec<Arc<Record>>, Error> {
        let mut records = match &self.name {
            Name::Exact(name) => revision.versions(suite, name)?,
            Name::Pattern(_) => revision.records(suite)?,
        };
        records.retain(|record| self.matches(record));
        Ok(records)
    }

    /// Like [`all_in`](Self::all_in), but unless one version is asked for only what machines would install of these: for each architecture
    /// the newest version that is built for it or for `all`. A build for one architecture may be behind the others, and a version for `all` may be
    /// what an architecture has that newer ones are not built for. A source package and a binary package of one name are two packages.
    ///
    /// The machines are those of `architectures`, and of any other when it is empty.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn newest_in(
        &self,
        revision: &Revision<'_>,
        suite: &SuiteName,
        architectures: &[Architecture],
    ) -> Result<Vec<Arc<Record>>, Error> {
        let records = self.all_in(revision, suite)?;
        if self.names_a_version() {
            return Ok(records);
        }
        let places = candidates::is_newest(records.iter().map(|record| record.key()), architectures);
        let newest = records.into_iter().zip(places).filter(|(_, is_newest)| *is_newest);
        Ok(newest.map(|(record, _)| record).collect())
    }

    /// Every binary package of a suite that was built from a source of that name, which no package needs to have; unless a version of the
    /// source is asked for, for each architecture what was built from the newest one.
    pub(crate) fn built_in(
        &self,
        revision: &Revision<'_>,
        suite: &SuiteName,
    ) -> Result<Vec<Arc<Record>>, Error> {
        let mut records = revision.records(suite)?;
        records.retain(|record| self.names_source_of(record));
        if self.names_a_version() {
            return Ok(records);
        }
        let mut newest: BTreeMap<(SourceName, Build), Version> = BTreeMap::new();
        let of = |record: &Record| {
            let (source, version) = record.source();
            ((source, record.key().architecture.clone()), version)
        };
        for record in &records {
            let (build, version) = of(record);
            let known = newest.entry(build).or_insert_with(|| version.clone());
            if *known < version {
                *known = version;
            }
        }
        records.retain(|record| {
            let (build, version) = of(record);
            newest.get(&build) == Some(&version)
        });
        Ok(records)
    }
}

crate::model::serialized::written!(Selector);

impl<'de> serde::Deserialize<'de> for Selector {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: String = serde::Deserialize::deserialize(deserializer)?;
        text.parse().map_err(<D::Error as serde::de::Error>::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_named(text: &str, name: &str, version: &str) -> bool {
        let selector: Selector = text.parse().unwrap();
        selector.names(&PackageName::parse(name).unwrap(), &Version::parse(version).unwrap())
    }

    #[test]
    fn a_version_may_have_to_meet_a_condition() {
        for (text, version, is_meant) in [
            ("aa (>= 1.10)", "1.10", true),
            ("aa (>= 1.10)", "1.9", false),
            ("aa(>>1.9)", "1.10", true),
            ("aa (>> 1.10)", "1.10", false),
            ("a* (<< 1:0)", "2.0", true),
            ("aa (<= 1.0)", "1.0~rc1", true),
            ("aa (= 1.0)", "1.0-0", true),
            ("aa=1.0", "1.0", true),
            ("?? ( << 2 )", "1", true),
            ("bb (>= 1)", "1", false),
        ] {
            assert_eq!(is_named(text, "aa", version), is_meant, "{text} {version}");
        }
        let names_one = |text: &str| text.parse::<Selector>().unwrap().names_a_version();
        assert!(
            names_one("aa (= 1.0)") && names_one("aa=1.0") && !names_one("aa (>= 1.0)") && !names_one("aa")
        );
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for text in [
            "aa (1.0)",
            "aa (< 1.0)",
            "aa (> 1.0)",
            "aa (>= 1.0",
            "aa ()",
            "aa (>= )",
            "aa (>= 1.0) x",
            "(>= 1.0)",
        ] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
        let refused = "aa (< 1.0)".parse::<Selector>().unwrap_err();
        assert_eq!(refused, SelectorError::Condition { condition: "< 1.0".to_owned() });
    }
}

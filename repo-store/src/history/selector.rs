use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use deb_parse::{PackageName, SuiteName, Version};
use wildmatch::WildMatch;

use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::record::{Build, Record};

/// Which packages are meant: `hello`, `hello=2.10-3`, `lib*`, `*=1.0`.
///
/// In a name, `*` stands for any run of characters and `?` for one.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    text: String,
    name: Name,
    version: Option<Version>,
}

#[derive(Clone, Debug, PartialEq)]
enum Name {
    Exact(PackageName),
    Pattern(WildMatch),
}

impl FromStr for Selector {
    type Err = deb_parse::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, version) = match text.split_once('=') {
            Some((name, version)) => (name, Some(Version::parse(version)?)),
            None => (text, None),
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

    /// Returns whether a version of a package is meant.
    #[must_use]
    pub fn names(&self, package: &PackageName, version: &Version) -> bool {
        let named = match &self.name {
            Name::Exact(name) => name == package,
            Name::Pattern(pattern) => pattern.matches(package.as_str()),
        };
        named && self.version.as_ref().is_none_or(|own| own == version)
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

    /// Like [`all_in`](Self::all_in), but of each package only the newest version for each architecture, unless a version is asked
    /// for: a build for one architecture may be behind the others. Of a package that came to be for `all`, or ceased to be, the newer of
    /// the two forms is taken. A source package and a binary package of one name are two packages.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn newest_in(&self, revision: &Revision<'_>, suite: &SuiteName) -> Result<Vec<Arc<Record>>, Error> {
        let records = self.all_in(revision, suite)?;
        if self.version.is_some() {
            return Ok(records);
        }
        // In the order of keys the newest version of a package comes last.
        let mut newest: Vec<Arc<Record>> = Vec::new();
        for record in records.into_iter().rev() {
            let key = record.key();
            let replaces = |other: &&Arc<Record>| {
                let (own, other) = (&key.architecture, &other.key().architecture);
                own == other || (is_binary(own) && is_binary(other) && (is_all(own) || is_all(other)))
            };
            // Of the name before this one nothing follows, so few are looked at.
            let mut this_name = newest.iter().rev().take_while(|other| other.key().package == key.package);
            if this_name.all(|other| !replaces(&other) || other.key().version == key.version) {
                newest.push(record);
            }
        }
        newest.reverse();
        Ok(newest)
    }
}

fn is_binary(build: &Build) -> bool {
    !build.is_source()
}

fn is_all(build: &Build) -> bool {
    matches!(build, Build::For(architecture) if architecture.is_all())
}

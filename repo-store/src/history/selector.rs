use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use deb_parse::{Architecture, PackageName, SourceName, SuiteName, Version};
use wildmatch::WildMatch;

use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::candidates;
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

    /// Returns whether one version is named, and not the newest meant.
    #[must_use]
    pub fn names_a_version(&self) -> bool {
        self.version.is_some()
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

    /// Like [`all_in`](Self::all_in), but unless a version is asked for only what machines would install: for each architecture the newest
    /// version that is built for it or for `all`. A build for one architecture may be behind the others, and a version for `all` may be
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
        if self.version.is_some() {
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
        if self.version.is_some() {
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

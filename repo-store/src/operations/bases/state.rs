//! What a base is at the time of a check.

use std::fmt;

use apt_solve::{Builder, SourceId};
use deb_parse::{Architecture, SuiteName, deb822};
use jiff::{SignedDuration, Timestamp};

use super::{KeptArchive, KeptBases};
use crate::error::Error;
use crate::model::base_index;
use crate::model::commit::one_line;
use crate::model::id::SnapshotId;
use crate::model::in_words::duration_in_words;
use crate::model::record::Record;
use crate::settings::base::{Base, BaseSource};
use crate::storage::StorageError;
use crate::store::Store;

/// A base of the settings, with what the store knows of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BaseInUse {
    /// What the settings say.
    pub base: Base,
    /// What the store has.
    pub state: BaseState,
}

/// What the store has of a base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseState {
    /// Nothing: it was never read.
    Missing,
    /// What was last read of it.
    Kept(Vec<KeptArchive>),
    /// A suite of the store: its present content; `None` when it has none.
    Suite(Option<SnapshotId>),
}

/// Why a base cannot vouch for anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BaseFault {
    /// It was never read.
    Missing,
    /// It was last seen to be up to date too long ago.
    TooOld {
        /// How long ago.
        age: SignedDuration,
        /// How long at most.
        max_age: SignedDuration,
    },
}

impl BaseInUse {
    /// Returns since when the base is known to be as it is: the time of the archive that was checked longest ago. `None` for one that
    /// was never read, and for a suite of the store, which is up to date.
    #[must_use]
    pub fn seen(&self) -> Option<Timestamp> {
        match &self.state {
            BaseState::Kept(archives) => archives.iter().map(|archive| archive.seen).min(),
            BaseState::Missing | BaseState::Suite(_) => None,
        }
    }

    /// Returns for how long the base was not seen to be up to date. A clock that was wrong makes nothing younger than new.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        self.seen().map(|seen| now.duration_since(seen).max(SignedDuration::ZERO))
    }

    /// Returns why the base cannot vouch for anything at that time, if it cannot.
    #[must_use]
    pub fn fault(&self, now: Timestamp) -> Option<BaseFault> {
        if self.state == BaseState::Missing {
            return Some(BaseFault::Missing);
        }
        let (age, max_age) = self.age(now).zip(self.base.max_age)?;
        (age > max_age).then_some(BaseFault::TooOld { age, max_age })
    }

    /// Returns the sentence about a fault.
    #[must_use]
    pub fn in_words(&self, fault: BaseFault) -> String {
        let Base { suite, source, .. } = &self.base;
        match fault {
            BaseFault::Missing => format!("the base {source} of {suite} was never updated"),
            BaseFault::TooOld { age, max_age } => format!(
                "the base {source} of {suite} was last updated {} ago, and counts for {}",
                duration_in_words(age),
                duration_in_words(max_age)
            ),
        }
    }

    /// Adds the packages for such machines to a universe, and returns the source that they are in.
    ///
    /// # Errors
    /// When the store cannot be read, or the universe would become too large.
    pub fn add_to(
        &self,
        store: &Store,
        builder: &mut Builder,
        architecture: &Architecture,
    ) -> Result<SourceId, Error> {
        let name = self.base.source.to_string();
        let source = builder.add_source(&name);
        match &self.state {
            BaseState::Missing => {}
            BaseState::Kept(archives) => {
                let indices = archives.iter().flat_map(|archive| &archive.indices);
                for index in indices.filter(|index| index.is_for(architecture.as_str())) {
                    let text = base_index::read(&store.objects(), index.id)?;
                    builder.read(source, &text[..]).map_err(|error| unreadable(&name, &error))?;
                }
            }
            BaseState::Suite(snapshot) => {
                for record in store.empty_or(*snapshot)?.iterate(store.objects()) {
                    let record = record?;
                    add_record(builder, source, &record);
                }
            }
        }
        Ok(source)
    }
}

impl fmt::Display for BaseInUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.base.source.fmt(f)
    }
}

/// Adds the package of a record, if it can be installed on machines at all. One with relations that break their grammar is left out: dpkg does
/// not install it.
pub fn add_record(builder: &mut Builder, source: SourceId, record: &Record) -> Option<apt_solve::PackageId> {
    if !record.is_for_machines() {
        return None;
    }
    let paragraph = deb822::paragraphs(record.stanza()).next()?;
    builder.add(source, paragraph).ok().flatten()
}

fn unreadable(name: &str, error: &apt_solve::Error) -> Error {
    StorageError::damaged("index of a base", &name, error.to_string()).into()
}

/// See [`Store::bases_of`].
pub(crate) fn bases_of<'b>(
    store: &Store,
    bases: impl IntoIterator<Item = &'b Base>,
    suite: &SuiteName,
) -> Result<Vec<BaseInUse>, Error> {
    let mut known = None;
    let mut found = Vec::new();
    for base in bases.into_iter().filter(|base| base.suite == *suite) {
        let state = match &base.source {
            BaseSource::Path(path) => {
                let kept = match &known {
                    Some(kept) => kept,
                    None => known.insert(KeptBases::load(store.storage())?),
                };
                kept.find(suite, &one_line(path.as_str()))
                    .map_or(BaseState::Missing, |kept| BaseState::Kept(kept.archives.clone()))
            }
            BaseSource::Suite { repository, suite } => {
                let head = store.head(repository)?;
                BaseState::Suite(head.and_then(|head| head.commit().suites.get(suite).copied()))
            }
        };
        found.push(BaseInUse { base: base.clone(), state });
    }
    Ok(found)
}

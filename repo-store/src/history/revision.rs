use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::{PackageName, SuiteName, Version};
use jiff::Timestamp;
use memchr::memmem::Finder;

use crate::error::{Error, HistoryError};
use crate::history::horizon::Ends;
use crate::history::tags::tagged;
use crate::model::chunk::Chunk;
use crate::model::commit::Commit;
use crate::model::difference::chunks_of_one_only;
use crate::model::hold::{Hold, Holds};
use crate::model::id::CommitId;
use crate::model::lookup::Lookup;
use crate::model::name::{RepositoryName, TagName};
use crate::model::record::{Record, RecordKey, UpdatePercentage};
use crate::model::snapshot::Snapshot;
use crate::model::suite_records::SuiteRecords;
use crate::store::Store;

/// A repository as it was after one of its commits.
#[derive(Debug)]
pub struct Revision<'a> {
    store: &'a Store,
    repository: RepositoryName,
    id: CommitId,
    commit: Commit,
}

impl<'a> Revision<'a> {
    pub(crate) fn new(store: &'a Store, repository: RepositoryName, id: CommitId, commit: Commit) -> Self {
        Self { store, repository, id, commit }
    }

    pub(crate) fn store(&self) -> &'a Store {
        self.store
    }

    /// The id of the commit.
    #[must_use]
    pub fn id(&self) -> CommitId {
        self.id
    }

    /// The commit.
    #[must_use]
    pub fn commit(&self) -> &Commit {
        &self.commit
    }

    /// The repository it is a state of.
    #[must_use]
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// The content of a suite; empty when the repository had nothing in it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn snapshot(&self, suite: &SuiteName) -> Result<Snapshot, Error> {
        self.store.empty_or(self.commit.suites.get(suite).copied())
    }

    /// Every record of a suite, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn records(&self, suite: &SuiteName) -> Result<Vec<Arc<Record>>, Error> {
        Ok(self.snapshot(suite)?.iterate(self.store.objects()).collect::<Result<_, _>>()?)
    }

    /// Every version and architecture of a package in a suite, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn versions(&self, suite: &SuiteName, package: &PackageName) -> Result<Vec<Arc<Record>>, Error> {
        Ok(Lookup::new(self.store.objects()).versions(&self.snapshot(suite)?, package)?)
    }

    /// Returns every version and architecture of all these packages in a suite, in order. Each part of the suite is read once.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn versions_of_all(
        &self,
        suite: &SuiteName,
        packages: &BTreeSet<PackageName>,
    ) -> Result<Vec<Arc<Record>>, Error> {
        Ok(self.snapshot(suite)?.versions_of_all(&self.store.objects(), packages)?)
    }

    /// The record of one key in a suite.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn get(&self, suite: &SuiteName, key: &RecordKey) -> Result<Option<Arc<Record>>, Error> {
        Ok(Lookup::new(self.store.objects()).find(&self.snapshot(suite)?, key)?)
    }

    /// The state before this one; `None` for the first, and for the first that the history [keeps](crate::history::KeepHistory).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn parent(&self) -> Result<Option<Self>, Error> {
        let Some(id) = self.commit.parent else { return Ok(None) };
        // Of what is before the end of the history a part may be gone and another not yet.
        let oldest = Ends::load(self.store, &self.repository)?.oldest();
        if oldest.is_some_and(|oldest| self.commit.sequence <= oldest) {
            return Ok(None);
        }
        self.store.revision(&self.repository, id).map(Some)
    }

    /// Returns whether this is the first state that the history [keeps](crate::history::KeepHistory) although another one was before it: what it
    /// changed is not known any more.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_cut_off(&self) -> Result<bool, Error> {
        Ok(self.commit.parent.is_some() && self.parent()?.is_none())
    }

    /// Returns whether this state is a commit with that sequence number or was built upon it.
    pub(crate) fn is_built_on(&self, id: CommitId, sequence: u64) -> Result<bool, Error> {
        let (mut at, mut commit) = (self.id, self.commit.clone());
        while commit.sequence > sequence
            && let Some(parent) = commit.parent
        {
            (at, commit) = (parent, Commit::read(&self.store.objects(), parent)?);
        }
        Ok(at == id)
    }

    /// What each suite has now and had not before, and the other way round. Suites that did not change are left out. Nothing when that
    /// [is not known any more](Self::is_cut_off).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn changes(&self) -> Result<BTreeMap<SuiteName, crate::model::difference::Difference>, Error> {
        self.changes_in(&[])
    }

    /// [`changes`](Self::changes) of these suites only; of all when none is named.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn changes_in(
        &self,
        wanted: &[SuiteName],
    ) -> Result<BTreeMap<SuiteName, crate::model::difference::Difference>, Error> {
        let before = self.parent()?;
        let mut changes = BTreeMap::new();
        if before.is_none() && self.commit.parent.is_some() {
            return Ok(changes);
        }
        let mut suites: Vec<&SuiteName> = self.commit.suites.keys().collect();
        suites.extend(before.iter().flat_map(|parent| parent.commit.suites.keys()));
        suites.sort_unstable();
        suites.dedup();
        for suite in suites.into_iter().filter(|suite| wanted.is_empty() || wanted.contains(suite)) {
            let old = before.as_ref().and_then(|parent| parent.commit.suites.get(suite).copied());
            let new = self.commit.suites.get(suite).copied();
            if old != new {
                let (old, new) = (self.store.empty_or(old)?, self.store.empty_or(new)?);
                changes.insert(suite.clone(), self.store.difference(&old, &new)?.apart_from_percentages());
            }
        }
        Ok(changes)
    }
}

impl Revision<'_> {
    /// Returns what was taken out of the repository and is to stay out, in the order of keys.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn holds(&self) -> Result<Vec<Hold>, Error> {
        Ok(self.hold_list()?.iter().cloned().collect())
    }

    pub(crate) fn hold_list(&self) -> Result<Holds, Error> {
        Ok(Holds::read(&self.store.objects(), self.commit.holds)?)
    }

    /// Returns the records of a suite that contain one of these words, but for those that stand in a run of records that `other` has as
    /// well: runs that two repositories share are not read.
    pub(crate) fn records_that_say(
        &self,
        suite: &SuiteName,
        words: &[String],
        other: Option<&Revision<'_>>,
    ) -> Result<Vec<Arc<Record>>, Error> {
        let finders: Vec<Finder<'_>> = words.iter().map(|word| Finder::new(word.as_bytes())).collect();
        let objects = self.store.objects();
        let known = other.map_or_else(|| Ok(Snapshot::default()), |other| other.snapshot(suite))?;
        let (unknown, _) = chunks_of_one_only(&objects, &self.snapshot(suite)?, &known)?;
        let mut found = Vec::new();
        for id in unknown {
            let chunk = Chunk::read(&objects, id)?;
            for place in 0..chunk.len() {
                if finders.iter().any(|finder| finder.find(chunk.text(place)).is_some()) {
                    found.push(chunk.record(place)?);
                }
            }
        }
        Ok(found)
    }

    /// Returns the packages that go to a share of the machines alone.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn phased(&self) -> Result<SuiteRecords, Error> {
        let mut found = SuiteRecords::default();
        for suite in self.commit.suites.keys() {
            let records = self.records_that_say(suite, &[UpdatePercentage::FIELD.to_owned()], None)?;
            for record in records.into_iter().filter(|record| record.update_percentage().is_some()) {
                found.push(suite, record);
            }
        }
        Ok(found)
    }

    /// Whether any suite has that version of a package, for any architecture.
    pub(crate) fn has_version(&self, package: &PackageName, version: &Version) -> Result<bool, Error> {
        let mut lookup = Lookup::new(self.store.objects());
        for suite in self.commit.suites.keys() {
            if lookup.has_version([&self.snapshot(suite)?], package, version)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// See [`Store::history`].
pub(crate) fn history<'a>(
    store: &'a Store,
    repository: &RepositoryName,
) -> impl Iterator<Item = Result<Revision<'a>, Error>> + 'a {
    let ends = Ends::load(store, repository);
    let oldest = ends.as_ref().ok().and_then(|ends| ends.oldest());
    let mut next = Some(ends.and_then(|_| store.head(repository)));
    std::iter::from_fn(move || {
        let revision = match next.take()? {
            Ok(None) => return None,
            Ok(Some(revision)) => revision,
            Err(error) => return Some(Err(error)),
        };
        let goes_on = oldest.is_none_or(|oldest| revision.commit.sequence > oldest);
        let parent = revision.commit.parent.filter(|_| goes_on);
        next = parent.map(|id| store.revision(&revision.repository, id).map(Some));
        Some(Ok(revision))
    })
}

/// See [`Store::resolve`].
pub(crate) fn resolve<'a>(
    store: &'a Store,
    repository: &RepositoryName,
    revision: &str,
) -> Result<Revision<'a>, Error> {
    if let Ok(tag) = TagName::parse(revision)
        && let Some(id) = tagged(store.storage(), repository, &tag)?
    {
        return store.revision(repository, id);
    }
    let wanted = Wanted::parse(revision);
    let mut current = None;
    let mut oldest = None;
    for candidate in store.history(repository) {
        let candidate = candidate?;
        oldest = Some(candidate.commit.date);
        let current = *current.get_or_insert(candidate.commit.sequence);
        if wanted.as_ref().is_some_and(|wanted| wanted.is(&candidate, current)) {
            return Ok(candidate);
        }
    }
    let revision = revision.escape_debug().take(100).collect();
    let repository = repository.clone();
    Err(match (wanted, oldest) {
        (Some(Wanted::Until(_)), Some(begins)) => {
            Error::History(HistoryError::BeforeHistory { repository, revision, begins })
        }
        _ => {
            let known = store.tags(&repository)?.into_iter().map(|tag| tag.name).collect();
            Error::History(HistoryError::UnknownRevision { repository, revision, known })
        }
    })
}

/// What the text of a revision asks for.
enum Wanted {
    Sequence(u64),
    /// So many states before the current one.
    Before(u64),
    Id(String),
    Until(Timestamp),
}

impl Wanted {
    fn parse(text: &str) -> Option<Self> {
        if text.len() < 8 && text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().ok().map(Self::Sequence);
        }
        if let Some(number) =
            text.strip_prefix('-').filter(|number| number.bytes().all(|b| b.is_ascii_digit()))
        {
            return number.parse().ok().map(Self::Before);
        }
        if text.len() >= 8 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Some(Self::Id(text.to_ascii_lowercase()));
        }
        let end_of_day = || format!("{text}T23:59:59.999999999Z").parse().ok();
        text.parse().ok().or_else(end_of_day).map(Self::Until)
    }

    /// Whether that is the state, when the current one has the number `current`.
    fn is(&self, revision: &Revision<'_>, current: u64) -> bool {
        match self {
            Self::Sequence(number) => revision.commit.sequence == *number,
            Self::Before(number) => current.checked_sub(*number) == Some(revision.commit.sequence),
            Self::Id(digits) => revision.id.to_string().starts_with(digits.as_str()),
            Self::Until(time) => revision.commit.date <= *time,
        }
    }
}

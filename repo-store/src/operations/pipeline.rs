//! Where versions stand on their way through repositories that follow each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use deb_parse::{SourceName, SuiteName, Version};
use jiff::{SignedDuration, Timestamp};

use crate::error::Error;
use crate::history::dates::Dates;
use crate::history::revision::Revision;
use crate::model::gate_rule::GateViolation;
use crate::model::hold::HoldCause;
use crate::model::lookup::Lookup;
use crate::model::name::RepositoryName;
use crate::model::record::{Record, RecordKey};
use crate::model::snapshot::Snapshot;
use crate::operations::arrivals::{Asked, Enough, each_arrival};
use crate::operations::promotion::{PromoteOptions, plan_promotion};
use crate::settings::RepositorySettings;
use crate::store::Store;

/// How far a version of a source has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Something keeps it out of the next repository.
    Started,
    /// It can be promoted to the next repository.
    Finished,
    /// It is in the last repository.
    Released,
    /// The next repository has a newer version already, or a newer one is finished.
    Superseded,
}

impl Stage {
    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Finished => "finished",
            Self::Released => "released",
            Self::Superseded => "superseded",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What keeps a version out of the next repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Blocker {
    /// A rule of a gate, a freeze or a reissue.
    Gate(GateViolation),
    /// The repository holds it since that change.
    Hold(HoldCause),
}

/// A version of a source in one of the repositories.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct InPipeline {
    /// The source.
    pub source: SourceName,
    /// Its version.
    pub version: Version,
    /// The repository that it has come to.
    pub repository: RepositoryName,
    /// The repository that comes next; `None` in the last.
    pub next: Option<RepositoryName>,
    /// The newest version of the source that the next repository has.
    pub next_has: Option<Version>,
    /// How far it has come.
    pub stage: Stage,
    /// What of it the next repository lacks; in the last repository what that has of it.
    pub packages: Vec<RecordKey>,
    /// The suites that these are in.
    pub suites: BTreeSet<SuiteName>,
    /// Since when the last of these is in the repository.
    pub since: Timestamp,
    /// Who brought it there.
    pub actor: String,
    /// The number of the change that did.
    pub sequence: u64,
    /// What keeps it out of the next repository, each with the packages that it is about.
    #[serde(serialize_with = "blockers_as_list")]
    pub blockers: BTreeMap<Blocker, BTreeSet<RecordKey>>,
}

/// What keeps a version out, as serde writes it: no list of keys can be the key of a map.
fn blockers_as_list<S: serde::Serializer>(
    blockers: &BTreeMap<Blocker, BTreeSet<RecordKey>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    /// One of them, with the packages that it is about.
    #[derive(serde::Serialize)]
    struct Blocked<'a> {
        blocker: &'a Blocker,
        packages: &'a BTreeSet<RecordKey>,
    }

    serializer.collect_seq(blockers.iter().map(|(blocker, packages)| Blocked { blocker, packages }))
}

/// What is asked of a pipeline.
#[derive(Clone, Debug)]
pub struct PipelineOptions {
    /// Only these suites; all when empty.
    pub suites: Vec<SuiteName>,
    /// Of the last repository, what came to it in that time; `None` for everything that it has.
    pub released_within: Option<SignedDuration>,
    /// Also versions that newer ones have overtaken.
    pub superseded: bool,
}

impl Default for PipelineOptions {
    /// Everything that is on its way, and what was released within a week.
    fn default() -> Self {
        Self {
            suites: Vec::new(),
            released_within: Some(SignedDuration::from_hours(7 * 24)),
            superseded: false,
        }
    }
}

/// See [`Store::pipeline`].
pub(crate) fn pipeline(
    store: &Store,
    channels: &[&RepositorySettings],
    options: &PipelineOptions,
    now: Timestamp,
) -> Result<Vec<InPipeline>, Error> {
    let mut found = Vec::new();
    for (from, to) in channels.iter().zip(channels.iter().skip(1)) {
        let waiting = waiting(store, (from, to), options, now)?;
        found.extend(waiting.into_iter().filter(|one| options.superseded || one.stage != Stage::Superseded));
    }
    if let Some(last) = channels.last() {
        found.extend(released(store, last, options, now)?);
    }
    found.sort_by(|a, b| (&a.source, &b.version, &a.repository).cmp(&(&b.source, &a.version, &b.repository)));
    Ok(found)
}

/// What belongs to one version of a source.
#[derive(Default)]
struct Group {
    records: BTreeMap<RecordKey, (Arc<Record>, BTreeSet<SuiteName>)>,
    blockers: BTreeMap<Blocker, BTreeSet<RecordKey>>,
}

impl Group {
    fn suites(&self) -> BTreeSet<&SuiteName> {
        self.records.values().flat_map(|(_, suites)| suites).collect()
    }

    fn block(&mut self, blocker: Blocker, record: &Record) {
        self.blockers.entry(blocker).or_default().insert(record.key().clone());
    }
}

type Groups = BTreeMap<(SourceName, Version), Group>;

/// The newest version of each source in each suite.
fn newest<'g>(
    groups: impl Iterator<Item = (&'g (SourceName, Version), &'g Group)>,
) -> BTreeMap<(&'g SourceName, &'g SuiteName), &'g Version> {
    let mut newest = BTreeMap::new();
    for ((source, version), group) in groups {
        for suite in group.suites() {
            let known = newest.entry((source, suite)).or_insert(version);
            *known = version.max(known);
        }
    }
    newest
}

fn push<'g>(groups: &'g mut Groups, record: &Arc<Record>, suites: BTreeSet<SuiteName>) -> &'g mut Group {
    let group = groups.entry(record.source()).or_default();
    let known = group.records.entry(record.key().clone());
    known.or_insert_with(|| (Arc::clone(record), BTreeSet::new())).1.extend(suites);
    group
}

/// What a repository has and the next one lacks.
fn waiting(
    store: &Store,
    (from, to): (&RepositorySettings, &RepositorySettings),
    options: &PipelineOptions,
    now: Timestamp,
) -> Result<Vec<InPipeline>, Error> {
    let request = PromoteOptions {
        everything: true,
        suites: options.suites.clone(),
        now: Some(now),
        ..PromoteOptions::default()
    };
    let plan = plan_promotion(store, from, to, &request)?;
    let (source, target) = (store.head(&from.name)?, store.head(&to.name)?);
    let Some(source) = source else { return Ok(Vec::new()) };
    let suites = from.suites.iter().map(|suite| &suite.name).filter(|suite| {
        to.suite(suite).is_some() && (options.suites.is_empty() || options.suites.contains(suite))
    });
    let suites: Vec<&SuiteName> = suites.collect();
    let suites_of = |record: &Record| -> Result<BTreeSet<SuiteName>, Error> {
        let mut found = BTreeSet::new();
        for suite in &suites {
            let there = source.get(suite, record.key())?;
            found.extend(there.is_some_and(|there| there.blob() == record.blob()).then(|| (*suite).clone()));
        }
        Ok(found)
    };
    let mut groups = Groups::new();
    for (record, suites) in plan.changes().by_record() {
        push(&mut groups, &record, suites.into_iter().collect());
    }
    for (record, hold) in plan.held() {
        let group = push(&mut groups, record, suites_of(record)?);
        group.block(Blocker::Hold(hold.cause.clone()), record);
    }
    for (record, violations) in plan.gated() {
        let group = push(&mut groups, record, suites_of(record)?);
        violations.iter().for_each(|violation| group.block(Blocker::Gate(violation.clone()), record));
    }
    let arrivals = Arrivals::of(store, &from.name, &groups, now)?;
    // Each release may have a version of its own.
    let finished = newest(groups.iter().filter(|(_, group)| group.blockers.is_empty()));
    let mut newest_there = NewestThere::new(store, target.as_ref());
    let mut found = Vec::new();
    for ((source, version), group) in &groups {
        let there = newest_there.of(source, group)?;
        let is_newer = |known: Option<&Version>| known.is_some_and(|known| known > version);
        let is_overtaken = group
            .suites()
            .iter()
            .all(|suite| is_newer(there.get(*suite)) || is_newer(finished.get(&(source, *suite)).copied()));
        let stage = match () {
            () if is_overtaken => Stage::Superseded,
            () if group.blockers.is_empty() => Stage::Finished,
            () => Stage::Started,
        };
        let next_has = there.into_values().max();
        let mut one = arrivals.describe((source, version), group, (&from.name, stage));
        one.next = Some(to.name.clone());
        one.next_has = next_has;
        one.blockers.clone_from(&group.blockers);
        found.push(one);
    }
    Ok(found)
}

/// The newest versions that the last repository has of each source, or those that came lately.
fn released(
    store: &Store,
    last: &RepositorySettings,
    options: &PipelineOptions,
    now: Timestamp,
) -> Result<Vec<InPipeline>, Error> {
    let Some(head) = store.head(&last.name)? else { return Ok(Vec::new()) };
    let before = options.released_within.map(|within| state_before(store, &last.name, now, within));
    let before = before.transpose()?.flatten();
    let mut groups = Groups::new();
    let asked = |suite: &&SuiteName| options.suites.is_empty() || options.suites.contains(suite);
    for suite in last.suites.iter().map(|suite| &suite.name).filter(asked) {
        let old = before.as_ref().map(|before| before.snapshot(suite)).transpose()?.unwrap_or_default();
        for record in store.difference(&old, &head.snapshot(suite)?)?.apart_from_percentages().only_second {
            push(&mut groups, &record, BTreeSet::from([suite.clone()]));
        }
    }
    let newest_of = newest(groups.iter());
    let is_newest = |source: &SourceName, version: &Version, group: &Group| {
        group
            .suites()
            .iter()
            .any(|suite| newest_of.get(&(source, suite)).is_some_and(|newest| *newest == version))
    };
    let arrivals = Arrivals::of(store, &last.name, &groups, now)?;
    let describe = |((source, version), group): (&(SourceName, Version), &Group)| {
        let stage = if is_newest(source, version, group) { Stage::Released } else { Stage::Superseded };
        arrivals.describe((source, version), group, (&last.name, stage))
    };
    let found = groups.iter().map(describe);
    Ok(found.filter(|one| options.superseded || one.stage != Stage::Superseded).collect())
}

/// The last state of a repository that is older than that; `None` when all are younger.
fn state_before<'s>(
    store: &'s Store,
    repository: &RepositoryName,
    now: Timestamp,
    within: SignedDuration,
) -> Result<Option<Revision<'s>>, Error> {
    let mut dates = Dates::until(now);
    for revision in store.history(repository) {
        let revision = revision?;
        if now.duration_since(dates.corrected(revision.commit().date)) > within {
            return Ok(Some(revision));
        }
    }
    Ok(None)
}

/// Which change brought what is there last.
struct Arrived {
    date: Timestamp,
    actor: String,
    sequence: u64,
}

struct Arrivals(BTreeMap<(SuiteName, RecordKey), Arrived>);

impl Arrivals {
    fn of(
        store: &Store,
        repository: &RepositoryName,
        groups: &Groups,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let mut asked = Asked::new();
        for (record, suites) in groups.values().flat_map(|group| group.records.values()) {
            for suite in suites {
                asked.entry(suite.clone()).or_default().insert(record.key().clone());
            }
        }
        let all = asked.values().map(BTreeSet::len).sum::<usize>();
        let found = std::cell::RefCell::new(BTreeMap::new());
        if all > 0 {
            let note = |suite: &SuiteName, key: &RecordKey, (state, date): (&Revision<'_>, Timestamp)| {
                let commit = state.commit();
                // The newest comes first, and what was there before it does not count.
                found.borrow_mut().entry((suite.clone(), key.clone())).or_insert_with(|| Arrived {
                    date,
                    actor: commit.actor.clone(),
                    sequence: commit.sequence,
                });
            };
            let is_enough = |_| (found.borrow().len() >= all).then_some(Enough::All);
            each_arrival(store, (repository, &asked, now), note, is_enough)?;
        }
        Ok(Self(found.into_inner()))
    }

    fn describe(
        &self,
        (source, version): (&SourceName, &Version),
        group: &Group,
        (repository, stage): (&RepositoryName, Stage),
    ) -> InPipeline {
        let keys = group
            .records
            .iter()
            .flat_map(|(key, (_, suites))| suites.iter().map(move |suite| (suite.clone(), key.clone())));
        let last = keys.filter_map(|key| self.0.get(&key)).max_by_key(|arrived| arrived.sequence);
        let suites = group.records.values().flat_map(|(_, suites)| suites.iter().cloned()).collect();
        InPipeline {
            source: source.clone(),
            version: version.clone(),
            repository: repository.clone(),
            next: None,
            next_has: None,
            stage,
            packages: group.records.keys().cloned().collect(),
            suites,
            since: last.map_or(Timestamp::UNIX_EPOCH, |arrived| arrived.date),
            actor: last.map(|arrived| arrived.actor.clone()).unwrap_or_default(),
            sequence: last.map_or(0, |arrived| arrived.sequence),
            blockers: BTreeMap::new(),
        }
    }
}

/// The newest versions of sources in a repository.
struct NewestThere<'a> {
    target: Option<&'a Revision<'a>>,
    /// The content of the suites that were looked at.
    snapshots: BTreeMap<SuiteName, Snapshot>,
    lookup: Lookup<'a>,
}

impl<'a> NewestThere<'a> {
    fn new(store: &'a Store, target: Option<&'a Revision<'a>>) -> Self {
        Self { target, snapshots: BTreeMap::new(), lookup: Lookup::new(store.objects()) }
    }

    /// In each suite that something waits for, by the packages of the same names.
    fn of(&mut self, source: &SourceName, group: &Group) -> Result<BTreeMap<SuiteName, Version>, Error> {
        let mut newest: BTreeMap<SuiteName, Version> = BTreeMap::new();
        let Some(target) = self.target else { return Ok(newest) };
        for (record, suites) in group.records.values() {
            for suite in suites {
                if !self.snapshots.contains_key(suite) {
                    self.snapshots.insert(suite.clone(), target.snapshot(suite)?);
                }
                let there = self.snapshots.get(suite);
                let versions = there.map(|there| self.lookup.versions(there, &record.key().package));
                for found in versions.transpose()?.unwrap_or_default() {
                    let (name, version) = found.source();
                    if name == *source && newest.get(suite).is_none_or(|known| *known < version) {
                        newest.insert(suite.clone(), version);
                    }
                }
            }
        }
        Ok(newest)
    }
}

crate::model::serialized::written!(Stage);

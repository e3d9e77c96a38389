//! Which versions on their way from one repository to another do not meet the gates of the latter.

use std::collections::BTreeMap;

use deb_parse::SuiteName;
use jiff::{SignedDuration, Timestamp};

use crate::error::Error;
use crate::history::revision::Revision;
use crate::history::tags::Tag;
use crate::model::approval::Approval;
use crate::model::freeze::{Freeze, WeeklyFreeze};
use crate::model::gate_rule::GateViolation;
use crate::model::lookup::Lookup;
use crate::model::name::{RepositoryName, TagName};
use crate::model::record::{Record, RecordKey};
use crate::model::snapshot::Snapshot;
use crate::operations::age::{Ages, CountedFrom, Found};
use crate::operations::approvals::Approvals;
use crate::operations::freezes;
use crate::settings::gate::{self, Arrival, ArrivalSource, Gate};
use crate::store::Store;

/// The way from one repository to another.
pub(crate) struct Passage<'a> {
    from: &'a RepositoryName,
    to: &'a RepositoryName,
    gates: &'a [Gate],
    target: Option<&'a Revision<'a>>,
    /// The content of the suites of the target that were looked at.
    snapshots: BTreeMap<SuiteName, Snapshot>,
    lookup: Lookup<'a>,
    /// The present time, and since when everything that comes is in the source; `None` when nothing has any age.
    ages: Option<(Timestamp, Found)>,
    /// The approvals in the repository that it leads from, if a gate asks for some.
    approvals: Option<Approvals>,
    /// The states of the repository that it leads from which have tags that a gate asks for.
    tagged: Vec<TaggedState<'a>>,
    /// The freeze of the repository that it leads to.
    freeze: Option<Freeze>,
}

/// A state with the tag that names it.
struct TaggedState<'a> {
    tag: TagName,
    state: Revision<'a>,
    /// The content of the suites that were looked at.
    snapshots: BTreeMap<SuiteName, Snapshot>,
}

impl<'a> Passage<'a> {
    /// Finds out what the gates ask for. `coming` is all that comes; without `now` nothing has any age.
    pub(crate) fn new<'r>(
        store: &'a Store,
        (from, to): (&'a RepositoryName, &'a RepositoryName),
        (gates, weekly, target): (&'a [Gate], &[WeeklyFreeze], Option<&'a Revision<'a>>),
        coming: impl Iterator<Item = (&'r SuiteName, &'r RecordKey)>,
        now: Option<Timestamp>,
    ) -> Result<Self, Error> {
        // Nothing may inherit the age of what was removed, or of another content.
        let mut ages = Ages::new(CountedFrom::LastArrival);
        if let Some(longest) = gates.iter().filter_map(|gate| gate.minimum_age).max() {
            coming.for_each(|(suite, key)| ages.ask(suite, key, longest));
        }
        let ages = now.map(|now| Ok::<_, Error>((now, ages.find(store, from, now)?))).transpose()?;
        let lookup = Lookup::new(store.objects());
        let asks = gates.iter().any(|gate| gate.approvals.is_some());
        let approvals = asks.then(|| store.approvals(from)).transpose()?;
        let mut tagged = Vec::new();
        if gates.iter().any(|gate| !gate.tagged.is_empty()) {
            for Tag { name, commit } in store.tags(from)? {
                if gates.iter().any(|gate| gate.asks_for_tag(&name)) {
                    let state = store.revision(from, commit)?;
                    tagged.push(TaggedState { tag: name, state, snapshots: BTreeMap::new() });
                }
            }
        }
        let freeze = now.map(|now| freezes::freeze_of(store, (to, weekly), now)).transpose()?.flatten();
        Ok(Self {
            from,
            to,
            gates,
            target,
            snapshots: BTreeMap::new(),
            lookup,
            ages,
            approvals,
            tagged,
            freeze,
        })
    }

    /// Returns whether nothing is asked of what comes. What a repository has may ask something: a reissue keeps out what is below it.
    pub(crate) fn is_open(&self) -> bool {
        self.gates.is_empty() && self.freeze.is_none() && self.target.is_none()
    }

    /// Returns the approvals that a version has, if a gate asks for some.
    pub(crate) fn approvals(&self, record: &Record) -> Vec<&Approval> {
        self.approvals.as_ref().map(|approvals| approvals.of(record)).unwrap_or_default()
    }

    /// Returns the rules that a version does not meet. Asking for what goes to one suite after the other is fastest.
    pub(crate) fn violations(
        &mut self,
        suite: &SuiteName,
        record: &Record,
    ) -> Result<Vec<GateViolation>, Error> {
        let key = record.key();
        let age =
            self.ages.as_ref().and_then(|(now, ages)| Some(now.duration_since(ages.since(suite, key)?)));
        // A clock that was wrong makes nothing younger than new.
        let age = age.unwrap_or_default().max(SignedDuration::ZERO);
        let approvals = self.approvals.as_ref().map(|approvals| approvals.of(record)).unwrap_or_default();
        let mut tags = Vec::new();
        let mut asking: Vec<&Gate> = self.gates.iter().filter(|gate| !gate.tagged.is_empty()).collect();
        // Each gate asks for one tag. The last names are the newest ones more often than not.
        for tagged in self.tagged.iter_mut().rev() {
            let is_asked = asking.iter().any(|gate| gate.asks_for_tag(&tagged.tag));
            if is_asked && tagged.has(suite, record, &mut self.lookup)? {
                asking.retain(|gate| !gate.asks_for_tag(&tagged.tag));
                tags.push(tagged.tag.clone());
            }
        }
        let source = Some(ArrivalSource { repository: self.from, age, approvals, tags });
        let there = || {
            let Some(target) = self.target else { return Ok(Vec::new()) };
            if !self.snapshots.contains_key(suite) {
                self.snapshots.insert(suite.clone(), target.snapshot(suite)?);
            }
            let versions = self.snapshots.get(suite).map(|there| self.lookup.versions(there, &key.package));
            Ok(versions.transpose()?.unwrap_or_default())
        };
        gate::judge(self.gates, &Arrival { record, to: self.to, source, freeze: self.freeze.as_ref() }, there)
    }
}

impl TaggedState<'_> {
    /// Returns whether the state has this file in a suite.
    fn has(&mut self, suite: &SuiteName, record: &Record, lookup: &mut Lookup<'_>) -> Result<bool, Error> {
        if !self.snapshots.contains_key(suite) {
            self.snapshots.insert(suite.clone(), self.state.snapshot(suite)?);
        }
        let Some(snapshot) = self.snapshots.get(suite) else { return Ok(false) };
        let versions = lookup.versions(snapshot, &record.key().package)?;
        Ok(versions.iter().any(|other| other.key() == record.key() && other.blob() == record.blob()))
    }
}

//! Which versions on their way from one repository to another do not meet the gates of the latter.

use deb_parse::SuiteName;
use jiff::Timestamp;

use crate::decisions::approvals::Approvals;
use crate::decisions::freezes::Freeze;
use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::approval::Approval;
use crate::model::gate_rule::GateViolation;
use crate::model::name::RepositoryName;
use crate::model::record::{Record, RecordKey};
use crate::operations::age::{Ages, Found};
use crate::settings::gate::{Arrival, Gate};
use crate::store::Store;

/// The way from one repository to another.
pub(crate) struct Passage<'a> {
    from: &'a RepositoryName,
    to: &'a RepositoryName,
    gates: &'a [Gate],
    target: Option<&'a Revision<'a>>,
    ages: Option<Found>,
    /// The approvals in the repository that it leads from, if a gate asks for some.
    approvals: Option<Approvals>,
    /// The freeze of the repository that it leads to.
    freeze: Option<Freeze>,
    now: Option<Timestamp>,
}

impl<'a> Passage<'a> {
    /// Finds out what the gates ask for. `coming` is all that comes; without `now` nothing has any age.
    pub(crate) fn new<'r>(
        store: &Store,
        (from, to): (&'a RepositoryName, &'a RepositoryName),
        (gates, target): (&'a [Gate], Option<&'a Revision<'a>>),
        coming: impl Iterator<Item = (&'r SuiteName, &'r RecordKey)>,
        now: Option<Timestamp>,
    ) -> Result<Self, Error> {
        let mut ages = Ages::default();
        if let Some(longest) = gates.iter().filter_map(|gate| gate.minimum_age).max() {
            coming.for_each(|(suite, key)| ages.ask(suite, key, longest));
        }
        let ages = now.map(|now| ages.find(store, from, now)).transpose()?;
        let asks = gates.iter().any(|gate| gate.approvals.is_some());
        let approvals = asks.then(|| store.approvals(from)).transpose()?;
        let freeze = now.map(|now| store.freeze_of(to, now)).transpose()?.flatten();
        Ok(Self { from, to, gates, target, ages, approvals, freeze, now })
    }

    /// Returns whether nothing is asked of what comes.
    pub(crate) fn is_open(&self) -> bool {
        self.gates.is_empty() && self.freeze.is_none()
    }

    /// Returns the approvals that a version has, if a gate asks for some.
    pub(crate) fn approvals(&self, record: &Record) -> Vec<&Approval> {
        self.approvals.as_ref().map(|approvals| approvals.of(record)).unwrap_or_default()
    }

    /// Returns the rules that a version does not meet.
    pub(crate) fn violations(&self, suite: &SuiteName, record: &Record) -> Result<Vec<GateViolation>, Error> {
        let key = record.key();
        let there = self.target.map(|target| target.versions(suite, &key.package)).transpose()?;
        let there = there.iter().flatten().map(|other| other.key());
        let alike = there.filter(|other| other.architecture == key.architecture);
        let newest = alike.map(|other| other.version.clone()).max();
        let arrival = Arrival {
            record,
            to: self.to,
            newest: newest.as_ref(),
            size: record.files()?.iter().map(|file| file.size).sum(),
            source: Some((self.from, self.ages.as_ref().and_then(|ages| ages.since(suite, key)))),
            approvals: self.approvals(record),
            now: self.now,
        };
        let of_gates = self.gates.iter().flat_map(|gate| gate.violations(&arrival));
        Ok(of_gates.chain(self.freeze.as_ref().map(|freeze| freeze.violation(self.to))).collect())
    }
}

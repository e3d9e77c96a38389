//! A change of a repository that is made of single steps, and committed as a whole or not at all.
//!
//! [`Store::transact`](crate::Store::transact) hands a [`Transaction`] to a closure; what the closure puts in and takes out becomes one commit.

mod files;
pub(crate) mod suite_changes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::{Component, SuiteName};

use crate::context::Context;
use crate::document::Kept;
use crate::error::{ChangeError, Error, HistoryError, RuleError};
use crate::history::keyring_versions::KeyringVersions;
use crate::history::revision::Revision;
use crate::history::versioned_head;
use crate::intent;
use crate::model::approval::{Approval, Approved};
use crate::model::commit::Commit;
use crate::model::edit;
use crate::model::edit::Edit;
use crate::model::freeze::Freeze;
use crate::model::gate_rule::{GateOverride, GateRule, GateViolation};
use crate::model::hold::{Hold, HoldCause, HoldKey, Holds};
use crate::model::id::{BlobId, CommitId, SnapshotId};
use crate::model::log_entry::LogEntry;
use crate::model::lookup::Lookup;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::model::record::{Record, RecordKey};
use crate::model::snapshot::Snapshot;
use crate::progress::Phase;
use crate::settings::RepositorySettings;
use crate::settings::gate::{self, Arrival, Gate};
use crate::storage::format::Format;
use crate::storage::{self, Swap};
use crate::store::Store;

/// The right to change a repository: everything happens in memory and in unreferenced objects until it is committed.
///
/// It exists only inside [`Store::transact`].
#[derive(Debug)]
pub struct Transaction<'a> {
    store: &'a Store,
    repository: RepositoryName,
    base: Option<Revision<'a>>,
    /// The version of the reference that led to the base.
    version: Option<storage::Version>,
    snapshots: BTreeMap<SuiteName, Snapshot>,
    /// The suites that were given the content of another state, and what they held before.
    restored: BTreeMap<SuiteName, (SnapshotId, Option<Snapshot>)>,
    edits: BTreeMap<SuiteName, BTreeMap<RecordKey, Edit>>,
    /// What is held in the state that is being changed.
    holds: Holds,
    /// What is taken out and to be held, and what a restored state brings back.
    withdrawn: BTreeMap<(SuiteName, RecordKey), BlobId>,
    returned: BTreeSet<(SuiteName, RecordKey)>,
    /// What is held and lifted by hand.
    held: Vec<HoldKey>,
    lifted: Vec<HoldKey>,
    /// What people hold and what came in despite that: the suites that it came into, of all that the repository has.
    narrowed: BTreeMap<HoldKey, [BTreeSet<SuiteName>; 2]>,
    /// What is held afterwards, whatever is taken out or comes back.
    replaced_holds: Option<Holds>,
    /// The rules of gates that are asked of what comes in.
    gates_asked: BTreeSet<GateRule>,
    /// The rules of gates that do not count for something that comes in.
    gate_override: Option<GateOverride>,
    /// The freeze of the repository, for what meets its gates.
    freeze: Option<Freeze>,
    /// Who approved what comes in, where a gate asks for that.
    approved: Vec<Approved>,
    /// The suites that may be created; `None` for any.
    known: Option<BTreeSet<SuiteName>>,
    /// The versions of the keyring package, once somebody asked for them.
    keyrings: Option<Kept<KeyringVersions>>,
    lookup: Lookup<'a>,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Committed {
    /// The new commit; `None` when there was nothing to change.
    pub commit: Option<CommitId>,
}

/// Whether an insertion changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inserted {
    /// It was not there.
    New,
    /// The very same file is there.
    AlreadyThere,
}

/// How often a change is tried on top of what others committed in the meantime.
const ATTEMPTS: u32 = 100;

/// How often a change may fail on top of what may be older than itself.
const MOST_REFUSALS: u32 = 10;

impl Store {
    /// Changes a repository: `change` is called with a [`Transaction`] and returns the operation and a result of its
    /// own. When others committed first, it is called again on top of what they made.
    ///
    /// When this returns, the change is durable.
    ///
    /// # Errors
    /// Whatever `change` returns, and [`ChangeError::Contended`] when others were faster a hundred times. The repository is as it
    /// was in every such case. A [`StorageError`](crate::storage::StorageError) leaves it as it was or changed: when the storage fails
    /// while it is asked what became of the change, only reading the repository again tells.
    pub fn transact<T>(
        &self,
        repository: &RepositoryName,
        context: &Context,
        change: impl FnMut(&mut Transaction<'_>) -> Result<(Operation, T), Error>,
    ) -> Result<(Committed, T), Error> {
        transact_among(self, repository, None, context, change)
    }

    /// [`transact`](Self::transact) within the settings of a repository: no suite comes into being that the settings do not have. A suite
    /// that left them can still be changed.
    ///
    /// # Errors
    /// As there, and [`Error::Settings`] for settings that cannot be used. Inserting into a suite that is neither in the settings nor in
    /// the repository fails with [`Error::UnknownSuite`].
    pub fn transact_in<T>(
        &self,
        settings: &RepositorySettings,
        context: &Context,
        change: impl FnMut(&mut Transaction<'_>) -> Result<(Operation, T), Error>,
    ) -> Result<(Committed, T), Error> {
        settings.check()?;
        let known = settings.suites.iter().map(|suite| suite.name.clone()).collect();
        transact_among(self, &settings.name, Some(&known), context, change)
    }

    /// Finds out what a change would do: `change` is called once, with a [`Transaction`] on the present state, and nothing is written. A
    /// change of several repositories that is not complete is not completed either.
    ///
    /// # Errors
    /// Whatever `change` returns, and when the store cannot be read.
    pub fn dry_run<T>(
        &self,
        repository: &RepositoryName,
        change: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        change(&mut Transaction::begin(self, repository)?)
    }

    /// The same for a repository with these settings, in which no other suites may come into being.
    pub(crate) fn dry_run_in<T>(
        &self,
        settings: &RepositorySettings,
        change: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.dry_run(&settings.name, |transaction| {
            transaction.limit_suites(settings.suites.iter().map(|suite| suite.name.clone()).collect());
            change(transaction)
        })
    }
}

/// Changes a repository in which, of the suites it does not have, only those of `known` may come into being.
fn transact_among<T>(
    store: &Store,
    repository: &RepositoryName,
    known: Option<&BTreeSet<SuiteName>>,
    context: &Context,
    mut change: impl FnMut(&mut Transaction<'_>) -> Result<(Operation, T), Error>,
) -> Result<(Committed, T), Error> {
    // Commits without an answer, with their results: the reference may lead to one of them by now.
    let mut unanswered: Vec<(CommitId, u64, T)> = Vec::new();
    let mut refusals = 0;
    for _ in 0..ATTEMPTS {
        intent::complete_of(store, repository)?;
        let mut transaction = Transaction::begin(store, repository)?;
        if let Some(base) = &transaction.base {
            for (number, (id, sequence, _)) in unanswered.iter().enumerate() {
                if base.is_built_on(*id, *sequence)? {
                    store.storage().refs().settle(&Store::ref_key(repository))?;
                    let (id, _, result) = unanswered.swap_remove(number);
                    return Ok((Committed { commit: Some(id) }, result));
                }
            }
        }
        transaction.known = known.cloned();
        // What became of a change without an answer is found out first.
        let may_end = unanswered.is_empty();
        if may_end {
            context.progress.check(Phase::Changing)?;
        }
        let (operation, result) = match change(&mut transaction) {
            Ok(done) => done,
            // What was read may be older than the change that got no answer.
            Err(_) if !unanswered.is_empty() && refusals < MOST_REFUSALS => {
                refusals += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        if may_end {
            context.progress.check(Phase::Changing)?;
        }
        match transaction.commit(context, operation)? {
            Outcome::Committed(commit) => return Ok((Committed { commit }, result)),
            Outcome::LostRace => {}
            Outcome::Unanswered(id, sequence) => unanswered.push((id, sequence, result)),
        }
    }
    Err(Error::Change(ChangeError::Contended { repository: repository.clone(), times: ATTEMPTS }))
}

enum Outcome {
    Committed(Option<CommitId>),
    LostRace,
    /// No answer came, and the reference did not tell: the commit and its number.
    Unanswered(CommitId, u64),
}

impl<'a> Transaction<'a> {
    pub(crate) fn begin(store: &'a Store, repository: &RepositoryName) -> Result<Self, Error> {
        let (base, version) = versioned_head(store, repository)?.unzip();
        let mut snapshots = BTreeMap::new();
        for suite in base.iter().flat_map(|base| base.commit().suites.keys()) {
            if let Some(base) = &base {
                snapshots.insert(suite.clone(), base.snapshot(suite)?);
            }
        }
        let holds = base.as_ref().and_then(|base| base.commit().holds);
        Ok(Self {
            store,
            repository: repository.clone(),
            base,
            version,
            snapshots,
            holds: Holds::read(&store.objects(), holds)?,
            withdrawn: BTreeMap::new(),
            returned: BTreeSet::new(),
            held: Vec::new(),
            lifted: Vec::new(),
            narrowed: BTreeMap::new(),
            replaced_holds: None,
            gates_asked: BTreeSet::new(),
            gate_override: None,
            freeze: None,
            approved: Vec::new(),
            restored: BTreeMap::new(),
            edits: BTreeMap::new(),
            known: None,
            keyrings: None,
            lookup: Lookup::new(store.objects()),
        })
    }

    /// The state that is being changed; `None` before the first commit.
    #[must_use]
    pub fn base(&self) -> Option<&Revision<'a>> {
        self.base.as_ref()
    }

    /// Puts a record into a suite.
    ///
    /// Inserting many in the order of their keys is fastest.
    ///
    /// # Errors
    /// [`ChangeError::Conflict`] when any suite of the repository has that name, version and architecture with another content,
    /// or its pool still holds such a file: clients could not tell them apart. [`ChangeError::ReservedName`] for a package with the name
    /// of the [keyring package](Store::add_keyring) that was not made as such. [`ChangeError::PathConflict`] when another version of
    /// the source package has a file of the same name with another content.
    pub fn insert(&mut self, suite: &SuiteName, record: &Arc<Record>) -> Result<Inserted, Error> {
        let is_known = self.known.as_ref().is_none_or(|known| known.contains(suite));
        if !is_known && !self.snapshots.contains_key(suite) {
            let all = self.known.iter().flatten().chain(self.snapshots.keys());
            let known: BTreeSet<&SuiteName> = all.collect();
            return Err(Error::unknown_suite(&self.repository, suite, known));
        }
        let key = record.key();
        let suites = self.suites();
        let mut there = None;
        let mut known = Vec::new();
        for other in &suites {
            if let Some(found) = self.same_there(other, record)? {
                if other == suite {
                    there = Some(Arc::clone(&found));
                }
                known.push(found);
            }
        }
        if let Some(there) = there {
            // How the package was built may be told later.
            if let Some(told) = there.with_provenance_of(record)? {
                self.put(suite, Arc::new(told));
            }
            return Ok(Inserted::AlreadyThere);
        }
        if known.is_empty() {
            self.check_name(record)?;
            self.check_files(&suites, record)?;
        }
        self.withdrawn.remove(&(suite.clone(), key.clone()));
        let mut record = Arc::clone(record);
        for known in &known {
            if let Some(told) = record.with_provenance_of(known)? {
                record = Arc::new(told);
            }
        }
        self.put(suite, record);
        Ok(Inserted::New)
    }

    fn put(&mut self, suite: &SuiteName, record: Arc<Record>) {
        self.edits.entry(suite.clone()).or_default().insert(record.key().clone(), Edit::Insert(record));
    }

    /// Puts a record in the place of that of the same file.
    pub(crate) fn replace(&mut self, suite: &SuiteName, record: Record) {
        self.put(suite, Arc::new(record));
    }

    /// Takes a record out of a suite; says whether it was there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn remove(&mut self, suite: &SuiteName, key: &RecordKey) -> Result<bool, Error> {
        Ok(self.take_out(suite, key)?.is_some())
    }

    /// Takes a record out of a suite and [holds](Hold) it, so that it stays out; says whether it was there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn withdraw(&mut self, suite: &SuiteName, key: &RecordKey) -> Result<bool, Error> {
        let Some(record) = self.take_out(suite, key)? else { return Ok(false) };
        self.withdrawn.insert((suite.clone(), key.clone()), record.blob());
        Ok(true)
    }

    fn take_out(&mut self, suite: &SuiteName, key: &RecordKey) -> Result<Option<Arc<Record>>, Error> {
        let there = self.get(suite, key)?;
        if there.is_some() {
            self.edits.entry(suite.clone()).or_default().insert(key.clone(), Edit::Remove);
        }
        Ok(there)
    }

    /// Returns why a package is to stay out of these suites, if it is: it is held, or that version is held for other architectures and
    /// is in no suite any more.
    pub(crate) fn held(&mut self, key: &RecordKey, suites: &[SuiteName]) -> Result<Option<Hold>, Error> {
        let (snapshots, lookup) = (&self.snapshots, &mut self.lookup);
        let is_there = || lookup.has_version(snapshots.values(), &key.package, &key.version);
        Ok(self.holds.keeping_out(key, suites, is_there)?.cloned())
    }

    /// Holds a version that the repository does not have, so that it stays out.
    ///
    /// # Errors
    /// [`ChangeError::Present`] when a suite has it for an architecture that is meant.
    pub fn hold(&mut self, key: HoldKey) -> Result<(), Error> {
        for (suite, snapshot) in &self.snapshots {
            let versions = self.lookup.versions(snapshot, &key.package)?;
            if let Some(record) = versions.iter().find(|record| key.means(record.key())) {
                let (key, suite) = (record.key().clone(), suite.clone());
                return Err(Error::Change(ChangeError::Present {
                    key,
                    repository: self.repository.clone(),
                    suite,
                }));
            }
        }
        // Who held it first, and why, stays.
        if !self.holds.iter().any(|hold| hold.key == key && hold.is_by_person()) {
            self.held.push(key);
        }
        Ok(())
    }

    /// Lifts the holds that are meant, and returns them.
    pub fn lift_holds(&mut self, is_meant: impl Fn(&Hold) -> bool) -> Vec<Hold> {
        let lifted: Vec<Hold> = self.holds.iter().filter(|hold| is_meant(hold)).cloned().collect();
        self.lifted.extend(lifted.iter().map(|hold| hold.key.clone()));
        lifted
    }

    /// Lifts what people hold of a package in a suite, which is one of `all` that the repository has: it came in there by the wish of
    /// somebody who knows of the hold. Where it was already, the hold ends as well.
    pub(crate) fn end_holds_of_people(
        &mut self,
        key: &RecordKey,
        suite: &SuiteName,
        all: &[SuiteName],
    ) -> Result<(), Error> {
        let is_held = |hold: &&Hold| hold.is_by_person() && hold.key.means(key);
        let held: Vec<HoldKey> = self.holds.iter().filter(is_held).map(|hold| hold.key.clone()).collect();
        if held.is_empty() {
            return Ok(());
        }
        let mut there = BTreeSet::from([suite.clone()]);
        for other in all {
            if self.get(other, key)?.is_some() {
                there.insert(other.clone());
            }
        }
        for held in held {
            let [came, of] = self.narrowed.entry(held).or_default();
            came.extend(there.iter().cloned());
            of.extend(all.iter().cloned());
        }
        Ok(())
    }

    /// Gives the repository these holds instead of those that follow from the changes.
    pub(crate) fn replace_holds(&mut self, holds: Holds) {
        self.replaced_holds = Some(holds);
    }

    /// The very file of a record in a suite, but in another component than `asked`, as an error that says so.
    pub(crate) fn elsewhere(
        &mut self,
        suite: &SuiteName,
        record: &Record,
        asked: &Component,
    ) -> Result<Option<Error>, Error> {
        let there = self.get(suite, record.key())?;
        let there = there.filter(|there| there.blob() == record.blob() && there.component() != asked);
        Ok(there.map(|there| {
            Error::Change(ChangeError::OtherComponent {
                key: Box::new(record.key().clone()),
                repository: self.repository.clone(),
                suite: suite.clone(),
                component: there.component().clone(),
                asked: asked.clone(),
            })
        }))
    }

    /// Gives suites the content that they have in another state of the repository, which costs what differs to read and
    /// nothing to write. Versions of the keyring package stay: keys do not go back, and machines must hear of them.
    ///
    /// # Errors
    /// As [`insert`](Self::insert), for what comes with that.
    pub(crate) fn restore(
        &mut self,
        target: &Revision<'_>,
        suites: impl IntoIterator<Item = SuiteName>,
    ) -> Result<(), Error> {
        let mut returning: BTreeMap<RecordKey, Arc<Record>> = BTreeMap::new();
        let keyrings = KeyringVersions::load(self.store, &self.repository)?;
        for suite in suites {
            let then = target.snapshot(&suite)?;
            let nothing = Snapshot::default();
            let now = self.snapshots.get(&suite).unwrap_or(&nothing);
            self.edits.remove(&suite);
            if *now == then {
                continue;
            }
            let difference = self.store.difference(now, &then)?;
            let of_suite = |record: &Arc<Record>| (suite.clone(), record.key().clone());
            let returned: BTreeSet<_> = difference.only_second.iter().map(of_suite).collect();
            let (own, left): (Vec<_>, Vec<_>) =
                difference.only_first.into_iter().partition(|record| keyrings.contains(record.blob()));
            let left = left.iter().map(|record| (of_suite(record), record.blob()));
            self.withdrawn.extend(left.filter(|(place, _)| !returned.contains(place)));
            if !own.is_empty() {
                let own = own.into_iter().map(|record| (record.key().clone(), Edit::Insert(record)));
                self.edits.insert(suite.clone(), own.collect());
            }
            self.returned.extend(returned);
            returning.extend(difference.only_second.into_iter().map(|record| (record.key().clone(), record)));
            let id = match target.commit().suites.get(&suite) {
                Some(id) => *id,
                None => then.write(&self.store.objects())?,
            };
            let now = self.snapshots.insert(suite.clone(), then);
            let restored = self.restored.entry(suite).or_insert((id, now));
            restored.0 = id;
        }
        // As carefully as a new package: another file of that version may have come since. What was there together before
        // cannot be at odds.
        let mut others = self.suites();
        others.retain(|suite| !self.restored.contains_key(suite));
        for record in returning.values() {
            let mut known = false;
            for other in &others {
                known |= self.same_there(other, record)?.is_some();
            }
            if !known {
                self.check_files(&others, record)?;
            }
        }
        Ok(())
    }

    /// Forgets every change.
    pub fn clear(&mut self) {
        self.edits.clear();
        self.withdrawn.clear();
        self.returned.clear();
        self.held.clear();
        self.lifted.clear();
        self.narrowed.clear();
        self.replaced_holds = None;
        self.gates_asked.clear();
        self.gate_override = None;
        self.approved.clear();
        for (suite, (_, before)) in std::mem::take(&mut self.restored) {
            match before {
                Some(before) => self.snapshots.insert(suite, before),
                None => self.snapshots.remove(&suite),
            };
        }
    }

    fn suites(&self) -> BTreeSet<SuiteName> {
        self.snapshots.keys().chain(self.edits.keys()).cloned().collect()
    }

    /// The record of the very file of a record in a suite; an error when another file of its key is there.
    fn same_there(&mut self, suite: &SuiteName, record: &Record) -> Result<Option<Arc<Record>>, Error> {
        match self.get(suite, record.key())? {
            Some(found) if found.blob() != record.blob() => {
                Err(self.conflict(record.key(), format!(" ({suite})")))
            }
            found => Ok(found),
        }
    }

    /// Refuses what has the name of the keyring package and was not made as such: clients would take its keys for ours.
    fn check_name(&mut self, record: &Record) -> Result<(), Error> {
        if record.key().package.as_str() != self.repository.keyring_package() {
            return Ok(());
        }
        let keyrings = match self.keyrings.take() {
            Some(known) => known,
            None => KeyringVersions::load(self.store, &self.repository)?,
        };
        let is_own = self.keyrings.insert(keyrings).contains(record.blob());
        if is_own {
            return Ok(());
        }
        let (key, repository) = (Box::new(record.key().clone()), self.repository.clone());
        Err(Error::Change(ChangeError::ReservedName { key, repository }))
    }

    /// The record of a key in a suite, as the transaction would leave it.
    fn get(&mut self, suite: &SuiteName, key: &RecordKey) -> Result<Option<Arc<Record>>, Error> {
        match self.edits.get(suite).and_then(|edits| edits.get(key)) {
            Some(Edit::Insert(record)) => return Ok(Some(Arc::clone(record))),
            Some(Edit::Remove) => return Ok(None),
            None => {}
        }
        let Some(snapshot) = self.snapshots.get(suite) else { return Ok(None) };
        Ok(self.lookup.find(snapshot, key)?)
    }

    /// The error that says so.
    pub(crate) fn is_held(&self, key: &RecordKey, hold: Hold) -> Error {
        Error::Rule(RuleError::Held {
            key: Box::new(key.clone()),
            repository: self.repository.clone(),
            hold: Box::new(hold),
        })
    }

    /// Has what comes in meet the freeze of the repository, if it is frozen.
    pub(crate) fn meet_freeze(&mut self, freeze: Option<Freeze>) {
        self.freeze = freeze;
    }

    /// Returns the rules of gates that a record does not meet on its way into a suite. What is there already came in before.
    pub(crate) fn gate_violations(
        &mut self,
        suite: &SuiteName,
        record: &Record,
        gates: &[Gate],
    ) -> Result<Vec<GateViolation>, Error> {
        if self.same_there(suite, record)?.is_some() {
            return Ok(Vec::new());
        }
        let (snapshot, lookup) = (self.snapshots.get(suite), &mut self.lookup);
        let there = || {
            let versions = snapshot.map(|snapshot| lookup.versions(snapshot, &record.key().package));
            Ok(versions.transpose()?.unwrap_or_default())
        };
        gate::judge(
            gates,
            &Arrival { record, to: &self.repository, source: None, freeze: self.freeze.as_ref() },
            there,
        )
    }

    /// Records which rules of gates what comes in was asked for. Those that do not count for some of it are [noted](Self::note_override) too.
    pub(crate) fn note_gates(&mut self, rules: impl IntoIterator<Item = GateRule>) {
        self.gates_asked.extend(rules);
    }

    /// Records which gate rules were overridden.
    pub(crate) fn note_override(&mut self, rules: &BTreeSet<GateRule>, reason: &str) {
        if !rules.is_empty() {
            let known = self.gate_override.iter().flat_map(|known| known.rules.iter().copied());
            self.gate_override = Some(GateOverride::new(known.chain(rules.iter().copied()), reason));
        }
    }

    /// Has the history say who approved what comes in.
    pub(crate) fn note_approvals<'r>(&mut self, approvals: impl IntoIterator<Item = &'r Approval>) {
        self.approved = Approved::of(approvals);
    }

    /// The error of a gate that does not let a package in.
    pub(crate) fn is_gated(&self, key: &RecordKey, violations: Vec<GateViolation>) -> Error {
        Error::Rule(RuleError::Gated {
            key: Box::new(key.clone()),
            repository: self.repository.clone(),
            violations,
        })
    }

    fn conflict(&self, key: &RecordKey, place: String) -> Error {
        Error::Change(ChangeError::Conflict { key: key.clone(), repository: self.repository.clone(), place })
    }

    /// Returns what is held once this is committed.
    fn holds_after(&mut self, context: &Context, operation: &Operation) -> Holds {
        if let Some(holds) = self.replaced_holds.take() {
            return holds;
        }
        let mut holds = std::mem::take(&mut self.holds);
        if !holds.is_empty() {
            for (suite, key) in &self.returned {
                holds.lift(key, suite);
            }
            for (suite, edits) in &self.edits {
                let inserted = edits.iter().filter(|(_, edit)| matches!(edit, Edit::Insert(_)));
                inserted.for_each(|(key, _)| holds.lift(key, suite));
            }
        }
        self.lifted.iter().for_each(|key| holds.remove(key));
        self.narrowed.iter().for_each(|(key, [came, all])| holds.narrow(key, came, all));
        let cause =
            HoldCause { date: context.now, actor: context.actor.clone(), operation: operation.clone() };
        for ((suite, key), blob) in &self.withdrawn {
            holds.withdraw(key, *blob, suite, &cause);
        }
        for key in &self.held {
            let (key, suites) = (key.clone(), BTreeSet::new());
            holds.insert(Hold { key, blob: None, suites, cause: cause.clone() });
        }
        holds
    }

    /// Lets only these suites come into being, besides those that the repository has.
    pub(crate) fn limit_suites(&mut self, known: BTreeSet<SuiteName>) {
        self.known = Some(known);
    }

    fn commit(self, context: &Context, operation: Operation) -> Result<Outcome, Error> {
        let (store, repository, version) = (self.store, self.repository.clone(), self.version.clone());
        let storage = store.storage();
        let key = Store::ref_key(&repository);
        let Some(mut commit) = self.draft(context, operation)? else {
            // What is there may have been put there by somebody who did not live to make it durable, and a package that was
            // lost comes back by adding it again.
            storage.objects().sync()?;
            storage.refs().settle(&key)?;
            return Ok(Outcome::Committed(None));
        };
        commit.sign(&repository, context).map_err(HistoryError::sign(&repository))?;
        let id = commit.write(&store.objects())?;
        // Everything the reference will lead to must survive a power cut before the reference does.
        storage.objects().sync()?;
        let entry = LogEntry::of_commit(&commit, &repository, id).to_line();
        // Announced before it is done, so that no state goes unannounced.
        let announce = || storage.log().append(&entry);
        let new = format!("{id}\n");
        Ok(match storage.swap(&key, version.as_ref(), new.as_bytes(), announce)? {
            Swap::Done => {
                context.progress.logged(&entry);
                Outcome::Committed(Some(id))
            }
            Swap::Changed => Outcome::LostRace,
            // Others may have built upon the commit since: the next attempt looks for it below what it starts from.
            Swap::Unknown(_) => Outcome::Unanswered(id, commit.sequence),
        })
    }

    /// Writes everything that the new state consists of, and returns its commit, which is not written yet; `None` when there is nothing to
    /// change.
    pub(crate) fn draft(mut self, context: &Context, operation: Operation) -> Result<Option<Commit>, Error> {
        let objects = self.store.objects();
        let changes_holds = !self.held.is_empty()
            || !self.lifted.is_empty()
            || !self.narrowed.is_empty()
            || self.replaced_holds.is_some();
        let holds = self.holds_after(context, &operation);
        let base = self.base.as_ref().map(|base| (base.id(), base.commit()));
        let before = base.map(|(_, commit)| commit.suites.clone()).unwrap_or_default();
        let mut after = before.clone();
        after.extend(self.restored.iter().map(|(suite, (id, _))| (suite.clone(), *id)));
        // Suites that start equal and change alike stay equal: most packages go to every suite.
        let mut done: Vec<(Option<SnapshotId>, BTreeMap<RecordKey, Edit>, SnapshotId)> = Vec::new();
        let tells = |edit: &Edit| matches!(edit, Edit::Insert(record) if record.has_provenance());
        if self.edits.values().flat_map(BTreeMap::values).any(tells) {
            self.store.need(Format::WITH_PROVENANCE)?;
        }
        for (suite, edits) in self.edits {
            let start = after.get(&suite).copied();
            let alike =
                done.iter().find(|(other, their, _)| *other == start && edit::are_same(their, &edits));
            let id = if let Some((_, _, id)) = alike {
                *id
            } else {
                let empty = Snapshot::default();
                let snapshot = self.snapshots.get(&suite).unwrap_or(&empty);
                let id = edit::apply(snapshot, &objects, &edits)?.write(&objects)?;
                done.push((start, edits, id));
                id
            };
            after.insert(suite, id);
        }
        if after == before && !changes_holds {
            return Ok(None);
        }
        let (parent, sequence) = match base {
            Some((id, commit)) => (id, commit.sequence),
            None => {
                let mut root = Commit::root(context);
                root.sign(&self.repository, context).map_err(HistoryError::sign(&self.repository))?;
                (root.write(&objects)?, 0)
            }
        };
        Ok(Some(Commit {
            parent: Some(parent),
            sequence: sequence + 1,
            date: context.now,
            actor: context.actor.clone(),
            operation,
            holds: holds.write(&objects)?,
            gates_met: self
                .gates_asked
                .into_iter()
                .filter(|rule| self.gate_override.as_ref().is_none_or(|given| !given.rules.contains(rule)))
                .collect(),
            gate_override: self.gate_override,
            approved: self.approved,
            together: BTreeMap::new(),
            suites: after,
            signature: None,
        }))
    }
}

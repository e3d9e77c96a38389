//! Taking packages from one repository to another.

mod dependencies;
mod profile;
mod siblings;
pub(crate) mod together;
mod uninstallable;

use std::collections::BTreeMap;
use std::sync::Arc;

use deb_parse::{Architecture, SuiteName};
use jiff::Timestamp;

use self::profile::PromotedProfile;
use self::siblings::Chosen;
use crate::context::Context;
use crate::error::{ChangeError, Error};
use crate::history::keyring_versions::KeyringVersions;
use crate::history::revision::Revision;
use crate::history::selector::Selector;
use crate::model::approval::Approval;
use crate::model::difference::Difference;
use crate::model::freeze::WeeklyFreeze;
use crate::model::gate_rule::{GateOverride, GateRule, GateViolation};
use crate::model::hold::Hold;
use crate::model::id::CommitId;
use crate::model::lookup::Lookup;
use crate::model::name::{ProfileName, RepositoryName};
use crate::model::operation::Operation;
use crate::model::record::{Record, RecordKey, for_everybody};
use crate::model::serialized::{as_text, maybe_as_text};
use crate::model::snapshot::Snapshot;
use crate::model::suite_records::SuiteRecords;
use crate::operations::installability::{InstallableGate, Surroundings};
use crate::operations::passage::Passage;
use crate::operations::plan::check_base;
use crate::operations::profiles::{self, ProfileBuild};
use crate::progress::{Amount, Phase};
use crate::settings::gate::Gate;
use crate::settings::{RepositorySettings, SuiteSettings};
use crate::store::Store;
use crate::transaction::{Committed, Inserted, Transaction};

/// What to take from one repository to another.
#[derive(Clone, Debug, Default)]
pub struct PromoteOptions {
    /// The packages; of each what machines would install unless a version is named: the newest for each architecture. None together with [`everything`](Self::everything).
    pub selectors: Vec<Selector>,
    /// What this profile of the other repository names, and its metapackage: of each package the newest version that the profile allows.
    pub profile: Option<ProfileName>,
    /// All that the other repository lacks.
    pub everything: bool,
    /// Only these suites; all that both repositories have when empty.
    pub suites: Vec<SuiteName>,
    /// With each package all others built from the same version of the same source package, in whatever suite of
    /// [`suites`](Self::suites) they are: routing sends some to a suite of their own. A selector that matches no package then means the
    /// source of that name, whether or not the source package is there.
    pub whole_source: bool,
    /// With each package what it needs so that everything can be installed, and nothing of it that can be left out.
    pub with_dependencies: bool,
    /// Also what is [held](crate::model::Hold) out of the other repository, which ends its hold.
    pub despite_hold: bool,
    /// Rules of gates that do not count, and why.
    pub gate_override: Option<GateOverride>,
    /// The present time, for gates that ask for an age. Without it nothing has any age.
    pub now: Option<Timestamp>,
}

/// What a promotion would bring from one repository to another. [`Store::plan_promotion`] makes it.
///
/// It is for these two repositories, in the states that they were in. Nothing else can be made of it:
///
/// ```compile_fail
/// # use repo_store::{Context, RepositoryName, Store};
/// # use repo_store::operations::promotion::PromotionPlan;
/// # fn misuse(store: &Store, plan: &PromotionPlan, elsewhere: &RepositoryName, context: &Context) {
/// plan.apply(store, elsewhere, context);
/// # }
/// ```
#[derive(Clone, Debug, serde::Serialize)]
#[must_use = "a plan changes nothing until it is applied"]
pub struct PromotionPlan {
    #[serde(serialize_with = "as_text")]
    from: RepositoryName,
    #[serde(serialize_with = "as_text")]
    repository: RepositoryName,
    /// The state of the repository that the packages come from.
    #[serde(serialize_with = "maybe_as_text")]
    source: Option<CommitId>,
    #[serde(serialize_with = "maybe_as_text")]
    base: Option<CommitId>,
    changes: SuiteRecords,
    left_out: SuiteRecords,
    #[serde(skip)]
    unmatched: Vec<Selector>,
    /// The selectors that no package is called by, and that mean a source.
    #[serde(skip)]
    sources: Vec<Selector>,
    #[serde(skip)]
    held: Vec<(Arc<Record>, Hold)>,
    #[serde(skip)]
    gated: Vec<(Arc<Record>, Vec<GateViolation>)>,
    #[serde(skip)]
    overridden: Vec<(Arc<Record>, Vec<GateViolation>)>,
    /// The approvals of what comes, where a gate asks for some.
    #[serde(skip)]
    approvals: Vec<Approval>,
    #[serde(skip)]
    siblings: Vec<Arc<Record>>,
    /// What comes along, and why.
    #[serde(skip)]
    dependencies: Vec<(Arc<Record>, String)>,
    /// What would have to come along, where a gate asks that everything can be installed.
    #[serde(skip)]
    proposed: Vec<Arc<Record>>,
    /// The metapackages of the profile.
    #[serde(skip)]
    build: ProfileBuild,
    #[serde(skip)]
    request: Request,
}

/// What was asked for, to be asked for again.
#[derive(Clone, Debug)]
struct Request {
    options: PromoteOptions,
    /// The profile that is promoted.
    profile: Option<PromotedProfile>,
    /// The settings of the source.
    source: RepositorySettings,
    /// The suites that both repositories have, and those that only the source has.
    common: Vec<CommonSuite>,
    lacking: Vec<SuiteName>,
    /// All that the target has.
    suites: Vec<SuiteName>,
    /// The gates of the target.
    gates: Vec<Gate>,
    /// The freezes of the target that come back.
    weekly: Vec<WeeklyFreeze>,
    /// What asks whether packages can be installed.
    installable: Option<InstallableGate>,
    /// What clients of the target have besides.
    surroundings: Surroundings,
}

/// A suite that two repositories have.
#[derive(Clone, Debug)]
struct CommonSuite {
    name: SuiteName,
    /// The architectures of the machines that either repository is for.
    architectures: Vec<Architecture>,
}

impl CommonSuite {
    fn of(source: &SuiteSettings, target: &SuiteSettings) -> Self {
        let mut architectures = source.architectures.clone();
        architectures.extend(target.architectures.iter().cloned());
        Self { name: source.name.clone(), architectures }
    }
}

impl PromotionPlan {
    /// Returns the repository that the packages come from.
    #[must_use]
    pub fn from(&self) -> &RepositoryName {
        &self.from
    }

    /// Returns the repository that they go to.
    #[must_use]
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Returns the state of the repository that the packages come from; `None` when nothing was ever committed to it.
    #[must_use]
    pub fn source(&self) -> Option<CommitId> {
        self.source
    }

    /// Returns the state of the repository they go to that the plan was made from; `None` when nothing was ever committed.
    #[must_use]
    pub fn base(&self) -> Option<CommitId> {
        self.base
    }

    /// Returns what would come.
    #[must_use]
    pub fn changes(&self) -> &SuiteRecords {
        &self.changes
    }

    /// Returns the selectors that match nothing.
    #[must_use]
    pub fn unmatched(&self) -> &[Selector] {
        &self.unmatched
    }

    /// Returns the records of a whole source that go nowhere, because they are only in suites that the other repository lacks: these.
    #[must_use]
    pub fn left_out(&self) -> &SuiteRecords {
        &self.left_out
    }

    /// Returns the records that would be taken and stay out, because the other repository holds them.
    #[must_use]
    pub fn held(&self) -> &[(Arc<Record>, Hold)] {
        &self.held
    }

    /// Returns the records that would be taken and that gates of the other repository do not let in, with the rules that they do not meet.
    #[must_use]
    pub fn gated(&self) -> &[(Arc<Record>, Vec<GateViolation>)] {
        &self.gated
    }

    /// Returns the records that are taken although they do not meet these rules, which [do not count](PromoteOptions::gate_override).
    #[must_use]
    pub fn overridden(&self) -> &[(Arc<Record>, Vec<GateViolation>)] {
        &self.overridden
    }

    /// Returns the records built from the same version of a source as some that are taken, which the other repository lacks and nobody
    /// asked for.
    #[must_use]
    pub fn siblings(&self) -> &[Arc<Record>] {
        &self.siblings
    }

    /// Returns what comes [along](PromoteOptions::with_dependencies) unless something keeps it out, each with the reason in words.
    #[must_use]
    pub fn dependencies(&self) -> &[(Arc<Record>, String)] {
        &self.dependencies
    }

    /// Returns what would have to come along so that the gate `installable` lets in what it does not let in alone; empty when no such set
    /// was found.
    #[must_use]
    pub fn proposed(&self) -> &[Arc<Record>] {
        &self.proposed
    }

    /// Returns whether a record was asked for by its name or by that of its source. A pattern and
    /// [`everything`](PromoteOptions::everything) only mean what may come, as the retry of a job does.
    #[must_use]
    pub fn asks_for(&self, record: &Record) -> bool {
        let named = |selector: &Selector| match self.sources.contains(selector) {
            true => selector.names_source_of(record),
            false => selector.matches(record),
        };
        let is_in_profile = |promoted: &PromotedProfile| promoted.profile.names(&record.key().package);
        self.request.options.selectors.iter().any(|selector| !selector.is_pattern() && named(selector))
            || self.request.profile.as_ref().is_some_and(is_in_profile)
    }

    /// Promotes what is planned.
    ///
    /// # Errors
    /// [`ChangeError::Outdated`] when either repository has changed since the plan was made;
    /// [`ChangeError::Conflict`] when the repository has one of the packages with another content.
    pub fn apply(&self, store: &Store, context: &Context) -> Result<Committed, Error> {
        self.build.write(store)?;
        let change = |transaction: &mut Transaction<'_>| Ok((self.change(transaction, store, context)?, ()));
        Ok(store.transact(&self.repository, context, change)?.0)
    }

    /// Finds out whether the plan could be applied, and changes nothing.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn check(&self, store: &Store, context: &Context) -> Result<(), Error> {
        store.dry_run(&self.repository, |transaction| self.change(transaction, store, context)).map(drop)
    }

    /// Makes the change in a transaction.
    fn change(
        &self,
        transaction: &mut Transaction<'_>,
        store: &Store,
        context: &Context,
    ) -> Result<Operation, Error> {
        check_base(transaction, &self.repository, self.base)?;
        let mut new = SuiteRecords::default();
        let phase = context.progress.begin(Phase::Changing, Amount::items(self.changes.iter().count()));
        for (suite, record) in self.changes.iter() {
            phase.advance(1, 0)?;
            if transaction.insert(suite, &for_everybody(record))? == Inserted::New {
                if self.request.options.despite_hold {
                    transaction.end_holds_of_people(record.key(), suite, &self.request.suites)?;
                }
                new.push(suite, Arc::clone(record));
            }
        }
        phase.finish();
        self.insert_profile(transaction, store, context.now)?;
        self.build.records().for_each(|(suite, record)| new.push(suite, Arc::clone(record)));
        if let Some(given) = &self.request.options.gate_override {
            let broken = self.overridden.iter().flat_map(|(_, violations)| violations);
            let rules = broken.map(|violation| violation.rule).filter(|rule| given.lifts(*rule));
            transaction.note_override(&rules.collect(), &given.reason);
        }
        let asked = self.request.gates.iter().filter(|gate| gate.is_for(Some(&self.from)));
        transaction.note_gates(asked.flat_map(Gate::rules));
        transaction.note_approvals(&self.approvals);
        // Last: what was withdrawn from the source meanwhile must not be promoted.
        if store.head(&self.from)?.map(|head| head.id()) != self.source {
            return Err(ChangeError::Outdated { repository: self.from.clone() }.into());
        }
        Ok(Operation::Promote { from: self.from.clone(), packages: new.summary() })
    }

    /// Makes the same plan from the present states of both repositories.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn rebase(&self, store: &Store) -> Result<Self, Error> {
        Self::make(store, &self.from, &self.repository, &self.request)
    }

    fn make(
        store: &Store,
        from: &RepositoryName,
        to: &RepositoryName,
        request: &Request,
    ) -> Result<Self, Error> {
        let Request { options, common, lacking, .. } = request;
        let (source, target) = (store.head(from)?, store.head(to)?);
        let mut plan = Self {
            from: from.clone(),
            repository: to.clone(),
            source: source.as_ref().map(Revision::id),
            base: target.as_ref().map(Revision::id),
            changes: SuiteRecords::default(),
            left_out: SuiteRecords::default(),
            unmatched: Vec::new(),
            sources: Vec::new(),
            held: Vec::new(),
            gated: Vec::new(),
            overridden: Vec::new(),
            approvals: Vec::new(),
            siblings: Vec::new(),
            dependencies: Vec::new(),
            proposed: Vec::new(),
            build: ProfileBuild::default(),
            request: request.clone(),
        };
        let Some(source) = source else {
            plan.unmatched.clone_from(&options.selectors);
            return plan.build_profile(store).map(|()| plan);
        };
        let mut matched = vec![false; options.selectors.len()];
        let mut chosen: BTreeMap<&SuiteName, Chosen> = BTreeMap::new();
        let mut targets = Vec::new();
        for common_suite in common {
            let CommonSuite { name: suite, architectures } = common_suite;
            let there = match &target {
                Some(target) => target.snapshot(suite)?,
                None => Snapshot::default(),
            };
            let chosen = chosen.entry(suite).or_default();
            let mut difference = None;
            if options.everything {
                let difference = difference.insert(store.difference(&source.snapshot(suite)?, &there)?);
                chosen.extend(difference.only_first.iter().map(by_key));
            }
            chosen.extend(request.of_profile(&source, common_suite)?.iter().map(by_key));
            for (selector, matched) in options.selectors.iter().zip(&mut matched) {
                let found = selector.newest_in(&source, suite, architectures)?;
                *matched |= !found.is_empty();
                chosen.extend(found.iter().map(by_key));
            }
            targets.push((suite, there, difference));
        }
        if options.whole_source {
            for (selector, matched) in
                options.selectors.iter().zip(&mut matched).filter(|(_, matched)| !**matched)
            {
                for (suite, chosen) in &mut chosen {
                    let built = selector.built_in(&source, suite)?;
                    *matched |= !built.is_empty();
                    chosen.extend(built.iter().map(by_key));
                }
                if *matched {
                    plan.sources.push(selector.clone());
                }
            }
            let lacking: Vec<&SuiteName> = lacking.iter().collect();
            plan.left_out = siblings::add(&source, &mut chosen, &lacking)?.into();
        }
        // The keyring package of a repository is for its own clients, and so are its metapackages.
        let own = KeyringVersions::load(store, from)?;
        for (suite, there, difference) in targets {
            let mut chosen = chosen.remove(suite).unwrap_or_default();
            chosen.retain(|key, record| {
                !own.contains(record.blob()) && !request.source.is_metapackage(key.package.as_str())
            });
            let missing = missing(store, chosen, &there, difference.as_ref())?;
            plan.changes.insert(suite.clone(), missing);
        }
        plan.leave_out_what_may_not_come(store, &source, target.as_ref())?;
        // Where everything is asked for, what stays behind is there or held.
        if !options.everything {
            plan.siblings = siblings::left_behind(&source, plan.changes.as_map(), target.as_ref())?;
        }
        let unmatched = options.selectors.iter().zip(matched).filter(|(_, matched)| !matched);
        plan.unmatched = unmatched.map(|(selector, _)| selector.clone()).collect();
        Ok(plan)
    }

    /// Takes along what is asked for, and takes out what holds and gates of the target keep out.
    fn leave_out_what_may_not_come(
        &mut self,
        store: &Store,
        source: &Revision<'_>,
        target: Option<&Revision<'_>>,
    ) -> Result<(), Error> {
        let options = &self.request.options;
        let (with_dependencies, despite_hold) = (options.with_dependencies, options.despite_hold);
        if with_dependencies {
            let surroundings = self.request.surroundings.clone();
            self.add_dependencies(store, &surroundings, source, target)?;
        }
        if let Some(target) = target.filter(|_| !despite_hold) {
            self.leave_out_held(target)?;
        }
        self.leave_out_gated(store, target)?;
        // Each may take out what the other one needs.
        loop {
            self.leave_out_torn(source, target)?;
            if !self.leave_out_uninstallable(store, source, target)? {
                break;
            }
        }
        self.build_profile(store)
    }

    /// Takes out what gates of the target do not let in, unless somebody decided that the rules do not count.
    fn leave_out_gated(&mut self, store: &Store, target: Option<&Revision<'_>>) -> Result<(), Error> {
        let Request { gates, weekly, options, .. } = &self.request;
        let coming = self.changes.iter().map(|(suite, record)| (suite, record.key()));
        let ends = (&self.from, &self.repository);
        let mut passage = Passage::new(store, ends, (gates, weekly, target), coming, options.now)?;
        if passage.is_open() {
            return Ok(());
        }
        let lifts = |violation: &GateViolation| {
            options.gate_override.as_ref().is_some_and(|given| given.lifts(violation.rule))
        };
        let (mut gated, mut overridden) = (BTreeMap::new(), BTreeMap::new());
        for (suite, records) in self.changes.lists_mut() {
            let mut kept = Vec::with_capacity(records.len());
            for record in std::mem::take(records) {
                let key = record.key();
                let broken = passage.violations(suite, &record)?;
                if broken.iter().all(lifts) {
                    if !broken.is_empty() {
                        overridden.insert(key.clone(), (Arc::clone(&record), broken));
                    }
                    self.approvals.extend(passage.approvals(&record).into_iter().cloned());
                    kept.push(record);
                } else {
                    gated.insert(key.clone(), (Arc::clone(&record), broken));
                }
            }
            *records = kept;
        }
        (self.gated, self.overridden) = (gated.into_values().collect(), overridden.into_values().collect());
        Ok(())
    }

    /// Takes out the rest of each source that something stays behind of, where a gate asks for that.
    fn leave_out_torn(&mut self, source: &Revision<'_>, target: Option<&Revision<'_>>) -> Result<(), Error> {
        let Request { gates, options, .. } = &self.request;
        let torn = together::torn(gates, (source, &self.repository), self.changes.as_map(), target)?;
        let is_lifted = options.gate_override.as_ref().is_some_and(|given| given.lifts(GateRule::Together));
        let mut found = BTreeMap::new();
        for (_, records) in self.changes.lists_mut() {
            for record in records.iter() {
                if let Some(violation) = torn.get(record.key()) {
                    found.insert(record.key().clone(), (Arc::clone(record), violation.clone()));
                }
            }
            if !is_lifted {
                records.retain(|record| !torn.contains_key(record.key()));
            }
        }
        if !is_lifted {
            self.approvals.retain(|approval| !torn.contains_key(&approval.key));
        }
        let list = if is_lifted { &mut self.overridden } else { &mut self.gated };
        for (key, (record, violation)) in found {
            match list.iter_mut().find(|(known, _)| *known.key() == key) {
                Some((_, violations)) if violations.contains(&violation) => {}
                Some((_, violations)) => violations.push(violation),
                None => list.push((record, vec![violation])),
            }
        }
        list.sort_by(|(a, _), (b, _)| a.key().cmp(b.key()));
        Ok(())
    }

    /// Takes out what the target holds.
    fn leave_out_held(&mut self, target: &Revision<'_>) -> Result<(), Error> {
        let holds = target.hold_list()?;
        if holds.is_empty() {
            return Ok(());
        }
        let mut held: BTreeMap<RecordKey, (Arc<Record>, Hold)> = BTreeMap::new();
        for (suite, records) in self.changes.lists_mut() {
            let mut kept = Vec::with_capacity(records.len());
            for record in std::mem::take(records) {
                let key = record.key();
                let hold = holds.keeping_out(key, std::slice::from_ref(suite), || {
                    target.has_version(&key.package, &key.version)
                })?;
                match hold {
                    Some(hold) => drop(held.insert(key.clone(), (Arc::clone(&record), hold.clone()))),
                    None => kept.push(record),
                }
            }
            *records = kept;
        }
        self.held = held.into_values().collect();
        Ok(())
    }
}

/// Those of the chosen records of a suite that are to be brought `there`. If the `difference` between the two suites is known,
/// nothing has to be looked up.
fn missing(
    store: &Store,
    chosen: Chosen,
    there: &Snapshot,
    difference: Option<&Difference>,
) -> Result<Vec<Arc<Record>>, Error> {
    let mut missing = Vec::new();
    let mut lookup = Lookup::new(store.objects());
    for record in chosen.into_values() {
        let found = match difference {
            // What both have alike is no difference.
            Some(difference) if find(&difference.only_first, record.key()).is_none() => continue,
            Some(difference) => find(&difference.only_second, record.key()).map(Arc::clone),
            None => lookup.find(there, record.key())?,
        };
        // The very same file there is nothing to do; another file of that name is for the promotion to refuse.
        if found.is_none_or(|found| found.blob() != record.blob()) {
            missing.push(record);
        }
    }
    Ok(missing)
}

/// See [`Store::plan_promotion`].
pub(crate) fn plan_promotion(
    store: &Store,
    from: &RepositorySettings,
    to: &RepositorySettings,
    options: &PromoteOptions,
) -> Result<PromotionPlan, Error> {
    for settings in [from, to] {
        settings.check()?;
        settings.check_suites(&options.suites)?;
    }
    let asked = |suite: &SuiteName| options.suites.is_empty() || options.suites.contains(suite);
    let (mut common, mut lacking) = (Vec::new(), Vec::new());
    for suite in from.suites.iter().filter(|suite| asked(&suite.name)) {
        match to.suite(&suite.name) {
            Some(target) => common.push(CommonSuite::of(suite, target)),
            None => lacking.push(suite.name.clone()),
        }
    }
    if common.is_empty() {
        return Err(Error::Change(ChangeError::NoCommonSuite {
            from: from.name.clone(),
            to: to.name.clone(),
        }));
    }
    let suites = to.suites.iter().map(|suite| suite.name.clone()).collect();
    let is_asked = |gate: &&Gate| gate.is_for(Some(&from.name));
    let gates = to.gates.iter().filter(is_asked).cloned().collect();
    let weekly = to.freezes.clone();
    let installable = InstallableGate::of_arrivals(to, Some(&from.name));
    let profile = options.profile.as_ref().map(|name| {
        let profile = profiles::find(to, name)?.clone();
        Ok::<_, Error>(PromotedProfile { profile, target: to.clone() })
    });
    let profile = profile.transpose()?;
    let (options, surroundings) = (options.clone(), Surroundings::of(to));
    let request = Request {
        options,
        profile,
        source: from.clone(),
        common,
        lacking,
        suites,
        gates,
        weekly,
        installable,
        surroundings,
    };
    PromotionPlan::make(store, &from.name, &to.name, &request)
}

/// The record with that key among sorted ones.
fn find<'a>(records: &'a [Arc<Record>], key: &RecordKey) -> Option<&'a Arc<Record>> {
    let place = records.binary_search_by(|record| record.key().cmp(key)).ok()?;
    records.get(place)
}

fn by_key(record: &Arc<Record>) -> (RecordKey, Arc<Record>) {
    (record.key().clone(), Arc::clone(record))
}

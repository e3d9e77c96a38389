//! Promoting what a profile names, and the metapackage with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use apt_index::pool::PackageKind;
use deb_parse::Architecture;
use jiff::Timestamp;

use super::{CommonSuite, PromotionPlan, Request};
use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::record::{Build, Record, RecordKey};
use crate::model::suite_records::SuiteRecords;
use crate::operations::freezes;
use crate::operations::installability::InstallableGuard;
use crate::operations::profiles::{self, ProfileBuild};
use crate::settings::RepositorySettings;
use crate::settings::profile::Profile;
use crate::store::Store;
use crate::transaction::Transaction;

/// The profile that is promoted, and the settings of the repository that it goes to.
#[derive(Clone, Debug)]
pub(super) struct PromotedProfile {
    pub(super) profile: Profile,
    pub(super) target: RepositorySettings,
}

impl Request {
    /// Returns what is to come of the profile into a suite, if one is promoted.
    pub(super) fn of_profile(
        &self,
        source: &Revision<'_>,
        suite: &CommonSuite,
    ) -> Result<Vec<Arc<Record>>, Error> {
        self.profile.as_ref().map_or_else(|| Ok(Vec::new()), |promoted| promoted.records(source, suite))
    }
}

impl PromotedProfile {
    /// Returns of each package that the profile names what machines of a suite are to get: the newest version that it allows, for each
    /// architecture. What the source does not have is left to the repository that the profile is built in.
    fn records(&self, source: &Revision<'_>, suite: &CommonSuite) -> Result<Vec<Arc<Record>>, Error> {
        let mut found: BTreeMap<RecordKey, Arc<Record>> = BTreeMap::new();
        let published = self.target.suite(&suite.name).map_or(&[][..], |target| &target.architectures);
        for architecture in published {
            for (package, ranges) in self.profile.ranges(&suite.name, architecture) {
                let mut records = source.versions(&suite.name, package)?;
                records.retain(|record| {
                    let version = &record.key().version;
                    is_for(record, architecture) && ranges.iter().all(|range| range.allows(version))
                });
                let newest = records.last().map(|record| record.key().version.clone());
                records.retain(|record| Some(&record.key().version) == newest.as_ref());
                found.extend(records.into_iter().map(|record| (record.key().clone(), record)));
            }
        }
        Ok(found.into_values().collect())
    }
}

fn is_for(record: &Record, architecture: &Architecture) -> bool {
    let is_own = matches!(&record.key().architecture, Build::For(own) if own == architecture || own.is_all());
    is_own && record.kind() == PackageKind::Deb
}

impl PromotionPlan {
    /// Returns the metapackages that come with what is promoted; none without a [profile](super::PromoteOptions::profile), and when something of it
    /// stays out.
    #[must_use]
    pub fn profile(&self) -> &ProfileBuild {
        &self.build
    }

    /// Returns all that would come: [what is taken from the other repository](Self::changes), and the metapackages.
    #[must_use]
    pub fn coming(&self) -> SuiteRecords {
        let mut coming = self.changes.clone();
        for (suite, record) in self.build.records() {
            coming.push(suite, Arc::clone(record));
        }
        coming
    }

    /// Brings the metapackages in. They are new in the repository, so they meet its freezes and the gate `installable` as any other package.
    pub(super) fn insert_profile(
        &self,
        transaction: &mut Transaction<'_>,
        store: &Store,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(promoted) = self.request.profile.as_ref().filter(|_| self.build.records().next().is_some())
        else {
            return Ok(());
        };
        self.build.insert(transaction)?;
        let given = self.request.options.gate_override.as_ref();
        let frozen = (store, &self.repository, promoted.target.freezes.as_slice());
        freezes::pass_in(transaction, frozen, given, now)?;
        let guard = InstallableGuard::of(&promoted.target).despite(given.cloned());
        guard.pass_in(transaction, store, now)
    }

    /// Plans the metapackage on top of what comes. A profile comes as a whole: if anything of it stays out, nothing comes.
    pub(super) fn build_profile(&mut self, store: &Store) -> Result<(), Error> {
        let Some(promoted) = &self.request.profile else { return Ok(()) };
        if !self.held.is_empty() || !self.gated.is_empty() {
            self.changes = SuiteRecords::default();
            return Ok(());
        }
        let suites: Vec<_> = self.request.common.iter().map(|suite| suite.name.clone()).collect();
        let suites = if self.request.options.suites.is_empty() { Vec::new() } else { suites };
        let changes = &self.changes;
        self.build = store.dry_run_in(&promoted.target, |transaction| {
            for (suite, record) in changes.iter() {
                transaction.insert(suite, record)?;
            }
            profiles::plan_in(transaction, &promoted.target, &promoted.profile, &suites)
        })?;
        Ok(())
    }
}

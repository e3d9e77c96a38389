//! Records by suite, as plans have them.

use std::collections::BTreeMap;
use std::sync::Arc;

use deb_parse::SuiteName;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::model::operation::PackageSummary;
use crate::model::record::{Record, RecordKey};

/// Records by suite, in the order of their keys.
///
/// It is serialized as a map from suites to lists of packages, each as its key and the digest of its file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SuiteRecords(BTreeMap<SuiteName, Vec<Arc<Record>>>);

impl SuiteRecords {
    /// Returns whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.values().all(Vec::is_empty)
    }

    /// Returns the suites, each with its records, which may be none.
    pub fn suites(&self) -> impl Iterator<Item = (&SuiteName, &[Arc<Record>])> {
        self.0.iter().map(|(suite, records)| (suite, records.as_slice()))
    }

    /// Returns every record with its suite.
    pub fn iter(&self) -> impl Iterator<Item = (&SuiteName, &Arc<Record>)> {
        self.0.iter().flat_map(|(suite, records)| records.iter().map(move |record| (suite, record)))
    }

    /// Returns each record once, with its suites, in the order of keys.
    #[must_use]
    pub fn by_record(&self) -> Vec<(Arc<Record>, Vec<SuiteName>)> {
        let mut records: BTreeMap<&RecordKey, (Arc<Record>, Vec<SuiteName>)> = BTreeMap::new();
        for (suite, record) in self.iter() {
            let entry = records.entry(record.key()).or_insert_with(|| (Arc::clone(record), Vec::new()));
            entry.1.push(suite.clone());
        }
        records.into_values().collect()
    }

    pub(crate) fn summary(&self) -> PackageSummary {
        PackageSummary::new(self.by_record().iter().map(|(record, _)| record.key()))
    }

    pub(crate) fn insert(&mut self, suite: SuiteName, records: Vec<Arc<Record>>) {
        self.0.insert(suite, records);
    }

    pub(crate) fn push(&mut self, suite: &SuiteName, record: Arc<Record>) {
        self.0.entry(suite.clone()).or_default().push(record);
    }

    /// Puts the records of one suite into the order of their keys.
    pub(crate) fn sort(&mut self, suite: &SuiteName) {
        if let Some(records) = self.0.get_mut(suite) {
            records.sort_by(|a, b| a.key().cmp(b.key()));
        }
    }

    /// Leaves out what is not wanted of one suite.
    pub(crate) fn retain_in(&mut self, suite: &SuiteName, is_wanted: impl Fn(&Record) -> bool) {
        if let Some(records) = self.0.get_mut(suite) {
            records.retain(|record| is_wanted(record));
        }
    }

    pub(crate) fn lists_mut(&mut self) -> impl Iterator<Item = (&SuiteName, &mut Vec<Arc<Record>>)> {
        self.0.iter_mut()
    }

    pub(crate) fn as_map(&self) -> &BTreeMap<SuiteName, Vec<Arc<Record>>> {
        &self.0
    }
}

impl From<BTreeMap<SuiteName, Vec<Arc<Record>>>> for SuiteRecords {
    fn from(records: BTreeMap<SuiteName, Vec<Arc<Record>>>) -> Self {
        Self(records)
    }
}

impl Serialize for SuiteRecords {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (suite, records) in &self.0 {
            map.serialize_entry(suite.as_str(), &PlannedPackage::all(records))?;
        }
        map.end()
    }
}

/// A record, as plans are serialized.
#[derive(serde::Serialize)]
pub(super) struct PlannedPackage {
    package: String,
    version: String,
    architecture: String,
    blob: String,
}

impl PlannedPackage {
    pub(super) fn all(records: &[Arc<Record>]) -> Vec<Self> {
        records.iter().map(|record| Self::of(record)).collect()
    }

    fn of(record: &Record) -> Self {
        let RecordKey { package, version, architecture } = record.key();
        Self {
            package: package.to_string(),
            version: version.to_string(),
            architecture: architecture.to_string(),
            blob: record.blob().to_string(),
        }
    }
}

//! What changes in suites, as plans have it.

use std::collections::BTreeMap;
use std::sync::Arc;

use deb_parse::SuiteName;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::model::difference::Difference;
use crate::model::record::Record;
use crate::model::suite_records::{PlannedPackage, SuiteRecords};

/// What each suite would lose and gain; a suite in which nothing changes is not among them.
///
/// It is serialized as a map from suites to what is `removed` and what is `added`, each a list of packages as in [`SuiteRecords`].
#[derive(Clone, Debug, Default)]
pub(crate) struct SuiteDifferences(BTreeMap<SuiteName, Difference>);

impl SuiteDifferences {
    /// Notes what changes in a suite, if anything does.
    pub(crate) fn insert(&mut self, suite: SuiteName, difference: Difference) {
        if !difference.is_empty() {
            self.0.insert(suite, difference);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn as_map(&self) -> &BTreeMap<SuiteName, Difference> {
        &self.0
    }

    /// Returns what suites would lose.
    pub(crate) fn removed(&self) -> SuiteRecords {
        self.side(|difference| &difference.only_first)
    }

    /// Returns what suites would not have in any form.
    pub(crate) fn gone(&self) -> SuiteRecords {
        let mut records = SuiteRecords::default();
        for (suite, Difference { only_first, only_second, .. }) in &self.0 {
            let stays = |record: &&Arc<Record>| {
                let place = only_second.binary_search_by(|other| other.key().cmp(record.key())).ok();
                place.and_then(|place| only_second.get(place)).is_some_and(|other| other.is_same_file(record))
            };
            records
                .insert(suite.clone(), only_first.iter().filter(|record| !stays(record)).cloned().collect());
        }
        records
    }

    /// Returns what suites would gain.
    pub(crate) fn added(&self) -> SuiteRecords {
        self.side(|difference| &difference.only_second)
    }

    fn side(&self, of: impl Fn(&Difference) -> &[Arc<Record>]) -> SuiteRecords {
        let mut records = SuiteRecords::default();
        for (suite, difference) in &self.0 {
            records.insert(suite.clone(), of(difference).to_vec());
        }
        records
    }
}

impl Serialize for SuiteDifferences {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (suite, Difference { only_first, only_second, .. }) in &self.0 {
            let [removed, added] = [only_first, only_second].map(|records| PlannedPackage::all(records));
            map.serialize_entry(suite.as_str(), &PlannedDifference { removed, added })?;
        }
        map.end()
    }
}

/// What changes in a suite, as plans are serialized.
#[derive(serde::Serialize)]
struct PlannedDifference {
    removed: Vec<PlannedPackage>,
    added: Vec<PlannedPackage>,
}

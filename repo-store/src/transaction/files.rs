//! Whether the files of what comes in can lie where they belong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::SuiteName;

use super::Transaction;
use crate::error::{ChangeError, Error};
use crate::model::edit::Edit;
use crate::model::record::{Record, RecordFile, RecordKey};
use crate::store::InPool;

impl Transaction<'_> {
    /// That no file of a record would have to lie where another does.
    pub(super) fn check_files(&mut self, suites: &BTreeSet<SuiteName>, record: &Record) -> Result<(), Error> {
        let (key, files) = (record.key(), record.files()?);
        if key.architecture.is_source() {
            for suite in suites {
                self.check_paths(suite, key, &files)?;
            }
        }
        // What no pool can hold is published nowhere.
        let in_pool = if record.check_paths().is_ok() { files.as_slice() } else { &[] };
        for RecordFile { blob, path, .. } in in_pool {
            if self.store.found_in_pool(&self.repository, path.as_path(), *blob)? == InPool::Another {
                let place = if files.len() == 1 { String::new() } else { format!(" as {path}") };
                let place = format!(" (no longer in a suite, but still in the pool{place})");
                return Err(self.conflict(key, place));
            }
        }
        Ok(())
    }

    /// Versions of a source package share their upstream tarballs: those of one name must be one file.
    fn check_paths(&mut self, suite: &SuiteName, key: &RecordKey, files: &[RecordFile]) -> Result<(), Error> {
        let edits = self.edits.get(suite);
        let mut others: BTreeMap<RecordKey, Arc<Record>> = BTreeMap::new();
        if let Some(snapshot) = self.snapshots.get(suite) {
            for record in self.lookup.versions(snapshot, &key.package)? {
                if edits.is_none_or(|edits| !edits.contains_key(record.key())) {
                    others.insert(record.key().clone(), record);
                }
            }
        }
        if let Some(edits) = edits {
            let same = |(other, _): &(&RecordKey, &Edit)| other.package == key.package;
            let (before, behind) = (edits.range(..key).rev(), edits.range(key..));
            for (other, edit) in before.take_while(same).chain(behind.take_while(same)) {
                if let Edit::Insert(record) = edit {
                    others.insert(other.clone(), Arc::clone(record));
                }
            }
        }
        for other in others.values().filter(|other| other.key().architecture.is_source()) {
            let theirs = other.files()?;
            let taken = |file: &&RecordFile| {
                theirs.iter().any(|their| their.path == file.path && their.blob != file.blob)
            };
            if let Some(file) = files.iter().find(taken) {
                return Err(Error::Change(ChangeError::PathConflict {
                    key: Box::new(key.clone()),
                    path: file.path.clone(),
                    other: Box::new(other.key().clone()),
                    repository: self.repository.clone(),
                }));
            }
        }
        Ok(())
    }
}

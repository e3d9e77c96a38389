//! Bringing back what was removed, as long as the history knows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use deb_parse::SuiteName;

use crate::context::Context;
use crate::error::Error;
use crate::history::selector::Selector;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::model::record::{Record, RecordKey};
use crate::operations::promote::ChangePlan;
use crate::settings::RepositorySettings;
use crate::store::Store;
use crate::transaction::Committed;

impl Store {
    /// What there is to bring back of packages that were removed: for each selector what the last commit that removed anything
    /// it matches took out, and that is missing still.
    ///
    /// # Errors
    /// [`Error::UnknownSuite`] for a suite that the repository lacks.
    pub fn plan_return(
        &self,
        repository: &RepositorySettings,
        selectors: &[Selector],
        suites: &[SuiteName],
    ) -> Result<ChangePlan, Error> {
        repository.check_suites(suites)?;
        let mut chosen: BTreeMap<SuiteName, BTreeMap<RecordKey, Arc<Record>>> = BTreeMap::new();
        let mut open: Vec<&Selector> = selectors.iter().collect();
        let asked = |suite: &SuiteName| suites.is_empty() || suites.contains(suite);
        let head = self.head(&repository.name)?;
        for revision in self.history(&repository.name) {
            let (Some(head), false) = (&head, open.is_empty()) else { break };
            let mut removed = Vec::new();
            for (suite, difference) in revision?.changes()? {
                for record in difference.only_first.into_iter().filter(|_| asked(&suite)) {
                    if open.iter().any(|selector| selector.matches(&record))
                        && head.get(&suite, record.key())?.is_none()
                    {
                        removed.push((suite.clone(), record));
                    }
                }
            }
            open.retain(|selector| !removed.iter().any(|(_, record)| selector.matches(record)));
            for (suite, record) in removed {
                chosen.entry(suite).or_default().entry(record.key().clone()).or_insert(record);
            }
        }
        let records =
            chosen.into_iter().map(|(suite, records)| (suite, records.into_values().collect())).collect();
        let unmatched = open.into_iter().cloned().collect();
        Ok(ChangePlan { records, unmatched, ..ChangePlan::default() })
    }

    /// Brings back what was planned.
    ///
    /// # Errors
    /// [`Conflict`](crate::ChangeError::Conflict) when a package came back with another content in the meantime.
    pub fn bring_back(
        &self,
        plan: &ChangePlan,
        repository: &RepositoryName,
        context: &Context,
    ) -> Result<Committed, Error> {
        let (committed, ()) = self.transact(repository, context, |transaction| {
            for (suite, record) in plan.records.iter().flat_map(|(s, all)| all.iter().map(move |r| (s, r))) {
                transaction.insert(suite, record)?;
            }
            Ok((Operation::UndoRemoval(plan.summary()), ()))
        })?;
        Ok(committed)
    }
}

//! What is kept and for how long: rules of retention, length of the history, grace of the garbage collection.

use std::num::NonZeroUsize;

use jiff::SignedDuration;
use repo_store::RepositoryName;
use repo_store::history::KeepHistory;
use repo_store::operations::retention::RetentionRule;

use crate::config::{Config, without_repeats};
use crate::error::{ConfigError, Contradiction};
use crate::file::RetentionTable;
use crate::routing::package_class;
use crate::value::{HistoryLength, Text, plain};

/// How long what nothing refers to is kept when nothing else is said.
const DEFAULT_GRACE: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Config {
    /// Returns the rules of retention for a repository, in the order in which they stand in the configuration.
    #[must_use]
    pub fn retention(&self, repository: &RepositoryName) -> Vec<RetentionRule> {
        let tables = self.file.retention.iter();
        let named = |Text(name): &Text<RepositoryName>| name == repository;
        let tables =
            tables.filter(|table| table.repositories.is_empty() || table.repositories.iter().any(named));
        tables.map(retention_rule).collect()
    }

    pub(crate) fn check_retention(&self, found: &mut Vec<ConfigError>) {
        for (place, table) in self.file.retention.iter().enumerate() {
            let number = place + 1;
            for (key, named) in [("repositories", &table.repositories), ("kept_by", &table.kept_by)] {
                for Text(unknown) in named.iter().filter(|Text(name)| !self.repositories.contains_key(name)) {
                    let repository = unknown.clone();
                    let known = self.repositories.keys().map(ToString::to_string).collect();
                    found.push(self.contradiction(Contradiction::RuleOfNoRepository {
                        table: "retention",
                        number,
                        key,
                        repository,
                        known,
                    }));
                }
            }
            let known = |name| self.repositories().any(|repository| repository.suite(name).is_some());
            for Text(unknown) in table.suites.iter().filter(|Text(name)| !known(name)) {
                let suite = unknown.clone();
                let suites = self.repositories().flat_map(|repository| &repository.suites);
                let known = without_repeats(suites.map(|suite| suite.name.to_string()).collect());
                let (table, key) = ("retention", "suites");
                let fault = Contradiction::RuleOfNoSuite { table, number, key, suite, known };
                found.push(self.contradiction(fault));
            }
            if !table.kept_by.is_empty() && retention_rule(table).is_unlimited() {
                found.push(self.contradiction(Contradiction::RetentionWithoutLimit { number }));
            }
        }
    }

    /// Returns how much of the history of a repository is kept.
    #[must_use]
    pub fn keep_history(&self, repository: &RepositoryName) -> KeepHistory {
        let own = self.file.repositories.get(repository).and_then(|table| table.keep_history);
        match own.or(self.file.gc.keep_history) {
            None => KeepHistory::Forever,
            Some(HistoryLength::States(number)) => KeepHistory::States(number.get()),
            Some(HistoryLength::Time(time)) => KeepHistory::For(time),
        }
    }

    /// Returns for how long garbage collection keeps what nothing refers to.
    #[must_use]
    pub fn grace(&self) -> SignedDuration {
        self.file.gc.grace.as_ref().map_or(DEFAULT_GRACE, |Text(time)| *time)
    }
}

fn retention_rule(table: &RetentionTable) -> RetentionRule {
    RetentionRule {
        suites: plain(&table.suites),
        class: package_class(&table.packages, &table.sections, &table.fields),
        keep_versions: table.keep_versions.map(NonZeroUsize::get),
        keep_for: table.keep_for.as_ref().map(|Text(time)| *time),
        kept_by: plain(&table.kept_by),
    }
}

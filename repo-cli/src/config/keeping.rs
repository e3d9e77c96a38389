//! What is kept and for how long: rules of retention, length of the history, grace of the garbage collection.

use deb_parse::SuiteName;
use jiff::SignedDuration;
use repo_store::{KeepHistory, RepositoryName, RetentionRule};

use super::Config;
use super::file::{self, HistoryLength, RetentionTable};
use super::routing::package_class;
use crate::error::Failure;

/// How long what nothing refers to is kept when nothing else is said.
const DEFAULT_GRACE: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Config {
    /// The rules of retention for a repository, in the order in which they stand in the configuration.
    pub(crate) fn retention(&self, repository: &RepositoryName) -> Result<Vec<RetentionRule>, Failure> {
        let mut rules = Vec::new();
        for (place, table) in self.file.retention.iter().enumerate() {
            let rule = self.retention_rule(place + 1, table)?;
            let named = |name: &String| name == repository.as_str();
            if table.repositories.is_empty() || table.repositories.iter().any(named) {
                rules.push(rule);
            }
        }
        Ok(rules)
    }

    fn retention_rule(&self, number: usize, table: &RetentionTable) -> Result<RetentionRule, Failure> {
        let wrong = |what: String| self.wrong(&format!("retention rule {number}: {what}"));
        for name in table.repositories.iter().chain(&table.kept_by) {
            self.repository(name)
                .map_err(|_| wrong(format!("there is no repository `{}`", name.escape_debug())))?;
        }
        let known =
            |name: &&SuiteName| self.repositories().any(|repository| repository.suite(name).is_some());
        let suites = self.all(&table.suites, SuiteName::parse)?;
        if let Some(unknown) = suites.iter().find(|name| !known(name)) {
            return Err(wrong(format!("there is no suite `{unknown}`")));
        }
        if table.keep_versions == Some(0) {
            return Err(wrong("keep_versions is at least 1: the newest version always stays".to_owned()));
        }
        let rule = RetentionRule {
            suites,
            class: package_class(&table.packages, &table.sections, &table.fields),
            keep_versions: table.keep_versions,
            keep_for: table.keep_for.as_deref().map(|text| self.length("keep_for", text)).transpose()?,
            kept_by: self.all_repositories(&table.kept_by)?,
        };
        if rule.is_unlimited() && !rule.kept_by.is_empty() {
            return Err(wrong("kept_by adds to keep_versions or keep_for: set one of them".to_owned()));
        }
        Ok(rule)
    }

    fn all_repositories(&self, names: &[String]) -> Result<Vec<RepositoryName>, Failure> {
        names.iter().map(|name| Ok(self.repository(name)?.name.clone())).collect()
    }

    /// How much of the history of a repository is kept.
    pub(crate) fn keep_history(&self, repository: &RepositoryName) -> Result<KeepHistory, Failure> {
        let own =
            self.file.repositories.get(repository.as_str()).and_then(|table| table.keep_history.as_ref());
        Ok(match own.or(self.file.gc.keep_history.as_ref()) {
            None => KeepHistory::Forever,
            Some(HistoryLength::States(0)) => {
                return Err(self.wrong("keep_history is at least 1: the current state always stays"));
            }
            Some(HistoryLength::States(number)) => KeepHistory::States(*number),
            Some(HistoryLength::Time(text)) => KeepHistory::For(self.length("keep_history", text)?),
        })
    }

    /// For how long garbage collection keeps what nothing refers to.
    pub(crate) fn grace(&self) -> Result<SignedDuration, Failure> {
        self.file.gc.grace.as_deref().map_or(Ok(DEFAULT_GRACE), |text| self.length("gc.grace", text))
    }

    fn length(&self, what: &str, text: &str) -> Result<SignedDuration, Failure> {
        let wrong =
            || self.wrong(&format!("{what}: `{}` is no time such as 14d or 36h", text.escape_debug()));
        file::duration(text).ok_or_else(wrong)
    }
}
